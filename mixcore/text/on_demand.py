"""Signals on demand: which function computes which group, and nulls where none was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mixcore.text import c4_lines, code_signals, peer_dolma, peer_gopher, refinedweb_lines
from mixcore.text.code_signals import Files
from mixcore.text.signals_on_demand import ON_DEMAND

_TYPES = {"i32": pa.int32(), "i64": pa.int64(), "f32": pa.float32(), "bool": pa.bool_()}
ON_DEMAND_FIELDS = [pa.field(s.column, _TYPES[s.dtype]) for s in ON_DEMAND]

Compute = Callable[
    [NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]], dict[str, NDArray[np.generic]]
]
"""(bytes, offsets, counters) to values by name, one a document."""
ComputeOfFiles = Callable[
    [NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], Files], dict[str, NDArray[Any]]
]
"""The same with what file names say; masked where null."""
COMPUTE: dict[str, Compute] = {
    "datatrove": peer_gopher.datatrove,
    "c4": c4_lines.c4,
    "fineweb": c4_lines.fineweb,
    "dolma": peer_dolma.dolma,
    "dclm": peer_dolma.dclm,
    "refinedweb": refinedweb_lines.refinedweb,
}
COMPUTE_OF_FILES: dict[str, ComputeOfFiles] = {
    "code": code_signals.code,
    "opencoder": code_signals.opencoder,
    "starcoder": code_signals.starcoder,
}


def columns(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    base: NDArray[np.int64],
    groups: tuple[str, ...],
    names: pa.Array | None = None,
    languages: pa.Array | None = None,
) -> list[pa.Array]:
    """One array a signal on demand, in catalogue order.

    Args:
        data: UTF-8 bytes, valid.
        offsets: byte offsets, documents + 1.
        base: counters of the documents (documents, counters.N).
        groups: which to compute; signals of the others are null.
        names: file names or paths of the documents, for the groups of COMPUTE_OF_FILES.
        languages: declared languages, where a name does not tell the programming language.
    """
    n = len(base)
    nulls = {kind: pa.nulls(n, kind) for kind in _TYPES.values()}
    if not groups:
        return [nulls[f.type] for f in ON_DEMAND_FIELDS]
    values: dict[str, NDArray[Any]] = {}
    files: Files | None = None
    for group in groups:
        if group in COMPUTE:
            values |= COMPUTE[group](data, offsets, base)
            continue
        files = files or Files.of(
            [None] * n if names is None else names.to_pylist(),
            [None] * n if languages is None else languages.to_pylist(),
        )
        values |= COMPUTE_OF_FILES[group](data, offsets, base, files)
    return [
        _array(values[s.name], f.type) if s.name in values else nulls[f.type]
        for s, f in zip(ON_DEMAND, ON_DEMAND_FIELDS, strict=True)
    ]


def _array(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    plain = np.ma.getdata(values).astype(kind.to_pandas_dtype())
    mask = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    return pa.array(plain, kind, mask=mask)
