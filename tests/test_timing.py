import time

import pytest
import torch

from helpers import seconds_per_call


def test_longer_calls_take_longer():
    short, long = (seconds_per_call(lambda s=s: time.sleep(s), budget=0.05) for s in (0.001, 0.008))
    assert short >= 0.001 and 2 < long / short < 12


def test_very_short_calls_are_timed_many_at_a_time():
    calls = []
    seconds = seconds_per_call(lambda: calls.append(1), budget=0.02)
    assert len(calls) > 100 and 0 < seconds < 0.001


@pytest.mark.parametrize("bad", [
    {"blocks": 0}, {"blocks": 2.5}, {"threads": 0}, {"threads": -1}, {"threads": 1.5},
    {"budget": -1}, {"budget": float("nan")}, {"budget": "1"}, {"call": 3}], ids=str)
def test_fault_f35_settings_that_measure_nothing_are_refused(bad):
    with pytest.raises(ValueError, match=r"^[^\n]{20,250}\.$"):
        seconds_per_call(**({"call": int, "budget": 0.001} | bad))


def test_threads_are_set_meanwhile_and_restored():
    before, seen = torch.get_num_threads(), set()
    seconds_per_call(lambda: seen.add(torch.get_num_threads()), threads=1, budget=0.001)
    assert seen == {1} and torch.get_num_threads() == before
