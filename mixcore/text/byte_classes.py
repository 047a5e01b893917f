"""Classes of 64 bytes at a time: one bit a byte, one u64 a class; and arithmetic on such bits.

The classes are compares of a vector of 64 bytes in LLVM's own terms, so that each machine gets
the widest instructions it has. Bit j of a mask belongs to byte j; "later" is towards bit 63.
"""

# numba's kernels and types are untyped:
# mypy: disable-error-code="no-any-return,no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from mixcore.text.compiled import leaf
from mixcore.text.eight_bytes import load_tail, load_u64

BLOCK = 64
ALL, ZERO, ONE = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0), np.uint64(1)
_S62, _S63 = np.uint64(62), np.uint64(63)
_TWO, _INDEX = np.uint64(2), np.uint64(63)

Ranges = tuple[tuple[int, int], ...]
_CLASSES: tuple[Ranges, ...] = (
    ((9, 13), (28, 32)),  # whitespace, as str.isspace
    ((10, 10),),  # line feed
    ((65, 90),),  # upper
    ((97, 122),),  # lower
    ((48, 57),),  # digit
    ((33, 47), (58, 64), (91, 96), (123, 126)),  # the 32 punctuation marks
    ((0, 8), (11, 12), (14, 31), (127, 127)),  # control characters but TAB, LF, CR
    ((128, 255),),  # of characters beyond ASCII
    ((128, 191),),  # their second and later bytes
    ((33, 33), (46, 46), (63, 63)),  # ! . ?
    ((95, 95),),  # _
    ((46, 46),),  # .
    ((47, 47),),  # /
    ((58, 58),),  # :
    ((40, 40),),  # (
    ((64, 64),),  # @
    ((92, 92),),  # backslash
    ((48, 48),),  # 0
    ((87, 87), (119, 119)),  # w
    ((88, 88), (120, 120)),  # x
    ((35, 35),),  # #
    ((123, 123),),  # {
    ((125, 125),),  # }
)
"""Ranges of bytes, ends included, in the order of `byte_classes`' result."""
_WORD: tuple[Ranges, ...] = (((48, 57), (65, 90), (95, 95), (97, 122), (128, 255)), ((128, 255),))


def masks_of(classes: tuple[Ranges, ...]) -> Any:
    """A compiled function `f(data, index)`: the masks of `data[index:index + 64]`.

    Args:
        classes: ranges of bytes, ends included, of each mask.

    Returns:
        The function; it gives a tuple of u64, one a class. The bytes must lie in the array.
    """
    byte, bits, block = ir.IntType(8), ir.IntType(64), ir.VectorType(ir.IntType(8), BLOCK)

    def fill(value: int) -> Any:
        return ir.Constant(block, [ir.Constant(byte, value)] * BLOCK)

    def mask(builder: Any, text: Any, ranges: Ranges) -> Any:
        member = None
        for low, high in ranges:
            if low == high:
                inside = builder.icmp_unsigned("==", text, fill(low))
            else:
                above = builder.sub(text, fill(low)) if low else text
                inside = builder.icmp_unsigned("<=", above, fill(high - low))
            member = inside if member is None else builder.or_(member, inside)
        return builder.bitcast(member, bits)

    def typed(typing_context: Any, data: Any, index: Any) -> Any:  # noqa: ARG001
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            array = context.make_array(sig.args[0])(context, builder, args[0])
            start = builder.bitcast(builder.gep(array.data, [args[1]]), block.as_pointer())
            text = builder.load(start, align=1)
            masks = [mask(builder, text, ranges) for ranges in classes]
            return context.make_tuple(builder, sig.return_type, masks)

        return types.UniTuple(types.uint64, len(classes))(data, types.int64), codegen

    return intrinsic(typed)


def _unary(name: str) -> Any:
    def typed(typing_context: Any, mask: Any) -> Any:  # noqa: ARG001
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ARG001
            if name == "ctpop":
                return builder.ctpop(args[0])
            return getattr(builder, name)(args[0], ir.Constant(ir.IntType(1), 0))

        return types.int64(types.uint64), codegen

    return typed


