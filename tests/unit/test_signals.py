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
from mixcore.text.signals import SIGNALS
from tests.unit.reference_signals import reference

INTEGER = {"i32", "i64", "bool"}


def check(texts: list[str]) -> None:
    """Every signal of every text equals its twin, bit by bit."""
    got = compute_signals(pa.array(texts, pa.string())).to_pylist()
    for text, row in zip(texts, got, strict=True):
        want = reference(text)
        wrong = {}
        for s in SIGNALS:
            value, twin = row[s.column], want[s.name]
            if s.name == "unigram_entropy":  # a sum of floats, in another order
                same = abs(value - twin) <= 1e-6
            else:
                same = value == (twin if s.dtype in INTEGER else np.float32(twin))
            if not same:
                wrong[s.name] = (value, twin)
        assert not wrong, (wrong, text[:500])


WORDS = (  # noqa: SIM905
    "the of and that have with be to The cat sat on a mat I e U.S. don't x_y _ -- - • ‣ – 12 "
    "1,234 3.14 0x1F 0xZZ WWW www.a.org HTTP://x.y/z, ftp://q) http:// me@x.org a.b@c.d.e "
    "@ a@b x@y.z- 8.8.8.8 10.0.0.1 1.2.3.4.5 01.2.3.4 256.1.1.1 (212)555-1234 212 555 1234 "
    "... .... … # ## {} \\frac{1}{2} \\ \\x41\\x42 41 42, 43 ab javascript JavaScript: lorem "
    "ipsum Lorem terms use of cookies cookie policy privacy uses 5k likes 12,000 views "
    "É straße İI ΑΣ ΣΑΣ. Σ'Σ ΟΔΟΣ 한국어 각 日本語、 ﬁne ǅ ⅷ Ⅷ Ⓐ ² ٣ न्याय\u0301 👍 👩‍👩‍👧 \u200b "
    "generated autogen <?xml version= DO NOT EDIT ? ! ?! \" ' » “q” ． 。 \ufffd \x00 \x7f \x80"
).split()
SPACES = (" ", " ", " ", " ", "\n", "\n\n", "\n\n\n", "\r\n", "\r\n\r\n", "\r", "\t", "\u00a0",
          "\u2028", "\u3000", "\x0b", "\x1c", "\x85", "  ", "\n \n", "\n\n \n\n", "")  # fmt: skip
ANY_TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=60)
PIECES = st.one_of(st.sampled_from(WORDS), st.sampled_from(SPACES), ANY_TEXT)
TOKENS = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SPACES)), max_size=60)
DENSE = st.text("ab.@-_:/w#\\x0149, \n\r(Σ'é…", max_size=120)


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


SAMPLES = [
    "",
    " \n\t \r\n",
    "\n\n\n",
    "a",
    "\r",
    "one line\r\nanother line\r\n\r\n\r\npara\r\n",
    "Call me at 212-555-1234 or (212) 555 1234, 2125551234.\n 212 - . 555-1234 212 555 1234",
    "mail a.b@example.org, <x@y.co.uk>; not a@b or @c.d or é@f.g; !x@y.z a..b@c.d a@b.c@d.e",
    "8.8.8.8 and v1.2.3.4, 192.168.0.1 100.64.0.1 8.8.8.8.8 a8.8.8.8 8.8.8.8a ٣8.8.8.8 0.0.0.0",
    "see http://a.b/c). HTTPS://X.Y www.q.r! wwww.x ftp://z httpx://y http:/x ahttp://b www.",
    "12 likes\n1,234 Views!\n5k shares\n5 k shares\n•• 7.5m followers ••\n5likes\nlikes 5\n٣ likes",
    "a b c\nx y Z w (p q) u v. s\u00a0t _ a b9 I am a b",
    "QUJD" * 40 + "\nword\n" + "41 42 43 44 45 46 47 48 " + "\\u00e9" * 9 + " z41,42",
    r"\x41\x42\x43\x44\x45\x46\x47\x48 0x41, 0x42,0x43 0x44 0x45 0x46 0x47 0x48 0x49q",
    '<?xml version="1.0"?>\n<!-- Code GENERATEd: Do Not Edit -->',
    "é" * 90 + "<?xml version=" + "é" * 84 + " autogen",
    "JavaScript is off. javascript javascript\nJAVASCRIPT\nWe use cookies. Use of Cookies\n"  # noqa: ISC004
    "lorem ipsum Lorem Ipsum loremipsum\nPrivacy policy, terms of use\ncookie\npolicy",
    "• a\n  - b\n‣ c\n▶d\n– e\nend…\nend... \n..\n…\nYes.\nYes. \nहाँ।\nno\n១៚",
    "İSTANBUL ΟΔΥΣΣΕΥΣ ΣΑΣ Σ Α'Σ ΑΣ-Β ΑΣ'' ΑΣ\u0301 ʰΣ ὈΔΟΣ",
    "각 각 한국어 Ångström e\u0301 é \u1e9b\u0323 ﬁ",
    "x" * 127 + " " + "y" * 128 + " " + "z" * 300,
    "x" * 400 + " " + "y" * 128,
    "one two three four five six seven eight nine ten eleven twelve\n" * 3,
    "to be or not to be that is the question to be or not to be",
]  # fmt: skip


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


MEGA = 1_000_000
WORST = {
    "one line": "lorem ipsum dolor " * (MEGA // 18),
    "one word": "a" * MEGA,
    "one-word lines": "a\n" * (MEGA // 2),
    "different lines": "\n".join(map(str, range(MEGA // 7))),
    "line ends": "\n" * MEGA,
    "blank paragraphs": "a" + "\n\n \n\n" * (MEGA // 5) + "b",
    "carriage returns": "\r" * MEGA,
    "emoji": "👍" * (MEGA // 4),
    "combining marks": "e" + "\u0301" * (MEGA // 2),
    "nulls": "\x00" * MEGA,
    "sigmas": "Σ" * (MEGA // 2),
    "sigma and marks": "AΣ" + "\u0301" * (MEGA // 2) + "Σ",
    "at signs": "a@" * (MEGA // 2),
    "mail": "a.b@c.d." * (MEGA // 8),
    "local part": "a." * (MEGA // 2) + "@b.c",
    "dots": "." * MEGA,
    "dotted digits": "1." * (MEGA // 2),
    "digits": "123 " * (MEGA // 4),
    "phone gaps": ("212" + " " * 500) * (MEGA // 503),
    "hex gaps": ("41" + " " * 500) * (MEGA // 502),
    "letters": "a " * (MEGA // 2),
    "backslashes": "\\" * MEGA,
    "urls": "www.http://" * (MEGA // 11),
    "phrases": "use cookiesjavascript" * (MEGA // 21),
    "base64": "QUJD" * (MEGA // 4),
    "almost base64": ("A" * 63 + " ") * (MEGA // 64),
    "punctuation": "!\"#$%&'()*+,-/:;<=>?@[]^`{|}~" * (MEGA // 30),
}


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
    for s in SIGNALS:
        values = np.asarray(got.field(s.column).to_numpy(zero_copy_only=False), np.float64)
        assert np.isfinite(values).all(), s.name
        low, high = s.domain
        assert values.min() >= low, s.name
        assert values.max() <= high, s.name


def test_catalogue_and_twin_name_the_same_signals() -> None:
    assert {s.name for s in SIGNALS} == set(reference("a"))
    assert [f.name for f in SIGNAL_TYPE] == [s.column for s in SIGNALS]
