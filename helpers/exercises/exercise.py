"""What an exercise is made of: cases, hints, and mistakes that are known by name.

    size = Exercise("conv_out_size", right=by_pytorch, hints=("Count the places where …", …))
    size.case("a window of 3 on 5 pixels", call(5, 3))
    size.hidden("any sizes", drawn(20, lambda rng: call(rng.randint(9, 40), rng.randint(1, 5))))
    size.mistake("the stride comes first", "This divides before it subtracts: …", "def conv_…")

The right object (function, class or value) is an independent one, PyTorch's wherever it has it:
what a case expects is what its probe finds there.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .calling import result_of
from .shown import called

REGISTRY: dict[str, "Exercise"] = {}


@dataclass(frozen=True)
class Probe:
    """One look at what a learner has defined."""

    says: str  # the expression that was looked at, as a learner would type it
    look: Callable[[Any], Any]


@dataclass(frozen=True)
class Call:
    """A call of what the learner has defined, with copies of these arguments."""

    args: tuple
    kwargs: dict

    def probe(self, name: str, in_place: bool) -> Probe:
        """Return the look at its result; raise WrongAnswer if an argument was changed."""
        return Probe(called(name, self.args, self.kwargs),
                     lambda f: result_of(f, self.args, self.kwargs, in_place))


def call(*args, **kwargs) -> Call:
    """Return the call with these arguments."""
    return Call(args, kwargs)


def drawn(times: int, draw: Callable[[random.Random], Any]) -> Callable[[random.Random], list]:
    """Return what draws `times` calls or probes: `draw(rng)` makes one."""
    return lambda rng: [draw(rng) for _ in range(times)]


def variants(code: str, **parts: str) -> Callable[..., str]:
    """Return what writes the code of a mistake: a format with these parts, some of them replaced.

    >>> variants("{a} + {b}", a="x", b="y")(b="1")
    'x + 1'
    """
    return lambda **other: code.format(**{**parts, **other})


@dataclass(frozen=True)
class Case:
    """One thing that must hold; `probes(rng)` gives the looks that show it."""

    name: str
    probes: Callable[[random.Random], list[Probe]]
    hidden: bool = False
    weight: float = 1.0
    note: str = ""
    tolerance: float = 1e-5


@dataclass(frozen=True)
class Mistake:
    """An answer that is wrong in a way with a name: the same results get the same words."""

    name: str
    words: str
    code: str


@dataclass
class Exercise:
    """One exercise; `name` is what the learner defines, and its id everywhere.

    `right` is a right object: a function, a class, or the value of an `answer_…`. Where numbers are
    drawn for each student, `draw(rng)` returns them by name and `right(**numbers)` the answer.
    """

    name: str
    right: Any
    hints: Sequence[str]
    seconds: float = 5.0  # for all cases together
    in_place: bool = False  # may the function change its arguments?
    draw: Callable[[random.Random], dict] | None = None
    tolerance: float = 1e-5
    any_order: bool = False  # is a value a set, written as a tuple?
    cases: list[Case] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    def __post_init__(self):
        if self.name in REGISTRY:
            raise ValueError(f"There is an exercise {self.name!r} already.")
        REGISTRY[self.name] = self
        if self.is_value:
            self.cases.append(Case("the answer", lambda rng: [Probe(self.name, self._read)],
                                   tolerance=self.tolerance))

    def _read(self, value):
        """Return a value as it is compared."""
        if not (self.any_order and isinstance(value, tuple | list | set)):
            return value
        numbers = all(isinstance(one, int | float) for one in value)
        return tuple(sorted(value, key=None if numbers else str))

    @property
    def is_value(self) -> bool:
        """Is the answer a value, and not code?"""
        return self.name.startswith("answer_")

    @property
    def chapter(self) -> str:
        """The number of its chapter, "02": that of the module that defines it."""
        return CHAPTER_OF[self.name]

    def case(self, name: str, *looks, hidden=False, weight=1.0, note="", tolerance=None) -> None:
        """Add a case of calls or probes, or of one function that draws them (`drawn`)."""
        drawn_anew = len(looks) == 1 and callable(looks[0])
        drawing: Callable = looks[0] if drawn_anew else lambda rng: looks

        def probes(rng):
            return [look.probe(self.name, self.in_place) if isinstance(look, Call) else look
                    for look in drawing(rng)]

        self.cases.append(Case(name, probes, hidden, weight, note, tolerance or self.tolerance))

    def hidden(self, name: str, *looks, **settings) -> None:
        """Add a case that only `grade` looks at."""
        self.case(name, *looks, hidden=True, **settings)

    def probe(self, name: str, says: str, **settings) -> Callable:
        """Add a case by a function that takes what was defined, and returns what to compare."""
        def register(look):
            self.case(name, Probe(says, look), **settings)
            return look
        return register

    def mistake(self, name: str, words: str, code: str) -> None:
        """Add a mistake: `words` are shown to whoever has the same results as `code`."""
        self.mistakes.append(Mistake(name, words, code))


CHAPTER_OF: dict[str, str] = {}
