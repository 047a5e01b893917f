"""Who is who: ids, repeated ids and collisions, decided on narrow rows.

Text is never shuffled for this. A first pass over the raw rows keeps a narrow ledger; the rows of
the few ids that occur more than once (or in an earlier batch) are found from it and are the only
ones that a window looks at. All functions are lazy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SAMPLE_STEPS = 1_000_000
"""A sample is a whole number of these shares of all ids."""

LEDGER = ("key", "file", "reason", "doc_id", "check_id", "text_hash", "row_hash")
"""Columns of the ledger, one row an input row; ids and hashes are null for bad rows."""

DOCUMENT, IDENTICAL, DUPLICATE = "document", "identical", "duplicate"
"""Verdicts on a row of a contested id."""


@dataclass(frozen=True)
class Collision:
    """Two identities with one first-round id: its holder keeps it, the others get another."""

    key: str
    doc_id: int
    holder: int
    """`check_id` of the identity that keeps the id."""


def first_id(source: Column, identity: Column) -> Column:
    """`doc_id` of a native id, or of a text where the source gives no id."""
    return F.xxhash64(source, identity)


def second_id(source: Column, identity: Column) -> Column:
    """`doc_id` of the later of two identities whose first ids are equal."""
    return F.xxhash64(F.lit("second"), source, identity)


def text_hash(text: Column) -> Column:
    """What tells two texts of one id apart."""
    return F.xxhash64(text)


def check_id(native_id: Column, text: Column) -> Column:
    """A second, independent hash of the identity: shows collisions of `first_id`."""
    native = F.xxhash64(F.lit("check"), native_id)
    return F.when(native_id.isNull(), text_hash(text)).otherwise(native)


def with_ids(
    rows: DataFrame,
    declared: Sequence[str],
    collisions: Sequence[Collision],
    sample: float | None,
) -> DataFrame:
    """Add `doc_id`, `check_id`, `text_hash`, `row_hash`; keep only the sample.

    Args:
        rows: As `parse_files` gives them.
        declared: Declared columns among them, sorted.
        collisions: First-round ids that only their holder keeps.
        sample: Share of ids to keep, by hash; rows without an id go by their raw bytes.
    """
    source, native, text = F.col("source"), F.col("native_id"), F.col("text")
    identity, good = F.coalesce(native, text), F.col("reason").isNull()
    first = first_id(source, identity)
    out = rows.withColumns(
        {
            "doc_id": F.when(good, first),
            "check_id": F.when(good, check_id(native, text)),
            "text_hash": F.when(good, text_hash(text)),
            # null and "" differ: xxhash64 skips nulls, so each value brings its name, and columns
            # of other sources do not matter
            "row_hash": F.when(
                good,
                F.xxhash64(
                    *(
                        part
                        for c in ("native_id", "language", *declared)
                        for part in (F.when(F.col(c).isNotNull(), F.lit(c)), F.col(c))
                    )
                ),
            ),
        }
    )
    if sample is not None:
        drawn = F.xxhash64(F.lit("sample"), F.coalesce("doc_id", F.xxhash64("raw")))
        out = out.where(F.pmod(drawn, F.lit(SAMPLE_STEPS)) < round(sample * SAMPLE_STEPS))
    loses = F.lit(False)
    for c in collisions:
        same = (F.col("key") == c.key) & (F.col("doc_id") == F.lit(c.doc_id))
        loses |= same & (F.col("check_id") != F.lit(c.holder))
    if collisions:
        moved = F.when(loses, second_id(source, identity)).otherwise(F.col("doc_id"))
        out = out.withColumn("doc_id", F.when(good, moved))
    return out


def repeated_ids(ledger: DataFrame) -> DataFrame:
    """(key, doc_id, low, high) of ids that several rows of a batch have.

    `low` and `high` are the least and greatest `check_id`: equal unless ids collide.
    """
    good = ledger.where(F.col("reason").isNull())
    groups = good.groupBy("key", "doc_id").agg(
        F.count(F.lit(1)).alias("n"),
        F.min("check_id").alias("low"),
        F.max("check_id").alias("high"),
    )
    return groups.where(F.col("n") > 1).drop("n")


def known_ids(ledger: DataFrame, earlier: DataFrame) -> DataFrame:
    """(key, doc_id) of the ledger that an earlier batch of the same source holds.

    Args:
        ledger: The ledger.
        earlier: (key, doc_id), where `key` is the batch that comes after the document's.
    """
    ids = ledger.where(F.col("reason").isNull()).select("key", "doc_id").distinct()
    return ids.join(earlier.select("key", "doc_id"), ["key", "doc_id"], "left_semi")


def judge(rows: DataFrame, contested: DataFrame) -> DataFrame:
    """Rows of contested ids, with `verdict`: document, identical or duplicate.

    The text of the earlier batch wins, else the smallest text hash. Of equal rows the first in
    the total order (text hash, file, row hash) is the document; rows equal in all of that are
    interchangeable.

    Args:
        rows: Ledger rows, or whole rows with the ledger's columns.
        contested: (key, doc_id, earlier_text): the earlier batch's text hash or null.
    """
    ids = ["key", "doc_id"]
    rows = rows.where(F.col("reason").isNull()).join(contested, ids)
    order = Window.partitionBy(*ids).orderBy("text_hash", "file", "row_hash")
    ranked = rows.withColumns(
        {
            "rank": F.row_number().over(order),
            # the first of a running window is its least, without holding the group in memory
            "winner": F.coalesce("earlier_text", F.first("text_hash").over(order)),
        }
    )
    verdict = (
        F.when(F.col("text_hash") != F.col("winner"), DUPLICATE)
        .when(F.col("earlier_text").isNull() & (F.col("rank") == 1), DOCUMENT)
        .otherwise(IDENTICAL)
    )
    return ranked.withColumn("verdict", verdict).drop("rank", "winner", "earlier_text")


def uncontested(rows: DataFrame, contested: DataFrame) -> DataFrame:
    """Good rows whose id nobody else has: documents as they are, without a shuffle."""
    good = rows.where(F.col("reason").isNull())
    return good.join(contested.select("key", "doc_id"), ["key", "doc_id"], "left_anti")
