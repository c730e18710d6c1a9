"""What a newcomer meets first: the README, the verbs, the files."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from support import ROOT, without_root_rights

from tools import book, editions, lab, notebooks

TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True,
                         check=False).stdout.split("\n")


def test_readme_is_short_names_the_commands_and_its_files_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 64
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


def a_page(path):
    """Write a small page to `path`."""
    path.write_text(notebooks.written(nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell("# 1. A page"), nbformat.v4.new_code_cell("1 + 1")])))


def test_make_lab_never_overwrites_an_answer(tmp_path):
    book, work = tmp_path / "book", tmp_path / "work"
    book.mkdir()
    a_page(book / "01_a.ipynb")
    assert lab.lay_out(book, work) == [] == lab.lay_out(book, work)
    assert (work / "01_a.ipynb").read_text() == editions.learner_text(book / "01_a.ipynb")
    (work / "01_a.ipynb").write_text("my answer")
    a_page(book / "02_b.ipynb")
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
def said(*words, before=()):
    """Run a tool that must refuse; return what it says, in a sentence."""
    done = subprocess.run([*before, sys.executable, *map(str, words)], cwd=ROOT, check=False,
                          capture_output=True, text=True)
    assert done.returncode and "Traceback" not in done.stderr, done.stdout + done.stderr
    return " ".join(done.stderr.split())


@pytest.mark.parametrize("wrong", ["a file", "a link to nothing", "below a file"])
def test_fault_e28_lab_says_what_is_in_the_way(tmp_path, wrong):
    work = tmp_path / "work" if wrong != "below a file" else Path(__file__) / "work"
    if wrong == "a file":
        work.write_text("mine")
    elif wrong == "a link to nothing":
        work.symlink_to(tmp_path / "nothing")
    assert f"cannot be copied to {work}" in said("tools/lab.py", "--work", work)
    assert wrong != "a file" or work.read_text() == "mine"


@pytest.mark.parametrize("tool", ["tools/lab.py --work", "tools/book.py --output"])
def test_fault_e28_a_clone_that_is_not_writable(tmp_path, tool):
    if (words := without_root_rights()) is None:
        pytest.skip("root may write anywhere, and there is no setpriv here")
    tmp_path.chmod(0o555)
    text = said(*tool.split(), tmp_path / "work", before=words)
    tmp_path.chmod(0o755)
    assert "Permission denied" in text and f"{tool.split()[1]} FOLDER" in text


def test_fault_e28_copies_of_chapters_that_are_read_only_can_be_saved(tmp_path):
    book = tmp_path / "book"
    book.mkdir()
    a_page(book / "01_a.ipynb")
    (book / "01_a.ipynb").chmod(0o444)
    lab.lay_out(book, tmp_path / "work")
    assert (tmp_path / "work/01_a.ipynb").stat().st_mode & 0o200


def test_fault_a_copy_that_was_interrupted_is_made_whole(tmp_path, monkeypatch):
    book, work = tmp_path / "book", tmp_path / "work"
    book.mkdir()
    a_page(book / "01_a.ipynb")

    def half(copy, _):
        Path(copy).write_text("a who")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "write_bytes", half)
        lab.lay_out(book, work)
    assert lab.lay_out(book, work) == []
    assert [p.name for p in work.iterdir()] == ["01_a.ipynb"]
    assert (work / "01_a.ipynb").read_text() == editions.learner_text(book / "01_a.ipynb")


def test_fault_ctrl_c_is_left_to_jupyterlab(tmp_path):
    """It asks for a confirmation and ends its kernels: nothing may kill it before it has."""
    (tmp_path / "jupyterlab.py").write_text("""
import signal, sys, time
def end(*_):
    time.sleep(1)
    print("kernels ended", flush=True)
    sys.exit(0)
signal.signal(signal.SIGINT, end)
print("ready", flush=True)
time.sleep(60)
""")
    start = "import sys; sys.path.insert(0, '.'); from tools import lab; sys.exit(lab.start('x'))"
    started = subprocess.Popen([sys.executable, "-c", start], cwd=ROOT, text=True,
                               env=os.environ | {"PYTHONPATH": str(tmp_path)},
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True)
    assert started.stdout.readline() == "ready\n"
    time.sleep(0.1)
    os.killpg(started.pid, signal.SIGINT)
    printed, complaints = started.communicate(timeout=20)
    assert printed == "kernels ended\n" and started.returncode == 0
    assert "Traceback" not in complaints


@pytest.mark.parametrize("words", [
    "tools/check.py x", "tools/test.py --longer", "tools/book.py x", "tools/lab.py x",
    "tools/setup.py teacher", "tools/pictures.py cat"])
def test_fault_a_tool_called_with_wrong_words(words):
    assert len(said(*words.split())) < 600


@pytest.mark.parametrize("words", ["refresh nonsense", "refresh README.md", "check book", "dance",
                                   "check /no/such.ipynb", ""])
def test_fault_make_refresh_of_a_notebook_that_is_none(monkeypatch, words):
    monkeypatch.setattr(sys, "argv", ["notebooks.py", *words.split()])
    with pytest.raises(SystemExit) as refused:
        notebooks.main()
    assert refused.value.code == 2


def test_fault_a_chapter_with_marks_of_a_merge_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "01_a.ipynb").write_text("<<<<<<< HEAD")
    monkeypatch.setattr(notebooks, "BOOK", tmp_path)
    monkeypatch.setattr(sys, "argv", ["notebooks.py", "check"])
    with pytest.raises(SystemExit):
        notebooks.main()
    assert "01_a.ipynb cannot be read: not a notebook." in capsys.readouterr().err


@pytest.mark.parametrize("name", ["JUPYTER_PATH", "PYTHONPATH"])
def test_fault_n08_kernels_and_helpers_of_others_do_not_come_first(tmp_path, monkeypatch, name):
    """As clusters set them: a kernel `python3` of another Python, modules with the same names."""
    (tmp_path / "kernels/python3").mkdir(parents=True)
    (tmp_path / "kernels/python3/kernel.json").write_text(
        '{"argv": ["/other/python"], "display_name": "x", "language": "python"}')
    (tmp_path / "helpers.py").write_text("raise SystemExit('another module')")
    monkeypatch.setenv(name, str(tmp_path))
    code = ("import sys, helpers; from jupyter_client.kernelspec import get_kernel_spec; "
            "print(helpers.__file__, get_kernel_spec('python3').argv[0])")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "kernels", text=True,
                          env=book.surroundings(), capture_output=True, check=False)
    file, started = done.stdout.split()
    assert Path(file).parent == ROOT / "helpers" and started != "/other/python", done.stderr
