"""Words off the fast path: other marks than one closing mark, or characters beyond ASCII."""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"
# ruff: noqa: PLR1714 # `x in {..}` builds a set in compiled code

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text import unicode_tables as u
from mixcore.text.compiled import kernel
from mixcore.text.word_scanners import (
    IS_LETTER,
    count_emails,
    count_ipv4,
    hex_literal,
    url_bytes,
)

SEED = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)  # odd, as multiplying must lose nothing


def _token_bits() -> NDArray[np.int64]:
    """By the two case flags: bit 0 = upper, bit 1 = lower or title."""
    bits = np.zeros((u.UPPER | u.NOT_UPPER) + 1, np.int64)
    bits[[u.UPPER, u.NOT_UPPER, u.UPPER | u.NOT_UPPER]] = 1, 2, 3
    return bits


_TOKEN_BITS = _token_bits()
_LETTER_BIT = np.where(IS_LETTER, 4, 0)  # bit 2 of a token's bits: an ASCII letter


@kernel
def word_hash(code_points: NDArray[np.int64]) -> np.uint64:
    """The hash of a word given as lower-cased code points (for stop lists and tests)."""
    h = SEED
    for cp in code_points:
        h = (h ^ np.uint64(cp)) * MULTIPLIER
    return h


@kernel
def _ends_final_sigma(
    data: NDArray[np.uint8],
    i: int,
    end: int,
    after_cased: bool,  # noqa: FBT001
) -> bool:
    """Whether a capital sigma before `i` is a final one (ASCII marks and spaces not seen)."""
    if not after_cased:
        return False
    while i < end:
        flags = u.FLAGS[u.record(u.decode(data, i, end))]
        if flags & u.SPACE:
            return True
        if not (flags & u.ASCII_PUNCT) and not (flags & u.IGNORABLE):
            return (flags & u.CASED) == 0
        i += u.width(data[i])
    return True


@kernel
def _unpack(packed: int, row: NDArray[np.int64]) -> None:
    """Add the lanes of `unicode_u.PACKED_of` to the counters."""
    row[c.ALPHA] += packed & 255
    row[c.ALNUM] += (packed >> 8) & 255
    row[c.DIGIT] += (packed >> 16) & 255
    row[c.UPPER] += (packed >> 24) & 255
    row[c.PUNCT] += (packed >> 32) & 255
    row[c.CONTROL] += (packed >> 40) & 255


