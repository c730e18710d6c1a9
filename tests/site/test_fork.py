"""A fork, from its push to what a reader finds: the workflow's steps, against bare repositories.

On a small book in every `make test`; on the whole book, with an environment of its own and the real
data, in `make test-long` where COURSE_DATA names them.
"""

import gzip
import html
import json
import re
import shutil
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, quote, unquote, urlsplit

import nbformat
import pytest
import small_book
from runner import WORKFLOW, Fork, git
from support import ROOT, SMOKE

from helpers.data.__main__ import main
from tools.exercises import CHECK, is_exercise
from tools.notebooks import stored_form, text_outputs, written

TERM = "term-2027a"
PUBLISH = "make publish PYTHON=python"
# `tools/publish.py` builds on the real data only, so the small book is built before it.
SMALL = {PUBLISH: "python tools/book.py && python tools/publish.py --built"}
# The same of the whole book and in its own environment, where the images are not the official files
WHOLE = {PUBLISH: "make setup PYTHON=python\n.venv/bin/python tools/book.py\n"
                  ".venv/bin/python tools/publish.py --built"}
DRAWS = {"mystnb": {"image": {"alt": "A line that rises."}}}
SMALL_BOOK = {
    "01_first": ["# 1. First\n\n*What is there?*", ["import warnings\nimport helpers"],
                 ["import matplotlib.pyplot as plt\nplt.plot([1, 2]);"],
                 ["import tempfile\nscratch = tempfile.mkdtemp()"],
                 ['%%writefile "{scratch}/a.py"\nx = 1']],
    "01a_deeper": ["# 1a. Deeper: more\n\nSix words that describe this page.", ["1 + 1"]],
}
SMALL_TOC = """format: jb-book
root: book/index
chapters:
  - file: book/01_first
    sections: [{file: book/01a_deeper}]
  - file: book/words
"""
PICTURE = re.compile(rb"[A-Za-z0-9+/]{200,}")  # in base64, where any short word may occur
LINK = re.compile(r'(?:href|src|content)="(https?://[^"]+)"|<loc>([^<]+)</loc>')


def snapshot(folder):
    """The course as it is here, as a repository of one commit."""
    names = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").split("\n")
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def commit(folder):
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "Course")
    return folder


@pytest.fixture(scope="module")
def small_start(tmp_path_factory):
    """The same with a small book in place of the chapters."""
    folder = snapshot(tmp_path_factory.mktemp("start") / "course")
    book = folder / "book"
    for page in [*book.glob("*.ipynb"), *book.glob("*.md")]:
        page.unlink()
    for name, cells in SMALL_BOOK.items():
        notebook = small_book.notebook(cells)
        for cell in notebook.cells:
            cell.metadata.update(DRAWS if "plot(" in cell.source else {})
            if cell.source == "1 + 1":
                cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "2"})]
        notebook = stored_form(notebook)
        (book / f"{name}.ipynb").write_text(written(notebook), encoding="utf-8")
    (book / "index.md").write_text("# Small\n\nA book of a few pages, to test what is made.\n")
    (book / "words.md").write_text("# Words\n\nA page that is no notebook has no Colab to open.\n")
    (folder / "_toc.yml").write_text(SMALL_TOC)
    return commit(folder)


def published(fork, ref, folder):
    """What a run has left: the trees of all branches, and what a page must say of itself."""
    term = ref.partition("/")[2] if ref.startswith("tags/") else ""
    owner, _, name = fork.slug.partition("/")
    trees = {branch: fork.files(branch, folder / branch) for branch in fork.branches()}
    return SimpleNamespace(
        fork=fork, trees=trees, commit=fork.git("rev-parse", f"{ref}^{{commit}}"), term=term,
        written="".join(path.read_text(encoding="utf-8") for path in sorted(
            (trees["main"] / "book").glob("*.*"))),
        html=trees["gh-pages"] / term, learn=f"learn-{term}" if term else "learn",
        address=f"https://github.com/{fork.slug}",
        site=f"https://{owner.lower()}.github.io/{name}" + (f"/{term}" if term else ""))


