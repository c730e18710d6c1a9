"""The card of each figure: its words, its presets, and what a link keeps."""

import pytest
import torch
from widget_support import run_js

from helpers import widgets
from helpers.widgets import Figure
from helpers.widgets.card import carded, kept, words

KINDS = [one for name in widgets.__all__ if isinstance(one := getattr(widgets, name), type)
         and issubclass(one, Figure) and one is not Figure]
CARDS = [pytest.param(kind, id=kind.__name__) for kind in KINDS]


@pytest.mark.parametrize("kind", CARDS)
def test_every_figure_has_the_words_of_a_card(kind):
    said = words(kind)
    assert 1 <= len(kind.title.split()) <= 6 and kind.title != kind.__name__
    assert 20 <= len(said["challenge"]) <= 110 and said["challenge"][-1] in ".?"
    assert 40 <= len(said["caption"]) <= 320 and said["caption"].endswith(".")
    assert 2 <= len(said["presets"]) <= 5 and all(len(name) <= 24 for name in said["presets"])
    assert "!" not in said["challenge"] + said["caption"]


@pytest.mark.parametrize("kind", CARDS)
def test_presets_can_be_set_from_the_opening_in_python_and_in_the_page(kind):
    names, problem = kept(kind), kind.__module__.rpartition(".")[2]
    for preset in words(kind)["presets"].values():
        assert {*preset} <= {*names}, "settings that a link keeps"
        figure = kind()
        with figure.hold_trait_notifications():
            for name, value in preset.items():
                setattr(figure, name, value)
        state = figure.page_state()
        assert {name: state[name] for name in preset} == preset
        assert run_js(problem, f"figure.{problem}Problem(now)", [state]) == [""]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_card_holds_the_opening_state_and_nothing_that_a_run_has_written(kind):
    figure = kind()
    card = figure.card
    assert card["id"] == kind.__name__ and {*card["opening"]} == {*card["kept"]}
    assert not {"card", "limits", "tabbable", "image", "other", "losses", "epochs_done", "status",
                "running", "frames", "seed"} & {*card["kept"]}
    state = figure.page_state()
    assert all(state[name] == value for name, value in card["opening"].items())
    assert len(repr(card["opening"])) < 6_000
    again = kind.from_state(figure.get_state())
    assert again.card["opening"] == card["opening"]
    with pytest.raises(widgets.BadValue, match="has no setting card"):
        figure.card = {}
    with pytest.raises(widgets.BadValue, match="has no setting title"):
        figure.title = "mine"


def test_a_card_opens_with_what_was_asked_for():
    figure = widgets.PoolExplorer(torch.eye(3), mode="average", kernel_size=3)
    assert figure.card["opening"]["input"] == torch.eye(3).tolist()
    figure.stride = 2
    assert figure.card["opening"]["stride"] == 3


def test_a_figure_without_words_has_a_plain_card():
    class Bare(widgets.PoolExplorer):
        title, challenge, presets, caption = "", "", {}, ""

    assert words(Bare) == {"title": "Bare", "challenge": "", "caption": "", "presets": {}}
    assert "Bare" in carded(Bare())


def test_the_card_without_javascript_says_the_same_and_escapes_it():
    class Named(widgets.PoolExplorer):
        title, challenge, caption = "A <b>", "B & C", 'D "E"'

    text = carded(Named())
    assert "A &lt;b&gt;" in text and "B &amp; C" in text and "<table>" in text
    assert text.startswith('<figure class="ctr-card">') and text.endswith("</figcaption></figure>")
