"""Every table of the pool and of the output: its columns, partitioning and statistics.

Each schema is written here once. Stages select these columns, in this order, before they write;
the README's table section is tested against this module. Declared columns of the sources
(STRING) come on top: in `documents`, `corpus` and `validation`.

No table has a MAP column (it could not be hashed). Tables that hold text or raw bytes name the
columns that get min/max statistics, since otherwise the first characters of a text would land in
the Delta log.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import types as T

from mixcore.text.signals import SIGNALS

_STRING, _LONG, _INT = T.StringType(), T.LongType(), T.IntegerType()
_DOUBLE, _FLOAT, _BINARY = T.DoubleType(), T.FloatType(), T.BinaryType()
_TYPES: dict[str, T.DataType] = {"i32": _INT, "i64": _LONG, "f32": _FLOAT, "bool": T.BooleanType()}


def signal_struct() -> T.StructType:
    """The `signals` column: one field a signal, in the order of `mixcore.text.signals.SIGNALS`."""
    return T.StructType([T.StructField(s.column, _TYPES[s.dtype]) for s in SIGNALS])


@dataclass(frozen=True)
class Table:
    """A table: name, columns as (name, type, meaning), and how it lies on disk."""

    name: str
    columns: tuple[tuple[str, T.DataType, str], ...]
    partition_by: tuple[str, ...] = ("key",)
    stats: tuple[str, ...] = ()
    """Columns with min/max statistics; empty: Delta's default (the first 32)."""
    dictionaries: bool = True
    """Whether Parquet tries dictionaries: useless work for many columns of measured numbers."""
    has_declared: bool = False
    """Whether the sources' declared columns are part of the rows."""

    @property
    def schema(self) -> T.StructType:
        """The columns as a Spark schema, without declared ones."""
        return T.StructType([T.StructField(n, t, True, {"comment": c}) for n, t, c in self.columns])

    @property
    def column_names(self) -> list[str]:
        """The names in order, without declared ones."""
        return [n for n, _, _ in self.columns]

    @property
    def row_column(self) -> str:
        """The column that is null only in the marker row of a complete key (see `Pool.write`)."""
        return next(n for n, _, _ in self.columns if n != "key")


_KEY = ("key", _STRING, "names the result by what determined it (README, Keys)")

