"""The check whether a step has the effect that its optimizer has. See `diagnose`."""

from collections.abc import Iterator

from .case import Case
from .finding import Finding

TINY = 5e-5    # gradients in the step as parts of those of the loss, with which nothing moves
SMALL = 0.1    # the same where they have another direction, too, and weights hardly move
UNDONE = 0.02  # what is left of a change, as part of that which the optimizer makes
LOST = 0.5     # part of the weights that stay, though they have gradients
SEEN = 1e-6    # change of the weights that float32 can tell


def check_effect(case: Case) -> Iterator[Finding]:
    """Yield whether something takes back what the optimizer does, or leaves it nothing to do."""
    trace, trial = case.trace, case.trial
    if trace is None or trial is None or case.consequences or not trial.changes or not any(
            g is not None and g.any() for g in trace.gradients or []):
        return
    rates = [float(group["lr"]) for optimizer in case.moving for group in optimizer.param_groups]
    warm = min(1.0, max(trace.seen.rates, default=0) / max(*rates, 1e-30))  # by hand, in the step
    expected = trial.changes[0] * min(1.0, case.factor) * warm
    undone = expected > SEEN and trace.change < UNDONE * expected
    if case.factor < TINY or (undone and 0 < trace.factor < SMALL):
        yield Finding("gradients too small for a step", "When the optimizer moves, gradients are "
            f"{trace.factor:.0e} times those of the loss, so that weights hardly change. Clipped "
            "before scaler.unscale_(optimizer), they are divided by the scale once too often; a "
            "clip that is far too small does the same.")
        return
    # Steps of others differ by many powers of ten, and the large ones get through.
    adaptive = all("betas" in group for o in case.moving for group in o.param_groups)
    if trace.lost > LOST and adaptive:
        yield Finding("steps lost in half precision", f"{100 * trace.lost:.0f} % of the weights do "
            "not change in your step: they are stored in half precision, bfloat16 or float16, and "
            "steps smaller than a 250th of a weight are rounded away. Keep weights in float32, and "
            "compute in half precision by torch.autocast.")
        return
    if undone:
        yield Finding("the step is undone", "The optimizer alone changes the weights by "
            f"{100 * expected:.2g} %, but after your step they have changed by "
            f"{100 * trace.change:.2g} % only: something puts them back, such as load_state_dict "
            "of an earlier state, or an average that is copied into the model. Keep the average, "
            "or the best state, in a copy of its own.")
