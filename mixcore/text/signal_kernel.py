r"""Quality signals of a batch of documents: Arrow text in, one Arrow struct out.

Units of text:

- length: code points.
- W word: maximal run of non-whitespace; whitespace is `str.isspace`.
- N word: W word without the 32 ASCII punctuation marks, lower-cased; dropped if empty.
- P token: run of `\w+` or of `[^\w\s]+` (WordPunct).
- line: part of a split on LF, one trailing CR removed; a final empty part is no line. L is the
  number of lines that are not blank (whitespace alone).
- paragraph: part of the stripped text split at two or more line ends (LF or CRLF).
- sentence: maximal run without `. ! ?` that holds at least one `\w`.

Text is looked at once, 64 bytes a step, to make masks of its characters' classes
(`char_scan`); marks, words, lines, repetition and patterns are found from these masks, over
chunks that fit the cache. Each pass takes time linear in the bytes whatever they hold. Sums
are integers; ratios are divided in f64 and stored as f32. Words, lines and paragraphs are
compared by 64-bit hashes; see `odd_word` and `line_scan` for the probability of a collision.
"""

from __future__ import annotations

import threading
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text.byte_classes import BLOCK
from mixcore.text.char_scan import FIELDS
from mixcore.text.line_scan import scan_lines
from mixcore.text.line_split import LINE_FIELDS
from mixcore.text.odd_word import word_hash
from mixcore.text.on_demand import ON_DEMAND_FIELDS
from mixcore.text.on_demand import columns as columns_on_demand
from mixcore.text.pattern_scan import scan_patterns
from mixcore.text.repetition import repetition
from mixcore.text.signal_columns import columns
from mixcore.text.signals import KERNEL_SIGNALS
from mixcore.text.text_scan import scan_text
from mixcore.text.word_scan import MEDIAN_BINS

# Gopher's eight words (Rae et al. 2021, appendix A1.1), for English and unknown languages.
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
FAMILIES = ("words", "lines", "repetition", "patterns")
CHUNK_BYTES = 1 << 18  # text and arenas of a chunk stay in a 1-2 MB second-level cache
KEEP_BYTES = 1 << 24  # arenas for longer documents are given back after the batch
MAX_DOCUMENT_BYTES = (1 << 31) - 1  # positions are i32

_TYPES = {"i32": pa.int32(), "i64": pa.int64(), "f32": pa.float32(), "bool": pa.bool_()}
_KERNEL_FIELDS = [pa.field(s.column, _TYPES[s.dtype]) for s in KERNEL_SIGNALS]
_FIELDS = [*_KERNEL_FIELDS, *ON_DEMAND_FIELDS]
SIGNAL_TYPE = pa.struct(_FIELDS)
"""Arrow type of the result: one field a signal, in catalogue order."""

_local = threading.local()


