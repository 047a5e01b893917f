"""What near- and exact-duplicate search depends on, and the keys that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mixcore.recipe.models import NONE
from mixcore.runtime.keys import make_key
from mixcore.text.bands import NO_BANDS, BandPlan, plan_bands

if TYPE_CHECKING:
    from mixcore.recipe.models import Dedup, Recipe

VERSION = 1
"""Raised when bands, sketch, shingles or content hash of the same text come out otherwise."""


def band_plan(dedup: Dedup) -> BandPlan:
    """Bands and rows: as given, else derived from `min_recall` at `min_jaccard`."""
    near = dedup.near
    if near == NONE:
        return NO_BANDS
    return plan_bands(near.min_jaccard, near.min_recall, near.bands, near.rows)


def dedup_params(recipe: Recipe) -> dict[str, Any] | None:
    """What of the recipe determines the dedup columns of `signals`; None: no deduplication."""
    dedup = recipe.dedup
    if dedup == NONE:
        return None
    plan = band_plan(dedup)
    return {
        "ignore": None if dedup.exact == NONE else sorted(set(dedup.exact.ignore)),
        "words": None if dedup.near == NONE else dedup.near.shingle.cut,
        "bands": plan.bands,
        "rows": plan.rows,
    }


def dedup_key(recipe: Recipe, ingest_key: str) -> str:
    """Names the dedup columns of one batch: its ingest key and `dedup_params`, no signals.

    So a new signal profiles again but does not match again.
    """
    return make_key("dedup", VERSION, dedup_params(recipe), [ingest_key])