def links(path):
    return [html.unescape(a or b) for a, b in LINK.findall(path.read_text(encoding="utf-8"))]


def leads_nowhere(run, link):
    """Why a link does not lead where it should; None if it does, or has nothing to do with us."""
    place = urlsplit(link)
    if place.netloc == "kaggle.com":
        (link,) = parse_qs(place.query)["src"]
    elif place.netloc == "colab.research.google.com":
        link = "https://github.com/" + place.path.removeprefix("/github/")
    if link == run.site or link.startswith(f"{run.site}/"):
        there = run.html / (unquote(urlsplit(link).path)[len(urlsplit(run.site).path) + 1:])
        return None if there.exists() else "not on the site"
    if place.netloc == urlsplit(run.site).netloc:
        return "another site of this owner"
    if link == run.address or link.startswith(f"{run.address}/issues/new?"):
        return None
    if link.startswith(f"{run.address}/"):
        kind, ref, file = link.removeprefix(f"{run.address}/").split("/", 2)
        if kind not in ("blob", "tree") or ref not in (run.commit, run.learn):
            return "not this commit, or not this branch"
        at = "main" if ref == run.commit else ref
        return None if (run.trees[at] / file).exists() else f"not in {ref}"
    if place.netloc.endswith(("github.com", "github.io", "kaggle.com", "research.google.com")):
        return None if link in run.written else "another repository, which no page names"
    return None


def wrong_pages(run):
    """What is wrong with the pages of a site: a list, of which one can read the reasons."""
    wrong, pages = [], sorted(run.html.glob("book/*.html"))
    assert pages
    for page in pages:
        name, there = f"book/{page.stem}", links(page)
        (source,) = (run.trees["main"] / "book").glob(f"{page.stem}.*")
        file = f"book/{source.name}"
        wanted = {f"{run.address}/blob/{run.commit}/{file}", f"{run.site}/{name}.html",
                  f"{run.site}/_static/course/social.png"}
        if source.suffix == ".ipynb":
            opened = f"{run.fork.slug}/blob/{run.learn}/{file}"
            wanted |= {f"https://colab.research.google.com/github/{opened}",
                       "https://kaggle.com/kernels/welcome?src="
                       + quote(f"https://github.com/{opened}", safe="")}
        wrong += [(name, "lacks", link) for link in wanted - {*there}]
        text = page.read_text(encoding="utf-8")
        for what in (f'rel="canonical" href="{run.site}/{name}.html"',
                     f'property="og:url" content="{run.site}/{name}.html"',
                     f'property="og:image" content="{run.site}/_static/course/social.png"'):
            wrong += [] if text.count(what) == 1 else [(name, "lacks", what)]
        reports = [parse_qs(urlsplit(link).query) for link in there if "/issues/new?" in link]
        if not reports or any(f"Page: {name}\n" not in r["body"][0] or
                              (run.term or run.commit[:12]) not in r["body"][0] for r in reports):
            wrong.append((name, "has no report that names it", reports))
    for path in [*run.html.glob("**/*.html"), run.html / "sitemap.xml"]:
        if run.term or TERM not in path.relative_to(run.html).parts:
            wrong += [(path.name, why, link) for link in links(path)
                      if (why := leads_nowhere(run, link))]
    listed = {*links(run.html / "sitemap.xml")}
    wrong += [("sitemap", "lacks", page) for page in pages
              if f"{run.site}/book/{page.name}" not in listed]
    assert f"Sitemap: {run.site}/sitemap.xml" in (run.html / "robots.txt").read_text()
    assert len(links(run.html / "404.html")) >= 2
    return wrong


