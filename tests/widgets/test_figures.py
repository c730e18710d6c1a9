"""The figures from Python: values set and read, bad ones refused, and the state that a page is made
of.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import traitlets
from torch import nn

from helpers import (
    KERNELS,
    AugmentPlayground,
    AutogradGraph,
    BatchNormExplorer,
    ConvExplorer,
    GradientFlow,
    History,
    LeNet,
    PoolExplorer,
    ReceptiveField,
    ScheduleExplorer,
    TrainingMonitor,
)
from helpers import fit as train
from helpers.training.history import TrainingStopped
from helpers.widgets import ALGORITHMS, DEPTHS, SCHEDULES, STACKS, AllReduce, BadValue
from helpers.widgets.figure import module


def test_output_is_what_conv2d_gives_for_what_can_be_read():
    figure = ConvExplorer(torch.rand(9, 7), KERNELS["laplacian"], stride=2, padding=1)
    expected = F.conv2d(figure.input[None, None], figure.kernel[None, None], stride=2,
                        padding=1)[0, 0]
    assert figure.output.equal(expected) and figure.output.shape == (5, 4)
    figure.stride = 1
    assert figure.output.shape == (9, 7)
    figure.kernel[0, 0] = 100  # a copy
    assert figure.kernel.equal(torch.tensor(KERNELS["laplacian"]))


@pytest.mark.parametrize("value", [[[1, 2], [3, 4]], np.eye(3), torch.ones(2, 3, dtype=torch.uint8),
                                   ((0.5,),),
                                   torch.ones(2, 2, requires_grad=True), np.array([[True, False]])])
def test_all_that_is_a_matrix_is_taken(value):
    figure = ConvExplorer(kernel=value)
    assert figure.kernel.dtype == torch.float32 and figure.kernel.ndim == 2 and not figure.kernel.requires_grad


@pytest.mark.parametrize("name, value, word", [
    ("kernel", [[1, 2], [3]], "rectangle"), ("kernel", [[float("nan")]], "nan"),
    ("kernel", [[float("inf")]], "inf"),
    ("kernel", "soble", "rows"), ("kernel", [["1"]], "'1'"), ("kernel", [], "rows"),
    ("kernel", [[]], "rows"),
    ("kernel", 3, "rows"), ("kernel", None, "rows"), ("kernel", [[None]], "None"),
    ("kernel", torch.ones(8, 8), "at most 7"),
    ("kernel", torch.ones(1, 3, 3), "two axes"), ("kernel", np.array([["a"]]), "'a'"),
    ("input", torch.ones(17, 3), "at most 16"),
    ("input", [[1e9]], "1,000,000"), ("stride", 0, "1 to 4"), ("stride", 5, "1 to 4"),
    ("stride", "2", "whole number"),
    ("stride", 1.0, "whole number"), ("stride", True, "whole number"), ("padding", -1, "0 to 4"),
    ("dilation", 4, "fits nowhere"), ("input", [[1.0]], "fits nowhere")])
def test_bad_values_are_refused_in_one_sentence_and_the_last_good_state_is_kept(name, value, word):
    figure = ConvExplorer()
    before = figure.get_state()
    with pytest.raises(BadValue) as problem:
        setattr(figure, name, value)
    assert word in str(problem.value) and str(problem.value).count("\n") == 0
    assert isinstance(problem.value, ValueError) and isinstance(problem.value, traitlets.TraitError)
    assert figure.get_state() == before and figure.output.shape == (6, 6)


def test_values_that_only_fit_together_are_set_together():
    figure = ConvExplorer()
    with figure.hold_trait_notifications():
        figure.kernel, figure.padding, figure.dilation = torch.ones(5, 5), 4, 3
    assert figure.output.shape == (4, 4)
    with pytest.raises(BadValue, match="fits nowhere"), figure.hold_trait_notifications():
        figure.padding, figure.stride = 0, 3
    assert (figure.padding, figure.stride, figure.dilation) == (4, 1, 3)


@pytest.mark.parametrize("make", [
    lambda: ConvExplorer(kernel="soble"), lambda: ConvExplorer(input="edgy"),
    lambda: ConvExplorer(kernel=torch.ones(7, 7), dilation=2),
    lambda: BatchNormExplorer(batch_size=1), lambda: BatchNormExplorer(gamma="1"),
    lambda: BatchNormExplorer(scale=-1.0), lambda: BatchNormExplorer(beta=float("nan")),
    lambda: GradientFlow(5), lambda: GradientFlow(128), lambda: GradientFlow("16"),
    lambda: GradientFlow(norm="layer"),
    lambda: GradientFlow(kind="dense"), lambda: GradientFlow(weights="he"),
    lambda: GradientFlow(seed=-1),
    lambda: GradientFlow(frames={"default, none, 2": {}}), lambda: GradientFlow().norms("both"),
    lambda: AugmentPlayground("chelsea"), lambda: AugmentPlayground(torch.zeros(1, 32, 32)),
    lambda: AugmentPlayground(torch.zeros(2, 3, 32, 32)),
    lambda: AugmentPlayground(torch.zeros(32, 32)),
    lambda: AugmentPlayground(torch.zeros(32, 32, 3)),
    lambda: AugmentPlayground(torch.zeros(3, 65, 32)),
    lambda: AugmentPlayground(torch.zeros(3, 15, 32)),
    lambda: AugmentPlayground(torch.full((3, 32, 32), 1.01)),
    lambda: AugmentPlayground(torch.full((3, 32, 32), -0.1)),
    lambda: AugmentPlayground(torch.full((3, 32, 32), torch.nan)),
    lambda: AugmentPlayground(torch.zeros(3, 32, 32, dtype=torch.int64)),
    lambda: AugmentPlayground({"height": 16, "width": 16, "data": "AAAA"}),
    lambda: AugmentPlayground({"height": 16}),
    lambda: AugmentPlayground(torch.zeros(3, 32, 32), torch.zeros(3, 32, 33)),
    lambda: AugmentPlayground(padding=9), lambda: AugmentPlayground(hue=0.6),
    lambda: AugmentPlayground(window=0),
    lambda: AugmentPlayground(contrast=float("nan")),
    lambda: AugmentPlayground(padding_mode="edge"),
    lambda: AugmentPlayground(cutout=4.0), lambda: AugmentPlayground(share=1.5),
    lambda: AugmentPlayground(draws=-1),
    lambda: AugmentPlayground().parameters(8),
    lambda: PoolExplorer(mode="median"), lambda: PoolExplorer(padding=2),
    lambda: PoolExplorer(kernel_size=7),
    lambda: ScheduleExplorer("CyclicLR"), lambda: ScheduleExplorer(lr=0.0),
    lambda: ScheduleExplorer(lr=2.0),
    lambda: ScheduleExplorer(lr=float("nan")), lambda: ScheduleExplorer(epochs=4),
    lambda: ScheduleExplorer(epochs=61),
    lambda: ScheduleExplorer(epochs=10.0), lambda: ScheduleExplorer(gamma=1.5),
    lambda: ScheduleExplorer(patience=-1),
    lambda: ScheduleExplorer(step_size=0), lambda: ScheduleExplorer(factor=1.0),
    lambda: ScheduleExplorer("OneCycleLR", pct_start=0.1, epochs=10),
    lambda: ScheduleExplorer("warm-up + cosine", warmup=10, epochs=10),
    lambda: ScheduleExplorer("CosineAnnealingLR", lr=0.05, eta_min=0.06),
    lambda: ScheduleExplorer(epochs=5).rates("warm-up + cosine"),
    lambda: AllReduce(1), lambda: AllReduce(7), lambda: AllReduce(3.0), lambda: AllReduce(True),
    lambda: AllReduce(3, values=torch.ones(4, 4)), lambda: AllReduce(values=torch.ones(3, 4)),
    lambda: AllReduce(values=[[1]]), lambda: AllReduce(values=torch.ones(7, 7)),
    lambda: AllReduce(values=[[1, 2], [3]]), lambda: AllReduce(algorithm="tree"),
    lambda: AllReduce(3, step=5), lambda: AllReduce(step=-1),
    lambda: AllReduce(step=4, algorithm="everyone to everyone"), lambda: AllReduce(megabytes=0),
    lambda: AllReduce(megabytes=1001), lambda: AllReduce(gigabits=float("nan")),
    lambda: AllReduce(latency="1"),
    lambda: AllReduce().state(7), lambda: AllReduce().state(1.0), lambda: AllReduce().sent(-1),
    lambda: AllReduce().traffic(7), lambda: AllReduce().seconds("tree"),
    lambda: AllReduce().seconds("ring", 1),
    lambda: AllReduce().seconds("ring", 2.0),
    lambda: ReceptiveField([]), lambda: ReceptiveField("VGGnet"), lambda: ReceptiveField([(0,)]),
    lambda: ReceptiveField([3]),
    lambda: ReceptiveField([(5,)] * 9), lambda: ReceptiveField([(5, 1, 0, 1, 1)]),
    lambda: ReceptiveField([(9,)], 8),
    lambda: ReceptiveField([(3,)], layer=2), lambda: ReceptiveField([(3,)], 8, index=6),
    lambda: ReceptiveField([(3,)], 65),
    lambda: AutogradGraph(lambda x: x * 2, x=[1.0, 2.0]),
    lambda: AutogradGraph(lambda x: x.add_(1), x=1.0),
    lambda: AutogradGraph(lambda x: x.log(), x=0.0), lambda: AutogradGraph(lambda x: x, x="a"),
    lambda: AutogradGraph(lambda x: 3, x=1),
    lambda: AutogradGraph(lambda x: x.sum(), x=torch.ones(17)),
    lambda: AutogradGraph(lambda x: sum([x] * 30), x=1.0),
    lambda: AutogradGraph(lambda x: x * 1, x=float("nan")),
    lambda: AutogradGraph(lambda x: x.sqrt(), x=0.0)])
def test_figures_that_cannot_be_are_refused_with_a_sentence(make):
    with pytest.raises(BadValue) as problem:
        make()
    assert 20 < len(str(problem.value)) < 350 and "\n" not in str(problem.value)


@pytest.mark.parametrize("mode", ["max", "average"])
def test_pooling_is_pytorchs(mode):
    figure = PoolExplorer(torch.randn(7, 8), mode=mode, kernel_size=3, padding=1, ceil_mode=True)
    pool = F.max_pool2d if mode == "max" else F.avg_pool2d
    assert figure.stride == 3
    assert figure.output.equal(pool(figure.input[None, None], 3, 3, 1, ceil_mode=True)[0, 0])


def test_receptive_field_takes_short_layers_and_names():
    figure = ReceptiveField(layers=[(5,), (2, 2), (5,), (2, 2)], size=32)
    assert figure.layers == STACKS["LeNet"] == ReceptiveField("LeNet").layers
    assert figure.field == (16, 4, 0) and (figure.layer, figure.index) == (4, 2)
    with pytest.raises(BadValue, match="hold_trait_notifications"):
        figure.layer, figure.index = 4, 9
    with figure.hold_trait_notifications():
        figure.layer, figure.index = 1, 27
    assert figure.field.size == 5


def test_the_graph_has_the_values_and_gradients_of_autograd():
    def function(x, y):
        hidden = (x * y + x.sin()) ** 2
        return hidden / (1 - y)

    graph = AutogradGraph(function, x=2.0, y=-1.0)
    x, y = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (2.0, -1.0))
    function(x, y).backward()
    assert graph.gradients["x"] == x.grad and graph.gradients["y"] == y.grad and graph.replayable
    assert [n["label"] for n in graph.nodes][2:] == ["x × y", "sin(x)", "a + b", "c ^ 2", "1 − y",
                                                     "d / e"]
    graph.inputs = {"x": 1.0, "y": 3.0}
    assert graph.nodes[-1]["value"] == [pytest.approx(function(torch.tensor(1.0),
                                                               torch.tensor(3.0)).item())]
    with pytest.raises(BadValue, match="not a finite number"):
        graph.inputs = {"x": 1.0, "y": 1.0}
    assert graph.inputs == {"x": 1.0, "y": 3.0} and graph.nodes[1]["value"] == [3.0]


def test_what_the_page_cannot_compute_again_is_only_shown():
    assert not AutogradGraph(lambda x: (x @ x).sum(), x=torch.ones(2, 2)).replayable
    assert not AutogradGraph(lambda x: x * 2 if x > 0 else x * 3, x=1.0).replayable
    assert not AutogradGraph(lambda x: x.sum(0).sum(), x=torch.ones(2, 2)).replayable
    assert AutogradGraph(lambda x: (3 * (x + 2) ** 2).mean(), x=torch.ones(2, 2)).replayable


def figures():
    history = History(train_loss=[2.0], train_accuracy=[0.2], seconds=[1.0], images=[10],
                      batch_loss=[2.1, 1.9])
    return [ConvExplorer(torch.rand(4, 5), padding=2), PoolExplorer(mode="average"),
            ReceptiveField("one 7", 20, layer=0),
            AutogradGraph(lambda x: x * x, x=3.0, step=2), TrainingMonitor(history),
            AllReduce(5, algorithm="to one and back", step=7, megabytes=2.5, latency=3.0),
            AllReduce(values=torch.eye(2), gigabits=400.0),
            BatchNormExplorer(gamma=0.5, draws=3),
            GradientFlow(8, norm="batch norm", kind="plain", seed=11),
            AugmentPlayground(torch.rand(3, 16, 20), hue=0.2, cutout=6, share=0.5, draws=2),
            ScheduleExplorer("warm-up + cosine", lr=0.3, epochs=12, warmup=2, eta_min=0.001,
                             log_scale=True)]


@pytest.mark.parametrize("figure", figures(), ids=lambda f: type(f).__name__)
def test_a_figure_is_made_again_from_its_saved_state(figure):
    state = figure.get_state()
    again = type(figure).from_state(state).get_state()
    same = [name for name in state if name not in ("layout",)]
    assert {n: state[n] for n in same} == {n: again[n] for n in same}
    assert figure.to_html().count("<table>") >= 1


@pytest.mark.parametrize("name", ["allreduce", "augment", "conv", "flow", "pool", "field", "graph",
                                  "monitor", "norm",
                                  "schedule"])
def test_modules_import_nothing_and_stay_small(name):
    text = module(name)
    assert "import " not in text.replace("import.meta", "") or "from \"" not in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg",
                                         "") and "https://" not in text
    assert len(text) < 40_000


@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_gradients_are_those_of_a_network_that_pytorch_sets_up(kind):
    """The same network, layer by layer as `nn` makes it with its default weights."""
    figure = GradientFlow(4, seed=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        settings = {"padding": 1, "dtype": torch.float64}
        classify = nn.Linear(8, 10, dtype=torch.float64)
        layers = [nn.Conv2d(3, 8, 3, **settings),
                  *(nn.Conv2d(8, 8, 3, **settings) for _ in range(4))]
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(16, 3, 8, 8, generator=generator, dtype=torch.float64)
    x = layers[0](images).relu()
    for first, second in ((1, 2), (3, 4)):
        out = layers[second](layers[first](x).relu())
        x = (x + out).relu() if kind == "residual" else out.relu()
    loss = F.cross_entropy(classify(x.mean((2, 3))),
                           torch.randint(0, 10, (16,), generator=generator))
    loss.backward()
    expected = torch.stack([layer.weight.grad.norm() for layer in layers[1:]])
    torch.testing.assert_close(figure.norms(kind), expected, rtol=5.1e-3, atol=0)
    assert figure.loss(kind) == pytest.approx(loss.item(), rel=5.1e-3)


def test_gradients_show_what_chapter_7_says():
    def ends(figure, kind):
        norms = figure.norms(kind)
        assert norms.shape == (figure.depth,)
        return (norms[0] / norms[-1]).item()

    figure = GradientFlow()
    for depth in DEPTHS:
        figure.depth = depth
        figure.norm, figure.weights = "none", "default"
        assert 0.1 < ends(figure, "residual") < 1
        figure.norm = "batch norm"
        assert 0.9 < ends(figure, "residual") < 30
    assert ends(figure, "plain") > 1000, "with batch norm, it grows towards the first layers"
    figure.norm = "none"
    assert ends(figure, "plain") < 1e-25, "without, it is lost on the way"
    figure.weights = "He"
    assert 0.1 < ends(figure, "plain") < 100 and figure.loss("plain") < 2.4
    assert figure.norms("residual").min() > 1000 and figure.loss("residual") > 1000, (
        "the sum grows from block to block")


def test_figures_of_chapters_7_and_8_leave_the_random_numbers_alone_and_are_small():
    before = torch.get_rng_state()
    flow, play = GradientFlow(seed=5), AugmentPlayground()
    play.draw_again()
    assert play.output.shape == (8, 3, 40, 40) and torch.get_rng_state().equal(before)
    with torch.no_grad():
        assert GradientFlow(seed=6).norms("plain").all(), (
            "a cell without gradients can show them, too")
    assert len(json.dumps(flow.frames)) < 15_000 and len(
        json.dumps(play.get_state()["image"])) < 8_000


def test_a_network_that_no_gradient_gets_through():
    figure = GradientFlow(8, seed=11)
    assert figure.norms("plain")[:7].eq(0).all() and figure.norms("plain")[7] > 0
    with pytest.raises(BadValue, match="seed="):
        figure.seed = 12
    with pytest.raises(BadValue, match="one of 2, 4"):
        figure.depth = 10
    assert (figure.depth, figure.seed) == (8, 11)


def picture():
    return torch.randint(0, 256, (3, 20, 16), dtype=torch.uint8,
                         generator=torch.Generator().manual_seed(4))


def test_an_image_that_nothing_changes_is_the_image():
    image = picture()
    figure = AugmentPlayground(image, flip=False, padding=0)
    assert figure.output.equal((image / 255).expand(8, -1, -1,
                                                    -1)) and figure.image.equal(image / 255)
    assert all(figure.words(k) == f"draw {k + 1}: unchanged" for k in range(8))
    figure.image[:] = 0  # a copy
    assert figure.image.equal(image / 255)
    figure.image = image.double() / 255
    assert figure.image.equal(image / 255)


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_flips_and_crops_are_slices_of_the_image(mode):
    image = picture() / 255
    figure = AugmentPlayground(image, padding=3,
                               padding_mode="zeros" if mode == "constant" else mode)
    padded, flips, places = F.pad(image, [3] * 4, mode=mode), 0, set()
    for _ in range(6):
        for k, result in enumerate(figure.output):
            found = figure.parameters(k)
            top, left = 3 - found["down"], 3 - found["right"]
            part = padded[:, top:top + 20, left:left + 16]
            assert result.equal(part.flip(2) if found["flip"] else part)
            flips += found["flip"]
            places.add((top, left))
        figure.draw_again()
    assert 10 < flips < 38 and {n for place in places for n in place} == set(range(7))


def test_a_control_changes_how_much_and_a_draw_changes_what():
    figure = AugmentPlayground(picture(), cutout=6)
    before = [figure.parameters(k) for k in range(8)]
    figure.brightness = 0.5
    changed = [figure.parameters(k) for k in range(8)]
    assert all({**b, "brightness": None} == a and 0.5 <= b["brightness"] <= 1.5
               for a, b in zip(before, changed, strict=True))
    figure.draw_again()
    assert all(figure.parameters(k) != changed[k] for k in range(8))


def test_cutout_and_mixup_of_the_playground():
    image, other = picture() / 255, picture().flip(1) / 255
    figure = AugmentPlayground(image, other, flip=False, padding=0, cutout=7, cutout_fill="mean")
    for k, result in enumerate(figure.output):
        row, column = figure.parameters(k)["hole"]
        inside = torch.zeros(20, 16, dtype=torch.bool)
        inside[max(0, row - 3):row + 4, max(0, column - 3):column + 4] = True
        assert result[:, ~inside].equal(image[:, ~inside])
        torch.testing.assert_close(result[:, inside],
                                   image.mean((1, 2))[:, None].expand(-1, int(inside.sum())))
    figure.cutout, figure.share = 0, 0.25
    torch.testing.assert_close(figure.output[3], 0.25 * image + 0.75 * other)
    assert figure.words(3) == "draw 4: 0.25 of it mixed with 0.75 of the second image"


def test_codes_of_schedules_make_the_rates_of_the_figure():
    """The code, run as a reader would, steps through the rates that the figure gives."""
    generator, refused = torch.Generator().manual_seed(5), 0
    numbers = torch.rand(300, 8, generator=generator, dtype=torch.float64)
    for number, u in enumerate(numbers.tolist()):
        settings = {"lr": round(10 ** (-3 * u[0]), 3), "epochs": 5 + int(55 * u[1]),
                    "step_size": 1 + int(20 * u[2]),
                    "gamma": 0.05 + 0.95 * u[3], "exp_gamma": 0.5 + 0.5 * u[4],
                    "eta_min": (0.1 * u[5]) ** 3,
                    "pct_start": 0.1 + 0.8 * u[6], "warmup": 1 + int(12 * u[7]),
                    "factor": 0.05 + 0.9 * u[3],
                    "patience": int(6 * u[5])}
        try:
            figure = ScheduleExplorer(SCHEDULES[number % len(SCHEDULES)], **settings)
        except BadValue:
            refused += 1
            continue
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=figure.lr)
        scheduler = eval(figure.code(),
                         {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler})
        rates, losses = figure.rates(), figure.losses()
        assert rates.shape == losses.shape == (
            figure.epochs,) and rates.dtype == losses.dtype == torch.float64
        told = losses.tolist() if figure.schedule == "ReduceLROnPlateau" else [None] * figure.epochs
        found = []
        for loss in told:
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step(*([] if loss is None else [loss]))
        torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), rates, rtol=1e-12,
                                   atol=0)
    assert refused < 60, "most must fit"
    texts = [f"scheduler = {ScheduleExplorer(name).code()}" for name in SCHEDULES]
    assert max(len(line) for text in texts
               for line in text.split("\n")) <= 88, "a chapter's code is no wider"


def test_descents_follow_the_noisy_gradient():
    """The same descents with tensors, and the noise from the generator's published 10,000th number.
    """
    state, states = 1, []
    for _ in range(15 * 25 * 32 * 3):
        state = 48_271 * state % (2 ** 31 - 1)
        states.append(state)
    assert states[9_999] == 399_268_537  # as the C++ standard gives it for std::minstd_rand
    uniform = torch.tensor(states, dtype=torch.float64).reshape(15, 25, 32, 3) / (2 ** 31 - 1)
    noise = 4 * (uniform - 0.5).sum(-1)
    assert noise.std() == pytest.approx(2, rel=0.02) and abs(noise.mean()) < 0.05
    for name in SCHEDULES:
        figure, weights = ScheduleExplorer(name, epochs=15, lr=0.3), torch.full((32,), 10,
                                                                                dtype=torch.float64)
        for rate, loss, steps in zip(figure.rates(), figure.losses(), noise, strict=True):
            losses = []
            for one in steps:
                weights = weights - rate * (weights + one)
                losses.append((weights ** 2 / 2).mean())
            assert torch.stack(losses).mean().item() == pytest.approx(loss.item(), rel=1e-9)


def test_schedules_show_what_chapter_9_says():
    figure = ScheduleExplorer()
    large, small = figure.losses("constant"), ScheduleExplorer("constant", lr=0.01).losses()
    assert large[2] < 0.02 * small[2], "a large rate gets there fast"
    assert large[10:].mean() == pytest.approx(0.1, rel=0.1) and small[20:].mean() == pytest.approx(
        0.01, rel=0.3), \
        "a constant rate settles at a loss of about the rate itself"
    for lr in (0.2, 0.5, 1.0):
        balance = ScheduleExplorer("constant", lr=lr, epochs=60).losses()[5:].mean()
        assert balance == pytest.approx(lr / (1 - lr / 2), rel=0.05)
    for name in SCHEDULES[1:]:
        losses = figure.losses(name)
        assert losses[-1] < 0.15 * large[-1] and losses[9] < small[9], name
    reduced = figure.rates("ReduceLROnPlateau").diff().nonzero()[:, 0]
    assert len(reduced) == 2 and 4 < reduced[0] < 20, "only where the loss has stopped falling"
    figure.lr = 0.003
    assert figure.losses("StepLR")[-1] > 10 * figure.losses("constant")[-1] / 2, (
        "reduced too early, it gets nowhere")


def test_another_schedule_is_asked_for_and_the_chosen_one_stays():
    figure = ScheduleExplorer("warm-up + cosine", epochs=8, warmup=3)
    before = figure.get_state()
    assert figure.rates("StepLR").equal(
        ScheduleExplorer(epochs=8).rates()) and figure.get_state() == before
    with pytest.raises(BadValue, match="shorter than the whole"):
        figure.warmup = 8
    with pytest.raises(BadValue, match="one of constant"):
        figure.rates("CyclicLR")
    assert figure.get_state() == before
    with figure.hold_trait_notifications():
        figure.epochs, figure.warmup = 20, 15
    assert figure.rates().argmax() == 15
    figure.schedule = "StepLR"
    figure.epochs = 10  # the warm-up, hidden now, does not matter
    with pytest.raises(BadValue, match="shorter than the whole"):
        figure.losses("warm-up + cosine")
    assert "warm-up" not in figure.to_html() and "StepLR (chosen)" in figure.to_html()


def test_two_images_of_another_size_are_set_together():
    figure = AugmentPlayground()
    before = figure.get_state()
    with pytest.raises(BadValue, match="hold_trait_notifications"):
        figure.image = torch.zeros(3, 32, 32)
    assert figure.get_state() == before
    with figure.hold_trait_notifications():
        figure.image, figure.other = torch.zeros(3, 32, 32), torch.ones(3, 32, 32)
    assert figure.output.shape == (8, 3, 32, 32)


def chosen_values(n: int, whole: bool) -> torch.Tensor:
    generator = torch.Generator().manual_seed(n)
    return (torch.randint(-99, 99, (n, n), generator=generator) if whole
            else torch.randn(n, n, generator=generator))


def whole_chunks(figure: AllReduce, step: int) -> torch.Tensor:
    """Which chunks hold the sum of all ranks, found with a number of its own for each rank."""
    bits = 2 ** torch.arange(figure.processes)[:, None].expand(-1, figure.processes)
    return AllReduce(values=bits,
                     algorithm=figure.algorithm).state(step) == 2 ** figure.processes - 1


@pytest.mark.parametrize("processes", range(2, 7))
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_after_the_last_step_every_rank_holds_the_sum(algorithm, processes):
    for whole in (True, False):
        values = chosen_values(processes, whole)
        figure = AllReduce(values=values, algorithm=algorithm)
        assert figure.state(0).equal(figure.values) and figure.values.equal(
            values.float()) and figure.sent(0) == []
        figure.step = figure.steps
        expected = values.float().sum(0).expand(processes, -1)
        torch.testing.assert_close(figure.state(), expected, rtol=0 if whole else 1.3e-6,
                                   atol=0 if whole else 1e-5)
        assert figure.state().dtype == torch.float32 and whole_chunks(figure, figure.steps).all()
    changed = [(figure.state(s) != figure.state(s - 1)).sum() for s in range(1, figure.steps + 1)]
    assert all(changed), "each step does something"
    figure.state(0)[:] = 7  # a copy
    assert figure.values.equal(values)


@pytest.mark.parametrize("processes", range(2, 7))
def test_the_ring_is_the_one_of_the_chapter(processes):
    """Chunk by chunk, as the chapter's own ring sends them."""
    n, figure = processes, AllReduce(values=chosen_values(processes, True))
    held = figure.values
    for s in range(n - 1):
        moves = [(r, (r + 1) % n, ((r - s) % n,)) for r in range(n)]
        assert figure.sent(s + 1) == moves
        for (_, receiver, (chunk,)), number in zip(moves, [held[r, (r - s) % n].item()
                                                           for r in range(n)], strict=True):
            held[receiver, chunk] += number
        assert figure.state(s + 1).equal(held)
    owned = whole_chunks(figure, n - 1)
    assert owned.equal(torch.eye(n, dtype=torch.bool).roll(1, 1)), (
        "rank r has chunk r + 1, and no other one")
    for s in range(n - 1):
        moves = [(r, (r + 1) % n, ((r + 1 - s) % n,)) for r in range(n)]
        assert figure.sent(n + s) == moves
        assert (whole_chunks(figure, n + s).sum(1) == s + 2).all()
    assert all(len(chunks) == 1 for s in range(1, 2 * n - 1) for _, _, chunks in figure.sent(s))


