"""Character shingles and scripts without spaces, against plain Python."""

from __future__ import annotations

import doctest
import pickle
import re
import unicodedata
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.text import shingling
from mixcore.text.bands import BandPlan
from mixcore.text.jaccard import exact_overlap
from mixcore.text.make_fold_tables import SCRIPTS
from mixcore.text.minhash import minhash
from mixcore.text.shingles import shingle_hashes
from mixcore.text.shingling import Shingling, letters_for

MASK = 2**64 - 1
M = 0x94D049BB133111EB
SIGMAS = str.maketrans("Σς", "σσ")
ALL_SCRIPTS = tuple(sorted(letters_for(5).items()))

TEXT = st.text(
    st.one_of(
        st.sampled_from("ab C1_. \n"),
        st.sampled_from(
            "中文語のカタカナーﾊﾝ々〇、。 กิน ຂ້ອຍ ខ្ញុំ မြန်မာ 한국 ٣ É İ Σς 😀\u200b\u3000a b"
        ),
        st.characters(codec="utf-8"),
    ),
    max_size=50,
)

# Article 1 of the Universal Declaration of Human Rights (public domain).
ARTICLE = {
    "zh": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"
    "人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
    "th": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ "
    "ต่างมีเหตุผลและมโนธรรม และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ",
}


def hash_of(unit):
    h = 0x9E3779B97F4A7C15
    data = unit.encode()
    for i in range(0, len(data), 8):
        h = (h ^ int.from_bytes(data[i : i + 8], "little")) * 0xBF58476D1CE4E5B9 & MASK
        h ^= h >> 29
    h = h * M & MASK
    return h ^ (h >> 32)


def hash_of_shingle(units):
    g = 0
    for unit in units:
        g = (g * M + hash_of(unit)) & MASK
    g ^= g >> 32
    g = g * 0xD6E8FEB86659FD93 & MASK
    return (g ^ (g >> 32)) or 1


def script_of(char):
    blocks = ((n, b) for n, ranges in SCRIPTS.items() for b in ranges)
    found = next((n for n, (low, high) in blocks if low <= ord(char) <= high), None)
    return found if unicodedata.category(char)[0] in "LMN" else None


def twin_units(text, how):
    """(unit, its share of a shingle) in order."""
    if how.unit == "chars":
        lowered = " ".join(text.translate(SIGMAS).lower().split())
        return [(c, Fraction(1, how.n)) for c in lowered]
    letters = dict(how.scripts)
    units, word = [], ""
    for char in [*text, " "]:
        script = script_of(char)
        for c in char.translate(SIGMAS).lower():
            if script not in letters and re.match(r"\w", c):
                word += c
                continue
            if word:
                units.append((word, Fraction(1, how.n)))
                word = ""
            if script in letters:
                units.append((c, Fraction(1, letters[script])))
    return units


def twin(text, how):
    """(shingles, whether the text is shorter than one)."""
    units = twin_units(text, how)
    if sum(share for _, share in units) < 1:
        return {hash_of_shingle([u for u, _ in units])} if units else set(), True
    out = set()
    for i in range(len(units)):
        total, end = Fraction(0), i
        while end < len(units) and total < 1:
            total += units[end][1]
            end += 1
        if total < 1:
            break
        out.add(hash_of_shingle([u for u, _ in units[i:end]]))
    return out, False


def sets(texts, how):
    offsets, hashes = shingle_hashes(pa.array(texts, pa.string()), how)
    return [hashes[a:b].tolist() for a, b in zip(offsets[:-1], offsets[1:], strict=True)]


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(TEXT, max_size=4),
    st.one_of(
        st.builds(Shingling, st.just("chars"), st.integers(1, 30)),
        st.builds(
            Shingling,
            st.just("words"),
            st.integers(1, 7),
            st.sets(st.tuples(st.sampled_from(sorted(SCRIPTS)), st.integers(1, 12)),
                    max_size=5).map(lambda pairs: tuple(sorted(dict(pairs).items()))),
        ),
    ),
)  # fmt: skip
def test_every_way_to_cut_equals_its_twin(texts, how):
    expected = [twin(t, how) for t in texts]
    assert sets(texts, how) == [sorted(found) for found, _ in expected]
    hashed = minhash(pa.array(texts, pa.large_string()), how, BandPlan(2, 2))
    assert hashed.n_shingles.tolist() == [len(found) for found, _ in expected]
    assert hashed.has_bands.tolist() == [not short for _, short in expected]


