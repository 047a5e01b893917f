"""The signal kernel against its slow twin, on made text, real text and worst cases."""

from __future__ import annotations

import gzip
import json
import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.text.signal_kernel import CHUNK_BYTES, SIGNAL_TYPE, compute_signals
from mixcore.text.signals import KERNEL_SIGNALS, SIGNALS
from tests.unit.reference_signals import reference
from tests.unit.text_samples import DENSE, PIECES, SAMPLES, SPACES, TOKENS, WORDS, WORST

INTEGER = {"i32", "i64", "bool"}


def check(texts: list[str]) -> None:
    """Every signal of every text equals its twin, bit by bit."""
    got = compute_signals(pa.array(texts, pa.string())).to_pylist()
    for text, row in zip(texts, got, strict=True):
        want = reference(text)
        wrong = {}
        for s in KERNEL_SIGNALS:
            value, twin = row[s.column], want[s.name]
            if s.name == "unigram_entropy":  # a sum of floats, in another order
                same = abs(value - twin) <= 1e-6
            else:
                same = value == (twin if s.dtype in INTEGER else np.float32(twin))
            if not same:
                wrong[s.name] = (value, twin)
        assert not wrong, (wrong, text[:500])


@given(st.lists(PIECES, max_size=60).map("".join))
@settings(max_examples=120, deadline=None)
def test_mixed_text(text: str) -> None:
    check([text])


@given(TOKENS, st.integers(1, 4), st.sampled_from(SPACES))
@settings(max_examples=200, deadline=None)
def test_repeated_phrases(pairs: list[tuple[str, str]], times: int, space: str) -> None:
    check([space.join(["".join(w + s for w, s in pairs)] * times)])


@given(DENSE)
@settings(max_examples=300, deadline=None)
def test_dense_symbols(text: str) -> None:
    check([text])


@given(st.lists(st.sampled_from("abc"), max_size=200).map(" ".join))
@settings(max_examples=100, deadline=None)
def test_few_words_often(text: str) -> None:
    check([text])


@pytest.mark.parametrize("text", SAMPLES, ids=range(len(SAMPLES)))
def test_samples(text: str) -> None:
    check([text])


def test_every_code_point() -> None:
    chars = [chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000]
    step = 4001
    check([" a".join(chars[i : i + step]) for i in range(0, 0x3100, step)])
    picked = chars[0x3100::97]
    check([" b".join(picked), "".join(picked)])


def test_real_text() -> None:
    """Part of a corpus, if CORPUS_DIR names one; else this repository's own sources."""
    corpus = os.environ.get("CORPUS_DIR")
    texts: list[str] = []
    for path in sorted(Path(corpus).rglob("*.jsonl.gz")) if corpus else []:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            texts += [json.loads(line)["text"][:20_000] for line, _ in zip(file, range(8))]
    if not texts:
        texts = [p.read_text("utf-8") for p in sorted(Path(__file__).parent.glob("*sig*.py"))]
    check(texts)


def batch() -> list[str | None]:
    rng = np.random.default_rng(7)
    texts: list[str | None] = [
        " ".join(rng.choice(WORDS, int(rng.integers(0, 400)))) for _ in range(150)
    ]
    texts[3], texts[77], texts[149] = None, "", None
    texts[60] = "long " * CHUNK_BYTES  # longer than a chunk
    return texts


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string()], ids=str)
def test_neighbours_do_not_matter(type_: pa.DataType) -> None:
    texts = pa.array(batch(), type_)
    whole = compute_signals(texts)
    assert whole.type == SIGNAL_TYPE
    assert whole.null_count == 0
    for size in (1, 7, 64):
        parts = [compute_signals(texts.slice(i, size)) for i in range(0, len(texts), size)]
        assert pa.concat_arrays(parts).equals(whole)
    assert compute_signals(pa.chunked_array([texts[:9], texts[9:]])).equals(whole)
    assert whole[3].as_py() == whole[77].as_py()


def test_no_documents() -> None:
    assert len(compute_signals(pa.array([], pa.string()))) == 0


@pytest.mark.parametrize(
    "raw",
    [b"\xff", b"abc\xc3", b"\xe2\x82", b"\xf0\x9f\x91", b"\x80\x80 a", b"\xed\xa0\x80", b"a\xf5z"],
    ids=repr,
)
def test_invalid_utf8_is_measured_as_replaced(raw: bytes) -> None:
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, len(raw)], np.int32)), pa.py_buffer(raw)]
    )
    good = pa.array([raw.decode("utf-8", "replace")])
    assert compute_signals(bad).equals(compute_signals(good))


@pytest.mark.parametrize("name", WORST)
def test_worst_cases_take_linear_time(name: str) -> None:
    text = pa.array([WORST[name]])
    compute_signals(text)
    started = time.process_time()
    row = compute_signals(text)[0].as_py()
    taken = time.process_time() - started
    assert row["n_bytes"] == len(WORST[name].encode())
    assert taken < 1.5, f"{taken:.2f} s for a megabyte"


@pytest.mark.parametrize("name", WORST)
def test_worst_cases_in_small(name: str) -> None:
    check([WORST[name][:700] + WORST[name][-50:]])


def test_values_lie_in_their_domains() -> None:
    got = compute_signals(pa.array([*batch(), *SAMPLES, *WORST.values()], pa.string()))
    for s in KERNEL_SIGNALS:
        values = np.asarray(got.field(s.column).to_numpy(zero_copy_only=False), np.float64)
        assert np.isfinite(values).all(), s.name
        low, high = s.domain
        assert values.min() >= low, s.name
        assert values.max() <= high, s.name


def test_catalogue_and_twin_name_the_same_signals() -> None:
    assert {s.name for s in KERNEL_SIGNALS} == set(reference("a"))
    assert [f.name for f in SIGNAL_TYPE] == [s.column for s in SIGNALS]
