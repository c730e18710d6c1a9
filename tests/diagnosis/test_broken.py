"""Every fault is found by its name, causes before what follows, and nothing changed by looking."""

import pytest
from broken_batches import BATCHES
from broken_loops import LOOPS
from broken_models import MODELS
from programs import (
    BATCH,
    DATA,
    assert_same,
    healthy,
    lenet,
    names,
    sgd,
    snapshot,
    without_zero_grad,
)

from helpers.device import set_seed
from helpers.diagnosis.diagnose import CHECKS, diagnose
from helpers.diagnosis.finding import NAMES

CASES = BATCHES | MODELS | LOOPS


@pytest.mark.parametrize("make, name, also, says", CASES.values(), ids=CASES)
def test_every_fault_has_its_name(make, name, also, says):
    set_seed(0)
    model, batch, more = make()
    before = snapshot(model, more.get("optimizer"))
    found = {finding.name: finding.text for finding in diagnose(model, batch, **more)}
    assert name in found and not {*found} - {name} - also, list(found)
    assert says in found[name]
    assert_same(before, snapshot(model, more.get("optimizer")))


def test_every_name_has_a_case():
    assert len(CASES) == len(BATCHES) + len(MODELS) + len(LOOPS)
    assert {name for _, name, _, _ in CASES.values()} == {*NAMES}
    assert len({*NAMES}) == len(NAMES) and len({*CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("broken, lr, cause", [(without_zero_grad, 0.05, "no zero_grad"),
                                               (without_zero_grad, 0.3, "no zero_grad"),
                                               (healthy, 1.0, "learning rate too high"),
                                               (healthy, 10.0, "learning rate too high")])
def test_causes_are_told_before_what_follows(broken, lr, cause):
    """A network that broke a while ago: too large steps, gradients that add up."""
    model = lenet()
    step = broken(model, sgd(model, lr))
    for images, labels in DATA.batches(20):
        step(images, labels)
    found = names(model, BATCH, step=step)
    assert found[0] == cause and {*found[1:]} & {"all outputs the same", "nan in weights"}
