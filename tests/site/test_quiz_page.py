"""The quiz on the static page: by mouse, by key, by ear, without JavaScript, and remembered."""

import re
import sys
from types import SimpleNamespace

import nbformat
import pytest
import quiz_made
from docutils import nodes
from docutils.utils import new_document
from support import PAGES, ROOT

from tools import quiz

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
PAGE = "book/02_both.html"
MADE = quiz_made.of()
RIGHT = [[c.is_right for c in q.choices].index(True) for q in MADE]
QUESTION = ".quiz-question"
HEARD = "e => e.innerText.replace(/\\s+/g, ' ').trim()"
REFUSED = """Object.defineProperty(window, "localStorage", {get() {
  throw new DOMException("denied", "SecurityError"); }});"""


def choice(tab, question, number):
    return tab.locator(QUESTION).nth(question).locator("details").nth(number)


def answer(tab, question, number):
    choice(tab, question, number).locator("summary").click()


def count(tab, text):
    tab.wait_for_function("t => document.querySelector('.quiz-count').textContent.includes(t)",
                          arg=text, timeout=5000)
    return tab.locator(".quiz-count")


def mark(tab, question, number):
    return choice(tab, question, number).locator("summary").evaluate(
        "e => getComputedStyle(e, '::before').content")[1]


def test_each_question_is_a_group_with_its_text_for_a_name(small_page):
    tab = small_page(PAGE)
    groups = tab.get_by_role("group", name=re.compile(r"^\d\. "))
    assert groups.count() == len(MADE) == 3
    assert tab.get_by_role("group", name="2. What does this print?").count() == 1
    for group, question in zip(groups.all(), MADE, strict=True):
        choices = group.locator("details.quiz-choice")
        assert choices.count() == len(question.choices)
        assert choices.evaluate_all("all => all.map(c => 'right' in c.dataset)") == [
            c.is_right for c in question.choices]
        assert group.get_attribute("data-question") == question.key


def test_every_question_of_the_book_is_a_group_on_its_page(site):
    for page in PAGES[1:]:
        notebook = nbformat.read(ROOT / page.replace(".html", ".ipynb"), 4)
        there = [*quiz.questions(notebook, page[5:7])]
        text = (site / page).read_text(encoding="utf-8")
        assert re.findall(r'data-question="([\d-]+)"', text) == [q.key for q in there]
        assert text.count('class="quiz-choice"') == sum(len(q.choices) for q in there)
        assert text.count("data-right>") == len(there)


def test_without_javascript_by_key(small_page):
    tab = small_page(PAGE, java_script_enabled=False)
    wrong = next(n for n in range(3) if n != RIGHT[0])
    for number, word, sign in ((RIGHT[0], "Right.", "✓"), (wrong, "Not yet.", "✗")):
        assert mark(tab, 0, number) == "○"
        one = choice(tab, 0, number)
        assert not one.locator(".quiz-reason").is_visible()
        one.locator("summary").focus()
        tab.keyboard.press("Enter")
        assert one.locator(".quiz-reason").inner_text().startswith(f"{word} ")
        assert one.locator(".quiz-reason").inner_text().count(word) == 1
        assert mark(tab, 0, number) == sign
    assert not tab.locator("p.course-progress").is_visible()
    assert not tab.locator(".quiz-count").inner_text()


def test_a_reason_that_begins_with_a_list_has_its_verdict_before_it(small_page):
    tab = small_page(PAGE)
    answer(tab, 1, 2)
    assert choice(tab, 1, 2).locator(".quiz-reason").inner_text().startswith("Not yet.\n")


def test_what_was_opened_is_marked_and_counted_and_heard(small_page):
    tab = small_page(PAGE)
    wrong = next(n for n in range(3) if n != RIGHT[0])
    assert tab.locator(".quiz-count").get_attribute("role") == "status"
    assert mark(tab, 0, wrong) == mark(tab, 0, RIGHT[0]) == "○"
    answer(tab, 0, wrong)
    said = count(tab, "0 of 1 answered right at first, 2 to go.")
    assert said.evaluate(HEARD).startswith("Question 1: not yet. ")
    answer(tab, 0, wrong)  # closes it
    assert mark(tab, 0, wrong) == "✗", "it stays marked"
    assert choice(tab, 0, wrong).locator("summary").inner_text().endswith(", not yet")
    answer(tab, 0, RIGHT[0])
    assert count(tab, "0 of 1").evaluate(HEARD).startswith("Question 1: ")
    tab.wait_for_function("document.querySelector('.quiz-done')")
    assert mark(tab, 0, RIGHT[0]) == "✓"
    tab.keyboard.press("Tab")
    choice(tab, 1, RIGHT[1]).locator("summary").focus()
    tab.keyboard.press("Space")
    count(tab, "1 of 2 answered right at first, 1 to go.")
    answer(tab, 2, RIGHT[2])
    assert count(tab, "2 of 3 answered right at first.").evaluate(HEARD).startswith(
        "Question 3: right. ")


