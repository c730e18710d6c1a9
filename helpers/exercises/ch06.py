"""Chapter 6: batch normalization."""

import torch
import torch.nn.functional as F
from torch import nn

from .exercise import Exercise, Probe, call, drawn


def numbers(rng, *shape, scale=1.0, level=0.0):
    """Return random numbers with this spread and level."""
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    return scale * torch.randn(shape, generator=generator) + level


# Normalization within one image: groups of channels.


groups_of = Exercise(
    "normalize_groups", right=lambda x, groups, eps=1e-5: F.group_norm(x, groups, eps=eps),
    hints=("How many means are there for N images and G groups, and over how many numbers is each?",
           "Reshape (N, C, H, W) to (N, G, C / G, H, W): neighboring channels come to lie in one "
           "group. Which axes do the mean and the variance run over then?",
           "With `g = x.reshape(n, groups, -1)` it is the last axis. Normalize g by its mean and "
           "its 1/n variance with `keepdim=True`, and give it the shape of x."))
two = torch.tensor([[[[0.0]], [[2.0]], [[10.0]], [[14.0]]], [[[1.0]], [[1.0]], [[0.0]], [[6.0]]]])
groups_of.case("two images of four channels, one pixel each", call(two, 2),
               note="A constant group becomes 0, and a group of two numbers −1 and 1.")
groups_of.case("one group is the whole image", call(torch.arange(12.0).reshape(1, 3, 2, 2) ** 2, 1))
groups_of.case("a faint group and a large eps", call(
    torch.tensor([[[[0.1, 0.3]], [[0.3, 0.1]]]]), 1, eps=0.03),
    note="The eps of the call is added to the variance, before the root.")
groups_of.hidden("the same as PyTorch for any sizes", drawn(6, lambda rng: call(
    numbers(rng, rng.randint(1, 3), (g := rng.randint(1, 4)) * rng.randint(1, 3), rng.randint(2, 4),
            rng.randint(2, 5), scale=rng.uniform(0.01, 5), level=3), g)), weight=2)
groups_of.mistake("the images are mixed", "The mean runs over the images as well, so an answer "
                  "depends on what else is in the batch.", """
def normalize_groups(x, groups, eps=1e-5):
    n, c, h, w = x.shape
    g = x.reshape(n, groups, c // groups, h, w)
    mean = g.mean((0, 2, 3, 4), keepdim=True)
    var = g.var((0, 2, 3, 4), correction=0, keepdim=True)
    return ((g - mean) / (var + eps).sqrt()).reshape(x.shape)
""")
groups_of.mistake("each channel for itself", "The mean runs over the places of one channel. The "
                  "channels of a group share one mean and one variance.", """
def normalize_groups(x, groups, eps=1e-5):
    mean, var = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
    return (x - mean) / (var + eps).sqrt()
""")
groups_of.mistake("every other channel", "The channels are dealt out to the groups like cards: 0 "
                  "and 2, 1 and 3. A group is a run of neighbors.", """
def normalize_groups(x, groups, eps=1e-5):
    n, c, h, w = x.shape
    g = x.reshape(n, c // groups, groups, h, w)
    mean, var = g.mean((1, 3, 4), keepdim=True), g.var((1, 3, 4), correction=0, keepdim=True)
    return ((g - mean) / (var + eps).sqrt()).reshape(x.shape)
""")
groups_of.mistake("the variance divides by n − 1", "`var` divides by n − 1 unless it is told "
                  "otherwise. What is normalized is divided by the root of the 1/n variance.", """
def normalize_groups(x, groups, eps=1e-5):
    g = x.reshape(len(x), groups, -1)
    out = (g - g.mean(-1, keepdim=True)) / (g.var(-1, keepdim=True) + eps).sqrt()
    return out.reshape(x.shape)
""")
groups_of.mistake("eps outside of the root", "eps is added to the standard deviation. It belongs "
                  "to the variance, under the root.", """
def normalize_groups(x, groups, eps=1e-5):
    g = x.reshape(len(x), groups, -1)
    out = (g - g.mean(-1, keepdim=True)) / (g.std(-1, correction=0, keepdim=True) + eps)
    return out.reshape(x.shape)
""")
groups_of.mistake("one mean for the whole image", "All channels of an image share one mean and "
                  "one variance here. Each group has its own.", """
def normalize_groups(x, groups, eps=1e-5):
    var, mean = torch.var_mean(x, (1, 2, 3), correction=0, keepdim=True)
    return (x - mean) / (var + eps).sqrt()
""")
groups_of.mistake("the mean stays", "The numbers are divided, but their mean has not been taken "
                  "away.", """
def normalize_groups(x, groups, eps=1e-5):
    g = x.reshape(len(x), groups, -1)
    return (g / (g.var(-1, correction=0, keepdim=True) + eps).sqrt()).reshape(x.shape)
""")
groups_of.mistake("groups of as many channels", "`groups` is taken for the number of channels in "
                  "a group. It is the number of groups: each has C / G channels.", """
def normalize_groups(x, groups, eps=1e-5):
    g = x.reshape(len(x), x.shape[1] // groups, -1)
    var, mean = torch.var_mean(g, -1, correction=0, keepdim=True)
    return ((g - mean) / (var + eps).sqrt()).reshape(x.shape)
""")

