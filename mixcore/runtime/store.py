"""The one place that reads and writes Delta tables.

Pool tables are partitioned by `key`; a stage writes all rows of its missing keys in one commit
with `replaceWhere key IN (...)`, so a killed write leaves invisible files only and a key seen in
the latest snapshot is complete. Output tables are overwritten as wholes and carry their key in the
`userMetadata` of the latest version. Only the DataFrame API and SQL are used, never `_jvm`.

The files that hold a key's rows never change, so a run lists those of a local table once: Delta
would run a Spark job to list them for every scan of every query. What the run has itself
committed is listed by that commit.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.errors import AnalysisException
from pyspark.sql import functions as F
from pyspark.sql import types as T

from mixcore.runtime.commits import (
    AddedFile,
    Commit,
    has_commit,
    is_plain,
    local_path,
    metadata_of,
    newest_commit,
    newest_version,
)
from mixcore.runtime.errors import InfrastructureError
from mixcore.runtime.frames import small_frame

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, DataFrameWriter, SparkSession

    from mixcore.runtime.tables import Table

_LOST_RACE = re.compile(
    r"Concurrent(Append|DeleteRead|DeleteDelete|Write|Transaction)Exception|MetadataChangedException"
    r"|ProtocolChangedException|DELTA_CONCURRENT|DELTA_METADATA_CHANGED|DELTA_PROTOCOL_CHANGED"
)


def is_lost_race(error: BaseException) -> bool:
    """Whether a commit failed because another writer committed meanwhile."""
    return bool(_LOST_RACE.search(f"{type(error).__name__} {error}"))


def _exists(spark: SparkSession, path: str) -> bool:
    if "://" not in path:
        return has_commit(path)
    try:
        spark.read.format("delta").load(path).schema  # noqa: B018 - resolves the snapshot
    except AnalysisException as error:
        if "DELTA_TABLE_NOT_FOUND" in str(error) or "PATH_NOT_FOUND" in str(error):
            return False
        raise
    return True


def _writer(df: DataFrame, table: Table, metadata: Mapping[str, Any]) -> DataFrameWriter:
    """The settings that every write shares: format, partitioning, statistics, commit metadata."""
    writer = (
        df.write.format("delta")
        .option("compression", "zstd" if table.has_declared else "snappy")
        .option("userMetadata", json.dumps(dict(metadata), sort_keys=True))
    )
    if not table.dictionaries:
        writer = writer.option("parquet.enable.dictionary", "false")
    if table.stats:
        writer = writer.option("delta.dataSkippingStatsColumns", ",".join(table.stats))
    if table.partition_by:
        writer = writer.partitionBy(*table.partition_by)
    return writer


def _own_commit(path: str, metadata: Mapping[str, Any]) -> Commit | None:
    """The newest commit if it is the one just made with `metadata`, else None."""
    found = newest_commit(path)
    # Another writer may have committed since, or the log is not at hand.
    return found if found is not None and found.metadata == dict(metadata) else None


def _scan(
    spark: SparkSession, location: str, schema: T.StructType, files: Sequence[str]
) -> DataFrame:
    """The rows of a table's files."""
    if not files:
        return small_frame(spark, [], schema)
    rows = spark.read.schema(schema).option("basePath", location).parquet(*files)
    return rows.select(*schema.names)  # partition columns would come last


