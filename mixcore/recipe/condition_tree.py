"""The tree of a condition: what `mixcore.recipe.conditions` reads and Spark columns are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as L  # noqa: N817 - `Literal` is a node here

Kind = L["text", "number", "bool"]
FUNCTIONS: dict[str, tuple[int, int, Kind]] = {
    "lower": (1, 1, "text"),
    "upper": (1, 1, "text"),
    "trim": (1, 1, "text"),
    "substring": (2, 3, "text"),  # (text, first character from 1, length)
    "coalesce": (2, 16, "text"),  # a number if one of its arguments is
    "length": (1, 1, "number"),  # code points
    "year": (1, 1, "number"),  # of an ISO 8601 date or date and time, else null
    "month": (1, 1, "number"),
    "day": (1, 1, "number"),
}
"""Pure functions: (fewest arguments, most arguments, kind of result)."""


@dataclass(frozen=True)
class Column:
    """A column by name."""

    name: str


@dataclass(frozen=True)
class Literal:
    """A text, number or truth value."""

    value: str | float | int | bool


@dataclass(frozen=True)
class Call:
    """One of `FUNCTIONS`."""

    function: str
    arguments: tuple[Operand, ...]


Operand = Column | Literal | Call


@dataclass(frozen=True)
class Compare:
    """`left operator right`; `<>` is read as `!=`."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True)
class In:
    """`operand IN (options)`; options are of one kind."""

    operand: Operand
    options: tuple[Literal, ...]


@dataclass(frozen=True)
class Like:
    r"""`operand LIKE pattern`; a backslash escapes `%`, `_` and itself."""

    operand: Operand
    pattern: str


@dataclass(frozen=True)
class Between:
    """`operand BETWEEN low AND high`, both inclusive."""

    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True)
class IsNull:
    """`operand IS NULL`."""

    operand: Operand


@dataclass(frozen=True)
class Not:
    """Negation; of null it is null."""

    part: Node


@dataclass(frozen=True)
class Every:
    """AND of two or more."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Some:
    """OR of two or more."""

    parts: tuple[Node, ...]


Node = Compare | In | Like | Between | IsNull | Not | Every | Some


@dataclass(frozen=True)
class Condition:
    """A condition as written and as read."""

    text: str
    root: Node

    def columns(self) -> set[str]:
        """Names of all columns it reads."""
        return set(_columns(self.root))


def _columns(node: Node | Operand) -> Iterator[str]:
    match node:
        case Column(name):
            yield name
        case Literal():
            return
        case Call(_, arguments):
            for argument in arguments:
                yield from _columns(argument)
        case Compare(_, left, right):
            yield from _columns(left)
            yield from _columns(right)
        case In(operand) | Like(operand) | IsNull(operand):
            yield from _columns(operand)
        case Between(operand, low, high):
            for part in (operand, low, high):
                yield from _columns(part)
        case Not(part):
            yield from _columns(part)
        case Every(parts) | Some(parts):
            for inner in parts:
                yield from _columns(inner)


def kind_of(operand: Operand) -> Kind:
    """What an operand is; a column is text."""
    match operand:
        case Column():
            return "text"
        case Literal(value):
            if isinstance(value, bool):
                return "bool"
            return "text" if isinstance(value, str) else "number"
        case Call("coalesce", arguments):
            return "number" if any(kind_of(a) == "number" for a in arguments) else "text"
        case Call(function, _):
            return FUNCTIONS[function][2]
