"""distributed-curator: its partition-aware deduplication of a Parquet data set.

    python curator_run.py DOCUMENTS WORK --cores 2

DOCUMENTS has doc_id (string: its Scala part fails on BIGINT) and text. Partitions fit the machine
instead of its default of 1,000, which suits a cluster. A run over the first documents warms the
session up; then the whole is timed, from reading to the written verdicts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from distributed_curator import get_jar_path, partition_aware_deduplicate
from distributed_curator import spark_partition_aware_deduplication as curator
from pyspark.sql import DataFrame, SparkSession
from result import give

PARTITIONS_PER_CORE = 4
WARM_UP_DOCUMENTS = 200
ADD_OPENS = "--add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/sun.misc=ALL-UNNAMED"


def session(cores: int, memory: str) -> SparkSession:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    partitions = str(PARTITIONS_PER_CORE * cores)
    settings = {
        "spark.jars": get_jar_path(),
        "spark.driver.memory": memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": ADD_OPENS,
        "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.shuffle.partitions": partitions,
        "spark.default.parallelism": partitions,
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master(f"local[{cores}]").appName("distributed-curator")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def deduplicate(spark: SparkSession, documents: DataFrame, cores: int, out: Path) -> float:
    """Seconds until the verdicts are written; 64 hashes and 8 bands as its README has them."""
    started = time.perf_counter()
    verdicts = partition_aware_deduplicate(
        spark, documents, similarity_threshold=0.8, num_hashes=64, num_bands=8,
        num_partitions=PARTITIONS_PER_CORE * cores, is_input_doc_id_unique=True,
    )  # fmt: skip
    verdicts.select("doc_id", "representative_id", "is_duplicate").write.parquet(str(out))
    seconds = time.perf_counter() - started
    verdicts.unpersist()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("documents", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--memory", default="6g")
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    # It would leave its checkpoints in the system's directory of temporary files.
    curator.get_checkpoint_dir = lambda **wanted: str(args.work / wanted["name"])
    spark = session(args.cores, args.memory)
    few = args.work / "few"
    spark.read.parquet(str(args.documents)).limit(WARM_UP_DOCUMENTS).write.parquet(str(few))
    deduplicate(spark, spark.read.parquet(str(few)), args.cores, args.work / "warm-up")
    documents = spark.read.parquet(str(args.documents))
    seconds = deduplicate(spark, documents, args.cores, args.work / "verdicts")
    verdicts = spark.read.parquet(str(args.work / "verdicts"))
    removed = verdicts.where("is_duplicate").count()
    give(seconds=seconds, documents=verdicts.count(), removed=removed)
    spark.stop()
    shutil.rmtree(args.work)


if __name__ == "__main__":
    main()
