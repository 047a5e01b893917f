"""Token counters: how long a document is in the recipe's unit.

`bytes`, `words` (whitespace-separated, as Python's `str.split`), `bpe:cl100k_base` and
`bpe:o200k_base` (exact counts of OpenAI's encodings; the vocabulary is inside the `bpe-openai`
wheel, nothing is downloaded), or a path to a `tokenizer.json` of Hugging Face's `tokenizers`.
Special tokens that occur in a text (`<|endoftext|>`) are counted as the ordinary text they are.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mixcore.text.compiled import kernel
from mixcore.text.make_fold_tables import SPACE
from mixcore.text.words import FoldTables, decode_utf8, fold_tables, utf8_buffers

BPE_PREFIX = "bpe:"
BPE_ENCODINGS = ("cl100k_base", "o200k_base")
_OWN_VERSION = "1"
"""Of our own counters; raised if they would count otherwise."""
_SPACE = np.uint8(SPACE)
_BATCH = 256
"""Documents given to `tokenizers` at a time: bounds the encodings held."""


@dataclass(frozen=True)
class Counter:
    """Counts tokens of documents."""

    tokenizer: str
    count: Callable[[pa.Array], np.ndarray]
    """Documents (`string` or `large_string`, null reads as empty) to int64 counts. Raises whatever
    the tokenizer raises; which document it was is found by asking one by one."""


@kernel
def _count_words(data: Any, offsets: Any, t: FoldTables, out: Any) -> None:
    for d in range(len(offsets) - 1):
        i, end = offsets[d], offsets[d + 1]
        n = 0
        in_word = False
        while i < end:
            if data[i] < 0x80:
                is_space = (t.ascii_flags[data[i]] & _SPACE) != 0
                i += 1
            else:
                cp, i = decode_utf8(data, i, end)
                is_space = (t.flags[np.int64(t.block_of[cp >> 8]) * 256 + (cp & 255)] & _SPACE) != 0
            n += in_word < (not is_space)
            in_word = not is_space
        out[d] = n


def _words(text: pa.Array) -> np.ndarray:
    data, offsets = utf8_buffers(text)
    out = np.zeros(len(text), np.int64)
    _count_words(data, offsets, fold_tables(), out)
    return out


def _bytes(text: pa.Array) -> np.ndarray:
    return np.diff(utf8_buffers(text)[1])


def _each(count: Callable[[str], int]) -> Callable[[pa.Array], np.ndarray]:
    def counts(text: pa.Array) -> np.ndarray:
        return np.fromiter((count(s or "") for s in text.to_pylist()), np.int64, len(text))

    return counts


def _bpe(encoding: str) -> Callable[[pa.Array], np.ndarray]:
    # The wheel's Python wrapper refuses texts of a million characters; the Rust code below it is
    # linear on every input (20 MB of one letter or of spaces: 0.2 s) and counts without a list.
    from bpe_openai import _bindings  # noqa: PLC0415 - 40 MB that only bpe needs

    return _each(_bindings.tokenizer_for_encoding(encoding).count)


def _hugging_face(content: str) -> Callable[[pa.Array], np.ndarray]:
    # One process a core already; its threads would also not survive the fork of Spark's workers.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer  # noqa: PLC0415

    tokenizer = Tokenizer.from_str(content)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # special tokens in a text are text

    def counts(text: pa.Array) -> np.ndarray:
        out = np.zeros(len(text), np.int64)
        for begin in range(0, len(text), _BATCH):
            docs = [s or "" for s in text.slice(begin, _BATCH).to_pylist()]
            encoded = tokenizer.encode_batch_fast(docs, add_special_tokens=False)
            out[begin : begin + len(docs)] = [len(e) for e in encoded]
        return out

    return counts


def read_tokenizer(tokenizer: str) -> str | None:
    """Content of the `tokenizer.json` that `tokenizer` names, None for built-in counters.

    Raises:
        ValueError: Neither a built-in counter nor a readable file.
    """
    if tokenizer in {"bytes", "words"}:
        return None
    if tokenizer.startswith(BPE_PREFIX):
        if tokenizer.removeprefix(BPE_PREFIX) not in BPE_ENCODINGS:
            known = ", ".join(BPE_PREFIX + e for e in BPE_ENCODINGS)
            raise ValueError(f"unknown encoding {tokenizer!r}; there are {known}")
        return None
    try:
        return Path(tokenizer).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"tokenizer {tokenizer!r} is none of bytes, words, bpe:cl100k_base, bpe:o200k_base and "
            f"no readable tokenizer.json: {error}"
        ) from error


def make_counter(tokenizer: str, content: str | None = None) -> Counter:
    """The counter of a recipe's `tokens.tokenizer`.

    Args:
        tokenizer: As in the recipe.
        content: Of the `tokenizer.json`, where the file itself is out of reach (on a worker).

    Raises:
        ValueError: Unknown name, unreadable file, or not a tokenizer.json.
    """
    return _make_counter(tokenizer, content if content is not None else read_tokenizer(tokenizer))


@cache
def _make_counter(tokenizer: str, content: str | None) -> Counter:
    if tokenizer == "bytes":
        return Counter(tokenizer, _bytes)
    if tokenizer == "words":
        return Counter(tokenizer, _words)
    if content is None:
        return Counter(tokenizer, _bpe(tokenizer.removeprefix(BPE_PREFIX)))
    try:
        return Counter(tokenizer, _hugging_face(content))
    except Exception as error:  # the wheel raises bare Exception
        raise ValueError(f"{tokenizer!r} is not a tokenizer.json: {error}") from error


def tokenizer_fingerprint(tokenizer: str) -> str:
    """What the counts depend on, for keys: a version, or the sha256 of the file.

    Raises:
        ValueError: As `read_tokenizer`.
    """
    content = read_tokenizer(tokenizer)
    if content is not None:
        return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
    if tokenizer.startswith(BPE_PREFIX):
        return f"bpe-openai=={metadata.version('bpe-openai')}"
    return _OWN_VERSION
