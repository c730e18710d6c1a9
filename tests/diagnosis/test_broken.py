"""Every fault is found by its name, causes before what follows, and nothing changed by looking."""

import pytest
from broken_batches import BATCHES
from broken_loops import LOOPS
from broken_models import MODELS
from broken_reported import REPORTED
from programs import BATCH, DATA, lenet, loop, names, sgd, unchanged

from helpers.device import set_seed
from helpers.diagnosis.diagnose import CHECKS, diagnose
from helpers.diagnosis.finding import NAMES

CASES = BATCHES + MODELS + LOOPS + REPORTED


@pytest.mark.parametrize("make, batch, passed, name, also, says", CASES)
def test_every_fault_has_its_name(make, batch, passed, name, also, says):
    set_seed(0)
    model = make()
    more = {part: of(model) for part, of in passed.items()}
    with unchanged(model, more.get("optimizer")):
        found = {finding.name: finding.text for finding in diagnose(model, batch, **more)}
    assert name in found and not {*found} - {name} - also, list(found)
    assert says in found[name]


def test_every_name_has_a_case():
    assert len({case.id for case in CASES}) == len(CASES)
    assert {case.values[3] for case in CASES} == {*NAMES}
    assert len({*NAMES}) == len(NAMES) and len({*CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("parts, lr, cause", [
    ("loss backward step", 0.05, "no zero_grad"), ("loss backward step", 0.3, "no zero_grad"),
    ("train loss zero backward step", 1.0, "learning rate too high"),
    ("train loss zero backward step", 10.0, "learning rate too high")])
def test_causes_are_told_before_what_follows(parts, lr, cause):
    """A network that broke a while ago: too large steps, gradients that add up."""
    model = lenet()
    step = loop(model, sgd(model, lr), parts)
    for images, labels in DATA.batches(20):
        step(images, labels)
    found = names(model, BATCH, step=step)
    assert found[0] == cause and {*found[1:]} & {"all outputs the same", "nan in weights"}
