"""The network in JavaScript, against PyTorch: maps, gradients, sums and what a number reads."""

from pathlib import Path

import pytest
import torch
from network_cases import random_network, with_gradients
from support import REAL_DATA
from widget_support import compared, draw, run_js

from helpers import NetworkExplorer, load_cifar10
from helpers.models import BNLeNet, FastResNet, LeNet, ResNet
from helpers.recipes import trained_lenet
from helpers.widgets import network_graph as layers

COUNTS = [pytest.param(60, id="sample"), pytest.param(800, id="full", marks=pytest.mark.long)]
LOADED = """const weights = figure.unpacked(now.weights), input = Float32Array.from(now.image);
    const results = figure.forward(now.graph, weights, input);"""


def assert_close(mine, theirs) -> None:
    """The same to 1e-5 of the largest number of each result."""
    for one, other in zip(mine, theirs, strict=True):
        one = torch.tensor(one, dtype=torch.float64)
        scale = other.abs().max().item() or 1.0
        torch.testing.assert_close(one, other.double().flatten(), rtol=0, atol=1e-5 * scale)


def case_of(network, image, target=0) -> dict:
    graph, weights = layers.opened(network, *image.shape[2:])
    return {"graph": graph, "weights": layers.packed(weights), "image": image.flatten().tolist(),
            "target": target}


@compared("network", f"""(() => {{ {LOADED}
    const grads = figure.backward(now.graph, weights, results, now.target);
    return [...results, ...grads].map((one) => [...one]); }})()""", 11, assert_close, COUNTS)
