"""Chapter 9: the training recipe."""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.adamw import adamw

from .exercise import Exercise, Probe, call, drawn


def normal(rng, *shape):
    """Return numbers around 0."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(rng.randrange(2**31)))


# 9.1


def any_schedule(rng):
    """Return a call for a step of a schedule of any length, or for one after its end."""
    up, flat, down = rng.randint(1, 6), rng.randint(0, 6), rng.randint(1, 6)
    total = up + flat + down
    return call(rng.randint(0, total + 3), total, up, down)


hold = Exercise(
    "trapezoid",
    right=lambda t, total, up, down: float(np.interp(
        t, [-1, up - 1, total - down, total], [0, 1, 1, 0])),
    hints=("There are three stretches. Which values of t belong to the first, and which share does "
           "t = 0 have?",
           "The fall: `total - t` steps are left. Divided by `down` that is 1 where the fall "
           "begins, and 0 at the end. What is it before, and what after?",
           "`if t < up: return (t + 1) / up`, and otherwise `(total - t) / down`, but not above 1 "
           "and not below 0."))
hold.case("the way up", *(call(t, 10, 4, 2) for t in (0, 1, 3)), call(1, 8, 3, 2),
          call(0, 6, 1, 2),
          note="Step 0 has the share 1 / up, and step up − 1 the share 1.")
hold.case("the plateau", *(call(t, 10, 4, 2) for t in (4, 6, 8)),
          note="From t = up to t = total − down the share is 1.")
hold.case("the fall", call(9, 10, 4, 2), call(10, 10, 4, 2), call(8, 12, 2, 8),
          note="`down` steps before the end the share is still 1, and after `total` steps it is 0.")
hold.case("beyond the end", call(13, 10, 4, 2),
          note="Some loops take a step more than was planned. What should their rate be?")
hold.hidden("any lengths", drawn(60, any_schedule), weight=2)
hold.mistake("a step with the rate 0", "The first step has t = 0, and `t / up` makes its rate 0: a "
             "whole step is computed for nothing, and the peak comes one step late.", """
def trapezoid(t, total, up, down):
    if t < up:
        return t / up
    return min(1, max(0, total - t) / down)
""")
hold.mistake("below zero after the end", "As long as the run is, the shares are right. Beyond it "
             "the line goes on below 0, and a negative rate climbs up the loss.", """
def trapezoid(t, total, up, down):
    if t < up:
        return (t + 1) / up
    return min(1, (total - t) / down)
""")
hold.mistake("the fall begins at once", "There is no plateau: the line begins to fall where the "
             "warm-up ends, not `down` steps before the end.", """
def trapezoid(t, total, up, down):
    if t < up:
        return (t + 1) / up
    return max(0, total - t) / (total - up)
""")
hold.mistake("the fall is not stopped at 1", "Before its last `down` steps the line of the fall "
             "lies above 1. There it has to be cut off.", """
def trapezoid(t, total, up, down):
    if t < up:
        return (t + 1) / up
    return max(0, total - t) / down
""")
hold.mistake("one step ahead", "The fall is one step ahead: it reaches 0 while a step is still to "
             "come. How many steps are left after t of them?", """
def trapezoid(t, total, up, down):
    if t < up:
        return (t + 1) / up
    return min(1, max(0, total - t - 1) / down)
