"""Words and shingles against `re` and plain Python."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.text.make_fold_tables import PUNCT, SPACE, WORD, build
from mixcore.text.shingles import keep_distinct, shingle_hashes, table_size
from mixcore.text.words import fold_tables, token_hashes, utf8_buffers

MASK = 2**64 - 1
SEED, M = 0x9E3779B97F4A7C15, 0x94D049BB133111EB
SIGMAS = str.maketrans("Σς", "σσ")

TEXT = st.text(
    st.one_of(
        st.sampled_from("abcXYZ019_ "),
        st.sampled_from("ab CD_ 1,.\n\t-'é ÉİıßẞΣςσǅ中文ก٣²Ⅷⓐ😀\u0301\u200b\u00a0\u2014\0"),
        st.characters(codec="utf-8"),
    ),
    max_size=60,
)


def twin_words(text):
    return re.findall(r"\w+", text.translate(SIGMAS).lower())


def twin_token(word):
    h = SEED
    data = word.encode()
    for i in range(0, len(data), 8):
        h = (h ^ int.from_bytes(data[i : i + 8], "little")) * 0xBF58476D1CE4E5B9 & MASK
        h ^= h >> 29
    h = h * M & MASK
    return h ^ (h >> 32)


def twin_shingles(text, n_words):
    tokens = [twin_token(w) for w in twin_words(text)]
    width = min(n_words, len(tokens))
    out = set()
    for i in range(len(tokens) - width + 1) if tokens else ():
        g = 0
        for u in tokens[i : i + width]:
            g = (g * M + u) & MASK
        g ^= g >> 32
        g = g * 0xD6E8FEB86659FD93 & MASK
        out.add((g ^ (g >> 32)) or 1)
    return sorted(out)


def sets(text, n_words):
    offsets, hashes = shingle_hashes(text, n_words)
    return [hashes[a:b].tolist() for a, b in zip(offsets[:-1], offsets[1:], strict=True)]


def words_hashed(text):
    data, offsets = utf8_buffers(pa.array([text]))
    out = np.zeros(len(data) // 2 + 1, np.uint64)
    return out[: token_hashes(data, offsets[0], offsets[1], fold_tables(), out)].tolist()


@settings(deadline=None)  # the first call compiles
@given(TEXT)
def test_words_are_those_of_python(text):
    assert words_hashed(text) == [twin_token(w) for w in twin_words(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" -- ", []),
        ("Hello, World_1!", ["hello", "world_1"]),
        ("l’été d'Été", ["l", "été", "d", "été"]),
        ("İstanbul", ["i", "stanbul"]),  # lower case of İ is i and a mark that is no word character
        (
            "Abcdefgh abcdefghI abcdefg_ 1234567 8",
            ["abcdefgh", "abcdefghi", "abcdefg_", "1234567", "8"],
        ),
        ("Abcdefghé abcdefg’s éabcdefgh x", ["abcdefghé", "abcdefg", "s", "éabcdefgh", "x"]),
        ("a[B]c@d`e{f}g/h:i^j", list("abcdefghij")),
        ("ΟΔΟΣ οδος", ["οδοσ", "οδοσ"]),
        ("你好，世界", ["你好", "世界"]),
        ("a\u00a0b\u2014c\u200bd", ["a", "b", "c", "d"]),
        ("\U0001d400x 😀 ٣", ["\U0001d400x", "٣"]),
    ],
)
def test_words_of(text, words):
    assert words_hashed(text) == [twin_token(w) for w in words]


def test_every_code_point_is_classed_as_python_does():
    stored = fold_tables()
    points = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    cps = np.array(points)
    entry = stored.block_of[cps >> 8].astype(np.int64) * 256 + (cps & 255)
    flags = stored.flags[entry]
    word = np.array([re.match(r"\w", chr(c).lower()) is not None for c in points])
    space = np.array([chr(c).isspace() for c in points])
    punct = np.array([unicodedata.category(chr(c))[0] in "PS" for c in points])
    assert np.array_equal(flags & WORD != 0, word)
    assert np.array_equal(flags & SPACE != 0, space)
    assert np.array_equal(flags & PUNCT != 0, punct)


def test_stored_tables_are_what_the_script_makes():
    stored, made = fold_tables(), build()
    assert np.array_equal(stored.block_of, made["index"])
    assert np.array_equal(stored.flags, made["flags"])
    assert np.array_equal(stored.delta, made["delta"])


@settings(deadline=None)  # the first call compiles
@given(st.lists(TEXT, max_size=5), st.integers(1, 7))
def test_shingles_equal_the_twin(texts, n_words):
    expected = [twin_shingles(t, n_words) for t in texts]
    assert sets(pa.array(texts, pa.string()), n_words) == expected
    assert sets(pa.array(texts, pa.large_string()), n_words) == expected


@pytest.mark.parametrize(
    ("text", "n"),
    [("", 0), ("...", 0), ("a", 1), ("a b c d", 1), ("a b c d e", 1), ("a b c d e f", 2),
     ("a a a a a a a a", 1), ("a b a b a b a b", 2)],
)  # fmt: skip
def test_number_of_shingles(text, n):
    assert len(sets(pa.array([text]), 5)[0]) == n


def test_neighbours_slices_and_nulls_change_nothing():
    texts = ["one two three four five six", None, "Σ 中文 x y z é w", "", "a b"]
    alone = [sets(pa.array([t or ""]), 5)[0] for t in texts]
    assert sets(pa.array(texts), 5) == alone
    assert sets(pa.array(["zero zero", *texts, "last"]).slice(1, 5), 5) == alone
    assert sets(pa.array([], pa.string()), 5) == []


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.integers(1, 40) | st.integers(1, MASK), max_size=200))
def test_keep_distinct_keeps_first_occurrences(values):
    hashes = np.array(values, np.uint64)
    n = keep_distinct(hashes, len(values), np.full(table_size(len(values)), 7, np.uint64))
    assert hashes[:n].tolist() == list(dict.fromkeys(values))


def test_broken_utf8_is_read_within_bounds():
    data = np.frombuffer(b"ab \xf0\x9f\xe4 c\xf0", np.uint8)
    out = np.zeros(8, np.uint64)
    assert token_hashes(data, 0, len(data), fold_tables(), out) >= 1
