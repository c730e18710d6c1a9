"""Chapter 1: tensors and autograd."""

import math
import re

import numpy as np
import torch

from .comparing import WrongAnswer
from .exercise import Exercise, Probe, call, drawn


def normal(rng, *shape):
    """Return random numbers, some below zero."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(rng.randrange(2**31)))

added = Exercise(
    "answer_grad",
    right=lambda a, b, turns, cleared: float((turns - cleared) * 2 * a + b),
    draw=lambda rng: {"a": rng.randint(2, 7), "b": rng.randint(11, 19),
                      "turns": rng.randint(6, 9), "cleared": rng.randint(2, 4)},
    hints=("Go through the turns one after the other, and write down what `w.grad` holds after "
           "each. What does `backward` do with what is there already?",
           "What is in `w.grad` before the last line comes from the turns after number `cleared`: "
           "how many are these, and how much does each add?",
           "A turn adds 2 · a, the slope of w · w at a. The last line adds b."))
added.mistake("nothing is cleared", "In the turn number `cleared`, all that had been collected is "
              "thrown away.", "answer_grad = lambda a, b, turns, cleared: turns * 2 * a + b")
added.mistake("only the last gradient", "`backward` does not put its gradient in the place of the "
              "old one.", "answer_grad = lambda a, b, turns, cleared: b")
added.mistake("the last gradient is missing", "That is what `w.grad` holds after the loop. One "
              "more `backward` follows.",
              "answer_grad = lambda a, b, turns, cleared: (turns - cleared) * 2 * a")
added.mistake("the turn that clears still counts", "It clears after its own `backward`, so its own "
              "gradient is gone as well.",
              "answer_grad = lambda a, b, turns, cleared: (turns - cleared + 1) * 2 * a + b")
added.mistake("one path too few", "In w · w both factors are `w`: two paths lead back to it.",
              "answer_grad = lambda a, b, turns, cleared: (turns - cleared) * a + b")



def products(x):
    """Two outputs of two inputs, as in the chapter."""
    return torch.stack([x[0] * x[1], 3 * x[0]])


def two_of_three(x):
    """Two outputs of three inputs."""
    return torch.stack([x[0] + 10 * x[1], x[1] * x[2]])


def three_of_one(x):
    """Three outputs of one input."""
    return torch.stack([x[0], x[0] * x[0], 5 * x[0]])


def random_map(rng):
    """Return a call with n inputs and m outputs."""
    n, m = rng.sample(range(1, 6), 2)
    weight = normal(rng, m, n)

    return call(lambda x: (weight @ x).tanh() + (x * x).sum(), normal(rng, n))


rows = Exercise(
    "jacobian", right=lambda f, x: torch.autograd.functional.jacobian(f, x),
    hints=("Row i is the gradient of one number, output i. Which call computes the gradient of one "
           "number?",
           "For each output: make a leaf from `x`, compute `f` of it, go back from `[i]`, and keep "
           "the leaf's `grad`. A new leaf for each row has no old gradient in it.",
           "`leaf = x.clone().requires_grad_()`, then `f(leaf)[i].backward()`, then "
           "`rows.append(leaf.grad)`; at the end `torch.stack(rows)`."))
rows.case("the products x1 · x2 and 3 · x1, at (2, 5)", call(products, torch.tensor([2.0, 5.0])))
rows.case("the two outputs x1 + 10 · x2 and x2 · x3, at (1, 2, 3)",
          call(two_of_three, torch.tensor([1.0, 2.0, 3.0])),
          note="There are more inputs than outputs here: two rows, three columns.")
rows.case("the three outputs x1, x1 · x1 and 5 · x1, at 4", call(three_of_one, torch.tensor([4.0])),
          note="There are more outputs than inputs here: three rows, one column.")
rows.hidden("other functions, of one to five inputs", drawn(6, random_map))
_ROWS = "def jacobian(f, x):\n    return torch.autograd.functional.jacobian(f, x)"
rows.mistake("transposed", "Outputs go down the rows, inputs along the columns.", _ROWS + ".t()")
rows.mistake("the rows add up", "Each row also holds the rows above it: `backward` adds to "
             "`grad`.", _ROWS + ".cumsum(0)")
rows.mistake("all rows are the same tensor", "`grad` stays one tensor, to which each pass adds. A "
             "list of it holds that tensor several times.",
             _ROWS + ".sum(0).expand(len(f(x)), len(x))")
rows.mistake("one pass for all outputs", "With a vector of ones, the rows come back added up, as "
             "one gradient. Each output needs a pass of its own.", _ROWS + ".sum(0)")
rows.mistake("rows of zeros", "`grad.zero_()` writes into the tensor that you have kept as a row. "
             "Keep its `clone()`, or set `grad` to None.", _ROWS + " * 0")
rows.mistake("a row for each input", "There is a row for each *output*: as many as `f(x)` has "
             "numbers.", """