def test_traffic_and_times_of_an_all_reduce_are_by_formula():
    figure = AllReduce(megabytes=100.0, gigabits=10.0, latency=20.0)
    for n in range(2, 7):
        figure.processes = n
        for name, steps, most, through in (("ring", 2 * (n - 1), 2 * (n - 1), 4 * (n - 1)),
                                           ("to one and back", 2 * (n - 1), n * (n - 1),
                                            2 * n * (n - 1)),
                                           ("everyone to everyone", n - 1, n * (n - 1),
                                            2 * n * (n - 1))):
            figure.algorithm, sent = name, 0
            counts = figure.traffic(figure.steps)
            assert figure.steps == steps and counts[:, 0].max() == most and counts.sum(
                1).max() == through
            for step in range(figure.steps + 1):
                sent += sum(len(chunks) for _, _, chunks in figure.sent(step))
                assert figure.traffic(step)[:, 0].sum() == figure.traffic(step)[:, 1].sum() == sent
            assert sent == (n * n if name == "everyone to everyone" else 2 * n) * (n - 1)
    for name, seconds in (("ring", 6 * 20e-6 + 1.5 * 0.08),
                          ("to one and back", 6 * 20e-6 + 6 * 0.08),
                          ("everyone to everyone", 3 * 20e-6 + 3 * 0.08)):
        assert figure.seconds(name, 4) == pytest.approx(seconds, rel=1e-12)
        assert figure.seconds(name) == figure.seconds(name, 6)
    assert figure.seconds() == figure.seconds("everyone to everyone", 6)
    assert figure.seconds("ring", 1000) < 2 * 0.08 + 0.04, (
        "never twice the vector, but for the latency")


