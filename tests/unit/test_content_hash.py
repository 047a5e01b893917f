"""Content hash: what is ignored, and MurmurHash3 against a plain twin and a published value."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.text.content_hash import content_hash

MASK = 2**64 - 1
W, C, P = "whitespace", "case", "punctuation"
TEXT = st.text(
    st.one_of(
        st.sampled_from("ab CD 1,.\n\t-'é ÉİßẞΣςσ中😀$€\u00a0\u2003\u2014\u200b\0Ⱥ"),
        st.characters(codec="utf-8"),
    ),
    max_size=50,
)
IGNORE = st.sets(st.sampled_from([W, C, P]))


def rotl(x, r):
    return ((x << r) | (x >> (64 - r))) & MASK


def fmix(k):
    k ^= k >> 33
    k = k * 0xFF51AFD7ED558CCD & MASK
    k ^= k >> 33
    k = k * 0xC4CEB9FE1A85EC53 & MASK
    return k ^ (k >> 33)


def twin_murmur(data):
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
    h1 = h2 = 0
    full = len(data) // 16 * 16
    for i in range(0, full, 16):
        k1 = int.from_bytes(data[i : i + 8], "little")
        k2 = int.from_bytes(data[i + 8 : i + 16], "little")
        h1 ^= rotl(k1 * c1 & MASK, 31) * c2 & MASK
        h1 = ((rotl(h1, 27) + h2) * 5 + 0x52DCE729) & MASK
        h2 ^= rotl(k2 * c2 & MASK, 33) * c1 & MASK
        h2 = ((rotl(h2, 31) + h1) * 5 + 0x38495AB5) & MASK
    tail = data[full:]
    h2 ^= rotl(int.from_bytes(tail[8:], "little") * c2 & MASK, 33) * c1 & MASK
    h1 ^= rotl(int.from_bytes(tail[:8], "little") * c1 & MASK, 31) * c2 & MASK
    h1, h2 = h1 ^ len(data), h2 ^ len(data)
    h1 = (h1 + h2) & MASK
    h2 = (h2 + h1) & MASK
    h1, h2 = fmix(h1), fmix(h2)
    h1 = (h1 + h2) & MASK
    h2 = (h2 + h1) & MASK
    return h1.to_bytes(8, "little") + h2.to_bytes(8, "little")


def twin(text, ignore):
    if C in ignore:
        text = text.translate(str.maketrans("Σς", "σσ")).lower()
    if P in ignore:
        text = "".join(c for c in text if unicodedata.category(c)[0] not in "PS")
    if W in ignore:
        text = " ".join(text.split())
    return twin_murmur(text.encode())


def hashed(texts, ignore):
    return content_hash(pa.array(texts, pa.string()), ignore).to_pylist()


def test_the_published_value_of_murmur3_x64_128():
    got = hashed(["The quick brown fox jumps over the lazy dog"], [])[0]
    assert got[:8][::-1].hex() + got[8:][::-1].hex() == "e34bbc7bbc071b6c7a433ca9c49a9347"


@settings(deadline=None)  # the first call compiles
@given(st.lists(TEXT, max_size=6), IGNORE)
def test_equals_the_twin(texts, ignore):
    assert hashed(texts, ignore) == [twin(t, ignore) for t in texts]


@pytest.mark.parametrize(
    ("a", "b", "equal_if_ignoring"),
    [
        ("a b", "a  b", {W}),
        ("a b", " a\n\tb\u00a0", {W}),
        ("a b", "ab", set()),
        ("a b", "A B", {C}),
        ("É", "é", {C}),
        ("STRASSE", "straße", set()),
        ("a b", "a, b!", {P}),
        ("a b", "a - b", {P, W}),
        ("“a” €b", "a b", {P}),
        ("a b", "A — B.", {W, C, P}),
        ("", " \n", {W}),
        ("", "...", {P}),
    ],
)
def test_what_each_word_ignores(a, b, equal_if_ignoring):
    for ignore in ({W}, {C}, {P}, {W, C}, {W, P}, {C, P}, {W, C, P}, set()):
        x, y = hashed([a, b], ignore)
        assert (x == y) == (bool(equal_if_ignoring) and equal_if_ignoring <= ignore), ignore


def test_neighbours_slices_and_nulls_change_nothing():
    texts = ["long enough to leave something behind " * 9, "Ⱥ" * 40, None, "", "x"]
    alone = [hashed([t or ""], {W, C})[0] for t in texts]
    assert hashed(texts, {W, C}) == alone
    array = pa.array(["first", *texts], pa.large_string()).slice(1)
    assert content_hash(array, {W, C}).to_pylist() == alone


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="accents"):
        content_hash(pa.array(["a"]), ["accents"])
