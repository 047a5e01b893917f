"""The catalogue of quality signals: names, types, domains and meanings, and the kernel's order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Signal:
    """One signal: `name` as written in recipes, dtype, domain and whether it can be null."""

    name: str
    dtype: Literal["i32", "i64", "f32", "bool"]
    meaning: str
    nullable: bool = False

    @property
    def column(self) -> str:
        """Field of the `signals` struct: `signal@peer` is stored as `signal__peer`."""
        return self.name.replace("@", "__")


SIGNALS: tuple[Signal, ...] = (
    Signal("n_bytes", "i64", "UTF-8 bytes"),
)
