"""A second build runs what has changed and nothing else, and a page says what its cells cost."""

import json
import re

import pytest
import small_book

TOC = """format: jb-book
root: book/index
chapters:
  - file: book/01_one
  - file: book/02_two
"""
LARGE = "data = bytearray(1_500_000_000)\nlen(data)"  # bytes
PAGES = {"01_one": ["# 1. One", ["1 + 1"], ["  \n"]],
         "02_two": ["# 2. Two", ["2 + 2"], [LARGE], ["# not run: load_cifar10()"]]}
pytestmark = pytest.mark.slow


def built(folder):
    """The pages that a build runs."""
    done = small_book.build(folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return sorted(re.findall(r"(\w+)\.ipynb.*: Executed notebook in", done.stdout + done.stderr))


def made(folder, page):
    text = (folder / "_build" / "html" / "book" / f"{page}.html").read_text(encoding="utf-8")
    return re.search(r'<p class="made">(.*?)</p>', text)[1]


def test_one_changed_chapter_is_run_and_no_other(tmp_path):
    folder = tmp_path / "a book"
    small_book.write(folder, PAGES, TOC, execute="cache")
    assert built(folder) == ["01_one", "02_two"]
    memory = {page: float(re.search(r"and ([\d.]+) GB of memory", made(folder, page))[1])
              for page in PAGES}
    assert memory["01_one"] < 1 < 1.5 <= memory["02_two"] < 2
    assert "a download of 170 MB" in made(folder, "02_two")
    assert "download" not in made(folder, "01_one")
    before = made(folder, "02_two")

    changed = small_book.notebook(["# 1. One", ["1 + 2"]])
    (folder / "book" / "01_one.ipynb").write_text(json.dumps(changed), encoding="utf-8")
    assert built(folder) == ["01_one"]
    assert made(folder, "02_two") == before