FILES = Table(
    "files",
    (
        _KEY,
        ("source", _STRING, "source of the recipe"),
        ("file", _STRING, "path as listed"),
        ("size", _LONG, "bytes"),
        ("modified", _LONG, "modification time, ms since 1970"),
        ("rows_read", _LONG, "input rows in it (blank lines are no rows)"),
        ("n_documents", _LONG, "rows that became documents"),
        ("n_identical", _LONG, "rows equal to a document in source, id and text"),
        ("n_quarantined", _LONG, "rows refused"),
    ),
)
DOCUMENTS = Table(
    "documents",
    (
        _KEY,
        ("doc_id", _LONG, "xxhash64(source, native_id), or of (source, text) without ids"),
        ("source", _STRING, "source of the recipe"),
        ("native_id", _STRING, "the id the source gave, else null"),
        ("file", _STRING, "file it came from"),
        ("n_bytes", _LONG, "UTF-8 bytes of text"),
        ("language", _STRING, "declared language, else null"),
        ("text", _STRING, "as it came"),
    ),
    stats=("doc_id", "source", "n_bytes"),
    has_declared=True,
)
QUARANTINE_REASONS = (
    "not_json", "no_text", "empty", "invalid_utf8", "lone_surrogate", "too_large", "duplicate_id",
    "corrupt_file",
)  # fmt: skip
QUARANTINE = Table(
    "quarantine",
    (
        _KEY,
        ("source", _STRING, "source of the recipe"),
        ("file", _STRING, "file it came from"),
        ("reason", _STRING, f"one of {' | '.join(QUARANTINE_REASONS)}"),
        ("detail", _STRING, "what exactly, for a person"),
        ("raw", _STRING, "first 4 kB of the row"),
    ),
    stats=("source", "reason"),
)
SIGNALS_TABLE = Table(
    "signals",
    (
        _KEY,
        ("doc_id", _LONG, "document"),
        ("source", _STRING, "source of the recipe"),
        ("status", _STRING, "ok | failed"),
        ("n_tokens", _LONG, "tokens by the recipe's tokenizer, without extra_per_document"),
        ("language", _STRING, "language used everywhere; und if unknown"),
        ("language_confidence", _FLOAT, "of the detector; null if declared"),
        ("content_hash", _BINARY, "128-bit hash of the text after `exact.ignore`"),
        ("n_shingles", _INT, "distinct shingles"),
        ("bands", _BINARY, "one 8-byte big-endian key a band; empty for texts under one shingle"),
        ("sketch", _BINARY, "64 one-byte slots for the verification test"),
        ("signals", signal_struct(), "quality signals"),
    ),
    stats=("doc_id", "source", "n_tokens"),
    dictionaries=False,
)
SCORES = Table(
    "scores",
    (
        _KEY,
        ("doc_id", _LONG, "document"),
        ("source", _STRING, "source of the recipe"),
        ("language", _STRING, "as in signals"),
        ("n_tokens", _LONG, "with extra_per_document"),
        ("gate_bits", _LONG, "bit i is set: gate i of the rule set fired"),
        ("drop_gate", _STRING, "first gate that drops it, else null"),
        ("drop_value", _STRING, "its value"),
        ("drop_limit", _STRING, "the limit it broke"),
        ("score_raw", _DOUBLE, "weighted mean of component percentiles"),
        ("score", _DOUBLE, "percentile of score_raw by bytes within source and language, 0..1"),
        ("score_bucket", _INT, "floor(20 * score), 0..19"),
    ),
)
SHINGLES = Table(
    "shingles",
    (
        _KEY,
        ("doc_id", _LONG, "document of a candidate pair"),
        ("hashes", _BINARY, "its distinct shingle hashes, sorted uint64, little endian"),
    ),
    stats=("doc_id",),
    dictionaries=False,
)
HOT_BUCKETS = Table(
    "hot_buckets",
    (
        _KEY,
        ("band_key", _LONG, "a band bucket too large for all its pairs"),
        ("doc_id", _LONG, "member; resolve compares its survivors until no edge is new"),
    ),
)
PAIRS = Table(
    "pairs",
    (
        _KEY,
        ("doc_a", _LONG, "the smaller id of a verified edge"),
        ("doc_b", _LONG, "the larger id"),
        ("kind", _STRING, "exact | near | earlier"),
        ("jaccard", _DOUBLE, "exact Jaccard of the shingle sets"),
        ("containment_a", _DOUBLE, "|A & B| / |A|"),
        ("containment_b", _DOUBLE, "|A & B| / |B|"),
        ("kept_in", _STRING, "the earlier corpus that holds doc_b, else null"),
    ),
)
DUPLICATES = Table(
    "duplicates",
    (
        _KEY,
        ("doc_id", _LONG, "document in a duplicate relation"),
        ("kept_doc_id", _LONG, "the survivor it matches; null for a survivor"),
        ("kept_in", _STRING, "the earlier corpus that holds the survivor, else null"),
        ("kind", _STRING, "exact | near | earlier; null for a survivor"),
        ("jaccard", _DOUBLE, "with kept_doc_id"),
        ("cluster_id", _LONG, "smallest doc_id of its component of verified edges"),
        ("cluster_size", _LONG, "documents in that component"),
        ("is_removed", T.BooleanType(), "whether it goes"),
    ),
)
POOL_TABLES = (
    FILES, DOCUMENTS, QUARANTINE, SIGNALS_TABLE, SCORES, SHINGLES, HOT_BUCKETS, PAIRS, DUPLICATES,
)  # fmt: skip

