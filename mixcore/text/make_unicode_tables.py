"""Makes `unicode_tables.npz`: run once, by hand, with Python 3.11 (Unicode 14.0).

    python -m mixcore.text.make_unicode_tables

The tables are shipped, never made at run time: a newer Python would change signals.

The file holds a three-stage look-up: `stage1[cp >> 7]` names a block of 128 code points,
`stage2[block * 128 + (cp & 127)]` a record, and a record has three parts: `flags` (u32, the
bits below), `delta` (i32, lower-case code point minus code point) and `nfd` (i64, the
number of code points of the lower-cased character after canonical decomposition).
"""

# ruff: noqa: RUF001 # look-alike marks are the point

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import numpy as np

# Sentence_Terminal of PropList.txt, Unicode 16.0 (170 marks) and three Khmer marks which
# FineWeb's list (huggingface/datatrove, C4 and FineWeb filters) also has.
SENTENCE_TERMINAL = """
21 2E 3F 589 61D-61F 6D4 700-702 7F9 837 839 83D-83E 964-965 104A-104B 1362 1367-1368 166E
1735-1736 17D4-17D5 1803 1809 1944-1945 1AA8-1AAB 1B4E-1B4F 1B5A-1B5B 1B5E-1B5F 1B7D-1B7F
1C3B-1C3C 1C7E-1C7F 2024 203C-203D 2047-2049 2CF9-2CFB 2E2E 2E3C 2E53-2E54 3002 A4FF
A60E-A60F A6F3 A6F7 A876-A877 A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB FE12
FE15-FE16 FE52 FE56-FE57 FF01 FF0E FF1F FF61 10A56-10A57 10F55-10F59 10F86-10F89 11047-11048
110BE-110C1 11141-11143 111C5-111C6 111CD 111DE-111DF 11238-11239 1123B-1123C 112A9
113D4-113D5 1144B-1144C 115C2-115C3 115C9-115D7 11641-11642 1173C-1173E 11944 11946
11A42-11A43 11A9B-11A9C 11C41-11C42 11EF7-11EF8 11F43-11F44 16A6E-16A6F 16AF5 16B37-16B38
16B44 16D6E-16D6F 16E98 1BC9F 1DA88
17D6 17D9-17DA
"""
# The punctuation set of huggingface/datatrove (utils/text.py), which holds controls as well.
ASCII_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
DATATROVE_MARKS = ASCII_PUNCTUATION + "«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～"
DATATROVE_CONTROLS = ((0x00, 0x08), (0x0B, 0x1F), (0x7F, 0x9F))
# RedPajama-Data 6d2cee9d, quality_signals/lines.py.
RPV2_BULLETS = "•‣▶◀◦■□▪▫–"

BLOCK = 128
(ALPHA, WORD, ALNUM, DIGIT, DECIMAL, UPPER, NOT_UPPER, SPACE, PUNCT, CONTROL, DT_PUNCT) = (
    1 << i for i in range(11)
)
TERMINAL, IGNORABLE, CASED, BULLET_RPV2, ASCII_PUNCT = (1 << i for i in range(11, 16))


def terminal_marks() -> frozenset[int]:
    """Code points that end a sentence, by the list above."""
    marks: set[int] = set()
    for part in SENTENCE_TERMINAL.split():
        first, _, last = part.partition("-")
        marks.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(marks)


def flags_of(cp: int, terminal: frozenset[int]) -> int:
    """The bits of one code point, from the methods of `str`."""
    c = chr(cp)
    category = unicodedata.category(c)
    # `cased` and `case ignorable` of the final sigma rule are not public: ask `lower` itself.
    after_letter = ("A" + c + "Σ").lower()[-1] == "ς"
    after_hyphen = ("-" + c + "Σ").lower()[-1] == "ς"
    tests = {
        ALPHA: c.isalpha(),
        WORD: c.isalnum() or c == "_",
        ALNUM: c.isalnum(),
        DIGIT: c.isdigit(),
        DECIMAL: c.isdecimal(),
        UPPER: c.isupper(),
        NOT_UPPER: c.islower() or category == "Lt",
        SPACE: c.isspace(),
        PUNCT: category[0] in "PS",
        CONTROL: (cp < 0x20 and c not in "\t\n\r") or 0x7F <= cp <= 0x9F,
        DT_PUNCT: c in DATATROVE_MARKS or any(a <= cp <= b for a, b in DATATROVE_CONTROLS),
        TERMINAL: cp in terminal,
        IGNORABLE: after_letter and not after_hyphen,
        CASED: after_hyphen,
        BULLET_RPV2: c in RPV2_BULLETS,
        ASCII_PUNCT: c in ASCII_PUNCTUATION,
    }
    return sum(bit for bit, holds in tests.items() if holds)


def make() -> dict[str, np.ndarray]:
    """The tables, as written to the file."""
    terminal = terminal_marks()
    records: dict[tuple[int, int, int], int] = {}
    blocks: dict[tuple[int, ...], int] = {}
    stage1 = []
    for start in range(0, 0x110000, BLOCK):
        block = []
        for cp in range(start, start + BLOCK):
            lower = chr(cp).lower()
            # U+0130 alone has two lower-case code points; the kernel knows it by name.
            delta = ord(lower) - cp if len(lower) == 1 else 0
            nfd = len(unicodedata.normalize("NFD", lower))
            record = (flags_of(cp, terminal), delta, nfd)
            block.append(records.setdefault(record, len(records)))
        stage1.append(blocks.setdefault(tuple(block), len(blocks)))
    return {
        "stage1": np.array(stage1, np.uint16),
        "stage2": np.array([r for b in blocks for r in b], np.uint16),
        "flags": np.array([r[0] for r in records], np.uint32),
        "delta": np.array([r[1] for r in records], np.int32),
        "nfd": np.array([r[2] for r in records], np.int64),
    }


if __name__ == "__main__":
    if unicodedata.unidata_version != "14.0.0":
        sys.exit(f"needs Unicode 14.0.0, this Python has {unicodedata.unidata_version}")
    path = Path(__file__).with_name("unicode_tables.npz")
    np.savez_compressed(path, **make())  # type: ignore[arg-type]
    print(path, path.stat().st_size, "bytes")
