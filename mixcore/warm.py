"""Compile and cache every kernel: `python -m mixcore.warm`, a step of `make setup`.

Each room with kernels of its own has a `warm` that calls them once with the types of real data.
"""

from __future__ import annotations

import time

from mixcore.dedup.warm import warm as warm_dedup
from mixcore.text.warm import warm as warm_text

if __name__ == "__main__":
    started = time.perf_counter()
    warm_text()
    warm_dedup()
    print(f"kernels ready in {time.perf_counter() - started:.1f} s")
