"""What a newcomer meets first: the README, the verbs, the files."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support import ROOT

from tools import lab

TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True,
                         check=False).stdout.split("\n")


def test_readme_is_short_names_the_commands_and_its_files_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert "make book" in text and "make test" in text and "Windows" in text
    links = re.findall(r"\]\((?!http)([^)#]+)", text)
    assert len(links) >= 4
    for link in links:
        assert (ROOT / link).exists(), link


def test_every_verb_of_the_makefile_is_explained_by_help():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = re.search(r"^\.PHONY: (.+)$", text, re.M)[1].split()
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for verb in set(verbs) - {"help"}:
        assert re.search(rf"^{verb}:", text, re.M) and f"make {verb}" in shown.stdout, verb


@pytest.mark.skipif(not any(TRACKED), reason="not a git checkout")
def test_no_large_file_and_no_data_are_committed():
    for name in filter(None, TRACKED):
        path = ROOT / name
        assert not path.is_file() or path.stat().st_size < 500_000, name
        assert "cifar-10-batches" not in name, name
        assert path.suffix not in (".pt", ".npy", ".gz", ".zip"), name


def test_python_and_library_floors_agree():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    requirements = re.search(r"^dependencies = \[(.*?)^\]", text, re.M | re.S)[1]
    assert 'requires-python = ">=3.11"' in text and '"torch>=2.6"' in requirements
    assert "<" not in requirements and "==" not in requirements, "an upper pin breaks Colab"


def test_make_lab_never_overwrites_an_answer(tmp_path):
    book, work = tmp_path / "book", tmp_path / "work"
    book.mkdir()
    (book / "01_a.ipynb").write_text("chapter")
    assert lab.lay_out(book, work) == [] and (work / "01_a.ipynb").read_text() == "chapter"
    (work / "01_a.ipynb").write_text("my answer")
    (book / "02_b.ipynb").write_text("another")
    assert lab.lay_out(book, work) == ["01_a.ipynb"]
    assert (work / "01_a.ipynb").read_text() == "my answer" and (work / "02_b.ipynb").exists()


def test_workflow_and_ci_call_the_same_command():
    for path in (Path(".ci/run"), Path(".github/workflows/test.yml")):
        assert "make test" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["helpers.py", "helpers"])
def test_fault_n08_what_hides_the_package_from_the_chapters_is_named(tmp_path, name):
    """Beside a notebook an empty folder is enough: Python takes it for the package."""
    assert lab.in_the_way(tmp_path) == []
    (tmp_path / name).touch() if "." in name else (tmp_path / name).mkdir()
    assert lab.in_the_way(tmp_path) == [tmp_path / name]


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_fault_e1_n08_make_drops_what_a_cluster_sets_for_all_programs():
    rule = "--eval=probe: ; @printenv MPLBACKEND PYTHONPATH || echo dropped"
    done = subprocess.run(["make", "--no-print-directory", rule, "probe"], cwd=ROOT, check=False,
                          capture_output=True, text=True,
                          env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": "/elsewhere"})
    assert done.stdout == "dropped\n", done
