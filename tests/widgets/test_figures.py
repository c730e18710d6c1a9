"""What all figures have in Python: refusals, a state that is saved, a module for the browser."""

import json
import re

import pytest
import torch

from helpers import (
    AugmentPlayground,
    AutogradGraph,
    BatchNormExplorer,
    Clinic,
    ConvExplorer,
    GradientDescent,
    GradientFlow,
    History,
    NetworkExplorer,
    PoolExplorer,
    ReceptiveField,
    ScheduleExplorer,
    TrainingMonitor,
)
from helpers.widgets import AllReduce, BadValue, Figure
from helpers.widgets import figure as figure_file
from helpers.widgets.figure import module

BAD = {
    ConvExplorer: [{"kernel": "soble"}, {"input": "edgy"}, {"photo": "edgy"},
                   {"input": "edge", "kernel": torch.ones(7, 7), "dilation": 2}],
    PoolExplorer: [{"mode": "median"}, {"padding": 2}, {"kernel_size": 7}],
    BatchNormExplorer: [{"batch_size": 1}, {"gamma": "1"}, {"scale": -1.0}, {"beta": torch.nan},
                        {"trail": [[1.0]]}],
    GradientFlow: [{"depth": 128}, {"depth": "16"}, {"seed": -1},
                   {"frames": {"default, none, 2": {}}}],
    AugmentPlayground: [
        {"image": image} for image in (
            "chelsea", torch.zeros(1, 32, 32), torch.zeros(2, 3, 32, 32), torch.zeros(32, 32),
            torch.zeros(32, 32, 3), torch.zeros(3, 65, 32), torch.zeros(3, 15, 32),
            torch.full((3, 32, 32), 1.01), torch.full((3, 32, 32), -0.1),
            torch.full((3, 32, 32), torch.nan), torch.zeros(3, 32, 32, dtype=torch.int64),
            {"height": 16, "width": 16, "data": "AAAA"}, {"height": 16})]
    + [{"contrast": torch.nan}, {"cutout": 4.0}],
    ScheduleExplorer: [{"lr": 0.0}, {"lr": torch.nan}, {"epochs": 61}, {"epochs": 10.0},
                       {"step_size": 0}, {"factor": 1.0}],
    GradientDescent: [{"lr": 0.0}, {"momentum": 1.0}, {"steps": 4}, {"x": 2.1}, {"y": torch.nan},
                      {"surface": "canyon"}, {"nesterov": True}, {"noise": "much"},
                      {"schedule": "OneCycleLR"}],
    Clinic: [{"patient": 1}, {"patient": "9"}, {"ward": "A"}, {"answers": {"1": ["flu"]}},
             {"answers": {"1": "overfitting"}}, {"answers": []}],
    AllReduce: [{"processes": 1}, {"processes": 9}, {"processes": 3.0}, {"processes": True},
                {"processes": 3, "values": torch.ones(4, 4)}, {"processes": 3, "step": 5},
                {"step": -1}, {"gigabits": torch.nan}, {"latency": "1"}],
    ReceptiveField: [
        {"layers": layers} for layers in ([], "VGGnet", [(0,)], [3], [(5,)] * 9, [(5, 1, 0, 1, 1)])]
    + [{"layers": [(9,)], "size": 8}, {"layers": [(3,)], "layer": 2},
       {"layers": [(3,)], "size": 8, "index": 6}, {"layers": [(3,)], "size": 97},
       {"layers": [(3,)], "size": 8, "row": 6}, {"picture": torch.zeros(2, 9, 9)}],
    NetworkExplorer: [{"picture": 5}, {"mode": "sideways"}, {"target": 10}, {"path": [[0]]},
                      {"path": [[99, 0]]}, {"path": [[1, 4704]]}, {"path": "conv1"},
                      {"look": "conv3"}, {"look": ("conv1", 6)}, {"look": ("conv1", 0, 28)},
                      {"look": 7}, {"look": (1, 2)},
                      {"images": torch.zeros(2, 1, 32, 32)}, {"images": torch.zeros(13, 3, 32, 32)},
                      {"images": torch.full((1, 3, 32, 32), 9.0)}, {"images": "chelsea"},
                      {"images": torch.zeros(1, 3, 24, 24)}, {"labels": [10] * 5},
                      {"labels": [1]}, {"classes": ["a", "b"]}, {"std": 0.0}, {"mean": [1, 2]}],
    AutogradGraph: [{"function": function, "x": x} for function, x in (
        (lambda x: x * 2, [1.0, 2.0]), (lambda x: x.add_(1), 1.0), (lambda x: x.log(), 0.0),
        (lambda x: x, "a"), (lambda x: 3, 1), (lambda x: x.sum(), torch.ones(17)),
        ("x)", 1.0), ("sin x", 1.0), ("x + w", 1.0), (7, 1.0), ("x", [1.0, 2.0]), ("x", torch.inf),
        (lambda x: sum([x] * 30), 1.0), (lambda x: x * 1, torch.nan), (lambda x: x.sqrt(), 0.0))],
}