@kernel
def odd_word(
    data: NDArray[np.uint8], s: int, end: int, row: NDArray[np.int64]
) -> tuple[int, int, int, int, np.uint64]:
    """Measure the W word at `s`; gives its end, characters, N length, NFD length and hash."""
    h = SEED
    chars = norm = nfd = 0
    token_kind = 0
    token_start = s
    token_bits = 0
    tokens = caps = in_ascii = 0
    dots = run = 0
    run_end = np.int64(-1)
    all_flags = 0
    symbols_only = True
    after_cased = False
    has_at = has_backslash = has_w_letter = has_colon = False
    sentence = row[c.HAS_W] != 0
    i = s
    packed = np.int64(0)
    flushed = 0
    while i < end:
        b = np.int64(data[i])
        if b < 128:
            cp = b
            w = 1
            rec = u.ASCII_RECORD[b]
        else:
            cp = u.decode(data, i, end)
            w = u.width(b)
            rec = u.record(cp)
        f = u.FLAGS[rec]
        if f & u.SPACE:
            break
        chars += 1
        all_flags |= f
        packed += u.PACKED[rec]
        if chars - flushed == u.LANE_ROOM:
            _unpack(packed, row)
            packed = np.int64(0)
            flushed = chars
        symbols_only &= (f & u.DT_PUNCT) != 0
        kind = 1 if f & u.WORD else 2
        if kind != token_kind:
            if token_kind:
                tokens += 1
                caps += (token_bits & 3) == 1
                in_ascii += (token_bits & 4) != 0
                if token_kind == 1 and data[token_start] == 48:
                    row[c.HEX_CHARS] += hex_literal(data, token_start, i)
            token_kind = kind
            token_start = i
            token_bits = 0
        token_bits |= _TOKEN_BITS[f & (u.UPPER | u.NOT_UPPER)]
        if kind == 1:
            sentence = True
            if b < 128:
                token_bits |= _LETTER_BIT[b]
                has_w_letter |= (b | 32) == 119 or (b | 32) == 112
        elif b < 128:
            if b == 46:
                dots += 1
                run = run + 1 if i == run_end else 1
                run_end = i + 1
                if run == 3:
                    row[c.ELLIPSIS] += 1
                    run = 0
            if (b == 46 or b == 33 or b == 63) and sentence:
                row[c.SENTENCES] += 1
                sentence = False
            row[c.HASH] += b == 35
            row[c.CURLY_OPEN] += b == 123
            row[c.CURLY_CLOSE] += b == 125
            has_at |= b == 64
            has_backslash |= b == 92
            has_colon |= b == 58
        if b >= 128:
            row[c.NON_ASCII] += 1
            row[c.REPLACEMENT] += cp == 0xFFFD
            row[c.ELLIPSIS] += cp == 0x2026
        if not (f & u.ASCII_PUNCT):
            norm += 1
            nfd += u.NFD[rec]
            low = cp + u.DELTA[rec]
            if cp == 0x130:  # the one letter with two lower-case code points
                h = (h ^ np.uint64(0x69)) * MULTIPLIER
                low = 0x307
                norm += 1
            elif cp == 0x3A3 and _ends_final_sigma(data, i + w, end, after_cased):
                low = 0x3C2
            h = (h ^ np.uint64(low)) * MULTIPLIER
            if not (f & u.IGNORABLE):
                after_cased = (f & u.CASED) != 0
        i += w
    row[c.TOKENS] += tokens + 1
    row[c.CAPS_TOKENS] += caps + ((token_bits & 3) == 1)
    row[c.ASCII_TOKENS] += in_ascii + ((token_bits & 4) != 0)
    if token_kind == 1 and data[token_start] == 48:
        row[c.HEX_CHARS] += hex_literal(data, token_start, i)
    _unpack(packed, row)
    row[c.HAS_W] = sentence
    row[c.ALPHA_WORDS] += (all_flags & u.ALPHA) != 0
    row[c.NONSYMBOL_WORDS] += not symbols_only
    if has_at:
        row[c.EMAILS] += count_emails(data, s, i)
    if dots >= 3 and (all_flags & u.DIGIT):
        row[c.IPV4] += count_ipv4(data, s, i)
    if has_w_letter and (has_colon or dots):
        us, ue = url_bytes(data, s, i)
        row[c.URL_CHARS] += u.count_chars(data, us, ue)
    if has_backslash:
        k = s
        while k < i:
            m = k + 1
            if data[k] == 92:
                while m < i and IS_LETTER[data[m]]:
                    m += 1
                row[c.LATEX_CHARS] += m - k if m > k + 1 else 0
            k = m
    return i, chars, norm, nfd, h


@kernel
def ocr_chain(data: NDArray[np.uint8], p: int, end: int, row: NDArray[np.int64]) -> None:
    r"""Count a run of spaced letters `\b([A-Za-z]\s)([a-z]\s)*[A-Za-z]\b` that starts at `p`."""
    if p < row[c.OCR_END]:
        return
    last = -1
    q = p
    while True:
        q += 1
        if q >= end:
            break
        if not u.FLAGS[u.record(u.decode(data, q, end))] & u.SPACE:
            break
        q += u.width(data[q])
        if q >= end or not IS_LETTER[data[q]]:
            break
        if q + 1 < end:
            after = u.FLAGS[u.record(u.decode(data, q + 1, end))]
            if after & u.WORD:
                break
        last = q + 1
        if data[q] < 97:
            break
    if last > 0:
        row[c.OCR_RUNS] += 1
        row[c.OCR_END] = last
