"""From a signal to a 12-bit bin, and from a histogram of bins to percentiles. Pure arithmetic.

A percentile needs an order and counts, not the values: every signal goes through a fixed monotone
map into [0, 1] and from there into one of 4096 bins; histograms are integer sums of bytes, so
they do not depend on partitions or row order. The maps use one addition and one division, which
IEEE 754 rounds the same on every machine (a logarithm is not).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mixcore.text.signals import SIGNALS

BINS = 4096
"""Bins of a histogram (quality.md 5.1)."""
MISSING_BIN = BINS
"""Extra slot of a component whose signal is null: it counts as the middle, neither good nor bad."""
MIDDLE = 0.5
"""Percentile of a missing component, and the score where a rule set has no components."""
BUCKETS = 20
"""Score buckets (quality.md 5.1, after Nemotron-CC)."""

_SIGNALS = {signal.name: signal for signal in SIGNALS}
_SCALES = {
    "n_bytes": 4096.0, "n_chars": 4096.0,
    "n_words": 512.0, "n_norm_words": 512.0, "n_nonsymbol_words": 512.0, "n_wordpunct": 512.0,
    "n_lines": 32.0, "n_blank_lines": 32.0, "n_paragraphs": 32.0, "n_sentences": 32.0,
    "mean_word_length": 5.0, "mean_norm_word_length": 5.0, "median_word_length": 5.0,
    "max_word_length": 16.0, "unigram_entropy": 5.0,
    "symbol_word_ratio": 0.05, "newline_word_ratio": 0.05,
    "mean_line_length": 64.0, "max_line_length": 256.0, "encoded_run_max": 64.0,
}  # fmt: skip
"""Scale c of x / (x + c): about the median of ordinary prose. Bins are finest there and still
tell values 2.5 % apart a hundredfold away. Other unbounded signals (counts of rare marks): 1."""
_CLIPPED = ("top_ngram_chars_",)
"""Shares that overlaps can push above 1: everything from 1 on is one bin."""


@dataclass(frozen=True)
class UnitMap:
    """A fixed monotone map of a signal to [0, 1].

    Attributes:
        scale: c of x / (x + c); None: x itself, clipped to [0, 1].
    """

    scale: float | None


def unit_map(signal: str) -> UnitMap:
    """The map of a signal by its name as written in recipes.

    >>> unit_map("dup_line_frac"), unit_map("n_words"), unit_map("symbol_word_ratio@rpv2")
    (UnitMap(scale=None), UnitMap(scale=512.0), UnitMap(scale=0.05))
    """
    entry = _SIGNALS.get(signal)
    is_share = entry is not None and entry.domain == (0.0, 1.0)
    if signal == "language_confidence" or is_share or signal.startswith(_CLIPPED):
        return UnitMap(None)
    return UnitMap(_SCALES.get(signal.partition("@")[0], 1.0))


def percentiles(histogram: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Percentile of each bin: (what lies below + half of what lies in it) / total.

    Args:
        histogram: int64 sums by bin, at least one bin.

    Returns:
        float64 of the same length; where nothing was counted the identity, i.e. bin centres.
    """
    total = int(histogram.sum())
    if total == 0:
        return (np.arange(len(histogram)) + 0.5) / len(histogram)
    below = np.concatenate(([0], np.cumsum(histogram)[:-1]))
    # Twice the numerator stays an integer, so the one rounding is that of the division.
    return (2 * below + histogram) / (2.0 * total)


def component_table(
    histogram: npt.NDArray[np.int64], share: float, *, high_is_better: bool
) -> npt.NDArray[np.float64]:
    """What a component adds to `score_raw`, by bin; the last slot is for a missing signal.

    Args:
        histogram: int64 bytes by bin, length `BINS`.
        share: The component's weight over the sum of weights.
        high_is_better: Whether a high value is good; else the percentile is turned round.

    Returns:
        float64 of length `BINS + 1`.
    """
    rank = percentiles(histogram)
    if not high_is_better:
        rank = 1.0 - rank
    return np.append(share * rank, share * MIDDLE)
