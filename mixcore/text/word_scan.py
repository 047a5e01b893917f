"""First pass over the text: characters, W words, N words, P tokens, sentences, line ends.

One loop with a fast path for words of ASCII letters and digits with at most one closing mark;
every other word goes through `odd_word`, character by character and with the word scanners.

An N word is kept as a 64-bit hash of its lower-cased code points. Two different words of one
document share it with probability of about n^2 / 2^65 (n distinct words; text not made to
collide): 3e-8 for a million. The hash has no key, so it is no defence against an attacker.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"
# ruff: noqa: PLR1714 # `x in {..}` builds a set in compiled code

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text import unicode_tables as u
from mixcore.text.compiled import kernel
from mixcore.text.odd_word import MULTIPLIER, SEED, ocr_chain, odd_word
from mixcore.text.word_scanners import IS_LETTER, hex_literal, is_word_before, phone_end

LOWER, CAPITAL, NUMERAL, BLANK, ODD, HIGH = range(6)


def _kinds() -> NDArray[np.uint8]:
    kinds = np.full(256, ODD, np.uint8)
    kinds[ord("a") : ord("z") + 1] = LOWER
    kinds[ord("A") : ord("Z") + 1] = CAPITAL
    kinds[ord("0") : ord("9") + 1] = NUMERAL
    kinds[[i for i in range(128) if chr(i).isspace()]] = BLANK
    kinds[128:] = HIGH
    return kinds


def _closers() -> NDArray[np.bool_]:
    closers = np.zeros(256, np.bool_)
    closers[[ord(mark) for mark in ",.;:!?)\"'"]] = True
    return closers


_KIND = _kinds()
_CLOSER = _closers()
SHORT_LINE = 30  # FineWeb
MEDIAN_BINS = 128
# Fields of a row of `lines`: byte positions from the document's start, characters, breaks.
L_START, L_END, L_INNER_START, L_INNER_END, L_CHARS, L_BREAK = range(6)
LINE_FIELDS = 6
# Bits of L_BREAK: an empty line lies between this line and the non-blank one before it,
# after removal of one CR (paragraphs), or with no CR at all (DCLM's parts).
BREAK_PARA, BREAK_PART = 1, 2


@kernel
def scan_words(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    stop_hash: NDArray[np.uint64],
    stop_index: NDArray[np.int64],
    rows: NDArray[np.int64],
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
        stop_hash: 256 slots of word hashes by their top byte (linear probing, 0 = free).
        stop_index: number of the stop word in each slot.
        rows: (documents, counters.N), zeroed.
        hashes: arena of N word hashes; room for (bytes + documents) / 2 + 1.
        lengths: arena of their code points.
        nfd_lengths: arena of their code points after NFD.
        word_offsets: documents + 1; where each document's N words start.
        lines: (room, LINE_FIELDS) arena of non-blank lines; room as for words.
        line_offsets: documents + 1; where each document's lines start.
        long_words: arena for word lengths of MEDIAN_BINS or more.
    """
    bins = np.zeros(MEDIAN_BINS, np.int64)
    n_norm = 0
    n_lines = 0
    word_offsets[0] = 0
    line_offsets[0] = 0
    for d in range(offsets.shape[0] - 1):
        start = offsets[d]
        end = offsets[d + 1]
        row = rows[d]
        bins[:] = 0
        n_long = 0
        words = word_chars = max_word = 0
        plain_words = plain_alpha = plain_caps = plain_letters = plain_digits = 0
        capitals = marks = norm_chars = nfd_chars = stop_words = 0
        stop_seen = np.int64(0)
        extra = 0  # continuation bytes so far
        n_all = n_blank = feeds = line_chars = max_line = short = single = upper = numeric = 0
        line_start = start
        line_extra = line_words = line_upper = line_digit = 0
        inner_start = inner_end = start
        breaks = 0
        sentence = False
        i = start
        while True:
            # whitespace, up to the next word; the end of the text closes the last line
            at_end = i >= end
            b = np.uint8(10)
            kind = BLANK
            if not at_end:
                b = data[i]
                kind = _KIND[b]
            if kind == BLANK:
                if b == 32:
                    i += 1
                    continue
                if b == 10:
                    if at_end and line_start == end:
                        break
                    stop = i
                    if stop > line_start and data[stop - 1] == 13:
                        stop -= 1
                    chars = stop - line_start - (extra - line_extra)
                    n_all += 1
                    line_chars += chars
                    max_line = max(max_line, chars)
                    if words == line_words:
                        n_blank += 1
                        if i == line_start:
                            breaks |= BREAK_PARA | BREAK_PART
                        elif stop == line_start:
                            breaks |= BREAK_PARA
                    else:
                        row_upper = row[c.UPPER] + capitals - line_upper
                        row_digit = row[c.DIGIT] + plain_digits - line_digit
                        short += chars <= SHORT_LINE
                        single += words == line_words + 1
                        upper += 2 * row_upper > chars
                        numeric += row_digit == chars
                        lines[n_lines, L_START] = line_start - start
                        lines[n_lines, L_END] = stop - start
                        lines[n_lines, L_INNER_START] = inner_start - start
                        lines[n_lines, L_INNER_END] = inner_end - start
                        lines[n_lines, L_CHARS] = chars
                        lines[n_lines, L_BREAK] = breaks
                        breaks = 0
                        n_lines += 1
                    if at_end:
                        break
                    feeds += 1
                    line_start = i + 1
                    line_extra = extra
                    line_words = words
                    line_upper = row[c.UPPER] + capitals
                    line_digit = row[c.DIGIT] + plain_digits
                elif b != 9 and b != 13:
                    row[c.CONTROL] += 1
                i += 1
                continue
            if kind == HIGH:
                cp = u.decode(data, i, end)
                if u.FLAGS[u.record(cp)] & u.SPACE:
                    w = u.width(b)
                    extra += w - 1
                    row[c.NON_ASCII] += 1
                    row[c.CONTROL] += cp == 0x85
                    i += w
                    continue

            # a word: letters and digits first
            s = i
            h = SEED
            wu = wd = 0
            while i < end:
                b = data[i]
                kind = _KIND[b]
                if kind == LOWER:
                    h = (h ^ np.uint64(b)) * MULTIPLIER
                elif kind == CAPITAL:
                    wu += 1
                    h = (h ^ np.uint64(b | 32)) * MULTIPLIER
                elif kind == NUMERAL:
                    wd += 1
                    h = (h ^ np.uint64(b)) * MULTIPLIER
                else:
                    break
                i += 1
            norm = nfd = chars = i - s
            plain = i >= end or kind == BLANK
            if not plain and norm and _CLOSER[b] and (i + 1 >= end or _KIND[data[i + 1]] == BLANK):
                plain = True
                marks += 1
                chars += 1
                if (b == 46 or b == 33 or b == 63) and (sentence or norm):
                    row[c.SENTENCES] += 1
                    sentence = False
                else:
                    sentence = True
                i += 1
            elif plain:
                sentence = True
            if plain:
                plain_words += 1
                plain_letters += norm - wd
                plain_digits += wd
                capitals += wu
                if norm > wd:
                    plain_alpha += 1
                    plain_caps += wu + wd == norm
                if wd:
                    row[c.HEX_CHARS] += hex_literal(data, s, s + norm)
            else:
                row[c.HAS_W] = sentence
                i, chars, norm, nfd, h = odd_word(data, s, end, row)
                sentence = row[c.HAS_W] != 0
                extra += i - s - chars
            if s > start and (wd >= 3 or data[s] == 40) and s - 1 >= row[c.PHONE_END]:
                phone = phone_end(data, s, end)
                if phone > 0:
                    row[c.PHONES] += 1
                    row[c.PHONE_END] = phone
            if chars == 1 or not plain:
                last = i - 1
                if IS_LETTER[data[last]] and not is_word_before(data, last, s):
                    ocr_chain(data, last, end, row)

            if words == line_words:
                inner_start = s
            inner_end = i
            words += 1
            word_chars += chars
            max_word = max(max_word, chars)
            if chars < MEDIAN_BINS:
                bins[chars] += 1
            else:
                long_words[n_long] = chars
                n_long += 1
            if norm:
                hashes[n_norm] = h
                lengths[n_norm] = norm
                nfd_lengths[n_norm] = nfd
                n_norm += 1
                norm_chars += norm
                nfd_chars += nfd
                slot = np.int64(h >> np.uint64(56))
                while stop_hash[slot] != 0:
                    if stop_hash[slot] == h:
                        stop_words += 1
                        stop_seen |= np.int64(1) << stop_index[slot]
                        break
                    slot = (slot + 1) & 255

        row[c.CHARS] = end - start - extra
        row[c.ALPHA] += plain_letters
        row[c.ALNUM] += plain_letters + plain_digits
        row[c.DIGIT] += plain_digits
        row[c.UPPER] += capitals
        row[c.PUNCT] += marks
        row[c.SPACE] = row[c.CHARS] - word_chars
        row[c.WORDS] = words
        row[c.WORD_CHARS] = word_chars
        row[c.MAX_WORD] = max_word
        row[c.ALPHA_WORDS] += plain_alpha
        row[c.NONSYMBOL_WORDS] += plain_words
        row[c.TOKENS] += plain_words + marks
        row[c.CAPS_TOKENS] += plain_caps
        row[c.ASCII_TOKENS] += plain_alpha
        row[c.SENTENCES] += sentence
        row[c.NORM_WORDS] = n_norm - word_offsets[d]
        row[c.NORM_CHARS] = norm_chars
        row[c.NFD_CHARS] = nfd_chars
        row[c.STOP_WORDS] = stop_words
        while stop_seen:
            row[c.STOP_KINDS] += stop_seen & 1
            stop_seen >>= 1
        row[c.LINES] = n_all
        row[c.BLANK_LINES] = n_blank
        row[c.LINE_FEEDS] = feeds
        row[c.LINE_CHARS] = line_chars
        row[c.MAX_LINE] = max_line
        row[c.SHORT_LINES] = short
        row[c.SINGLE_WORD_LINES] = single
        row[c.UPPER_LINES] = upper
        row[c.NUMERIC_LINES] = numeric
        row[c.TWICE_MEDIAN_WORD] = _twice_median(bins, long_words[:n_long], words)
        word_offsets[d + 1] = n_norm
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