def jacobian(f, x):
    y = f(leaf := x.clone().requires_grad_())
    return torch.stack([torch.autograd.grad(y[i], leaf, retain_graph=True)[0]
                        for i in range(len(x))])
""")
rows.mistake("several outputs at once", "`backward` starts from one number: call it on a single "
             "output, `[i]`.", """
def jacobian(f, x):
    f(x.clone().requires_grad_()).backward()
""")
rows.mistake("nothing on record", "`x` arrives without `requires_grad`, so nothing is "
             "written down. Make a leaf from it, and call `f` with that.", """
def jacobian(f, x):
    f(x)[0].backward()
""")
rows.mistake("going back twice", "Each pass frees the record. Compute `f` anew for each row.", """
def jacobian(f, x):
    y = f(x.clone().requires_grad_())
    for i in range(len(y)):
        y[i].backward()
""")


class Value:
    """A number that remembers how it was made, as in the chapter."""

    def __init__(self, data, inputs=()):
        self.data, self.inputs, self.grad = data, inputs, 0.0

    def __add__(self, other):
        return Value(self.data + getattr(other, "data", other), [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        factor = getattr(other, "data", other)
        return Value(self.data * factor, [(self, factor), (other, self.data)])

    __radd__, __rmul__ = __add__, __mul__

    def __repr__(self):
        return f"Value({self.data})"


def _neuron(w, x, b):
    s = w.data * x.data + b.data
    slope = 1 / math.cosh(s) ** 2
    return Value(math.tanh(s), [(w, slope * x.data), (x, slope * w.data), (b, slope)])


def node(w, x, b, twice=False):
    """Return a look at the data and the slopes of neuron(w, x, b)."""
    says = f"neuron(Value({w:g}), Value({x:g}), Value({b:g}))"

    def look(f):
        first = Value(w)
        leaves = first, first if twice else Value(x), Value(b)
        out = f(*leaves)
        if not hasattr(out, "inputs"):
            raise WrongAnswer(f"`{says}` is a {type(out).__name__}, expected a Value.")
        if any((leaf.data, leaf.grad) != (number, 0.0)
               for leaf, number in zip(leaves, (w, w if twice else x, b), strict=True)):
            raise WrongAnswer(f"`{says}` has changed its arguments. It only says where it came "
                              "from: `grad` is filled in by `backward`.")
        if not hasattr(out.inputs, "__len__"):
            raise WrongAnswer(f"The `inputs` of `{says}` are a {type(out.inputs).__name__}, "
                              "expected a list: `backward` reads them more than once.")
        if any(hasattr(slope, "inputs") for _, slope in out.inputs):
            raise WrongAnswer(f"A slope of `{says}` is a Value, expected a number: a pair is "
                              "(Value, slope), and slopes are made from `data`.")
        slopes = {f"slope for {name}": sum(s for v, s in out.inputs if v is leaf)
                  for name, leaf in zip("wxb", leaves, strict=True)}
        return {"data": out.data, **slopes, "inputs": len(out.inputs)}

    return Probe(says, look)


one_node = Exercise(
    "neuron", right=_neuron,
    hints=("Write s = w · x + b and t = tanh(s). How fast does t change with s? And s with each of "
           "w, x and b?",
           "By the chain rule each slope is a product of two: 1 − t², times the slope of s. Of w · "
           "x, the slope for w is x.",
           "The three pairs are `(w, slope * x.data)`, `(x, slope * w.data)` and `(b, slope)`, "
           "with `slope = 1 - t**2`."))
OWN = ("Are `w`, `x` and `b` themselves in `inputs`, each with a number: the slope of the result "
       "with respect to it?")
one_node.case("at w · x + b = 0, where tanh has the slope 1", node(2.0, 0.5, -1.0), note=OWN)
one_node.case("farther up, where tanh is less steep", node(1.0, 2.5, -2.0), note=OWN)
one_node.hidden("at other numbers", drawn(5, lambda rng: node(
    *(round(rng.uniform(-1.5, 1.5), 2) for _ in range(3)))))
one_node.hidden("where w and x are the same Value", drawn(2, lambda rng: node(
    *[round(rng.uniform(-1, 1), 2)] * 2, 0.25, twice=True)))
_NODE = """
def neuron(w, x, b):
    s = w.data * x.data + b.data
    t = math.tanh(s)
    d = 1 - t * t
    return type(b)(t, [(w, d * x.data), (x, d * w.data), (b, d)])
