"""How a gate's limits read, and which signals are held against them in f32."""

from __future__ import annotations

from mixcore.text.signals import SIGNALS

MAX_GATES = 64
"""Bits of `gate_bits` (quality.md 4.1)."""
MISSING = "missing"
"""`drop_value` of a gate with `on_missing: drop` whose signal is null."""
_F32 = {s.name for s in SIGNALS if s.dtype == "f32"} | {"language_confidence"}


def is_f32(signal: str) -> bool:
    """Whether a signal, by its name as written in recipes, is stored in single precision."""
    return signal in _F32


def show_limit(value: float) -> str:
    """A limit as a person writes it.

    >>> show_limit(100000.0), show_limit(0.15)
    ('100000', '0.15')
    """
    return str(int(value)) if float(value).is_integer() else repr(float(value))