# Running statistics, by pencil.


def kept(batch, momentum):
    """Return what PyTorch's layer keeps after it has seen the batch twice."""
    layer = nn.BatchNorm1d(1, momentum=momentum, dtype=torch.float64)
    for _ in range(2):
        layer(torch.tensor(batch, dtype=torch.float64)[:, None])
    return layer.running_mean.item(), layer.running_var.item()


def five_numbers(rng):
    """Draw a batch of five numbers at equal distances, and a momentum."""
    level, gap = rng.choice((10, 20, 30, 40)), rng.choice((2, 4))
    batch = [level + gap * place for place in (-2, 0, 1, -1, 2)]
    return {"batch": batch, "momentum": rng.choice((0.1, 0.2, 0.3, 0.4))}


running = Exercise(
    "answer_kept", right=kept, draw=five_numbers, tolerance=1e-3,
    hints=("First mean and variance of the five numbers. Which of the two variances is kept?",
           "A new layer starts with the running mean 0 and the running variance 1.",
           "One batch: new = (1 − momentum) · old + momentum · batch, for both. The second batch "
           "does the same once more."))
running.mistake("the variance of the batch itself", "The running mean is right. The running "
                "variance has got the 1/n variance, by which the batch is divided. What is kept "
                "is an estimate for all images.", """
def answer_kept(batch, momentum):
    x, mean, var = torch.tensor(batch, dtype=torch.float64), 0.0, 1.0
    for _ in range(2):
        mean += momentum * (x.mean().item() - mean)
        var += momentum * (x.var(correction=0).item() - var)
    return mean, var
""")
running.mistake("momentum as the weight of the old", "Here momentum weighs the old statistics. "
                "In PyTorch it is the weight of the new.", """
def answer_kept(batch, momentum):
    x, mean, var = torch.tensor(batch, dtype=torch.float64), 0.0, 1.0
    for _ in range(2):
        mean = momentum * mean + (1 - momentum) * x.mean().item()
        var = momentum * var + (1 - momentum) * x.var().item()
    return mean, var
""")
running.mistake("one batch only", "This is what the layer holds after the first batch. The "
                "second moves it on.", """
def answer_kept(batch, momentum):
    x = torch.tensor(batch, dtype=torch.float64)
    return momentum * x.mean().item(), 1 - momentum + momentum * x.var().item()
""")
running.mistake("the last batch", "These are the statistics of the batch. The running ones have "
                "only moved toward them, from where a new layer starts.", """
def answer_kept(batch, momentum):
    x = torch.tensor(batch, dtype=torch.float64)
    return x.mean().item(), x.var().item()
""")
running.mistake("a variance that starts from 0", "The running mean is right. The running "
                "variance of a new layer is 1, not 0.", """
def answer_kept(batch, momentum):
    x, share = torch.tensor(batch, dtype=torch.float64), 1 - (1 - momentum) ** 2
    return share * x.mean().item(), share * x.var().item()
""")
running.mistake("the standard deviation", "The running mean is right. What is kept beside it is "
                "a variance, and no standard deviation.", """
def answer_kept(batch, momentum):
    x, share = torch.tensor(batch, dtype=torch.float64), 1 - (1 - momentum) ** 2
    return share * x.mean().item(), 1 - share + share * x.std().item()
""")
running.mistake("the two exchanged", "The running mean comes first, then the running variance.", """
def answer_kept(batch, momentum):
    x, share = torch.tensor(batch, dtype=torch.float64), 1 - (1 - momentum) ** 2
    return 1 - share + share * x.var().item(), share * x.mean().item()
""")