"""
one_node.mistake("each factor with its own number", "A product multiplies by the *other* factor: "
                 "look at `__mul__` of the class.",
                 _NODE.replace("(w, d * x.data), (x, d * w.data)",
                               "(w, d * w.data), (x, d * x.data)"))
one_node.mistake("the slope of tanh is left out", "These are the slopes of w · x + b. The result "
                 "is tanh of it, and the chain rule multiplies.",
                 _NODE.replace("d = 1 - t * t", "d = 1.0"))
one_node.mistake("the slope of tanh at the wrong place", "In 1 − t² stands the result, "
                 "t = tanh(s), and not s.", _NODE.replace("1 - t * t", "1 - s * s"))
one_node.mistake("without the square", "The slope of tanh is one minus its *square*.",
                 _NODE.replace("1 - t * t", "1 - t"))
one_node.mistake("several nodes", "The gradients will be right, but the record is longer: "
                 "`inputs` names a sum, which was made by `+`. Here w, x and b themselves are "
                 "asked for.", """
def neuron(w, x, b):
    t = math.tanh((s := w * x + b).data)
    return type(b)(t, [(s, 1 - t * t)])
""")
one_node.mistake("a Value in the place of a number", "`math.tanh` takes a number: that of "
                 "a `Value` is its `data`.", _NODE.replace("tanh(s)", "tanh(w * x + b)"))
one_node.mistake("numbers in the place of Values", "`inputs` must name `w`, `x` and `b` "
                 "themselves: `backward` adds to their `grad`.",
                 re.sub(r"\((\w), d", r"(\1.data, d", _NODE))

LINES = """
x[0].add_(1)
x[:, 1] + 5
x.t()[2, 0] = 7
x[[0, 1]].mul_(2)
x[x > 0] = 4
x.to(torch.float32).zero_()
x.to(torch.float64).zero_()
x.numpy()[0, 0] = 5
""".strip().splitlines()


def changes(line):
    """Run a line on an `x` of its own, and say whether it has changed it."""
    space = {"torch": torch, "x": torch.ones(2, 3)}
    exec(line, space)
    return not torch.equal(space["x"], torch.ones(2, 3))


views = Exercise(
    "answer_changing", any_order=True,
    right=tuple(n for n, line in enumerate(LINES, 1) if changes(line)),
    hints=("Ask two things of each line: does it write at all, and into whose memory?",
           "Views share memory: a number, a slice, `t()`, `numpy()`. A list, or true and false, "
           "copies where it reads, but not on the left of `=`.",
           "`to` returns `x` itself where there is nothing to change. Which of lines 6 and 7 has "
           "nothing to change?"))
views.mistake("an underscore always changes x", "It changes the tensor that it is called on, and "
              "in one of these lines at least that is a copy. An `=` writes as well.",
              "answer_changing = [1, 4, 6, 7]")
views.mistake("a list makes a view", "`x[[0, 1]]` is read by a list: it has to copy, and the copy "
              "is what gets doubled.", "answer_changing = [1, 3, 4, 5, 6, 8]")
views.mistake("`to` always copies", "The `dtype` of `torch.ones(2, 3)` is `float32` already. What "
              "does `to` return where there is nothing to change?",
              "answer_changing = [1, 3, 5, 8]")
views.mistake("`to` never copies", "Numbers of another type are of another size, so line 7 cannot "
              "share the memory.", "answer_changing = [1, 3, 5, 6, 7, 8]")
views.mistake("NumPy has a copy", "`numpy()` hands over the same memory: see the last of the "
              "pitfalls.", "answer_changing = [1, 3, 5, 6]")
views.mistake("`t()` makes a copy", "The transpose is a view: the same numbers in memory, with "
              "other strides.", "answer_changing = [1, 5, 6, 8]")
views.mistake("true and false only read", "Line 5 assigns: what stands on the left of `=` is "
              "where it writes.", "answer_changing = [1, 3, 6, 8]")
views.mistake("an operation without an underscore", "Line 2 makes a new tensor, and `x` stays as "
              "it was.", "answer_changing = [1, 2, 3, 5, 6, 8]")
views.mistake("counted from 0", "The lines are numbered from 1, at their left.",
              "answer_changing = [0, 2, 4, 5, 7]")

apart = Exercise(
    "distances", right=lambda a, b: torch.cdist(a.double(), b.double()),
    hints=("Which shapes must `a` and `b` get so that their difference is (N, M, D): every point "
           "of one against every point of the other?",
           "(N, 1, D) and (1, M, D): an axis of length 1 comes from `None`. Then square, sum over "
           "the coordinates, and take the root.",
           "`(a[:, None] - b[None]).square().sum(dim=2).sqrt()`"))
apart.case("one point and three", call(
    torch.tensor([[0.0, 0.0, 0.0]]),
    torch.tensor([[3.0, 4.0, 0.0], [0.0, 2.0, 0.0], [1.0, 2.0, 2.0]])),
           note="A row for each point of `a`, a column for each point of `b`, and in it one "
                "number: the length of the way between them.")
apart.case("two points and three", call(
    torch.tensor([[0.0, 0.0], [3.0, 0.0]]),
    torch.tensor([[3.0, 4.0], [0.0, 5.0], [6.0, -4.0]])),
           note="Write the shapes of both below each other. Where must there be an axis "
                "of length 1?")
apart.case("as many points as coordinates", call(torch.tensor([[0.0, 0.0], [6.0, 8.0]]),
                                                 torch.tensor([[6.0, 8.0], [0.0, 8.0]])),
           note="Here (N, D) and (M, D) fit as they are. Which axes should be repeated?")
apart.hidden("points with other numbers of coordinates", drawn(6, lambda rng: (lambda d: call(
    normal(rng, rng.randint(1, 5), d), normal(rng, rng.randint(1, 5), d)))(rng.randint(1, 6))))
_APART = """
def distances(a, b):
    return (a[:, None] - b[None]).square().sum(dim=2).sqrt()
