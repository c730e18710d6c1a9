"""The clinic in Python: its patients are those that were measured, its words fit their curves."""

import itertools
import json
import math
import re

import pytest
from support import ROOT

from helpers import Clinic, plot_history, read_json
from helpers.measured import resources
from helpers.widgets import BadValue
from helpers.widgets.cases import CASES, MEANS, WARDS


def test_the_curves_are_small_and_from_the_real_images():
    text = resources.files("helpers.measured").joinpath("clinic.json").read_text(encoding="utf-8")
    measured = json.loads(text)
    assert len(text) < 15_000 and measured["source"].startswith("CIFAR-10")
    assert {"measured", "torch", "hardware", "seed"} <= {*measured}
    assert {one for case in CASES.values() for one in (case.run, case.treated)} == {
        *measured["runs"]}, "no run that nobody sees"


@pytest.mark.parametrize("name", CASES)
def test_every_choice_has_a_reason_of_its_own(name):
    case = CASES[name]
    assert case.illness in case.choices and 4 <= len(case.choices) <= 5
    assert all(len(reason) > 50 for reason in case.choices.values())
    assert case.sign[0] in ("loss", "accuracy") and 0 <= case.sign[1] < case.sign[2] <= 1
    reasons = [reason for one in CASES.values() for reason in one.choices.values()]
    assert len({*reasons}) == len(reasons)
    places = [[*one.choices].index(one.illness) for one in CASES.values()]
    assert len({*places}) >= 3, "the right choice is not always in the same place"
    assert len({one.illness for one in CASES.values()}) == 8
    assert {*MEANS} == {choice for one in CASES.values() for choice in one.choices}
    assert all(20 < len(said) < 110 and said.endswith(".") for said in MEANS.values())


def test_what_the_reasons_say_of_the_curves():
    """The numbers in cases.py, and what they are said to show."""
    run = {name: Clinic().patients[name] for name in CASES}
    whole = {name: Clinic().treated(name) for name in CASES}
    words = {name: " ".join(case.choices.values()) for name, case in CASES.items()}

    def near(value, text, name):
        assert text in words[name], text
        assert float(re.search(r"[\d.]+", text)[0]) == pytest.approx(value, abs=0.5 if "%" in text
                                                                     else 0.005)

    one = run["1"]
    near(100 * one.val_accuracy[-1], "35 %", "1")
    assert one.train_accuracy[-1] == 1 and one.train_loss[-1] < 0.01
    assert one.val_loss.index(min(one.val_loss)) == 0 and one.val_loss == sorted(one.val_loss)
    assert whole["1"].val_accuracy[-1] > one.val_accuracy[-1] + 0.1
    two = run["2"]
    near(100 * two.val_accuracy[-1], "20 %", "2")
    assert two.train_loss[2] - two.train_loss[-1] < 0.1 and min(two.train_loss) > 2.1
    assert abs(two.train_accuracy[-1] - two.val_accuracy[-1]) < 0.02
    three = run["3"]
    near(100 * three.train_accuracy[-1], "61 %", "3")
    near(three.train_loss[-1], "1.87", "3")
    near(100 * three.val_accuracy[-1], "49 %", "3")
    at = whole["3"].train_accuracy.index(0.597)
    near(whole["3"].train_loss[at], "1.14", "3")
    assert math.log(math.e + 9) - 1 == pytest.approx(1.461, abs=1e-3), "the lowest with a softmax"
    assert math.log(math.e + 9) == pytest.approx(2.461, abs=1e-3), "and the highest"
    assert three.train_accuracy[-1] - three.val_accuracy[-1] < 0.01 + (
        whole["3"].train_accuracy[at] - whole["3"].val_accuracy[at])
    near(run["4"].batch_loss[0], "3.30", "4")
    assert all(loss == pytest.approx(math.log(10), abs=2e-3) for loss in run["4"].train_loss[1:])
    assert all(abs(other.batch_loss[0] - math.log(10)) < 0.15
               for name, other in run.items() if name != "4")
    near(100 * run["5"].train_accuracy[-1], "71 %", "5")
    assert run["5"].train_loss == whole["5"].train_loss and run["5"].val_accuracy[0] < 0.12
    near(100 * run["6"].train_accuracy[-1], "37 %", "6")
    near(run["6"].train_loss[-1], "1.88", "6")
    for losses in (run["6"].train_loss, run["6"].val_loss):
        assert losses == sorted(losses, reverse=True) and losses[-2] - losses[-1] > 0.02
    teeth = run["7"].batch_loss[:40]  # an epoch: four points for each class
    assert sum(b > a + 0.3 for a, b in itertools.pairwise(teeth)) >= 8
    assert max(run["7"].val_accuracy) < 0.12 and min(run["7"].batch_loss) < 0.5
    eight = run["8"]
    near(100 * eight.train_accuracy[-1], "24 %", "8")
    assert max(eight.val_accuracy) < 0.12 and eight.val_loss[-1] > eight.val_loss[0] + 0.05
    for name in WARDS["validation at a guess"]:
        assert run[name].val_accuracy[-1] < 0.12
    assert all(run[name].val_accuracy[-1] > 0.15 for name in CASES
               if name not in WARDS["validation at a guess"])
    for name in WARDS["training is better"]:
        assert run[name].train_accuracy[-1] - run[name].val_accuracy[-1] > 0.1


def test_answers_are_kept_counted_and_checked():
    figure = Clinic()
    assert figure.answer("overfitting").startswith("Right. ") and figure.score == (1, 1)
    assert "The treatment: " in figure.answer("overfitting")
    figure.patient = "3"
    assert figure.answer("the rate is too low").startswith("No. ")
    assert figure.answer("a softmax before cross-entropy").startswith("Right. ")
    assert figure.score == (1, 2) and [*figure.answers] == ["1", "3"]
    figure.answer("overfitting")
    assert len(figure.answers["3"]) == 2, "what comes after the right one does not count"
    figure.answers["3"].clear()
    assert figure.score == (1, 2), "a copy was cleared"
    for bad in ({"9": []}, {"1": ["flu"]}, {"1": ["overfitting"] * 2}, ["overfitting"], {"1": 3}):
        with pytest.raises(BadValue):
            figure.answers = bad
    with pytest.raises(BadValue, match="one of"):
        figure.answer("zero_grad is missing")
    with pytest.raises(BadValue, match="one of all eight"):
        figure.ward = "the morgue"
    assert figure.score == (1, 2) and Clinic.from_state(figure.get_state()).score == (1, 2)


def test_curves_are_drawn_by_what_chapter_9_uses():
    plot_history(Clinic().patients)
    assert Clinic().patients["2"].epochs == 8


def test_without_javascript_all_choices_stand_in_folds():
    text = Clinic().to_html()
    assert text.count("<details>") == sum(len(case.choices) for case in CASES.values())
    assert text.count("<p>Right. ") == 8 and text.count("<tr>") == 9
    assert "3.30" in text and read_json("clinic.json")["seed"] == 0


def test_the_benchmark_has_all_runs():
    source = (ROOT / "benchmarks" / "clinic.py").read_text(encoding="utf-8")
    assert all(f'"{one}": ' in source for one in read_json("clinic.json")["runs"])
