r"""Words as peers cut them, for signals on demand: hash, length and marks of each.

Streams:

- P: runs of `\w+` or `[^\w\s]+`, case kept (WordPunct; stands in for spaCy's words).
- W: runs of non-whitespace, case kept (dolma).
- C: as P with ASCII punctuation as space, lower-cased (OpenCoder without its NFKC).

Unlike the passes of every document, these look at one byte after another: about 200 MB/s. A token
is its 64-bit hash; two of a document share one with probability of about n^2 / 2^65.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text import unicode_tables as u
from mixcore.text.byte_classes import ZERO
from mixcore.text.compiled import leaf
from mixcore.text.line_scan import hash_bytes
from mixcore.text.odd_word import SEED, add_char, finish

STREAM_P, STREAM_W, STREAM_C = range(3)
# Marks of a token.
HAS_ALPHA, HAS_PLAIN, HAS_SYMBOL = 1, 2, 4
_SPACE, _WORD, _OTHER = range(3)
_LOW_A, _LOW_Z = 65, 90

# Sentence_Terminal of Unicode 16 that datatrove's list (utils/text.py) does not have.
NOT_IN_DATATROVE = (
    0x2024, 0x2CF9, 0x2CFA, 0x2CFB, 0xFE12, 0xFE15, 0xFE16, 0x1B4E, 0x1B4F, 0x1B7F, 0x113D4,
    0x113D5, 0x16D6E, 0x16D6F,
)  # fmt: skip
_NOT_IN_DATATROVE = np.array(sorted(NOT_IN_DATATROVE))


@leaf
def is_datatrove_terminal(cp: int) -> bool:
    """Whether a code point ends a sentence in datatrove's list, TERMINAL_PUNCTUATION."""
    if not u.FLAGS[u.record(cp)] & u.TERMINAL:
        return False
    if cp < _NOT_IN_DATATROVE[0]:
        return True
    known = True
    for i in range(_NOT_IN_DATATROVE.shape[0]):
        known &= _NOT_IN_DATATROVE[i] != cp
    return known


@leaf
def _class_of(flags: int, stream: int) -> int:
    if flags & u.SPACE:
        return _SPACE
    if stream == STREAM_W:
        return _WORD
    if stream == STREAM_C and flags & u.ASCII_PUNCT:
        return _SPACE
    return _WORD if flags & u.WORD else _OTHER


@leaf
def _lowered_hash(data: NDArray[np.uint8], s: int, e: int) -> np.uint64:
    """Hash of the lower-cased characters of `data[s:e]`."""
    h, chunk, n = SEED, ZERO, 0
    i = s
    while i < e:
        cp = u.decode(data, i, e)
        i += u.width(data[i])
        h, chunk, n = add_char(h, chunk, n, cp + u.DELTA[u.record(cp)])
    return finish(h, chunk, n)


@leaf
def _marks_of(cp: int, flags: int) -> int:
    marks = HAS_ALPHA if flags & u.ALPHA else 0
    if not flags & u.DT_PUNCT and not is_datatrove_terminal(cp):
        marks |= HAS_PLAIN
    if cp == 35 or cp == 0x2026:  # noqa: PLR1714 - a set is slow in compiled code
        marks |= HAS_SYMBOL
    return marks


@leaf
def cut_tokens(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    stream: int,
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int32],
    marks: NDArray[np.uint8],
) -> int:
    """Cut `data[start:end]` into tokens; gives how many there are.

    Args:
        data: UTF-8 bytes, valid.
        start: first byte of the text.
        end: one past its last byte.
        stream: STREAM_P, STREAM_W or STREAM_C.
        hashes: filled; room for one a byte, as for the other two.
        lengths: filled with code points.
        marks: filled with HAS_ALPHA, HAS_PLAIN, HAS_SYMBOL.
    """
    n = 0
    kind = _SPACE
    s = start
    chars = mark = 0
    i = start
    while i <= end:
        cls = _SPACE
        cp = flags = 0
        if i < end:
            cp = u.decode(data, i, end)
            flags = u.FLAGS[u.record(cp)]
            cls = _class_of(flags, stream)
        if cls != kind:
            if kind != _SPACE:
                hashes[n] = (
                    _lowered_hash(data, s, i) if stream == STREAM_C else hash_bytes(data, s, i)
                )
                lengths[n] = chars
                marks[n] = mark
                n += 1
            kind = cls
            s = i
            chars = mark = 0
        if i == end:
            break
        if cls != _SPACE:
            chars += 1
            mark |= _marks_of(cp, flags)
        i += u.width(data[i])
    return n