"""
apart.mistake("no root", "These are the squares of the distances.", _APART.replace(".sqrt()", ""))
apart.mistake("no squares", "This adds the differences without their signs: the way along the "
              "streets of a city with a grid. The straight way is asked for.",
              _APART.replace("square", "abs").replace(".sqrt()", ""))
apart.mistake("transposed", "The points of `a` go down the rows, those of `b` along the columns.",
              _APART.replace("a[:, None] - b[None]", "b[:, None] - a[None]"))
apart.mistake("point by point", "`a - b` compares the first with the first and the second with the "
              "second, or, if one of the two has only one row, that one with all. Every point of "
              "`a` against every point of `b` needs one more axis.",
              _APART.replace("a[:, None] - b[None]", "a - b").replace("dim=2", "dim=1"))
apart.mistake("summed over the wrong axis", "The coordinates of a point are in the last of the "
              "three axes, (N, M, D): over these the squares are added.",
              _APART.replace("dim=2", "dim=1"))


def cubes(x):
    """Each number to the power of three, added up."""
    return (x**3).sum()


def crossed(x):
    """Of a square of four numbers: one diagonal's product minus the other's."""
    return x[0, 0] * x[1, 1] - x[0, 1] * x[1, 0]


def sines(x):
    """A sum whose slopes are known."""
    return x.sin().sum()


def _measured(f, x, step):
    at, slopes = x.detach().double(), torch.zeros(x.shape, dtype=torch.float64)
    for place in np.ndindex(*x.shape):
        up, down = at.clone(), at.clone()
        up[place], down[place] = at[place] + step, at[place] - step
        slopes[place] = (f(up) - f(down)) / (2 * step)
    return slopes


def random_slopes(rng):
    """Return a call with a smooth function of a few numbers, and any step."""
    shape = rng.choice([(3,), (2, 2), (1, 3), (2, 1, 2)])
    weight = normal(rng, *shape)

    return call(lambda x: (weight * x).sin().sum() + x.prod(), normal(rng, *shape),
                rng.choice([0.5, 0.25, 1e-3]))


steps = Exercise(
    "measured_gradient", right=_measured, tolerance=1e-4,
    hints=("Only one number of `x` may move at a time. How do you make a copy of `x` in which one "
           "number is moved by `step`?",
           "Make `x` double first. With `move`, which is zero but for `step` in one place, the "
           "slope there is (f(x + move) − f(x − move)) / (2 · step).",
           "Loop over `i in range(x.numel())`: `move = torch.zeros(x.numel(), "
           "dtype=torch.float64)`, `move[i] = step`, then `move.view(x.shape)` has the shape of "
           "`x`."))
steps.case("the cubes, with a step of 1", call(cubes, torch.tensor([1.0, 2.0, 3.0]), 1.0),
           note="There is a slope for each of the three numbers. By hand, the first: (2³ − 0³) / 2 "
                "= 4. The 3 that calculus gives belongs to a step of nearly 0.")
steps.case("a square in float64, and x[0, 0] · x[1, 1] − x[0, 1] · x[1, 0]",
           call(crossed, torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64), 0.5),
           note="The slope is the number across the corner, or its negative. Is each number back "
                "in its place before the next one moves?")
steps.case("sines, with a step of a millionth", call(sines, torch.tensor([0.0, 1.0, 2.0]), 1e-6),
           note="So small a step is lost among the 7 digits of `float32`: `x` must become "
                "`float64` before anything is added to it.")
steps.hidden("other functions, shapes and steps", drawn(5, random_slopes))
_MEASURED = """
def measured_gradient(f, x, step):
    x = x.double()
    moves = step * torch.eye(x.numel(), dtype=x.dtype).reshape(-1, *x.shape)
    return torch.stack([(f(x + m) - f(x - m)) / (2 * step) for m in moves]).reshape(x.shape)
