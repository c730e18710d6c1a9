"""Chapter 5: LeNet, its loss, its steps and its loop."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from .exercise import Exercise, Probe, call, drawn


def numbers(rng, *shape, scale=1.0):
    """Return random numbers around 0, as large as scale on average."""
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(rng.randrange(2**31)))


def classes_of(rng, count, classes):
    """Return random labels (count,)."""
    return torch.tensor([rng.randrange(classes) for _ in range(count)])


# The parameters of a LeNet of other sizes: PyTorch counts.


def lenet_numbers(channels, side, first, second):
    """Return how many numbers a LeNet of these sizes learns."""
    with torch.device("meta"):  # no memory, and no random numbers
        convolutions = nn.Sequential(nn.Conv2d(channels, first, 5), nn.MaxPool2d(2),
                                     nn.Conv2d(first, second, 5), nn.MaxPool2d(2), nn.Flatten())
        flat = convolutions(torch.zeros(1, channels, side, side)).shape[1]
        dense = nn.Sequential(nn.Linear(flat, 120), nn.Linear(120, 84), nn.Linear(84, 10))
    return sum(p.numel() for net in (convolutions, dense) for p in net.parameters())


def lenet_sizes(rng):
    """Draw the sizes; the images of chapter 5, (3, 32, 32), are not among them."""
    return {"channels": rng.choice((1, 2, 4)), "side": rng.choice((28, 36, 40, 44)),
            "first": rng.choice((4, 8, 10, 12)), "second": rng.choice((20, 24, 30, 32))}


count = Exercise(
    "answer_lenet_numbers", right=lenet_numbers, draw=lenet_sizes,
    hints=("Layer by layer. Which three sizes make the weight of a convolution, and what else does "
           "the layer learn?",
           "A convolution learns 5 · 5 numbers for each pair of an input and an output channel, "
           "and one bias for each output channel. A dense layer learns inputs · outputs + outputs.",
           "The first dense layer sees `second * s * s` numbers. Each convolution takes 4 off the "
           "side and each pooling halves it, so s = ((side − 4) / 2 − 4) / 2."))
count.mistake("the biases are missing", "These are the weights alone. Each kernel of a "
              "convolution and each output of a dense layer has a bias as well.", """
