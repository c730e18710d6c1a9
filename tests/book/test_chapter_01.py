"""Chapter 1: the autograd of numbers."""

import pytest
import torch
from support import define

from helpers import GradientDescent
from tools.notebooks import cell

CELLS = ("value", "value-operators", "value-backward")


def test_value_gradients_equal_pytorchs_on_random_expressions():
    names = {}
    for name in CELLS:
        names = define("01", name, **names)
    value, backward = names["Value"], names["backward"]
    generator = torch.Generator().manual_seed(0)
    operations = [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - 2 * b,
                  lambda a, b: a / (b * b + 1), lambda a, b: (a * 0.1) ** 3,
                  lambda a, b: a.relu() + 1 - b]

    def build(leaves, steps):
        pool = list(leaves)
        for kind, i, j in steps:
            pool.append(operations[kind](pool[i % len(pool)], pool[j % len(pool)]))
        return pool[-1] + pool[0]

    for _ in range(200):
        numbers = torch.randn(3, generator=generator, dtype=torch.float64)
        steps = torch.randint(0, 6, (8, 3), generator=generator).tolist()
        mine = [value(x) for x in numbers.tolist()]
        theirs = [x.clone().requires_grad_() for x in numbers]
        backward(build(mine, steps))
        build(theirs, steps).backward()
        for a, b in zip(mine, theirs, strict=True):
            expected = 0.0 if b.grad is None else b.grad.item()
            assert a.grad == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_it_has_the_size_that_the_chapter_says():
    lines = "\n".join(cell("01", name) for name in CELLS).splitlines()
    assert 36 <= len([line for line in lines if line.strip()]) <= 44  # "about 40"


def test_the_ball_needs_the_steps_that_the_chapter_says():
    def steps(rate):
        low = (GradientDescent(lr=rate, steps=300).losses() < 0.01).nonzero().flatten().tolist()
        return low[0] if low else None

    needed = {rate: steps(rate) for rate in (0.1, 0.15, 0.16, 0.17, 0.18, 0.19, 0.2)}
    assert needed.pop(0.2) is None and needed[0.17] == needed[0.18] == 14
    assert all(n > 14 for rate, n in needed.items() if rate not in (0.17, 0.18))