class Pool:
    """The tables of the pool, read and written by key."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        """Nothing is created until the first write."""
        self.spark, self.path = spark, path.rstrip("/")
        self._own: dict[str, tuple[T.StructType, dict[str, list[AddedFile]]]] = {}
        """By table: schema, and files by key, of what this object has written."""
        self._files: dict[tuple[str, frozenset[str]], tuple[T.StructType, tuple[str, ...]]] = {}
        """By table and keys: schema and files of what was there before."""

    def location(self, table: Table) -> str:
        """Where the table lies."""
        return f"{self.path}/{table.name}"

    def held(self, table: Table, keys: Collection[str]) -> set[str]:
        """Those of `keys` that the table's latest snapshot holds, i.e. that are complete."""
        if not keys or not _exists(self.spark, self.location(table)):
            return set()
        df = self.spark.read.format("delta").load(self.location(table))
        # Each key has one marker row, whose files the statistics tell from the others.
        markers = df.where(F.col("key").isin(*keys) & F.col(table.row_column).isNull())
        return {row["key"] for row in markers.select("key").collect()}

    def read(self, table: Table, keys: Collection[str]) -> DataFrame:
        """The rows of `keys` without marker rows; declared columns included.

        A table that does not exist yet reads as empty.
        """
        if not keys:
            return small_frame(self.spark, [], table.schema)
        schema, own = self._own.get(table.name, (table.schema, {}))
        if all(key in own for key in keys):
            files = [file.path for key in keys for file in own[key]]
            rows = _scan(self.spark, self.location(table), schema, files)
            return rows.where(F.col(table.row_column).isNotNull())
        return self._listed(table, keys).where(F.col(table.row_column).isNotNull())

    def _listed(self, table: Table, keys: Collection[str]) -> DataFrame:
        """The rows of `keys` with marker rows, by files that Delta has listed once."""
        location = self.location(table)
        if not _exists(self.spark, location):
            return small_frame(self.spark, [], table.schema)
        found = self._files.get((table.name, frozenset(keys)))
        if found is None:
            rows = self.spark.read.format("delta").load(location).where(F.col("key").isin(*keys))
            if not is_plain(location):
                return rows
            found = rows.schema, tuple(local_path(name) for name in rows.inputFiles())
            self._files[table.name, frozenset(keys)] = found
        return _scan(self.spark, location, *found)

    def file_bytes(self, table: Table, keys: Collection[str]) -> int | None:
        """Size of the files of `keys`, if this run has written all of them; else None."""
        _, own = self._own.get(table.name, (None, {}))
        if not all(key in own for key in keys):
            return None
        return sum(file.size for key in keys for file in own[key])

    def read_all(self, table: Table) -> DataFrame:
        """The rows of all keys without marker rows; empty if there is no table yet."""
        if not _exists(self.spark, self.location(table)):
            return small_frame(self.spark, [], table.schema)
        df = self.spark.read.format("delta").load(self.location(table))
        return df.where(F.col(table.row_column).isNotNull())

    def write(
        self, table: Table, df: DataFrame, keys: Sequence[str], metadata: Mapping[str, Any]
    ) -> int | None:
        """Replace the rows of `keys` by `df` in one commit; the number of rows, if it is known.

        Args:
            table: Which table.
            df: Its columns with `key`, plus declared ones.
            keys: Every key written; each gets a marker row (all null but the key), so that a key
                without rows is known to be complete.
            metadata: Goes into the commit, for people.
        """
        declared = [c for c in df.columns if c not in table.column_names]
        names = table.column_names
        rows = df.select(*names[:-1], *declared, names[-1]) if declared else df.select(*names)
        markers = small_frame(
            self.spark,
            [(key,) for key in keys],
            T.StructType([T.StructField("key", T.StringType())]),
        )
        rows = rows.unionByName(markers, allowMissingColumns=True)
        predicate = "key IN ({})".format(", ".join(f"'{k}'" for k in sorted(keys)))
        writer = _writer(rows, table, metadata).mode("overwrite").option("mergeSchema", "true")
        if _exists(self.spark, self.location(table)):
            writer = writer.option("replaceWhere", predicate)
        for key in keys:  # until our commit is seen, Delta is asked
            self._own.get(table.name, (None, {}))[1].pop(key, None)
        writer.save(self.location(table))
        self._files = {at: files for at, files in self._files.items() if at[0] != table.name}
        commit = _own_commit(self.location(table), metadata)
        if commit is None:
            return None
        self._note(table, rows.schema, keys, commit)
        return int(commit.info.get("operationMetrics", {}).get("numOutputRows", len(keys))) - len(
            keys
        )

    def _note(
        self, table: Table, schema: T.StructType, keys: Sequence[str], commit: Commit
    ) -> None:
        """Remember the files of a commit of ours, less those of marker rows alone."""
        if commit.files is None:
            self._own.pop(table.name, None)
            return
        found: dict[str, list[AddedFile]] = {key: [] for key in keys}
        for file in commit.files:
            if not file.holds_only_nulls(table.row_column):
                found[str(file.partition["key"])].append(file)
        before, files = self._own.get(table.name, (T.StructType(), {}))
        # Declared columns may differ from write to write.
        fields = {f.name: f for f in (*before.fields, *schema.fields)}
        self._own[table.name] = T.StructType(list(fields.values())), files | found


