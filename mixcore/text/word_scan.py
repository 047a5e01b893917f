"""Third pass: W words and N words of a document, from the bits of `char_scan`."""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text.byte_classes import (
    ALL,
    BLOCK,
    ONE,
    ZERO,
    after,
    count,
    first,
    load_eight,
    low_bits,
    window,
)
from mixcore.text.char_scan import HIGH, MARK, SPACE
from mixcore.text.compiled import leaf
from mixcore.text.eight_bytes import load_u64, lower
from mixcore.text.odd_word import SEED, add_chunk, finish, odd_word

MEDIAN_BINS = 128
_EIGHT, _SIXTEEN = 8, 16
_S8, _S63 = np.uint64(8), np.uint64(63)


@leaf
def _pieces_hash(data: Any, s: int, pieces: Any, n_bytes: int) -> Any:
    """Hash of an ASCII word at `s`: the bytes whose bits are set in `pieces`, put together."""
    skip = first(pieces)
    run = pieces >> (np.uint64(skip) & _S63)
    at = s + skip
    if (run & (run + ONE)) == ZERO and 0 < n_bytes < _SIXTEEN and at + _SIXTEEN <= data.shape[0]:
        # One piece of up to 15 bytes: most words. Selected, as branches would be foreseen badly.
        kept = low_bits(8 * min(n_bytes, _EIGHT))
        chunk = lower(load_u64(data, at)) & kept
        rest = (
            lower(load_u64(data, at + _EIGHT)) & (ALL >> np.uint64(8 * (15 - n_bytes) & 63)) >> _S8
        )
        long = n_bytes >= _EIGHT
        return finish(add_chunk(SEED, chunk) if long else SEED, rest if long else chunk, n_bytes)
    h, chunk = SEED, ZERO
    held = 0
    while pieces != ZERO:
        skip = first(pieces)
        left = first(~(pieces >> np.uint64(skip)))
        at = s + skip
        pieces &= pieces + (pieces & (~pieces + ONE))  # without its lowest run
        while left > 0:
            size = min(left, _EIGHT)
            code = lower(load_eight(data, at)) & low_bits(8 * size)
            chunk |= code << np.uint64(8 * held)
            if held + size >= _EIGHT:
                h = add_chunk(h, chunk)
                chunk = (code >> np.uint64(8 * (_EIGHT - 1 - held))) >> _S8
                held -= _EIGHT
            held += size
            at += size
            left -= size
    return finish(h, chunk, n_bytes)


@leaf
def scan_words(
    data: NDArray[np.uint8],
    start: int,
    bits: NDArray[np.uint64],
    n_blocks: int,
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int32],
    nfd_lengths: NDArray[np.int32],
    n_norm: int,
    bins: NDArray[np.int64],
    long_words: NDArray[np.int32],
    row: NDArray[np.int64],
) -> tuple[int, int]:
    """Fill the counters of words and append the document's N words to arenas.

    Args:
        data: UTF-8 bytes, valid.
        start: first byte of the document.
        bits: as filled by `scan_chars`.
        n_blocks: blocks of the document.
        hashes: arena of N word hashes; room for half the document's bytes + 1.
        lengths: arena of their code points.
        nfd_lengths: arena of their code points after NFD.
        n_norm: N words in the arenas.
        bins: word lengths below MEDIAN_BINS, counted here.
        long_words: arena for word lengths of MEDIAN_BINS or more.
        row: the document's counters.

    Returns:
        N words in the arenas now, lengths in `long_words`.
    """
    bins[:] = 0
    n_long = 0
    words = max_word = norm_chars = nfd_chars = 0
    first_norm = n_norm
    carry = ZERO
    s = 0
    is_open = False
    for k in range(n_blocks + 1):
        solid = ~bits[k, SPACE]
        before = after(solid, carry)
        starts = solid & ~before
        ends = before & ~solid
        carry = solid
        while ends != ZERO:
            e = k * BLOCK + first(ends)
            ends &= ends - ONE
            if not is_open:
                s = k * BLOCK + first(starts)
                starts &= starts - ONE
            is_open = False
            chars = e - s
            odd = chars > BLOCK
            pieces = ZERO
            if not odd:
                inside = low_bits(chars)
                odd = (window(bits, HIGH, s) & inside) != ZERO
                pieces = ~window(bits, MARK, s) & inside
            if odd:
                chars, norm, nfd, h = odd_word(data, start + s, start + e)
            else:
                norm = count(pieces)
                nfd = norm
                h = _pieces_hash(data, start + s, pieces, norm)
            words += 1
            max_word = max(max_word, chars)
            if chars < MEDIAN_BINS:
                bins[chars] += 1
            else:
                long_words[n_long] = chars
                n_long += 1
            # Written in any case, kept if it is a word: no branch on what cannot be foreseen.
            hashes[n_norm] = h
            lengths[n_norm] = norm
            nfd_lengths[n_norm] = nfd
            n_norm += norm > 0
            norm_chars += norm
            nfd_chars += nfd
        if starts != ZERO:
            s = k * BLOCK + first(starts)
            is_open = True
    row[c.WORDS] = words
    row[c.WORD_CHARS] = row[c.CHARS] - row[c.SPACE]
    row[c.MAX_WORD] = max_word
    row[c.NORM_WORDS] = n_norm - first_norm
    row[c.NORM_CHARS] = norm_chars
    row[c.NFD_CHARS] = nfd_chars
    return n_norm, n_long