# A loop whose mode is wrong from the second epoch on.


mode = Exercise(
    "answer_mode_line", right=(1, 200),
    hints=("Follow `net.training` through the lines, epoch by epoch. What is it in line 3 of the "
           "second epoch?",
           "When does a layer count a batch: whenever it sees one, or in training mode only?",
           "`net.eval()` must stay where it is. One line of the listing is run once, and should be "
           "run at the start of each epoch."))
mode.mistake("the batches are counted in every mode", "The line is found. But a layer counts a "
             "batch when it moves its running statistics. Does it do that in all ten epochs?",
             "answer_mode_line = (1, 2000)")
mode.mistake("the wrong half of the pair", "The count is right. `net.eval()` stands where it is "
             "needed, before the validation. Which line should undo it?",
             "answer_mode_line = (8, 200)")
mode.mistake("the wrong half of the pair, and every batch counts",
             "`net.eval()` stands where it is needed, before the validation. Which line should "
             "undo it? And what do the layers do with a batch until it is undone?",
             "answer_mode_line = (8, 2000)")
mode.mistake("the mode switched by no_grad", "The count is right. `no_grad` stops autograd's "
             "record and ends with its block; it does not touch the mode.",
             "answer_mode_line = (9, 200)")
mode.mistake("the validation is counted", "The line is found. The batches of the validation are "
             "seen in evaluation mode: they are not counted.",
             "answer_mode_line = (1, 220)")
mode.mistake("counted in every mode, with the validation", "The line is found. But a layer counts "
             "a batch only when it moves its running statistics. For which batches does it do "
             "that, with the lines as they are?",
             "answer_mode_line = (1, 2200)")

# The layers whose statistics are to stay.


def frozen(net):
    """Find them by the names of their kinds, and count."""
    net.train()
    found = [m for m in net.modules() if type(m).__name__ in ("BatchNorm1d", "BatchNorm2d")]
    for layer in found:
        layer.training = False
    return len(found)


def a_net():
    """Return a small network with three normalizations, one of them deep inside."""
    return nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout(0.5),
        nn.Sequential(nn.Conv2d(2, 2, 1), nn.Sequential(nn.BatchNorm2d(2), nn.ReLU())),
        nn.Flatten(), nn.Linear(8, 3), nn.BatchNorm1d(3))


freezing = Exercise(
    "freeze_statistics", right=frozen,
    hints=("What decides whether a layer uses its running statistics: the network's mode, or its "
           "own?",
           "`net.train()` sets the mode of all layers. After it, go through all of them and put "
           "back those that are a batch normalization.",
           "`for layer in net.modules():` and "
           "`if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):`"))


@freezing.probe("three normalizations, one of them deep inside, and none",
                "[freeze_statistics(net), freeze_statistics(net_without)]",
                note="It returns how many normalizations there are, of both kinds, at any depth.")
def _(f):
    return [f(a_net().eval()), f(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))]


@freezing.probe("which layers are in training mode afterwards",
                "freeze_statistics(net); [type(m).__name__ for m in net.modules() if m.training]",
                note="Only batch normalizations are to be in evaluation mode, wherever they stand.")
def _(f):
    net = a_net().eval()
    f(net)
    return [type(layer).__name__ for layer in net.modules() if layer.training]


