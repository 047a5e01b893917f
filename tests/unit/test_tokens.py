"""Token counters against plain Python."""

from __future__ import annotations

import gzip
import json
import re
import time
from importlib import metadata, resources

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.text.tokens import make_counter, read_tokenizer, tokenizer_fingerprint

ANY = st.text(st.characters(codec="utf-8"), max_size=60)
SPACES = st.text(st.sampled_from("ab\t\n\x0b\x0c\r\x1c\x1f \x85\u00a0\u2003\u2028\u3000\u200b中"))


def count(tokenizer, *texts):
    return make_counter(tokenizer).count(pa.array(texts, pa.string())).tolist()


@settings(deadline=None)  # the first call compiles
@given(st.lists(ANY | SPACES, max_size=5))
def test_words_and_bytes_equal_python(texts):
    assert count("words", *texts) == [len(t.split()) for t in texts]
    assert count("bytes", *texts) == [len(t.encode()) for t in texts]


@pytest.mark.parametrize("tokenizer", ["bytes", "words", "bpe:cl100k_base"])
def test_slices_and_nulls(tokenizer):
    counter = make_counter(tokenizer)
    texts = ["x", "a b c", None, "", "d e"]
    got = counter.count(pa.array(texts, pa.large_string()).slice(1))
    assert got.dtype == np.int64
    assert got.tolist() == count(tokenizer, "a b c", "", "", "d e")


CL100K_ASCII = re.compile(  # the published pattern, with the classes that ASCII text needs
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\na-zA-Z0-9]?[a-zA-Z]+|[0-9]{1,3}"
    r"| ?[^\sa-zA-Z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@pytest.fixture(scope="module")
def cl100k_ranks():
    """Ranks by token, from the vocabulary inside the wheel."""
    import base64

    stored = resources.files("bpe_openai").joinpath("data/cl100k_base.tiktoken.gz").read_bytes()
    lines = gzip.decompress(stored).splitlines()
    return {base64.b64decode(t): int(r) for t, r in (line.split() for line in lines if line)}


def twin_bpe(text, ranks):
    total = 0
    for piece in CL100K_ASCII.findall(text):
        parts = [bytes([b]) for b in piece.encode()]
        while len(parts) > 1:
            pairs = [ranks.get(a + b, 10**9) for a, b in zip(parts, parts[1:], strict=False)]
            best = min(pairs)
            if best == 10**9:
                break
            i = pairs.index(best)
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        total += len(parts)
    return total


def test_bpe_counts_are_exact(cl100k_ranks):
    @settings(deadline=None)  # the first call compiles
    @given(
        st.text(st.sampled_from("etaoin shrdlu THE'S re ll 0189 .,!-_(){}<|>\n\t  "), max_size=80)
    )
    def check(text):
        assert count("bpe:cl100k_base", text) == [twin_bpe(text, cl100k_ranks)]

    check()
    assert count("bpe:cl100k_base", "The quick brown fox jumps over the lazy dog.") == [10]


@pytest.mark.parametrize("encoding", ["cl100k_base", "o200k_base"])
def test_special_tokens_in_a_text_are_text(encoding):
    plain, special = count(f"bpe:{encoding}", "a b", "a <|endoftext|> b")
    assert special - plain >= 5


@pytest.mark.parametrize("run", ["a", " ", "\n", "ab", "é", "\0", "0"])
def test_bpe_is_linear_on_long_runs(run):
    started = time.process_time()
    assert count("bpe:cl100k_base", run * 1_000_000)[0] > 0
    assert time.process_time() - started < 5  # measured: 0.01 - 0.1 s; quadratic would be hours


@pytest.fixture
def word_tokenizer(tmp_path):
    """A tokenizer.json of whole words with a special token, truncation and padding switched on."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"[UNK]": 0, "a": 1, "b": 2, "<s>": 3}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["<s>"])
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=7)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def test_a_tokenizer_json_counts_text_as_it_is(word_tokenizer):
    # `<s>` is three words here: <, s, >
    assert count(str(word_tokenizer), "a b a b", "", "a <s> b") == [4, 0, 5]


def test_content_stands_for_the_file(word_tokenizer):
    content = read_tokenizer(str(word_tokenizer))
    word_tokenizer.unlink()
    counter = make_counter(str(word_tokenizer), content)
    assert counter.count(pa.array(["a b"])).tolist() == [2]


def test_fingerprints(word_tokenizer, tmp_path):
    version = metadata.version("bpe-openai")
    assert tokenizer_fingerprint("bpe:o200k_base") == f"bpe-openai=={version}"
    before = tokenizer_fingerprint(str(word_tokenizer))
    copy = tmp_path / "copy.json"
    copy.write_text(word_tokenizer.read_text())
    assert tokenizer_fingerprint(str(copy)) == before
    vocabulary = json.loads(word_tokenizer.read_text())
    vocabulary["model"]["vocab"]["c"] = 4
    copy.write_text(json.dumps(vocabulary))
    assert tokenizer_fingerprint(str(copy)) != before


@pytest.mark.parametrize("tokenizer", ["bpe:p50k", "no/such/tokenizer.json", "word"])
def test_unknown_tokenizers_are_refused(tokenizer):
    with pytest.raises(ValueError, match="bpe:cl100k_base"):
        make_counter(tokenizer)


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="not a tokenizer"):
        make_counter(str(path))
