"""The publish stage: every document accounted for, copies spaced, reasons named."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import functions as F

from mixcore.mixing import stage as mixing
from mixcore.publish import stage as publishing
from mixcore.publish.deliver import n_files
from mixcore.runtime.errors import ContractError
from mixcore.runtime.tables import CORPUS, DROPPED, MIXTURE, VALIDATION
from tests.spark.mixing_data import SOURCES, Doc, MakeRun, corpus, doc_id, fill, go, rows

STAGES = (mixing.STAGE, publishing.STAGE)


def recipe(mix: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {"sources": SOURCES, **({"mix": mix} if mix else {}), **more}


def output(path: Any, **more: Any) -> dict[str, Any]:
    return {"output": {"path": f"{path}/out", **more}}


MESSY = [
    Doc(1, topic="law"),
    Doc(2, gate=("failed", "failed", "ok")),
    Doc(3, gate=("n_words", "7", "min 50")),
    Doc(4, cluster=4),
    Doc(5, cluster=4, kept=4),
    Doc(6, cluster=4, kept=4, kind="exact"),
    Doc(7, "books", language="de"),
    Doc(8, "code"),
    Doc(9, cluster=9, gate=("where", "", "x = 1")),
]
ONLY_TEXT = {
    "domains": {
        "web": {"epochs": 3},
        "books": {"tokens": 2, "divide": {"by": "language", "proportional": True}},
    }
}


def test_every_document_is_delivered_or_dropped_with_its_reason(make_run: MakeRun) -> None:
    run = go(fill(make_run(recipe(ONLY_TEXT)), MESSY, delta=True), *STAGES)
    assert rows(run.output.read(DROPPED)) == [
        (2, "web", "profile", "failed", "failed", "ok", None, None),
        (3, "web", "score", "n_words", "7", "min 50", None, None),
        (5, "web", "dedup", "near", "0.875", "min_jaccard 0.8", 4, None),
        (6, "web", "dedup", "exact", "0.875", None, 4, None),
        (7, "books", "mix", "over_budget", "books/de", None, None, None),
        (8, "code", "mix", "no_domain", "code", None, None, None),
        (9, "web", "score", "where", "", "x = 1", None, None),
    ]
    got = run.output.read(CORPUS)
    assert got.columns == [*CORPUS.column_names[:-1], "topic", "text"]
    found = sorted(got.collect(), key=lambda r: (r["doc_id"], r["copy_index"]))
    assert [(r["doc_id"], r["copy_index"]) for r in found] == [
        (i, k) for i in (1, 4) for k in range(3)
    ]
    first = found[0]
    assert (first["source"], first["native_id"], first["domain"]) == ("web", "n1", "web")
    assert (first["phase"], first["n_tokens"], first["language"]) == ("main", 10, "en")
    assert (first["score"], first["topic"], first["text"]) == (0.5, "law", MESSY[0].text)
    assert run.output.read(VALIDATION).count() == 0

    go(run, *STAGES)
    assert [r.status for r in run.records[-2:]] == ["reused", "reused"]
    assert run.output.latest(CORPUS)[1]["versions"] == {"dropped": 0, "validation": 0}


MANY = [Doc(doc_id(i), tokens=1 + i % 40, topic=f"t{i % 5}") for i in range(500)]
REPEATED = {"domains": {"web": {"epochs": 2.5}}}


def test_copies_are_spaced_and_sharded(make_run: MakeRun, tmp_path: Any) -> None:
    run = make_run(recipe(REPEATED, **output(tmp_path, shards=10)))
    go(fill(run, MANY), *STAGES)
    copies = {r["doc_id"]: r["copies"] for r in run.output.read(MIXTURE).collect()}
    found: dict[int, list[tuple[int, float, int]]] = {}
    for r in run.output.read(CORPUS).collect():
        found.setdefault(r["doc_id"], []).append((r["copy_index"], r["position"], r["shard"]))
    assert {i: len(c) for i, c in found.items()} == copies
    for each in found.values():
        each.sort()
        assert [k for k, _, _ in each] == list(range(len(each)))
        assert all(0 <= p < 1 and s == int(p * 10) for _, p, s in each)
        gaps = [b[1] - a[1] for a, b in zip(each, each[1:], strict=False)]
        assert gaps == pytest.approx([1 / len(each)] * len(gaps))
    shards = [s for each in found.values() for _, _, s in each]
    assert all(60 < shards.count(s) < 200 for s in range(10))


def test_copies_as_a_column(make_run: MakeRun, tmp_path: Any) -> None:
    run = make_run(recipe(REPEATED, **output(tmp_path, copies="column")))
    go(fill(run, MANY), *STAGES)
    got = run.output.read(CORPUS)
    assert got.columns[-3:] == ["copies", "topic", "text"]
    chosen = run.output.read(MIXTURE).select("doc_id", "copies")
    assert rows(got.select("doc_id", "copies")) == rows(chosen)
    assert run.output.read(VALIDATION).columns == got.columns
    spread = got.agg(F.min("position").alias("a"), F.max("position").alias("b")).collect()[0]
    assert spread["a"] < 0.1
    assert spread["b"] > 0.9


def test_order_by_position_gives_the_same_rows(make_run: MakeRun, tmp_path: Any) -> None:
    run = go(fill(make_run(recipe(REPEATED)), MANY), *STAGES)
    plain = rows(run.output.read(CORPUS))
    run.recipe = make_run(recipe(REPEATED, **output(tmp_path, order="position"))).recipe
    go(run, *STAGES)
    assert [r.status for r in run.records[-2:]] == ["reused", "done"]
    assert rows(run.output.read(CORPUS)) == plain
    by_file: dict[str, list[tuple[float, int]]] = {}
    for r in run.output.read(CORPUS).select("_metadata.file_path", "position", "doc_id").collect():
        by_file.setdefault(r["file_path"], []).append((r["position"], r["doc_id"]))
    assert len(by_file) > 1
    assert all(positions == sorted(positions) for positions in by_file.values())
    spans = sorted((p[0], p[-1]) for p in by_file.values())
    assert all(a[1] < b[0] for a, b in zip(spans, spans[1:], strict=False))


@pytest.mark.parametrize("limit", [None, 400])
def test_validation_is_apart_by_cluster(make_run: MakeRun, limit: int | None) -> None:
    docs = [
        Doc(doc_id(i), tokens=10, cluster=doc_id(i // 2, "c") if i % 4 < 2 else None)
        for i in range(600)
    ]
    docs += [Doc(i, cluster=docs[0].cluster, kept=docs[0].id) for i in range(3)]
    mix = {"budget": {"tokens": 3000}, "domains": {"web": {"weight": 1}}}
    validation = {"fraction": 0.2, "max_tokens_per_domain": limit}
    run = go(fill(make_run(recipe(mix, validation=validation)), docs), *STAGES)
    group = {d.id: d.cluster or d.id for d in docs}
    held = {r["doc_id"]: r for r in run.output.read(VALIDATION).collect()}
    delivered = {r["doc_id"] for r in run.output.read(CORPUS).collect()}
    dropped = {r["doc_id"] for r in run.output.read(DROPPED).collect()}
    assert held
    assert len(held) * 10 <= (limit or 6000)
    assert not {group[i] for i in held} & {group[i] for i in delivered}
    assert len(held) + len(delivered) + len(dropped) == len(docs)
    assert set(held) | delivered | dropped == {d.id for d in docs}
    row = next(iter(held.values()))
    assert (row["phase"], row["domain"], row["copy_index"]) == ("validation", "web", 0)
    assert row["text"] == next(d.text for d in docs if d.id == row["doc_id"])


def test_counts_that_do_not_add_up_are_refused(make_run: MakeRun) -> None:
    run = go(fill(make_run(recipe(REPEATED)), corpus(20, "web")), mixing.STAGE)
    extra = run.output.read(MIXTURE).limit(1).withColumn("doc_id", F.lit(5).cast("long"))
    grown = run.scratch.keep(run.output.read(MIXTURE).unionByName(extra), "grown")
    run.output.write(MIXTURE, grown, {"key": mixing.STAGE.key(run)})
    with pytest.raises(ContractError, match="the mixture has 21 rows, 20 are documents"):
        go(run, publishing.STAGE)
    assert not run.output.exists(CORPUS)


@pytest.mark.parametrize(
    ("n_bytes", "mb", "cores", "want"),
    [(0, 256, 2, 2), (10 * 2**30, 256, 2, 16), (330 * 2**20, 256, 8, 8), (2**40, 1024, 8, 410)],
)
def test_n_files(n_bytes: int, mb: int, cores: int, want: int) -> None:
    assert n_files(n_bytes, mb, cores) == want
