"""`NetworkExplorer` in Python: what it opens and refuses, and that it leaves the network alone."""

import copy
import json
import sys

import pytest
import torch
import torch.nn.functional as F
from network_cases import random_network
from support import ROOT, noise
from torch import nn

from helpers import NetworkExplorer, read_json, set_seed
from helpers.models import BNLeNet, FastResNet, FlipAverage, LeNet, ResNet
from helpers.recipes import textbook_resnet18, trained_lenet
from helpers.widgets import BadValue
from helpers.widgets import network_graph as layers

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
from weights import apart


def head(*parts: nn.Module) -> nn.Module:
    """A network that begins with these layers."""
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))


class Doubled(nn.Module):
    def forward(self, x):
        return x * 2


class Batched(nn.Module):
    """Mixes the images of a batch."""

    def forward(self, x):
        return x - x.mean(0)


REFUSED = {
    "GELU (0)": head(nn.GELU()), "Softmax (1)": nn.Sequential(head(), nn.Softmax(1)),
    "Upsample (0)": head(nn.Upsample(scale_factor=2)), "Doubled (0)": head(Doubled()),
    "ConvTranspose2d (0)": head(nn.ConvTranspose2d(3, 3, 2)),
    "GroupNorm (0)": head(nn.GroupNorm(1, 3)), "Batched (0)": head(Batched()),
    "BatchNorm2d (0)": head(nn.BatchNorm2d(3, track_running_stats=False)),
    "Unflatten (1)": nn.Sequential(nn.Flatten(), nn.Unflatten(1, (3, 2, 16, 32)), nn.MaxPool3d(2)),
    "flip": FlipAverage(LeNet()),
    "logits": nn.Conv2d(3, 4, 3), "does not take pictures": LeNet(channels=1),
    "at least two": nn.Sequential(nn.Flatten(), nn.Linear(3072, 1)),
    "classes": nn.Sequential(nn.Flatten(), nn.Linear(3072, 21)),
    "weights": textbook_resnet18, "an nn.Module": print,
}


@pytest.mark.parametrize("named", REFUSED)
def test_what_it_does_not_know_is_refused_by_name(named):
    model = REFUSED[named]() if named == "weights" else REFUSED[named]
    with pytest.raises(BadValue) as problem:
        NetworkExplorer(model)
    assert named in str(problem.value) and len(str(problem.value)) < 350
    assert "\n" not in str(problem.value)


def test_weights_that_are_not_finite_are_refused():
    network = LeNet()
    network.fc3.weight.data[0, 0] = torch.nan
    with pytest.raises(BadValue, match="not finite"):
        NetworkExplorer(network)


@pytest.mark.parametrize("make", [LeNet, BNLeNet, lambda: ResNet(1), FastResNet])
def test_the_courses_networks_are_opened_and_say_what_they_say(make):
    set_seed(0)
    network, data = make(), noise(3)
    figure = NetworkExplorer(network, data, picture=2)
    with torch.no_grad():
        logits = network.eval()(data.normalize(data.images))
    torch.testing.assert_close(figure.probabilities, logits[2].softmax(0), rtol=1e-4, atol=1e-5)
    assert figure.labels == data.labels.tolist() and figure.classes == [*data.classes]


def test_the_network_stays_as_it_is():
    network = BNLeNet().train()
    called = []
    network.conv1.register_forward_hook(lambda *_: called.append(1))
    network(torch.randn(4, 3, 32, 32)).sum().backward()
    before, gradient = copy.deepcopy(network.state_dict()), network.conv1.weight.grad.clone()
    called.clear()
    state = torch.get_rng_state()
    NetworkExplorer(network)
    assert network.training and not called and network.conv1.weight.grad.equal(gradient)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert torch.get_rng_state().equal(state)
    with torch.no_grad():
        NetworkExplorer(network).gradient("conv1")


def test_layers_have_the_networks_names_and_functions_a_number():
    names = [node["name"] for node in NetworkExplorer().graph]
    assert names == ["input", "conv1", "pool1", "relu1", "conv2", "pool2", "relu2", "reshape1",
                     "fc1", "relu3", "fc2", "relu4", "fc3"]
    deep = [node["name"] for node in NetworkExplorer(ResNet(1)).graph]
    assert {"blocks.1.conv2", "blocks.1.downsample.0", "blocks.1.add", "blocks.1.relu2"} <= {*deep}


