"""What is checked after every ingest, written or reused: the accounts and `stop_if`."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from mixcore.runtime.errors import ContractError
from mixcore.runtime.tables import DOCUMENTS, FILES, QUARANTINE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from mixcore.runtime.stage import Run, Unit

_APART = ("too_large", "corrupt_file")
"""Reasons that are no sign of bad rows: a size the recipe chose, and files, not rows."""

_ACCOUNTS = ("rows_read", "n_documents", "n_identical", "n_quarantined")
_EXAMPLES = 3
_EXAMPLE_CHARS = 80


def check(run: Run, units: list[Unit]) -> None:
    """Raise unless the counts add up and the rejected rows are within `stop_if`.

    Raises:
        ContractError: Either of it, for the first source concerned.
    """
    keys = [u.key for u in units]
    if not keys:
        return
    noted: dict[str, Counter[str]] = {key: Counter() for key in keys}
    n_documents: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {key: Counter() for key in keys}
    for r in _counts(run, keys).collect():  # a few numbers a batch
        if r["what"] == "documents":
            n_documents[r["key"]] += r["n"]
        elif r["what"] == "quarantine":
            reasons[r["key"]][r["name"]] += r["n"]
        else:
            noted[r["key"]][r["name"]] += r["n"]
    for unit in units:
        row = noted[unit.key]
        quarantined = reasons[unit.key].total() - reasons[unit.key]["corrupt_file"]
        found = (
            row["n_documents"] + row["n_identical"] + row["n_quarantined"],
            n_documents[unit.key],
            quarantined,
        )
        expected = (row["rows_read"], row["n_documents"], row["n_quarantined"])
        if found != expected:
            raise ContractError(
                "the counts of a batch do not add up",
                where=f"{unit.label}, key {unit.key}",
                value={
                    name: {"noted": e, "found": f}
                    for name, e, f in zip(
                        ("rows", "documents", "quarantined"), expected, found, strict=True
                    )
                    if e != f
                },
                fix="the pool was changed from outside, or this is a defect: delete the key's rows "
                "from the tables files, documents and quarantine, and run again",
            )
    run.rows_read = sum(row["rows_read"] for row in noted.values())
    run.n_documents = n_documents.total()
    for source in dict.fromkeys(u.source for u in units):
        assert source is not None
        mine = [u.key for u in units if u.source == source]
        total: Counter[str] = sum((reasons[k] for k in mine), Counter())
        _stop(run, source, mine, sum(noted[k]["rows_read"] for k in mine), total)


def _counts(run: Run, keys: list[str]) -> DataFrame:
    """`key`, `what`, `name`, `n`: the accounts of `files`, and what the other tables hold.

    One frame, so that it is one job.
    """
    named = ", ".join(f"named_struct('name', '{c}', 'n', {c})" for c in _ACCOUNTS)
    parts = [
        run.pool.read(FILES, keys).selectExpr(
            "key", "'files' AS what", f"inline(array({named})) AS (name, n)"
        ),
        run.pool.read(DOCUMENTS, keys).selectExpr(
            "key", "'documents' AS what", "CAST(NULL AS STRING) AS name", "1L AS n"
        ),
        run.pool.read(QUARANTINE, keys).selectExpr(
            "key", "'quarantine' AS what", "reason AS name", "1L AS n"
        ),
    ]
    rows = reduce(lambda a, b: a.unionByName(b), parts)
    return rows.groupBy("key", "what", "name").agg(F.sum("n").alias("n"))


def _stop(run: Run, source: str, keys: list[str], n_rows: int, reasons: Counter[str]) -> None:
    """Raise if more rows were rejected than the recipe allows for this source."""
    limit = run.recipe.stop_if.limit("rejected_rows", source)
    counted = {r: n for r, n in sorted(reasons.items()) if r not in _APART}
    rejected = sum(counted.values())
    if rejected <= limit * n_rows:
        return
    rows = run.pool.read(QUARANTINE, keys).where(~F.col("reason").isin(*_APART))
    examples = rows.orderBy("reason", "file", "raw").limit(_EXAMPLES).collect()
    shown = "".join(
        f"\n    {r['file']}: {r['reason']} ({r['detail']}): {(r['raw'] or '')[:_EXAMPLE_CHARS]!r}"
        for r in examples
    )
    text = run.recipe.sources[source].columns.get("text", "text")
    fix = f"mend the input, or raise stop_if.rejected_rows.{source}"
    if counted.get("no_text", 0) == n_rows:
        fix = f"no row has a text in {text!r}: set sources.{source}.columns.text"
    raise ContractError(
        f"{rejected} of {n_rows} rows were rejected ({rejected / n_rows:.1%}), "
        f"the limit is {limit:.1%}",
        where=f"sources.{source}",
        value=counted,
        fix=fix + (f"\n  rows, from table quarantine:{shown}" if shown else ""),
    )
