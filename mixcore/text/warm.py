"""Compile and cache every kernel of this package: `python -m mixcore.text.warm`.

A kernel compiles at its first call and numba keeps the code beside the sources, so a set-up
step that calls each once spares every later process the wait. To add a kernel, append a
callable without arguments to WARMERS.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pyarrow as pa

from mixcore.text.signal_kernel import compute_signals


def _signals() -> None:
    compute_signals(pa.array(["One small text, twice.\n\nOne small text, twice."]))


WARMERS: list[Callable[[], None]] = [_signals]


def warm() -> None:
    """Call every warmer once; the first time this takes most of a minute."""
    for warmer in WARMERS:
        warmer()


if __name__ == "__main__":
    started = time.perf_counter()
    warm()
    print(f"kernels ready in {time.perf_counter() - started:.1f} s")
