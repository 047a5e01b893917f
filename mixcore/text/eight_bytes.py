"""Eight bytes of a buffer at a time, as one little-endian word: intrinsics and byte-wise tests.

A mask has the highest bit of each byte for which it holds, all other bits clear.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from mixcore.text.compiled import leaf

HIGH = np.uint64(0x8080808080808080)
_LOW7 = np.uint64(0x7F7F7F7F7F7F7F7F)
_ONES = 0x0101010101010101
_SPACES = np.uint64(0x20 * _ONES)
_FROM_SPACE = np.uint64((0x80 - 0x20) * _ONES)
_FROM_A, _FROM_BRACE = np.uint64((0x80 - 0x61) * _ONES), np.uint64((0x80 - 0x7B) * _ONES)
"""Added to a byte below 0x80, these carry into its highest bit from that character on."""
_TWO = np.uint64(2)


def _address(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Pointer to the eight bytes at `args[1]` of the array `args[0]`."""
    array = context.make_array(sig.args[0])(context, builder, args[0])
    first = builder.gep(array.data, [args[1]])
    return builder.bitcast(first, ir.IntType(64).as_pointer())


def _load(typing_context: Any, data: Any, index: Any) -> Any:  # noqa: ARG001
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, sig, args), align=1)

    return types.uint64(data, types.int64), codegen


def _store(typing_context: Any, data: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, sig, args), align=1)
        return context.get_dummy_value()

    return types.void(data, types.int64, types.uint64), codegen


load_u64: Any = intrinsic(_load)
"""`load_u64(data, index)`: eight bytes at any index of a uint8 array, within its bounds."""
store_u64: Any = intrinsic(_store)
"""`store_u64(data, index, value)`: write them."""


@leaf
def load_tail(data: Any, index: int, end: int) -> Any:
    """Like `load_u64` for fewer than eight bytes before `end`; the rest is zero."""
    word = np.uint64(0)
    for j in range(index, end):
        word |= np.uint64(data[j]) << np.uint64(8 * (j - index))
    return word


@leaf
def letters(word: Any) -> Any:
    """Mask of ASCII letters. Shifted right by 2 it is the bit that lower-cases them."""
    folded = (word & _LOW7) | _SPACES
    return (folded + _FROM_A) & ~(folded + _FROM_BRACE) & ~word & HIGH


@leaf
def spaces(word: Any) -> Any:
    """Mask of U+0020."""
    return ~(((word & _LOW7) ^ _SPACES) + _LOW7) & ~word & HIGH


@leaf
def all_printable(word: Any) -> Any:
    """Whether every byte is 0x20..0x7F."""
    return (word & HIGH) == 0 and ((word + _FROM_SPACE) & HIGH) == HIGH


@leaf
def lower(word: Any) -> Any:
    """ASCII letters in lower case, other bytes as they are."""
    return word | (letters(word) >> _TWO)
