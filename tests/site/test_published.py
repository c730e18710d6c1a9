"""Addresses, buttons and what a page says of itself, for any repository and for none."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlsplit

import nbformat
import pytest
from support import ROOT

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
import icons
import published

from tools import colab, learn, publish, repository

COMMIT = "1234567890abcdef1234567890abcdef12345678"
ADA = repository.Repository("https://github.com", "ada", "cnn", COMMIT)
TERM = repository.Repository("https://github.com", "Ada", "cnn", COMMIT, "term-2027a")
PAGE = "book/05_lenet_on_cifar10.ipynb"


@pytest.fixture
def github(monkeypatch):
    """Set what a workflow of GitHub finds in its environment."""
    def put(**names):
        for name in ("REPOSITORY", "SHA", "REF_NAME", "REF_TYPE", "SERVER_URL"):
            monkeypatch.delenv(f"GITHUB_{name}", raising=False)
        for name, value in names.items():
            monkeypatch.setenv(f"GITHUB_{name}", value)
    return put


@pytest.mark.parametrize("origin, slug", [
    ("https://github.com/ada/cnn.git", "ada/cnn"), ("git@github.com:ada/cnn.git", "ada/cnn"),
    ("https://x:token@github.com/ada/cnn", "ada/cnn"), ("/a/folder.git", None), ("", None),
    ("ssh://git@git.uni.example/ada/cnn.git", "ada/cnn"), ("../cnn", None)])
def test_a_clone_knows_its_repository_by_its_origin(origin, slug, github, monkeypatch):
    github()
    monkeypatch.setattr(repository, "_git",
                        lambda *words: origin if words[0] == "remote" else COMMIT)
    found = repository.repository()
    assert (found.slug if found else None) == slug
    if found:
        assert "token" not in found.address and found.commit == COMMIT


def test_a_workflow_knows_it_by_its_environment(github):
    github(REPOSITORY="Ada/cnn", SHA=COMMIT, REF_NAME="term-2027a", REF_TYPE="tag")
    assert repository.repository() == TERM
    assert TERM.learn == "learn-term-2027a"
    assert TERM.site == "https://ada.github.io/cnn/term-2027a" and ADA.site == TERM.site[:-11]
    github(REPOSITORY="ada/ada.github.io", SHA=COMMIT, REF_NAME="main", REF_TYPE="branch")
    found = repository.repository()
    assert found.learn == "learn" and found.site == "https://ada.github.io"


def test_buttons_lead_to_this_repository_and_this_page():
    buttons = {b.text: b.url for b in [*published.launch_buttons(TERM, PAGE, "https://hub.uni.example/"),
                                       *published.source_buttons(TERM, PAGE, PAGE[:-6])]}
    assert buttons["Colab"] == ("https://colab.research.google.com/github/Ada/cnn/blob/"
                                f"learn-term-2027a/{PAGE}")
    kaggle = parse_qs(urlsplit(buttons["Kaggle"]).query)["src"]
    assert kaggle == [f"https://github.com/Ada/cnn/blob/learn-term-2027a/{PAGE}"]
    hub = parse_qs(urlsplit(buttons["JupyterHub"]).query)
    assert hub == {"repo": ["https://github.com/Ada/cnn"], "branch": ["learn-term-2027a"],
                   "urlpath": [f"lab/tree/cnn/{PAGE}"]}
    assert buttons["Source"] == f"https://github.com/Ada/cnn/blob/{COMMIT}/{PAGE}"
    report = unquote(buttons["Report"])
    assert PAGE[:-6] in report and "term-2027a" in report


def test_every_button_has_an_icon_that_is_drawn():
    """"fa-lightbulb" is no "fa-light": a site without a repository has no such button."""
    for button in [*published.launch_buttons(ADA, PAGE, "https://hub.uni.example"),
                   *published.source_buttons(ADA, PAGE, PAGE[:-6])]:
        assert f"#icon-{button.icon}" in icons.drawn(f'<i class="fas fa-{button.icon}"></i>')


def test_where_colab_cannot_read_there_is_no_button_for_it():
    other = repository.Repository("https://git.uni.example", "ada", "cnn", COMMIT)
    assert published.launch_buttons(other, PAGE) == []


def test_a_site_without_a_repository_shows_no_wrong_button(site):
    if repository.repository() is not None:
        pytest.skip("this clone has an origin that a page can lead to")
    for page in (site / "book").glob("0*.html"):
        text = page.read_text(encoding="utf-8")
        assert "colab.research.google.com" not in text and "issues/new" not in text


@pytest.mark.parametrize("page", ["book/index.html", "book/01_tensors_and_autograd.html"])
def test_a_page_describes_itself(page, site):
    text = (site / page).read_text(encoding="utf-8")
    about = re.search(r'<meta name="description" content="([^"]+)">', text)[1]
    assert 40 <= len(about) <= 170 and 'property="og:title"' in text
    assert re.search(r'class="made">Made on \d{4}-\d\d-\d\d with PyTorch \d', text)
    assert (site / "404.html").exists() and (site / published.SOCIAL).exists()


def notebook(*sources):
    return nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell(s) if s.startswith(("#", "*"))
        else nbformat.v4.new_code_cell(s) for s in sources])


def test_a_learners_notebook_keeps_what_was_shown_and_no_verdict():
    author = notebook("# 1. A", "get_device()", "**Predict** it.", "1 + 1",
                      "def f(x):\n    # BEGIN SOLUTION\n    return x\n    # END SOLUTION",
                      'check("f")')
    ran = nbformat.from_dict(author)  # the cache of a build keeps the code cells only
    ran.cells = [cell for cell in ran.cells if cell.cell_type == "code"]
    for cell in ran.cells:
        cell.outputs = [nbformat.v4.new_output("stream", text=f"out of {cell.source[:5]}")]
    edition = learn.for_learners(author, ran, ADA)
    install, device, predicted, answer, check = (
        c for c in edition.cells if c.cell_type == "code")
    assert ADA.archive in install.source and edition.cells[1] is install
    assert device.outputs[0].text == "out of get_d" and predicted.outputs[0].text == "out of 1 + 1"
    assert not answer.outputs and not check.outputs
    assert predicted.metadata.jupyter.outputs_hidden and "jupyter" not in device.metadata
    assert "raise NotImplementedError" in answer.source
    assert edition.metadata.accelerator == "GPU"
    assert "accelerator" not in learn.for_learners(notebook("# 1. A", "1"), None, ADA).metadata
    nbformat.validate(edition)


def test_the_first_cell_is_python_and_leaves_alone_what_is_there(capsys):
    source = learn.first_cell(ADA).source
    exec(source, {})  # helpers is here, from a folder
    assert capsys.readouterr().out == ""


# What pip says, and what a learner is told instead. The cell itself is run by `make test-colab`.
PIP = {
    "ERROR: HTTP error 404 while getting https://github.com/ada/cnn/archive/1.zip": "is gone: open",
    "ERROR: Package 'x' requires a different Python: 3.10 not in '>=3.11'": "Python 3.11 or",
    "/usr/bin/python3: No module named pip": "this Python has no pip.",
    "WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError()': /\n"
    "ERROR: No matching distribution found for lazy-loader": "no way to the network",
    "WARNING: a\nERROR: Could not install packages due to an OSError: [Errno 28] No space left":
        "pip says: ERROR: Could not install packages due to an OSError: [Errno 28] No space left",
}


@pytest.mark.parametrize("said", PIP)
def test_what_keeps_the_package_from_being_installed_is_one_sentence(said, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("subprocess.run",
                        lambda *_, **__: SimpleNamespace(returncode=1, stderr=said))
    with pytest.raises(Exception, match="could not be installed, since ") as stopped:
        exec(learn.first_cell(ADA).source, {})
    (shown,) = stopped.value._render_traceback_()
    assert PIP[said] in shown and "\n" not in shown and len(shown) < 200


def git(folder, *words):
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True,
                          text=True).stdout.strip()


@pytest.fixture
def origin(tmp_path, monkeypatch):
    """A repository to publish to; the tools work in a clone of it."""
    git(tmp_path, "init", "--quiet", "--bare", "origin.git")
    git(tmp_path, "clone", "--quiet", "origin.git", "clone")
    git(tmp_path / "clone", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet",
        "--allow-empty", "--message", "start")
    monkeypatch.setattr(publish, "ROOT", tmp_path / "clone")
    html = tmp_path / "html"
    (html / "_static").mkdir(parents=True)
    (html / "index.html").write_text("first")
    (html / "_static" / "a.js").write_text("a")

    def push(term=""):
        before = publish.there(publish.SITE)
        return publish.push(publish.SITE, publish.site_tree(html, term, before), before, "site")

    def read(path):
        return git(tmp_path / "origin.git", "show", f"{publish.SITE}:{path}")

    return html, push, read


def test_a_site_is_published_twice_without_a_difference_and_terms_stay(origin):
    html, push, read = origin
    assert push() and not push()
    assert push("term-2027a") and not push("term-2027a")
    (html / "index.html").write_text("second")
    (html / "_static" / "a.js").unlink()
    (html / "new.html").write_text("new")
    assert push()
    assert read("index.html") == "second" and read("term-2027a/index.html") == "first"
    assert read("term-2027a/_static/a.js") == "a" and read("new.html") == "new"
    assert json.loads(read("versions.json")) == ["latest", "term-2027a"]
    with pytest.raises(subprocess.CalledProcessError):
        read("_static/a.js")


def test_the_stand_in_is_not_published_where_the_real_images_are_kept_as_well(monkeypatch):
    """They would be fetched and verified, and the site would be built on what was asked for."""
    ran = []
    monkeypatch.setattr(publish.subprocess, "run",
                        lambda words, **_: ran.append(words) or SimpleNamespace(returncode=0))
    monkeypatch.setenv("COURSE_DATA", "stand-in")
    with pytest.raises(SystemExit, match="Nothing is published"):
        publish.build()
    assert "tools/book.py" not in [word for words in ran for word in words]


def test_colabs_list_is_taken_over_where_it_is_one():
    kept = colab.KEPT.read_text(encoding="utf-8")
    freeze = "torch==9.9.0+cpu\nnumpy==8.8\nipykernel==7.7\nscikit-image==6.6\npytest==5.5\n"
    new = colab.updated(kept, freeze, "2030-01-02")
    for line in ("torch==9.9.0\n", "numpy==8.8\n", "scikit-image==6.6\n", "on 2030-01-02"):
        assert line in new
    assert "pytest==5.5" not in new and new.count("\n") == kept.count("\n")
    with pytest.raises(ValueError, match="no list of Colab's"):
        colab.updated(kept, "<html>", "2030-01-02")