@freezing.probe("parameters still learn",
                "[freeze_statistics(net), all(p.requires_grad for p in net.parameters())]",
                note="All weights are to learn, the γ and β of the normalizations, too.")
def _(f):
    net = a_net()
    count = f(net)
    return [count, all(p.requires_grad for p in net.parameters())]


@freezing.probe("running statistics stay as they are", "freeze_statistics(net); net(images)",
                hidden=True)
def _(f):
    net = a_net()
    count = f(net)
    net(torch.linspace(-1, 3, 16).reshape(4, 1, 2, 2))
    return [count, *(b.clone() for b in net.buffers())]


@freezing.probe("a layer alone, or one inside a module", "freeze_statistics(nn.BatchNorm2d(2))",
                hidden=True)
def _(f):
    alone, inside = nn.BatchNorm2d(2), nn.ModuleDict({"a": nn.BatchNorm1d(2)})
    return [f(alone), f(inside), alone.training, inside.training, inside["a"].training]


freezing.mistake("only the outermost layers", "`children()`, and a loop over an `nn.Sequential`, "
                 "see the outermost layers only. `modules()` goes all the way down.", """
def freeze_statistics(net):
    net.train()
    count = 0
    for layer in net.children():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.eval()
            count += 1
    return count
""")
freezing.mistake("only the kind for images", "An `nn.BatchNorm1d`, after a dense layer, has "
                 "running statistics as well.", """
def freeze_statistics(net):
    net.train()
    found = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in found:
        layer.eval()
    return len(found)
""")
freezing.mistake("everything in evaluation mode", "The whole network is in evaluation mode, and "
                 "with it dropout, for one. Only the normalizations were meant.", """
def freeze_statistics(net):
    net.eval()
    return sum(isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)) for m in net.modules())
""")
freezing.mistake("parameters frozen, statistics not", "`requires_grad_(False)` holds parameters. "
                 "Running statistics are buffers and follow the mode.", """
def freeze_statistics(net):
    net.train()
    found = [m for m in net.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    for layer in found:
        layer.requires_grad_(False)
    return len(found)
""")
freezing.mistake("everything in training mode", "The normalizations train as well. Were they put "
                 "into evaluation mode, and after `net.train()`? That sets the mode of every layer "
                 "within the network, and so undoes what was set before.", """
def freeze_statistics(net):
    found = [m for m in net.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    for layer in found:
        layer.eval()
    net.train()
    return len(found)
""")

# A normalization before a layer, folded into it.


@torch.no_grad()
def by_asking(bn, linear):
    """Ask both layers for the answer to 0, and to each unit vector: that is all there is."""
    def both(x):
        x = F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias, eps=bn.eps)
        return F.linear(x, linear.weight, linear.bias)

    size = len(bn.running_mean)
    bias = both(torch.zeros(1, size))[0]
    return (both(torch.eye(size)) - bias).T, bias


def pair(weight, bias, mean, var, gamma, beta, eps=1e-5):
    """Return a batch normalization and a dense layer with these numbers."""
    tensors = [torch.as_tensor(v, dtype=torch.float32) for v in (weight, bias, mean, var, gamma,
                                                                 beta)]
    bn, linear = nn.BatchNorm1d(len(mean), eps=eps).eval(), nn.Linear(len(mean), len(weight))
    with torch.no_grad():
        for own, given in zip((linear.weight, linear.bias, bn.running_mean, bn.running_var,
                               bn.weight, bn.bias), tensors, strict=True):
            own.copy_(given)
    return bn, linear


def folding(says, **given):
    """Return the look at the weight and the bias."""
    return Probe(f"fold_into_next(bn, linear) {says}",
                 lambda f: list(f(*pair(**given))))


def random_pair(rng):
    """Draw all numbers."""
    ins, outs = rng.randint(1, 5), rng.randint(1, 5)
    some = numbers(rng, 5, ins)
    return folding("with random numbers", weight=numbers(rng, outs, ins), bias=numbers(rng, outs),
                   mean=some[0], var=some[1] ** 2, gamma=some[2], beta=some[3],
                   eps=rng.choice((1e-5, 0.1)))


