"""Compile and cache every kernel of this package: `python -m mixcore.text.warm`.

A kernel compiles at its first call and numba keeps the code beside the sources, so a set-up
step that calls each once spares every later process the wait. To add a kernel, append a
callable without arguments to WARMERS.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from mixcore.text.bands import BandPlan
from mixcore.text.content_hash import content_hash
from mixcore.text.jaccard import exact_overlap
from mixcore.text.minhash import minhash
from mixcore.text.shingles import shingle_hashes
from mixcore.text.signal_kernel import compute_signals
from mixcore.text.tokens import make_counter


def _signals() -> None:
    compute_signals(pa.array(["One small text, twice.\n\nOne small text, twice."]))


def _dedup() -> None:
    text = pa.array(["One small text, twice. One small text, twice."])
    minhash(text, 5, BandPlan(2, 2))
    shingle_hashes(text, 5)
    content_hash(text, ("whitespace",))
    make_counter("words").count(text)
    none = np.zeros(0, np.int64)
    exact_overlap(np.zeros(0, np.uint64), np.zeros(1, np.int64), none, none)


WARMERS: list[Callable[[], None]] = [_signals, _dedup]


def warm() -> None:
    """Call every warmer once; the first time this takes most of a minute."""
    for warmer in WARMERS:
        warmer()


if __name__ == "__main__":
    started, used = time.perf_counter(), time.process_time()
    warm()
    wall, cpu = time.perf_counter() - started, time.process_time() - used
    print(f"kernels ready in {wall:.1f} s ({cpu:.1f} s of processor time)")