""")


# 9.2


def run_sizes(rng):
    """Draw a run in which one batch of each epoch is left over."""
    batch, accumulate = rng.choice((32, 50, 64, 100)), rng.choice((2, 4, 8))
    images = batch * accumulate * rng.randint(20, 60) + rng.randint(3, batch - 3)
    return {"images": images, "batch": batch, "accumulate": accumulate,
            "epochs": rng.choice((5, 10, 30))}


def steps_by_loop(images, batch, accumulate, epochs):
    """Count the steps as a loop takes them."""
    steps = 0
    for _ in range(epochs):
        batches = len(torch.arange(images).split(batch))
        steps += len(range(0, batches, accumulate))
    return steps


steps = Exercise(
    "answer_total_steps", right=steps_by_loop, draw=run_sizes,
    hints=("Take one epoch. How many batches has it, the small one at the end included?",
           "Each `accumulate` batches make one step. Is something left over at the end of the "
           "epoch, and does it make a step?",
           "`epochs * math.ceil(math.ceil(images / batch) / accumulate)`"))
steps.mistake("batches counted, not steps", "This is the number of batches. With accumulation the "
              "optimizer steps less often, and OneCycle would stop halfway up or down.",
              "answer_total_steps = lambda images, batch, accumulate, epochs: "
              "epochs * math.ceil(images / batch)")
steps.mistake("what is left over is dropped", "At the end of each epoch some images are left over. "
              "They make a step as well; with this number OneCycle ends in an error before the run "
              "does.", "answer_total_steps = lambda images, batch, accumulate, epochs: "
              "epochs * (images // (batch * accumulate))")
steps.mistake("what is left over goes into the next epoch", "Here the epochs follow each other as "
              "one long row of batches. But each of them ends with a step of its own.",
              "answer_total_steps = lambda images, batch, accumulate, epochs: "
              "math.ceil(epochs * math.ceil(images / batch) / accumulate)")
steps.mistake("one epoch only", "That is one epoch. The schedule is made for all of them.",
              "answer_total_steps = lambda images, batch, accumulate, epochs: "
              "math.ceil(images / batch / accumulate)")


# 9.3

forgotten = Exercise(
    "answer_forgotten", right=("random", "scheduler", "model", "optimizer"),
    hints=("Begin with the one that is plainest: which loss is that of a network that has learned "
           "nothing?",
           "With the right weights and the right images the first loss is the right one. In which "
           "run is it neither right nor that of a guess?",
           "Two are left, and both get a wrong rate. A new optimizer begins with the rate that it "
           "was made with; a new scheduler leaves the rate alone until its first step."))
forgotten.mistake("weights and images", "B and D are right. Look at the first loss of A and of C, "
                  "and at ln 10 = 2.303: which of the two networks knows nothing?",
                  'answer_forgotten = ("model", "scheduler", "random", "optimizer")')
forgotten.mistake("optimizer and scheduler", "A and C are right. The rate is kept in the "
                  "optimizer's state. Which run begins with the wrong one? And in which is only "
                  "the rate of epoch 4 wrong, after the scheduler's first step?",
                  'answer_forgotten = ("random", "optimizer", "model", "scheduler")')
forgotten.mistake("images and momentum", "B and C are right. The momentum comes in with the first "
                  "step, so it cannot change the loss before it. What can?",
                  'answer_forgotten = ("optimizer", "scheduler", "model", "random")')
forgotten.mistake("images and schedule", "C and D are right. A schedule changes rates and, through "
                  "them, later losses. Compare the losses of the first batch in A and in B.",
                  'answer_forgotten = ("scheduler", "random", "model", "optimizer")')


# 9.4

lines = Exercise(
    "answer_recipe_lines", right=(13, 9, 5),
    hints=("A: for how many calls was this scheduler made, and how often is it called?",
           "B: follow `.grad` through lines 7 to 12. What is in it when the clipping comes?",
           "C: say for each line of epoch 2 whether the model is in training mode. Where would it "
           "have to be set again?"))
lines.mistake("A where the scheduler is made", "B and C are found. Line 4 is right: OneCycle is "
              "made for all steps of the run. Where is it called?",
              "answer_recipe_lines = (4, 9, 5)")
lines.mistake("A where the steps are counted", "B and C are found. Line 3 counts the batches of "
              "all epochs, and with each comes a step. Who does not come as often?",
              "answer_recipe_lines = (3, 9, 5)")
lines.mistake("B where gradients are emptied", "A and C are found. Line 8 may stand anywhere "
              "between `step` and `backward`. What does the line below it find?",
              "answer_recipe_lines = (13, 8, 5)")
lines.mistake("B where gradients are computed", "A and C are found. Line 11 has to stay below the "
              "loss and above the step. Which line uses `.grad` before line 11 has filled it?",
              "answer_recipe_lines = (13, 11, 5)")
lines.mistake("C where the mode is changed", "A and B are found. Line 14 is right, as the accuracy "
              "is asked after it. Which line would have to undo it, and runs only once?",
              "answer_recipe_lines = (13, 9, 14)")
lines.mistake("the order of the lines", "These are the right lines, by number. Give them in the "
              "order of the symptoms: A, B, C.", "answer_recipe_lines = (5, 9, 13)")


# 9.5


def among_others(logits, labels, epsilon):
    """Return the loss by PyTorch's, whose ε/K is given to every class."""
    classes = logits.shape[1]
    return F.cross_entropy(logits, labels, label_smoothing=epsilon * classes / (classes - 1))


