"""A small world for dedup tests: documents as rows, tables as the stages before would write them,
and the obvious sequential rule over all candidate pairs as their twin."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

from mixcore.dedup import match_stage, resolve_stage
from mixcore.dedup.keys import band_plan
from mixcore.dedup.verify import min_equal_slots
from mixcore.runtime.stage import Unit, run_stage
from mixcore.runtime.tables import DOCUMENTS, DUPLICATES, SCORES, SIGNALS_TABLE
from mixcore.text.content_hash import content_hash
from mixcore.text.minhash import minhash
from mixcore.text.shingles import shingle_hashes

if TYPE_CHECKING:
    from mixcore.runtime.stage import Run


@dataclass(frozen=True)
class Doc:
    id: int
    text: str
    source: str = "web"
    language: str = "en"
    bucket: int = 0
    is_dropped: bool = False
    status: str = "ok"
    columns: dict[str, str | None] = field(default_factory=dict)


def words(seed: int, n: int = 200) -> list[str]:
    return [f"w{i}" for i in np.random.default_rng(seed).integers(0, 10**9, n)]


def with_ids(docs: Iterable[Doc], seed: int = 0) -> list[Doc]:
    """Random ids, so that the order of ids says nothing."""
    docs = list(docs)
    ids = np.random.default_rng(seed).choice(2**62, len(docs), replace=False) * 2 - 2**62
    return [replace(d, id=int(i)) for d, i in zip(docs, ids, strict=True)]


def clique(n: int, seed: int, n_words: int = 200, **more: Any) -> list[Doc]:
    """`n` near copies: each has one word of its own (J of any two >= .8 from 105 words on)."""
    base = words(seed, n_words)
    rng = np.random.default_rng(seed)
    docs = []
    for i in range(n):
        copy = list(base)
        copy[int(rng.integers(0, n_words))] = f"x{i}"
        docs.append(Doc(0, " ".join(copy), bucket=int(rng.integers(0, 20)), **more))
    return docs


@dataclass
class Profile:
    """What `profile` would write of a list of documents."""

    content: list[bytes]
    keys: list[tuple[int, ...]]
    sketches: list[np.ndarray]
    shingles: list[np.ndarray]
    n_shingles: list[int]


def profile(docs: list[Doc], run: Run) -> Profile:
    dedup = run.recipe.dedup
    text = pa.array([d.text for d in docs], pa.string())
    hashes = minhash(text, dedup.near.shingle.cut, band_plan(dedup))
    offsets, flat = shingle_hashes(text, dedup.near.shingle.cut)
    row = np.cumsum(hashes.has_bands) - 1
    return Profile(
        content_hash(text, dedup.exact.ignore if dedup.exact != "none" else ()).to_pylist(),
        [tuple(hashes.band_keys[r].tolist()) if h else () for h, r in zip(hashes.has_bands, row)],
        [hashes.sketches[r] if h else np.empty(0, np.uint8) for h, r in zip(hashes.has_bands, row)],
        [flat[a:b] for a, b in zip(offsets[:-1], offsets[1:])],
        hashes.n_shingles.tolist(),
    )


def write_upstream(run: Run, docs: list[Doc], n_partitions: int = 2) -> None:
    """Fill documents, signals and scores and the plan of the stages before."""
    spark, p = run.spark, profile(docs, run)
    run.units = {name: [Unit(f"{name}-key", "all")] for name in ("ingest", "profile", "score")}
    names = sorted({c for d in docs for c in d.columns})
    table = pa.table(
        {
            "doc_id": pa.array([d.id for d in docs], pa.int64()),
            "source": [d.source for d in docs],
            "language": [d.language for d in docs],
            "text": [d.text for d in docs],
            "n_bytes": pa.array([len(d.text.encode()) for d in docs], pa.int64()),
            "status": [d.status for d in docs],
            "content_hash": pa.array(p.content, pa.binary()),
            "n_shingles": pa.array(p.n_shingles, pa.int32()),
            "bands": pa.array([np.array(k, ">u8").tobytes() for k in p.keys], pa.binary()),
            "sketch": pa.array([s.tobytes() for s in p.sketches], pa.binary()),
            "drop_gate": pa.array(["n_words" if d.is_dropped else None for d in docs], pa.string()),
            "score_bucket": pa.array([d.bucket for d in docs], pa.int32()),
            "score": pa.array([d.bucket / 20 for d in docs], pa.float64()),
            **{c: pa.array([d.columns.get(c) for d in docs], pa.string()) for c in names},
        }
    )
    rows = spark.createDataFrame(table).repartition(n_partitions)
    for target, stage, declared in (
        (DOCUMENTS, "ingest", names), (SIGNALS_TABLE, "profile", []), (SCORES, "score", [])
    ):  # fmt: skip
        have = rows.withColumn("key", F.lit(f"{stage}-key"))
        for column, kind, _ in target.columns:
            if column not in have.columns:
                have = have.withColumn(column, F.lit(None).cast(kind))
        have = have.select(*target.column_names, *declared)
        run.pool.write(target, have, [f"{stage}-key"], {})


Removal = dict[int, tuple[int, str, float]]


def deduplicate(run: Run, docs: list[Doc], n_partitions: int = 2) -> list[Any]:
    """Run both stages; the rows of `duplicates` by id."""
    write_upstream(run, docs, n_partitions)
    run_stage(run, match_stage.STAGE)
    run_stage(run, resolve_stage.STAGE)
    return run.read(DUPLICATES, "resolve").orderBy("doc_id").collect()


def removals(rows: list[Any]) -> Removal:
    return {r.doc_id: (r.kept_doc_id, r.kind, r.jaccard) for r in rows if r.is_removed}


def sequential(
    run: Run,
    docs: list[Doc],
    order: Callable[[Doc], Any],
    scope: Callable[[Doc], Any] = lambda _: 0,
    protect: frozenset[str] = frozenset(),
) -> Removal:
    """Walk the documents that passed by `order`, then longer, then id; compare with all kept."""
    p = profile(docs, run)
    dedup = run.recipe.dedup
    limit, min_equal = dedup.near.min_jaccard, min_equal_slots(dedup.near.min_jaccard)
    at = {d.id: i for i, d in enumerate(docs)}
    docs = [d for d in docs if d.status == "ok"]
    representative: dict[bytes, int] = {}
    for d in sorted(docs, key=lambda d: d.id):
        representative.setdefault(p.content[at[d.id]], at[d.id])
    sets = [frozenset(s.tolist()) for s in p.shingles]
    bands = [frozenset(k) for k in p.keys]

    def match(a: int, b: int) -> float | None:
        if bands[a].isdisjoint(bands[b]) or (p.sketches[a] == p.sketches[b]).sum() < min_equal:
            return None
        common = len(sets[a] & sets[b])
        jaccard = common / (len(sets[a]) + len(sets[b]) - common)
        return jaccard if jaccard >= limit else None

    walk = sorted(
        (d for d in docs if not d.is_dropped),
        key=lambda d: (d.source not in protect, order(d), -len(d.text.encode()), d.id),
    )
    nodes: dict[Any, list[Doc]] = {}
    for d in walk:
        nodes.setdefault((representative[p.content[at[d.id]]], scope(d)), []).append(d)
    kept: list[tuple[int, Any, int]] = []
    out: Removal = {}
    for (content, where), members in nodes.items():
        best = members[0]
        found = None
        if best.source not in protect:
            for other, place, survivor in kept:
                jaccard = match(content, other) if place == where else None
                if jaccard is not None:
                    found = (survivor, "near", jaccard)
                    break
        if found is None:
            kept.append((content, where, best.id))
        target = found or (best.id, "exact", 1.0)
        gone = members if found else members[1:]
        out |= {d.id: target for d in gone if d.source not in protect}
    return out


MAX_LEFT = 0.02
"""Share of the documents that exact greedy removal would take away which may remain."""


def greedy_by_truth(docs: list[Doc], truth: dict[tuple[str, str], float], limit: float) -> set[str]:
    """Native ids that the greedy rule removes if the truth file's pairs are the edges."""
    near: dict[str, set[str]] = {}
    for (a, b), jaccard in truth.items():
        if jaccard >= limit:
            near.setdefault(a, set()).add(b)
            near.setdefault(b, set()).add(a)
    kept: set[str] = set()
    gone: set[str] = set()
    for d in sorted(docs, key=lambda d: (-d.bucket, -len(d.text.encode()), d.id)):
        name = d.columns["name"]
        (gone if near.get(name, set()) & kept else kept).add(name)
    return gone


def check_truth(run: Run, corpus: Path, truth_file: Path) -> None:
    """Every removal has a survivor with J >= .8, and at most 2 % of what should go remains."""
    with gzip.open(truth_file, "rt", encoding="utf-8") as file:
        truth = {(r["id1"], r["id2"]): float(r["jaccard_w5"]) for r in csv.DictReader(file)}
    with gzip.open(corpus, "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    rng = np.random.default_rng(1)
    docs = with_ids(
        Doc(0, r["text"], bucket=int(rng.integers(0, 20)), columns={"name": r["id"]})
        for r in records
    )
    found = removals(deduplicate(run, docs))
    names = {d.id: d.columns["name"] for d in docs}
    for gone, (kept, kind, jaccard) in found.items():
        pair = tuple(sorted((names[gone], names[kept])))
        assert truth[pair] >= 0.8, (pair, kind, jaccard)
        assert abs(truth[pair] - jaccard) < 1e-4, (pair, kind, jaccard)
        assert kept not in found
    survivors = [d for d in docs if d.id not in found]
    should_go = greedy_by_truth(docs, truth, 0.8)
    assert len(should_go) > 30
    assert len(greedy_by_truth(survivors, truth, 0.8)) <= MAX_LEFT * len(should_go)
