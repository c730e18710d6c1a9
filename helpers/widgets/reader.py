"""Reads an expression, such as `sin(x*x) + x*y`, into a tree, as expression.js does; no eval."""

import re
from math import pi
from typing import Any

from .traits import BadValue

VARIABLES = ("x", "y", "z")
PAIRS = ("max", "min")
FUNCTIONS = ("sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "sigmoid", "relu", "abs", *PAIRS)
OPERATORS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow"}
_STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 3}  # a sign binds like 3: -x^2 is -(x^2)
_SAME = str.maketrans("×·÷−–", "**/--")
_TOKEN = re.compile(r"\s*(?:((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)|([A-Za-z_]\w*)"
                    r"|(\*\*|[-+*/^(),])|(\S)|$)", re.ASCII)


class Reader:
    """Reads one expression into a tree: a number, a variable's name, or (operation, *trees)."""

    def __init__(self, text: str):
        self.tokens: list[tuple[str, int]] = []
        at, text = 0, text.translate(_SAME)
        while (match := _TOKEN.match(text, at)) and match[0].strip():
            at = match.end()
            place = match.start(match.lastindex or 0) + 1
            if match[4]:
                raise BadValue(f"The sign “{match[4]}”, at character {place}, has no meaning here.")
            self.tokens.append(("^" if match[3] == "**" else match.group(match.lastindex or 0),
                                place))
        self.tokens.append(("", len(text) + 1))
        self.at, self.open = 0, 0

    @property
    def _token(self) -> str:
        return self.tokens[self.at][0]

    @property
    def _place(self) -> int:
        return self.tokens[self.at][1]

    def whole(self) -> Any:
        """Return the tree, or refuse the text in one sentence with the place."""
        if not self._token:
            raise BadValue("There is no expression: type one, such as sin(x*x) + x*y.")
        tree = self._level(1)
        if self._token == ")":
            raise BadValue("There is a closing parenthesis without an opening one, at character "
                           f"{self._place}.")
        self._not_a_comma()
        return tree

    def _not_a_comma(self) -> None:
        if self._token == ",":
            raise BadValue(f"The comma at character {self._place} stands where there is nothing to "
                           "separate; in numbers the decimal point is a dot.")

    def _level(self, least: int) -> Any:
        """Read operands and the operators between them that bind at least so strongly."""
        tree = self._operand()
        while self._token and self._token not in "),":
            sign, strength = self._token, _STRENGTH.get(self._token)
            if strength is None:
                raise BadValue(f"An operation, such as *, is missing before “{sign}”, at character "
                               f"{self._place}.")
            if strength < least:
                break
            self.at += 1
            right = self._level(min(strength + 1, 3))
            tree = (OPERATORS[sign], tree, right)
        return tree

    def _operand(self) -> Any:
        token, place = self.tokens[self.at]
        if not token:
            raise BadValue("The expression ends too early: something is missing after “"
                           f"{self.tokens[self.at - 1][0]}”, at character "
                           f"{self.tokens[self.at - 1][1]}.")
        if token in "*/^),":
            if token == ")" and not self.open:
                raise BadValue("There is a closing parenthesis without an opening one, at "
                               f"character {place}.")
            raise BadValue(f"Something is missing before “{token}”, at character {place}.")
        self.at += 1
        if token in "+-":
            inner = self._level(3)
            return ("neg", inner) if token == "-" else inner
        if token == "(":
            return self._inside(place)[0]
        if token[0].isalpha() or token[0] == "_":
            return self._name(token, place)
        if float(token) > 1e6:
            raise BadValue(f"The number at character {place} is too large: 1,000,000 is the most.")
        return float(token)

    def _inside(self, place: int, most: int = 1) -> list:
        """Read what is between two parentheses, the opening one of which stood at `place`."""
        self.open += 1
        trees = [self._level(1)]
        while self._token == "," and most > 1:
            self.at += 1
            trees.append(self._level(1))
        self._not_a_comma()
        if not self._token:
            raise BadValue(f"The parenthesis at character {place} is never closed.")
        self.at += 1
        self.open -= 1
        return trees

    def _name(self, name: str, place: int) -> Any:
        if name in VARIABLES:
            return name
        if name == "pi":
            return pi
        if name not in FUNCTIONS:
            raise BadValue(f"“{name}”, at character {place}, is none of the variables x, y and z, "
                           f"and none of the functions {', '.join(FUNCTIONS)}.")
        if self._token != "(":
            raise BadValue(f"After “{name}”, at character {place}, an opening parenthesis is "
                           "missing.")
        self.at += 1
        count = 2 if name in PAIRS else 1
        trees = self._inside(self.tokens[self.at - 1][1], count)
        if len(trees) != count:
            raise BadValue(f"“{name}”, at character {place}, takes two values, with a comma "
                           "between them.")
        return (name, *trees)
