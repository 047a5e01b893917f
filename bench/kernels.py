"""Speed of the signal kernels on one core: `python bench/kernels.py CORPUS_DIR [MEGABYTES]`.

CORPUS_DIR holds *.jsonl.gz files with a field `text`. Each pass needs the words of the first,
so a pass's own cost is the difference from `words`. The second table has the speed of each group of
signals on demand by itself, what every document costs taken off.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa

from mixcore.text.signal_kernel import FAMILIES, compute_signals, counters_of
from mixcore.text.signals import GROUPS
from mixcore.text.warm import warm

ROUNDS = 5
DEFAULT_MEGABYTES = 16.0
_INSTANT = 10_000
"""MB/s from which a group costs nothing that can be measured."""


def load(path: Path, megabytes: float) -> pa.Array:
    """The first `megabytes` of text of a file."""
    texts, room = [], megabytes * 1e6
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            texts.append(json.loads(line)["text"])
            room -= len(texts[-1])
            if room < 0:
                break
    return pa.array(texts, pa.large_string())


def seconds(work: Callable[[], object]) -> float:
    """Processor time of the best round: other load on the machine disturbs it least."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def main() -> None:
    warm()
    megabytes = float(sys.argv[2]) if len(sys.argv) > 2 else DEFAULT_MEGABYTES
    others = FAMILIES[1:]
    print(
        f"{'MB/s/core':30}{'MB':>7}{'words':>9}", *(f"{'+' + f:>12}" for f in others), "      all"
    )
    groups: dict[str, list[float]] = {}
    for path in sorted(Path(sys.argv[1]).rglob("*.jsonl.gz")):
        text = load(path, megabytes)
        size = sum(counters_of(text, ("words",))[2]) / 1e6
        runs = [("words",), *(("words", f) for f in others)]
        speeds = [size / seconds(partial(counters_of, text, f)) for f in runs]
        base = seconds(partial(compute_signals, text))
        everything = size / base
        names = pa.array(["file.py"] * len(text))
        groups[path.name] = [
            size / max(seconds(partial(compute_signals, text, (g,), names)) - base, 1e-9)
            for g in GROUPS
        ]
        print(
            f"{path.name:30}{size:7.1f}{speeds[0]:9.0f}",
            *(f"{v:12.0f}" for v in speeds[1:]),
            f"{everything:9.0f}",
        )
    print(f"\n{'MB/s/core on demand':30}", *(f"{g:>12}" for g in GROUPS))
    for name, speeds in groups.items():
        print(f"{name:30}", *(f"{v:12.0f}" if v < _INSTANT else f"{'-':>12}" for v in speeds))


if __name__ == "__main__":
    main()
