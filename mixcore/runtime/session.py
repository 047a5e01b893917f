"""The Spark session: Delta, the right Python for workers, safe defaults.

Defaults are set only where neither spark-submit, spark-defaults.conf nor the caller has said
anything: what the operator gave always wins.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from mixcore.runtime.class_data import archive_options
from mixcore.runtime.jars import local_jars, resolve
from mixcore.runtime.preflight import require_java, require_versions

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
    # Small enough that the JVM fills the next batch while Python works on this one.
    "spark.sql.execution.arrow.maxBytesPerBatch": str(8 << 20),
    "spark.python.worker.faulthandler.enabled": "true",
    "spark.sql.execution.pyspark.udf.faulthandler.enabled": "true",
    "spark.databricks.delta.snapshotPartitions": "2",
    # A run compiles some 500 classes; Spark keeps 100, so every run of a session (and every unit
    # of a stage) compiled all of them again: half of the CPU of the narrow stages.
    "spark.sql.codegen.cache.maxEntries": "2000",
    **{f"spark.executorEnv.{name}": "1" for name in _THREADS},
}

LOCAL_CONF = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    # The driver lists local files itself; beyond 32 Spark would run a task a file for it.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
}
"""For local mode only: a laptop or a small container."""

JAVA_OPTIONS = "spark.driver.extraJavaOptions"
CLASS_PATH = "spark.driver.extraClassPath"
LOG_CONFIG = Path(__file__).with_name("log4j2.properties")

_BATCH_GC = "-XX:+UseParallelGC"
"""The collector for throughput: a batch job has no pauses to avoid."""
_ANY_GC = re.compile(r"-XX:\+Use\w+GC\b")
_TASKS_A_CORE, _MIN_TASKS = 2, 4
"""Local tasks: enough to even out unequal ones; each costs some 10 ms."""
_GIB = 1 << 30
_DRIVER_SHARE = 4
"""The JVM gets a quarter: Python workers, the page cache and the user need the rest."""
_MAX_DRIVER_GIB = 16


def is_submitted() -> bool:
    """Whether spark-submit started this process (the JVM is there already)."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def machine_memory() -> int:
    """Bytes of memory this process may use: the machine's, or its container's limit."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            memory = min(memory, int(Path(limit).read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such control group, or "max"
            continue
    return memory


def local_cores(master: str) -> int:
    """Cores of a local master.

    >>> local_cores("local"), local_cores("local[3]"), local_cores("local[4, 2]")
    (1, 3, 4)
    """
    asked = re.fullmatch(r"local(?:\[\s*(\*|\d+)\s*(?:,.*)?\])?", master)
    if asked is None or asked.group(1) is None:
        return 1
    if asked.group(1) != "*":
        return int(asked.group(1))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def driver_memory(memory: int) -> str:
    """Default heap of a local driver on a machine of `memory` bytes, e.g. `5g`."""
    return f"{min(max(memory // _GIB // _DRIVER_SHARE, 1), _MAX_DRIVER_GIB)}g"


def settings(
    given: Mapping[str, str],
    master: str,
    *,
    submitted: bool,
    conf: Mapping[str, str] | None = None,
    jars: Sequence[Path] = (),
    memory: int = _GIB,
    archive: str = "",
) -> dict[str, str]:
    """What to set on the builder: our defaults, less all that the operator has given.

    Args:
        given: What spark-submit or spark-defaults.conf say.
        master: The Spark master.
        submitted: spark-submit runs us: the JVM, its memory and its class path are the
            operator's, and so are the jars.
        conf: The caller's settings; they beat our defaults, not `given` when submitted.
        jars: Delta's jars, for sessions that we start ourselves.
        memory: Bytes of this machine's memory, for local masters.
        archive: JVM options that use a class-data archive, for local masters.

    Returns:
        Settings in the order in which they are to be set. When submitted, none that is in
        `given`. Otherwise JVM options and class path join ours with the given ones, given last
        or first, so that theirs win.
    """
    asked = dict(conf or {})
    if submitted:
        wanted = {**SAFE_CONF, **asked}
        return {name: value for name, value in wanted.items() if name not in given}
    ours = dict(SAFE_CONF)
    paths = [str(jar) for jar in jars]
    if master.startswith("local"):
        tasks = str(max(_MIN_TASKS, _TASKS_A_CORE * local_cores(master)))
        ours |= LOCAL_CONF
        ours |= {"spark.sql.shuffle.partitions": tasks, "spark.default.parallelism": tasks}
        ours["spark.driver.memory"] = driver_memory(memory)
    merged = {**ours, **given, **asked}
    if master.startswith("local"):
        # On the class path, since spark.jars copies every jar into each session's directory.
        theirs = merged.get(JAVA_OPTIONS, "")
        options = [f"-Dlog4j2.configurationFile={_quoted(LOG_CONFIG.as_uri())}", archive]
        if not _ANY_GC.search(theirs):  # two collectors are an error
            options.append(_BATCH_GC)
        merged[JAVA_OPTIONS] = _join(" ", *options, theirs)
        merged[CLASS_PATH] = _join(os.pathsep, merged.get(CLASS_PATH), *paths)
    elif paths:
        merged["spark.jars"] = _join(",", merged.get("spark.jars"), *paths)
    return {name: value for name, value in merged.items() if given.get(name) != value and value}


def _is_named(given: Mapping[str, str]) -> bool:
    """Whether the operator chose a name; without one spark-submit takes the script's."""
    name = given.get("spark.app.name", "")
    return bool(name) and not name.endswith(".py")


