"""`verify` finds whatever is done to published tables; `diff` adds up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from mixcore.mixing import stage as mixing
from mixcore.publish import stage as publishing
from mixcore.report.compare import compare, diff_table, output_path
from mixcore.report.diff import MOVES, moves, summarise
from mixcore.report.verify import _corpus_amounts, require, verify
from mixcore.runtime.errors import ContractError, RecipeError
from mixcore.runtime.stage import Run, runs_row
from mixcore.runtime.tables import CORPUS, DROPPED, MIXTURE, RUNS, VALIDATION, Table
from tests.spark.mixing_data import SOURCES, Doc, MakeRun, fill, go

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

DOCS = [Doc(i, ("web", "books", "code")[i % 3], tokens=5 + i % 7) for i in range(1, 91)]
RECIPE: dict[str, Any] = {
    "sources": SOURCES,
    "validation": {"fraction": 0.1},
    "mix": {
        "budget": {"tokens": 200},
        "domains": {"web": {"weight": 70, "max_epochs": 3}, "books": {"weight": 30}},
    },
    "stop_if": {"off_target": 0.05},
}


def published(make_run: MakeRun, **more: Any) -> Run:
    run = go(fill(make_run({**RECIPE, **more}), DOCS, delta=True), mixing.STAGE, publishing.STAGE)
    run.records[-1].rows_in = len(DOCS)
    run.output.append(RUNS, [runs_row(run, record) for record in run.records], ("t", 1))
    return run


def tamper(run: Run, table: Table, change: Callable[[DataFrame], DataFrame]) -> None:
    """Change a table and keep its commit's metadata."""
    rows = run.output.read(table)
    before = run.spark.createDataFrame(rows.collect(), rows.schema)
    run.output.write(table, change(before), run.output.latest(table)[1])


def test_verify_finds_what_was_done_to_the_tables(make_run: MakeRun, tmp_path: Path) -> None:
    run = published(make_run, output={"path": str(tmp_path / "out"), "copies": "column"})
    checks = verify(run)
    assert [c.faults for c in checks if not c.is_ok] == []
    require(checks, "here")
    details = {c.name: c.detail for c in checks}
    assert details["documents"] == "90 documents, each in one place"
    assert details["checksums"] == "mixture, corpus"
    assert "of 200 in 2 strata" in details["targets"]

    sizes = {doc.id: len(doc.text) for doc in DOCS}
    rows = run.output.read(MIXTURE).select("doc_id", "copies").collect()
    assert sum(_corpus_amounts(run, "bytes").values()) == sum(sizes[i] * n for i, n in rows)
    assert sum(_corpus_amounts(run, "documents").values()) == sum(n for _, n in rows)

    ids = [r[0] for r in run.output.read(CORPUS).select("doc_id").distinct().collect()]
    lost, moved, blank = sorted(ids)[:3]
    held = run.output.read(VALIDATION).select("doc_id").collect()[0][0]
    gone = run.output.read(DROPPED).agg(F.min("doc_id")).collect()[0][0]

    def when(document: int, value: Any, name: str) -> Any:
        return F.when(F.col("doc_id") == document, F.lit(value)).otherwise(F.col(name))

    tamper(run, CORPUS, lambda df: df.where(F.col("doc_id") != lost).withColumns({
        "domain": when(moved, "elsewhere", "domain"),
        "text": when(blank, None, "text"),
        "position": when(blank, 2.0, "position"),
    }))  # fmt: skip
    tamper(run, DROPPED, lambda df: df.withColumn("doc_id", when(gone, held, "doc_id")))
    tamper(run, MIXTURE, lambda df: df.withColumn("copies", F.col("copies") + 1))
    checks = verify(run)
    found = {c.name: "; ".join(c.faults) for c in checks if not c.is_ok}
    for check, part in (
        ("versions", "dropped is at version"),
        ("targets", "off by"),
        ("mixture, cutoffs and corpus agree", "elsewhere (main): mixture_cutoffs has 0 tokens"),
        ("documents", "documents are delivered other times than chosen"),
        ("documents", "1 documents are twice in validation or dropped"),
        ("documents", "have 89 documents, the run had 90"),
        ("rows", "rows of corpus have no text"),
        ("rows", "position outside 0 .. 1"),
        ("checksums", "corpus has"),
        ("checksums", "mixture has"),
    ):
        assert part in found[check], (check, found[check])
    with pytest.raises(ContractError, match="do not hold what they should") as caught:
        require(checks, "here")
    assert caught.value.exit_code == 3

    for file in Path(run.output.location(VALIDATION)).rglob("*.parquet"):
        file.unlink()
    with pytest.raises(ContractError, match="gone or damaged"):
        verify(run)


def test_nothing_published(make_run: MakeRun) -> None:
    with pytest.raises(RecipeError, match="not published"):
        verify(make_run(RECIPE))


# ---- diff -------------------------------------------------------------------------------------


def mixture(spark: Any, rows: list[tuple[int, str, str, int, int]]) -> Any:
    return spark.createDataFrame(
        rows, "doc_id LONG, domain STRING, phase STRING, copies INT, n_tokens LONG"
    )


def test_moves_and_their_sums(spark: Any) -> None:
    a = [(1, "web", "main", 1, 10), (2, "web", "main", 2, 5), (3, "books", "main", 1, 20),
         (4, "books", "main", 1, 10)]  # fmt: skip
    b = [(1, "web", "main", 1, 10), (2, "web", "main", 1, 5), (2, "web", "late", 2, 5),
         (3, "law", "main", 1, 20), (5, "web", "main", 1, 5)]  # fmt: skip
    got = moves(mixture(spark, a), mixture(spark, b))
    assert got.columns == list(MOVES)
    found = summarise([row.asDict() for row in got.collect()])
    web, books, law = (found["domains"][name] for name in ("web", "books", "law"))
    assert (web["tokens_a"], web["tokens_b"]) == (20, 30)
    assert (web["kept"], web["added"], web["dropped"], web["changed"]) == (2, 1, 0, 1)
    assert (books["dropped"], books["moved_out"], books["tokens_b"]) == (1, 1, 0)
    assert (law["moved_in"], law["tokens_b"]) == (1, 20)
    total = found["total"]
    assert (total["tokens_a"], total["tokens_b"]) == (50, 50)
    assert total["jaccard"] == pytest.approx(3 / 5)
    assert total["tokens_moved"] == pytest.approx(0.6)
    assert len(diff_table(found).columns) == 7


def test_compare_reads_outputs_and_refuses_others(make_run: MakeRun, tmp_path: Path) -> None:
    run = go(fill(make_run({**RECIPE, "validation": None}), DOCS), mixing.STAGE)
    found = compare(run.spark, run.output.path, run.output.path)
    assert found["total"]["jaccard"] == 1.0
    assert found["total"]["tokens_moved"] == 0.0
    assert found["total"]["kept"] == run.output.read(MIXTURE).count()
    with pytest.raises(RecipeError, match="no mixture here"):
        compare(run.spark, run.output.path, str(tmp_path / "nothing"))
    recipe = tmp_path / "r.yaml"
    recipe.write_text("version: 1\nsources: {web: {path: x.jsonl}}\noutput: {path: out/x}\n")
    assert output_path(str(recipe)).endswith("/out/x")