MIXTURE = Table(
    "mixture",
    (
        ("doc_id", _LONG, "document chosen"),
        ("domain", _STRING, "leaf path, e.g. web/en"),
        ("phase", _STRING, "phase of the curriculum; main if there is one only"),
        ("copies", _INT, "times it is delivered"),
        ("n_tokens", _LONG, "of one copy"),
        ("score_bucket", _INT, "0..19"),
        ("order_hash", _LONG, "xxhash64(seed, order, doc_id), orders the corpus"),
    ),
    partition_by=("phase",),
)
MIXTURE_CUTOFFS = Table(
    "mixture_cutoffs",
    (
        ("domain", _STRING, "leaf path"),
        ("score_bucket", _INT, "bucket of the stratum; null where the stratum spans all"),
        ("phase", _STRING, "phase"),
        ("available", _LONG, "what could be chosen, in the budget's unit (default: tokens)"),
        ("target", _LONG, "what to choose, in that unit"),
        ("achieved", _LONG, "what was chosen, in that unit, copies counted"),
        ("epochs", _DOUBLE, "achieved / available"),
        ("cutoff", T.StructType([
            T.StructField("full_epochs", _INT),
            T.StructField("hash", _LONG),
            T.StructField("doc_id", _LONG),
        ]), "copies = full_epochs + [(hash, doc_id) <= cutoff]; null hash: no further copy"),
        ("boundary", _LONG, "size of the document at the cut: the bound of the error; 0: no cut"),
    ),
    partition_by=(),
)  # fmt: skip
_CORPUS_COLUMNS: tuple[tuple[str, T.DataType, str], ...] = (
    ("doc_id", _LONG, "document"),
    ("source", _STRING, "source of the recipe"),
    ("native_id", _STRING, "the id the source gave, else null"),
    ("domain", _STRING, "leaf path, e.g. web/en"),
    ("phase", _STRING, "phase of the curriculum; main if there is one only"),
    ("copy_index", _INT, "0 for the first copy"),
    ("shard", _INT, "floor(position * shards)"),
    ("position", _DOUBLE, "place in the reading order, 0 <= position < 1"),
    ("n_tokens", _LONG, "with extra_per_document"),
    ("language", _STRING, "as in signals"),
    ("score", _DOUBLE, "percentile within source and language"),
    ("text", _STRING, "the text delivered"),
)
_CORPUS_STATS = ("doc_id", "source", "domain", "shard", "position", "n_tokens", "score")
CORPUS = Table("corpus", _CORPUS_COLUMNS, ("phase",), _CORPUS_STATS, has_declared=True)
VALIDATION = Table("validation", _CORPUS_COLUMNS, ("phase",), _CORPUS_STATS, has_declared=True)
DROPPED = Table(
    "dropped",
    (
        ("doc_id", _LONG, "document not delivered"),
        ("source", _STRING, "source of the recipe"),
        ("stage", _STRING, "profile | score | dedup | mix"),
        ("reason", _STRING, "failing gate, kind of duplicate, no_domain or over_budget"),
        ("value", _STRING, "its value there"),
        ("limit", _STRING, "the limit it broke"),
        ("kept_doc_id", _LONG, "the survivor, for duplicates"),
        ("kept_in", _STRING, "the earlier corpus that holds the survivor, else null"),
    ),
    partition_by=(),
)
RUNS = Table(
    "runs",
    (
        ("run_id", _STRING, "the scheduler's label, or made up; part of no key"),
        ("stage", _STRING, "stage"),
        ("key", _STRING, "key of the result"),
        ("recipe_sha256", _STRING, "of the resolved recipe"),
        ("code_version", _STRING, "of mixcore"),
        ("inputs", _STRING, "keys it read, JSON"),
        ("rows_in", _LONG, "input rows for ingest, documents for the other stages"),
        ("rows_out", _LONG, "rows written to the stage's last table; null if reused"),
        ("checksum", _STRING, "of mixture and corpus: order-independent, of all columns but text"),
        ("status", _STRING, "done | reused | failed"),
        ("started_at", T.TimestampType(), "UTC"),
        ("ended_at", T.TimestampType(), "UTC"),
    ),
    partition_by=(),
)
OUTPUT_TABLES = (MIXTURE, MIXTURE_CUTOFFS, CORPUS, VALIDATION, DROPPED, RUNS)
