"""Gates as Spark columns: a bit a gate, and the first one that drops with its value and limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pyspark.sql import Column
from pyspark.sql import functions as F

from mixcore.runtime import sql
from mixcore.text.signals import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mixcore.recipe.models import Gate
    from mixcore.recipe.rules import ResolvedGate

MAX_GATES = 64
"""Bits of `gate_bits` (quality.md 4.1)."""
MISSING = "missing"
"""`drop_value` of a gate with `on_missing: drop` whose signal is null."""
_F32 = {s.name for s in SIGNALS if s.dtype == "f32"} | {"language_confidence"}
_TOP_LEVEL = {"language", "language_confidence", "n_tokens"}
"""Columns of the signals table that gates and components may name beside the struct's fields."""


def signal_text(signal: str) -> str:
    """The column of a signal by its name as written in recipes, as SQL."""
    if signal in _TOP_LEVEL:
        return sql.name(signal)
    return sql.name("signals", signal.replace("@", "__"))


def show_limit(value: float) -> str:
    """A limit as a person writes it.

    >>> show_limit(100000.0), show_limit(0.15)
    ('100000', '0.15')
    """
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def narrowed(signal: str, limit: float) -> str:
    """The limit in the type the signal is stored in, as SQL.

    0.3 stored as f32 is 0.30000001...: against a f64 limit a text exactly at the limit would go.
    """
    if signal in _F32:
        return f"CAST({sql.double(float(np.float32(limit)))} AS FLOAT)"
    return sql.double(limit)


def _broken_limit(signal: str, gate: Gate) -> str:
    """`min 50`, `in en, de` ...: the first limit broken; null if the value is fine or null."""
    value = signal_text(signal)
    if gate.allowed is not None:
        allowed = ", ".join(map(sql.string, gate.allowed))
        text = sql.string("in " + ", ".join(gate.allowed))
        return f"CASE WHEN NOT CAST({value} AS STRING) IN ({allowed}) THEN {text} END"
    if signal not in _F32:
        value = f"CAST({value} AS DOUBLE)"
    tests = (("min", gate.min, "<"), ("above", gate.above, "<="),
             ("max", gate.max, ">"), ("below", gate.below, ">="))  # fmt: skip
    broken = [
        f"WHEN {value} {breaks} {narrowed(signal, limit)} "
        f"THEN {sql.string(f'{word} {show_limit(limit)}')}"
        for word, limit, breaks in tests
        if limit is not None
    ]
    return f"CASE {' '.join(broken)} END" if broken else "CAST(NULL AS STRING)"


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


def _or(bits: Sequence[str]) -> Column:
    return F.expr(" | ".join([*bits, sql.bigint(0)]))


def _bit(index: int, condition: str) -> str:
    signed = 1 << index if index < MAX_GATES - 1 else -(1 << index)
    return f"if({condition}, {sql.bigint(signed)}, {sql.bigint(0)})"


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
        gate, value = resolved.gate, signal_text(resolved.signal)
        limit = _broken_limit(resolved.signal, gate)
        shown = f"CAST({value} AS STRING)"
        if gate.on_missing == "drop":
            needed = sql.string("a value, " + _written(gate))
            limit = f"if({value} IS NULL, {needed}, {limit})"
            shown = f"coalesce({shown}, {sql.string(MISSING)})"
        elif gate.on_missing == "error":
            missing.append(_bit(index, f"{value} IS NULL"))
        fired = f"({limit}) IS NOT NULL"
        bits.append(_bit(index, fired))
        if gate.action == "drop":
            what = f"'gate', {sql.string(resolved.id)}, 'value', {shown}, 'limit', {limit}"
            drops.append(f"if({fired}, named_struct({what}), NULL)")
    nothing = "CAST(NULL AS STRUCT<gate: STRING, value: STRING, limit: STRING>)"
    first = F.expr(f"coalesce({', '.join([*drops, nothing])})")
    return GateColumns(_or(bits), first, _or(missing))


def _written(gate: Gate) -> str:
    """All limits of a gate in one text, e.g. `min 3, max 10`."""
    if gate.allowed is not None:
        return "in " + ", ".join(gate.allowed)
    words = [(w, getattr(gate, w)) for w in ("min", "above", "max", "below")]
    return ", ".join(f"{w} {show_limit(v)}" for w, v in words if v is not None)