before = Exercise(
    "fold_into_next", right=by_asking, tolerance=1e-4,
    hints=("Write down what comes out: W (γ (x − μ) / σ + β) + b. Which part is multiplied with x, "
           "and which is not?",
           "Each *input* of the dense layer has its own factor γ / σ. The weight is (out, in): "
           "does the factor scale its rows or its columns?",
           "With `scale = bn.weight / (bn.running_var + bn.eps).sqrt()`, the new weight is "
           "`linear.weight * scale`, and the new bias is the old one plus the old weight times "
           "`bn.bias - bn.running_mean * scale`."))
before.case("two inputs, two outputs; eps is 0", folding(
    "with W = [[1, 2], [3, 4]], b = [10, 20], μ = [1, 2], σ² = [4, 16], γ = [2, 8], β = [5, 6]",
    weight=[[1, 2], [3, 4]], bias=[10, 20], mean=[1, 2], var=[4, 16], gamma=[2, 8], beta=[5, 6],
    eps=0.0), note="Put a vector x through both layers by pencil. What is multiplied with x?")
before.case("three inputs, one output; eps is 0", folding(
    "with W = [[1, 1, 2]], b = [0], μ = [0, 1, 0], σ² = [1, 4, 4], γ = [1, 1, 1], β = [0, 0, 1]",
    weight=[[1, 1, 2]], bias=[0], mean=[0, 1, 0], var=[1, 4, 4], gamma=[1, 1, 1], beta=[0, 0, 1],
    eps=0.0))
before.case("a large eps", folding(
    "with W = [[3]], b = [1], μ = [1], σ² = [3], γ = [1], β = [0], eps = 1",
    weight=[[3]], bias=[1], mean=[1], var=[3], gamma=[1], beta=[0], eps=1.0),
    note="In this course σ is the root of the running variance *plus eps*.")


@before.probe("both layers stay as they are",
              "fold_into_next(bn, linear); linear.weight, linear.bias, bn.weight, bn.bias, "
              "bn.running_mean, bn.running_var",
              note="`fold_into_next` returns new tensors, and changes neither layer.")
def _(f):
    bn, linear = pair([[1, 2], [3, 4]], [10, 20], [1, 2], [4, 16], [2, 8], [5, 6], eps=0.0)
    f(bn, linear)
    return [linear.weight, linear.bias, bn.weight, bn.bias, bn.running_mean, bn.running_var]


before.hidden("any numbers", drawn(8, random_pair), weight=2)
before.mistake("no eps", "Here σ is the root of the running variance alone, or with an eps of its "
               "own. PyTorch adds `bn.eps` under the root.", """
def fold_into_next(bn, linear):
    scale = bn.weight / bn.running_var.sqrt()
    shift = bn.bias - bn.running_mean * scale
    return linear.weight * scale, linear.bias + linear.weight @ shift
""")
before.mistake("no square root", "γ is divided by the variance. It is divided by the standard "
               "deviation.", """
def fold_into_next(bn, linear):
    scale = bn.weight / (bn.running_var + bn.eps)
    shift = bn.bias - bn.running_mean * scale
    return linear.weight * scale, linear.bias + linear.weight @ shift
""")
before.mistake("rows instead of columns", "The factors scale the rows of the weight, its "
               "outputs, as they would for a normalization that comes *after* the layer.", """
def fold_into_next(bn, linear):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    shift = bn.bias - bn.running_mean * scale
    return linear.weight * scale[:, None], linear.bias + linear.weight @ shift
""")
before.mistake("folded as if it came after", "This is the chapter's `fold`, for a normalization "
               "that comes after the layer. Here it comes before.", """
def fold_into_next(bn, linear):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    return linear.weight * scale[:, None], bn.bias + (linear.bias - bn.running_mean) * scale
""")
before.mistake("the mean is not scaled", "β − μ is put through the layer. But μ was divided by σ "
               "and multiplied by γ, as x was.", """
def fold_into_next(bn, linear):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    return linear.weight * scale, linear.bias + linear.weight @ (bn.bias - bn.running_mean)
""")
before.mistake("the shift meets the new weight", "β − μγ/σ is multiplied with the *new* weight, "
               "and so scaled twice. What the normalization adds meets the old one.", """
def fold_into_next(bn, linear):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    weight = linear.weight * scale
    return weight, linear.bias + weight @ (bn.bias - bn.running_mean * scale)
""")
before.mistake("the bias stays", "The weight is right, and the bias is the old one. What becomes "
               "of μ and β?", """
def fold_into_next(bn, linear):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    return linear.weight * scale, linear.bias
""")
before.mistake("the layer's own bias is lost", "The new bias holds only what the normalization "
               "adds. The dense layer has a bias, too.", """
def fold_into_next(bn, linear):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    return linear.weight * scale, linear.weight @ (bn.bias - bn.running_mean * scale)
""")
before.mistake("a shift that skips the layer", "β − μγ/σ is added to the bias as it is. There is "
               "one for each *input* of the dense layer, and its weight comes after.", """
def fold_into_next(bn, linear):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    return linear.weight * scale, linear.bias + bn.bias - bn.running_mean * scale
""")
before.mistake("changed in place", "The results are right, but they were written into the layer "
               "that was handed in. Compute new tensors: `a = a * b` makes one, `a *= b` does not.",
               """
@torch.no_grad()
def fold_into_next(bn, linear):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    linear.bias += linear.weight @ (bn.bias - bn.running_mean * scale)
    linear.weight *= scale
    return linear.weight, linear.bias
""")

