import pytest

from helpers import budget, profile, profiles


@pytest.mark.parametrize("name, expected", [("smoke", 1), ("cpu", 3), ("gpu", 20)])
def test_budget_follows_the_profile(monkeypatch, name, expected):
    monkeypatch.setenv("COURSE_PROFILE", name)
    assert budget(smoke=1, cpu=3, gpu=20) == expected


def test_without_a_name_the_device_decides(monkeypatch):
    monkeypatch.delenv("COURSE_PROFILE")
    monkeypatch.setattr(profiles.torch.cuda, "is_available", lambda: True)
    assert profile() == "gpu"
    for device, expected in ((" cpu ", "cpu"), ("", "gpu"), (" cuda:1", "gpu"), ("mps", "cpu")):
        monkeypatch.setenv("COURSE_DEVICE", device)
        assert profile() == expected, "blanks mean as much as for get_device"


def test_unknown_profile_names_the_three(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "fast")
    with pytest.raises(ValueError, match="'fast', which is not a profile. Use smoke"):
        budget(smoke=1, cpu=3, gpu=20)