def test_processes_and_steps_of_an_all_reduce_fit_together():
    figure = AllReduce(values=chosen_values(4, True), step=6)
    before = figure.get_state()
    for change in ({"algorithm": "everyone to everyone"}, {"values": torch.ones(3, 3)},
                   {"step": 7}):
        with pytest.raises(BadValue, match=r"There is no step|whole number"):
            figure.set_trait(*change.popitem())
        assert figure.get_state() == before
    values = figure.values
    figure.processes = 3
    assert (figure.step, figure.steps) == (0, 4) and figure.values.equal(values[:3, :3])
    figure.processes = 5
    assert figure.values[:3, :3].equal(values[:3, :3]) and figure.values[3:].equal(
        AllReduce(5).values[3:])
    with figure.hold_trait_notifications():
        figure.algorithm, figure.step = "everyone to everyone", 4
    assert figure.state().equal(figure.values.sum(0).expand(5, -1))
    with pytest.raises(BadValue, match="from 2 to 6"):
        figure.processes = 1
    text = AllReduce(3).to_html()
    assert "after step 4 of 4" in text and "<td>rank 2</td><td>9</td><td>10</td><td>6</td>" in text
    assert "after step 1 of 2" in AllReduce(3, algorithm="everyone to everyone", step=1).to_html()


