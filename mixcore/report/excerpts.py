"""Short excerpts of two texts, laid side by side where they first differ. No Spark."""

from __future__ import annotations

LEAD_CHARS = 80
"""Common text shown before the first difference."""
EXCERPT_CHARS = 400
"""Characters shown of each text."""


def side_by_side(left: str, right: str) -> tuple[dict[str, object], dict[str, object]]:
    """An excerpt of each text around the first difference.

    Returns:
        For each text: `offset` (first character shown), `same` (common text before the
        difference), `rest` (what follows it), `is_cut` (whether more follows). Texts without a
        difference are shown from their beginning as `same`.

    >>> side_by_side("one two", "one three")[1]
    {'offset': 0, 'same': 'one t', 'rest': 'hree', 'is_cut': False}
    """
    shorter = min(len(left), len(right))
    n_same = next((i for i in range(shorter) if left[i] != right[i]), shorter)
    if left == right:
        n_same = min(n_same, EXCERPT_CHARS)
    start = max(0, n_same - LEAD_CHARS) if left != right else 0

    def one(text: str) -> dict[str, object]:
        end = start + EXCERPT_CHARS
        return {
            "offset": start,
            "same": text[start:n_same],
            "rest": text[n_same:end] if left != right else "",
            "is_cut": len(text) > end,
        }

    return one(left), one(right)
