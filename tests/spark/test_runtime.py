"""The stage engine: keys, skipping, marker rows, lost races, the publish fence, the lease."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mixcore.runtime import stage as engine
from mixcore.runtime.errors import InfrastructureError, SupersededError
from mixcore.runtime.lock import LEASE_S, lease
from mixcore.runtime.stage import OutputStage, Run, Stage, Unit, run_output_stage, run_stage
from mixcore.runtime.store import Output, Pool
from mixcore.runtime.tables import DOCUMENTS, HOT_BUCKETS, MIXTURE, PAIRS

RECIPE = {"sources": {"web": {"path": "x.jsonl"}}}


def pairs(spark: SparkSession, key: str, ids: list[tuple[int, int]]) -> DataFrame:
    rows = [(key, a, b, "near", 0.9, 0.9, 0.9, None) for a, b in ids]
    return spark.createDataFrame(rows, PAIRS.schema)


def documents(spark: SparkSession, key: str, texts: list[str], **declared: str) -> DataFrame:
    rows = [(key, i, "web", str(i), "f", len(t), "en", t) for i, t in enumerate(texts)]
    df = spark.createDataFrame(rows, DOCUMENTS.schema)
    for name, value in declared.items():
        df = df.withColumn(name, F.lit(value))
    return df


def counting_stage(built: list[list[str]], keys: list[str]) -> Stage:
    """A stage that writes one pair a key, but none for keys that begin with `empty`."""

    def build(run: Run, units: list[Unit]) -> Iterator[tuple[object, DataFrame]]:
        built.append([u.key for u in units])
        frames = [
            pairs(run.spark, u.key, [] if u.key.startswith("empty") else [(1, 2)]) for u in units
        ]
        whole = frames[0]
        for frame in frames[1:]:
            whole = whole.unionByName(frame)
        yield PAIRS, whole

    return Stage("match", 1, (PAIRS,), lambda run: [Unit(k, k) for k in keys], build)


def test_only_missing_keys_are_built_and_empty_results_count_as_complete(make_run):
    run = make_run(RECIPE)
    built: list[list[str]] = []
    run_stage(run, counting_stage(built, ["a", "empty"]))
    run.units.clear()
    run_stage(run, counting_stage(built, ["a", "empty", "b"]))
    run.units.clear()
    run_stage(run, counting_stage(built, ["b", "empty"]))
    assert built == [["a", "empty"], ["b"]]
    assert [r.status for r in run.records] == ["done", "done", "reused"]
    assert [r.rows_out for r in run.records] == [1, 1, None]
    assert run.pool.read(PAIRS, ["a", "b", "empty"]).count() == 2
    assert run.pool.read(PAIRS, ["empty"]).count() == 0


def test_a_key_is_replaced_not_appended(spark, tmp_path):
    pool = Pool(spark, str(tmp_path))
    pool.write(PAIRS, pairs(spark, "a", [(1, 2)]), ["a"], {})
    pool.write(PAIRS, pairs(spark, "b", [(3, 4)]), ["b"], {})
    pool.write(PAIRS, pairs(spark, "a", [(5, 6)]), ["a"], {})
    rows = pool.read(PAIRS, ["a", "b"]).select("key", "doc_a").collect()
    assert sorted((r["key"], r["doc_a"]) for r in rows) == [("a", 5), ("b", 3)]


def test_missing_tables_read_as_empty(spark, tmp_path):
    pool = Pool(spark, str(tmp_path))
    assert pool.held(HOT_BUCKETS, ["a"]) == set()
    assert pool.read(HOT_BUCKETS, ["a"]).count() == 0


def test_declared_columns_are_added_and_no_text_is_in_the_log(spark, tmp_path):
    pool = Pool(spark, str(tmp_path))
    pool.write(DOCUMENTS, documents(spark, "a", ["private words"], url="u"), ["a"], {})
    pool.write(DOCUMENTS, documents(spark, "b", ["more private words"], date="d"), ["b"], {})
    row = pool.read(DOCUMENTS, ["a"]).collect()[0]
    assert (row["url"], row["date"], row["text"]) == ("u", None, "private words")
    log = Path(pool.location(DOCUMENTS)) / "_delta_log"
    logged = "".join(p.read_text() for p in log.glob("*.json"))
    assert "minValues" in logged
    assert "private words" not in logged


def test_a_stage_that_lost_a_race_adopts_what_the_winner_wrote(make_run, monkeypatch):
    run = make_run(RECIPE)
    built: list[list[str]] = []
    real, calls = Pool.write, []

    def racing(self, table, df, keys, metadata):
        if not calls:
            calls.append(1)
            real(self, table, pairs(run.spark, "a", [(1, 2)]), ["a"], metadata)
            raise RuntimeError("io.delta.exceptions.ConcurrentAppendException: files were added")
        real(self, table, df, keys, metadata)

    monkeypatch.setattr(Pool, "write", racing)
    monkeypatch.setattr(engine.time, "sleep", lambda _s: None)
    run_stage(run, counting_stage(built, ["a", "b"]))
    assert built == [["a", "b"], ["b"]]
    assert run.pool.read(PAIRS, ["a", "b"]).count() == 2


def mixture(spark: SparkSession, n: int) -> DataFrame:
    rows = [(i, "web", "main", 1, 1, 0, i) for i in range(n)]
    return spark.createDataFrame(rows, MIXTURE.schema)


def output_stage(n: int, before_write=lambda: None) -> OutputStage:
    def build(run: Run) -> Iterator[tuple[object, DataFrame]]:
        before_write()
        yield MIXTURE, mixture(run.spark, n)

    return OutputStage("mix", 1, (MIXTURE,), lambda run: ({"n": n}, ()), build)


def test_output_is_reused_while_current_and_rebuilt_after_another_recipe(make_run):
    run = make_run(RECIPE)
    for n, status in ((3, "done"), (3, "reused"), (4, "done"), (3, "done")):
        stage = output_stage(n)
        run_output_stage(run, stage, engine.output_versions(run, stage))
        assert run.records[-1].status == status
        assert run.output.read(MIXTURE).count() == n


def test_a_run_that_began_earlier_never_overwrites_a_newer_publish(make_run):
    run = make_run(RECIPE)
    base = {"mixture": -1}

    def newer_run_publishes() -> None:
        other = output_stage(5)
        run_output_stage(run, other, {"mixture": -1})

    with pytest.raises(SupersededError, match="newer run has published"):
        run_output_stage(run, output_stage(3, newer_run_publishes), base)
    assert run.output.read(MIXTURE).count() == 5


def test_replayed_appends_add_nothing(spark, tmp_path):
    output = Output(spark, str(tmp_path))
    for _ in range(2):
        output.append(MIXTURE, [(1, "web", "main", 1, 1, 0, 1)], ("app", 1))
    assert output.read(MIXTURE).count() == 1


HOST = socket.gethostname()


@pytest.mark.parametrize(
    ("holder", "is_refused"),
    [
        ({"host": "elsewhere", "pid": 1, "expires_in": LEASE_S}, True),
        ({"host": "elsewhere", "pid": 1, "expires_in": -1.0}, False),
        ({"host": HOST, "pid": os.getppid(), "expires_in": LEASE_S}, True),
        ({"host": HOST, "pid": 2**22 + 1, "expires_in": LEASE_S}, False),
        ({"host": HOST, "pid": os.getpid(), "expires_in": LEASE_S}, False),
    ],
    ids=["live elsewhere", "expired", "live here", "dead here", "our own"],
)
def test_lease(tmp_path, holder, is_refused):
    path = tmp_path / ".lock"
    expires = time.time() + holder["expires_in"]  # from now: tests may start long after collection
    path.write_text(json.dumps({"run_id": "r", **holder, "expires": expires}))
    if is_refused:
        with (
            pytest.raises(InfrastructureError, match="another run is at work"),
            lease(str(tmp_path), "mine"),
        ):
            pass
        assert path.exists()
    else:
        with lease(str(tmp_path), "mine"):
            assert json.loads(path.read_text())["run_id"] == "mine"
        assert not path.exists()
