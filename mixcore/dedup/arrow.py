"""Binary Arrow columns as flat numpy arrays and back, without a Python object a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


def flat_bytes(column: Any) -> tuple[U8, I64]:
    """All bytes of a binary array one after another, and the n + 1 offsets into them.

    Args:
        column: `binary` or `large_binary` array, sliced or not; null reads as empty.
    """
    array = column.cast(pa.large_binary()).fill_null(b"")
    if not len(array):
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64, len(array) + 1, array.offset * 8)
    length = int(ends[-1] - ends[0])
    if data is None or not length:
        return np.empty(0, np.uint8), ends - ends[0]
    return np.frombuffer(data, np.uint8, length, int(ends[0])), ends - ends[0]


def flat_hashes(column: Any) -> tuple[U64, I64]:
    """The uint64 values (little endian) of a binary array, and the n + 1 offsets into them."""
    data, offsets = flat_bytes(column)
    return data.view("<u8").astype(np.uint64, copy=False), offsets // 8


def binary_of_hashes(hashes: U64, offsets: I64) -> Any:
    """The inverse of `flat_hashes`: a `binary` array, little endian."""
    data = np.ascontiguousarray(hashes, "<u8")
    ends = np.asarray(offsets * 8, np.int64)
    array = pa.Array.from_buffers(
        pa.large_binary(), len(ends) - 1, [None, pa.py_buffer(ends), pa.py_buffer(data)]
    )
    return array.cast(pa.binary())


def longs(column: Any) -> I64:
    """A BIGINT column without nulls as int64."""
    values: I64 = column.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return values
