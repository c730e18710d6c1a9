"""What chapter 10 writes into files: right numbers, and those of helpers."""

import importlib
import re
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers import LaunchError, collectives, launch, workers
from tools.notebooks import cell

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write cells of the chapter into their files; return the module of the last one."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(*names: str, page: str = "10"):
        for name in names:
            first, _, text = cell(page, name).partition("\n")
            how, file = re.fullmatch(r'%%writefile (-a )?"\{scratch\}/(.+)"', first).groups()
            with (tmp_path / file).open("a" if how else "w") as opened:
                opened.write(text + "\n")
        return importlib.import_module(file.removesuffix(".py"))

    yield write
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def test_hello(written):
    by_hand = written("hello").hello
    found = [launch(worker, processes=3) for worker in (by_hand, workers.hello)]
    assert found[0] == found[1] == [
        {"mine": [10.0 * (r + 1)], "all_reduce": [60.0], "broadcast": [10.0],
         "all_gather": [10.0, 20.0, 30.0]} for r in range(3)]


@pytest.mark.parametrize("processes, length", [(2, 10), (3, 11), (4, 2)])
def test_the_ring_gives_the_sum(written, processes, length):
    by_hand, ours = (launch(workers.compare_sums, processes=processes, length=length,
                            all_reduce=ring)
                     for ring in (written("ring", page="10a").ring_all_reduce,
                                  collectives.ring_all_reduce))
    total = torch.stack([one["own"] for one in ours]).sum(0)
    for one in (*by_hand, *ours):
        torch.testing.assert_close(one["all_reduce"], total, rtol=0, atol=1e-12)
        torch.testing.assert_close(one["ours"], total, rtol=0, atol=1e-12)
        assert torch.equal(one["ours"], ours[0]["ours"]), "bit for bit, on every rank"


def single_process(images, labels, dtype):
    """Train the same network on the whole batches, here."""
    model = workers.small_net(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for x, y in zip(images, labels, strict=True):
        loss = F.cross_entropy(model(x.to(dtype)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.state_dict()


@pytest.mark.parametrize("processes, dtype, bound", [
    (2, torch.float64, 1e-10), (2, torch.float32, 1e-3), (3, torch.float64, 1e-10),
    (4, torch.float64, 1e-10)])
def test_several_processes_train_like_one(written, processes, dtype, bound):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(20, 24, 3, 32, 32, generator=generator)
    labels = torch.randint(0, 10, (20, 24), generator=generator)
    alone, start = single_process(images, labels, dtype), workers.small_net(dtype).state_dict()
    by_hand, ours = (launch(worker, processes=processes, images=images, labels=labels, dtype=dtype)
                     for worker in (written("train-steps").train_steps, workers.train_steps))
    for name in start:
        assert not torch.allclose(alone[name], start[name], atol=1e-4), "it did not train"
        torch.testing.assert_close(ours[0][name], alone[name], rtol=0, atol=bound)
        assert all(torch.equal(one[name], ours[0][name]) for one in (*by_hand, *ours))


def test_the_program_of_its_own_trains_on_two_processes_as_on_one(written):
    train = written("my-ddp-data", "my-ddp-train", "my-ddp-main").train
    (one,), (two, other) = (launch(train, processes=number, epochs=5) for number in (1, 2))
    assert two == other and two[0] > 1.1 * two[-1], "it did not train"
    assert two == pytest.approx(one, abs=1e-4)


def test_a_parameter_that_takes_no_part_is_named(written):
    two_steps = written("two-heads").two_steps
    with pytest.raises(LaunchError, match="find_unused_parameters=True"):
        launch(two_steps, processes=2, find_unused=False)
    assert launch(two_steps, processes=2, find_unused=True) == ["both steps done"] * 2


@pytest.mark.parametrize("processes", [2, 3, 4])
def test_synchronized_batch_norm_is_batch_norm_of_the_whole_batch(written, processes):
    images, goal = (torch.randn(12, 3, 4, 4, dtype=torch.float64,
                                generator=torch.Generator().manual_seed(seed)) * 3 + 1
                    for seed in (2, 3))
    x, norm = images.clone().requires_grad_(), nn.BatchNorm2d(3).double()
    out = norm(x)
    F.mse_loss(out, goal).backward()
    by_hand = written("sum-over-ranks", "sync-batch-norm",
                      page="10a").SyncBatchNorm2d
    apart, mine, ours = (launch(workers.normalize, processes=processes, kind=kind, images=images,
                                goal=goal)
                         for kind in (nn.BatchNorm2d, by_hand, collectives.SyncBatchNorm2d))
    for rank in range(processes):
        share = slice(rank, None, processes)
        wanted = {"out": out.detach()[share], "grad": x.grad[share], "mean": norm.running_mean,
                  "var": norm.running_var}
        torch.testing.assert_close(ours[rank], wanted, rtol=0, atol=1e-10)
        assert all(torch.equal(mine[rank][name], ours[rank][name]) for name in wanted)
        assert not torch.allclose(apart[rank]["out"], wanted["out"], atol=1e-2)


def test_no_sync_sends_once_a_step_and_small_buckets_send_more():
    (one, _) = launch(workers.count_messages, processes=2, steps=3, accumulate=4)
    assert len(one["buckets"]) > 1
    assert one["synced every time"]["messages"] == 12 * len(one["buckets"])
    assert one["no_sync"]["messages"] == 3 * len(one["buckets"])