def wrong_notebooks(run):
    """What is wrong with the branch that Colab opens: each page, and each from this very commit."""
    folder, wrong = run.trees[run.learn] / "book", []
    pages = {path.name for path in (run.trees["main"] / "book").glob("*.ipynb")}
    assert {path.name for path in folder.iterdir()} == pages
    for name in sorted(pages):
        cells = nbformat.read(folder / name, 4).cells
        if f'"{run.address}/archive/{run.commit}.zip"' not in cells[1].source:
            wrong.append((name, "installs something else", cells[1].source))
        if not any(cell.get("outputs") for cell in cells):
            wrong.append((name, "shows nothing of what the build gave", ""))
        for cell, own in zip(cells[:1] + cells[2:], nbformat.read(
                run.trees["main"] / "book" / name, 4).cells, strict=True):
            shown = own.get("outputs") and not (is_exercise(own.source) or CHECK.search(own.source))
            if shown and text_outputs(cell) != text_outputs(own):
                wrong.append((name, "shows another output", cell.source))
    about = (run.trees[run.learn] / "README.md").read_text(encoding="utf-8")
    assert all(words in about for words in (run.address, run.commit[:12], run.site))
    return wrong


def as_read(path):
    """The bytes of a file, unpacked where they are packed, without the letters of pictures."""
    data = PICTURE.sub(b"", path.read_bytes())
    if data[:2] == b"\x1f\x8b":
        return data + gzip.decompress(data)
    if path.name == "objects.inv":
        return data + zlib.decompress(data.split(b"zlib.\n", 1)[1])
    return data


def traces(run, *others):
    """Files that are published and name another repository, or a place on the machine."""
    home, user = str(run.fork.home), str(Path.home())
    names = [*others, home, run.fork.bare.name, str(ROOT), f"{user}/", "/tmp/", "/work/", "/home/"]
    found = []
    for branch in ("gh-pages", run.learn):
        for path in sorted(run.trees[branch].rglob("*")):
            if path.is_dir() or path.suffix == ".png" or path.name.startswith("wasm."):
                continue  # Pagefind's program names the machine of those who made it
            data = as_read(path)
            for name in names:
                if (at := data.find(name.encode())) >= 0:
                    found.append((name, str(path.relative_to(run.trees[branch])),
                                  data[max(0, at - 60):at + 80]))
    return found


def lives(start, tmp_path, **simulated):
    """What happens to the course on GitHub: a fork, its second run, its term, another fork."""
    ada, grace = "ada/cnn", "Grace/vision-course"
    others = {ada: ("Grace", "vision-course"), grace: ("ada/cnn", "ada-cnn", "ada.github")}

    def runs(fork, ref, folder):
        code, said = fork.run(ref)
        assert code == 0, said[-3000:]
        run = published(fork, ref, tmp_path / folder)
        assert not wrong_pages(run), wrong_pages(run)[:5]
        assert not wrong_notebooks(run), wrong_notebooks(run)[:5]
        assert not traces(run, *others[fork.slug]), traces(run, *others[fork.slug])[:5]
        return said

    fork = Fork(ada, start, tmp_path, **simulated)
    assert {*fork.branches()} == {"main"}
    runs(fork, "heads/main", "first")
    assert {*fork.branches()} == {"main", "learn", "gh-pages"}
    before = {branch: fork.tree(branch) for branch in fork.branches()}

    said = runs(fork, "heads/main", "second")
    changed = [name for branch in before if fork.tree(branch) != before[branch]
               for name in fork.git("diff-tree", "-r", "--name-only", before[branch],
                                    fork.tree(branch)).split("\n")]
    assert not changed, changed
    assert "learn: as it was" in said and "gh-pages: as it was" in said

    fork.git("tag", TERM, "main")
    runs(fork, f"tags/{TERM}", "term")
    assert {*fork.branches()} == {"main", "learn", "gh-pages", f"learn-{TERM}"}
    assert fork.git("show", "gh-pages:versions.json") == json.dumps(["latest", TERM])
    top, new = (fork.git("ls-tree", tree) for tree in (before["gh-pages"], "gh-pages"))
    kept = {line for line in new.split("\n") if not line.endswith((TERM, "versions.json"))}
    assert kept == {line for line in top.split("\n") if not line.endswith("versions.json")}
    assert fork.tree("learn") == before["learn"]

    second = Fork(grace, start, tmp_path, **simulated)
    second.kept = {f"publish-{fork.slug}": fork.kept[f"publish-{fork.runs}"]}  # it saves minutes
    runs(second, "heads/main", "another")


