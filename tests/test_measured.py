"""`expect_band` inside, outside and without a band."""

import pytest

from helpers import expect_band, measured, profiles, read_json


@pytest.fixture
def bands(monkeypatch):
    monkeypatch.setattr(measured, "read_json",
                        lambda name: {"net": {"smoke, CIFAR-10": [0.5, 0.6]}})


@pytest.mark.parametrize("value, source, said", [
    (0.55, "CIFAR-10 (the official files)", "55.0 % is inside the band 50 to 60 %"),
    (0.4, "synthetic stand-in, not CIFAR-10", "not yet measured")])
def test_band_inside_and_without_one(bands, capsys, monkeypatch, value, source, said):
    monkeypatch.setenv("CI", "true")
    expect_band("net", value, source)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_a_band_without_data_holds_in_every_profile(profile, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", profile)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(measured, "read_json", lambda name: {"fill": {measured.ALWAYS: [0.1, 0.2]}})
    expect_band("fill", 0.15)
    assert "15.0 % is inside the band 10 to 20 %" in capsys.readouterr().out
    with pytest.raises(AssertionError, match=r"fill: 0\.3000 is outside"):
        expect_band("fill", 0.3)


def test_band_outside_explains_to_a_learner_and_fails_in_ci(bands, capsys, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    expect_band("net", 0.4, "CIFAR-10 (the official files)")
    assert "OUTSIDE" in (text := capsys.readouterr().out) and "restart the kernel" in text
    monkeypatch.setenv("CI", "true")
    with pytest.raises(AssertionError, match=r"net: 0\.4000 is outside"):
        expect_band("net", 0.4, "CIFAR-10 (the official files)")


def test_band_unknown_name(bands):
    with pytest.raises(KeyError, match="There are: net"):
        expect_band("nett", 0.5, "CIFAR-10")


def test_stored_bands_are_bands():
    for name, by_setting in read_json("bands.json").items():
        for setting, (low, high) in by_setting.items():
            if setting != measured.ALWAYS:
                which, source = setting.split(", ")
                assert which in profiles.PROFILES, (name, setting)
                assert source in ("CIFAR-10", "stand-in"), (name, setting)
            assert 0 <= low < high <= 1, (name, setting)
