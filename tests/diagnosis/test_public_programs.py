"""`diagnose` on programs as people publish them: silent on healthy ones, and faults by name."""

import contextlib
import copy
import inspect
import io
import re
import warnings

import public_faulty
import public_healthy
import pytest
import torch
from public_parts import FAULTY, HEALTHY, TRAIN
from torch.nn import functional as F

from helpers import diagnose
from helpers.diagnosis.finding import NAMES

pytestmark = pytest.mark.slow  # quick each, and there are many
assert public_healthy and public_faulty  # their import fills the tables


@pytest.fixture(scope="module")
def pictures(standin):
    images, labels = standin.train.images[:TRAIN + 128], standin.train.labels[:TRAIN + 128]
    return images.contiguous(memory_format=torch.contiguous_format), labels


@pytest.fixture(autouse=True)
def as_it_was():
    """Programs may leave gradients switched off, as one of the faults does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.set_grad_enabled(True)


def written(program, pictures, **settings):
    torch.manual_seed(0)
    images, labels = pictures
    return program.write(images.clone(), labels.clone(), **settings)


def trained(program, count):
    """Run the program's own step on its batch, or a plain loop with what there is of it."""
    images, labels = program["batch"]
    step = program.get("step")
    loss_fn = program.get("loss_fn", F.cross_entropy)
    optimizer = program.get("optimizer") or torch.optim.Adam(program["model"].parameters(), 2e-3)
    for _ in range(count):
        if step:
            step(images.clone(), labels.clone())
        else:
            optimizer.zero_grad()
            loss_fn(program["model"](images), labels).backward()
            optimizer.step()
    return program


def loss_of(program):
    images, labels = program["batch"]
    program["model"].train()
    with torch.no_grad():
        outputs = program["model"](images.clone())
        return program.get("loss_fn", F.cross_entropy)(outputs, labels).item()


def hits_of(program):
    """The accuracy on the batch in evaluation mode, whatever the form of labels and outputs."""
    images, labels = program["batch"]
    program["model"].eval()
    with torch.no_grad():
        outputs = program["model"](images.clone())
    if outputs.ndim < 2 or outputs.shape[1] == 1:
        middle = 0.5 if outputs.min() >= 0 and outputs.max() <= 1 else 0
        return ((outputs.flatten() > middle) == (labels.flatten() > 0.5)).float().mean().item()
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = labels.argmax(1)
    return (outputs.argmax(1) == labels.flatten()).float().mean().item()


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_programs_learn(name, pictures):
    case = HEALTHY[name]
    program = written(case, pictures)
    program["model"](program["batch"][0][:2].clone())  # what is lazy gets its parameters
    before = loss_of(program)
    assert loss_of(trained(program, case.steps)) < case.falls * before


def ran(program, count):
    """What the program raises if it is used at all, or None."""
    try:
        trained(program, count)
        if "evaluate" in program:
            program["evaluate"]()
    except Exception as error:
        return error
    return None


def changed_by_evaluation(program):
    before = copy.deepcopy(program["model"].state_dict())
    program["evaluate"]()
    return any(not torch.equal(v, before[k]) for k, v in program["model"].state_dict().items())


HARMS = {
    "raises": lambda wrong, right, steps: ran(wrong, 2) and not ran(right, 2),
    "learns less": lambda wrong, right, steps:
        hits_of(trained(wrong, steps)) < hits_of(trained(right, steps)) - 0.08,
    "evaluates otherwise": lambda wrong, right, steps:
        trained(wrong, steps)["evaluate"]() != trained(right, steps)["evaluate"](),
    "changed by the evaluation": lambda wrong, right, steps:
        changed_by_evaluation(wrong) and not changed_by_evaluation(right),
}


@pytest.mark.parametrize("name", FAULTY)
def test_faulty_programs_harm(name, pictures):
    case = FAULTY[name]
    wrong, right = written(case, pictures), written(case, pictures, mended=True)
    if callable(case.harm):
        if len(inspect.signature(case.harm).parameters) == 2:
            assert case.harm(wrong, right)
        else:
            assert case.harm(wrong) and not case.harm(right)
    else:
        torch.manual_seed(1)
        assert HARMS[case.harm](wrong, right, case.steps)


def verdict(program):
    """The names of what `diagnose` finds, and what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        found = diagnose(**program)
    return [f.name for f in found], " ".join(printed.getvalue().split())


@pytest.mark.parametrize("name", HEALTHY)
def test_public_healthy_is_silent(name, pictures):
    names, printed = verdict(written(HEALTHY[name], pictures))
    assert not names, printed


@pytest.mark.parametrize("name", FAULTY)
def test_public_mended_is_silent(name, pictures):
    names, printed = verdict(written(FAULTY[name], pictures, mended=True))
    assert not names, printed


@pytest.mark.parametrize("name", FAULTY)
def test_public_faulty_is_named(name, pictures):
    case = FAULTY[name]
    names, printed = verdict(written(case, pictures))
    expected = (case.expected,) if isinstance(case.expected, str) else case.expected or ()
    others = [n for n in names if n not in case.also]
    if expected:
        assert len(others) == 1 and others[0] in expected, printed
    elif case.new:
        assert names and len(others) <= 1, printed
    else:  # it cannot be known from outside
        assert not others, printed
    assert re.search(case.says, printed, re.IGNORECASE), printed
    assert not case.never or not re.search(case.never, printed, re.IGNORECASE), printed


def test_public_names_are_those_of_diagnose():
    for case in FAULTY.values():
        expected = (case.expected,) if isinstance(case.expected, str) else case.expected or ()
        assert {*expected, *case.also} <= {*NAMES}
        assert not (expected and case.new)
        assert case.says or not (expected or case.new)  # it may say what it cannot know, too


def test_there_are_enough_public_programs():
    assert len(HEALTHY) >= 70 and len(FAULTY) >= 75