# One batch on several devices.


def by_moments(counts, means, variances):
    """Return mean and variance by the mean of the squares."""
    counts, means, variances = (torch.as_tensor(t).double() for t in (counts, means, variances))
    share = (counts / counts.sum())[:, None]
    mean = (share * means).sum(0)
    return mean, (share * (variances + means**2)).sum(0) - mean**2


def parts_of(rng):
    """Draw some parts of a batch, and what each device found in its own."""
    features = rng.randint(1, 3)
    parts = [numbers(rng, rng.randint(2, 6), features, scale=2, level=rng.uniform(-3, 3))
             for _ in range(rng.randint(2, 4))]
    return call(torch.tensor([len(part) for part in parts]),
                torch.stack([part.mean(0) for part in parts]),
                torch.stack([part.var(0, correction=0) for part in parts]))


merging = Exercise(
    "merge_statistics", right=by_moments, tolerance=1e-4,
    hints=("Two parts with the numbers 0, 0 and 6, 6: both variances are 0. What is the variance "
           "of all four?",
           "The mean of all is the mean of the means, each weighted with its count. For the "
           "variance, the distance of a part's mean from the mean of all has a share, too.",
           "With `share = counts / counts.sum()` as a column, the variance is the sum of "
           "`share * (variances + (means - mean)**2)`."))
merging.case("0, 0 and 6, 6", call(torch.tensor([2, 2]), torch.tensor([[0.0], [6.0]]),
                                   torch.tensor([[0.0], [0.0]])),
             note="The four numbers are 0, 0, 6, 6. What are their mean and their variance?")
merging.case("1, 3 and 2, 2, 2, 2, 2, 2", call(
    torch.tensor([2, 6]), torch.tensor([[2.0], [2.0]]), torch.tensor([[1.0], [0.0]])),
    note="A part with more images weighs more.")
merging.case("two features, parts of unlike size", call(
    torch.tensor([1, 3]), torch.tensor([[0.0, 4.0], [4.0, 0.0]]),
    torch.tensor([[0.0, 0.0], [2.0, 6.0]])))