@pytest.mark.parametrize(
    ("text", "how", "n"),
    [
        ("", Shingling("chars", 5), 0),
        (" \n ", Shingling("chars", 5), 0),
        ("abcd", Shingling("chars", 5), 1),
        ("abcde", Shingling("chars", 5), 1),
        ("  abc\t\n de  ", Shingling("chars", 5), 2),  # `abc d`, `bc de`
        ("ABCDEF abcdef", Shingling("chars", 6), 7),  # upper and lower case are one
        ("中文中文中", Shingling("words", 5, (("cjk", 3),)), 2),
        ("中、文 中", Shingling("words", 5, (("cjk", 3),)), 1),  # marks do not count
        ("中文", Shingling("words", 5, (("cjk", 3),)), 1),
        ("中文", Shingling("words", 5, (("thai", 3),)), 1),  # one word, as without scripts
        ("a b c d e 中文字", Shingling("words", 5, (("cjk", 3),)), 6),
        ("한국어 텍스트 넷", Shingling("words", 2, ALL_SCRIPTS), 2),  # Hangul has spaces: words
    ],
)
def test_number_of_shingles(text, how, n):
    assert len(sets([text], how)[0]) == n


@settings(deadline=None)  # the first call compiles
@given(st.text(st.characters(codec="latin-1"), max_size=80))
def test_scripts_change_nothing_in_text_with_spaces(text):
    how = Shingling("words", 5, ALL_SCRIPTS)
    assert sets([text], how) == sets([text], 5) == sets([text], Shingling())
    plan = BandPlan(3, 3)
    with_scripts, plain = (minhash(pa.array([text]), h, plan) for h in (how, 5))
    assert np.array_equal(with_scripts.band_keys, plain.band_keys)
    assert np.array_equal(with_scripts.has_bands, plain.has_bands)


@pytest.mark.parametrize("language", sorted(ARTICLE))
def test_an_edit_of_text_without_spaces_breaks_few_shingles(language):
    """As words, a paragraph is a handful of runs, and one changed letter breaks most shingles."""
    text = ARTICLE[language]
    edited = text[:30] + "囗" + text[31:]

    def jaccard(how):
        offsets, hashes = shingle_hashes(pa.array([text, edited]), how)
        return exact_overlap(hashes, offsets, np.array([0]), np.array([1])).jaccard[0]

    by_letters = jaccard(Shingling("words", 5, ALL_SCRIPTS))
    assert by_letters > 0.5
    assert by_letters > jaccard(5)


@pytest.mark.parametrize(
    ("a", "b", "how"),
    [
        ("one two", "three four", 5),
        ("abc", "abd", Shingling("chars", 24)),
        ("中文", "日本", Shingling("words", 5, ALL_SCRIPTS)),
        ("กิน", "นอน", Shingling("words", 5, ALL_SCRIPTS)),
        ("ok 中", "ok 文", Shingling("words", 5, ALL_SCRIPTS)),
        ("...", "!", Shingling("words", 5, ALL_SCRIPTS)),
    ],
)
def test_texts_shorter_than_a_shingle_are_never_thrown_together(a, b, how):
    """They have no bands, so only exact deduplication can match them; other texts, other sets."""
    hashed = minhash(pa.array([a, b, a]), how, BandPlan(4, 2))
    assert not hashed.has_bands.any()
    assert len(hashed.band_keys) == 0
    first, second, third = sets([a, b, a], how)
    assert first == third
    assert not set(first) & set(second)


def test_neighbours_and_slices_change_nothing():
    texts = ["abc", *ARTICLE.values(), "", "İ x ΟΔΟΣ", None]
    for how in (Shingling("chars", 9), Shingling("words", 4, ALL_SCRIPTS)):
        alone = [sets([t], how)[0] for t in texts]
        assert sets(texts, how) == alone
        offsets, _ = shingle_hashes(pa.array(texts).slice(2, 3), how)
        assert np.diff(offsets).tolist() == [len(s) for s in alone[2:5]]


def test_broken_utf8_is_read_within_bounds():
    text = pa.StringArray.from_buffers(
        2, pa.py_buffer(np.array([0, 6, 9], np.int32)), pa.py_buffer(b"ab \xf0\x9f\xe4c\xe4\xb8")
    )
    for how in (Shingling("chars", 2), Shingling("words", 2, ALL_SCRIPTS)):
        offsets, _ = shingle_hashes(text, how)
        assert offsets[-1] >= 1


def test_a_shingling_is_a_plain_value():
    how = Shingling("words", 5, ALL_SCRIPTS)
    assert pickle.loads(pickle.dumps(how)) == how
    assert hash(how) == hash(Shingling("words", 5, ALL_SCRIPTS))


def test_doctests():
    result = doctest.testmod(shingling)
    assert result.attempted
    assert not result.failed
