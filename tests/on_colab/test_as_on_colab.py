"""Each page as Colab runs it: one notebook of the branch `learn`, in a folder with nothing else.

The Python is Colab's, with Colab's packages and without `helpers`, which the page's first cell gets
from the archive of the very commit. The archive's server is on this computer.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from archives import archives
from nbclient import NotebookClient
from support import ROOT

from tools.exercises import is_exercise
from tools.learn import first_cell
from tools.notebooks import text_outputs
from tools.repository import Repository

PAGES = sorted(path.name for path in (ROOT / "book").glob("*.ipynb"))
CLEAN = ("01_", "05_", "10_")  # begin without the package; the others keep what these have got
OURS, LOADER = "from-tensors-to-resnets", "lazy-loader"
WIDGET, STATE = (f"application/vnd.jupyter.widget-{kind}+json" for kind in ("view", "state"))
NOT_THERE = ("PYTHON", "COURSE_", "JUPYTER", "MPL", "GITHUB_", "XDG_")
KEPT_AT_HOME = {".cache", ".ipython", ".config/matplotlib", ".local/share/jupyter", ".jupyter",
                ".rustup"}  # pip asks rustc for its version


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True,
                          text=True).stdout.strip()


def packages():
    """The versions of what is installed, as pip lists them."""
    listed = subprocess.run([sys.executable, "-m", "pip", "list", "--format=json"], check=True,
                            cwd="/", env=without(os.environ), capture_output=True, text=True)
    return {one["name"].lower().replace("_", "-"): one["version"]
            for one in json.loads(listed.stdout)}


def remove(*names):
    subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", *names],
                   check=True, capture_output=True)


def without(environment):
    """An environment without what leads to this course."""
    return {k: v for k, v in environment.items() if not k.startswith(NOT_THERE)}


@pytest.fixture(scope="session")
def colab(tmp_path_factory):
    """The branch `learn` of this commit, or of the working tree, and a home that is empty."""
    base = tmp_path_factory.mktemp("colab")
    for name in ("home", "tmp"):
        (base / name).mkdir()
    before = git("status", "--porcelain")
    remove(OURS)  # an earlier run's
    Path(sysconfig.get_path("purelib"), "course.pth").unlink(missing_ok=True)
    commit = git("-c", "user.name=a", "-c", "user.email=a@b", "stash", "create") or git(
        "rev-parse", "HEAD")
    with archives(ROOT, "ada/cnn") as server:
        named = {"GITHUB_SERVER_URL": server, "GITHUB_REPOSITORY": "ada/cnn", "GITHUB_SHA": commit}
        subprocess.run([sys.executable, "tools/learn.py", base / "learn", "--bare"], cwd=ROOT,
                       check=True, env=without(os.environ) | named)
        yield SimpleNamespace(
            base=base, learn=base / "learn" / "book", before=before,
            source=Repository(server, "ada", "cnn", commit), settings=without(os.environ) | {
                "HOME": str(base / "home"), "TMPDIR": str(base / "tmp"), "OMP_NUM_THREADS": "1",
                "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(
                    Path.home() / ".cache" / "pip")), "TQDM_DISABLE": "1",
                "COURSE_PROFILE": "smoke", "COURSE_DATA": "stand-in"})


@contextmanager
def opened(colab, notebook, folder, **settings):
    """A kernel in `folder`, and what runs the cell of a number, or some other code."""
    client = NotebookClient(notebook, timeout=300, allow_errors=True, kernel_name="python3",
                            resources={"metadata": {"path": str(folder)}})
    with client.setup_kernel(env={k: v for k, v in (colab.settings | settings).items() if v}):
        def run(what):
            if isinstance(what, str):
                notebook.cells.append(nbformat.v4.new_code_cell(what))
                what = len(notebook.cells) - 1
            return client.execute_cell(notebook.cells[what], what).outputs
        yield run
        client.set_widgets_metadata()


def said(outputs):
    """The text of outputs; errors as a learner sees them."""
    return "".join(o.get("text") or "\n".join(o.get("traceback", ())) or
                   o.get("data", {}).get("text/plain", "") for o in outputs)


def figures(notebook):
    """How many figures a notebook shows: each has its own script, which a page could start."""
    states = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    shown = [o.data[WIDGET]["model_id"] for cell in notebook.cells for o in cell.get("outputs", ())
             if WIDGET in o.get("data", {})]
    for model in shown:
        assert states[model]["model_name"] == "AnyModel" and states[model]["state"]["_esm"]
    return len(shown)


@pytest.mark.parametrize("page", PAGES)
def test_a_page(page, colab, tmp_path, capsys):
    clean = page.startswith(CLEAN)
    if clean:  # Colab has lazy-loader, since scikit-image asks for it; once, it has not
        remove(OURS, *([LOADER] if page.startswith("01_") else []))
    notebook = nbformat.read(shutil.copy(colab.learn / page, tmp_path), 4)
    author = nbformat.read(ROOT / "book" / page, 4)
    code = [n for n, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    with opened(colab, notebook, tmp_path) as run:
        if clean:
            found = said(run("import importlib.util; print(importlib.util.find_spec('helpers'))"))
            assert found == "None\n"
            before = packages()
        started = time.monotonic()
        assert said(run(code[0])) == "", "the first cell says nothing"
        seconds = time.monotonic() - started
        if clean:
            after = packages()
            new = {OURS, LOADER} - {*before}
            assert OURS in new and {k: v for k, v in after.items() if k not in new} == before
        assert said(run(code[0])) == "", "a second time, too"
        wrong = []
        for n in code[1:]:
            outputs, cell, own = run(n), notebook.cells[n], author.cells[n - 1]
            failed = any(o.output_type == "error" for o in outputs)
            stored = text_outputs(own)
            if failed or (stored and not is_exercise(own.source) and stored != text_outputs(cell)):
                wrong.append((cell.id, said(outputs)[-1500:], stored))
    shown = figures(notebook)
    with capsys.disabled():
        print(f"\n{page}: the first cell took {seconds:.1f} s{' (clean)' * clean}, "
              f"all {time.monotonic() - started:.0f} s; {shown} figures ", end="")
    assert not wrong, wrong
    assert [path.name for path in tmp_path.iterdir()] == [page]


@pytest.fixture
def one_cell(colab):
    """A notebook with the first cell of the course at a server, a commit."""
    def make(**changes):
        source = Repository(**{**vars(colab.source), **changes})
        return nbformat.v4.new_notebook(cells=[first_cell(source)])
    return make


def test_exercises_figures_and_the_stand_in_work_from_there(colab, one_cell, tmp_path):
    solution = json.loads((ROOT / "helpers/exercises/solutions.json").read_text())["convolve"]
    notebook = one_cell()
    settings = {"COURSE_PROFILE": "cpu", "COURSE_DATA": "", "COURSE_OFFLINE": "1"}
    with opened(colab, notebook, tmp_path, **settings) as run:
        run(0)
        run("import torch\nimport torch.nn.functional as F\n"
            "from helpers import ConvExplorer, check, hint, load_cifar10, progress")
        assert "not defined yet" in said(run('check("convolve")'))
        run("def convolve(image, kernel):\n    return image")
        assert "not right yet" in said(run('check("convolve")'))
        assert "Hint 1" in said(run('hint("convolve")'))
        assert not any(o.output_type == "error" for o in run(solution))
        assert "`convolve` is right" in said(run('check("convolve")'))
        assert "synthetic stand-in" in said(run("data = load_cifar10()"))
        run("ConvExplorer()")
    assert figures(notebook) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["course_progress.json"]
    assert "convolve" in (tmp_path / "course_progress.json").read_text()


def sentence(text):
    return re.fullmatch(r"[A-Z/][^\n]*[^.\n]\.\n?", text) and not re.search(r"[.!?] +[A-Z]", text)


def test_another_version_is_named_in_one_sentence(colab, one_cell, tmp_path):
    with opened(colab, one_cell(), tmp_path) as run:
        assert said(run(0)) == ""
    with opened(colab, one_cell(commit="0" * 40), tmp_path) as run:
        words = said(run(0))
        assert "another version" in words and sentence(words), words
        assert said(run("import helpers; print(len(helpers.__all__) > 20)")) == "True\n"


CANNOT = {"https://nowhere.invalid": "no way to the network",
          "http://127.0.0.1:9": "no way to the network",
          "": "is gone"}


@pytest.mark.parametrize("server", CANNOT)
def test_what_cannot_be_had_is_said_in_one_sentence(colab, one_cell, tmp_path, server):
    remove(OURS)
    there = one_cell(server=server) if server else one_cell(commit="0" * 40)
    before = packages()
    with opened(colab, there, tmp_path) as run:
        words = said(run(0))
        assert CANNOT[server] in words and sentence(words), words
    assert packages() == before and importlib.metadata.version(LOADER)


def test_what_hides_the_package_is_named_in_one_sentence(colab, one_cell, tmp_path):
    (tmp_path / "helpers.py").touch()
    with opened(colab, one_cell(), tmp_path) as run:
        words = said(run(0))
    assert str(tmp_path / "helpers.py") in words and sentence(words), words


def test_at_last_nothing_was_written_elsewhere(colab):
    """Caches, what Jupyter keeps of its own, and nothing in the course's folder."""
    home = colab.base / "home"
    files = [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]
    assert not [name for name in files if not name.startswith(tuple(KEPT_AT_HOME))]
    assert git("status", "--porcelain") == colab.before
