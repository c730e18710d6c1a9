"""Every exercise of the book: right answers pass, and wrong ones are told what is wrong."""

import copy
import re

import nbformat
import pytest
import torch
from answers import CODE, EQUIVALENT, FOUND, RIGHT, VALUES, define, reference
from torch import nn

from helpers.exercises import check, grade, hint
from helpers.exercises.exercise import CHAPTER_OF
from helpers.exercises.known import exercise, exercises
from helpers.exercises.learner import verdict
from helpers.exercises.looking import RIGHT as PASSES
from helpers.exercises.looking import examine, right_object, seed_of
from helpers.exercises.naming import defined_by
from tools import exercises as book
from tools.minutes import is_main

MISTAKES = [pytest.param(name, mistake, id=f"{name}-{mistake.name}")
            for name, e in exercises().items() for mistake in e.mistakes]
each = pytest.mark.parametrize("name", FOUND)
each_code = pytest.mark.parametrize("name", CODE)


def failing(name, thing, student=""):
    return [f"{o.case.name}: {o.verdict} {o.message}"
            for o in examine(exercise(name), thing, student, hidden=True) if o.verdict != PASSES]


def answer_of(name, student):
    """The reference; where numbers are drawn, the right value for a student."""
    drawn = exercise(name).draw is not None
    return right_object(exercise(name), seed_of(student, exercise(name))) if drawn else (
        reference(name))


def test_the_book_and_the_registry_have_the_same_exercises():
    assert [*FOUND] and {*FOUND} == {*exercises()}
    for name, (path, _, part) in FOUND.items():
        assert CHAPTER_OF[name] == path.name[:2]
        assert part.number.startswith(f"{int(path.name[:2])}.")


@pytest.mark.parametrize("chapter", sorted({path.name[:2] for path, _, _ in FOUND.values()}))
def test_a_chapter_has_five_or_more_and_two_that_are_not_code(chapter):
    here = [(name, part) for name, (path, _, part) in FOUND.items() if path.name[:2] == chapter]
    path = next(path for path, _, _ in FOUND.values() if path.name[:2] == chapter)
    main = [name for name, part in here if is_main(FOUND[name][0])]
    assert len(main) >= 5 and sum(name in VALUES for name in main) >= 2
    assert [part.number for _, part in here] == [f"{int(chapter)}.{n + 1}"
                                                  for n in range(len(here))]
    cells = nbformat.read(path, 4).cells
    at_the_end = next(i for i, c in enumerate(cells) if c.source.startswith("## Exercises"))
    assert 2 <= sum(part.first < at_the_end for _, part in here) <= 4, "on the way"


@each
def test_the_reference_passes_every_case(name):
    assert failing(name, answer_of(name, "")) == []


@each
def test_the_starter_is_told_apart_from_a_wrong_answer(name):
    box, right = verdict(exercise(name), define(name, book.starter(FOUND[name][2].code)))
    assert not right and "still the starter code" in box.title


@each_code
def test_other_right_answers_pass(name):
    assert len(RIGHT[name]) >= 3
    for code in RIGHT[name]:
        assert failing(name, define(name, code)) == [], code


@pytest.mark.parametrize("name, mistake", MISTAKES)
def test_a_known_mistake_is_named(name, mistake):
    wrong, it = defined_by(mistake.code, name), exercise(name)
    if it.draw is not None:
        wrong = wrong(**it.draw(seed_of("", it)))
    box, right = verdict(it, wrong)
    assert not right and box.kind == "not yet", box
    assert any(mistake.words in line for line in box.lines), box


@each
def test_an_exercise_is_whole(name):
    e = exercise(name)
    assert len(e.hints) >= 2 and len(e.mistakes) >= 3
    assert len({m.words for m in e.mistakes}) == len(e.mistakes)
    if name in CODE:
        assert {case.hidden for case in e.cases} == {True, False}


def zeroed(value):
    """The same shapes and types, with nothing in them."""
    if isinstance(value, torch.Tensor):
        return torch.zeros_like(value)
    if isinstance(value, list | tuple):
        return type(value)(zeroed(v) for v in value) if type(value) in (list, tuple) else value
    if hasattr(value, "__dict__") and not callable(value):  # a class of the exercise's own
        other = copy.copy(value)
        vars(other).update({name: zeroed(part) for name, part in vars(value).items()})
        return other
    return type(value)(0) if isinstance(value, int | float) else value


def empty_class(right):
    """A class with the right parts, that returns zeros."""
    return type("Zeros", (right,), {"forward": lambda self, *a, **k: zeroed(
        right.forward(self, *a, **k))})


@each_code
@pytest.mark.parametrize("junk", ["none", "text", "constant", "zeros", "raises", "exits", "loops"])
def test_what_is_no_answer_never_passes(name, junk, monkeypatch):
    e = exercise(name)
    monkeypatch.setattr(e, "seconds", 0.5)

    def loops(*a, **k):
        while True:
            pass

    def exits(*a, **k):
        raise SystemExit(0)

    zeros = empty_class(e.right) if isinstance(e.right, type) and issubclass(
        e.right, nn.Module) else lambda *a, **k: zeroed(e.right(*a, **k))
    thing = {"none": None, "text": "text", "constant": lambda *a, **k: 1, "zeros": zeros,
             "raises": lambda *a, **k: 1 / 0, "exits": exits, "loops": loops}[junk]
    assert not verdict(e, thing)[1]
    assert grade(name, 5, thing) < 5


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("junk", [0, 1, -1, "", "text", (), [], {}, 1e9, print, float("nan")])
def test_no_value_of_another_kind_passes(name, junk):
    want = answer_of(name, "")
    if type(junk) is type(want) and junk == want:
        pytest.skip("this is the answer")
    assert not verdict(exercise(name), junk)[1]


@each
def test_check_says_the_same_twice_and_leaves_chance_alone(name, capsys):
    answer, said = answer_of(name, ""), []
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for _ in range(2):
        check(name, answer, student="")
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] and said[0].startswith("✓")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", [n for n in FOUND if exercise(n).draw])
def test_numbers_that_are_drawn_differ_and_are_graded(name):
    e = exercise(name)
    answers = [answer_of(name, student) for student in map(str, range(8))]
    assert len(set(map(str, answers))) >= 4
    assert grade(name, 2, answers[3], student="3") == 2
    others = [a for a in answers if str(a) != str(answers[3])]
    assert grade(name, 2, others[0], student="3") == 0 and e.draw is not None
    assert failing(name, reference(name)) == [], "the page's own answer is that of no student"


@each
def test_hints_come_in_turn_and_do_not_raise(name, capsys):
    for number in range(1, len(exercise(name).hints) + 1):
        hint(name, number)
    hint(name, 99)
    assert capsys.readouterr().out.count("Hint ") == len(exercise(name).hints)


def test_solutions_are_those_of_the_chapters():
    assert book.SOLUTIONS.read_text(encoding="utf-8") == book.solutions(), (
        "Run: python tools/exercises.py --write")


def test_no_later_cell_uses_an_answer():
    for name, (path, _, part) in FOUND.items():
        cells = nbformat.read(path, 4).cells
        for index, cell in enumerate(cells):
            if cell.cell_type == "code" and not part.first <= index <= part.last:
                assert not re.search(rf"\b{name}\b", cell.source), (path.stem, name)


def test_lists_name_exercises_that_exist():
    assert {*RIGHT} == {*CODE}
    assert {key.split()[0] for key in EQUIVALENT} <= {*CODE}
