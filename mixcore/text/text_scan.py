"""The passes that find characters, marks, words and lines, over the documents of a chunk."""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text.byte_classes import BLOCK
from mixcore.text.char_scan import scan_chars
from mixcore.text.compiled import kernel
from mixcore.text.line_split import split_lines
from mixcore.text.mark_scan import scan_marks
from mixcore.text.word_scan import MEDIAN_BINS, scan_words


@kernel
def scan_text(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    bits: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int32],
    nfd_lengths: NDArray[np.int32],
    word_offsets: NDArray[np.int64],
    lines: NDArray[np.int32],
    line_offsets: NDArray[np.int64],
    long_words: NDArray[np.int32],
) -> None:
    """Fill counters, N words and non-blank lines of documents `offsets[d]:offsets[d + 1]`.

    Args:
        data: UTF-8 bytes, valid.
        offsets: byte offsets, documents + 1.
        rows: (documents, counters.N), zeroed.
        bits: (rows, char_scan.FIELDS) arena; bytes of the longest document / 64 + 3 rows.
        hashes: arena of N word hashes; room for (bytes + documents) / 2 + 2.
        lengths: arena of their code points.
        nfd_lengths: arena of their code points after NFD.
        word_offsets: documents + 1; where each document's N words start.
        lines: (room, LINE_FIELDS) arena of non-blank lines; room as for words.
        line_offsets: documents + 1; where each document's lines start.
        long_words: arena for word lengths of MEDIAN_BINS or more.
    """
    bins = np.zeros(MEDIAN_BINS, np.int64)
    tail = np.zeros(BLOCK, np.uint8)
    n_words = n_lines = 0
    word_offsets[0] = 0
    line_offsets[0] = 0
    for d in range(offsets.shape[0] - 1):
        start = offsets[d]
        end = offsets[d + 1]
        row = rows[d]
        n_blocks = scan_chars(data, start, end, tail, bits, row)
        scan_marks(data, start, end, bits, n_blocks, row)
        n_words, n_long = scan_words(
            data, start, bits, n_blocks, hashes, lengths, nfd_lengths, n_words, bins, long_words,
            row,
        )  # fmt: skip
        row[c.TWICE_MEDIAN_WORD] = _twice_median(bins, long_words[:n_long], row[c.WORDS])
        n_lines = split_lines(data, start, end, bits, n_blocks, lines, n_lines, row)
        word_offsets[d + 1] = n_words
        line_offsets[d + 1] = n_lines


@kernel
def _twice_median(bins: NDArray[np.int64], longs: NDArray[np.int32], n: int) -> int:
    """Twice the median of n lengths: counts of the short ones, a list of the long ones."""
    if n == 0:
        return 0
    total = 0
    lower_rank = (n - 1) // 2
    upper_rank = n // 2
    n_short = n - longs.shape[0]
    if upper_rank >= n_short:
        longs = np.sort(longs)
    result = 0
    for rank in (lower_rank, upper_rank):
        if rank >= n_short:
            result += longs[rank - n_short]
            continue
        total = 0
        for length in range(MEDIAN_BINS):
            total += bins[length]
            if total > rank:
                result += length
                break
    return result