def _quoted(value: str) -> str:
    """`value` as one word of a JVM option list."""
    return f'"{value}"' if " " in value else value


def _join(separator: str, *parts: str | None) -> str:
    return separator.join(part for part in parts if part)


def defaults_file() -> dict[str, str]:
    """What the operator's spark-defaults.conf says, if there is one."""
    home = os.environ.get("SPARK_HOME")
    directory = os.environ.get("SPARK_CONF_DIR")
    if not directory:
        spec = find_spec("pyspark")
        base = Path(home) if home else Path(spec.origin or "").parent if spec else Path()
        directory = str(base / "conf")
    try:
        text = Path(directory, "spark-defaults.conf").read_text(encoding="utf-8")
    except OSError:
        return {}
    return parse_defaults(text)


def parse_defaults(text: str) -> dict[str, str]:
    """Settings of a spark-defaults file: a key, then white space, `=` or `:`, then the value."""
    found = {}
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#!":
            continue
        key = stripped.replace("=", " ", 1).split(None, 1)[0].rstrip(":")
        found[key] = stripped[len(key) :].lstrip(" \t=:")
    return found


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
        InfrastructureError: No usable Java, another pyspark or delta-spark than the tested
            pair, or the Delta jars can be neither found nor resolved.
        RecipeError: `jars_dir` lacks a jar.
    """
    require_versions()
    builder = SparkSession.builder
    if is_submitted():
        # Only once the gateway is connected does SparkConf know what spark-submit was given;
        # Spark has no public way to connect it without a session.
        SparkContext._ensure_initialized()  # noqa: SLF001
        given = dict(SparkConf().getAll())
        if not _is_named(given):
            builder = builder.appName(app_name)
        for name, value in settings(given, "", submitted=True, conf=conf).items():
            builder = builder.config(name, value)
        return builder.getOrCreate()

    java = require_java()
    given = defaults_file()
    default = os.environ.get("MIXCORE_MASTER") or given.get("spark.master") or "local[*]"
    master = master or default
    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    jars = local_jars(jars_dir) or resolve()
    chosen = settings(
        given,
        master,
        submitted=False,
        conf=conf,
        jars=jars,
        memory=machine_memory(),
        archive=archive_options(java, jars),
    )
    for name, value in chosen.items():
        builder = builder.config(name, value)
    return builder.appName(app_name).master(master).getOrCreate()
