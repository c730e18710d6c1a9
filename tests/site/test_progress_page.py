"""What a reader has done, on the site: kept in the browser, and in a file that Python reads."""

import json
import re
import shutil
import sys
from types import SimpleNamespace

import nbformat
import pytest
import small_book
from small_book import NAMES
from support import ROOT

from helpers.exercises import progress
from helpers.exercises.kept import FORM, joined, read, write

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
PAGE, START = "book/02_both.html", "book/index.html"
FILE = "course_progress.json"
DAY = "2026-01-31"
KEPT = "localStorage.getItem('course_progress')"
# a browser that refuses: altogether, only to write, or that has none
REFUSING = {
    "the reader refuses": "Object.defineProperty(window, 'localStorage', {get() {"
                          "throw new DOMException('denied', 'SecurityError'); }})",
    "it is full": "Storage.prototype.setItem = () => {"
                  "throw new DOMException('full', 'QuotaExceededError'); }",
    "there is none": "Object.defineProperty(window, 'localStorage', {value: null})",
}


def holding(done=(), quizzes=()) -> str:
    return json.dumps({"form": FORM, "exercises": dict.fromkeys(done, DAY),
                       "quizzes": dict.fromkeys(quizzes, DAY)})


def box(tab, name):
    return tab.locator(f"[data-exercise={name}]")


def rows(tab):
    return [[cell.strip() for cell in row.split("\t")] for row in
            tab.locator("#course-progress tbody").inner_text().strip().split("\n")]


def take_in(tab, name, content) -> str:
    """Choose a file, and return what is then said."""
    data = content if isinstance(content, bytes) else content.encode()
    tab.evaluate("document.querySelector('.course-said').textContent = ''")
    tab.locator(".course-file input").set_input_files(
        {"name": name, "mimeType": "application/json", "buffer": data})
    tab.wait_for_function("document.querySelector('.course-said').textContent")
    return tab.locator(".course-said").inner_text()


