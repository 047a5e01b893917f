"""The one place that reads and writes Delta tables.

Pool tables are partitioned by `key`; a stage writes all rows of its missing keys in one commit
with `replaceWhere key IN (...)`, so a killed write leaves invisible files only and a key seen in
the latest snapshot is complete. Output tables are overwritten as wholes and carry their key in the
`userMetadata` of the latest version. Only the DataFrame API and SQL are used, never `_jvm`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.errors import AnalysisException
from pyspark.sql import functions as F
from pyspark.sql import types as T

from mixcore.runtime.errors import InfrastructureError
from mixcore.runtime.frames import small_frame

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameWriter, SparkSession

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
        # Not the directory alone: a run killed within its first commit leaves an empty log.
        return any((Path(path) / "_delta_log").glob("[0-9]*"))
    try:
        spark.read.format("delta").load(path).schema  # noqa: B018 - resolves the snapshot
    except AnalysisException as error:
        if "DELTA_TABLE_NOT_FOUND" in str(error) or "PATH_NOT_FOUND" in str(error):
            return False
        raise
    return True


_COMMIT = re.compile(r"\d{20}\.json")


def _newest_info(path: str) -> tuple[int, dict[str, Any]] | None:
    """Version and `commitInfo` of a local table's newest commit; None if it must be asked for.

    The file that Delta's protocol calls the commit of a version; log clean-up never takes the
    newest. `DESCRIBE HISTORY` gives the same by two Spark jobs.
    """
    if "://" in path:
        return None
    names = [p.name for p in (Path(path) / "_delta_log").iterdir() if _COMMIT.fullmatch(p.name)]
    newest = max(names, default=None)
    if newest is None:
        return None
    with (Path(path) / "_delta_log" / newest).open(encoding="utf-8") as actions:
        for line in actions:
            info = json.loads(line).get("commitInfo")
            if info is not None:
                return int(newest[:20]), info
    return None


def _writer(df: DataFrame, table: Table, metadata: Mapping[str, Any]) -> DataFrameWriter:
    """The settings that every write shares: format, partitioning, statistics, commit metadata."""
    writer = (
        df.write.format("delta")
        .option("compression", "zstd" if table.has_declared else "snappy")
        .option("userMetadata", json.dumps(dict(metadata), sort_keys=True))
    )
    if table.stats:
        writer = writer.option("delta.dataSkippingStatsColumns", ",".join(table.stats))
    if table.partition_by:
        writer = writer.partitionBy(*table.partition_by)
    return writer


class Pool:
    """The tables of the pool, read and written by key."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        """Nothing is created until the first write."""
        self.spark, self.path = spark, path.rstrip("/")

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
        return self.read_all(table).where(F.col("key").isin(*keys))

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
        writer.save(self.location(table))
        info = _newest_info(self.location(table))
        if info is None or json.loads(info[1].get("userMetadata") or "{}") != dict(metadata):
            return None  # another writer has committed since, or the log is not at hand
        return int(info[1].get("operationMetrics", {}).get("numOutputRows", len(keys))) - len(keys)


class Output:
    """The tables of one recipe's output, each overwritten as a whole."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        """Nothing is created until the first write."""
        self.spark, self.path = spark, path.rstrip("/")

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
        found = _newest_info(location)
        if found is None:
            row = self.spark.sql(f"DESCRIBE HISTORY delta.`{location}` LIMIT 1").collect()[0]
            found = int(row["version"]), {"userMetadata": row["userMetadata"]}
        version, info = found
        try:
            metadata = json.loads(info.get("userMetadata") or "{}")
        except json.JSONDecodeError:
            metadata = {}
        return version, metadata if isinstance(metadata, dict) else {}

    def read(self, table: Table) -> DataFrame:
        """All rows of the latest version."""
        return self.spark.read.format("delta").load(self.location(table))

    def fingerprint(self, table: Table) -> tuple[int, str]:
        """Number of rows and an order-independent checksum of the columns without text.

        The sum alone would not see rows that swap hashes, the xor not rows that occur twice; a
        sum in BIGINT would overflow under ANSI.
        """
        row_hash = F.xxhash64(*(F.col(n) for n in table.column_names if n != "text"))
        found = (
            self.read(table)
            .select(row_hash.alias("h"))
            .agg(
                F.count(F.lit(1)).alias("n"),
                F.sum(F.col("h").cast("decimal(38,0)")).alias("sum"),
                F.bit_xor("h").alias("xor"),
            )
            .collect()[0]  # one row
        )
        return int(found["n"]), f"{found['sum'] or 0}:{found['xor'] or 0}"

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
        return self.latest(table)[0]

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
        self.spark, self.path, self._n = spark, path, 0

    def keep(self, df: DataFrame, name: str) -> DataFrame:
        """Write `df` once and return it as read back."""
        self._n += 1
        location = f"{self.path}/{self._n:04d}-{name}"
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
