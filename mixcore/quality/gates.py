"""Gates as Spark columns: a bit a gate, and the first one that drops with its value and limit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from pyspark.sql import Column
from pyspark.sql import functions as F

from mixcore.text.signals import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mixcore.recipe.models import Gate
    from mixcore.recipe.rules import ResolvedGate

MAX_GATES = 64
"""Bits of `gate_bits` (quality.md 4.1)."""
MISSING = "missing"
"""`drop_value` of a gate with `on_missing: drop` whose signal is null."""
_F32 = {s.name for s in SIGNALS if s.dtype == "f32"} | {"language_confidence"}
_TOP_LEVEL = {"language", "language_confidence", "n_tokens"}
"""Columns of the signals table that gates and components may name beside the struct's fields."""


def signal_column(name: str) -> Column:
    """The column of a signal by its name as written in recipes."""
    if name in _TOP_LEVEL:
        return F.col(name)
    return F.col("signals").getField(name.replace("@", "__"))


def show_limit(value: float) -> str:
    """A limit as a person writes it.

    >>> show_limit(100000.0), show_limit(0.15)
    ('100000', '0.15')
    """
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def narrowed(signal: str, limit: float) -> Column:
    """The limit in the type the signal is stored in.

    0.3 stored as f32 is 0.30000001...: against a f64 limit a text exactly at the limit would go.
    """
    if signal in _F32:
        return F.lit(float(np.float32(limit))).cast("float")
    return F.lit(float(limit))


def _broken_limit(name: str, gate: Gate) -> Column:
    """`min 50`, `in en, de` ...: the first limit broken; null if the value is fine or null."""
    value = signal_column(name)
    if gate.allowed is not None:
        text = "in " + ", ".join(gate.allowed)
        return F.when(~value.cast("string").isin(*gate.allowed), F.lit(text))
    if name not in _F32:
        value = value.cast("double")
    tests: tuple[tuple[str, float | None, Callable[[Column, Column], Column]], ...] = (
        ("min", gate.min, Column.__lt__),
        ("above", gate.above, Column.__le__),
        ("max", gate.max, Column.__gt__),
        ("below", gate.below, Column.__ge__),
    )
    broken = [
        F.when(breaks(value, narrowed(name, limit)), F.lit(f"{word} {show_limit(limit)}"))
        for word, limit, breaks in tests
        if limit is not None
    ]
    return F.coalesce(*broken) if broken else F.lit(None).cast("string")


@dataclass(frozen=True)
class GateColumns:
    """What a rule set's gates say about a document.

    Attributes:
        bits: BIGINT; bit i is set if gate i fired, whatever its action. Bit 63 is the sign.
        first: STRUCT(gate, value, limit) of the first gate that drops; null if none does.
        missing: BIGINT; bit i is set if gate i needs a value (`on_missing: error`) and has none.
    """

    bits: Column
    first: Column
    missing: Column


def _or(bits: Sequence[Column]) -> Column:
    zero = F.lit(0).cast("bigint")
    return reduce(lambda a, b: a.bitwiseOR(b), bits, zero)


def _bit(index: int, condition: Column) -> Column:
    signed = 1 << index if index < MAX_GATES - 1 else -(1 << index)
    return F.when(condition, F.lit(signed).cast("bigint")).otherwise(F.lit(0).cast("bigint"))


def verdict(gate: Column | str, value: Column, limit: Column | str) -> Column:
    """A STRUCT(gate, value, limit) of strings."""
    return F.struct(
        (F.lit(gate) if isinstance(gate, str) else gate).alias("gate"),
        value.cast("string").alias("value"),
        (F.lit(limit) if isinstance(limit, str) else limit).alias("limit"),
    )


def gate_columns(gates: Sequence[ResolvedGate]) -> GateColumns:
    """The columns of a rule set; all gates are evaluated, none hides another."""
    bits, missing, drops = [], [], []
    for index, resolved in enumerate(gates):
        gate, value = resolved.gate, signal_column(resolved.signal)
        limit = _broken_limit(resolved.signal, gate)
        shown = value.cast("string")
        if gate.on_missing == "drop":
            needed = F.lit("a value, " + _written(gate))
            limit = F.when(value.isNull(), needed).otherwise(limit)
            shown = F.coalesce(shown, F.lit(MISSING))
        elif gate.on_missing == "error":
            missing.append(_bit(index, value.isNull()))
        fired = limit.isNotNull()
        bits.append(_bit(index, fired))
        if gate.action == "drop":
            drops.append(F.when(fired, verdict(resolved.id, shown, limit)))
    nothing = F.lit(None).cast("struct<gate:string,value:string,limit:string>")
    return GateColumns(_or(bits), F.coalesce(*drops, nothing), _or(missing))


def _written(gate: Gate) -> str:
    """All limits of a gate in one text, e.g. `min 3, max 10`."""
    if gate.allowed is not None:
        return "in " + ", ".join(gate.allowed)
    words = [(w, getattr(gate, w)) for w in ("min", "above", "max", "below")]
    return ", ".join(f"{w} {show_limit(v)}" for w, v in words if v is not None)
