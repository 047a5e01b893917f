"""Masks of 64 bytes against the Unicode tables and against plain Python."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.text import unicode_tables as u
from mixcore.text.byte_classes import ZERO, byte_classes, runs_with, window

ASCII_FLAGS = {0: u.SPACE, 2: u.UPPER, 3: u.NOT_UPPER, 4: u.DIGIT, 5: u.ASCII_PUNCT, 6: u.CONTROL}
"""Number of the class in the result of `byte_classes`: flag of the tables that it stands for."""


@numba.njit
def classes_at(data: Any, at: int) -> Any:
    return byte_classes(data, at)


@pytest.mark.parametrize("number", ASCII_FLAGS)
def test_ascii_classes_are_those_of_the_tables(number: int) -> None:
    every = np.arange(256, dtype=np.uint8)
    masks = [int(classes_at(every, at)[number]) for at in (0, 64)]
    found = [bool(masks[i >> 6] >> (i & 63) & 1) for i in range(128)]
    assert found == [bool(u.FLAGS[u.ASCII_RECORD[i]] & ASCII_FLAGS[number]) for i in range(128)]


@given(st.lists(st.sampled_from(" .ab"), min_size=192, max_size=192).map("".join))
@settings(deadline=None)
def test_runs_with_a_mark_are_found_across_blocks(text: str) -> None:
    """Runs of non-spaces that hold an `a`; a last block of spaces ends the last one."""
    carry = ZERO
    found = 0
    for block in (text[:64], text[64:128], text[128:], " " * 64):
        runs = sum(1 << i for i, x in enumerate(block) if x != " ")
        marks = sum(1 << i for i, x in enumerate(block) if x == "a")
        ends, carry = runs_with(np.uint64(runs), np.uint64(marks), np.uint64(carry))
        found += int(ends).bit_count()
    assert found == sum("a" in word for word in text.split(" "))


@given(st.lists(st.integers(0, 2**64 - 1), min_size=3, max_size=3), st.integers(0, 127))
@settings(deadline=None)
def test_window_reads_from_any_bit(words: list[int], at: int) -> None:
    bits = np.array(words, np.uint64).reshape(3, 1)
    whole = sum(word << (64 * i) for i, word in enumerate(words))
    assert int(window(bits, 0, at)) == (whole >> at) % 2**64