def saved(tab, path):
    """Save to a file by the button, with the keyboard."""
    tab.get_by_role("button", name="Save to a file").focus()
    with tab.expect_download() as download:
        tab.keyboard.press("Enter")
    assert download.value.suggested_filename == FILE
    download.value.save_as(path)
    return path.read_bytes()


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A folder in which somebody learns with Python."""
    for name in ("COURSE_PROGRESS", "COURSE_PROFILE", "CI", "COLAB_RELEASE_TAG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_exercise_is_marked_and_counted_and_can_be_unmarked(small_page):
    tab = small_page(PAGE)
    line = tab.locator("p.course-progress span")
    assert line.inner_text() == "Done in this chapter: 0 of 3 exercises, 0 of 3 quiz questions."
    tab.get_by_label("Exercise 2.2 is done").focus()
    tab.keyboard.press("Space")
    assert line.inner_text().startswith("Done in this chapter: 1 of 3 exercises")
    assert re.search(r"since \d{4}-\d\d-\d\d$", tab.locator(".course-done").nth(1).inner_text())
    tab.reload()
    assert box(tab, NAMES[1]).is_checked() and not box(tab, NAMES[0]).is_checked()
    tab.goto(tab.url.replace("02_both", "02a_deeper"))
    assert tab.locator("p.course-progress span").inner_text().startswith(
        "Done in this chapter: 1 of 3")
    box(tab, NAMES[2]).check()
    tab.get_by_role("link", name="All chapters").click()
    tab.wait_for_url("**/index.html#course-progress")
    assert rows(tab) == [["2. Both", "2 of 3", "0 of 3"],
                         ["3. A quiz with formulas in its choices only", "–", "0 of 1"]]
    tab.locator("#course-progress a").first.click()
    box(tab, NAMES[1]).uncheck()
    assert json.loads(tab.evaluate(KEPT))["exercises"].keys() == {NAMES[2]}


def test_a_page_without_anything_to_do_says_nothing(small_page):
    tab = small_page("book/01_none.html")
    assert not tab.locator(".course-progress, .course-done, .quiz").count()


def test_without_javascript_there_is_nothing_dead_on_the_page(small_page):
    tab = small_page(PAGE, java_script_enabled=False)
    assert not [e for e in tab.locator(".course-progress, .course-done").all() if e.is_visible()]
    tab.goto(tab.url.replace("02_both", "index"))
    assert rows(tab)[0] == ["2. Both", "3", "3"], "what there is to do"
    assert "JavaScript is switched on" in tab.locator("#course-progress").inner_text()
    assert not tab.locator(".course-file").is_visible()


def test_from_python_to_the_site_and_back(small_page, notebook, capsys):
    mine = joined({"exercises": {NAMES[0]: DAY, "of_a_later_edition": DAY},
                   "quizzes": {"02-1": DAY, "02-3": DAY}})
    write(mine, notebook / FILE)
    progress(export="from_python.json")
    tab = small_page(START)
    assert take_in(tab, "from_python.json", (notebook / "from_python.json").read_bytes()) == (
        "Added from from_python.json: 4.")
    assert rows(tab)[0] == ["2. Both", "1 of 3", "2 of 3"]
    assert saved(tab, notebook / "from_site.json") == (notebook / FILE).read_bytes()
    (notebook / FILE).unlink()
    progress(restore="from_site.json")
    assert read(notebook / FILE) == mine
    assert "Chapter 2: 1 of" in (said := capsys.readouterr().out) and "2 quiz questions" in said


def test_from_the_site_to_python_and_back(small_page, notebook):
    tab = small_page(PAGE)
    box(tab, NAMES[0]).check()
    tab.locator("[data-question='02-2'] [data-right] summary").click()
    tab.wait_for_function("document.querySelector('.quiz-done')")
    tab.goto(tab.url.replace("02_both", "index"))
    saved(tab, notebook / "from_site.json")
    write(joined({"exercises": {NAMES[0]: DAY, "two": DAY}, "quizzes": {}}), notebook / FILE)
    progress(restore="from_site.json", export="from_python.json")
    both = read(notebook / "from_python.json")
    assert both["exercises"] == {NAMES[0]: DAY, "two": DAY} and [*both["quizzes"]] == ["02-2"]
    other = small_page(START)  # another browser
    assert take_in(other, "from_python.json", (notebook / "from_python.json").read_bytes()) == (
        "Added from from_python.json: 3.")
    assert take_in(other, "again.json", (notebook / "from_python.json").read_bytes()) == (
        "All that is in again.json was here already.")
    assert saved(other, notebook / "b.json") == (notebook / "from_python.json").read_bytes()


@pytest.mark.parametrize("content", [
    "", "no JSON", "[]", "null", '{"form": 3}', holding(["a"])[:30], b"\xff\xfe",
    holding().replace("progress 1", "progress 2"), holding().replace('"quizzes": {}', '"q": {}'),
    holding().replace("{}", "[]"), holding(["a"]).replace(f'"{DAY}"', "{}"), "[" * 200_000,
    holding() + " " * 2_000_000], ids=range(13))
def test_a_bad_file_changes_nothing_and_is_told(small_page, content):
    tab = small_page(START)
    take_in(tab, "mine.json", holding([NAMES[0]]))
    before = tab.evaluate(KEPT)
    assert take_in(tab, "<b>x</b>.json", content) == (
        "<b>x</b>.json holds no progress of this course. Nothing was changed.")
    assert tab.evaluate(KEPT) == before


def test_names_that_javascript_knows_are_names_like_others(small_page, notebook):
    tab = small_page(START)
    names = ["__proto__", "constructor", "toString"]
    assert take_in(tab, "odd.json", holding(names)) == "Added from odd.json: 3."
    assert rows(tab)[0] == ["2. Both", "0 of 3", "0 of 3"]
    assert {*json.loads(saved(tab, notebook / FILE))["exercises"]} == {*names}


@pytest.mark.parametrize("there", ["half of {", holding([NAMES[0]]).replace("ss 1", "ss 2")])
def test_what_is_not_understood_is_put_aside(small_page, there):
    tab = small_page(PAGE)
    tab.evaluate("text => localStorage.setItem('course_progress', text)", there)
    tab.reload()
    box(tab, NAMES[1]).check()
    assert json.loads(tab.evaluate(KEPT))["exercises"].keys() == {NAMES[1]}
    assert tab.evaluate("localStorage.getItem('course_progress.unread')") == there


@pytest.mark.parametrize("script", REFUSING.values(), ids=REFUSING)
def test_where_nothing_is_kept_it_works_until_the_page_is_closed(
        chromium, small_server, script, tmp_path):
    with chromium.new_context() as context:  # the theme's own scripts complain
        context.add_init_script(script)
        tab = context.new_page()
        tab.goto(small_server + PAGE)
        box(tab, NAMES[0]).check()
        assert "1 of 3 exercises" in tab.locator("p.course-progress").inner_text()
        tab.goto(small_server + START)
        said = take_in(tab, "mine.json", holding([NAMES[0]], ["02-1"]))
        assert said == "Added from mine.json: 2. This browser keeps nothing for the course."
        assert rows(tab)[0] == ["2. Both", "1 of 3", "1 of 3"]
        assert json.loads(saved(tab, tmp_path / FILE)) == json.loads(
            holding([NAMES[0]], ["02-1"]))


def test_pages_open_side_by_side_agree(small_page):
    tab = small_page(PAGE)
    other = tab.context.new_page()
    other.goto(tab.url)
    box(tab, NAMES[0]).check()
    box(other, NAMES[1]).check()
    other.locator("[data-question='02-2'] [data-right] summary").click()
    tab.wait_for_function("document.querySelector('.quiz-done')")
    assert tab.locator("p.course-progress").inner_text().startswith(
        "Done in this chapter: 2 of 3 exercises, 1 of 3 quiz questions.")
    assert box(tab, NAMES[1]).is_checked()


@pytest.mark.parametrize("width, scheme, forced", [
    (1280, "dark", "none"), (390, "light", "none"), (320, "light", "active")])
def test_the_table_fits_and_axe_finds_nothing(small_page, width, scheme, forced):
    from axe_playwright_python.sync_playwright import Axe

    tab = small_page(START, width, scheme, forced_colors=forced)
    take_in(tab, "mine.json", holding([NAMES[0]]))
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    targets = tab.locator(".course-file :is(button, label)")
    assert all(t.bounding_box()["height"] >= 44 for t in targets.all())
    tab.wait_for_function("() => !document.getAnimations().some(a => a instanceof CSSTransition)")
    found = Axe().run(tab, "#course-progress", {
        "preload": False, "resultTypes": ["violations"]}).response["violations"]
    assert not [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found]


def test_pages_that_were_read_in_another_process_are_counted():
    import progress as extension

    env, other = SimpleNamespace(found_docs={"book/02_a"}), SimpleNamespace(
        course_done={"book/02_a": (["x"], ["02-1"]), "book/02a_b": (["y"], [])})
    extension._merged(None, env, ["book/02_a", "book/02a_b", "book/01_none"], other)
    assert extension.by_chapter(env) == {"02": (["x", "y"], ["02-1"])}
    assert extension._changed(None, env) == ["book/02_a"] and not extension._changed(None, env)
    extension._purged(None, env, "book/02a_b")
    assert extension.by_chapter(env) == {"02": (["x"], ["02-1"])}
    assert extension._changed(None, env) == ["book/02_a"]


@pytest.mark.long  # builds the small book a second time
def test_a_new_exercise_on_a_deeper_page_is_counted_on_the_others(small, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(small.folder, folder)
    path = folder / "book" / "02a_deeper.ipynb"
    cells = [*small_book.PAGES["02a_deeper"], *small_book.exercise("2.4", "one_more")]
    nbformat.write(small_book.notebook(cells), path)
    again = small_book.build(folder)
    assert again.returncode == 0, again.stderr
    for page in (PAGE, START):
        text = (folder / "_build" / "html" / page).read_text(encoding="utf-8")
        assert f'data-exercises="{" ".join(NAMES)} one_more"' in text
