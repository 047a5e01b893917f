"""Whole files as documents, read by Python.

Spark's own readers hide files whose names begin with `_` (`__init__.py`), refuse names with a
colon and spend a millisecond on each small file; code has all of that by the million.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from mixcore.ingest.listing import InputFile

_FILES_PER_TASK = 2000
_BYTES_PER_TASK = 64 << 20
_BYTES_PER_BATCH = 16 << 20
"""Of one Arrow batch on its way to the JVM."""

FAILED = "FAILED_READ_FILE"
"""Spark's own error condition, so that one place understands both (`mixcore.ingest.damage`)."""


def read_whole(
    spark: SparkSession, files: Sequence[InputFile], base: Path | None, max_bytes: int
) -> DataFrame:
    """Rows (`c_text` STRING, `file` STRING as listed), one a file that is not empty.

    Compressed files are decompressed. Of a file beyond `max_bytes` only `max_bytes + 1` bytes are
    read, which is enough to refuse it and bounds memory whatever it unpacks to.
    """
    present = [(f.path,) for f in files if f.size > 0]
    size = sum(f.size for f in files)
    n_tasks = max(1, math.ceil(len(present) / _FILES_PER_TASK), size // _BYTES_PER_TASK)
    prefix = "" if base is None else f"{base}/"

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            names: list[str] = []
            blobs: list[bytes] = []
            held = 0
            for name in batch.column(0).to_pylist():
                blob = _read(prefix + name, max_bytes)
                if not blob:  # compressed, with nothing in it
                    continue
                names.append(name)
                blobs.append(blob)
                held += len(blob)
                if held >= _BYTES_PER_BATCH:
                    yield _batch(names, blobs)
                    names, blobs, held = [], [], 0
            yield _batch(names, blobs)

    paths = spark.createDataFrame(present, "file string").repartition(n_tasks, "file")
    rows = paths.mapInArrow(read, "file string, content binary")
    return rows.select(F.col("content").cast("string").alias("c_text"), "file")


def _read(path: str, max_bytes: int) -> bytes:
    try:
        with pa.input_stream(path, compression="detect") as stream:
            return bytes(stream.read(max_bytes + 1))
    except FileNotFoundError as error:
        raise OSError(f"[{FAILED}.FILE_NOT_EXIST] while reading file {path}. ") from error
    except (OSError, pa.ArrowException) as error:
        raise OSError(f"[{FAILED}.PYTHON] while reading file {path}. {error}") from error


def _batch(names: list[str], blobs: list[bytes]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array(names, pa.string()), pa.array(blobs, pa.binary())], ["file", "content"]
    )