class Output:
    """The tables of one recipe's output, each overwritten as a whole."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        """Nothing is created until the first write."""
        self.spark, self.path = spark, path.rstrip("/")
        self._own: dict[str, tuple[T.StructType, Commit]] = {}
        """By table: schema and commit of what this object has written."""
        self._fingerprints: dict[str, tuple[int, int, str]] = {}
        """By table: version, rows and checksum."""

    def location(self, table: Table) -> str:
        """Where the table lies."""
        return f"{self.path}/{table.name}"

    def exists(self, table: Table) -> bool:
        """Whether the table has been written."""
        return _exists(self.spark, self.location(table))

    def latest(self, table: Table) -> tuple[int, dict[str, Any]]:
        """Latest version and its commit metadata; (-1, {}) if there is no table."""
        if not self.exists(table):
            return -1, {}
        location = self.location(table)
        found = newest_commit(location)
        if found is not None:
            return found.version, found.metadata
        row = self.spark.sql(f"DESCRIBE HISTORY delta.`{location}` LIMIT 1").collect()[0]
        return int(row["version"]), metadata_of(row["userMetadata"])

    def read(self, table: Table) -> DataFrame:
        """All rows of the latest version."""
        commit = self._own_newest(table)
        if commit is not None and commit.files is not None:
            files = [file.path for file in commit.files]
            return _scan(self.spark, self.location(table), self._own[table.name][0], files)
        return self.spark.read.format("delta").load(self.location(table))

    def _own_newest(self, table: Table) -> Commit | None:
        """The table's newest commit if this object made it."""
        _, commit = self._own.get(table.name, (None, None))
        is_newest = commit and newest_version(self.location(table)) == commit.version
        return commit if is_newest else None

    def n_rows(self, table: Table) -> int:
        """Rows of the latest version; of a commit of ours as its files' statistics say."""
        commit = self._own_newest(table)
        counts = [f.stats.get("numRecords") for f in commit.files or ()] if commit else [None]
        if None in counts:
            return self.read(table).count()
        return sum(int(n) for n in counts if n is not None)

    def totals(self, table: Table, by: Column, **sums: Column) -> dict[str, dict[str, int]]:
        """Integer sums over the rows by group; takes the table's fingerprint in the same pass.

        Args:
            table: Which table.
            by: STRING; the groups are collected, so there must be few.
            sums: What to sum, integers; null counts as 0.
        """
        row_hash = F.xxhash64(*(F.col(n) for n in table.column_names if n != "text"))
        rows = self.read(table).select(
            by.alias("_by"), row_hash.alias("_hash"), *(c.alias(n) for n, c in sums.items())
        )
        found = (
            rows.groupBy("_by")
            .agg(
                F.count(F.lit(1)).alias("_n"),
                F.sum(F.col("_hash").cast("decimal(38,0)")).alias("_sum"),
                F.bit_xor("_hash").alias("_xor"),
                *(F.sum(n).alias(n) for n in sums),
            )
            .collect()  # a row a group
        )
        # The sum alone would not see rows that swap hashes, the xor not rows that occur twice; a
        # sum in BIGINT would overflow under ANSI.
        n_rows, total, xor = 0, 0, 0
        for row in found:
            n_rows, total, xor = n_rows + row["_n"], total + int(row["_sum"]), xor ^ row["_xor"]
        self._fingerprints[table.name] = self.latest(table)[0], n_rows, f"{total}:{xor}"
        return {row["_by"]: {n: int(row[n] or 0) for n in sums} for row in found}

    def fingerprint(self, table: Table) -> tuple[int, str]:
        """Number of rows and an order-independent checksum of the columns without text."""
        version, n_rows, checksum = self._fingerprints.get(table.name, (-1, 0, ""))
        if version != self.latest(table)[0]:
            self.totals(table, F.lit("all"))
            _, n_rows, checksum = self._fingerprints[table.name]
        return n_rows, checksum

    def write(
        self,
        table: Table,
        df: DataFrame,
        metadata: Mapping[str, Any],
        *,
        fence: tuple[str, int] | None = None,
    ) -> int:
        """Overwrite the table and return the new version.

        Args:
            table: Which table.
            df: Its columns, plus declared ones.
            metadata: Commit metadata; its `key` says what the table now holds.
            fence: (application, version) of Delta's idempotent writes; a version that was seen
                already makes the write a silent no-op, so look the key up afterwards.
        """
        declared = [c for c in df.columns if c not in table.column_names]
        names = table.column_names
        rows = df.select(*names[:-1], *declared, names[-1]) if declared else df.select(*names)
        writer = _writer(rows, table, metadata).mode("overwrite").option("overwriteSchema", "true")
        if fence is not None:
            writer = writer.option("txnAppId", fence[0]).option("txnVersion", str(fence[1]))
        writer.save(self.location(table))
        commit = _own_commit(self.location(table), metadata)
        if commit is None:
            self._own.pop(table.name, None)
            return self.latest(table)[0]
        self._own[table.name] = rows.schema, commit
        return commit.version

    def append(self, table: Table, rows: Iterable[tuple[Any, ...]], txn: tuple[str, int]) -> None:
        """Append a few rows under a transaction id, so that a replay adds nothing."""
        df = small_frame(self.spark, rows, table.schema)
        _writer(df, table, {}).mode("append").option("txnAppId", txn[0]).option(
            "txnVersion", str(txn[1])
        ).save(self.location(table))


class Scratch:
    """Intermediate results of one run, written and read again: never a cache as truth.

    Lies below the pool; removed when the run ends. A killed run's leftovers are removed by the
    next run that owns the same directory name.
    """

    def __init__(self, spark: SparkSession, path: str) -> None:
        """`path` is this run's own directory."""
        self.spark, self.path, self._numbers = spark, path, itertools.count(1)

    def keep(self, df: DataFrame, name: str) -> DataFrame:
        """Write `df` once and return it as read back."""
        location = f"{self.path}/{next(self._numbers):04d}-{name}"
        df.write.mode("errorifexists").option("compression", "lz4").parquet(location)
        return self.spark.read.schema(df.schema).parquet(location)

    def clear(self) -> None:
        """Remove everything kept (local paths; elsewhere left to the bucket's life-cycle rule)."""
        if "://" not in self.path:
            try:
                shutil.rmtree(self.path, ignore_errors=True)
            except OSError as error:
                raise InfrastructureError(
                    "scratch files cannot be removed", where=self.path, value=str(error)
                ) from error
