"""Small tables of the driver as DataFrames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql.pandas.types import to_arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql import types as T


def small_frame(
    spark: SparkSession, rows: Iterable[tuple[Any, ...]], schema: T.StructType
) -> DataFrame:
    """A few rows as a table, in one partition.

    By way of Arrow it becomes a local relation, which Spark folds into the plan; a list of tuples
    would become an RDD of pickles, with tasks of its own.
    """
    found = list(rows)
    arrow = to_arrow_schema(schema, timezone="UTC")  # timestamps need one
    columns = [pa.array([row[i] for row in found], field.type) for i, field in enumerate(arrow)]
    return spark.createDataFrame(pa.Table.from_arrays(columns, schema=arrow), schema).coalesce(1)