"""
steps.mistake("on one side only", "The slope between f(x) and f(x + step). On a curve that bends, "
              "the points on both sides come nearer to the truth.",
              _MEASURED.replace("f(x - m)", "f(x)").replace("2 * ", ""))
steps.mistake("twice as steep", "From x − step to x + step it is two steps.",
              _MEASURED.replace("2 * ", ""))
steps.mistake("everything moves at once", "`x + step` moves all numbers, so this is the sum of all "
              "the slopes.", _MEASURED.replace("m)", "moves.sum(0))"))
steps.mistake("the slope at the point", "This is what autograd gives, or a step of your own. With "
              "the step that is asked for, the numbers differ: that is how you see how good it "
              "is.", _MEASURED.replace("    moves", "    step = 1e-4\n    moves"))
steps.mistake("two names for one tensor", "`up = x` does not copy: what moves up and what moves "
              "down is the same tensor. Take `x.clone()`.", """
def measured_gradient(f, x, step):
    x, slopes = x.double(), torch.zeros(x.shape, dtype=torch.float64)
    for i in range(x.numel()):
        up, down = x, x
        up.view(-1)[i] += step
        down.view(-1)[i] -= step
        slopes.view(-1)[i] = (f(up) - f(down)) / (2 * step)
    return slopes
""")
steps.mistake("a number stays where it moved to", "Put it back before the next one moves, or take "
              "a new copy of `x` for each.", """
def measured_gradient(f, x, step):
    x, slopes = x.double().clone(), torch.zeros(x.shape, dtype=torch.float64)
    for i in range(x.numel()):
        x.view(-1)[i] += step
        up = f(x)
        x.view(-1)[i] -= 2 * step
        slopes.view(-1)[i] = (up - f(x)) / (2 * step)
    return slopes