def any_logits(rng):
    """Return a call with logits and labels of any number of classes."""
    n, classes = rng.randint(1, 6), rng.randint(2, 12)
    labels = torch.tensor([rng.randrange(classes) for _ in range(n)])
    return call(3 * normal(rng, n, classes), labels, rng.uniform(0, 0.4))


smoothing = Exercise(
    "smoothed_loss", right=among_others,
    hints=("Write down the target for K = 3, the label 1 and ε = 0.2. Do its numbers add up to 1?",
           "The loss of an image is minus the sum of target × log of the probability. "
           "`F.log_softmax(logits, dim=1)` gives all the logs at once, without an overflow.",
           "Make a target full of ε / (K − 1), write 1 − ε into it with "
           "`scatter_(1, labels[:, None], 1 - epsilon)`, and let `F.cross_entropy` do the rest."))
smoothing.case("without smoothing it is the cross-entropy",
               call(torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]]), torch.tensor([0, 2]), 0.0),
               note="With ε = 0 it is `F.cross_entropy(logits, labels)`: the mean over the images "
                    "of −log p, where p is the probability of the label.")
smoothing.case("two images, three classes",
               call(torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]]), torch.tensor([0, 2]), 0.2),
               note="Print your target: here its rows should be 0.8, 0.1, 0.1 and 0.1, 0.1, 0.8.")
smoothing.case("logits that are all equal: ln 4, whatever ε is",
               call(torch.zeros(3, 4), torch.tensor([0, 1, 3]), 0.3),
               note="Each target must add up to 1.")
smoothing.case("large logits", call(torch.tensor([[300.0, 0.0, -300.0]]), torch.tensor([0]), 0.1),
               note="The softmax of these logits is 1, 0 and 0 after rounding: take its logarithm "
                    "with `F.log_softmax`, in one go.")
smoothing.hidden("any number of classes", drawn(12, any_logits), weight=2)
smoothing.mistake("PyTorch's own shares", "This gives ε / K to every class, to the right one as "
                  "well, as `label_smoothing=` does. Here ε goes to the others only.", """
def smoothed_loss(logits, labels, epsilon):
    return F.cross_entropy(logits, labels, label_smoothing=epsilon)
""")
smoothing.mistake("everyone gets all of ε", "Each of the others gets ε here. They must share it, "
                  "or the target adds up to more than 1.", """
def smoothed_loss(logits, labels, epsilon):
    right = F.one_hot(labels, logits.shape[1])
    return F.cross_entropy(logits, right * (1 - epsilon) + (1 - right) * epsilon)
""")
smoothing.mistake("the right one gets a share, too", "To the right class 1 − ε is given and then a "
                  "share of ε on top, so the target adds up to more than 1.", """
def smoothed_loss(logits, labels, epsilon):
    classes = logits.shape[1]
    target = F.one_hot(labels, classes) * (1 - epsilon) + epsilon / (classes - 1)
    return F.cross_entropy(logits, target)
""")
smoothing.mistake("the mean over all numbers", "The mean is taken over all N × K numbers. Over the "
                  "classes it is a sum, over the images a mean.", """
def smoothed_loss(logits, labels, epsilon):
    classes = logits.shape[1]
    return F.cross_entropy(logits, labels,
                           label_smoothing=epsilon * classes / (classes - 1)) / classes
""")
smoothing.mistake("divided by K", "The right class has 1 − ε, but the others get ε / K each: there "
                  "are K − 1 of them, so some of ε is lost.", """
def smoothed_loss(logits, labels, epsilon):
    right = F.one_hot(labels, logits.shape[1])
    others = (1 - right) * epsilon / logits.shape[1]
    return F.cross_entropy(logits, right * (1 - epsilon) + others)
""")
smoothing.mistake("softmax twice", "`F.cross_entropy` takes logits, and makes the softmax itself. "
                  "Here it gets probabilities, and its loss cannot get low any more.", """
def smoothed_loss(logits, labels, epsilon):
    classes = logits.shape[1]
    return F.cross_entropy(logits.softmax(1), labels,
                           label_smoothing=epsilon * classes / (classes - 1))
""")
smoothing.mistake("only the classes that occur", "`F.one_hot(labels)` makes only as many columns "
                  "as the largest label asks for. Tell it how many classes there are: "
                  "`F.one_hot(labels, K)`.", """
def smoothed_loss(logits, labels, epsilon):
    right = F.one_hot(labels)
    target = right * (1 - epsilon) + (1 - right) * epsilon / (logits.shape[1] - 1)
    return F.cross_entropy(logits, target)
""")
smoothing.mistake("the sum over the images", "This adds up the losses of all images. A loss is "
                  "their mean, or the rate would depend on the size of the batch.", """
def smoothed_loss(logits, labels, epsilon):
    classes = logits.shape[1]
    return F.cross_entropy(logits, labels, reduction="sum",
                           label_smoothing=epsilon * classes / (classes - 1))
""")
smoothing.mistake("the logarithm of a softmax", "For large logits the softmax is rounded to 0, and "
                  "log 0 is −∞.", """
def smoothed_loss(logits, labels, epsilon):
    right = F.one_hot(labels, logits.shape[1])
    target = right * (1 - epsilon) + (1 - right) * epsilon / (logits.shape[1] - 1)
    return -(target * logits.softmax(1).log()).sum(1).mean()
""")


