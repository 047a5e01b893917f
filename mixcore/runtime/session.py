"""The Spark session: Delta, the right Python for workers, safe defaults.

Defaults are set only where neither spark-submit, spark-defaults.conf nor the caller has said
anything: what the operator gave always wins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pyspark import SparkConf
from pyspark.sql import SparkSession

from mixcore.runtime.jars import DELTA_COORDINATE, local_jars
from mixcore.runtime.preflight import require_java

DELTA_CONF = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""One thread a Python worker: Spark runs one worker a core."""

SAFE_CONF = {
    **DELTA_CONF,
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
    "spark.sql.execution.arrow.maxBytesPerBatch": str(64 << 20),
    "spark.python.worker.faulthandler.enabled": "true",
    "spark.sql.execution.pyspark.udf.faulthandler.enabled": "true",
    "spark.databricks.delta.snapshotPartitions": "2",
    **{f"spark.executorEnv.{name}": "1" for name in _THREADS},
}

LOCAL_CONF = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.memory": "4g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "8",
    "spark.default.parallelism": "8",
}
"""For local mode only: a laptop or a small container."""


def is_submitted() -> bool:
    """Whether spark-submit started this process (the JVM is there already)."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def build_session(
    app_name: str,
    *,
    master: str | None = None,
    jars_dir: Path | None = None,
    conf: Mapping[str, str] | None = None,
) -> SparkSession:
    """The session of this process, created on first use.

    Args:
        app_name: Shown in Spark's own UI and logs.
        master: Default `local[*]` unless spark-submit started us.
        jars_dir: Directory with the Delta jars; default: where `make setup` resolved them.
        conf: Further settings; they beat our defaults, not spark-submit.

    Raises:
        InfrastructureError: No usable Java, or the Delta jars can be neither found nor resolved.
    """
    if is_submitted():
        given = SparkConf()
        defaults = {**SAFE_CONF, **(conf or {})}
        builder = SparkSession.builder.appName(app_name)
        for name, value in defaults.items():
            if not given.contains(name):
                builder = builder.config(name, value)
        return builder.getOrCreate()

    require_java()
    master = master or os.environ.get("MIXCORE_MASTER") or "local[*]"
    settings = dict(SAFE_CONF)
    if master.startswith("local"):
        settings.update(LOCAL_CONF)
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    jars = local_jars(jars_dir)
    if jars:
        settings["spark.jars"] = ",".join(str(j) for j in jars)
    else:
        settings["spark.jars.packages"] = DELTA_COORDINATE
    settings.update(conf or {})
    builder = SparkSession.builder.appName(app_name).master(master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session
