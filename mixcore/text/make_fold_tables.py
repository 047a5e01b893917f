"""Writes `fold_tables.npz`: what deduplication needs to know of each code point.

Run `python -m mixcore.text.make_fold_tables` with the Python whose Unicode version is wanted; the
file is part of the package, so that all workers and all later Pythons agree on every hash.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("fold_tables.npz")
WORD, SPACE, PUNCT = 1, 2, 4
"""Bits of `flags`: `\\w` of Python's `re`; `str.isspace`; category P* or S*."""
SCRIPT_SHIFT = 3
"""`flags >> SCRIPT_SHIFT` is 1 + the place in SCRIPTS of a letter, mark or number, else 0."""
SCRIPTS: dict[str, tuple[tuple[int, int], ...]] = {
    "cjk": (
        (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x303B), (0x3040, 0x312F), (0x31A0, 0x31BF),
        (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F),
        (0x1AFF0, 0x1B16F), (0x20000, 0x3FFFF),
    ),
    "thai": ((0x0E00, 0x0E7F),),
    "lao": ((0x0E80, 0x0EFF),),
    "khmer": ((0x1780, 0x17FF),),
    "myanmar": ((0x1000, 0x109F), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F)),
}  # fmt: skip
"""Scripts written without spaces between words, and their blocks. `cjk`: Han, kana, bopomofo, not
Hangul, which has spaces."""
BLOCK = 256
N_CODE_POINTS = 0x110000
DOTTED_I = 0x130
"""The one code point whose lower case is two (i, U+0307): the kernels know it by number."""
_CAPITAL_SIGMA, _FINAL_SIGMA, _SIGMA = 0x3A3, 0x3C2, 0x3C3


def lower_of(code_point: int) -> int:
    """First code point of the lower case; both capital and final sigma become sigma."""
    if code_point in (_CAPITAL_SIGMA, _FINAL_SIGMA):
        return _SIGMA
    return ord(chr(code_point).lower()[0])


def flags_of(code_point: int) -> int:
    """The bits of one code point; the word bit is that of its lower case."""
    char, folded = chr(code_point), chr(lower_of(code_point))
    category = unicodedata.category(char)[0]
    script = 0
    if category in "LMN":
        script = next((i for i, blocks in enumerate(SCRIPTS.values(), 1)
                       if any(low <= code_point <= high for low, high in blocks)), 0)  # fmt: skip
    return (
        WORD * (folded.isalnum() or folded == "_")
        | SPACE * char.isspace()
        | PUNCT * (category in "PS")
        | script << SCRIPT_SHIFT
    )


def build() -> dict[str, np.ndarray]:
    """The two-stage tables: `index[cp >> 8]` is a block, `block * 256 + (cp & 255)` an entry."""
    flags = np.array([flags_of(c) for c in range(N_CODE_POINTS)], np.uint8)
    delta = np.array([lower_of(c) - c for c in range(N_CODE_POINTS)], np.int32)
    both = np.stack([flags.astype(np.int32), delta], axis=1).reshape(-1, BLOCK * 2)
    blocks, index = np.unique(both, axis=0, return_inverse=True)
    entries = blocks.reshape(-1, 2)
    return {
        "index": index.reshape(-1).astype(np.uint16),
        "flags": np.ascontiguousarray(entries[:, 0]).astype(np.uint8),
        "delta": np.ascontiguousarray(entries[:, 1]),
    }


if __name__ == "__main__":
    tables = build()
    np.savez_compressed(PATH, index=tables["index"], flags=tables["flags"], delta=tables["delta"])
