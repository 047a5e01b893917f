"""What the catalogue of signals is made of."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal


@dataclass(frozen=True)
class Signal:
    """One signal.

    Attributes:
        name: as written in recipes.
        dtype: i32, i64, f32 or bool (Arrow int32, int64, float32, bool).
        meaning: the definition in one line.
        nullable: true if the kernel may give null (a gate then needs `on_missing`).
        domain: smallest and largest possible value, inclusive; `inf` = unbounded.
        group: empty: always computed. Else the group that is computed, and not null, only where
            a rule set of the recipe names one of its signals.
    """

    name: str
    dtype: Literal["i32", "i64", "f32", "bool"]
    meaning: str
    nullable: bool = False
    domain: tuple[float, float] = (0.0, inf)
    group: str = ""

    @property
    def column(self) -> str:
        """Field of the `signals` struct: `signal@peer` is stored as `signal__peer`."""
        return self.name.replace("@", "__")


def count(name: str, meaning: str, group: str = "", *, nullable: bool = False) -> Signal:
    """A number of things in a document, i32."""
    return Signal(name, "i32", meaning, nullable, group=group)


def share(name: str, meaning: str, group: str = "", *, nullable: bool = False) -> Signal:
    """A part of a whole, f32 from 0 to 1."""
    return Signal(name, "f32", meaning, nullable, (0.0, 1.0), group)


def real(name: str, meaning: str, group: str = "", *, nullable: bool = False) -> Signal:
    """A mean or ratio without upper limit, f32."""
    return Signal(name, "f32", meaning, nullable, group=group)


def flag(name: str, meaning: str, group: str = "", *, nullable: bool = False) -> Signal:
    """Yes or no; a gate sees 1 or 0."""
    return Signal(name, "bool", meaning, nullable, (0.0, 1.0), group)
