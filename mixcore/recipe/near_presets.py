"""Near-duplicate settings of published corpora, by name: `dedup: {near: {preset: dolma3}}`.

A preset fixes bands, rows, shingle and threshold; keys written beside it win, and `min_recall`
without bands and rows derives them. What it does not copy is that most of these corpora removed
whatever shared a band: here every pair is verified at `min_jaccard`. So a preset finds what its
corpus found (`mixcore check` prints how much that is) and removes less of what it should not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NearPreset:
    """Bands x rows on shingles of `n` units, and the threshold of verification."""

    bands: int
    rows: int
    unit: str
    n: int
    min_jaccard: float
    origin: str
    """Where the numbers are from, and what differs here."""


NEAR_PRESETS: dict[str, NearPreset] = {
    "fineweb": NearPreset(
        14, 8, "words", 5, 0.75,
        "FineWeb, FineWeb-2: documents at least 75 % similar; not verified there; digits as they "
        "are here, 0 there",
    ),
    "dclm": NearPreset(93, 15, "words", 5, 0.8, "DCLM, the MinHash of its ablations"),
    "refinedweb": NearPreset(
        450, 20, "words", 5, 0.8, "RefinedWeb, appendix G.3.1, after Lee et al. 2022, who verify"
    ),
    "slimpajama": NearPreset(
        9, 13, "words", 13, 0.8,
        "SlimPajama: 128 permutations at 0.8, split as datasketch does; not verified there",
    ),
    "redpajama_v2@0.7": NearPreset(14, 9, "words", 13, 0.7, "RedPajama-V2's shipped signatures"),
    "redpajama_v2@0.8": NearPreset(9, 13, "words", 13, 0.8, "RedPajama-V2's shipped signatures"),
    "redpajama_v2@0.9": NearPreset(5, 25, "words", 13, 0.9, "RedPajama-V2's shipped signatures"),
    "stack_v2": NearPreset(25, 10, "words", 5, 0.7, "The Stack v2 (BigCode), text-dedup at 0.7"),
    "curator": NearPreset(
        20, 13, "chars", 24, 0.8,
        "NeMo Curator, Nemotron-CC's recipe; case and runs of white space do not count here",
    ),
    "zyda2": NearPreset(8, 16, "chars", 25, 0.85, "Zyda-2 with NeMo Curator 0.6"),
    "dolma3": NearPreset(
        26, 11, "words", 5, 0.8, "Dolma 3, which verifies; on BPE tokens there, words here"
    ),
    "data_prep_kit": NearPreset(
        14, 8, "words", 5, 0.75, "data-prep-kit's fdedup; compares signatures there, shingles here"
    ),
}  # fmt: skip


def with_preset(data: dict[str, Any]) -> dict[str, Any]:
    """The keys of a `near` section, those of its preset filled in where it has none of its own.

    >>> with_preset({"preset": "dolma3", "min_jaccard": 0.9})["min_jaccard"]
    0.9
    >>> with_preset({"preset": "dolma3", "min_recall": 0.99}).get("bands") is None
    True
    """
    preset = NEAR_PRESETS.get(data.get("preset", ""))
    if preset is None:
        return data
    filled: dict[str, Any] = {
        "shingle": {preset.unit: preset.n},
        "min_jaccard": preset.min_jaccard,
    }
    if not {"bands", "rows", "min_recall"} & data.keys():
        filled |= {"bands": preset.bands, "rows": preset.rows}
    return {**filled, **data}
