"""match and resolve, end to end, against the sequential rule over all candidate pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mixcore.dedup import match_stage, resolve_stage
from mixcore.runtime.errors import ContractError
from mixcore.runtime.stage import Unit, plan_stages, run_stage
from mixcore.runtime.tables import DUPLICATES, HOT_BUCKETS, PAIRS, SHINGLES
from tests.dedup_world import (
    Doc,
    check_truth,
    clique,
    deduplicate,
    removals,
    sequential,
    with_ids,
    words,
    write_upstream,
)

if TYPE_CHECKING:
    from mixcore.runtime.stage import Run

MakeRun = Callable[..., "Run"]
SOURCES = {name: {"path": f"{name}/*.jsonl"} for name in ("web", "books", "papers")}


def recipe(pool: str | None = None, stop: float = 1.0, **dedup: Any) -> dict[str, Any]:
    out: dict[str, Any] = {
        "sources": SOURCES,
        "dedup": dedup,
        "stop_if": {"removed_by_dedup": stop},
    }
    return out | ({"pool": {"path": pool}} if pool else {})


def chain(n: int, seed: int) -> list[Doc]:
    """Windows of a sliding text: neighbours have J .85, the ends share nothing."""
    text = words(seed, 200 + 16 * n)
    return [Doc(0, " ".join(text[16 * i : 16 * i + 200])) for i in range(n)]


def star(n: int, seed: int) -> list[Doc]:
    """A centre, and rays that match it (J .85) but not each other (J .73)."""
    base = words(seed, 200)
    rays = [base[: 20 * i] + words(seed + 1 + i, 28) + base[20 * i :] for i in range(1, n)]
    return [Doc(0, " ".join(t)) for t in (base, *rays)]


def mixed() -> list[Doc]:
    """Cliques of 3 and 100, chains, stars, copies, short texts; failed and dropped members."""
    rng = np.random.default_rng(5)
    docs = [d for seed in range(6) for d in clique(3, seed)]
    docs += clique(100, 10) + clique(90, 11) + chain(12, 12) + star(8, 13) + star(8, 33)
    docs += [Doc(0, " ".join(words(100 + i))) for i in range(30)]
    docs += [Doc(0, t) for t in ("one two", "one  two", "three", "- -", "...")]
    docs += [Doc(0, d.text + " ") for d in docs[::3]]
    docs += [Doc(0, docs[0].text + "\n" * i) for i in range(1, 5)]
    sources, languages = ("web", "books", "papers"), ("en", "de")
    return with_ids(
        replace(
            d,
            source=sources[rng.integers(0, 3)],
            language=languages[rng.integers(0, 2)],
            bucket=int(rng.integers(0, 20)),
            is_dropped=bool(rng.random() < 0.2),
            status="failed" if rng.random() < 0.05 else "ok",
            columns={
                "date": [None, "2024-01-01", "2025-02-02"][rng.integers(0, 3)],
                "rank": ["7", "30", "-2.5", "x", "NaN", None][rng.integers(0, 6)],
            },
        )
        for d in docs
    )


BY_BUCKET = [{"by": "score_bucket", "order": "high"}]
BY_SOURCE = [
    {"by": "source", "order": ["papers", "web"]},
    {"by": "date", "order": "newest"},
    {"by": "length", "order": "shortest"},
]


def by_source(d: Doc) -> Any:
    date = d.columns["date"]
    place = {"papers": 0, "web": 1}.get(d.source, 2)
    return place, date is None, -int((date or "0").replace("-", "")), len(d.text)


def by_rank(d: Doc) -> Any:
    number = {"7": 7.0, "30": 30.0, "-2.5": -2.5}.get(d.columns["rank"] or "")
    return number is None, -(number or 0.0)


CASES = {
    "bucket": ({"prefer": BY_BUCKET}, {"order": lambda d: -d.bucket}),
    "source, date, length": ({"prefer": BY_SOURCE}, {"order": by_source}),
    "numbers in a column": ({"prefer": [{"by": "rank", "order": "high"}]}, {"order": by_rank}),
    "within language": (
        {"prefer": BY_BUCKET, "scope": {"within": ["language"]}},
        {"order": lambda d: -d.bucket, "scope": lambda d: d.language},
    ),
    "protect, within source and date": (
        {"prefer": BY_BUCKET, "protect": ["books"], "scope": {"within": ["source", "date"]}},
        {
            "order": lambda d: -d.bucket,
            "scope": lambda d: (d.source, d.columns["date"]),
            "protect": frozenset({"books"}),
        },
    ),
    "protect": (
        {"prefer": [{"by": "score", "order": "low"}], "protect": ["books"]},
        {"order": lambda d: d.bucket, "protect": frozenset({"books"})},
    ),
}


def check_rows(rows: list[Any], docs: list[Doc]) -> None:
    """What holds of every result, whatever was asked for."""
    by_id = {d.id: d for d in docs}
    assert not [r for r in rows if by_id[r.doc_id].is_dropped]
    gone = {r.doc_id for r in rows if r.is_removed}
    clusters: dict[int, list[int]] = {}
    for r in rows:
        clusters.setdefault(r.cluster_id, []).append(r.doc_id)
    for r in rows:
        members = clusters[r.cluster_id]
        assert (r.cluster_id, r.cluster_size) == (min(members), len(members))
        assert (r.kept_doc_id is not None) == r.is_removed
        assert r.kept_doc_id not in gone
        assert r.kept_doc_id is None or r.kept_doc_id in members


def test_equals_the_sequential_rule_for_every_preference(make_run: MakeRun) -> None:
    docs = mixed()
    units: dict[str, Any] = {}
    for name, (dedup, twin) in CASES.items():
        run = make_run(recipe(**dedup))
        if units:  # edges outlive preferences: matched once, resolved once a case
            run.units = dict(units)
            run_stage(run, match_stage.STAGE)
            assert run.records[-1].status == "reused"
            run_stage(run, resolve_stage.STAGE)
            rows = run.read(DUPLICATES, "resolve").collect()
        else:
            rows = deduplicate(run, docs)
            units = {k: v for k, v in run.units.items() if k != "resolve"}
            assert run.read(HOT_BUCKETS, "match").count() > 0
        assert removals(rows) == sequential(run, docs, **twin), name
        check_rows(rows, docs)


def test_does_not_depend_on_partitions(make_run: MakeRun, tmp_path: Any) -> None:
    docs = mixed()
    results = []
    for n, ordered in ((1, docs), (7, docs[::-1])):
        run = make_run(recipe(pool=str(tmp_path / f"pool{n}"), prefer=BY_BUCKET))
        run.scratch.path += str(n)
        run.spark.conf.set("spark.sql.shuffle.partitions", str(n))
        try:
            rows = deduplicate(run, ordered, n)
        finally:
            run.spark.conf.set("spark.sql.shuffle.partitions", "2")
        tables = (PAIRS, SHINGLES, HOT_BUCKETS)
        match = [sorted(map(tuple, run.read(t, "match").collect())) for t in tables]
        results.append((rows, match))
    assert results[0] == results[1]


def test_a_clique_of_ten_thousand(make_run: MakeRun) -> None:
    rng = np.random.default_rng(9)
    docs = with_ids(
        replace(d, is_dropped=bool(rng.random() < 0.3)) for d in clique(10_000, 77, n_words=120)
    )
    run = make_run(recipe(prefer=BY_BUCKET))
    rows = deduplicate(run, docs)
    got = removals(rows)
    assert got == sequential(run, docs, order=lambda d: -d.bucket)
    n = sum(not d.is_dropped for d in docs)
    assert n - 10 < len(got) < n


def test_pairs_are_verified_edges_and_a_source_may_not_lose_too_much(make_run: MakeRun) -> None:
    docs = with_ids(
        [*chain(4, 1), *clique(5, 2, source="books"), Doc(0, "one two"), Doc(0, " one two")]
    )
    run = make_run(recipe(stop=0.7))
    with pytest.raises(ContractError) as caught:
        deduplicate(run, docs)
    assert "removes 4 of the 5 documents of source `books`" in str(caught.value)
    first = min(d.id for d in docs if d.source == "books")
    assert f"cluster {first} of 5 documents: 4 removed" in str(caught.value)

    ids = [d.id for d in docs]
    pairs = {(r.doc_a, r.doc_b): r for r in run.read(PAIRS, "match").collect()}
    clique_pairs = [(a, b) for a in range(4, 9) for b in range(a + 1, 9)]
    expected = [(0, 1), (1, 2), (2, 3), *clique_pairs, (9, 10)]
    assert set(pairs) == {tuple(sorted((ids[a], ids[b]))) for a, b in expected}
    near = pairs[tuple(sorted((ids[0], ids[1])))]
    assert (near.kind, near.jaccard) == ("near", 180 / 212)
    assert near.containment_a == near.containment_b == 180 / 196
    assert pairs[tuple(sorted(ids[9:]))].kind == "exact"
    assert {r.doc_id for r in run.read(SHINGLES, "match").collect()} == set(ids[:9])


def test_exact_only_and_near_only(make_run: MakeRun) -> None:
    docs = with_ids([*clique(2, 1), Doc(0, "a b c d e f g h"), Doc(0, "a b c  d e f g h")])
    write_upstream(make_run(recipe()), docs)
    for dedup, expected in (({"near": "none"}, ["exact"]), ({"exact": "none"}, ["near", "near"])):
        run = make_run(recipe(**dedup))
        run.units = make_units()
        run.scratch.path += expected[0]
        run_stage(run, match_stage.STAGE)
        run_stage(run, resolve_stage.STAGE)
        found = removals(run.read(DUPLICATES, "resolve").collect())
        assert [kind for _, kind, _ in found.values()] == expected


def make_units() -> dict[str, Any]:
    return {name: [Unit(f"{name}-key", "all")] for name in ("ingest", "profile", "score")}


def test_no_deduplication_has_no_units(make_run: MakeRun) -> None:
    run = make_run({"sources": SOURCES, "dedup": "none"})
    run.units = make_units()
    plan_stages(run, (match_stage.STAGE, resolve_stage.STAGE))
    assert run.units["match"] == run.units["resolve"] == []
    run_stage(run, match_stage.STAGE)
    run_stage(run, resolve_stage.STAGE)
    assert run.read(PAIRS, "match").count() == 0


def test_keys_depend_on_what_determines_the_rows(make_run: MakeRun) -> None:
    def keys(**dedup: Any) -> tuple[str, str]:
        run = make_run(recipe(**dedup))
        run.units = make_units()
        plan_stages(run, (match_stage.STAGE, resolve_stage.STAGE))
        return run.keys("match")[0], run.keys("resolve")[0]

    base = keys()
    assert keys() == base
    for same_match in (
        {"prefer": BY_SOURCE}, {"scope": {"within": ["language"]}}, {"protect": ["web"]}
    ):  # fmt: skip
        match, resolve = keys(**same_match)
        assert match == base[0]
        assert resolve != base[1]
    for other in (
        {"near": {"min_jaccard": 0.7}},
        {"near": {"shingle": {"words": 4}}},
        {"near": {"bands": 20, "rows": 5}},
        {"near": "none"},
        {"exact": "none"},
        {"exact": {"ignore": ["case"]}},
    ):
        match, resolve = keys(**other)
        assert match != base[0]
        assert resolve != base[1]


def test_gov_blogs_against_the_truth(make_run: MakeRun) -> None:
    data = Path(__file__).parents[1] / "data"
    corpus, truth = data / "gov_blogs_cc0.jsonl.gz", data / "truth_gov_blogs.csv.gz"
    check_truth(make_run(recipe(prefer=BY_BUCKET)), corpus, truth)
