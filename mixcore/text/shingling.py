"""Ways to cut a text into shingles, as plain values; `mixcore.text.shingles` does the cutting."""

from __future__ import annotations

from typing import Literal, NamedTuple

LETTERS_PER_WORD = {"cjk": 1.75, "thai": 5.2, "lao": 5.8, "khmer": 5.8, "myanmar": 8.2}
"""Code points of a script (marks included, spaces and punctuation not) for one English word of the
same text. Measured on the Universal Declaration of Human Rights (Chinese 1.5, Japanese 2.1, Thai
5.1) and on 240 paragraphs of XQuAD (Chinese 1.6, Thai 5.3)."""


class Shingling(NamedTuple):
    """How texts are cut. Part of keys, sent to workers."""

    unit: Literal["words", "chars"] = "words"
    n: int = 5
    """Units a shingle, at least 1."""
    scripts: tuple[tuple[str, int], ...] = ()
    """With words: scripts that are read letter by letter, and letters a shingle, sorted."""


def letters_for(n_words: int) -> dict[str, int]:
    """Letters a shingle by script, so that an edit breaks as many shingles as one of `n_words`.

    Changing a word breaks n shingles of the W that W words have; changing its c letters breaks
    m + c - 1 of W c. These are equal shares for m = (n - 1) c + 1.

    >>> letters_for(5)
    {'cjk': 8, 'thai': 22, 'lao': 24, 'khmer': 24, 'myanmar': 34}
    """
    return {name: round((n_words - 1) * c) + 1 for name, c in LETTERS_PER_WORD.items()}
