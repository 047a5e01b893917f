"""Who is who within a batch, across batches, and when ids collide; accounts and limits."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from pyspark.sql import functions as F

from mixcore.ingest import identity
from mixcore.ingest.stage import STAGE
from mixcore.runtime.errors import ContractError
from mixcore.runtime.stage import run_stage
from mixcore.runtime.tables import DOCUMENTS, FILES, QUARANTINE

ANY = {"stop_if": {"rejected_rows": 1.0}}


def ingest(run):
    try:
        run_stage(run, STAGE)
    finally:
        run.scratch.clear()
    return run


def write(path, *rows):
    """Rows are (id, text) or (id, text, more), written as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"id": r[0], "text": r[1], **(r[2] if len(r) > 2 else {})} for r in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def recipe(path, **source):
    return {
        "sources": {"s": {"path": str(path), "columns": {"id": "id", "n": "n"}, **source}},
        **ANY,
    }


def documents(run):
    return {(r["native_id"], r["text"]) for r in run.read(DOCUMENTS, "ingest").collect()}


def refused(run):
    return Counter((r["reason"], r["raw"]) for r in run.read(QUARANTINE, "ingest").collect())


def accounts(run):
    columns = ("rows_read", "n_documents", "n_identical", "n_quarantined")
    rows = run.read(FILES, "ingest").collect()
    return {r["file"].rsplit("/", 1)[-1]: tuple(r[c] for c in columns) for r in rows}


def smallest(spark, *texts):
    """The text with the least xxhash64: the winner within a batch."""
    df = spark.createDataFrame([(t,) for t in texts], "t string")
    return df.orderBy(F.xxhash64("t")).first()["t"]


def test_batches_identical_rows_and_repeated_ids(make_run, tmp_path, spark):
    data = tmp_path / "d"
    write(data / "a.jsonl", ("1", "one"), ("1", "one"), ("2", "two"), ("3", "x", {"n": 5}))
    write(data / "b.jsonl", ("1", "one"), ("2", "zwei"), ("2", "deux"), ("3", "x", {"n": 4}))
    first = ingest(make_run(recipe(data / "*.jsonl")))
    winner = smallest(spark, "two", "zwei", "deux")
    assert documents(first) == {("1", "one"), ("2", winner), ("3", "x")}
    losers = {"two", "zwei", "deux"} - {winner}
    assert {json.loads(raw)["text"] for _, raw in refused(first)} == losers
    assert {why for why, _ in refused(first)} == {"duplicate_id"}
    n_a, n_b = accounts(first)["a.jsonl"], accounts(first)["b.jsonl"]
    # of equal texts the first by file is the document
    assert n_a == (4, 2 + (winner == "two"), 1, int(winner != "two"))
    assert n_b == (4, int(winner != "two"), 2, 1 + (winner == "two"))
    kept = first.read(DOCUMENTS, "ingest").where("native_id = '3'").collect()
    assert [(r["n"], r["file"].rsplit("/", 1)[-1]) for r in kept] == [("5", "a.jsonl")]

    # a second batch: the earlier text stays, whatever its hash
    write(data / "c.jsonl", ("1", "one"), ("2", "dos"), ("4", "four"), ("5", "a"), ("5", "a"))
    second = ingest(make_run(recipe(data / "*.jsonl")))
    assert second.records[-1].n_reused == 1
    assert second.keys("ingest")[0] == first.keys("ingest")[0]
    assert second.units["ingest"][1].reads == (first.keys("ingest")[0],)
    assert documents(second) == documents(first) | {("4", "four"), ("5", "a")}
    assert accounts(second)["c.jsonl"] == (5, 2, 2, 1)
    assert (refused(second) - refused(first)).total() == 1

    # nothing new: nothing done; the first batch's file gone: everything anew
    again = make_run(recipe(data / "*.jsonl"))
    run_stage(again, STAGE)
    assert again.records[-1].status == "reused"
    assert again.keys("ingest") == second.keys("ingest")


def test_colliding_ids_get_a_second_round_and_keep_it(make_run, tmp_path, monkeypatch):
    """With every first-round id equal, ids are still distinct, and stable from batch to batch."""
    monkeypatch.setattr(identity, "first_id", lambda *_: F.lit(7).cast("long"))
    data = tmp_path / "d"
    write(data / "a.jsonl", ("1", "one"), ("2", "two"), ("2", "two"), ("3", "one"))
    first = ingest(make_run(recipe(data / "*.jsonl")))
    ids = {r["native_id"]: r["doc_id"] for r in first.read(DOCUMENTS, "ingest").collect()}
    assert len(ids) == len(set(ids.values())) == 3
    assert 7 in ids.values()
    assert accounts(first)["a.jsonl"] == (4, 3, 1, 0)
    write(data / "b.jsonl", ("1", "one"), ("3", "other"), ("4", "four"))
    second = ingest(make_run(recipe(data / "*.jsonl")))
    now = {r["native_id"]: r["doc_id"] for r in second.read(DOCUMENTS, "ingest").collect()}
    assert {**now, **ids} == now
    assert len(set(now.values())) == 4
    assert accounts(second)["b.jsonl"] == (3, 1, 1, 1)