def small_run(standin, **settings):
    torch.manual_seed(0)
    model = LeNet()
    return train(model, standin.train.take(640).batches(64), standin.val.take(100), epochs=2,
                 optimizer=torch.optim.SGD(model.parameters(), lr=0.01), **settings)


def test_monitor_shows_the_curves_of_fit_and_changes_none(standin, capsys):
    monitor = TrainingMonitor()
    watched = small_run(standin, monitor=monitor)
    said = capsys.readouterr().out
    assert said.count("epoch  ") == 2, "without a notebook, each epoch is a line"
    plain = small_run(standin, verbose=False)
    assert watched.batch_loss == plain.batch_loss and watched.val_accuracy == plain.val_accuracy
    assert monitor.losses == pytest.approx(watched.batch_loss) and monitor.batches_per_epoch == 10
    assert [e["val_accuracy"] for e in monitor.epochs] == watched.val_accuracy
    assert not monitor.running and monitor.status.startswith(
        "Finished: 2 epochs") and "stand-in" in monitor.source


def test_monitor_draws_within_an_epoch(standin, monkeypatch):
    monitor, seen = TrainingMonitor(), []
    monkeypatch.setattr(monitor, "is_due", lambda: True)
    monitor.observe(lambda change: seen.append(len(change["new"])), "losses")
    small_run(standin, monitor=monitor)
    assert seen[1:] == list(range(1, 21)) or set(range(1, 21)) <= set(seen)
    assert len(monitor.losses) == 20


def test_monitor_halves_its_points_and_keeps_the_mean():
    monitor = TrainingMonitor()
    monitor.show_losses([float(i) for i in range(1600)])
    assert monitor.every == 8 and len(monitor.losses) == 200
    assert monitor.losses[0] == pytest.approx(3.5) and sum(monitor.losses) / 200 == pytest.approx(
        799.5)


def test_monitor_tells_why_a_run_stopped(standin):
    monitor, model = TrainingMonitor(), LeNet()
    with pytest.raises(TrainingStopped):
        train(model, iter(()), epochs=1, optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
              monitor=monitor)
    assert monitor.status.startswith(
        "Stopped:") and "no batch" in monitor.status and not monitor.running


def test_helpers_can_be_imported_where_there_is_no_notebook():
    code = "import helpers; helpers.ConvExplorer().output; print(helpers.TrainingMonitor().status)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0 and done.stderr == "" and "Waiting" in done.stdout