def answer_lenet_numbers(channels, side, first, second):
    s = ((side - 4) // 2 - 4) // 2
    return (25 * channels * first + 25 * first * second + second * s * s * 120
            + 120 * 84 + 84 * 10)
""")
count.mistake("kernels without input channels", "A kernel of a convolution has 5 · 5 weights for "
              "*each* channel that it reads, not 5 · 5 in all.", """
def answer_lenet_numbers(channels, side, first, second):
    s = ((side - 4) // 2 - 4) // 2
    return (25 * first + first + 25 * second + second + second * s * s * 120 + 120
            + 120 * 84 + 84 + 84 * 10 + 10)
""")
count.mistake("the first dense layer sees another size", "This is the count for a side that only "
              "pooling makes smaller. A 5 × 5 kernel without padding takes 4 off it.", """
def answer_lenet_numbers(channels, side, first, second):
    s = side // 4
    return (25 * channels * first + first + 25 * first * second + second
            + second * s * s * 120 + 120 + 120 * 84 + 84 + 84 * 10 + 10)
""")
count.mistake("one number for each channel", "This is the count for a first dense layer that "
              "sees one number of each channel. `flatten` hands on every place of every channel.",
              """
def answer_lenet_numbers(channels, side, first, second):
    return (25 * channels * first + first + 25 * first * second + second
            + second * 120 + 120 + 120 * 84 + 84 + 84 * 10 + 10)
""")
count.mistake("the dense layer of the page", "The first dense layer still has the 16 · 5 · 5 = "
              "400 inputs of the chapter's LeNet. With these images it sees another number.", """
def answer_lenet_numbers(channels, side, first, second):
    return (25 * channels * first + first + 25 * first * second + second
            + 400 * 120 + 120 + 120 * 84 + 84 + 84 * 10 + 10)
""")
count.mistake("the places of the page", "The first dense layer is given 5 · 5 places of each "
              "channel. That many are left of images of 32 × 32 pixels; yours have another side.",
              """
def answer_lenet_numbers(channels, side, first, second):
    return (25 * channels * first + first + 25 * first * second + second
            + second * 25 * 120 + 120 + 120 * 84 + 84 + 84 * 10 + 10)
""")
count.mistake("a float", "Sizes and counts are whole numbers. `/` makes a float of them, also "
              "where nothing is left over: write `//`.", """
def answer_lenet_numbers(channels, side, first, second):
    s = ((side - 4) / 2 - 4) / 2
    return (25 * channels * first + first + 25 * first * second + second
            + second * s * s * 120 + 120 + 120 * 84 + 84 + 84 * 10 + 10)
""")

# The loss, from logits of any size.

loss = Exercise(
    "loss_from_logits", right=lambda logits, labels: F.cross_entropy(logits, labels),
    hints=("Write the logarithm of the softmax as a difference of two terms, before you think of "
           "code. Which of them can overflow?",
           "The loss of an image is log(Σ exp(z)) − z[label]. Take the largest logit *of each "
           "image* away from its logits first: that changes neither the softmax nor the loss.",
           "`z = logits - logits.max(1, keepdim=True).values`, then the logarithm of "
           "`z.exp().sum(1)` minus `z[torch.arange(len(z)), labels]`, and the mean of it."))
loss.case("two images, three classes", call(torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]]),
                                            torch.tensor([0, 2])))
loss.case("logits near 1000", call(torch.tensor([[1000.0, 999.0, 997.0]]), torch.tensor([1])),
          note="exp(1000) is `inf` in float32. What can be taken away from all logits of an image "
               "without changing its softmax?")
loss.case("large logits beside small ones",
          call(torch.tensor([[800.0, 801.0], [0.0, 1.0]]), torch.tensor([0, 0])),
          note="What is taken away must be found for each image alone.")
loss.case("a class that gets nothing", call(torch.tensor([[0.0, 120.0]]), torch.tensor([0])),
          call(torch.tensor([[0.0, 400.0]]), torch.tensor([0])),
          note="A probability that rounds to 0 has no logarithm. Take the logarithm of the sum, "
               "not of each fraction.")
loss.hidden("any batch", drawn(6, lambda rng: call(
    numbers(rng, n := rng.randint(1, 6), k := rng.randint(2, 9), scale=rng.choice((1, 30, 3000))),
    classes_of(rng, n, k))), weight=2)
loss.mistake("overflow", "The formula is right, and exp of a large logit is `inf` in float32: "
             "`inf / inf` is not a number. The page's own formula does this, too.", """
def loss_from_logits(logits, labels):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    return -p[torch.arange(len(logits)), labels].log().mean()
""")
loss.mistake("one maximum for the whole batch", "What is taken away is the largest logit of all "
             "images. An image whose logits lie far below that is left with exp = 0 everywhere.",
             """
def loss_from_logits(logits, labels):
    z = logits - logits.max()
    return (z.exp().sum(1).log() - z[torch.arange(len(z)), labels]).mean()
""")
loss.mistake("the logarithm of a rounded softmax", "The softmax itself no longer overflows. But "
             "a probability that is rounded to 0 has the logarithm −inf.", """
def loss_from_logits(logits, labels):
    p = logits.softmax(1)
    return -p[torch.arange(len(p)), labels].log().mean()
""")
loss.mistake("softmax twice", "This is the cross-entropy of probabilities that were taken for "
             "logits: a second softmax flattens them.", """
def loss_from_logits(logits, labels):
    return F.cross_entropy(logits.softmax(1), labels)
""")
loss.mistake("a sum instead of a mean", "The losses of the images are added up. Then the length "
             "of a step depends on the size of the batch.", """
def loss_from_logits(logits, labels):
    return F.cross_entropy(logits, labels, reduction="sum")
""")
loss.mistake("softmax over the images", "The sum runs over the images, axis 0. The classes of "
             "one image compete with each other: axis 1.", """
def loss_from_logits(logits, labels):
    z = logits.log_softmax(0)
    return -z[torch.arange(len(z)), labels].mean()
""")
loss.mistake("every label for every image", "`z[:, labels]` is (N, N): from each image it "
             "takes the logits of the labels of *all* images. Each image has one label.", """
def loss_from_logits(logits, labels):
    z = logits - logits.max(1, keepdim=True).values
    return (z.exp().sum(1).log() - z[:, labels]).mean()
""")

# Steps with momentum, by hand.


def heavy_ball(w, gradient, lr, momentum, steps):
    """Return the way without a v: each step is the last one, shortened, and the new gradient."""
    places = [torch.as_tensor(w), torch.as_tensor(w)]
    for _ in range(steps):
        before, now = places[-2:]
        places.append(now + momentum * (now - before) - lr * gradient(now))
    return torch.stack(places[1:])


def ones(w):
    """Return a gradient that is 1 everywhere."""
    return torch.ones_like(w)


def twice(w):
    """Return the gradient of the sum of squares."""
    return 2 * w


way = Exercise(
    "momentum_path", right=heavy_ball,
    hints=("What has to survive from one turn of the loop to the next, besides w?",
           "Before the loop: a running sum v of zeros, and a list that holds the start. In each "
           "turn the gradient *at the present w* goes into v, and v moves w.",
           "`v = momentum * v + gradient(w)`, then `w = w - lr * v`, then put w into the list. At "
           "the end `torch.stack`."))
way.case("a gradient that is always 1: the steps grow",
         call(torch.tensor([0.0]), ones, lr=0.5, momentum=0.5, steps=3))
way.case("down a bowl", call(torch.tensor([1.0, -2.0]), twice, lr=0.1, momentum=0.9, steps=2),
         note="The gradient has to be asked for anew at each place.")
way.case("momentum 0 is plain SGD", call(torch.tensor([4.0]), twice, lr=0.25, momentum=0, steps=2))
way.hidden("any way", drawn(6, lambda rng: call(
    numbers(rng, rng.randint(1, 4)), twice, lr=rng.uniform(0.01, 0.4),
    momentum=rng.uniform(0.1, 0.95), steps=rng.randint(1, 6))), weight=2)
way.hidden("no step at all", call(torch.tensor([1.0, 2.0]), twice, lr=0.1, momentum=0.9, steps=0),
           weight=0.5)
way.mistake("no memory", "Every step is made of one gradient: v is forgotten from turn to turn.",
            """
def momentum_path(w, gradient, lr, momentum, steps):
    way = [w]
    for _ in range(steps):
        way.append(way[-1] - lr * gradient(way[-1]))
    return torch.stack(way)
""")
way.mistake("a weighted mean instead of a sum", "The new gradient is weighted with 1 − momentum. "
            "Here v is a sum, which takes the new gradient whole.", """
def momentum_path(w, gradient, lr, momentum, steps):
    way, v = [w], torch.zeros_like(w)
    for _ in range(steps):
        v = momentum * v + (1 - momentum) * gradient(way[-1])
        way.append(way[-1] - lr * v)
    return torch.stack(way)
""")
way.mistake("Nesterov", "These are the steps of Nesterov momentum, against g + momentum · v. The "
            "plain one steps against v.", """
def momentum_path(w, gradient, lr, momentum, steps):
    way, v = [w], torch.zeros_like(w)
    for _ in range(steps):
        g = gradient(way[-1])
        v = momentum * v + g
        way.append(way[-1] - lr * (g + momentum * v))
    return torch.stack(way)
""")
way.mistake("the gradient of the start", "The gradient is computed once, before the loop. It "
            "changes with every step: ask for it at the present w.", """
def momentum_path(w, gradient, lr, momentum, steps):
    way, v, g = [w], torch.zeros_like(w), gradient(w)
    for _ in range(steps):
        v = momentum * v + g
        way.append(way[-1] - lr * v)
    return torch.stack(way)
""")
way.mistake("uphill", "These steps go along the gradient, and so the loss rises. Step against it.",
            """
def momentum_path(w, gradient, lr, momentum, steps):
    way, v = [w], torch.zeros_like(w)
    for _ in range(steps):
        v = momentum * v + gradient(way[-1])
        way.append(way[-1] + lr * v)
    return torch.stack(way)
""")
way.mistake("the start is missing", "The rows begin after the first step. Row 0 is the start "
            "itself, so there is one row more than steps.", """
def momentum_path(w, gradient, lr, momentum, steps):
    way, v = [], torch.zeros_like(w)
    for _ in range(steps):
        v = momentum * v + gradient(w)
        w = w - lr * v
        way.append(w)
    return torch.stack(way)
""")
way.mistake("a momentum of 0.9", "Here v is always multiplied by 0.9. `momentum` is an "
            "argument, and can be another number.", """
def momentum_path(w, gradient, lr, momentum, steps):
    way, v = [w], torch.zeros_like(w)
    for _ in range(steps):
        v = 0.9 * v + gradient(way[-1])
        way.append(way[-1] - lr * v)
    return torch.stack(way)
""")
way.mistake("the step before the gradient", "w moves by the v of the turn before, so the first "
            "step leads nowhere. In each turn the gradient goes into v first.", """
def momentum_path(w, gradient, lr, momentum, steps):
    way, v = [w], torch.zeros_like(w)
    for _ in range(steps):
        way.append(way[-1] - lr * v)
        v = momentum * v + gradient(way[-1])
    return torch.stack(way)
""")

# Three faults in a loop.

faults = Exercise(
    "answer_loop_lines", right=(4, 6, 2),
    hints=("A: for a module `to` works in place. What does it do with a tensor?",
           "B: the smallest loss there is belongs to a network that is sure of the right class. "
           "What must reach `F.cross_entropy` so that it can get to 0?",
           "C: `backward` *adds* to the gradients that are there. What is to undo that, and how "
           "often is it called here?"))
faults.mistake("C where the gradients are added", "A and B are found. In line 7 gradients pile "
               "up, as they are meant to: `backward` always adds. Which line should have cleared "
               "them, before each of its calls?",
               "answer_loop_lines = (4, 6, 7)")
faults.mistake("C where the gradients are used", "A and B are found. Line 8 takes the step with "
               "the gradients that it is given. Why are they too long?",
               "answer_loop_lines = (4, 6, 8)")
faults.mistake("A where the message comes", "B and C are found. Line 5 is where the error shows. "
               "It is made further up: where do the images come from that arrive there?",
               "answer_loop_lines = (5, 6, 2)")
faults.mistake("B in the network's output", "A and C are found. Line 5 is as it should be: the "
               "network hands on logits. What happens to them before the loss?",
               "answer_loop_lines = (4, 5, 2)")
faults.mistake("the order of the lines", "These are the right lines, sorted by number. Give them "
               "in the order of the symptoms: A, B, C.",
               "answer_loop_lines = (2, 4, 6)")

# The confusion matrix.


def by_one_hot(preds, labels, classes):
    """Return the counts as a product of matrices."""
    preds, labels = (F.one_hot(torch.as_tensor(x), classes) for x in (preds, labels))
    return labels.T @ preds


table = Exercise(
    "count_confusions", right=by_one_hot,
    hints=("Every image adds 1 to one place of the table. Which row, which column?",
           "A loop over pairs of label and prediction is enough. Without a loop: give each pair "
           "a number of its own, and count how often each number occurs.",
           "`torch.bincount(labels * classes + preds, minlength=classes**2)`, then `reshape`."))
table.case("four images, three classes", call(
    torch.tensor([0, 1, 2, 1]), torch.tensor([0, 0, 2, 1]), 3))
table.case("the same confusion three times", call(
    torch.tensor([1, 1, 1, 0]), torch.tensor([0, 0, 0, 0]), 2),
    note="Does your code add 1 for each image, or once for each place?")
table.case("a last class that never occurs", call(torch.tensor([0, 1]), torch.tensor([1, 1]), 4),
           note="The table has a row and a column for each class, also for one without images.")
table.hidden("any table", drawn(6, lambda rng: call(
    classes_of(rng, n := rng.randint(5, 40), k := rng.randint(2, 6)), classes_of(rng, n, k), k)),
    weight=2)
table.mistake("rows and columns exchanged", "Rows are predictions here. In this course a row is "
              "what the image shows, and a column is what the network says.", """
def count_confusions(preds, labels, classes):
    return torch.bincount(preds * classes + labels, minlength=classes**2).reshape(classes, classes)
""")
table.mistake("each place counted once", "`table[labels, preds] += 1` reads all places, adds 1, "
              "and writes them back: a pair that comes three times is written three times as 1.",
              """
def count_confusions(preds, labels, classes):
    table = torch.zeros(classes, classes, dtype=torch.long)
    table[labels, preds] += 1
    return table
""")
table.mistake("fractions instead of counts", "Each row is divided by its sum. Counts were asked "
              "for, and a class without images would have 0/0 here.", """
def count_confusions(preds, labels, classes):
    table = torch.bincount(labels * classes + preds, minlength=classes**2).float()
    table = table.reshape(classes, classes)
    return table / table.sum(1, keepdim=True)
""")
table.mistake("as many classes as occur", "The size is taken from the labels at hand. A class "
              "that happens to be missing from them takes its row and column along.", """
def count_confusions(preds, labels, classes):
    classes = int(max(preds.max(), labels.max())) + 1
    return torch.bincount(labels * classes + preds, minlength=classes**2).reshape(classes, classes)
""")

# A module with as many layers as asked for.


class Chain(nn.Sequential):
    """The right module, as PyTorch's own container."""

    def __init__(self, sizes):
        layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
        super().__init__(*layers[:-1])

    def forward(self, x):
        """Return the outputs."""
        return super().forward(x)


def filled(net):
    """Give each parameter values of its own that no first weights decide; return the module."""
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.linspace(-1, 0.8, p.numel()).reshape(p.shape))
    return net


def outputs(sizes, scale=1.0):
    """Return the look at the outputs of a filled module of these sizes."""
    x = scale * torch.linspace(-1, 2, 3 * sizes[0]).reshape(3, sizes[0])

    def look(kind):
        return filled(kind(list(sizes)))(x)  # a learner may change the list

    return Probe(f"DenseStack({sizes})(x)", look)


stack = Exercise(
    "DenseStack", right=Chain,
    hints=("How many layers are there, seen from the length of `sizes`? And how many ReLUs?",
           "`nn.Module` notices layers that are assigned to an attribute, and those in an "
           "`nn.ModuleList`. `zip(sizes[:-1], sizes[1:])` gives the pairs of sizes.",
           "In `forward`: `for layer in self.layers[:-1]: x = F.relu(layer(x))`, and then the last "
           "layer without a ReLU."))


@stack.probe("every weight and bias is registered",
             "[p.shape for p in DenseStack([4, 3, 2]).parameters()]",
             note="A layer is `nn.Linear(inputs, outputs)`. What `parameters()` does not find does "
                  "not learn: what does `nn.Module` notice?")
def _(kind):
    return sorted(tuple(p.shape) for p in kind([4, 3, 2]).parameters())


stack.case("three layers, with weights that we chose", outputs([4, 3, 5, 2]))
stack.case("one layer is no more than that", outputs([3, 2]),
           note="Is there a ReLU after the last layer?")
stack.hidden("other sizes", drawn(4, lambda rng: outputs(
    [rng.randint(1, 6) for _ in range(rng.randint(2, 6))], rng.choice((-1.0, 1.0)))), weight=2)
stack.mistake("layers in a plain list", "`nn.Module` does not look into lists: the layers "
              "compute, but `parameters()` does not find them.", """
class DenseStack(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = [nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])]
    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)
""")
stack.mistake("a ReLU after the last layer", "Logits may be negative. A ReLU after the last "
              "layer sets those to 0, and their gradients, too.", """
class DenseStack(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:]))
    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return x
""")
stack.mistake("no ReLU at all", "Dense layers in a row, with nothing between them, are no more "
              "than one.", """
class DenseStack(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:]))
    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
""")
stack.mistake("no register", "`super().__init__()` sets up the register, and must come first of "
              "all.", """
class DenseStack(nn.Module):
    def __init__(self, sizes):
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:]))
""")

# One batch, learned by heart: does the loop work at all?


class Steps:
    """SGD, as an optimizer is used. PyTorch's own takes seconds to import when first made."""

    def __init__(self, parameters, lr, momentum=0.0):
        self.lr, self.momentum = lr, momentum
        self.param_groups = [{"params": list(parameters), "lr": lr, "momentum": momentum}]
        self.v = [torch.zeros_like(p) for p in self.param_groups[0]["params"]]

    def zero_grad(self, set_to_none=True):
        """Forget the gradients."""
        for p in self.param_groups[0]["params"]:
            p.grad = None if set_to_none or p.grad is None else torch.zeros_like(p)

    @torch.no_grad()
    def step(self):
        """Take a step with the gradients that are there."""
        for p, v in zip(self.param_groups[0]["params"], self.v, strict=True):
            if p.grad is not None:
                v.mul_(self.momentum).add_(p.grad)
                p.sub_(self.lr * v)


def memorized(model, images, labels, optimizer, target, most):
    """Return the steps, counted by those that are left."""
    model.train()
    for left in range(most, 0, -1):
        optimizer.zero_grad()
        value = nn.CrossEntropyLoss()(model(images), labels)
        if value.item() < target:
            return most - left
        value.backward()
        optimizer.step()
    return most


def memory(target, most, lr, says, momentum=0.0, images=None, labels=None, classes=2):
    """Return the look at the steps, and the weights after them."""
    x = torch.tensor([[1.0, 0.5], [-0.5, 1.0], [0.2, -1.0]]) if images is None else images
    y = torch.tensor([0, 1, 1]) if labels is None else labels

    def look(f):
        model = filled(nn.Linear(x.shape[1], classes)).eval()
        optimizer = Steps(model.parameters(), lr, momentum)
        steps = f(model, x.clone(), y.clone(), optimizer, target, most)
        return {"steps": steps, "weight": model.weight, "training": model.training}

    return Probe(says, look)


heart = Exercise(
    "steps_to_memorize", right=memorized,
    hints=("It is the training loop of the chapter with a single batch. Where in it do you know "
           "the loss for the first time?",
           "In each turn: the loss, then the question whether it is below `target`, and only "
           "then `zero_grad`, `backward` and `step`. The number of the turn is the number of "
           "steps that were taken before it.",
           "`for step in range(most):` … `if loss < target: return step` … and `return most` after "
           "the loop."))
heart.case("the batch is learned after some steps",
           memory(0.3, 9, 2.0, "steps_to_memorize(model, images, labels, SGD(…, lr=2), 0.3, 9)"),
           note="In each turn the loss is found first, then compared with the target, and "
                "only then comes a step of `model` with `optimizer`.")
heart.case("a loss that is low from the start needs no step",
           memory(5.0, 9, 1.0, "steps_to_memorize(model, images, labels, SGD(…, lr=1), 5, 9)"))
heart.case("after 4 steps it is enough",
           memory(0.01, 4, 0.5,
                  "steps_to_memorize(model, images, labels, SGD(…, lr=0.5), 0.01, 4)"))
heart.hidden("any batch", drawn(3, lambda rng: memory(
    rng.uniform(0.3, 0.9), rng.randint(3, 12), rng.uniform(0.1, 1.0),
    "steps_to_memorize(model, images, labels, optimizer, target, most)", rng.choice((0.0, 0.9)),
    numbers(rng, 5, 4), classes_of(rng, 5, 3), 3)), weight=2)


@heart.probe("a loss that equals the target is not below it",
             "steps_to_memorize(model, images, labels, SGD(…, lr=1), loss, 3)", hidden=True,
             weight=0.5)
def _(f):
    model, x, y = filled(nn.Linear(2, 2)), torch.ones(1, 2), torch.tensor([0])
    at_first = F.cross_entropy(model(x), y).item()
    return f(model, x, y, Steps(model.parameters(), 1.0), at_first, 3)


heart.mistake("no zero_grad", "`backward` adds to the gradients that are there, so each "
              "step goes along the sum of all gradients so far.", """
def steps_to_memorize(model, images, labels, optimizer, target, most):
    model.train()
    for step in range(most):
        loss = F.cross_entropy(model(images), labels)
        if loss < target:
            return step
        loss.backward()
        optimizer.step()
    return most
""")
heart.mistake("one step too many", "The step is taken before the loss is looked at: a network "
              "that was good enough is changed once more, and counted so.", """
def steps_to_memorize(model, images, labels, optimizer, target, most):
    model.train()
    for step in range(most):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < target:
            return step + 1
    return most
""")
heart.mistake("the weights stay", "No parameter has moved. Is there a step, and are the "
              "gradients still there when it comes? `zero_grad` between `backward` and `step` "
              "leaves it nothing to go by.", """
def steps_to_memorize(model, images, labels, optimizer, target, most):
    model.train()
    for step in range(most):
        loss = F.cross_entropy(model(images), labels)
        if loss < target:
            return step
        optimizer.zero_grad()
        loss.backward()
    return most
""")
heart.mistake("softmax twice", "`F.cross_entropy` takes logits. After a softmax of your own the "
              "loss stays high and the gradients are small.", """
def steps_to_memorize(model, images, labels, optimizer, target, most):
    model.train()
    for step in range(most):
        loss = F.cross_entropy(model(images).softmax(1), labels)
        if loss < target:
            return step
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return most
""")
heart.mistake("the mode is not set", "The steps are right. But the network is left in the mode "
              "in which it came: here that is evaluation.", """
def steps_to_memorize(model, images, labels, optimizer, target, most):
    for step in range(most):
        loss = F.cross_entropy(model(images), labels)
        if loss < target:
            return step
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return most
""")
heart.mistake("counted from 1", "The training is right, and the number is one too high: at the "
              "first look at the loss no step has been taken yet.", """
def steps_to_memorize(model, images, labels, optimizer, target, most):
    model.train()
    for step in range(1, most + 1):
        loss = F.cross_entropy(model(images), labels)
        if loss < target:
            return step
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return most
""")
heart.mistake("a copy in place of the model", "The loss of a copy is watched, and the optimizer "
              "moves the parameters of `model` itself. Train the one that is handed in.", """
def steps_to_memorize(model, images, labels, optimizer, target, most):
    import copy
    model = copy.deepcopy(model).train()
    for step in range(most):
        loss = F.cross_entropy(model(images), labels)
        if loss < target:
            return step
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return most
""")
