"""Documents to signals: the one `mapInArrow` through which Python sees all text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from mixcore.runtime.tables import SIGNALS_TABLE
from mixcore.text.profile_batch import ProfileSpec, profile_batch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_INPUT = ("key", "doc_id", "source", "language", "text")
_NAMED_INPUT = ("native_id", *_INPUT)
"""Where signals look at the names of files."""


def profile(documents: DataFrame, spec: ProfileSpec, keys: Mapping[str, str]) -> DataFrame:
    """Profile every document.

    Args:
        documents: With key, doc_id, source, native_id, language and text.
        spec: What to compute.
        keys: Key of the rows written, by key of the document; one entry a unit.

    Returns:
        The columns of table `signals`, a row a document.
    """
    columns = _NAMED_INPUT if spec.looks_at_names else _INPUT
    return documents.select(*columns).mapInArrow(
        partial(_profile_batches, spec=spec, keys=dict(keys)), SIGNALS_TABLE.schema
    )


def _profile_batches(
    batches: Iterator[pa.RecordBatch], *, spec: ProfileSpec, keys: Mapping[str, str]
) -> Iterator[pa.RecordBatch]:
    read, written = pa.array(list(keys.keys())), pa.array(list(keys.values()))
    for batch in batches:
        rows = profile_batch(batch, spec)
        place = pc.index_in(batch.column("key"), read)
        key = pa.DictionaryArray.from_arrays(place, written).dictionary_decode()
        yield pa.record_batch([key, *rows.columns], ["key", *rows.schema.names])
