"""The networks of the course, and the recipes they are trained with."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from support import noise
from torch import nn
from torchvision.models.resnet import BasicBlock

from helpers import (
    TrainingStopped,
    evaluate,
    fit,
    half_precision,
    load_cifar10,
    predict,
    read_json,
    set_seed,
)
from helpers.models import BNLeNet, FastResNet, FlipAverage, LeNet, ResidualBlock, ResNet
from helpers.recipes import lenet_recipe, merged, resnet_recipe, textbook_resnet18, trained_lenet


@pytest.mark.parametrize("channels, stride, size", [(6, 1, 9), (12, 1, 8), (12, 2, 9), (6, 2, 8)])
def test_residual_block_equals_torchvisions_over_steps(channels, stride, size):
    set_seed(0)
    mine = ResidualBlock(6, channels, stride)
    theirs = BasicBlock(6, channels, stride, mine.downsample and nn.Sequential(
        nn.Conv2d(6, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)))
    theirs.load_state_dict(mine.state_dict())
    optimizers = [torch.optim.SGD(block.parameters(), lr=0.1) for block in (mine, theirs)]
    for _ in range(10):
        x = torch.randn(4, 6, size, size)
        for block, optimizer in zip((mine, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            block(x).square().mean().backward()
            optimizer.step()
    torch.testing.assert_close(mine.state_dict(), theirs.state_dict())
    torch.testing.assert_close(mine.eval()(x), theirs.eval()(x))


def test_a_plain_block_adds_nothing_and_zero_init_begins_as_relu():
    x = torch.randn(4, 6, 8, 8)
    assert ResidualBlock(6, 6, zero_init=True)(x).equal(F.relu(x))
    plain = ResidualBlock(6, 12, 2, residual=False, zero_init=True)
    assert plain.downsample is None and plain.bn2.weight.min() == 1, (
        "a plain block that began at zero would stay there")
    g = plain.bn2(plain.conv2(F.relu(plain.bn1(plain.conv1(x)))))
    torch.testing.assert_close(plain(x), F.relu(g))


@pytest.mark.parametrize("blocks, parameters", [(1, 78_042), (3, 272_474), (9, 855_770)])
def test_cifar_resnets_have_the_size_of_the_paper(blocks, parameters):
    net = ResNet(blocks)
    assert sum(p.numel() for p in net.parameters()) == parameters
    layers = [m for m in net.modules() if isinstance(m, nn.Linear)
              or getattr(m, "kernel_size", 0) == (3, 3)]
    assert len(layers) == 6 * blocks + 2
    assert net(torch.rand(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize("call, words", [
    (lambda: ResidualBlock(16, 16)(torch.rand(2, 1, 8, 8)), ["16 channels", "(2, 1, 8, 8)"]),
    (lambda: ResidualBlock(3, 8)(torch.rand(3, 8, 8)), ["(N, 3, H, W)", "(3, 8, 8)"]),
    (lambda: FastResNet()(torch.rand(2, 3, 8, 8)), ["8 × 8", "too small", "9 × 9"]),
    (lambda: FastResNet()(torch.rand(2, 3, 32, 5)), ["32 × 5", "too small"]),
])
def test_shapes_that_do_not_fit_are_refused_in_words(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize("make", [
    lambda: LeNet(0), lambda: LeNet(classes=0), lambda: LeNet(width=1.5), lambda: BNLeNet(3.0),
    lambda: BNLeNet(width=-1), lambda: ResidualBlock(0, 8), lambda: ResidualBlock(8, 8, 0),
    lambda: ResidualBlock(8, 8, (2, 2)), lambda: ResNet(0), lambda: ResNet(1.5),
    lambda: ResNet(widths=()), lambda: ResNet(widths=16), lambda: ResNet(widths=(16, 0)),
    lambda: ResNet(widths="ab"), lambda: FastResNet(()), lambda: FastResNet((8, 8.5)),
    lambda: FastResNet(classes="10")])
def test_fault_f35_networks_of_no_size_are_refused_in_words(make):
    with pytest.raises(ValueError, match=r"^[^\n]{20,250}\.$"):
        make()


def test_odd_sizes_go_through_and_one_image_alone():
    for size in (9, 17, 31, 33):
        assert FastResNet()(torch.rand(2, 3, size, size)).shape == (2, 10)
        assert ResNet(1)(torch.rand(2, 3, size, size)).shape == (2, 10)
    alone = FastResNet().eval()
    pair = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(alone(pair[:1]), alone(pair)[:1])


def test_a_last_batch_of_one_is_explained():
    def train(model):
        return fit(model, noise(9).batches(4), epochs=1, verbose=False,
                   optimizer=torch.optim.SGD(model.parameters(), lr=0.01))

    assert train(LeNet()).epochs == 1
    with pytest.raises(TrainingStopped) as stopped:
        train(BNLeNet())
    for said in ("batch 3", "one image", "drop_last", "spread"):
        assert said in str(stopped.value)


def test_flip_average_is_the_mean_of_both_answers():
    model = FastResNet().eval()
    images = torch.rand(3, 3, 32, 32)
    both = FlipAverage(model)
    torch.testing.assert_close(both(images), (model(images) + model(images.flip(3))) / 2)
    torch.testing.assert_close(both(images), both(images.flip(3)))
    assert not FlipAverage(model).training or FlipAverage(model).eval().model.training is False


def test_the_schedule_goes_up_for_a_fifth_and_down_to_nothing():
    model, rates = FastResNet(), []
    run = resnet_recipe(model, 50, max_lr=0.5)
    for _ in range(50):
        rates.append(run["optimizer"].param_groups[0]["lr"])
        run["optimizer"].step()
        run["batch_scheduler"].step()
    assert rates[0] == pytest.approx(0.05) and max(rates) == pytest.approx(0.5)
    assert rates.index(max(rates)) in (9, 10)
    assert 0 < rates[-1] < 0.02 and all(a >= b for a, b in pairwise(rates[10:]))
    weights, others = run["optimizer"].param_groups
    assert (weights["weight_decay"], others["weight_decay"]) == (5e-4, 0)
    assert all(p.ndim > 1 for p in weights["params"])
    assert len(weights["params"] + others["params"]) == len(list(model.parameters()))


@pytest.mark.parametrize("images, batch_size, epochs",
                         [(1, 4, 1), (4, 4, 1), (9, 4, 1), (60, 20, 2)])
def test_runs_of_few_steps_train_too(images, batch_size, epochs):
    train = noise(images).batches(batch_size)
    for network, recipe in ((FastResNet, resnet_recipe), (LeNet, lenet_recipe)):
        model = network()
        history = fit(model, train, epochs=epochs, verbose=False,
                      **recipe(model, epochs * len(train)))
        assert history.epochs == epochs and all(torch.isfinite(p).all() for p in model.parameters())


def test_autocast_computes_in_half_precision_and_keeps_the_rest():
    data = noise(40)
    set_seed(0)
    model = FastResNet()
    seen = []
    model.fc.register_forward_hook(lambda layer, inputs, output: seen.append(output.dtype))
    exact = evaluate(model, data)
    rough = evaluate(model, data, autocast=torch.bfloat16)
    assert seen == [torch.float32, torch.bfloat16] and rough[0] == pytest.approx(exact[0], rel=0.05)
    assert predict(model, data, autocast=torch.bfloat16).dtype == torch.float32
    recipe = resnet_recipe(model, 4) | {"autocast": torch.bfloat16}
    history = fit(model, data.batches(10), data, epochs=1, verbose=False, **recipe)
    assert seen[-1] == torch.bfloat16 and history.epochs == 1
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_half_precision_asks_the_processor(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert half_precision("cpu") is None and half_precision("mps") is None
    assert resnet_recipe(FastResNet(), 1)["autocast"] is None
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert half_precision("cpu") == torch.bfloat16
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert half_precision("cpu") is None, "an older PyTorch without the question trains in float32"


def test_the_textbook_network_keeps_the_size_of_small_images():
    model = textbook_resnet18()
    assert sum(p.numel() for p in model.parameters()) == 11_173_962
    with torch.no_grad():
        before_pooling = nn.Sequential(*list(model.children())[:-2])(torch.rand(1, 3, 32, 32))
    assert before_pooling.shape == (1, 512, 4, 4)


def test_merged_is_training_then_validation(standin):
    both = merged(standin)
    assert len(both) == len(standin.train) + len(standin.val)
    assert both.images[:len(standin.train)].equal(standin.train.images)
    assert both.labels[len(standin.train):].equal(standin.val.labels)
    assert both.mean.equal(standin.mean)


def test_the_trained_lenet_is_as_good_as_its_file_says(real_folder, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", real_folder)
    data, kept = load_cifar10(verbose=False), read_json("lenet_weights.json")
    assert abs(evaluate(trained_lenet(), data.test)[1] - kept["accuracy"]) < 0.002
    torch.testing.assert_close(data.mean, torch.tensor(kept["mean"]))
    assert [*data.classes] == kept["classes"]


def test_the_trained_lenet_leaves_the_random_numbers_alone_and_is_new_each_time():
    before = torch.get_rng_state()
    first, second = trained_lenet(), trained_lenet()
    assert torch.get_rng_state().equal(before) and not first.training
    assert first.fc3.weight.equal(second.fc3.weight) and first.fc3.weight is not second.fc3.weight
    assert first.fc3.weight.half().float().equal(first.fc3.weight)