byte_classes: Any = masks_of(_CLASSES)
"""All classes of `_CLASSES`, in their order."""
word_classes: Any = masks_of(_WORD)
"""Bytes of ASCII word characters or beyond ASCII, and the latter alone."""
count: Any = intrinsic(_unary("ctpop"))
"""`count(mask)`: bits set."""
first: Any = intrinsic(_unary("cttz"))
"""`first(mask)`: index of the lowest bit set, 64 if none is."""
clear_above: Any = intrinsic(_unary("ctlz"))
"""`clear_above(mask)`: how many bits above the highest one set, 64 if none is."""


@leaf
def low_bits(n: int) -> Any:
    """The lowest `n` bits, 1 <= n <= 64."""
    return ALL >> np.uint64(BLOCK - n)


@leaf
def after(mask: Any, before: Any) -> Any:
    """Bits one later than those of `mask`; `before` is the mask of the block before."""
    return (mask << ONE) | (before >> _S63)


@leaf
def two_after(mask: Any, before: Any) -> Any:
    """Bits two later than those of `mask`; `before` is the mask of the block before."""
    return (mask << _TWO) | (before >> _S62)


@leaf
def runs_with(runs: Any, marks: Any, carry: Any) -> Any:
    """Which runs of bits hold a mark: adding a mark carries out of the end of its run.

    Args:
        runs: runs of bits, in blocks.
        marks: some of these bits.
        carry: from the block before, 0 at first.

    Returns:
        (a bit just after each run that ends here and holds a mark, carry for the next block).
    """
    total = runs + marks
    over = total < runs
    with_carry = total + carry
    return with_carry & ~runs, np.uint64(over | (with_carry < total))


@leaf
def window(bits: Any, field: int, at: int) -> Any:
    """64 bits of a field from any position; the block after its own must exist."""
    block = at >> 6
    shift = np.uint64(at) & _INDEX
    low = bits[block, field] >> shift
    return low | ((bits[block + 1, field] << ONE) << (_INDEX - shift))


@leaf
def count_between(bits: Any, field: int, start: int, end: int) -> int:
    """Bits set of a field at positions `start` to `end`, end excluded."""
    n = 0
    while start < end:
        size = min(end - start, BLOCK - (start & 63))
        n += count((bits[start >> 6, field] >> (np.uint64(start) & _INDEX)) & low_bits(size))
        start += size
    return n


@leaf
def next_set(bits: Any, field: int, at: int) -> int:
    """First position from `at` on whose bit is set; there must be one."""
    block = at >> 6
    mask = bits[block, field] & (ALL << (np.uint64(at) & _INDEX))
    while mask == ZERO:
        block += 1
        mask = bits[block, field]
    return block * BLOCK + first(mask)


@leaf
def next_clear(bits: Any, field: int, at: int, end: int) -> int:
    """First position from `at` on whose bit is clear, at most `end`."""
    block = at >> 6
    mask = ~bits[block, field] & (ALL << (np.uint64(at) & _INDEX))
    while mask == ZERO:
        block += 1
        if block * BLOCK >= end:
            return end
        mask = ~bits[block, field]
    return min(block * BLOCK + first(mask), end)


@leaf
def after_last(bits: Any, field: int, at: int, flip: Any) -> int:
    """One past the last position before `at` whose bit is set (`flip` ALL: clear), else 0."""
    block = at >> 6
    mask = (bits[block, field] ^ flip) & ~(ALL << (np.uint64(at) & _INDEX))
    while mask == ZERO:
        block -= 1
        if block < 0:
            return 0
        mask = bits[block, field] ^ flip
    return block * BLOCK + BLOCK - clear_above(mask)


@leaf
def load_eight(data: Any, at: int) -> Any:
    """Eight bytes at `at`; zeros after the end of the buffer."""
    n = data.shape[0]
    return load_u64(data, at) if at + 8 <= n else load_tail(data, at, n)