def test_maps_and_gradients_are_those_of_the_network():
    figure, network = NetworkExplorer(picture=1, target=9), trained_lenet()
    kept = {}
    network.conv2.register_forward_hook(lambda *parts: kept.update(conv2=parts[2]))
    mean, std = (torch.tensor(read_json("lenet_weights.json")[n]).view(3, 1, 1)
                 for n in ("mean", "std"))
    image = (figure.maps("input") * std + mean).clamp(0, 1)
    logits = network(((image - mean) / std)[None])
    kept["conv2"].retain_grad()
    logits[0, 9].backward()
    torch.testing.assert_close(figure.maps("conv2"), kept["conv2"][0].detach())
    torch.testing.assert_close(figure.gradient("conv2"), kept["conv2"].grad[0])
    assert figure.maps("fc3").shape == (10,)


def test_pictures_may_be_bytes_floats_or_normalized():
    data = noise(2)
    bytes_, normalized = data.images, data.normalize(data.images)
    told = {"mean": data.mean, "std": data.std}
    seen = [NetworkExplorer(LeNet(), images, **told).pictures for images in
            (bytes_, bytes_ / 255, normalized, data, bytes_.numpy())]
    assert all(one == seen[0] for one in seen)
    assert NetworkExplorer(LeNet(), bytes_[0]).pictures == seen[0][:1]
    assert NetworkExplorer(LeNet(classes=3), bytes_).classes == ["class 0", "class 1", "class 2"]


def test_one_looks_by_name_and_opens_at_the_strongest_kernel():
    figure = NetworkExplorer()
    layer, channel, row, column = figure.look
    assert layer == "conv2"
    assert figure.maps("conv2")[channel, row, column] == figure.maps("conv2").max()
    figure.look = "fc1", 7
    assert figure.look == ("fc1", 7, 0, 0) and figure.path == [[8, 7]]
    figure.look = "input"
    assert figure.path == [[0, 0]]
    with pytest.raises(BadValue, match="There is no layer 'fc9'"):
        figure.look = "fc9"
    assert figure.look == ("input", 0, 0, 0)


def test_what_is_given_cannot_be_set_later():
    figure = NetworkExplorer()
    for name in ("graph", "weights", "pictures"):
        with pytest.raises(BadValue):
            setattr(figure, name, [])
    assert {*figure.settings()} == {"picture", "mode", "target", "path", "look"}


def test_a_page_has_a_still_and_few_bytes_and_the_weights_in_a_script(tmp_path):
    state = NetworkExplorer().page_state()
    page = json.dumps(state, separators=(",", ":"))
    short = apart(page, tmp_path / "networks", "../_static/networks/")
    kept = json.loads(short)["weights"]
    assert len(page) > 165_000 and len(short) < 48_000
    assert kept | {"script": "", "key": ""} == {"type": "float16", "count": 62_006, "script": "",
                                                "key": ""}
    (script,) = (tmp_path / "networks").iterdir()
    assert kept["script"] == f"../_static/networks/{script.name}"
    assert state["weights"]["numbers"] in script.read_text() and kept["key"] in script.read_text()
    assert {*state["preview"]["results"]} == {"1", "4", "8", "10", "12"}
    assert NetworkExplorer(picture=1).page_state()["preview"] is None
    assert NetworkExplorer(FastResNet()).page_state()["preview"] is None


def test_weights_lose_nothing():
    torch.manual_seed(0)
    for values in (torch.randn(1000), torch.randn(1000).half().float()):
        packed = layers.packed(values)
        assert layers.unpacked(packed).equal(values)
    assert packed["type"] == "float16"


def test_what_has_no_javascript_reads_what_the_network_says():
    text = NetworkExplorer(labels=[3, 8, 0, 1, -1]).to_html()
    assert "a cat: what LeNet says" in text and "16 × 10 × 10" in text and "label is cat" in text


def test_random_networks_are_what_they_were(recwarn):
    g = torch.Generator().manual_seed(5)
    for _ in range(25):
        network, image = random_network(g)
        graph, weights = layers.opened(network, *image.shape[2:])
        with torch.no_grad():
            torch.testing.assert_close(layers.run(graph, weights, image)[-1], network(image),
                                       rtol=1e-4, atol=1e-5)


def test_relus_in_place_and_views_are_found():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.out = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4 * 256, 5)

        def forward(self, x):
            y = F.relu_(self.conv(x))
            y = y + y.clamp(min=0)
            y = F.max_pool2d(y, 2).contiguous()
            return self.out(F.dropout(y.view(y.size(0), -1), training=self.training))

    graph, _ = layers.opened(Own(), 32, 32)
    assert [node["op"] for node in graph] == ["input", "conv", "relu", "relu", "add", "pool",
                                              "reshape", "linear"]
