"""The notebook of an assignment, what is refused, and that nothing of an instructor's is lost."""

import json
import re

import nbformat
import pytest
from support import ROOT

from tools import assignment
from tools.grading import course as folder
from tools.grading import sheet
from tools.grading.course import Course, Refusal, check_name, read_notebook


@pytest.fixture
def course(tmp_path, monkeypatch) -> Course:
    """A course whose releases are not made: nbgrader takes seconds."""
    monkeypatch.setattr(assignment, "release",
                        lambda course, name: course.notebook("release", name))
    return Course(tmp_path / "course")


def test_an_exercise_becomes_task_answer_check_and_graded_cell():
    notebook = sheet.build("ps1", {"convolve": 6.0})
    sources = [c.source for c in notebook.cells]
    assert "6 points" in sources[0] and "import check, hint" in sources[1]
    assert sources[2].startswith("## 1. Convolution") and "6 points" in sources[2]
    answer, check, graded = notebook.cells[3:]
    assert "BEGIN SOLUTION" in answer.source and answer.metadata["nbgrader"]["solution"]
    assert check.source == 'check("convolve")' and "nbgrader" not in check.metadata
    assert graded.metadata["nbgrader"]["points"] == 6 and graded.metadata["nbgrader"]["locked"]
    assert graded.source.splitlines()[-2] == 'grade("convolve", points=6)'
    nbformat.validate(notebook)
    assert sheet.build("ps1", {"convolve": 6.0}) == notebook, "the same twice"


def test_imports_of_several_pages_are_those_that_are_needed():
    one = ("import torch\nfrom torch import nn\n\nfrom helpers import (check, fit,\n"
           "    set_seed)\n\nset_seed(0)")
    two = ("import torch\nimport math\nimport numpy as np\n"
           "from helpers import get_device, load_cifar10\n"
           "device = get_device()\ndata = load_cifar10(device=device)\nset_seed(0)")
    text = sheet.imports([one, two], {"torch", "nn", "math"})
    assert text == ("import torch\nimport math\nfrom torch import nn\n\n"
                    "from helpers import check, hint")
    text = sheet.imports([one, two], {"torch", "fit", "data", "task"})
    assert text.splitlines()[-4:] == [
        "from helpers import check, fit, get_device, hint, load_cifar10, task", "",
        "device = get_device()", "data = load_cifar10(device=device)"]
    assert "set_seed" not in text and "numpy" not in text
    compile(sheet.imports(["from helpers import " + ", ".join(f"name_{i}" for i in range(30))],
                          {f"name_{i}" for i in range(30)}), "setup", "exec")


@pytest.mark.parametrize("words, said", [
    ("", "Which exercises?"), ("convolvee=3", "Did you mean convolve?"), ("convolve", "convolve=5"),
    ("convolve=0", "How many points"), ("convolve=-1", "How many points"),
    ("convolve=x", "How many points"), ("convolve=1e9", "How many points"),
    ("convolve=nan", "How many points"), ("convolve=2 convolve=3", "named twice"),
    ("zzz=3", "There is no exercise 'zzz'")])
def test_what_cannot_be_made_is_refused_in_a_sentence(course, words, said):
    with pytest.raises(Refusal, match=said):
        assignment.make(course, "ps1", words)
    assert not course.root.exists(), "nothing is begun"


def test_all_that_is_wrong_is_said_at_once(course):
    with pytest.raises(Refusal) as refused:
        sheet.chosen("convolvee=3 convolve=x")
    assert len(str(refused.value).splitlines()) == 2
    assert sheet.chosen("convolve=2.5, ") == {"convolve": 2.5}


@pytest.mark.parametrize("name", ["", "../ps1", "ps 1", "-ps1", "a+b", "ps1/x", "x" * 60])
def test_names_that_are_no_folders_are_refused(name):
    with pytest.raises(Refusal):
        check_name(name)


