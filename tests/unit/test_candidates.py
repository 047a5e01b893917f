"""Band buckets to candidate pairs, and binary columns to arrays and back."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.dedup.arrow import binary_of_hashes, flat_bytes, flat_hashes
from mixcore.dedup.candidates import (
    ALL_PAIRS_LIMIT,
    ANCHORS,
    _buckets,
    _explode,
    bucket_candidates,
)
from mixcore.dedup.verify import min_equal_slots
from mixcore.text.jaccard import rejection_bound

INT64 = st.integers(-(2**63), 2**63 - 1)


def rows(buckets: dict[int, set[int]]) -> tuple[np.ndarray, np.ndarray]:
    flat = sorted((key, member) for key, members in buckets.items() for member in members)
    return (
        np.array([k for k, _ in flat], np.int64),
        np.array([m for _, m in flat], np.int64),
    )


@given(st.dictionaries(INT64, st.sets(INT64, min_size=1, max_size=12), max_size=8))
@settings(deadline=None)
def test_small_buckets_give_all_pairs_and_large_ones_anchors(buckets: dict[int, set[int]]) -> None:
    (a, b), (hot_keys, hot_ids) = bucket_candidates(*rows(buckets), limit=5, n_anchors=2)
    pairs = set(zip(a.tolist(), b.tolist(), strict=True))
    hot = set(zip(hot_keys.tolist(), hot_ids.tolist(), strict=True))
    large = {k: m for k, m in buckets.items() if len(m) > 5}
    assert hot == {(k, m) for k, members in large.items() for m in members}
    expected = {p for k, m in buckets.items() if k not in large for p in combinations(sorted(m), 2)}
    assert expected <= pairs
    assert all(x < y for x, y in pairs)
    for members in large.values():
        inside = {p for p in pairs if set(p) <= members}
        anchors = [
            m for m in members
            if {tuple(sorted((m, o))) for o in members - {m}} <= inside
        ]  # fmt: skip
        assert len(anchors) >= 2
    assert pairs - expected <= {p for m in large.values() for p in combinations(sorted(m), 2)}


@pytest.mark.parametrize("batch_rows", [1, 3, 50, 1000])
def test_a_bucket_may_span_batches(batch_rows: int) -> None:
    buckets = {-7: {1, 2}, 0: set(range(200)), 3: {5}, 9: {4, 5, 6}}
    keys, ids = rows(buckets)
    table = pa.table({"band_key": keys, "doc_id": ids})
    found = [r for b in _buckets(iter(table.to_batches(batch_rows))) for r in b.to_pylist()]
    pairs = {(r["a"], r["b"]) for r in found if not r["is_hot"]}
    assert {(1, 2), (4, 5), (4, 6), (5, 6)} <= pairs
    assert {r["b"] for r in found if r["is_hot"] and r["a"] == 0} == set(range(200))
    assert len(buckets[0]) > ALL_PAIRS_LIMIT
    n_anchor_pairs = ANCHORS * 200 - ANCHORS - ANCHORS * (ANCHORS - 1) // 2
    assert len([r for r in found if not r["is_hot"]]) == n_anchor_pairs + 4


def test_no_rows_give_no_candidates() -> None:
    assert list(_buckets(iter([]))) == []
    empty = pa.RecordBatch.from_pydict(
        {"band_key": pa.array([], pa.int64()), "doc_id": pa.array([], pa.int64())}
    )
    assert list(_buckets(iter([empty]))) == []


def test_bands_are_signed_big_endian_keys() -> None:
    keys = [[-1, 5, -(2**63)], [], [7]]
    batch = pa.RecordBatch.from_pydict(
        {"doc_id": [10, 11, 12], "bands": [np.array(k, ">i8").tobytes() for k in keys]}
    )
    (out,) = _explode(iter([batch]))
    assert out.to_pydict() == {"band_key": [-1, 5, -(2**63), 7], "doc_id": [10, 10, 10, 12]}


@given(st.lists(st.none() | st.lists(st.integers(0, 2**64 - 1), max_size=5)), st.integers(0, 3))
@settings(deadline=None)
def test_hashes_survive_the_way_through_arrow(sets: list[list[int] | None], skip: int) -> None:
    raw = [None if s is None else np.array(s, "<u8").tobytes() for s in sets]
    column = pa.array(raw, pa.binary())[skip:]
    hashes, offsets = flat_hashes(column)
    expected = [s or [] for s in sets[skip:]]
    assert [hashes[i:j].tolist() for i, j in zip(offsets, offsets[1:], strict=False)] == expected
    assert binary_of_hashes(hashes, offsets).to_pylist() == [v or b"" for v in column.to_pylist()]
    assert flat_bytes(column)[0].tobytes() == b"".join(v or b"" for v in column.to_pylist())


@pytest.mark.parametrize("limit", [0.3, 0.5, 0.8, 0.95, 1.0])
def test_fewest_equal_slots_is_the_rejection_bound(limit: float) -> None:
    def estimate(m: int) -> float:
        return (m / 64 - 1 / 256) / (255 / 256)

    m = min_equal_slots(limit)
    assert estimate(m) >= rejection_bound(limit) > estimate(m - 1)