# 9.6


class SmallNet(nn.Linear):
    """A network of one layer; the device holds `limit` images, each until its gradient comes."""

    def __init__(self, features=2, classes=3, limit=1):
        super().__init__(features, classes)
        self.limit, self.held, self.calls = limit, {}, 0    # held: images of each call
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.linspace(-1, 1, p.numel()).view_as(p))

    def forward(self, images):
        """Return logits; raise RuntimeError for too many images."""
        held = sum(self.held.values())
        if held + len(images) > self.limit:
            waiting = f", {held} of them waiting for `backward`" if held else ""
            raise RuntimeError(f"{held + len(images)} images at once{waiting}: the memory holds "
                               f"{self.limit}")
        out = super().forward(images)
        if out.requires_grad:
            self.calls += 1
            self.held[self.calls] = len(images)
            out.register_hook(partial(self.let_go, self.calls))
        return out

    def let_go(self, number, gradient):
        """Forget the images of a call: their gradients are being computed."""
        self.held.pop(number, None)


def at_once(model, images, labels, size):
    """Return the gradients on a device that has room for all images."""
    model.limit = len(images)
    return torch.autograd.grad(F.cross_entropy(model(images), labels), [*model.parameters()])


def by_parts(rng, count, size, old=False, features=1):
    """Return the look at the gradients of `count` images, in parts of `size`."""
    images = normal(rng, count, features)
    labels = torch.tensor([rng.randrange(3) for _ in range(count)])

    def look(f):
        model = SmallNet(features, limit=size)
        if old:
            for p in model.parameters():
                p.grad = torch.ones_like(p)
        found = f(model, images.clone(), labels.clone(), size)
        return found if found is None else [*found]

    return Probe(f"gradient_in_parts(model, {count} images, labels, {size})", look)


in_parts = Exercise(
    "gradient_in_parts", right=at_once,
    hints=("`images.split(size)` cuts the batch; the last part has what is left. What does "
           "`backward` do with the gradients that are there already?",
           "The loss of a part is the mean of its images. By what must it be multiplied, so that "
           "each image counts as one of `len(images)`?",
           "For each part x, y: `loss = F.cross_entropy(model(x), y) * len(x) / len(images)` and "
           "`loss.backward()`, with a `model.zero_grad()` before the first."))
in_parts.case("two parts of two", drawn(1, lambda rng: by_parts(rng, 4, 2)),
              note="The loss of the whole batch is a mean over its images.")
in_parts.case("parts of two, two and one", drawn(1, lambda rng: by_parts(rng, 5, 2)),
              note="How much does an image of the last part count?")
in_parts.case("there are gradients from an earlier step",
              drawn(1, lambda rng: by_parts(rng, 4, 2, old=True)),
              note="What is in `.grad` before must not count.")
in_parts.hidden("any sizes", drawn(8, lambda rng: by_parts(
    rng, rng.randint(1, 7), rng.randint(1, 8), rng.random() < 0.5, rng.randint(1, 3))), weight=2)
