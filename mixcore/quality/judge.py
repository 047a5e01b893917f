"""Gates and component bins of a batch of documents, by rule set. numpy and Arrow only.

One pass over narrow columns for all sources at once: rule sets as generated code would be one
branch of the plan each, with thousands of expressions to analyse before the first row is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mixcore.quality.bins import BINS, MISSING_BIN, unit_map
from mixcore.quality.gates import MISSING, is_f32, show_limit
from mixcore.recipe.models import Gate
from mixcore.recipe.rules import ResolvedRules
from mixcore.text.signals import UNKNOWN_LANGUAGE

FAILED_GATE: Final = "failed"
"""`drop_gate` of a document whose profile failed."""
_Flags = npt.NDArray[np.bool_]
_Values = npt.NDArray[Any]

OWN_COLUMNS: Final = ("doc_id", "source", "status", "language", "language_confidence", "n_tokens")
"""Columns of the signals table that a batch always has."""
OUT_COLUMNS: Final = ("out_gate", "out_value", "out_limit")
"""Null, or why `where` or `exclude` took the document out before its gates."""


def signal_column(signal: str) -> str:
    """The column of a batch that holds a signal, by its name as written in recipes."""
    return signal if signal in OWN_COLUMNS else f"signal_{signal.replace('@', '__')}"


def schema(width: int) -> pa.Schema:
    """Columns of a judged batch with `width` component bins."""
    return pa.schema(
        [
            ("doc_id", pa.int64()),
            ("source", pa.string()),
            ("language", pa.string()),
            ("n_tokens", pa.int64()),
            ("n_bytes", pa.int64()),
            ("gate_bits", pa.int64()),
            ("missing", pa.int64()),
            ("gate", pa.string()),
            ("value", pa.string()),
            ("limit", pa.string()),
            ("failed", pa.bool_()),
            ("drop_lowest", pa.float64()),
            *((f"bin_{i}", pa.int32()) for i in range(width)),
            ("passed", pa.bool_()),
        ]
    )


@dataclass
class _Verdict:
    """The first gate that dropped each row; -1 where none has."""

    place: npt.NDArray[np.int64]
    gate: _Values
    value: _Values
    limit: _Values

    @classmethod
    def none(cls, n: int) -> _Verdict:
        return cls(np.full(n, -1, np.int64), *(np.full(n, None, object) for _ in range(3)))

    def set(
        self, rows: _Flags, place: int, gate: str, value: pa.Array | str, limit: pa.Array | str
    ) -> None:
        """Give `rows` that have no verdict yet this one; `value` and `limit`: one text or by row.

        Values become text as a person reads them: the shortest that gives the number again.
        """
        rows = rows & (self.place < 0)
        if rows.any():
            self.place[rows], self.gate[rows] = place, gate
            self.value[rows], self.limit[rows] = _texts(value, rows), _texts(limit, rows)


def judge(
    batch: pa.RecordBatch, rules: Mapping[str, ResolvedRules], width: int, extra: int
) -> pa.RecordBatch:
    """Judge every row by the rules of its source.

    Args:
        batch: `OWN_COLUMNS`, `OUT_COLUMNS`, `n_bytes`, and each signal that the rules name as
            `signal_column` says.
        rules: By source.
        width: Number of bin columns; those beyond a rule set's components hold `MISSING_BIN`.
        extra: Tokens added to each document.

    Returns:
        A row a row, in order, with the columns of `schema`. `gate_bits`: bit i is set if gate i
        fired, whatever its action (bit 63 is the sign); 0 for failed rows. `missing`: bit i is set
        if gate i needs a value (`on_missing: error`) and has none; 0 for rows out before the
        gates. `gate`, `value`, `limit`: the first gate that drops, null if none does.
    """
    n = batch.num_rows
    failed = _flags(pc.not_equal(batch.column("status"), "ok"))
    outs = _flags(pc.is_valid(batch.column("out_gate")))
    verdict = _Verdict.none(n)
    verdict.set(failed, 0, FAILED_GATE, batch.column("status"), "ok")
    out_gate, out_value, out_limit = (batch.column(name) for name in OUT_COLUMNS)
    for gate in pc.unique(out_gate.drop_null()).to_pylist():
        verdict.set(_flags(pc.equal(out_gate, gate)), 0, gate, out_value, out_limit)
    bits, missing = np.zeros(n, np.int64), np.zeros(n, np.int64)
    bins = [np.full(n, MISSING_BIN, np.int32) for _ in range(width)]
    lowest = np.zeros(n, np.float64)
    sources = batch.column("source").dictionary_encode()
    codes = sources.indices.to_numpy(zero_copy_only=False)
    for code, source in enumerate(sources.dictionary.to_pylist()):
        rows = codes == code
        part = batch if rows.all() else batch.filter(pa.array(rows))
        found = _judge_source(part, rules[source], width)
        bits[rows], missing[rows] = found.bits, found.missing
        lowest[rows] = rules[source].drop_lowest
        for i in range(width):
            bins[i][rows] = found.bins[i]
        free = np.flatnonzero(rows)[verdict.place[rows] < 0]
        inside = verdict.place[rows] < 0
        verdict.place[free] = found.verdict.place[inside]
        verdict.gate[free] = found.verdict.gate[inside]
        verdict.value[free] = found.verdict.value[inside]
        verdict.limit[free] = found.verdict.limit[inside]
    bits[failed] = 0
    missing[failed | outs] = 0
    counts = pc.fill_null(batch.column("n_tokens").cast(pa.int64()), -extra)
    columns = [
        batch.column("doc_id"),
        batch.column("source"),
        pc.fill_null(batch.column("language"), UNKNOWN_LANGUAGE),
        pc.add(counts, pa.scalar(extra, pa.int64())),
        pc.fill_null(batch.column("n_bytes").cast(pa.int64()), 0),
        pa.array(bits),
        pa.array(missing),
        pa.array(verdict.gate, pa.string()),
        pa.array(verdict.value, pa.string()),
        pa.array(verdict.limit, pa.string()),
        pa.array(failed),
        pa.array(lowest),
        *(pa.array(b) for b in bins),
        pa.array(verdict.place < 0),
    ]
    return pa.record_batch(columns, schema=schema(width))


@dataclass
class _Judged:
    bits: npt.NDArray[np.int64]
    missing: npt.NDArray[np.int64]
    bins: list[npt.NDArray[np.int32]]
    verdict: _Verdict


def _judge_source(batch: pa.RecordBatch, rules: ResolvedRules, width: int) -> _Judged:
    n = batch.num_rows
    bits, missing = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    verdict = _Verdict.none(n)
    for index, resolved in enumerate(rules.gates):
        gate, column = resolved.gate, batch.column(signal_column(resolved.signal))
        absent = _flags(pc.is_null(column))
        bit = np.uint64(1) << np.uint64(index)
        broken = _broken(column, resolved.signal, gate)
        fired = np.zeros(n, np.bool_)
        for text, rows in broken:
            fired |= rows
            if gate.action == "drop":
                verdict.set(rows, index, resolved.id, column, text)
        if gate.on_missing == "drop":
            fired |= absent
            if gate.action == "drop":
                needed = "a value, " + _written(gate)
                verdict.set(absent, index, resolved.id, MISSING, needed)
        elif gate.on_missing == "error":
            missing[absent] |= bit
        bits[fired] |= bit
    bins = [
        component_bin(batch.column(signal_column(c.signal)), c.signal) for c in rules.score[:width]
    ]
    bins += [np.full(n, MISSING_BIN, np.int32)] * (width - len(bins))
    return _Judged(bits.view(np.int64), missing.view(np.int64), bins, verdict)


def _broken(column: pa.Array, signal: str, gate: Gate) -> Iterator[tuple[str, _Flags]]:
    """The limits of a gate that rows break, as text, with the rows: the first limit of each.

    A signal stored as f32 is held against the limit in f32: 0.3 stored so is 0.30000001..., and a
    text exactly at the limit would go.
    """
    if gate.allowed is not None:
        inside = pc.is_in(column.cast(pa.string()), pa.array(gate.allowed, pa.string()))
        outside = _flags(pc.and_(pc.invert(inside), pc.is_valid(column)))
        yield "in " + ", ".join(gate.allowed), outside
        return
    values = doubles(column)
    free = ~np.isnan(values)
    if is_f32(signal):
        values = values.astype(np.float32)
    tests: tuple[tuple[str, float | None, Callable[..., Any]], ...] = (
        ("min", gate.min, np.less),
        ("above", gate.above, np.less_equal),
        ("max", gate.max, np.greater),
        ("below", gate.below, np.greater_equal),
    )
    for word, limit, breaks in tests:
        if limit is None:
            continue
        bound = np.float32(limit) if is_f32(signal) else np.float64(limit)
        rows = breaks(values, bound) & free
        free &= ~rows
        yield f"{word} {show_limit(limit)}", rows


def _written(gate: Gate) -> str:
    """All limits of a gate in one text, e.g. `min 3, max 10`."""
    if gate.allowed is not None:
        return "in " + ", ".join(gate.allowed)
    words = [(w, getattr(gate, w)) for w in ("min", "above", "max", "below")]
    return ", ".join(f"{w} {show_limit(v)}" for w, v in words if v is not None)


def component_bin(column: pa.Array, signal: str) -> npt.NDArray[np.int32]:
    """The bin of a signal, 0..4095; `MISSING_BIN` where it is null."""
    values = doubles(column)
    absent = np.isnan(values)
    values[absent] = 0.0
    scale = unit_map(signal).scale
    unit = values if scale is None else values / (values + scale)
    number = np.floor(np.clip(unit, 0.0, 1.0) * BINS).astype(np.int32)
    return np.where(absent, np.int32(MISSING_BIN), np.minimum(number, BINS - 1)).astype(np.int32)


def doubles(column: pa.Array) -> npt.NDArray[np.float64]:
    """A numeric or boolean column as float64; null is NaN (no signal is NaN)."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.array(values, np.float64)  # a copy: Arrow's own buffers are read-only


def _flags(column: pa.Array) -> _Flags:
    flags: _Flags = pc.fill_null(column, False).to_numpy(zero_copy_only=False)
    return flags


def _texts(value: pa.Array | str, rows: _Flags) -> _Values | str:
    if isinstance(value, str):
        return value
    texts = value.filter(pa.array(rows)).cast(pa.string())
    values: _Values = texts.to_numpy(zero_copy_only=False)
    return values.astype(object)