def is_one_sentence(problem) -> bool:
    return 20 < len(str(problem.value)) < 350 and "\n" not in str(problem.value)


@pytest.mark.parametrize("kind", BAD, ids=lambda kind: kind.__name__)
def test_figures_that_cannot_be_are_refused_with_a_sentence(kind):
    """More of them, which JavaScript refuses as well, are in test_js_common.py."""
    for settings in BAD[kind]:
        with pytest.raises(BadValue) as problem:
            kind(**settings)
        assert is_one_sentence(problem), settings


def test_questions_that_a_figure_cannot_answer_are_refused_with_a_sentence():
    ring = AllReduce()
    for ask, *question in ((GradientFlow().norms, "both"), (AugmentPlayground().parameters, 8),
                           (ScheduleExplorer(epochs=5).rates, "warm-up + cosine"),
                           (ring.state, 7), (ring.state, 1.0), (ring.sent, -1), (ring.traffic, 7),
                           (ring.seconds, "tree"), (ring.seconds, "ring", 1),
                           (ring.seconds, "ring", 2.0)):
        with pytest.raises(BadValue) as problem:
            ask(*question)
        assert is_one_sentence(problem)


def figures():
    history = History(train_loss=[2.0], train_accuracy=[0.2], seconds=[1.0], images=[10],
                      batch_loss=[2.1, 1.9])
    return [ConvExplorer(torch.rand(4, 5), padding=2), ConvExplorer(), PoolExplorer(mode="average"),
            ReceptiveField("one 7", 20, layer=0), ReceptiveField(picture=torch.eye(19), heat=False),
            AutogradGraph("log(x) * y", x=-1.0, over="y", step=3),
            AutogradGraph(lambda x: x * x, x=3.0, step=2), TrainingMonitor(history),
            AllReduce(5, algorithm="to one and back", step=7, megabytes=2.5, latency=3.0),
            AllReduce(values=torch.eye(2), gigabits=400.0), BatchNormExplorer(gamma=0.5, draws=3),
            GradientFlow(8, norm="batch norm", kind="plain", seed=11),
            AugmentPlayground(torch.rand(3, 16, 20), hue=0.2, cutout=6, share=0.5, draws=2),
            NetworkExplorer(look=("fc1", 7), mode="back", target=3, picture=2),
            GradientDescent("valley", lr=0.01, momentum=0.9, nesterov=True, race=True, noise=0.1,
                            schedule="StepLR"),
            Clinic(ward="slow or stuck", patient="3", answers={"3": ["overfitting"]}),
            ScheduleExplorer("warm-up + cosine", lr=0.3, epochs=12, warmup=2, eta_min=0.001,
                             log_scale=True)]


@pytest.mark.parametrize("figure", figures(), ids=lambda f: type(f).__name__)
def test_a_figure_is_made_again_from_its_saved_state(figure):
    state = figure.get_state()
    again = type(figure).from_state(state).get_state()
    assert state | {"layout": None} == again | {"layout": None}
    assert figure.to_html().count("<table>") >= 1


@pytest.mark.parametrize("name", ["allreduce", "augment", "clinic", "conv", "field", "flow",
                                  "graph", "hill", "monitor", "network", "norm", "pool",
                                  "schedule"])
def test_modules_import_nothing_and_stay_small(name):
    text = module(name)
    most = 140_000 if name == "network" else 90_000
    assert not re.search(r"^import ", text, re.MULTILINE) and len(text) < most
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]


def test_a_module_leaves_out_comments_on_lines_of_their_own_and_nothing_else(monkeypatch):
    code = ('export const a = 1;  // kept\n/** kept */ const b = "//";\nlet c = 2; /* kept */\n'
            "/** an end on the same line is followed by code */ c();\n")
    text = "// why\n/** What.\n    More. */\n  // inside\n" + code + "/**\n * Last.\n */\n"
    monkeypatch.setattr(figure_file, "_read", lambda name: text)
    assert figure_file._part("some") == code


def test_figures_of_chapters_7_and_8_leave_the_random_numbers_alone_and_are_small():
    before = torch.get_rng_state()
    flow, play = GradientFlow(seed=5), AugmentPlayground()
    play.draw_again()
    assert play.output.shape == (8, 3, 40, 40) and torch.get_rng_state().equal(before)
    with torch.no_grad():
        assert GradientFlow(seed=6).norms("plain").all(), "a cell without gradients can show them"
    assert len(json.dumps(flow.frames)) < 15_000
    assert len(json.dumps(play.page_state()["image"])) < 8_000


def test_a_figure_without_a_form_for_those_without_javascript_cannot_be_made():
    class Silent(Figure):
        _esm = module("conv")

    with pytest.raises(TypeError, match="to_html"):
        Silent()
