"""The house: what is where, and that nothing imports upwards."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from support import ROOT

HELPERS = ROOT / "helpers"
FLOORS = (
    {"convolution", "data", "profiles"},
    {"augment", "device", "measured", "models", "timing", "training"}, {"plots", "recipes"},
    {"diagnosis", "distributed", "exercises", "widgets"})
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
MODULES = sorted(HELPERS.rglob("*.py"))
each_module = pytest.mark.parametrize("path", MODULES,
                                      ids=lambda p: p.relative_to(HELPERS).as_posix())


def room(path: Path) -> str:
    """The room of a file of `helpers`: its folder, or on the ground floor itself."""
    return path.relative_to(HELPERS).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    """The modules of `helpers` that a file imports, as dotted names without `helpers`."""
    found = set()
    package = ["helpers", *path.relative_to(HELPERS).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[:len(package) + 1 - node.level] if node.level else []
            base = ".".join([*start, *filter(None, [node.module])])
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return {name.removeprefix("helpers.") for name in found if name.startswith("helpers.")}


def test_every_room_has_a_floor_and_there_are_few():
    there = {room(path) for path in MODULES} - {"__init__"}
    assert there == set(FLOOR) and len(there) <= 15


@each_module
def test_modules_can_be_read_in_one_sitting(path):
    cases = re.fullmatch(r"ch\d\d", path.stem)  # a list, one exercise after the other
    assert len(path.read_text(encoding="utf-8").splitlines()) <= (800 if cases else 200)


@each_module
def test_a_file_imports_from_its_own_room_or_a_lower_floor(path):
    mine = room(path)
    for name in imported(path):
        theirs = name.partition(".")[0]
        assert theirs == mine or FLOOR[theirs] < FLOOR[mine], f"{mine} imports {theirs}"


def test_the_stub_exports_what_it_imports():
    tree = ast.parse((HELPERS / "__init__.pyi").read_text(encoding="utf-8"))
    found = [alias.name for node in tree.body if isinstance(node, ast.ImportFrom)
             for alias in node.names]
    (named,) = (ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    assert sorted(found) == sorted(named)


def test_fault_l14_the_stub_is_ascii():
    """`lazy_loader` opens it in the encoding of the locale."""
    assert (HELPERS / "__init__.pyi").read_bytes().isascii()


def test_no_module_that_nobody_imports():
    readers = [*MODULES, HELPERS / "__init__.pyi"]
    names = {name for path in readers for name in imported(path)}
    elsewhere = "\n".join(path.read_text(encoding="utf-8")
                          for folder in ("tests", "tools", "benchmarks")
                          for path in (ROOT / folder).rglob("*.py"))
    for path in MODULES:
        dotted = ".".join(path.relative_to(HELPERS).with_suffix("").parts)
        if path.stem != "__init__" and not re.fullmatch(r"ch\d\d", path.stem):
            assert dotted in names or re.search(rf"helpers\.{dotted}\b", elsewhere), dotted


def test_tests_stand_in_rooms_of_the_same_names():
    rooms = {path.parent.name for path in (ROOT / "tests").rglob("test_*.py")} - {"tests"}
    assert rooms - {"book", "editions", "grading", "on_colab", "site", "tools"} <= set(FLOOR)


def test_every_room_is_installed():
    """In a clone all rooms are found; where `helpers` is installed, only those that are named."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rooms = {path.parent.relative_to(ROOT) for path in HELPERS.rglob("__init__.py")}
    assert {".".join(path.parts) for path in rooms} == {*settings["tool"]["setuptools"]["packages"]}
