"""The judge of batches against one document at a time, written as the rules read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.quality.bins import BINS, MISSING_BIN
from mixcore.quality.judge import component_bin, judge, schema
from mixcore.recipe.models import Component, Gate
from mixcore.recipe.rules import ResolvedGate, ResolvedRules

F32_LIMITS = [0.0, 0.1, 0.3, 0.5]
SHARES = st.none() | st.sampled_from([0.0, 0.1, 0.3, 0.31, 0.5, 1.0])
COUNTS = st.none() | st.integers(0, 6)
LIMITS = ("min", "above", "max", "below")
BREAKS = {
    "min": lambda v, x: v < x, "above": lambda v, x: v <= x,
    "max": lambda v, x: v > x, "below": lambda v, x: v >= x,
}  # fmt: skip


@st.composite
def gates(draw: st.DrawFn) -> ResolvedGate:
    signal, limits = draw(
        st.sampled_from([("alpha_frac", F32_LIMITS), ("n_words", [0.0, 2.0, 3.0, 5.0])])
    )
    words = draw(st.lists(st.sampled_from(LIMITS), min_size=1, max_size=2, unique=True))
    if {"min", "above"} <= set(words) or {"max", "below"} <= set(words):
        words = words[:1]
    gate = Gate(
        **{word: draw(st.sampled_from(limits)) for word in words},
        on_missing=draw(st.sampled_from(["keep", "drop", "error"])),
        action=draw(st.sampled_from(["drop", "flag"])),
    )
    return ResolvedGate(signal, signal, gate, "test")


DOCUMENT = st.tuples(
    st.sampled_from(["a", "b"]), st.sampled_from(["ok", "ok", "ok", "failed"]), SHARES, COUNTS,
    st.none() | st.sampled_from(["where", "exclude"]),
)  # fmt: skip


def obvious(
    row: tuple[str, str, float | None, int | None, str | None], rules: ResolvedRules
) -> tuple[int, int, str | None, str | None]:
    """(bits, missing, first gate, its limit) of one document."""
    _, status, share, count, out = row
    bits = missing = 0
    first: tuple[str, str] | None = None
    for i, resolved in enumerate(rules.gates):
        gate = resolved.gate
        value: Any = count
        if resolved.signal == "alpha_frac":
            value = None if share is None else np.float32(share)
        broken = None
        if value is None:
            if gate.on_missing == "error":
                missing |= 1 << i
            if gate.on_missing == "drop":
                broken = "a value"
        else:
            for word in LIMITS:
                limit = getattr(gate, word)
                if limit is None or broken:
                    continue
                bound = np.float32(limit) if resolved.signal == "alpha_frac" else limit
                if BREAKS[word](value, bound):
                    broken = word
        if broken:
            bits |= 1 << i
            if gate.action == "drop" and first is None:
                first = (resolved.id, broken)
    if status != "ok":
        return 0, 0, "failed", "ok"
    if out is not None:
        return bits, 0, out, "out"
    return bits, missing, *(first or (None, None))


@given(st.lists(DOCUMENT, min_size=1, max_size=30), *[st.lists(gates(), max_size=4)] * 2)
@settings(deadline=None, max_examples=60)
def test_batches_are_judged_like_documents_one_by_one(
    rows: list[Any], first: list[ResolvedGate], second: list[ResolvedGate]
) -> None:
    rules = {
        "a": ResolvedRules("a", tuple(first), (), 0.0),
        "b": ResolvedRules("b", tuple(second), (), 0.25),
    }
    n = len(rows)
    batch = pa.record_batch(
        {
            "doc_id": pa.array(range(n), pa.int64()),
            "source": pa.array([r[0] for r in rows]),
            "status": pa.array([r[1] for r in rows]),
            "language": pa.array(["en" if i % 2 else None for i in range(n)], pa.string()),
            "language_confidence": pa.nulls(n, pa.float32()),
            "n_tokens": pa.array([None if r[1] != "ok" else 5 for r in rows], pa.int64()),
            "n_bytes": pa.array([10] * n, pa.int64()),
            "signal_alpha_frac": pa.array([r[2] for r in rows], pa.float32()),
            "signal_n_words": pa.array([r[3] for r in rows], pa.int32()),
            "out_gate": pa.array([r[4] for r in rows], pa.string()),
            "out_value": pa.array([r[4] and "v" for r in rows], pa.string()),
            "out_limit": pa.array([r[4] and "out" for r in rows], pa.string()),
        }
    )
    found = judge(batch, rules, 1, extra=2)
    assert found.schema == schema(1)
    for i, (row, got) in enumerate(zip(rows, found.to_pylist(), strict=True)):
        bits, missing, gate, limit = obvious(row, rules[row[0]])
        assert (got["gate_bits"], got["missing"], got["gate"]) == (bits, missing, gate)
        assert (got["limit"] or "").startswith(limit or "")
        assert got["passed"] is (gate is None)
        assert (got["value"] is None) is (gate is None)
        assert got["n_tokens"] == (7 if row[1] == "ok" else 0)
        assert got["language"] == ("en" if i % 2 else "und")
        assert got["drop_lowest"] == (0.0 if row[0] == "a" else 0.25)
        assert got["bin_0"] == MISSING_BIN


def test_the_sixty_fourth_gate_is_the_sign_bit() -> None:
    gate = ResolvedGate("n_words", "n_words", Gate(min=1, action="flag"), "test")
    rules = {"a": ResolvedRules("a", (gate,) * 64, (Component(signal="n_words"),), 0.0)}
    strings = dict.fromkeys(("out_gate", "out_value", "out_limit"), pa.nulls(1, pa.string()))
    batch = pa.record_batch(
        {
            "doc_id": [1], "source": ["a"], "status": ["ok"], "language": ["en"],
            "language_confidence": pa.array([1.0], pa.float32()), "n_tokens": [1], "n_bytes": [1],
            "signal_n_words": pa.array([0], pa.int32()), **strings,
        }
    )  # fmt: skip
    (row,) = judge(batch, rules, 1, extra=0).to_pylist()
    assert (row["gate_bits"], row["passed"]) == (-1, True)


def test_bins_hold_the_ends_and_what_is_missing() -> None:
    shares = pa.array([None, 0.0, 0.5, 1.0, 2.0], pa.float32())
    expected = [MISSING_BIN, 0, BINS // 2, BINS - 1, BINS - 1]
    assert component_bin(shares, "alpha_frac").tolist() == expected
    counts = pa.array([None, 0, 512, 2**31 - 1], pa.int32())
    assert component_bin(counts, "n_words").tolist() == [MISSING_BIN, 0, BINS // 2, BINS - 1]
    flags = pa.array([None, False, True], pa.bool_())
    assert component_bin(flags, "xml_head").tolist()[:2] == [MISSING_BIN, 0]