""")
steps.mistake("a flat `x`", "`f` takes a tensor of the shape of `x`. Give it that shape again.",
              _MEASURED.replace("x.double()", "x.double().flatten()"))
steps.mistake("rounded", "The small differences are lost in `float32`.",
              _MEASURED.replace("    x = x.double()\n", ""))


def _cooled(t, y, rate, steps):
    t, y, a, k = t.double().numpy(), y.double().numpy(), 1.0, 0.0
    for _ in range(steps):
        shrunk = np.exp(-k * t)
        slope = rate * 2 * (a * shrunk - y) * shrunk  # for a; times -a t for k
        a, k = a - slope.mean(), k + (slope * a * t).mean()
    return float(a), float(k)


TIMES, WARMTH = torch.arange(5.0), torch.tensor([2.0, 1.25, 0.75, 0.5, 0.25])


def random_cup(rng):
    """Return a call with another cup."""
    t = torch.linspace(0, rng.uniform(2, 4), rng.randint(2, 9))
    y = rng.uniform(0.5, 2) * torch.exp(-rng.uniform(0.1, 1) * t)
    return call(t, y, round(rng.uniform(0.02, 0.1), 2), rng.randint(1, 12))


cup = Exercise(
    "cool", right=_cooled, tolerance=1e-4,
    hints=("Which two tensors are the leaves? What has to happen to their `grad` between two "
           "steps?",
           "In each turn: the curve `a * torch.exp(-k * t)`, the mean of the squared differences, "
           "`backward`, and under `no_grad` a step for each of the two. Then clear both gradients.",
           "`with torch.no_grad():` `a -= rate * a.grad` and `k -= rate * k.grad`, in place, so "
           "that both stay leaves; then `a.grad = k.grad = None`."))
cup.case("before the first step", call(TIMES, WARMTH, 0.1, 0),
         note="After no step at all, a is 1 and k is 0. Return both, a first, after the loop.")
cup.case("after one step", call(TIMES, WARMTH, 0.1, 1),
         note="At a = 1 and k = 0 the curve is 1 everywhere. The loss is a mean over the times.")
cup.case("after two steps", call(TIMES, WARMTH, 0.1, 2),
         note="The first step is right. What is left over from it in the second?")
cup.case("after 50 steps", call(TIMES, WARMTH, 0.1, 50), tolerance=1e-3)
cup.hidden("other cups", drawn(6, random_cup))
_WRONG = """
def cool(t, y, rate, steps):
    a = torch.tensor(1.0, requires_grad=True)
    k = torch.tensor(0.0, requires_grad=True)
    for _ in range(steps):
        loss = (a * torch.exp(-k * t) - y).square().mean()
        loss.backward()
        with torch.no_grad():
            a -= rate * a.grad
            k -= rate * k.grad
        a.grad = k.grad = None
    return a.item(), k.item()
"""
cup.mistake("the gradients add up", "From the second step on, each gradient also holds those "
            "before it.", _WRONG.replace("a.grad = k.grad = None", "pass"))
cup.mistake("uphill", "The gradient points to where the loss grows.", _WRONG.replace("-= ", "+= "))
cup.mistake("the sum in place of the mean", "The squared differences are added up, so each step is "
            "as many times too long as there are times.", _WRONG.replace("mean", "sum"))
cup.mistake("differences without squares", "The mean of the differences themselves is made smaller "
            "without an end. Square them first.", _WRONG.replace(".square()", ""))
cup.mistake("the curve rises", "The sign of k: a cup cools by exp(−k · t).",
            _WRONG.replace("-k * t", "k * t"))
cup.mistake("a step on the record", "A leaf may be changed in place only where nothing is "
            "recorded.", _WRONG.replace("torch.no_grad()", "torch.enable_grad()"))
cup.mistake("the leaf is lost", "`a = a - …` makes a new tensor, and under `no_grad` one without a "
            "record. Change the leaf itself, in place.",
            _WRONG.replace("a -= ", "a = a - ").replace("k -= ", "k = k - "))
cup.mistake("one step too few", "`range(steps)` has `steps` turns, from 0 on.",
            _WRONG.replace("range(steps)", "range(steps - 1)"))
cup.mistake("one step too many", "`range(steps)` already has `steps` turns.",
            _WRONG.replace("range(steps)", "range(steps + 1)"))
cup.mistake("exchanged", "a comes first, then k.",
            _WRONG.replace("a.item(), k.item()", "k.item(), a.item()"))
cup.mistake("the same loss again", "Compute it anew in each turn: `backward` has freed its record, "
            "and `a` and `k` have changed.",
            _WRONG.replace("    for _ in range(steps):\n", "").replace(
                "        loss.backward", "    for _ in range(steps):\n        loss.backward")
            .replace("        loss =", "    loss ="))
cup.mistake("no mean", "`backward` starts from one number. There is still one for each time.",
            _WRONG.replace(".mean()", ""))
cup.mistake("nothing on record", "Do `a` and `k` require a gradient, and is the loss computed "
            "outside `no_grad`?", _WRONG.replace(", requires_grad=True", ""))
