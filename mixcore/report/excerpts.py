"""Short excerpts of two texts, laid side by side where they first differ. No Spark."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Any

LEAD_CHARS = 80
"""Common text shown before the first difference."""
EXCERPT_CHARS = 400
"""Characters shown of each text."""
_WORD = re.compile(r"\s+|\S+")


def side_by_side(left: str, right: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An excerpt of each text around the first difference.

    Returns:
        For each text: `offset` (first character shown), `parts` (pairs of a stretch of text and
        whether the other excerpt has it, word by word), `is_cut` (whether more follows). Equal
        texts are shown from their beginning.

    >>> side_by_side("one two", "one three")[1]
    {'offset': 0, 'parts': [['one ', True], ['three', False]], 'is_cut': False}
    """
    shorter = min(len(left), len(right))
    n_same = next((i for i in range(shorter) if left[i] != right[i]), shorter)
    start = max(0, n_same - LEAD_CHARS) if left != right else 0
    end = start + EXCERPT_CHARS
    a, b = (_WORD.findall(text[start:end]) for text in (left, right))
    blocks = SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()

    def one(text: str, words: list[str], places: list[int]) -> dict[str, Any]:
        parts: list[list[Any]] = []
        at = 0
        for place, block in zip(places, blocks, strict=True):
            parts.append(["".join(words[at:place]), False])
            parts.append(["".join(words[place : place + block.size]), True])
            at = place + block.size
        return {
            "offset": start,
            "parts": [part for part in parts if part[0]],
            "is_cut": len(text) > end,
        }

    return one(left, a, [m.a for m in blocks]), one(right, b, [m.b for m in blocks])
