"""The greedy kernel against the obvious sequential rule over all candidate pairs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.dedup.greedy import Documents, Edges, Hot, components, resolve

LIMIT = 0.5


@dataclass
class Doc:
    id: int
    content: int
    scope: int = 0
    protected: bool = False


@dataclass
class Case:
    """Documents, best first; edges by content; hot buckets and the sets compared in them."""

    docs: list[Doc]
    edges: dict[tuple[int, int], float] = field(default_factory=dict)
    buckets: dict[int, list[int]] = field(default_factory=dict)
    sets: dict[int, frozenset[int]] = field(default_factory=dict)
    anchors: bool = False


def jaccard(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / len(a | b) if a | b else 0.0


def all_edges(case: Case) -> dict[tuple[int, int], float]:
    found = {(min(e), max(e)): j for e, j in case.edges.items()}
    for members in case.buckets.values():
        for a in members:
            for b in members:
                if a < b and jaccard(case.sets[a], case.sets[b]) >= LIMIT:
                    found[a, b] = jaccard(case.sets[a], case.sets[b])
    return found


def sequential(case: Case) -> dict[int, tuple[int, float]]:
    """Removed document -> (survivor, Jaccard): walk by rank, look at every kept one before."""
    edges = all_edges(case)
    nodes: dict[tuple[int, int], list[Doc]] = {}
    for doc in case.docs:
        nodes.setdefault((doc.content, doc.scope), []).append(doc)
    kept: list[Doc] = []
    out: dict[int, tuple[int, float]] = {}
    for (content, scope), members in nodes.items():
        best = members[0]
        match = next(
            (
                (k, edges[min(content, k.content), max(content, k.content)])
                for k in kept
                if k.scope == scope and (min(content, k.content), max(content, k.content)) in edges
            ),
            None,
        )
        if match is None or best.protected:
            kept.append(best)
            rest, target = members[1:], (best.id, 1.0)
        else:
            rest, target = members, (match[0].id, match[1])
        out |= {d.id: target for d in rest if not d.protected}
    return out


def run(case: Case) -> tuple[dict[int, tuple[int, float]], dict[int, tuple[int, int]]]:
    docs = Documents(
        np.array([d.id for d in case.docs], np.int64),
        np.array([d.content for d in case.docs], np.int64),
        np.array([d.scope for d in case.docs], np.int64),
        np.array([d.protected for d in case.docs], bool),
    )
    edges = dict(case.edges)
    if case.anchors:  # what `match` writes for a hot bucket: every member with its first member
        full = all_edges(case)
        for members in case.buckets.values():
            for m in members[1:]:
                pair = (min(m, members[0]), max(m, members[0]))
                if pair in full:
                    edges[pair] = full[pair]
    members = [(b, m) for b, ms in case.buckets.items() for m in ms]
    contents = sorted({m for _, m in members})
    sets = [np.sort(np.array(sorted(case.sets[c]), np.uint64)) for c in contents]
    hot = Hot(
        np.array([b for b, _ in members], np.int64),
        np.array([m for _, m in members], np.int64),
        np.array(contents, np.int64),
        np.zeros((len(contents), 64), np.uint8),
        np.concatenate(([0], np.cumsum([len(s) for s in sets]))).astype(np.int64),
        np.concatenate([*sets, np.empty(0, np.uint64)]),
        min_equal=0,
    )
    pairs = list(edges.items())
    got = resolve(
        docs,
        Edges(
            np.array([a for (a, _), _ in pairs], np.int64),
            np.array([b for (_, b), _ in pairs], np.int64),
            np.array([j for _, j in pairs], float),
        ),
        hot,
        LIMIT,
    )
    ids = docs.doc_id
    removed = {
        int(ids[r]): (int(ids[k]), float(j))
        for r, k, j in zip(got.row, got.kept, got.jaccard, strict=True)
        if k >= 0
    }
    clusters = {
        int(ids[r]): (int(c), int(s))
        for r, c, s in zip(got.row, got.cluster_id, got.cluster_size, strict=True)
    }
    return removed, clusters


def singles(n: int) -> list[Doc]:
    return [Doc(i, i) for i in range(n)]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    n = draw(st.integers(0, 14))
    ids = draw(st.permutations(range(100, 100 + n)))
    docs = [
        Doc(i, draw(st.integers(0, 9)), draw(st.integers(0, 1)), draw(st.booleans())) for i in ids
    ]
    docs = sorted(docs, key=lambda d: not d.protected)
    pair = st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda p: p[0] < p[1])
    edges = draw(st.dictionaries(pair, st.sampled_from([0.5, 0.8, 1.0]), max_size=12))
    sets = {c: draw(st.frozensets(st.integers(0, 7), max_size=6)) for c in range(12)}
    buckets = draw(
        st.dictionaries(
            st.integers(-5, 5), st.lists(st.integers(0, 11), unique=True, min_size=1), max_size=3
        )
    )
    # An edge that shares a bucket carries the Jaccard of the sets: there is one truth.
    for e in list(edges):
        if any(e[0] in b and e[1] in b for b in buckets.values()):
            del edges[e]
    return Case(docs, edges, buckets, sets, draw(st.booleans()))


@settings(max_examples=400, deadline=None)
@given(cases())
def test_equals_the_sequential_rule(case: Case) -> None:
    removed, clusters = run(case)
    assert removed == sequential(case)
    for doc, (kept, _) in removed.items():
        assert kept not in removed
        assert clusters[doc] == clusters[kept]
    assert not {d.id for d in case.docs if d.protected} & removed.keys()
    for cluster, size in clusters.values():
        members = [d for d, (c, _) in clusters.items() if c == cluster]
        assert (len(members), min(members)) == (size, cluster)
        assert size > 1


@pytest.mark.parametrize(
    ("name", "docs", "edges", "removed"),
    [
        ("nothing", [], {}, {}),
        ("no duplicate", singles(3), {}, {}),
        ("chain", singles(5), {(i, i + 1): 0.8 for i in range(4)}, {1: 0, 3: 2}),
        ("star, centre best", singles(4), {(0, i): 0.8 for i in (1, 2, 3)}, {1: 0, 2: 0, 3: 0}),
        (
            "star, centre worst",
            [Doc(1, 1), Doc(2, 2), Doc(3, 3), Doc(0, 0)],
            {(0, i): 0.8 for i in (1, 2, 3)},
            {0: 1},
        ),
        ("the best of two survivors", singles(3), {(0, 2): 0.8, (1, 2): 0.9}, {2: 0}),
        ("copies", [Doc(7, 3), Doc(3, 3), Doc(5, 3)], {}, {3: 7, 5: 7}),
        (
            "copies of a loser follow it",
            [Doc(1, 1), Doc(7, 3), Doc(3, 3)],
            {(1, 3): 0.8},
            {7: 1, 3: 1},
        ),
        ("another scope", [Doc(1, 1), Doc(2, 2, 1), Doc(3, 1, 1)], {(1, 2): 0.8}, {3: 2}),
        (
            "protected",
            [Doc(1, 1, 0, True), Doc(2, 2, 0, True), Doc(3, 3)],
            {(1, 2): 0.9, (2, 3): 0.8},
            {3: 2},
        ),
        ("protected copies", [Doc(1, 1, 0, True), Doc(2, 1, 0, True), Doc(3, 1)], {}, {3: 1}),
        ("an end that is not eligible", singles(2), {(0, 9): 0.9, (9, 1): 0.9}, {}),
    ],
)
def test_small_graphs(
    name: str, docs: list[Doc], edges: dict[tuple[int, int], float], removed: dict[int, int]
) -> None:
    case = Case(docs, edges)
    got, _ = run(case)
    assert {d: k for d, (k, _) in got.items()} == removed, name
    assert got == sequential(case)


def test_a_clique_of_which_only_anchor_edges_are_known_keeps_one() -> None:
    n = 300
    order = np.random.default_rng(3).permutation(n)
    words = frozenset(range(100))
    sets = {i: (words - {i % 100}) | {1000 + i} for i in range(n)}
    case = Case([Doc(int(i), int(i)) for i in order], {}, {1: list(range(n))}, sets, anchors=True)
    removed, clusters = run(case)
    assert removed == sequential(case)
    assert len(removed) == n - 1
    assert set(clusters.values()) == {(0, n)}


def test_a_hot_bucket_of_different_texts_keeps_all() -> None:
    sets = {i: frozenset(range(10 * i, 10 * i + 10)) for i in range(200)}
    case = Case(singles(200), {}, {1: list(range(200))}, sets, anchors=True)
    assert run(case) == ({}, {})


def test_extreme_ids_and_scopes() -> None:
    low, high = -(2**63), 2**63 - 1
    docs = [Doc(high, low, high), Doc(low, low, high), Doc(5, high, low)]
    removed, clusters = run(Case(docs, {(low, high): 0.9}))
    assert removed == {low: (high, 1.0)}
    assert clusters == {low: (low, 2), high: (low, 2)}


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19))))
@settings(deadline=None)
def test_components_equal_repeated_merging(edges: list[tuple[int, int]]) -> None:
    group = {v: {v} for v in range(20)}
    for a, b in edges:
        union = group[a] | group[b]
        for v in union:
            group[v] = union
    pairs = np.array(edges, np.int64).reshape(-1, 2)
    got = components(20, pairs[:, 0].copy(), pairs[:, 1].copy())
    assert got.tolist() == [min(group[v]) for v in range(20)]