def test_all_maps_and_gradients_of_random_networks_equal_pytorchs(g):
    network, image = random_network(g)
    now = case_of(network, image, target=draw(g, 0, 1))
    weights = layers.unpacked(now["weights"])
    results = layers.run(now["graph"], weights, image.requires_grad_())
    for one in results[1:]:
        one.retain_grad()
    results[-1][0, now["target"]].backward()
    logits, gradient = with_gradients(network, image.detach(), now["target"])
    torch.testing.assert_close(results[-1][0].detach(), logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(image.grad[0], gradient, rtol=1e-3,
                               atol=1e-4 * gradient.abs().max().item())
    grads = [torch.zeros_like(one) if one.grad is None else one.grad for one in results]
    return now, [one.detach() for one in (*results, *grads)]


def test_the_random_networks_have_every_kind_of_layer():
    g, found = torch.Generator().manual_seed(11), set()
    for _ in range(60):
        network, image = random_network(g)
        draw(g, 0, 1)
        graph, _ = layers.opened(network, *image.shape[2:])
        found |= {node["op"] for node in graph} | {node.get("mode") for node in graph}
        found |= {name for node in graph for name in ("shares", "adaptive", "divisor")
                  if node.get(name)}
        found |= {"groups" for node in graph if node.get("groups", 1) > 1}
    assert found >= {"input", "conv", "pool", "relu", "leaky", "tanh", "sigmoid", "norm", "linear",
                     "add", "reshape", "max", "average", "shares", "adaptive", "divisor", "groups"}


@compared("network", f"""(() => {{ {LOADED}
    return now.places.map(([number, place]) => {{
        const made = figure.explained(now.graph, weights, results, number, place);
        const sum = (of) => of.reduce((a, b) => a + b, 0), told = figure.told(now.graph, made);
        const products = (part) => part.patch.map((v, i) => v * part.kernel[i]);
        const total = {{ conv: () => sum(made.parts.flatMap(products)) + made.bias,
            linear: () => sum(made.parts.map((p) => p.product)) + made.bias,
            pool: () => made.mode === "max" ? made.values[made.winner]
                : sum(made.values) / made.divisor,
            norm: () => (made.x - made.mean) / Math.sqrt(made.variance + made.eps) * made.weight
                + made.bias,
            add: () => sum(made.x), relu: () => Math.max(0, made.x[0]),
            tanh: () => Math.tanh(made.x[0]), sigmoid: () => 1 / (1 + Math.exp(-made.x[0])),
            leaky: () => made.x[0] > 0 ? made.x[0] : made.slope * made.x[0],
            input: () => now.image[place], reshape: () => made.x[0] }};
        return [total[made.kind](), made.value, told.length > 4 ? 1 : 0];
    }}).flat(); }})()""", 12, lambda mine, theirs: assert_close([mine], [theirs]),
          [pytest.param(40, id="sample"), pytest.param(400, id="full", marks=pytest.mark.long)])
def test_the_numbers_behind_a_number_make_it(g):
    network, image = random_network(g)
    now = case_of(network, image)
    with torch.no_grad():
        results = layers.run(now["graph"], layers.unpacked(now["weights"]), image)
    now["places"] = [[n, draw(g, 0, one.numel() - 1)] for n, one in enumerate(results)]
    values = [one.flatten()[place].item() for one, (_, place) in
              zip(results, now["places"], strict=True)]
    return now, torch.tensor([[value, value, 1.0] for value in values]).flatten()


def assert_passed_back(mine, theirs) -> None:
    """The gradient of each place, as the sum and as the number that is told."""
    scale = max(1.0, theirs[1])
    for (gradient, total, told), truth in zip(mine, theirs[0], strict=True):
        assert gradient == pytest.approx(truth, abs=1e-5 * scale)
        assert total == pytest.approx(truth, abs=1e-5 * scale)
        assert "is the derivative of the logit of “cat” with respect to this number" in told


@compared("network", f"""(() => {{ {LOADED}
    const grads = figure.backward(now.graph, weights, results, now.target);
    return now.places.map(([number, place]) => {{
        const made = figure.cameBack(now.graph, weights, results, grads, number, place);
        const own = number === now.graph.length - 1 ? Number(place === now.target) : 0;
        const total = made.parts.reduce((sum, one) => sum + one.value * one.weight, own);
        return [made.gradient, total, figure.toldBack(made, "cat")]; }}); }})()""", 15,
          assert_passed_back, COUNTS)
def test_what_comes_back_to_a_number_is_the_sum_that_is_shown(g):
    """Of gradients of the numbers that read it, times slopes; the gradient is autograd's."""
    network, image = random_network(g)
    now = case_of(network, image, target=draw(g, 0, 1))
    results = layers.run(now["graph"], layers.unpacked(now["weights"]), image.requires_grad_())
    for one in results[1:]:
        one.retain_grad()
    results[-1][0, now["target"]].backward()
    kept = [n for n, node in enumerate(now["graph"]) if node["op"] != "reshape"]
    now["places"] = [[n, draw(g, 0, results[n].numel() - 1)] for n in kept for _ in range(4)]
    grads = [torch.zeros_like(one) if one.grad is None else one.grad for one in results]
    truth = [grads[n].flatten()[place].item() for n, place in now["places"]]
    return now, [truth, max(one.abs().max().item() for one in grads)]


def box_of(gradient) -> list[int] | None:
    """First and last channel, row and column of what is not zero."""
    places = gradient.nonzero()
    if not len(places):
        return None
    return [int(n) for pair in zip(places.min(0).values, places.max(0).values, strict=True)
            for n in pair]


def test_a_number_sees_what_its_gradient_reaches():
    """Without maxima and ReLUs, which hide some, and with weights above 0, which cancel nothing."""
    g, cases, truth = torch.Generator().manual_seed(3), [], []
    while len(cases) < 60:
        network, image = random_network(g)
        graph, weights = layers.opened(network, *image.shape[2:])
        graph = [node | ({"op": "sigmoid"} if node["op"] in ("relu", "tanh", "leaky") else {})
                 | ({"mode": "average", "counts_padding": False, "divisor": 0, "shares": False}
                    if node["op"] == "pool" else {}) for node in graph]
        if any(node["op"] == "pool" and max(node.get("dilation", [1])) > 1 for node in graph):
            continue
        number = draw(g, 1, len(graph) - 1)
        place = draw(g, 0, layers.size(graph[number]) - 1)
        weights = torch.rand(len(weights), generator=g, dtype=torch.float64) + 0.5
        start = torch.rand(image.shape, generator=g, dtype=torch.float64).requires_grad_()
        results = layers.run(graph, weights / 10, start)
        for one in results[1:]:
            one.retain_grad()
        results[number].flatten()[place].backward()
        cases.append({"graph": graph, "number": number, "place": place})
        truth.append([None if one.grad is None else box_of(one.grad[0].reshape(node["shape"]))
                      for one, node in zip(results, graph, strict=True)])
    found, exact = run_js("network", "figure.fields(now.graph, now.number, now.place)", cases), 0
    for case, boxes, true in zip(cases, found, truth, strict=True):
        steps = {n for node in case["graph"] for name in ("stride", "dilation")
                 for n in node.get(name, [1])}
        if steps == {1}:  # else gaps at an edge may be left out
            exact += any(true)
            assert boxes == true
        for box, inner in zip(boxes, true, strict=True):
            assert inner is None or all(
                (a <= b) if n % 2 == 0 else (a >= b)
                for n, (a, b) in enumerate(zip(box, inner, strict=True)))
    assert exact > 10


NETWORKS = [LeNet, BNLeNet, lambda: ResNet(1), FastResNet]


@pytest.mark.parametrize("make", NETWORKS, ids=["LeNet", "BNLeNet", "ResNet", "FastResNet"])
def test_the_courses_own_networks_equal_pytorchs(make):
    torch.manual_seed(0)
    network = make().eval()
    with torch.no_grad():
        for one in network.parameters():
            one.add_(0.02 * torch.randn_like(one))
    image = torch.randn(1, 3, 32, 32)
    now = case_of(network, image, target=3)
    (mine,) = run_js("network", f"""(() => {{ {LOADED}
        const grads = figure.backward(now.graph, weights, results, now.target);
        return [[...results[results.length - 1]], [...grads[0]]]; }})()""", [now])
    assert_close(mine, with_gradients(network, image, 3))


def test_the_trained_lenet_says_the_same_of_200_pictures(standin, monkeypatch):
    """Of the real test images where COURSE_DATA has them."""
    data = standin
    if REAL_DATA and Path(REAL_DATA).is_dir():
        monkeypatch.setenv("COURSE_DATA", REAL_DATA)
        data = load_cifar10(verbose=False)
    images, network = data.test.normalize(data.test.images[:200]), trained_lenet()
    with torch.no_grad():
        logits = network(images)
    now = case_of(network, images[:1])
    answers, milliseconds = run_js("network", """(() => {
        const weights = figure.unpacked(now.weights), last = now.graph.length - 1;
        const through = (image) => figure.forward(now.graph, weights, Float32Array.from(image));
        const one = (image) => [...through(image)[last]];
        const answers = now.images.map(one), started = performance.now();
        now.images.slice(0, 20).forEach(one);
        return [answers, (performance.now() - started) / 20]; })()""",
        [now | {"images": images.flatten(1).tolist()}])[0]
    print(f"{milliseconds:.1f} ms a picture in Node, on {data.source}")
    mine = torch.tensor(answers)
    torch.testing.assert_close(mine, logits, rtol=0, atol=1e-4)
    assert mine.argmax(1).equal(logits.argmax(1))


def test_bytes_are_normalized_and_logits_become_probabilities_as_in_python():
    figure = NetworkExplorer(picture=1)
    state = {name: getattr(figure, name)
             for name in ("graph", "weights", "pictures", "mean", "std")}
    (mine,) = run_js("network", """(() => {
        const image = figure.normalized(figure.bytesOf(now.pictures[1].data), now.mean, now.std);
        const results = figure.forward(now.graph, figure.unpacked(now.weights), image);
        return figure.softmax(results[results.length - 1]); })()""", [state])
    torch.testing.assert_close(torch.tensor(mine), figure.probabilities, rtol=0, atol=1e-5)
