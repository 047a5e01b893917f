"""A class-data archive of the JVM (AppCDS): local sessions start a third faster.

`make setup` runs `python -m mixcore.runtime.class_data` once: Spark does a bit of everything, and
the JVM keeps the classes it loaded in one file. The JVM itself compares the archive with its
version and class path and goes on without it where they differ, so a stale archive costs time
only.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mixcore.runtime.preflight import PINS, Java

_TRAIN_TIMEOUT_S = 600
_KEEP_QUIET = "-Xlog:disable -Xlog:all=error:stderr"
"""The JVM warns on stdout when it cannot use an archive; nobody needs to act on that."""


def archive_path(java: Java, jars: Sequence[Path]) -> Path:
    """Where the archive for this Java, these jars and this virtual environment lies."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    inputs = [java.executable, java.banner, sys.prefix, repr(PINS), *map(str, jars)]
    digest = hashlib.sha256("\n".join(inputs).encode()).hexdigest()[:16]
    return cache / "mixcore" / f"spark-{digest}.jsa"


def archive_options(java: Java, jars: Sequence[Path]) -> str:
    """JVM options that use the archive; empty if there is none."""
    path = archive_path(java, jars)
    if not path.is_file() or " " in str(path):
        return ""
    return f"-XX:SharedArchiveFile={path} -Xshare:auto {_KEEP_QUIET}"


def _exercise(archive: str) -> None:
    """What a run does in small: Delta writes, reads, shuffles, windows, Python workers."""
    from pyspark.sql import Window  # noqa: PLC0415 # not needed to look an archive up
    from pyspark.sql import functions as F  # noqa: PLC0415

    from mixcore.runtime.session import build_session  # noqa: PLC0415

    spark = build_session(
        "class-data",
        master="local[2]",
        conf={
            "spark.driver.extraJavaOptions": f"-XX:ArchiveClassesAtExit={archive}"
            f" -XX:TieredStopAtLevel=1 {_KEEP_QUIET}",
            "spark.sql.shuffle.partitions": "2",
            "spark.driver.memory": "1g",
        },
    )
    with tempfile.TemporaryDirectory() as work:
        rows = spark.range(1000).select(
            F.lit("a").alias("key"), "id", F.col("id").cast("string").alias("text")
        )
        rows = rows.mapInArrow(lambda batches: batches, rows.schema)
        for _ in range(2):
            writer = rows.write.format("delta").mode("overwrite").partitionBy("key")
            writer.option("replaceWhere", "key = 'a'").save(f"{work}/t")
        read = spark.read.format("delta").load(f"{work}/t")
        ranked = read.withColumn(
            "n", F.row_number().over(Window.partitionBy(F.col("id") % 7).orderBy("id"))
        )
        joined = ranked.join(read.groupBy("text").agg(F.sum("id").alias("s")), "text")
        joined.where("n > 1").write.parquet(f"{work}/p")
        joined.orderBy("id").limit(10).collect()
        rows.write.json(f"{work}/j", compression="gzip")
        spark.read.text(f"{work}/j").count()
    spark.stop()


def build(java: Java, jars: Sequence[Path]) -> Path | None:
    """Make the archive unless it is there.

    Returns:
        Its path; None if it could not be made, which is no error: sessions start without it.
    """
    path = archive_path(java, jars)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as work:
        fresh = Path(work, path.name)
        command = [sys.executable, "-m", "mixcore.runtime.class_data", str(fresh)]
        try:
            # Capturing also waits for the JVM, which holds these pipes: it writes the archive
            # at its own exit, after Python's.
            subprocess.run(  # noqa: S603 # our own module
                command, capture_output=True, check=True, timeout=_TRAIN_TIMEOUT_S
            )
            fresh.replace(path)
        except (OSError, subprocess.SubprocessError):
            return None
    return path


def main(arguments: Sequence[str]) -> int:
    """Without an argument: make the archive. With one: the training run that writes it."""
    from mixcore.runtime.jars import local_jars  # noqa: PLC0415
    from mixcore.runtime.preflight import require_java  # noqa: PLC0415

    if arguments:
        _exercise(arguments[0])
        return 0
    path = build(require_java(), local_jars())
    print(f"class-data archive: {path}" if path else "no class-data archive: starts stay slower")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