def test_two_sources_of_other_shapes_in_one_job(make_run, tmp_path):
    write(tmp_path / "a.jsonl", ("1", "same"), ("2", ""))
    (tmp_path / "code").mkdir()
    (tmp_path / "code/1").write_text("same")
    run = ingest(
        make_run(
            {
                "sources": {
                    "a": {"path": f"{tmp_path}/a.jsonl", "columns": {"id": "id", "url": "url"}},
                    "code": {"path": f"{tmp_path}/{{kind}}/*", "format": "files"},
                },
                **ANY,
            }
        )
    )
    rows = run.read(DOCUMENTS, "ingest").collect()
    assert {(r["source"], r["native_id"], r["kind"], r["url"]) for r in rows} == {
        ("a", "1", None, None),
        ("code", "code/1", "code", None),
    }
    assert len({r["doc_id"] for r in rows}) == 2
    assert [u.label for u in run.units["ingest"]] == ["a/0", "code/0"]
    assert [r["source"] for r in run.read(QUARANTINE, "ingest").collect()] == ["a"]


def test_rows_do_not_depend_on_where_they_lie(make_run, tmp_path, spark):
    """The same rows in other files, orders and partitions: the same documents, ids and refusals."""
    rows = [(str(i % 40), f"text {i % 7} {i % 11}") for i in range(200)]
    write(tmp_path / "x/all.jsonl", *rows)
    for i in range(5):
        write(tmp_path / f"y/{9 - i}.jsonl", *reversed(rows[i::5]))
    one = ingest(make_run({**recipe(tmp_path / "x/*.jsonl"), "pool": {"path": f"{tmp_path}/p"}}))
    spark.conf.set("spark.sql.shuffle.partitions", "5")
    spark.conf.set("spark.sql.files.maxPartitionBytes", "2000")
    try:
        run = make_run({**recipe(tmp_path / "y/*.jsonl"), "pool": {"path": f"{tmp_path}/q"}})
        five = ingest(run)
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", "2")
        spark.conf.unset("spark.sql.files.maxPartitionBytes")
    found = [{(r["doc_id"], *d) for r, d in _by_id(run)} for run in (one, five)]
    assert found[0] == found[1]
    assert len(found[0]) == 40
    assert refused(one) == refused(five)


def _by_id(run):
    rows = run.read(DOCUMENTS, "ingest").collect()
    return [(r, (r["native_id"], r["text"])) for r in rows]


def test_a_sample_is_a_part_of_the_whole(make_run, tmp_path):
    data = tmp_path / "a.jsonl"
    write(data, *((str(i), "" if i % 10 == 0 else f"text {i}") for i in range(1000)))
    half = ingest(make_run(recipe(data), sample=0.5))
    n_rows, n_documents, _, n_bad = accounts(half)["a.jsonl"]
    assert n_rows == n_documents + n_bad
    assert 380 < n_documents < 520
    assert 25 < n_bad < 75
    everything = {(str(i), f"text {i}") for i in range(1000) if i % 10}
    assert documents(half) < everything


def test_too_many_bad_rows_stop_the_run_also_on_reuse(make_run, tmp_path):
    data = tmp_path / "a.jsonl"
    write(data, *((str(i), f"text {i}" if i % 10 else "") for i in range(100)), ("l", "x" * 90))
    plain = {"sources": {"s": {"path": str(data), "max_document_bytes": 50}}}
    for _ in range(2):
        with pytest.raises(ContractError, match=r"10 of 101 rows were rejected \(9.9%\)") as error:
            ingest(make_run(plain))
        assert "'empty': 10" in str(error.value)
        assert str(error.value).count(f"{data}: empty") == 3
    ingest(make_run({**plain, "stop_if": {"rejected_rows": {"s": 0.1}}}))
    wrong = {"sources": {"s": {"path": str(data), "columns": {"text": "body"}}}}
    with pytest.raises(ContractError, match="no row has a text in 'body'"):
        ingest(make_run(wrong))


def test_counts_that_do_not_add_up_are_found(make_run, tmp_path, spark):
    write(tmp_path / "a.jsonl", ("1", "one"), ("2", "two"))
    run = ingest(make_run(recipe(tmp_path / "a.jsonl")))
    spark.sql(f"DELETE FROM delta.`{run.pool.location(DOCUMENTS)}` WHERE native_id = '1'")
    with pytest.raises(ContractError, match="do not add up"):
        ingest(make_run(recipe(tmp_path / "a.jsonl")))
