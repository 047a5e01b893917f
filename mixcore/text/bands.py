"""How many bands of how many rows: recall of banding, and the cheapest plan that meets it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

BAND_BYTES = 16
"""A band costs a (band key, doc_id) row in the shuffle, per document."""
PERMUTATION_BYTES = 1.0
"""Computing a permutation costs about as much as shuffling a byte (0.02 us a document)."""
COLLISION_BYTES = 64
"""Two documents in one bucket cost a 16-byte pair of ids, and a third (pairs meet in about three
bands) of the 144 bytes of a distinct pair: ids and two sketches."""
COLLISIONS_AT_ONE_ROW = 50.0
COLLISION_EXPONENT = 1.6
"""Documents that share one band of r rows with a document: about 50 / r^1.6. Fitted to 59,440 real
documents of 14 corpora, where 50, 18, 9.7, 5.9, 5.2, 4.7 were met at r = 1..6 and 2.2, 1.3, 1.1 at
r = 8..10. The number grows with the corpus until the cap of anchors a bucket holds it."""
MAX_ROWS = 16
MAX_BANDS = 256


@dataclass(frozen=True)
class BandPlan:
    """`bands` keys of `rows` minima each; 0 bands: no near-duplicate search."""

    bands: int
    rows: int

    @property
    def n_band_permutations(self) -> int:
        """Permutations that feed the bands."""
        return self.bands * self.rows

    def recall(self, jaccard: float) -> float:
        """Chance that a pair of this similarity shares a band."""
        return recall_at(jaccard, self.bands, self.rows)

    def __str__(self) -> str:
        """E.g. `14x5`."""
        return f"{self.bands}x{self.rows}"


NO_BANDS = BandPlan(0, 0)


def recall_at(jaccard: float, bands: int, rows: int) -> float:
    """P(a pair shares a band) = 1 - (1 - J^rows)^bands.

    >>> round(recall_at(0.8, 14, 8), 3)
    0.924
    """
    return 1.0 - (1.0 - jaccard**rows) ** bands


def plan_cost(plan: BandPlan) -> float:
    """Estimated bytes a document: band rows, permutations, candidate pairs.

    Fewer rows need fewer bands for the same recall but let more dissimilar documents meet.
    """
    sharing = COLLISIONS_AT_ONE_ROW / plan.rows**COLLISION_EXPONENT
    return float(
        BAND_BYTES * plan.bands
        + PERMUTATION_BYTES * plan.n_band_permutations
        + COLLISION_BYTES * plan.bands * sharing
    )


def _fewest_bands(min_jaccard: float, min_recall: float, rows: int, limit: int) -> int | None:
    return next(
        (b for b in range(1, limit + 1) if recall_at(min_jaccard, b, rows) >= min_recall), None
    )


@cache
def plan_bands(
    min_jaccard: float, min_recall: float, bands: int | None = None, rows: int | None = None
) -> BandPlan:
    """The cheapest plan (`plan_cost`) that finds `min_recall` of the pairs at `min_jaccard`.

    Args:
        min_jaccard: Similarity from which a pair counts, 0 < t <= 1.
        min_recall: Share of pairs at exactly `min_jaccard` that must become candidates (pairs above
            it are found more often), 0 < p < 1.
        bands: Fixed by the user, else None.
        rows: Fixed by the user, else None. With both fixed, `min_recall` is not looked at.

    Raises:
        ValueError: No plan of at most 256 bands and 16 rows (or with the fixed number) meets it.
    """
    if bands is not None and rows is not None:
        return BandPlan(bands, rows)
    tried = [rows] if rows is not None else list(range(1, MAX_ROWS + 1))
    limit = bands if bands is not None else MAX_BANDS
    plans = []
    for r in tried:
        b = _fewest_bands(min_jaccard, min_recall, r, limit)
        if b is not None:
            plans.append(BandPlan(bands if bands is not None else b, r))
    if not plans:
        raise ValueError(
            f"no plan of at most {limit} bands finds {min_recall:.3f} of the pairs at Jaccard "
            f"{min_jaccard}"
        )
    return min(plans, key=lambda p: (plan_cost(p), p.rows))
