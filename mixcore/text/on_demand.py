"""Signals on demand: which function computes which group, and nulls where none was asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mixcore.text import c4_lines, peer_dolma, peer_gopher, refinedweb_lines
from mixcore.text.signals_on_demand import ON_DEMAND

_TYPES = {"i32": pa.int32(), "i64": pa.int64(), "f32": pa.float32(), "bool": pa.bool_()}
ON_DEMAND_FIELDS = [pa.field(s.column, _TYPES[s.dtype]) for s in ON_DEMAND]

Compute = Callable[
    [NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]], dict[str, NDArray[np.generic]]
]
"""(bytes, offsets, counters) to values by name, one a document."""
COMPUTE: dict[str, Compute] = {
    "datatrove": peer_gopher.datatrove,
    "c4": c4_lines.c4,
    "fineweb": c4_lines.fineweb,
    "dolma": peer_dolma.dolma,
    "dclm": peer_dolma.dclm,
    "refinedweb": refinedweb_lines.refinedweb,
}


def columns(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    base: NDArray[np.int64],
    groups: tuple[str, ...],
) -> list[pa.Array]:
    """One array a signal on demand, in catalogue order.

    Args:
        data: UTF-8 bytes, valid.
        offsets: byte offsets, documents + 1.
        base: counters of the documents (documents, counters.N).
        groups: which to compute; signals of the others are null.
    """
    n = len(base)
    values: dict[str, NDArray[np.generic]] = {}
    for group in groups:
        values |= COMPUTE[group](data, offsets, base)
    return [
        pa.array(values[s.name].astype(f.type.to_pandas_dtype()), f.type)
        if s.name in values
        else pa.nulls(n, f.type)
        for s, f in zip(ON_DEMAND, ON_DEMAND_FIELDS, strict=True)
    ]