@pytest.mark.slow
def test_a_fork_publishes_without_an_edit(small_start, tmp_path):
    lives(small_start, tmp_path, settings=SMOKE | {"COURSE_OFFLINE": "1"}, instead=SMALL,
          python=sys.executable)


@pytest.mark.slow
@pytest.mark.parametrize("data", ["", "stand-in"])
def test_without_the_real_images_nothing_is_published(small_start, tmp_path, data):
    fork = Fork("ada/cnn", small_start, tmp_path, python=sys.executable,
                settings={"COURSE_OFFLINE": "1"} | ({"COURSE_DATA": data} if data else {}),
                instead={PUBLISH: "python tools/publish.py"})
    code, said = fork.run("heads/main")
    assert code and "Nothing is published" in said and "Traceback" not in said
    assert {*fork.branches()} == {"main"}


@pytest.mark.slow
def test_without_the_right_to_push_the_run_fails(small_start, tmp_path):
    """As in a fork whose settings do not let workflows write."""
    fork = Fork("ada/cnn", small_start, tmp_path, settings=SMOKE | {"COURSE_OFFLINE": "1"},
                instead={PUBLISH: "python tools/publish.py --built"}, python=sys.executable)
    fork.bare.joinpath("hooks", "pre-receive").write_text("#!/bin/sh\nexit 1\n")
    fork.bare.joinpath("hooks", "pre-receive").chmod(0o755)
    code, said = fork.run("heads/main")
    assert code and {*fork.branches()} == {"main"} and "Traceback" not in said, said


@pytest.mark.long
def test_a_fork_publishes_the_whole_book(tmp_path, real_folder, monkeypatch, capsys):
    """`make publish` itself, which makes its own environment; the smoke profile saves hours."""
    real_folder = str(Path(real_folder).resolve())
    monkeypatch.setenv("COURSE_DATA", real_folder)
    verified = main(["verify"]) == 0
    with capsys.disabled():
        print("" if verified else "\nThe images in COURSE_DATA are not the official files, which "
              "`make publish` asks for: the site is built before it. ", end="")
    lives(commit(snapshot(tmp_path / "start")), tmp_path, instead={} if verified else WHOLE,
          settings={"COURSE_PROFILE": "smoke", "COURSE_DATA": real_folder})


STEPS = {"echo ${{ github.workspace }}; false; echo on": 1, "test $GITHUB_REF_NAME = main": 0,
         "echo ${{ secrets.KEY }}": KeyError}


@pytest.mark.parametrize("words", STEPS)
def test_the_runner_does_what_the_file_says_and_nothing_else(tmp_path, words):
    start = tmp_path / "start"
    (start / WORKFLOW).parent.mkdir(parents=True)
    (start / WORKFLOW).write_text(json.dumps({
        "on": {"push": {"branches": ["main"]}}, "permissions": {},
        "jobs": {"a": {"steps": [{"uses": "actions/checkout@v4"}, {"run": words}]}}}))
    fork = Fork("ada/cnn", commit(start), tmp_path, {})
    if STEPS[words] is KeyError:
        with pytest.raises(KeyError):
            fork.run("heads/main")
    else:
        code, said = fork.run("heads/main")
        assert code == STEPS[words] and "on\n" not in said
    fork.git("branch", "other", "main")
    with pytest.raises(AssertionError, match="starts no run"):
        fork.run("heads/other")