class _Arenas:
    """Scratch memory for chunks of up to `room` bytes and `documents` documents.

    Untouched pages cost nothing: `np.empty` of this size is mapped, not filled.
    """

    def __init__(self, room: int, documents: int) -> None:
        self.room = room
        self.documents = documents
        words = (room + documents) // 2 + 2
        lines = room + documents + 2
        self.bits = np.empty((room // BLOCK + 3, FIELDS), np.uint64)
        self.hashes = np.empty(words, np.uint64)
        self.lengths = np.empty(words, np.int32)
        self.nfd_lengths = np.empty(words, np.int32)
        self.lines = np.empty((words, LINE_FIELDS), np.int32)
        self.word_offsets = np.empty(documents + 1, np.int64)
        self.line_offsets = np.empty(documents + 1, np.int64)
        self.long_words = np.empty(room // MEDIAN_BINS + 2, np.int32)
        self.slots = np.empty(4 * lines + 32, np.uint32)
        self.seen = np.empty(8 * words + 32, np.uint8)
        self.keys = np.empty(lines, np.uint64)
        self.starts = np.empty(lines, np.int64)
        self.ends = np.empty(lines, np.int64)
        self.first_key = np.empty(lines, np.uint64)
        self.word_ids = np.empty(words, np.int32)
        self.ids = np.empty(lines, np.int32)
        self.counts = np.empty(lines, np.int32)
        self.grams = np.empty(words, np.int32)
        self.positions = np.empty(words, np.int32)
        self.sums = np.empty(lines, np.int64)
        self.nfd_sums = np.empty(words, np.int64)


def _arenas(room: int, documents: int) -> _Arenas:
    held: _Arenas | None = getattr(_local, "arenas", None)
    if held is None or held.room < room or held.documents < documents:
        held = _Arenas(max(room, CHUNK_BYTES), max(documents, 1024))
        _local.arenas = held if room <= KEEP_BYTES else None
    return held


def _stop_table(words: tuple[str, ...]) -> NDArray[np.uint64]:
    """Hashes in 256 slots by their top byte, linear probing; 0 marks a free slot."""
    table = np.zeros(256, np.uint64)
    for word in words:
        h = np.uint64(word_hash(np.array([ord(x) for x in word], np.int64)))
        slot = int(h >> np.uint64(56))
        while table[slot]:
            slot = (slot + 1) & 255
        table[slot] = h
    return table


@cache
def _stop_hash() -> NDArray[np.uint64]:
    """The stop words' table, made at the first batch."""
    return _stop_table(STOP_WORDS)


def _utf8(text: pa.Array) -> pa.Array:
    """Text without nulls (null = empty) and with invalid UTF-8 replaced by U+FFFD."""
    if text.null_count:
        text = text.fill_null("")
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        raw = text.cast(pa.large_binary() if pa.types.is_large_string(text.type) else pa.binary())
        return pa.array([b.as_py().decode("utf-8", "replace") for b in raw], text.type)
    return text


def _buffers(text: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Bytes and i64 offsets (documents + 1) of a text array, no copy of the bytes."""
    _, offsets, data = text.buffers()
    wide = np.int64 if pa.types.is_large_string(text.type) else np.int32
    if offsets is None or len(text) == 0:
        return np.zeros(0, np.uint8), np.zeros(len(text) + 1, np.int64)
    bounds = np.frombuffer(offsets, wide)[text.offset : text.offset + len(text) + 1]
    bytes_ = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return bytes_, bounds.astype(np.int64)


def _chunks(offsets: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Ranges of documents of about CHUNK_BYTES; a longer document stands alone."""
    ranges = []
    first, n = 0, len(offsets) - 1
    while first < n:
        last = int(np.searchsorted(offsets, offsets[first] + CHUNK_BYTES, "right")) - 1
        last = min(max(last, first + 1), n)
        ranges.append((first, last))
        first = last
    return ranges


def counters_of(
    text: pa.Array, families: tuple[str, ...] = FAMILIES
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Run the kernels.

    Args:
        text: string or large_string array.
        families: which passes to run, of FAMILIES; `words` must be among them.

    Returns:
        Counters (documents, counters.N), entropy (documents; nats), bytes (documents).

    Raises:
        ValueError: a document of 2 GiB or more.
    """
    return _counters_of(*_buffers(_utf8(text)), families)


def _counters_of(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], families: tuple[str, ...]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    n = len(offsets) - 1
    sizes = np.diff(offsets)
    if n and int(sizes.max()) > MAX_DOCUMENT_BYTES:
        raise ValueError(f"a document of {int(sizes.max())} bytes; limit {MAX_DOCUMENT_BYTES}")
    rows = np.zeros((n, c.N), np.int64)
    entropy = np.zeros(n, np.float64)
    stop_hash = _stop_hash()
    for first, last in _chunks(offsets):
        part = offsets[first : last + 1]
        own = rows[first:last]
        a = _arenas(int(part[-1] - part[0]), last - first)
        scan_text(
            data, part, own, a.bits, a.hashes, a.lengths, a.nfd_lengths, a.word_offsets,
            a.lines, a.line_offsets, a.long_words,
        )  # fmt: skip
        word_offsets = a.word_offsets[: last - first + 1]
        if "lines" in families:
            scan_lines(
                data, part, a.lines, a.line_offsets, own, a.slots, a.keys, a.first_key,
                a.ids, a.counts, a.sums, a.starts, a.ends,
            )  # fmt: skip
        if "repetition" in families:
            repetition(
                a.hashes, a.lengths, a.nfd_lengths, word_offsets, own, entropy[first:last],
                stop_hash, a.slots, a.seen, a.keys, a.first_key, a.word_ids, a.ids, a.counts,
                a.grams, a.positions, a.sums, a.nfd_sums,
            )  # fmt: skip
        if "patterns" in families:
            scan_patterns(data, part, own)
    return rows, entropy, sizes


def compute_signals(
    text: pa.Array | pa.ChunkedArray,
    groups: tuple[str, ...] = (),
    names: pa.Array | None = None,
    languages: pa.Array | None = None,
) -> pa.StructArray:
    """All signals of every document.

    Args:
        text: string or large_string, any offset; null counts as empty. Invalid UTF-8 is
            measured as if each invalid sequence were U+FFFD.
        groups: of `signals.GROUPS`; signals on demand of other groups are null.
        names: names or paths of files, for signals of code.
        languages: declared languages, for code whose names do not tell.

    Returns:
        Struct array of type SIGNAL_TYPE, as long as `text`, no null structs.

    Raises:
        ValueError: a document of 2 GiB or more.
    """
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    data, offsets = _buffers(_utf8(text))
    rows, entropy, sizes = _counters_of(data, offsets, FAMILIES)
    values = columns(rows, entropy, sizes)
    arrays = [
        _array(values[s.name], f.type) for s, f in zip(KERNEL_SIGNALS, _KERNEL_FIELDS, strict=True)
    ]
    arrays += columns_on_demand(data, offsets, rows, groups, names, languages)
    return pa.StructArray.from_arrays(arrays, fields=_FIELDS)


def _array(values: NDArray[np.generic], kind: pa.DataType) -> pa.Array:
    """An Arrow array on the memory of contiguous values of the same type; booleans are packed."""
    if kind == pa.bool_():
        return pa.array(values, kind)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)], 0)