merging.hidden("any parts", drawn(6, parts_of), weight=2)
merging.mistake("the spread between the parts is lost", "The mean is right. The variance is the "
                "mean of the parts' variances: how far their means lie apart does not come in.",
                """
def merge_statistics(counts, means, variances):
    share = (counts / counts.sum())[:, None]
    return (share * means).sum(0), (share * variances).sum(0)
""")
merging.mistake("every part weighs the same", "All parts have the same weight here, but their "
                "sizes differ. Each image is to count the same.", """
def merge_statistics(counts, means, variances):
    mean = means.mean(0)
    return mean, (variances + (means - mean) ** 2).mean(0)
""")
merging.mistake("plain means of both", "Both results are plain means over the parts. That is "
                "right only for parts of one size whose means agree.", """
def merge_statistics(counts, means, variances):
    return means.mean(0), variances.mean(0)
""")
merging.mistake("divided by n − 1", "The sum of squares is divided by n − 1. What batch "
                "normalization divides a batch by is the root of the 1/n variance.", """
def merge_statistics(counts, means, variances):
    n = counts.sum()
    mean = (counts[:, None] * means).sum(0) / n
    return mean, (counts[:, None] * (variances + (means - mean) ** 2)).sum(0) / (n - 1)
""")
merging.mistake("the distance is not squared", "The variance takes the distance of a part's mean "
                "as it is. A variance is a mean of *squares*.", """
def merge_statistics(counts, means, variances):
    share = (counts / counts.sum())[:, None]
    mean = (share * means).sum(0)
    return mean, (share * (variances + (means - mean).abs())).sum(0)
""")
merging.mistake("distances that weigh the same", "The mean is right, and the parts' variances "
                "weigh as they should. The squared distances of the means must be weighted, too.",
                """
def merge_statistics(counts, means, variances):
    share = (counts / counts.sum())[:, None]
    mean = (share * means).sum(0)
    return mean, (share * variances).sum(0) + ((means - mean) ** 2).mean(0)
""")

# A layer whose running statistics are plain means.


class PlainMeans(nn.BatchNorm2d):
    """The right layer: PyTorch's own, without momentum, γ and β."""

    def __init__(self, channels, eps=1e-5):
        super().__init__(channels, eps=eps, momentum=None, affine=False)

    def forward(self, images):
        """Return the normalized images."""
        return super().forward(images)


def images_of(number, channels=2, size=2):
    """Return a batch of images, another one for each number."""
    shape = (3, channels, size, size + 1)
    x = torch.linspace(-1, 2, 3 * channels * size * (size + 1)).reshape(shape)
    return (number + 1) * x**2 + number


plain = Exercise(
    "PlainMeanNorm", right=PlainMeans, tolerance=1e-4,
    hints=("It is the chapter's `BatchNorm` without γ and β, with one more thing to think about: "
           "which fraction of the way must the running mean move at the first batch? At the "
           "second?",
           "At batch number k it moves the fraction 1/k: then each of the k batches has the same "
           "weight. So count the batches in a buffer.",
           "In training: `self.batches += 1`, then "
           "`self.running_mean += (mean.detach() - self.running_mean) / self.batches`, and the "
           "same for the variance, times n / (n − 1)."))


@plain.probe("two batches in training", "layer = PlainMeanNorm(2); [layer(first), layer(second)]",
             note="In training each batch is normalized by its own mean and 1/n variance.")
def _(kind):
    layer = kind(2)
    return [layer(images_of(0)), layer(images_of(1))]


@plain.probe("what is kept after one batch", "layer.running_mean, layer.running_var",
             note="The first batch replaces what a new layer starts with. The variance that is "
                  "kept is the n − 1 one.")
def _(kind):
    layer = kind(2)
    layer(images_of(0))
    return [layer.running_mean, layer.running_var]


@plain.probe("what is kept after three batches", "layer.running_mean, layer.running_var",
             note="Each of the three batches is to have the same weight.")
def _(kind):
    layer = kind(2)
    for number in range(3):
        layer(images_of(number))
    return [layer.running_mean, layer.running_var]


@plain.probe("in evaluation", "layer.eval()(images)",
             note="In evaluation the running statistics are used, and stay as they are.")
def _(kind):
    layer = kind(2)
    layer(images_of(1))
    layer.eval()
    return [layer(images_of(2)), layer(images_of(0)), layer.running_mean]


@plain.probe("what is saved and restored; nothing is learned",
             "['running_mean' in saved, 'running_var' in saved, restored(images), parameters]",
             note="`running_mean` and `running_var` are buffers: in the `state_dict`, and no "
                  "parameters.")