in_parts.mistake("each part counts the same", "The mean over the *parts*: with four images in "
                 "equal parts it is right, but with five the image that is alone in its part "
                 "counts twice as much as the others.", """
def gradient_in_parts(model, images, labels, size):
    model.zero_grad()
    parts = images.split(size)
    for x, y in zip(parts, labels.split(size)):
        (F.cross_entropy(model(x), y) / len(parts)).backward()
    return [p.grad for p in model.parameters()]
""")
in_parts.mistake("divided by `size`", "The losses of the parts are weighted by `len(x) / size`: "
                 "relative to each other they are right, but their sum is too large.", """
def gradient_in_parts(model, images, labels, size):
    model.zero_grad()
    for x, y in zip(images.split(size), labels.split(size)):
        (F.cross_entropy(model(x), y) * len(x) / size).backward()
    return [p.grad for p in model.parameters()]
""")
in_parts.mistake("divided by `size`, each the same", "`F.cross_entropy` has already divided by the "
                 "number of images of the part. And parts of different size must not count the "
                 "same.", """
def gradient_in_parts(model, images, labels, size):
    model.zero_grad()
    for x, y in zip(images.split(size), labels.split(size)):
        (F.cross_entropy(model(x), y) / size).backward()
    return [p.grad for p in model.parameters()]
""")
in_parts.mistake("the sum over the images", "These are the gradients of the sum over all images. "
                 "The loss is their mean.", """
def gradient_in_parts(model, images, labels, size):
    model.zero_grad()
    for x, y in zip(images.split(size), labels.split(size)):
        F.cross_entropy(model(x), y, reduction="sum").backward()
    return [p.grad for p in model.parameters()]
""")
in_parts.mistake("the means are added up", "`backward` adds: so this is the sum of the means of "
                 "all parts, which is too large by about the number of parts.", """
def gradient_in_parts(model, images, labels, size):
    model.zero_grad()
    for x, y in zip(images.split(size), labels.split(size)):
        F.cross_entropy(model(x), y).backward()
    return [p.grad for p in model.parameters()]
""")
in_parts.mistake("emptied in the loop", "`zero_grad` stands in the loop, so only the gradient of "
                 "the last part is left.", """
def gradient_in_parts(model, images, labels, size):
    for x, y in zip(images.split(size), labels.split(size)):
        model.zero_grad()
        (F.cross_entropy(model(x), y) * len(x) / len(images)).backward()
    return [p.grad for p in model.parameters()]
""")
in_parts.mistake("not emptied before", "The parts are weighted rightly, and added to what an "
                 "earlier step has left in `.grad`.", """
def gradient_in_parts(model, images, labels, size):
    for x, y in zip(images.split(size), labels.split(size)):
        (F.cross_entropy(model(x), y) * len(x) / len(images)).backward()
    return [p.grad for p in model.parameters()]
""")
in_parts.mistake("all at once", "The whole batch goes through the network at once. That does not "
                 "fit, which is why it comes in parts.", """
def gradient_in_parts(model, images, labels, size):
    return torch.autograd.grad(F.cross_entropy(model(images), labels), [*model.parameters()])
""")
in_parts.mistake("one `backward` at the end", "The images go through the network in parts. But the "
                 "graph of each part is kept until `backward`, and that comes only at the end: by "
                 "then all of them are in memory. Call `backward` after each part.", """
def gradient_in_parts(model, images, labels, size):
    model.zero_grad()
    loss = 0
    for x, y in zip(images.split(size), labels.split(size)):
        loss = loss + F.cross_entropy(model(x), y) * len(x) / len(images)
    loss.backward()
    return [p.grad for p in model.parameters()]
""")
in_parts.mistake("a gradient that is not there yet", "Before the first `backward` `.grad` is None, "
                 "which cannot be set to 0. `model.zero_grad()` can deal with that.", """
def gradient_in_parts(model, images, labels, size):
    for p in model.parameters():
        p.grad.zero_()
    for x, y in zip(images.split(size), labels.split(size)):
        (F.cross_entropy(model(x), y) * len(x) / len(images)).backward()
    return [p.grad for p in model.parameters()]
""")
in_parts.mistake("the last part is left out", "Only full parts are used: where the sizes do not "
                 "fit, the last images are lost.", """
def gradient_in_parts(model, images, labels, size):
    model.zero_grad()
    for i in range(len(images) // size):
        x, y = (part[i * size:(i + 1) * size] for part in (images, labels))
        (F.cross_entropy(model(x), y) * len(x) / len(images)).backward()
    return [p.grad for p in model.parameters()]
""")


# 9.7


def by_adamw(w, gradient, m, v, t, lr, weight_decay):
    """Return what PyTorch's own function makes of a state (the class takes seconds to load)."""
    w, m, v, step = w.clone(), m.clone(), v.clone(), torch.tensor(t - 1.0)
    adamw([w], [gradient], [m], [v], [], [step], foreach=False, amsgrad=False, beta1=0.9,
          beta2=0.999, lr=lr, weight_decay=weight_decay, eps=1e-8, maximize=False)
    return w, m, v


