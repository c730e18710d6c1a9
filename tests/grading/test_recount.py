"""Points are counted again outside, out of values: nothing that a submission says is believed."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_output
from support import ROOT

from helpers.exercises import grading
from helpers.exercises.carried import Unknown, packed, unpacked
from helpers.exercises.comparing import difference
from helpers.exercises.grading import SEEN, recounted
from helpers.exercises.known import exercise, exercises
from helpers.exercises.looking import examine, right_object, seed_of
from tools.grading.recount import counted

VALUES = [1, True, None, 2.5, float("inf"), "text", (1, 2), [1, (2, 3)], {"a": torch.ones(2)},
          {1: 2}, {1, 2}, torch.zeros(0, 3), torch.Size([1, 2]), torch.float32,
          torch.device("cpu"), torch.tensor(3), torch.tensor(True), np.float64(3), np.arange(3),
          torch.ones(2, dtype=torch.bfloat16), torch.tensor([1j]).conj(), torch.ones(2, 3).T]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_values_arrive_as_they_were(value):
    arrived = unpacked(packed(value))
    assert difference(arrived, value, 0) is None and difference(value, arrived, 0) is None


def test_other_objects_arrive_as_something_that_equals_nothing():
    class Everything(int):
        def __eq__(self, other):
            return True
        __hash__ = int.__hash__

    endless = []
    endless.append(endless)
    for thing in (print, object(), endless, lambda: 0):
        assert isinstance(unpacked(packed(thing)), Unknown)
        assert unpacked(packed(thing)) != thing
    assert unpacked(packed(Everything(3))) == 3 and unpacked(packed(Everything(3))) != 4


@pytest.mark.parametrize("text", [
    "", "{", '{"array": "object", "shape": [1], "bytes": ""}', '{"a": 1, "b": 2}',
    '{"array": "float32", "shape": [99999999999], "bytes": "AAAA"}', "[" * 100_000,
    '{"dict": [[[1], 2]]}', '{"device": "elsewhere"}', '{"array": "int64"}'])
def test_what_is_no_value_is_refused(text):
    with pytest.raises(ValueError, match="not a value"):
        unpacked(text)
    assert isinstance(unpacked('{"dtype": "load"}'), Unknown)


def report_of(name, thing, student="ann"):
    """What `grade` reports of an answer."""
    outcomes = examine(exercise(name), thing, student, hidden=True)
    return json.dumps({"exercise": name, "outcomes": [
        {"verdict": o.verdict, "message": o.message, "seen": [packed(x) for x in o.seen]}
        for o in outcomes]})


@pytest.mark.parametrize("name", exercises())
def test_what_is_right_earns_all_when_it_is_carried(name):
    it = exercise(name)
    right = right_object(it, seed_of("ann", it))
    count = recounted(name, 5, "Ann ", report_of(name, right))
    assert count.score == 5 and count.doubts == (), count.box
    assert "5 of 5 points" in repr(count.box)


def test_a_report_that_calls_wrong_values_right_earns_nothing_and_is_told():
    told = json.loads(report_of("convolve", exercise("convolve").right))
    for outcome in told["outcomes"]:
        outcome["seen"] = [packed(torch.zeros(2, 2)) for _ in outcome["seen"]]
    count = recounted("convolve", 5, "ann", json.dumps(told))
    assert count.score == 0 and len(count.doubts) == len(told["outcomes"])
    told["outcomes"][0]["seen"] = []
    assert "reported 0 times, expected 1" in recounted(
        "convolve", 5, "ann", json.dumps(told)).doubts[0]


@pytest.mark.parametrize("report", ["", "[]", "3", "{}", '{"exercise": "convolve", "outcomes": 3}',
                                    '{"exercise": "convolve", "outcomes": [3]}',
                                    '{"exercise": "other", "outcomes": []}'])
def test_a_report_that_is_none_earns_nothing(report):
    assert recounted("convolve", 5, "ann", report).score == 0


def cell(*outputs, source='grade("convolve", points=5)'):
    """A graded cell that has run."""
    return new_code_cell(source, outputs=[*outputs], metadata={"nbgrader": {
        "grade": True, "solution": False, "grade_id": "test_convolve", "points": 5}})


def result(text):
    return new_output("execute_result", {"text/plain": text})


def seen(report):
    return new_output("display_data", {SEEN: report})


@pytest.mark.parametrize("outputs", [
    (), (result("5.0"),), (result("nan"),), (result("False"),), (result("text"),),
    (result("np.float64(5.0)"),), (new_output("stream", text="5.0"),), (result("-1"),)])
def test_a_cell_without_values_earns_nothing_and_is_told(outputs):
    count = counted(cell(*outputs), "ann")
    assert count.score == 0 and count.doubts


def test_a_cell_with_values_earns_what_they_are_worth_whatever_number_it_gives():
    right = seen(report_of("convolve", exercise("convolve").right))
    assert counted(cell(right, result("5.0")), "ann").doubts == ()
    for outputs in ((right,), (right, result("3.0")), (right, right, result("5.0")),
                    (right, result("5.0"), result("5.0"))):
        count = counted(cell(*outputs), "ann")
        assert count.score == 5 and count.doubts
    wrong = seen(report_of("convolve", lambda image, kernel: image))
    assert counted(cell(wrong, result("5.0")), "ann").score == 0
    assert counted(cell(wrong, result("5.0")), "ann").doubts


@pytest.mark.parametrize("text, score", [("2.5", 2.5), ("5", 5), ("6", 0), ("-1", 0), ("nan", 0),
                                         ("True", 0), ("None", 0), ("1e400", 0), ("'5'", 0)])
def test_an_instructors_own_cell_ends_in_a_plain_number(text, score):
    count = counted(cell(result(text), source="my_test()"), "ann")
    assert count.score == score and bool(count.doubts) is (score == 0)


def test_grade_reports_only_to_the_autograder(monkeypatch):
    reports = []
    monkeypatch.setattr(grading, "_report", lambda *given: reports.append(given))
    grading.grade("convolve", 5, exercise("convolve").right)
    assert reports == []
    monkeypatch.setenv(grading.STUDENT, "ann")
    assert grading.grade("convolve", 5, exercise("convolve").right) == 5 and len(reports) == 1


@pytest.mark.slow
def test_a_private_file_adds_cases_to_an_exercise_and_the_page_says_how(tmp_path):
    page = (ROOT / "book" / "instructors.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "more.py").write_text(code, encoding="utf-8")
    counted = subprocess.run(
        [sys.executable, "-c", "from helpers.exercises.known import exercise\n"
         "print([c.name for c in exercise('convolve').cases][-1])"], cwd=ROOT, text=True,
        capture_output=True, check=True, env={**os.environ, "COURSE_EXERCISES": str(tmp_path)})
    assert counted.stdout.strip() == "a kernel of one number"