def _(kind):
    layer = kind(2)
    layer(images_of(3))
    saved = layer.state_dict()
    fresh = kind(2)
    fresh.load_state_dict(saved)
    fresh.eval()
    return ["running_mean" in saved, "running_var" in saved, fresh(images_of(0)),
            len(list(layer.parameters()))]


@plain.probe("a new layer in evaluation, and another eps", "PlainMeanNorm(4, eps=0.5)", hidden=True,
             weight=0.5)
def _(kind):
    layer = kind(4, eps=0.5).eval()
    untrained = layer(images_of(0, 4, 3))
    return [untrained, layer.train()(images_of(1, 4, 3)), layer(images_of(2, 4, 1)),
            layer.eval()(images_of(1, 4, 2)[:1]), layer.running_var]


@plain.probe("gradients flow through mean and variance, and nothing is recorded in what is kept",
             "images.grad, layer.running_mean.requires_grad", hidden=True)
def _(kind):
    layer, x = kind(2), images_of(0).requires_grad_()
    (layer(x) * images_of(2)).sum().backward()
    return [x.grad, layer.running_mean.requires_grad, layer.running_var.requires_grad]


_LAYER = """
class PlainMeanNorm(nn.Module):
    def __init__(self, channels, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("batches", torch.tensor(0))
    def forward(self, images):
        mean, var = self.running_mean, self.running_var
        if self.training:
            n = images.numel() // images.shape[1]
            mean = images.mean((0, 2, 3))
            var = images.var((0, 2, 3), correction=0)
            self.batches += 1
            kept = var * n / (n - 1)
            self.running_mean += (mean.detach() - self.running_mean) / self.batches
            self.running_var += (kept.detach() - self.running_var) / self.batches
        shape = (1, -1, 1, 1)
        return (images - mean.view(shape)) / (var.view(shape) + self.eps).sqrt()
"""


def other(*changes):
    """Return the layer's code with some pieces replaced."""
    code = _LAYER
    for piece, instead in changes:
        if piece not in code:
            raise ValueError(f"{piece} does not occur.")
        code = code.replace(piece, instead)
    return code


plain.mistake("a momentum of 0.1", "The running statistics move a tenth of the way at each batch, "
              "so the last batch weighs most, and the start is never forgotten.",
              other(("/ self.batches", "* 0.1")))
plain.mistake("the 1/n variance is kept", "The running variance has got the variance by which the "
              "batch was divided. For all images the n − 1 estimate is kept.",
              other(("kept = var * n / (n - 1)", "kept = var")))
plain.mistake("the batch is divided by the other variance", "The batch itself is divided by the "
              "n − 1 variance. That one is for the running variance only.",
              other(("correction=0", "correction=1"), ("var * n / (n - 1)", "var")))
plain.mistake("evaluation by the batch", "In evaluation mode, too, the batch is normalized by its "
              "own mean and variance. What are the running ones for?",
              other(("if self.training:", "if True:")))
plain.mistake("a sum instead of a mean", "The statistics of all batches are added up. For a mean, "
              "the sum is divided by the number of batches.", other(
                  ("(mean.detach() - self.running_mean) / self.batches", "mean.detach()"),
                  ("(kept.detach() - self.running_var) / self.batches",
                   "kept.detach() - (self.batches == 1).float()")))
plain.mistake("attributes instead of buffers", "Plain tensors in attributes compute the same. But "
              "they are missing from the `state_dict`, and do not move to a GPU with the layer.",
              other(*((f'self.register_buffer("{name}", {start})', f"self.{name} = {start}")
                      for name, start in (("running_mean", "torch.zeros(channels)"),
                                          ("running_var", "torch.ones(channels)"),
                                          ("batches", "torch.tensor(0)")))))
plain.mistake("normalized by what is kept", "In training, too, the running statistics do the "
              "normalizing. In training it is the batch's own mean and variance.", other(
                  ("shape = (1, -1, 1, 1)",
                   "mean, var, shape = self.running_mean, self.running_var, (1, -1, 1, 1)")))