def any_state(rng):
    """Return a call in the middle of a training."""
    n = rng.randint(1, 5)
    return call(normal(rng, n).double(), normal(rng, n).double() * 10**rng.randint(-3, 0),
                0.1 * normal(rng, n).double(), 0.1 * normal(rng, n).double() ** 2,
                rng.randint(1, 40), rng.choice((0.1, 0.5)), rng.choice((0.0, 0.1, 0.5)))


two, none = torch.tensor([1.0, -2.0]), torch.zeros(2)
adam = Exercise(
    "adamw_step", right=by_adamw, tolerance=1e-6,
    hints=("First the two averages, from the gradient as it comes: the decay has no part in them.",
           "The step takes the corrected averages; what is returned, and comes back at the next "
           "step, are the averages as they are.",
           "`w - lr * weight_decay * w - lr * m_hat / (v_hat.sqrt() + 1e-8)`, with "
           "`m_hat = m / (1 - 0.9**t)` and `v_hat` likewise."))
adam.case("a first step without decay",
          call(two, torch.tensor([0.5, -0.001]), none, none, 1, 0.1, 0.0),
          note="Whatever the size of the gradient, the first step has the length of the rate.")
adam.case("with decay, a gradient of any size", call(
    two, torch.tensor([0.5, -0.001]), none, none, 1, 0.1, 0.2),
          note="The step is as without decay. Besides, each weight is pulled toward 0 by ηλ times "
               "itself, here by 2 %.")
adam.case("step number 3", call(two, torch.tensor([0.4, 0.0003]), torch.tensor([0.1, 0.0002]),
                                torch.tensor([0.002, 1e-8]), 3, 0.05, 0.2),
          note="The corrections have t as an exponent: 1 − 0.9³ here.")
adam.case("no gradient at all: it only decays", call(two, none, none, none, 1, 0.1, 0.2),
          note="Where all gradients have been 0, the step is 0 divided by what?")
adam.hidden("a tiny gradient", call(two, torch.tensor([1e-7, -1e-8]), none, none, 1, 0.1, 0.0))
adam.hidden("any state", drawn(20, any_state), weight=2)
adam.mistake("L2, and not decoupled", "The decay is added to the gradient, and so it goes through "
             "both averages and is divided by the root: this is Adam with `weight_decay`. Weights "
             "with large gradients hardly feel it.", """
def adamw_step(w, gradient, m, v, t, lr, weight_decay):
    gradient = gradient + weight_decay * w
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return w - lr * m_hat / (v_hat.sqrt() + 1e-8), m, v
""")
adam.mistake("the averages are not corrected", "Averages that begin at 0 are too small at first, "
             "m by a factor of 10 in step 1 and v by a thousand, so the first steps are too long.",
             """
def adamw_step(w, gradient, m, v, t, lr, weight_decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    return w - lr * weight_decay * w - lr * m / (v.sqrt() + 1e-8), m, v
""")
adam.mistake("the corrected averages are handed on", "The step is right. But m and v come back "
             "corrected, and at the next step they would be corrected again.", """
def adamw_step(w, gradient, m, v, t, lr, weight_decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    m, v = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return w - lr * weight_decay * w - lr * m / (v.sqrt() + 1e-8), m, v
""")
adam.mistake("a decay without the rate", "The pull is λw. It has to be multiplied by the rate, so "
             "that a schedule changes it together with the step.", """
def adamw_step(w, gradient, m, v, t, lr, weight_decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return w - weight_decay * w - lr * m_hat / (v_hat.sqrt() + 1e-8), m, v
""")
adam.mistake("the small number under the root", "It is added to v, before the root is taken, "
             "and there it is 10,000 times as large: gradients of 0.001 and less feel it.", """
def adamw_step(w, gradient, m, v, t, lr, weight_decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return w - lr * weight_decay * w - lr * m_hat / (v_hat + 1e-8).sqrt(), m, v
""")
adam.mistake("divided by nothing", "Without the small number a weight whose gradients are all 0 "
             "gets 0 / 0, which is nan, and stays nan.", """
def adamw_step(w, gradient, m, v, t, lr, weight_decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return w - lr * weight_decay * w - lr * m_hat / v_hat.sqrt(), m, v
""")
adam.mistake("the decay after the step", "The weights decay after they have moved: "
             "(w − step) (1 − ηλ). In AdamW the pull is that of the weights before the step.", """
def adamw_step(w, gradient, m, v, t, lr, weight_decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return (w - lr * m_hat / (v_hat.sqrt() + 1e-8)) * (1 - lr * weight_decay), m, v
""")
