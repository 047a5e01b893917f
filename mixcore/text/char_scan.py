"""First pass over the text: every counter that needs no word by itself, 64 bytes a step.

A step makes one mask a class of bytes, corrects it by the Unicode tables if a character beyond
ASCII is there, and counts bits. What later passes need is kept in `bits`, a row a block.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text import unicode_tables as u
from mixcore.text.byte_classes import (
    ALL,
    BLOCK,
    ONE,
    ZERO,
    after,
    byte_classes,
    count,
    first,
    low_bits,
    runs_with,
    two_after,
)
from mixcore.text.compiled import leaf

# Fields of a row of `bits`. All bytes of a character: SPACE, HIGH; its first: UPPER, DIGIT.
SPACE, MARK, HIGH, CONT, UPPER, DIGIT, LINE_FEED = range(7)
# Places where the scanners of `mark_scan` look; the bit is the last byte of what is in quotes.
URL = 7  # "://" up to its first slash, or "w."
AT = 8  # "@"
DOTTED = 9  # digit, dot, digit
PHONE = 10  # the second of two digits, or of "(" and a digit, that begin a word
SPACED = 11  # whitespace after a letter that stands alone
BACKSLASH = 12
HEX = 13  # "0x" at the start of a run of word characters
DOTS = 14  # the third of a run of dots
PLACES = range(URL, DOTS + 1)
ANY_PLACE = 15  # all of these
FIELDS = 16


@leaf
def _classes(data: Any, i: int, left: int, tail: Any) -> Any:
    """Classes of 64 bytes at `i`; after `left` bytes, those of spaces."""
    if left >= BLOCK:
        return byte_classes(data, i)
    for j in range(BLOCK):
        tail[j] = data[i + j] if j < left else 32
    return byte_classes(tail, 0)


@leaf
def scan_chars(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    tail: NDArray[np.uint8],
    bits: NDArray[np.uint64],
    row: NDArray[np.int64],
) -> int:
    """Count characters, P tokens and sentences of `data[start:end]`, and fill `bits`.

    Args:
        data: UTF-8 bytes, valid.
        start: first byte of the document.
        end: one past its last byte.
        tail: scratch of 64 bytes.
        bits: (rows, FIELDS) arena, at least two rows more than blocks. What lies after the
            document is whitespace.
        row: the document's counters, zeroed.

    Returns:
        Blocks of the document.
    """
    n_blocks = (end - start + BLOCK - 1) // BLOCK
    chars = alpha_chars = alnum = digits = upper_chars = puncts = controls = 0
    non_ascii = hashes = opens = closes = tokens = caps = ascii_tokens = 0
    sentences = alpha_words = plain_words = spaces = feeds = 0
    # masks of the block before, carries of `runs_with`, what a character reaches over
    p_word = p_other = p_space = p_letter = p_dot = p_digit = p_colon = ZERO
    p_open = p_w = p_start = p_zero = p_third = ZERO
    c_caps = c_low = c_caps2 = c_low2 = c_letter = c_alpha = c_plain = c_sentence = ZERO
    over_space = over_word = ZERO
    for k in range(n_blocks + 1):
        i = start + k * BLOCK
        left = min(max(end - i, 0), BLOCK)
        valid = low_bits(left) if left > 0 else ZERO
        (
            space, feed, upper, lower, digit, mark, control, high, cont, stop, underscore,
            dot, slash, colon, paren, at, backslash, zero, w, x, hash_, brace, unbrace,
        ) = _classes(data, i, left, tail)  # fmt: skip
        space = (space & valid) | over_space
        letter = upper | lower
        word = letter | digit | underscore | over_word
        alpha = letter
        plain = letter | digit  # not in datatrove's set of punctuation
        number = digit
        over_space = over_word = ZERO
        alpha_chars += count(letter)
        alnum += count(plain)
        digits += count(digit)
        upper_chars += count(upper)
        puncts += count(mark)
        controls += count(control)
        if high != ZERO:
            non_ascii += count(high & ~cont)
            packed = np.int64(0)
            leads = high & ~cont
            while leads != ZERO:
                j = first(leads)
                lead = leads & (~leads + ONE)
                leads ^= lead
                cp = u.decode(data, i + j, end)
                rec = u.record(cp)
                f = u.FLAGS[rec]
                packed += u.PACKED[rec]
                size = u.width(data[i + j])
                cover = low_bits(size) << np.uint64(j)
                over = low_bits(size) >> np.uint64(BLOCK - j) if j + size > BLOCK else ZERO
                if f & u.WORD:
                    word |= cover
                    over_word |= over
                elif f & u.SPACE:
                    space |= cover
                    over_space |= over
                elif cp == 0x2026:
                    row[c.ELLIPSIS] += 1
                elif cp == 0xFFFD:
                    row[c.REPLACEMENT] += 1
                if f & u.ALPHA:
                    alpha |= lead
                if f & u.UPPER:
                    upper |= lead
                if f & u.NOT_UPPER:
                    lower |= lead
                if f & u.DIGIT:
                    number |= lead
                if not (f & (u.DT_PUNCT | u.SPACE)):
                    plain |= lead
            alpha_chars += packed & 255
            alnum += (packed >> 8) & 255
            digits += (packed >> 16) & 255
            upper_chars += (packed >> 24) & 255
            puncts += (packed >> 32) & 255
            controls += (packed >> 40) & 255
        chars += left - count(cont & valid)
        spaces += count(space & ~cont)
        space |= ~valid
        feeds += count(feed)
        hashes += count(hash_)
        opens += count(brace)
        closes += count(unbrace)

        # P tokens: runs of word characters and runs of others
        solid = ~space
        other = solid & ~word
        word_starts = word & ~after(word, p_word)
        tokens += count(word_starts) + count(other & ~after(other, p_other))
        with_upper, c_caps = runs_with(word, upper & word, c_caps)
        with_lower, c_low = runs_with(word, lower & word, c_low)
        caps += count(with_upper & ~with_lower)
        with_letter, c_letter = runs_with(word, letter, c_letter)
        ascii_tokens += count(with_letter)
        odd_upper, odd_lower = upper & ~word, lower & ~word  # circled letters
        if (odd_upper | odd_lower | c_caps2 | c_low2) != ZERO:
            with_upper, c_caps2 = runs_with(other, odd_upper, c_caps2)
            with_lower, c_low2 = runs_with(other, odd_lower, c_low2)
            caps += count(with_upper & ~with_lower)
        # W words and sentences
        with_alpha, c_alpha = runs_with(solid, alpha, c_alpha)
        alpha_words += count(with_alpha)
        with_plain, c_plain = runs_with(solid, plain, c_plain)
        plain_words += count(with_plain)
        with_word, c_sentence = runs_with(~(stop | ~valid), word, c_sentence)
        sentences += count(with_word)

        starts = solid & after(space, p_space)
        third = dot & after(dot, p_dot) & two_after(dot, p_dot)
        at_url = (slash & after(colon, p_colon)) | (dot & after(w, p_w))
        dotted = digit & after(dot, p_dot) & two_after(digit, p_digit)
        phone = digit & after(digit | paren, p_digit | p_open) & after(starts, p_start)
        spaced = space & after(letter, p_letter) & ~two_after(word, p_word) & valid
        hexed = x & after(zero & word_starts, p_zero)
        third_first = third & ~after(third, p_third)
        bits[k, SPACE] = space
        bits[k, MARK] = mark
        bits[k, HIGH] = high
        bits[k, CONT] = cont
        bits[k, UPPER] = upper
        bits[k, DIGIT] = number
        bits[k, LINE_FEED] = feed
        bits[k, URL] = at_url
        bits[k, AT] = at
        bits[k, DOTTED] = dotted
        bits[k, PHONE] = phone
        bits[k, SPACED] = spaced
        bits[k, BACKSLASH] = backslash
        bits[k, HEX] = hexed
        bits[k, DOTS] = third_first
        bits[k, ANY_PLACE] = at_url | at | dotted | phone | spaced | backslash | hexed | third_first
        p_word, p_other, p_space, p_letter, p_dot = word, other, space, letter, dot
        p_digit, p_colon, p_open, p_w, p_start = digit, colon, paren, w, starts
        p_zero, p_third = zero & word_starts, third
    for field in range(FIELDS):
        bits[n_blocks + 1, field] = ZERO
    bits[n_blocks + 1, SPACE] = ALL

    row[c.CHARS] = chars
    row[c.ALPHA] = alpha_chars
    row[c.ALNUM] = alnum
    row[c.DIGIT] = digits
    row[c.UPPER] = upper_chars
    row[c.SPACE] = spaces
    row[c.PUNCT] = puncts
    row[c.NON_ASCII] = non_ascii
    row[c.CONTROL] = controls
    row[c.HASH] = hashes
    row[c.CURLY_OPEN] = opens
    row[c.CURLY_CLOSE] = closes
    row[c.LINE_FEEDS] = feeds
    row[c.ALPHA_WORDS] = alpha_words
    row[c.NONSYMBOL_WORDS] = plain_words
    row[c.TOKENS] = tokens
    row[c.CAPS_TOKENS] = caps
    row[c.ASCII_TOKENS] = ascii_tokens
    row[c.SENTENCES] = sentences
    return n_blocks