def test_what_an_instructor_changed_is_never_overwritten(course):
    assignment.make(course, "ps1", "convolve=6")
    config, source = course.root / "nbgrader_config.py", course.notebook("source", "ps1")
    assignment.make(course, "ps1", "convolve=5")
    assert "points=5)" in source.read_text(encoding="utf-8"), "not changed by hand: made anew"
    config.write_text(config.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    notebook = read_notebook(source)
    notebook.cells[0].source += " Due on Friday."
    nbformat.write(notebook, source)
    before = source.read_bytes()
    with pytest.raises(Refusal, match="changed by hand"):
        assignment.make(course, "ps1", "convolve=4")
    assert source.read_bytes() == before
    assert config.read_text(encoding="utf-8").endswith("# mine\n")
    assert "make grade NAME=ps1" in assignment.make(course, "ps1", None)


def test_saving_in_jupyter_is_no_change(course):
    assignment.make(course, "ps1", "convolve=6")
    notebook = read_notebook(course.notebook("source", "ps1"))
    for cell in notebook.cells:
        cell.metadata["trusted"] = True
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = 3, [nbformat.v4.new_output("stream", text="x")]
    assert not sheet.was_changed(notebook)


def test_points_stay_once_students_have_handed_in(course):
    assignment.make(course, "ps1", "convolve=6")
    path = course.notebook("submitted", "ps1", "ann")
    path.parent.mkdir(parents=True)
    path.write_text("{}", encoding="utf-8")
    assignment.make(course, "ps1", "convolve=6")
    with pytest.raises(Refusal, match="1 student has handed in"):
        assignment.make(course, "ps1", "convolve=7")


def test_a_release_that_fails_leaves_the_last_one(tmp_path, monkeypatch):
    course = Course(tmp_path)
    course.prepare()
    path = course.notebook("release", "ps1")
    path.parent.mkdir(parents=True)
    path.write_text("the last one", encoding="utf-8")

    class Failing:
        def generate_assignment(self, *_, **__):
            path.unlink()
            return {"success": False, "error": "Traceback\nRuntimeError: no\n"}

    monkeypatch.setattr(folder, "api", lambda course: Failing())
    with pytest.raises(Refusal, match="RuntimeError: no"):
        folder.release(course, "ps1")
    assert path.read_text(encoding="utf-8") == "the last one"


def test_settings_that_do_not_run_are_named(tmp_path):
    course = Course(tmp_path)
    course.prepare()
    (tmp_path / "nbgrader_config.py").write_text("c = get_config(\n", encoding="utf-8")
    with pytest.raises(Refusal, match=r"nbgrader_config\.py.*SyntaxError"):
        folder.api(course)


def test_the_course_that_grades_is_not_inside_the_one_that_is_hidden(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "ROOT", tmp_path / "repository")
    with pytest.raises(Refusal, match="folder of its own"):
        Course(tmp_path).prepare()
    assert not any(tmp_path.iterdir())


def test_the_page_for_instructors_cites_what_was_measured():
    page = (ROOT / "book/instructors.md").read_text(encoding="utf-8")
    found = json.loads((ROOT / "benchmarks/class_of_60.json").read_text(encoding="utf-8"))
    assert f"took {found['seconds']} s" in page and found["measured"] in page
    assert found["hardware"].split(",")[0] in page and found["submissions"] == 60
    for_200 = 200 * found["seconds"] / 60 / 60
    assert f"about {round(for_200)} minutes" in page


def test_the_page_for_instructors_names_settings_and_folders_that_exist():
    page = (ROOT / "book/instructors.md").read_text(encoding="utf-8")
    for number, name in (("20 seconds for a cell", "seconds_per_cell = 20"),
                         ("60 for all", "seconds_per_submission = 60"), ("4 GB", "memory = 4 ")):
        assert number in page and name in folder.SETTINGS
    for path in re.findall(r"`((?:tests|tools|benchmarks|helpers)/[\w/.]+)`", page):
        assert (ROOT / path).exists(), path