def test_what_is_done_is_remembered_with_its_day(small_page):
    tab = small_page(PAGE)
    answer(tab, 1, (RIGHT[1] + 1) % 3)
    answer(tab, 2, RIGHT[2])
    tab.wait_for_function("document.querySelector('.quiz-done')")
    kept = tab.evaluate("JSON.parse(localStorage.course_progress)")
    assert list(kept["quizzes"]) == ["02-3"] and kept["exercises"] == {}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", kept["quizzes"]["02-3"])
    tab.reload()
    assert tab.locator(QUESTION).nth(2).locator(".quiz-done").inner_text().strip() == "✓ done"
    assert tab.locator(".quiz-done").count() == 1 and tab.locator(".quiz [open]").count() == 0
    assert "1 of 3 quiz questions" in tab.locator("p.course-progress").inner_text()


def test_where_the_browser_keeps_nothing_the_quiz_works(chromium, small_server):
    with chromium.new_context() as context:  # the theme's own scripts complain
        context.add_init_script(REFUSED)
        tab = context.new_page()
        tab.goto(small_server + PAGE)
        answer(tab, 2, RIGHT[2])
        count(tab, "1 of 1 answered right at first, 2 to go.")
        assert tab.locator(".quiz-done").count() == 1


@pytest.mark.parametrize("width, scheme, forced", [
    (1280, "light", "none"), (390, "dark", "none"), (320, "light", "none"),
    (320, "dark", "active")])
def test_it_fits_and_can_be_touched_and_axe_finds_nothing(small_page, width, scheme, forced):
    from axe_playwright_python.sync_playwright import Axe

    tab = small_page(PAGE, width, scheme, forced_colors=forced)
    for question in range(3):
        answer(tab, question, RIGHT[question])
    answer(tab, 0, (RIGHT[0] + 1) % 3)
    count(tab, "3 of 3")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    targets = tab.locator(".quiz-choice summary, .course-done label")
    assert all(box["height"] >= 44 for box in (t.bounding_box() for t in targets.all()))
    tab.wait_for_function("() => !document.getAnimations().some(a => a instanceof CSSTransition)")
    found = Axe().run(tab, {"include": [[".quiz"], [".course-progress"], [".course-done"]]},
                      {"preload": False, "resultTypes": ["violations"]}).response["violations"]
    assert not [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found]
    colors = {tab.locator(f".quiz-choice[open]{which}").first.evaluate(
        "e => getComputedStyle(e).borderLeftColor") for which in ("[data-right]",
                                                                  ":not([data-right])")}
    assert len(colors) == (1 if forced == "active" else 2)
    assert {mark(tab, 0, n) for n in range(3)} == {"✓", "✗", "○"}, "marks, whatever the colors"


def test_formulas_in_choices_are_typeset_even_where_there_are_no_others(small_page):
    tab = small_page("book/03_quiz.html")
    tab.wait_for_selector(".quiz-choice summary math", timeout=20_000)
    assert tab.locator("summary math").count() == 2
    assert tab.locator("mjx-merror").count() == 0
    assert tab.locator("summary code").inner_text() == "n // k"


@pytest.mark.parametrize("reasons", [("No.", "No."), ("Right.", "Right."), ("Right.", None)])
def test_a_question_that_cannot_be_answered_fails_the_build(reasons, monkeypatch):
    import quiz as extension

    section, warned = nodes.section("", nodes.title("", "Quiz")), []
    section += nodes.paragraph("", "", nodes.strong("", "1."), nodes.Text(" Which?"))
    for reason in reasons:
        section += nodes.raw("", "<details><summary>this</summary>", format="html")
        section += [nodes.paragraph("", reason)] if reason else []
        section += nodes.raw("", "</details>", format="html")
    page, before = new_document("page"), len(section)
    page += section
    monkeypatch.setattr(extension.logging, "getLogger", lambda _: SimpleNamespace(
        warning=lambda *words, location: warned.append(words)))
    extension.quizzed(SimpleNamespace(env=SimpleNamespace(docname="book/02_x")), page)
    assert warned[0][1] == "1" and len(section) == before, "warned of, and left as it is"
