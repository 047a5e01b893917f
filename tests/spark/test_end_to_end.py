"""The whole job on a small corpus: promises 1, 2, 4, 5 of the architecture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from ruamel.yaml import YAML

from mixcore.pipeline import execute, open_run
from mixcore.recipe.loader import load_recipe
from mixcore.report.explain import explain
from mixcore.runtime.errors import ContractError, RecipeError
from mixcore.runtime.progress import Progress
from mixcore.runtime.stage import Run
from mixcore.runtime.tables import (
    CORPUS,
    DOCUMENTS,
    DROPPED,
    FILES,
    MIXTURE,
    MIXTURE_CUTOFFS,
    PAIRS,
    QUARANTINE,
    RUNS,
    VALIDATION,
    Table,
)
from tests import corpora

RESULTS = (MIXTURE_CUTOFFS, MIXTURE, DROPPED, VALIDATION, CORPUS)


@pytest.fixture(scope="module")
def runner(spark: SparkSession) -> Callable[..., Run]:
    """Run a recipe given as a dict; returns the finished run."""

    def go(recipe: dict[str, Any], home: Path, until: str = "publish", **options: Any) -> Run:
        path = home / "recipe.yaml"
        with path.open("w") as out:
            YAML(typ="safe").dump(recipe, out)
        run = open_run(load_recipe(path), spark, Progress(), **options)
        execute(run, until)
        return run

    return go


@pytest.fixture(scope="module")
def calm(runner, tmp_path_factory) -> Run:
    """An undisturbed run to the report."""
    home = tmp_path_factory.mktemp("calm")
    corpora.write(home / "data")
    return runner(corpora.recipe(home / "data", home / "out"), home, "report")


def contents(run: Run, table: Table) -> list[tuple[Any, ...]]:
    """All rows, sorted; what a reader of the table sees."""
    rows = run.output.read(table).collect()
    return sorted((tuple(r) for r in rows), key=repr)


def test_every_row_is_accounted_for(calm):
    files = (
        calm.read(FILES, "ingest")
        .agg(
            *(
                F.sum(c).alias(c)
                for c in ("rows_read", "n_documents", "n_identical", "n_quarantined")
            )
        )
        .collect()[0]
    )
    lines = sum(
        len(p.read_text().splitlines())
        for source in calm.recipe.sources.values()
        for p in sorted(Path(source.path[0]).parent.glob("*.jsonl"))
    )
    assert files["rows_read"] == lines
    assert lines == files["n_documents"] + files["n_identical"] + files["n_quarantined"]
    delivered = calm.output.read(CORPUS).select("doc_id").distinct().count()
    held_out = calm.output.read(VALIDATION).select("doc_id").distinct().count()
    dropped = calm.output.read(DROPPED).count()
    assert files["n_documents"] == delivered + held_out + dropped
    assert min(delivered, held_out, dropped) > 0


def test_bad_rows_have_a_reason(calm):
    reasons = {
        (r["source"], r["reason"]): r["count"]
        for r in calm.read(QUARANTINE, "ingest").groupBy("source", "reason").count().collect()
    }
    assert reasons == {
        ("web", "not_json"): 1, ("web", "no_text"): 1, ("web", "empty"): 1,
        ("web", "lone_surrogate"): 1, ("web", "duplicate_id"): 1,
        ("books", "duplicate_id"): 1, ("papers", "duplicate_id"): 1,
    }  # fmt: skip


def test_every_stratum_is_within_one_document_of_its_target(calm):
    longest = calm.output.read(MIXTURE).groupBy("domain").agg(F.max("n_tokens").alias("m"))
    rows = calm.output.read(MIXTURE_CUTOFFS).join(longest, "domain").collect()
    assert {r["domain"] for r in rows} == {"web/en", "web/de", "books", "papers"}
    assert all(abs(r["achieved"] - r["target"]) <= r["m"] for r in rows)
    targets = {r["domain"]: r["target"] for r in rows}
    assert targets == {"web/en": 12000, "web/de": 6000, "books": 30000, "papers": 12000}


def test_achieved_is_what_the_corpus_holds(calm):
    achieved = {r["domain"]: r["achieved"] for r in calm.output.read(MIXTURE_CUTOFFS).collect()}
    counted = calm.output.read(CORPUS).groupBy("domain").agg(F.sum("n_tokens").alias("n"))
    assert {r["domain"]: r["n"] for r in counted.collect()} == achieved


def test_every_removed_duplicate_names_a_delivered_or_later_dropped_survivor(calm):
    dropped = calm.output.read(DROPPED)
    removed = dropped.where("stage = 'dedup'")
    assert removed.count() > 20
    assert removed.where("kept_doc_id IS NULL").count() == 0
    lost = dropped.where("stage IN ('profile', 'score', 'dedup')").select(
        F.col("doc_id").alias("kept_doc_id")
    )
    assert removed.join(lost, "kept_doc_id").count() == 0


def test_declared_columns_reach_the_corpus(calm):
    row = calm.output.read(CORPUS).where("source = 'books'").orderBy("doc_id").first()
    assert row["url"].startswith("https://example.org/books/")
    assert row["year"].isdigit()
    assert calm.output.read(CORPUS).columns[-1] == "text"


def test_report_and_explain(calm):
    report = Path(calm.output.path) / "report"
    page = (report / "report.html").read_text()
    assert "<script src" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    data = json.loads((report / "report.json").read_text())
    duplicates = calm.output.read(DROPPED).where("stage = 'dedup'").count()
    assert sum(cell["documents"] for cell in data["between"]) == duplicates > 0
    edges = calm.read(PAIRS, "match").where("kind = 'near'").count()
    assert data["verified"]["edges"] == edges > 0
    assert data["verified"]["compared"] >= sum(b["removed"] for b in data["verified"]["by_jaccard"])
    assert data["largest"][0]["cluster_size"] == max(c["cluster_size"] for c in data["largest"])
    bands = [pair["band"] for pair in data["pairs"]]
    assert len(set(bands)) > 1
    assert "the same text" in bands
    assert all(pair["diff"]["places"] for pair in data["pairs"])
    removed = calm.output.read(DROPPED).where("stage = 'dedup'").orderBy("doc_id").first()
    story = json.dumps(explain(calm, str(removed["doc_id"])), default=str)
    assert str(removed["kept_doc_id"]) in story


def test_runs_are_noted(calm):
    rows = calm.output.read(RUNS).collect()
    corpus = next(r for r in rows if r["stage"] == "publish")
    assert corpus["rows_out"] == calm.output.read(CORPUS).count()
    assert corpus["checksum"] == calm.output.fingerprint(CORPUS)[1]
    assert {r["rows_in"] for r in rows if r["stage"] != "ingest"} == {
        calm.read(DOCUMENTS, "ingest").count()
    }
    stages = {r["stage"]: r["status"] for r in rows}
    assert stages == dict.fromkeys(
        ("ingest", "profile", "score", "match", "resolve", "mix", "publish"), "done"
    )


AQE = "spark.sql.adaptive.enabled"
SHUFFLES = "spark.sql.shuffle.partitions"


@pytest.mark.parametrize(
    ("n_files", "shuffle", "conf"),
    [
        pytest.param(7, 1, {AQE: "true", SHUFFLES: "7"}, id="7 shuffled files, AQE"),
        pytest.param(1, None, {SHUFFLES: "1"}, id="1 file", marks=pytest.mark.long),
        pytest.param(64, 2, {SHUFFLES: "64"}, id="64 shuffled files", marks=pytest.mark.long),
        pytest.param(
            64, 3, {AQE: "true", SHUFFLES: "64"}, id="64 files, AQE", marks=pytest.mark.long
        ),
    ],
)
def test_same_output_whatever_the_layout(calm, runner, spark, tmp_path, n_files, shuffle, conf):
    corpora.write(tmp_path / "data", n_files=n_files, shuffle=shuffle)
    before = {name: spark.conf.get(name) for name in conf}
    for name, value in conf.items():
        spark.conf.set(name, value)
    try:
        other = runner(corpora.recipe(tmp_path / "data", tmp_path / "out"), tmp_path)
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)
    for table in RESULTS:
        assert contents(other, table) == contents(calm, table), table.name


@pytest.mark.long
@pytest.mark.parametrize("master", ["local[1]", "local[4]"])
def test_same_output_on_any_number_of_cores(calm, spark, tmp_path, master):
    corpora.write(tmp_path / "data", n_files=5, shuffle=4)
    with (tmp_path / "recipe.yaml").open("w") as out:
        YAML(typ="safe").dump(corpora.recipe(tmp_path / "data", tmp_path / "out"), out)
    done = subprocess.run(
        [sys.executable, "-m", "mixcore.cli", "publish", str(tmp_path / "recipe.yaml"),
         "--master", master],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for table in RESULTS:
        rows = spark.read.format("delta").load(str(tmp_path / "out" / table.name)).collect()
        assert sorted((tuple(r) for r in rows), key=repr) == contents(calm, table), table.name


def test_a_to_b_to_a_redoes_mix_and_publish_only(calm, runner, tmp_path):
    data = Path(calm.recipe.sources["web"].path[0]).parents[1]
    out = Path(calm.output.path)
    before = {t.name: contents(calm, t) for t in RESULTS}
    a = corpora.recipe(data, out)
    b = corpora.recipe(data, out)
    b["mix"]["domains"]["web"]["weight"] = 60
    changed = runner(b, tmp_path)
    assert contents(changed, MIXTURE) != before["mixture"]
    back = runner(a, tmp_path)
    for run in (changed, back):
        assert {r.stage: r.status for r in run.records} == {
            "ingest": "reused", "profile": "reused", "score": "reused", "match": "reused",
            "resolve": "reused", "mix": "done", "publish": "done",
        }  # fmt: skip
    assert {t.name: contents(back, t) for t in RESULTS} == before
    again = runner(a, tmp_path)
    assert {r.status for r in again.records} == {"reused"}


def test_two_recipes_share_a_pool_and_do_not_see_each_other(calm, runner, tmp_path):
    data = Path(calm.recipe.sources["web"].path[0]).parents[1]
    recipe = corpora.recipe(data, tmp_path / "out", pool={"path": calm.pool.path})
    del recipe["sources"]["papers"]
    del recipe["mix"]["domains"]["papers"]
    recipe["dedup"]["prefer"][0]["order"] = ["books", "web"]
    shared = runner(recipe, tmp_path)
    alone_home = tmp_path / "alone"
    alone_home.mkdir()
    alone = runner(
        {
            **recipe,
            "output": {**recipe["output"], "path": str(alone_home / "out")},
            "pool": {"path": str(alone_home / "pool")},
        },
        alone_home,
    )
    for table in RESULTS:
        assert contents(shared, table) == contents(alone, table), table.name
    assert shared.records[0].status == "reused"


def test_without_mix_dedup_and_rules_everything_is_delivered(runner, tmp_path, calm):
    data = Path(calm.recipe.sources["web"].path[0]).parents[1]
    recipe = corpora.recipe(
        data, tmp_path / "out", rules="none", dedup="none", pool={"path": calm.pool.path}
    )
    del recipe["mix"], recipe["validation"]
    run = runner(recipe, tmp_path, "report")
    assert run.output.read(CORPUS).count() == run.read(DOCUMENTS, "ingest").count()
    assert run.output.read(DROPPED).count() == 0


def test_a_new_file_is_all_that_is_read(calm, runner, tmp_path):
    corpora.write(tmp_path / "data")
    recipe = corpora.recipe(tmp_path / "data", tmp_path / "out")
    first = runner(recipe, tmp_path, "profile")
    fresh = {"id": "web-new", "text": "The new file. " + corpora.rows()["web"][0]["text"]}
    (tmp_path / "data/web/part-900.jsonl").write_text(json.dumps(fresh) + "\n")
    second = runner(recipe, tmp_path, "profile")
    assert len(second.units["ingest"]) == len(first.units["ingest"]) + 1
    assert set(first.keys("ingest")) < set(second.keys("ingest"))
    assert [r.n_reused for r in second.records] == [3, 3]
    assert second.read(DOCUMENTS, "ingest").where("native_id = 'web-new'").count() == 1


def test_sample_takes_documents_by_hash(calm, runner, tmp_path):
    data = Path(calm.recipe.sources["web"].path[0]).parents[1]
    recipe = corpora.recipe(data, tmp_path / "out")
    recipe["stop_if"]["off_target"] = 1.0
    run = runner(recipe, tmp_path, "ingest", sample=0.5)
    whole = calm.read(DOCUMENTS, "ingest")
    taken = run.read(DOCUMENTS, "ingest")
    assert run.output.path.endswith("out/sample-0.5")
    assert 0.35 < taken.count() / whole.count() < 0.65
    assert taken.join(whole, "doc_id", "left_anti").count() == 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"stop_if": {"rejected_rows": 0.001, "off_target": 0.1}}, ContractError, "rejected_rows"),
        ({"mix": {"budget": {"tokens": 1e9}, "domains": {"web": {"weight": 1}}}}, ContractError,
         "feasible"),
        ({"mix": {"budget": {"tokens": 100}, "domains": {"wbe": {"weight": 1}}}}, RecipeError,
         "web"),
        ({"dedup": {"scope": {"within": ["langauge"]}}}, RecipeError, "language"),
        ({"validation": {"fraction": 0.05}, "stop_if": {"removed_by_dedup": 0.01,
          "rejected_rows": 0.1}}, ContractError, "removed_by_dedup"),
    ],
    ids=["too many bad rows", "impossible budget", "unknown domain", "missing column", "dedup"],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_with_numbers(
    calm, runner, tmp_path, change, error, message
):
    data = Path(calm.recipe.sources["web"].path[0]).parents[1]
    recipe = corpora.recipe(data, tmp_path / "out", pool={"path": calm.pool.path}, **change)
    with pytest.raises(error, match=message):
        runner(recipe, tmp_path)
    outcome = tmp_path / "out/outcome.json"
    if error is ContractError:
        assert json.loads(outcome.read_text())["exit_code"] == 3
