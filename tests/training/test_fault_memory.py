"""What loader, loss, model and hooks keep by themselves goes on, too, whatever it is called.

And another loss, order or number of images is no longer taken silently between two epochs.
"""

import warnings
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_fault_checkpoint import DATA, IMAGES, LABELS, net, sgd, shuffled
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import (
    DataLoader,
    Dataset,
    RandomSampler,
    Sampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
)

from helpers import Checkpoint, evaluate, fit, random_flip
from helpers.training.checkpoint import BadCheckpoint
from tests.training.stopping import Stops


def run(path, parts, *, epochs=3, cut=10**9):
    """Train with what `parts` has made; return all numbers that it leaves."""
    model, Stops.left = parts["model"], cut
    optimizer = Stops(parts.get("trained") or model.parameters(), lr=0.1, momentum=0.9)
    for hook in parts.get("hooks", ()):
        optimizer.register_step_post_hook(hook)
    torch.manual_seed(2)
    history = fit(model, parts["train"], parts.get("val", [(IMAGES, LABELS)]), epochs=epochs,
                  optimizer=optimizer, loss_fn=parts.get("loss_fn", F.cross_entropy), verbose=False,
                  checkpoint=path and Checkpoint(path, every=2), autocast=parts.get("autocast"))
    kept = [value.tolist() for module in (model, *parts.get("left", ()))
            for value in module.state_dict().values()]
    return history.batch_loss, history.val_loss, kept


# Counters and averages outside of all states.

class Turns(Sampler):
    """An order drawn by the number of the epoch, kept under any name."""

    def __init__(self, name, first=0):
        self.name = name
        setattr(self, name, first)

    def __len__(self):
        return 48

    def __iter__(self):
        turn = getattr(self, self.name)
        yield from torch.randperm(48, generator=torch.Generator().manual_seed(int(turn))).tolist()
        if isinstance(turn, torch.Tensor | np.ndarray):
            turn += 1
        else:
            setattr(self, self.name, turn + 1)


class Reads(Dataset):
    """Images that change as they are read more often: a curriculum."""

    def __init__(self):
        self.reads = np.zeros(48)

    def __len__(self):
        return 48

    def __getitem__(self, at):
        self.reads[at] += 1
        return IMAGES[at] * (1 + self.reads[at] / 100).astype(np.float32), LABELS[at]


class Centered(nn.Module):
    """A loss with an average of its own."""

    def __init__(self, persistent=True):
        super().__init__()
        self.register_buffer("center", torch.zeros(3), persistent)

    def forward(self, logits, labels):
        self.center = 0.9 * self.center + 0.1 * logits.detach().mean(0)
        return F.cross_entropy(logits - self.center, labels)


class Annealed:
    """A loss that counts, in an object."""

    def __init__(self):
        self.calls = [0]

    def __call__(self, logits, labels):
        self.calls[0] += 1
        return F.cross_entropy(logits * (1 + self.calls[0] / 10), labels)


def annealed():
    """Return a loss that counts, in a closure."""
    calls = 0

    def loss_fn(logits, labels):
        nonlocal calls
        calls += 1
        return F.cross_entropy(logits * (1 + calls / 10), labels)
    return loss_fn


