"""`Clinic`: measured curves of trainings that went wrong, and what one may think of them."""

import html
from dataclasses import asdict
from functools import cache
from typing import Any

from ..measured import read_json
from ..training.history import History, percent
from .cases import CASES, MEANS, WARDS
from .figure import Figure, constant, html_boxes, html_table, module
from .traits import BadValue, Choice, CopiedDict, one_of

_CURVES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")


@cache
def _measured() -> dict[str, Any]:
    return read_json("clinic.json")


def _cases() -> dict[str, dict]:
    """Return all that a page needs to know of the patients."""
    runs = _measured()["runs"]
    return {name: asdict(case) | {"sign": list(case.sign), "run": runs[case.run],
                                  "treated": {one: runs[case.treated][one] for one in _CURVES[2:]}}
            for name, case in CASES.items()}


class _Answers(CopiedDict):
    """Choices by patient, in the order in which they were made."""

    def validate(self, obj: Any, value: Any) -> dict[str, list[str]]:
        """Refuse what no reader of the page could have chosen."""
        if not isinstance(value, dict):
            raise BadValue(f"{self.name} must be a dictionary such as {{'1': ['overfitting']}}, "
                           f"not {value!r}.")
        for patient, given in value.items():
            choices = [*CASES[one_of("A patient of answers", patient, [*CASES])].choices]
            if not isinstance(given, list | tuple) or len({*map(str, given)}) < len(given):
                raise BadValue(f"The answers to patient {patient} must be a list of choices, each "
                               "once.")
            for one in given:
                one_of(f"An answer to patient {patient}", one, choices)
        return {patient: [*given] for patient, given in value.items()}


class Clinic(Figure):
    """Eight trainings with one fault each: what is wrong, and by what can one tell?

    The curves are real, of LeNet and BN-LeNet on CIFAR-10, seed 0; benchmarks/clinic.py has
    measured them. `ward` is one of four groups of patients that look alike; `patient` is the number
    of the one that is shown, "1" to "8". `answers` are the choices so far, {patient: [choices]}.
    `figure.patients` are the curves as `History` objects, for `plot_history`.
    """

    title = "The clinic"
    challenge = "Eight trainings, one fault in each. How many do you find at the first try?"
    caption = ("Loss and accuracy, training and validation, and the loss of the first batch: each "
               "fault leaves its trace in one of these five, and what one takes for it at first "
               "leaves another one. All curves were measured. BN-LeNet is LeNet with batch "
               "normalization.")
    presets = {name: {"ward": name} for name in WARDS}
    _esm = module("clinic")
    cases = constant(_cases())
    wards = constant(WARDS)
    means = constant(MEANS)
    ward = Choice(*WARDS)
    patient = Choice(*CASES)
    answers = _Answers().tag(sync=True)

    @property
    def patients(self) -> dict[str, History]:
        """The curves of the patients; `batch_loss` has 120 of the batches."""
        return {name: self._history(case.run) for name, case in CASES.items()}

    def treated(self, patient: str) -> History:
        """Return the curves of the same training without the fault."""
        return self._history(CASES[one_of("patient", patient, [*CASES])].treated)

    def answer(self, choice: str) -> str:
        """Choose an illness for the patient that is shown; return what is right or wrong with it.

        Raises BadValue for what is no choice of this patient.
        """
        case, given = CASES[self.patient], self.answers.get(self.patient, [])
        one_of("The answer", choice, [*case.choices])
        if choice not in given and case.illness not in given:
            self.answers = self.answers | {self.patient: [*given, choice]}
        right = choice == case.illness
        return f"{'Right' if right else 'No'}. {case.choices[choice]}" + (
            f" {case.treatment}" if right else "")

    @property
    def score(self) -> tuple[int, int]:
        """How many patients of all were found at the first try, and how many at all."""
        found = {name: given for name, given in self.answers.items()
                 if CASES[name].illness in given}
        return sum(given[0] == CASES[name].illness for name, given in found.items()), len(found)

    @staticmethod
    def _history(run: str) -> History:
        measured = _measured()
        curves: Any = {name: [float("nan") if value is None else value for value in
                         measured["runs"][run][name]] for name in (*_CURVES, "batch_loss")}
        return History(source=measured["source"], **curves)

    def to_html(self) -> str:
        """Return the numbers of all patients as a table, and the choices as folds."""
        rows = []
        for name, one in self.patients.items():
            middle = (one.epochs - 1) // 2
            rows.append([name, CASES[name].about, f"{one.batch_loss[0]:.2f}", *(
                f"{losses[i]:.2f}, {percent(accuracies[i])}" for losses, accuracies in
                ((one.train_loss, one.train_accuracy), (one.val_loss, one.val_accuracy))
                for i in (0, middle, -1))])
        head = ("patient", "network and data", "loss of the first batch", "training at first",
                "in the middle", "at the end", "validation at first", "in the middle", "at the end")
        table = html_boxes(html_table(rows, "loss and accuracy of the patients", head), note=(
            "The loss of a guess is 2.30, its accuracy 10 %."))
        folds = "".join(
            f"<p><b>What is wrong with patient {name}?</b></p>" + "".join(
                f"<details><summary>{html.escape(f'{choice}. {MEANS[choice]}')}</summary><p>"
                f"{'Right.' if choice == case.illness else 'No.'} {html.escape(reason)} "
                f"{html.escape(case.treatment) if choice == case.illness else ''}</p></details>"
                for choice, reason in case.choices.items())
            for name, case in CASES.items())
        return table + folds
