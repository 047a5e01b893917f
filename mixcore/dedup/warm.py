"""Compile and cache the kernels of deduplication; see `mixcore.warm`."""

from __future__ import annotations

import numpy as np

from mixcore.dedup.greedy import SLOTS, Documents, Edges, Hot, resolve


def warm() -> None:
    """Resolve three documents: an edge, and a hot bucket that compares."""
    ids = np.arange(3)
    documents = Documents(ids, ids, np.zeros(3, np.int64), np.zeros(3, np.bool_))
    edges = Edges(np.array([0]), np.array([1]), np.array([0.9]))
    shingles = np.arange(4, dtype=np.uint64)
    hot = Hot(
        np.zeros(3, np.int64), ids, ids, np.zeros((3, SLOTS), np.uint8),
        np.arange(4) * 4, np.concatenate([shingles] * 3),
    )  # fmt: skip
    resolve(documents, edges, hot, 0.8)
