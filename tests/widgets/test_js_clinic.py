"""The clinic's rules in JavaScript, against those in Python."""

from widget_support import COUNTS, assert_equal, compared, draw, run_js

from helpers import Clinic
from helpers.widgets import BadValue
from helpers.widgets.cases import CASES, WARDS

STATE = Clinic().page_state()


def answered(g) -> dict[str, list[str]]:
    """Some choices of some patients, in any order, as far as a reader can make them."""
    found: dict[str, list[str]] = {}
    for name, case in CASES.items():
        left = [*case.choices]
        for _ in range(draw(g, 0, 4)):
            if left and case.illness not in found.get(name, []):
                found.setdefault(name, []).append(left.pop(draw(g, 0, len(left) - 1)))
    return found


@compared("clinic", """(({ first, found, of }) => [first, found, of, figure.nextPatient(now)])
    (figure.score(now))""", 40, assert_equal, [COUNTS[0]])
def test_scores_and_the_next_patient(g):
    figure = Clinic(answers=answered(g), patient=str(draw(g, 1, 8)))
    open_ones = [name for name, case in CASES.items()
                 if case.illness not in figure.answers.get(name, [])]
    at = int(figure.patient)
    others = [name for name in open_ones if name != figure.patient]
    later = [name for name in others if int(name) > at]
    return figure.page_state(), [*figure.score, 8, ([*later, *others] or [None])[0]]


def test_a_ward_counts_its_own_and_shows_its_first_patient():
    figure = Clinic(ward="slow or stuck", answers={"1": ["overfitting"]})
    figure.patient = "3"
    figure.answer("a softmax before cross-entropy")
    answer = "[figure.score(now), figure.seenPatient(now), figure.nextPatient(now)]"
    counts = {"of": 3, "found": 1, "first": 1}
    assert run_js("clinic", answer, [figure.page_state()]) == [[counts, "3", "6"]]
    figure.patient = "1"
    assert run_js("clinic", answer, [figure.page_state()])[0][1] == WARDS["slow or stuck"][0]


def test_both_languages_refuse_the_same_answers():
    cases = [{}, {"1": []}, {"1": ["overfitting"]}, {"9": []}, {"1": ["flu"]}, {"1": "overfitting"},
             {"1": ["overfitting", "overfitting"]}, [], None, {"1": [3]}, {"toString": []},
             {"2": ["zero_grad is missing"]}, {"7": ["zero_grad is missing"]}]
    said = run_js("clinic", "figure.clinicProblem(now)", [{**STATE, "answers": one}
                                                          for one in cases])
    for one, problem in zip(cases, said, strict=True):
        try:
            Clinic(answers=one)
            assert problem == "", one
        except BadValue:
            assert problem, one
    bad = [{"ward": "the morgue"}, {"patient": "9"}, {"ward": "constructor"}]
    assert all(run_js("clinic", "figure.clinicProblem(now)", [STATE | one for one in bad]))


def test_points_stand_at_the_ends_of_epochs_or_in_their_middle():
    assert run_js("clinic", "figure.spread([5, 6], now)", [True, False]) == [
        [[0.25, 5], [0.75, 6]], [[0.5, 5], [1, 6]]]