class Learned(nn.Module):
    """A loss with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(3))

    def forward(self, logits, labels):
        return F.cross_entropy(logits + self.shift, labels)


class Remembers(nn.Module):
    """A network with an average that its state_dict does not know."""

    def __init__(self, kind):
        super().__init__()
        self.body, self.kind = net(), kind
        if kind == "buffer":
            self.register_buffer("mean", torch.zeros(3), persistent=False)
        else:
            self.mean = torch.zeros(3)

    def forward(self, images):
        logits = self.body(images)
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * logits.detach().mean(0)
        return logits - self.mean


def averaged(of_forward=False, by_hand=False):
    """Return a model, and its average that a hook keeps."""
    model = net()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))

    def update(*_):
        if by_hand:
            for mean, p in zip(average.parameters(), model.parameters(), strict=True):
                mean.data.mul_(0.9).add_(p.data, alpha=0.1)
        elif model.training:
            average.update_parameters(model)
    if of_forward:
        model.register_forward_hook(update)
    return {"model": model, "left": [average], "train": shuffled(),
            "hooks": [] if of_forward else [update]}


def learned():
    model, loss_fn = net(), Learned()
    return {"model": model, "loss_fn": loss_fn, "left": [loss_fn], "train": shuffled(),
            "trained": [*model.parameters(), *loss_fn.parameters()]}


def loading(make):
    return lambda: {"model": net(), "train": DataLoader(DATA, 8, sampler=make())}


def losing(make):
    return lambda: {"model": net(), "train": shuffled(), "loss_fn": make()}


KEPT = {
    **{f"a sampler's {name}": loading(partial(Turns, name)) for name in (
        "epoch", "_epoch", "round", "seed", "turn")},
    "a sampler's tensor": lambda: loading(lambda: Turns("count", torch.tensor(0)))(),
    "a sampler's array": lambda: loading(lambda: Turns("count", np.zeros((), dtype=int)))(),
    "a dataset's array": lambda: {"model": net(), "train": DataLoader(Reads(), 8, shuffle=True)},
    "a loss's buffer": losing(Centered), "one that is not saved": losing(partial(Centered, False)),
    "a loss's list": losing(Annealed), "a loss's closure": losing(annealed),
    "a loss's parameter": learned,
    "a model's tensor": lambda: {"model": Remembers("tensor"), "train": shuffled()},
    "a model's buffer": lambda: {"model": Remembers("buffer"), "train": shuffled()},
    "an average, by a hook": averaged, "by hand": partial(averaged, by_hand=True),
    "by a hook of the model": partial(averaged, of_forward=True),
}


@pytest.mark.parametrize("make", KEPT.values(), ids=KEPT)
def test_fault_what_is_kept_outside_of_states_goes_on(tmp_path, make):
    """Another order, another loss or a forgotten average, and nothing was said."""
    whole = run(None, make())
    for cut in (4, 9):
        path = tmp_path / f"{cut}.pt"
        run(path, make(), cut=cut)
        assert run(path, make()) == whole
    run(tmp_path / "between.pt", make(), epochs=1)
    assert run(tmp_path / "between.pt", make()) == whole


@pytest.mark.parametrize("make", KEPT.values(), ids=KEPT)
def test_fault_the_same_objects_go_on_after_an_interrupt(tmp_path, make):
    whole, parts = run(None, make()), make()
    for cut in (4, 7):
        run(tmp_path / "run.pt", parts, cut=cut)
    assert run(tmp_path / "run.pt", parts) == whole


@pytest.mark.parametrize("make", [Annealed, annealed, Centered])
def test_fault_a_trial_of_the_loss_leaves_no_trace(make):
    """Whether it is a sum is tried once: it counted one call more."""
    loss_fn, alone = make(), make()
    logits = net().eval()(IMAGES)
    losses = [evaluate(net(), [(IMAGES, LABELS)], loss_fn=loss_fn)[0] for _ in range(2)]
    assert losses == pytest.approx([alone(logits, LABELS).item() for _ in range(2)], rel=1e-5)


def test_fault_a_trial_of_a_loss_of_weights_leaves_the_graph(tmp_path):
    """A loss may use the model, and what it changes in place may be in the graph."""
    model, teacher = net(), net()
    scale = torch.ones(3)

    def loss_fn(logits, labels):
        scale.mul_(0.99)
        apart = sum((a - b).square().sum() for a, b in zip(model.parameters(), teacher.parameters(),
                                                           strict=True))
        return F.cross_entropy(logits * scale, labels) + 0.01 * apart

    for _ in range(2):
        model.load_state_dict(net().state_dict())
        scale.fill_(1)
        run(None, {"model": model, "train": shuffled(), "loss_fn": loss_fn})
        assert scale[0].item() == pytest.approx(0.99 ** (3 * 7))  # and three validations


def test_fault_a_compiled_model_goes_on(tmp_path):
    """It has the numbers of objects, which are others in each process."""
    def parts():
        return {"model": torch.compile(net(), backend="eager"), "train": shuffled()}

    run(tmp_path / "run.pt", parts(), epochs=1)
    assert run(tmp_path / "run.pt", parts()) == run(None, parts())


# Another run than the file's, between two epochs.

def focal(power):
    return lambda z, t: ((1 - z.softmax(1)[range(len(t)), t]) ** power
                         * F.cross_entropy(z, t, reduction="none")).mean()


def loader(size=8, data=DATA, **settings):
    return {"train": DataLoader(data, size, **settings)}


def altered(change):
    model = net()
    change(model)
    return {"model": model}


W = torch.tensor([1.0, 2.0, 3.0])
OTHERS = {
    "another loss": ({}, {"loss_fn": nn.CrossEntropyLoss()}, "kind of loss_fn is cross_entropy"),
    "a lambda": ({}, {"loss_fn": lambda z, t: F.cross_entropy(z, t)}, "but yours is <lambda>"),
    "smoothing": ({"loss_fn": nn.CrossEntropyLoss()},
                  {"loss_fn": nn.CrossEntropyLoss(label_smoothing=0.1)},
                  "loss_fn.label_smoothing is 0.0, but yours is 0.1"),
    "smoothing in a partial": ({"loss_fn": partial(F.cross_entropy, label_smoothing=0.2)},
                               {"loss_fn": partial(F.cross_entropy, label_smoothing=0.1)},
                               r"loss_fn\['label_smoothing'\] is 0.2, but yours is 0.1"),
    "weights": ({"loss_fn": nn.CrossEntropyLoss(W)}, {"loss_fn": nn.CrossEntropyLoss(1 / W)},
                "another loss_fn.weight"),
    "weights at all": ({"loss_fn": nn.CrossEntropyLoss()}, {"loss_fn": nn.CrossEntropyLoss(W)},
                       "another loss_fn.weight"),
    "no shuffle": ({}, loader(), "sampler is RandomSampler, but yours is SequentialSampler"),
    "another sampler": ({}, loader(sampler=WeightedRandomSampler([1.0] * 48, 48)),
                        "yours is WeightedRandomSampler"),
    "repeats": ({}, loader(sampler=RandomSampler(DATA, replacement=True)),
                "train.sampler.replacement is False, but yours is True"),
    "weights of images": (loader(sampler=WeightedRandomSampler([1.0] * 48, 48)),
                          loader(sampler=WeightedRandomSampler([1.0] * 24 + [2.0] * 24, 48)),
                          "another train.sampler.weights"),
    "an image less": ({}, loader(data=Subset(DATA, range(47)), shuffle=True),
                      "number of images is 48, but yours is 47"),
    "no rest": ({}, loader(shuffle=True, drop_last=True), "drop_last is False, but yours is True"),
    "other images": ({}, loader(data=TensorDataset(IMAGES + 1, LABELS), shuffle=True),
                     r"another train.dataset.tensors\[0\]"),
    "other images of a subset": (loader(data=Subset(DATA, [*range(40)]), shuffle=True),
                                 loader(data=Subset(DATA, [*range(8, 48)]), shuffle=True),
                                 "another train.dataset.indices"),
    "half precision": ({}, {"autocast": torch.bfloat16}, "autocast is None, but yours is torch"),
    "dropout": ({}, altered(lambda m: setattr(m[2], "p", 0.5)), "model.2.p is 0.1, but yours"),
    "another activation": ({}, altered(lambda m: m.__setitem__(3, nn.Tanh())),
                           "model.3 is ReLU, but yours is Tanh"),
    "frozen": ({}, altered(lambda m: m[0].requires_grad_(False)), "frozen parameters"),
    "other validation images": ({"val": DataLoader(DATA, 48)},
                                {"val": DataLoader(TensorDataset(IMAGES * 2, LABELS), 48)},
                                r"another val.dataset.tensors\[0\]"),
    "a number of a loss's own": ({"loss_fn": focal(1)}, {"loss_fn": focal(2)}, "told"),
    "its code": ({"loss_fn": lambda z, t: F.cross_entropy(z, t, label_smoothing=0.1)},
                 {"loss_fn": lambda z, t: F.cross_entropy(z, t, label_smoothing=0.2)}, "told"),
    "validation batches of one's own": (
        {}, {"val": [(IMAGES[:20], LABELS[:20])]}, "told"),
}


@pytest.mark.parametrize("first, then, words", OTHERS.values(), ids=OTHERS)
def test_fault_another_run_between_two_epochs(tmp_path, first, then, words):
    """All of these went on, and nothing was said."""
    path = tmp_path / "run.pt"

    def parts(changes):
        return {"model": net(), "train": shuffled()} | changes

    run(path, parts(first), epochs=1)
    before = path.read_bytes()
    if words == "told":  # the learner's own
        with pytest.warns(UserWarning, match=r"of a run .* It goes on with yours"):
            run(path, parts(then))
        return
    with pytest.raises(BadCheckpoint, match=words):
        run(path, parts(then))
    assert path.read_bytes() == before
    if "model" not in first:
        run(path, parts(first))  # the right one still goes on


def test_fault_another_order_of_this_courses_batches(tmp_path, standin):
    few = standin.train.take(64)
    fits = few.batches(16)

    def trained(batches, epochs):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
        return fit(model, batches, epochs=epochs, optimizer=sgd(model, 0.01), verbose=False,
                   checkpoint=Checkpoint(tmp_path / "run.pt"))

    trained(fits, 1)
    for batches, words in (
            (few.batches(16, shuffle=False), "train.shuffle is True, but yours is False"),
            (few.batches(16, num_samples=63), "train.num_samples is None, but yours is 63"),
            (few.batches(16, augment=[random_flip]), "parts of train.augment is 0, but yours is 1"),
            (standin.val.take(64).batches(16), "another train.data.images"),
            (standin.train.take(63).batches(16), "another train.data.images")):
        with pytest.raises(BadCheckpoint, match=words):
            trained(batches, 2)
    assert trained(fits, 2).epochs == 2


def test_fault_no_word_where_nothing_has_changed(tmp_path):
    """Loaders may read with other workers; what counts down to a power cut is a setting."""
    class Until:
        def __init__(self, batches, after):
            self.batches, self.after = batches, after

        def __iter__(self):
            for batch in self.batches:
                if self.after == 0:
                    raise KeyboardInterrupt
                self.after -= 1
                yield batch

    def parts(after=10**9, **settings):
        return {"model": net(), "train": Until(DataLoader(DATA, 8, shuffle=True, **settings),
                                               after)}

    whole = run(None, parts())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(tmp_path / "run.pt", parts(after=9))
        assert run(tmp_path / "run.pt", parts(timeout=0, pin_memory=False)) == whole


def test_fault_a_part_without_a_state(tmp_path):
    class Averaging:
        def step(self):
            pass

    model = net()
    with pytest.raises(BadCheckpoint, match=r"the batch_scheduler, a Averaging, has no state_dict"):
        fit(model, shuffled(), epochs=1, optimizer=sgd(model), batch_scheduler=Averaging(),
            checkpoint=Checkpoint(tmp_path / "run.pt"))


def test_fault_half_precision_goes_with_the_device(tmp_path):
    from helpers.training import archive

    path = tmp_path / "run.pt"
    run(path, {"model": net(), "train": shuffled(), "autocast": torch.bfloat16}, epochs=1)
    content = archive.read(path)
    content["settings"]["device"] = "cuda"
    archive.write(content, path)
    with pytest.warns(UserWarning, match="saved on cuda and goes on on cpu"):
        run(path, {"model": net(), "train": shuffled()})
