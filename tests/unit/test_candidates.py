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
    _blocks,
    _buckets,
    bucket_candidates,
    n_tasks,
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


def shuffled(
    documents: dict[int, list[int]], tasks: int, batch_rows: int
) -> list[list[pa.RecordBatch]]:
    """What each task gets: the blocks of all batches, as the shuffle brings them."""
    table = pa.table(
        {
            "doc_id": pa.array(list(documents), pa.int64()),
            "bands": pa.array([np.array(k, ">i8").tobytes() for k in documents.values()]),
        }
    )
    blocks = [
        block
        for batch in table.to_batches(batch_rows)
        for block in _blocks(iter([batch]), tasks=tasks)
    ]
    return [
        [
            block.filter(pa.array(block.column("task").to_numpy() == task)).select(["entries"])
            for block in blocks
        ]
        for task in range(tasks)
    ]


@given(
    st.dictionaries(INT64, st.lists(st.integers(-3, 3) | INT64, max_size=4), max_size=12),
    st.integers(1, 5),
    st.integers(1, 4),
)
@settings(deadline=None)
def test_documents_that_share_a_band_meet_in_one_task(
    documents: dict[int, list[int]], tasks: int, batch_rows: int
) -> None:
    documents = {d: sorted(set(keys)) for d, keys in documents.items() if keys}
    found = [
        tuple(sorted((r["a"], r["b"])))
        for blocks in shuffled(documents, tasks, batch_rows)
        for batch in _buckets(iter(blocks))
        for r in batch.to_pylist()
    ]
    expected = [
        (min(a, b), max(a, b))
        for a, b in combinations(documents, 2)
        for _ in set(documents[a]) & set(documents[b])
    ]
    assert sorted(found) == sorted(expected)


def test_a_hot_bucket_gives_its_members_and_the_pairs_of_its_anchors() -> None:
    documents = {member: [0] for member in range(200)} | {1000: [-7], 1001: [-7]}
    (blocks,) = shuffled(documents, 1, 50)
    found = [r for b in _buckets(iter(blocks)) for r in b.to_pylist()]
    assert {r["b"] for r in found if r["is_hot"] and r["a"] == 0} == set(range(200))
    assert len(documents) > ALL_PAIRS_LIMIT
    n_anchor_pairs = ANCHORS * 200 - ANCHORS - ANCHORS * (ANCHORS - 1) // 2
    pairs = [(r["a"], r["b"]) for r in found if not r["is_hot"]]
    assert (1000, 1001) in pairs
    assert len(pairs) == n_anchor_pairs + 1


def test_no_rows_give_no_candidates() -> None:
    assert list(_buckets(iter([]))) == []
    empty = pa.RecordBatch.from_pydict({"entries": pa.array([], pa.binary())})
    assert list(_buckets(iter([empty]))) == []


def test_bands_are_signed_big_endian_keys() -> None:
    (blocks,) = shuffled({10: [-1, 5, -(2**63)], 12: [7]}, 1, 10)
    (block,) = blocks
    entries = np.frombuffer(block.column("entries")[0].as_py(), np.int64).reshape(-1, 2)
    assert entries.tolist() == [[-1, 10], [5, 10], [-(2**63), 10], [7, 12]]


@pytest.mark.parametrize(
    ("n_documents", "n_bands", "at_least", "expected"),
    [(0, 12, 8, 8), (1_000_000, 12, 8, 8), (10**9, 12, 200, 1431), (10**9, 0, 200, 200)],
)
def test_tasks_grow_with_the_entries(
    n_documents: int, n_bands: int, at_least: int, expected: int
) -> None:
    assert n_tasks(n_documents, n_bands, at_least) == expected


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
