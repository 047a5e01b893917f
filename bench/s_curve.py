"""Predicted and measured chance of comparison, by Jaccard: `python bench/s_curve.py [--pairs N]`.

Documents of all text sources of CORPUS_DIR are edited (replace, insert, delete, move, append, wrap)
to similarities spread over 0 to 1; the exact Jaccard of each pair gives its predicted chance to
share a band, and the kernels say whether it does. `z` is the difference in standard deviations of
binomial draws; over 20 rows, 19 of 20 lie within 2. bench/S_CURVE.md is what it printed last.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from itertools import islice
from pathlib import Path

from corpus import TEXT_SOURCES, corpus_dir

from mixcore.recipe.near_presets import NEAR_PRESETS
from mixcore.text.bands import BandPlan, plan_bands
from mixcore.text.shingling import Shingling, letters_for

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.edits import CurvePoint, measured_curve, near_copies, texts_of

MIN_WORDS = 100
MAX_BYTES = 50_000
"""Longer documents are left out: they take the time and show nothing else."""
DOCUMENTS_A_FILE = 2_000
SCRIPTS = tuple(sorted(letters_for(5).items()))
PUBLISHED = ("fineweb", "dolma3", "slimpajama", "curator")


def documents() -> list[str]:
    texts: list[str] = []
    for source in TEXT_SOURCES:
        for path in sorted((corpus_dir() / source).glob("*.jsonl.gz")):
            if path.name.startswith("dolma_"):
                continue  # another record shape
            fit = (t for t in texts_of(path, MIN_WORDS) if len(t.encode()) <= MAX_BYTES)
            texts += islice(fit, DOCUMENTS_A_FILE)
    return texts


def settings() -> dict[str, tuple[int | Shingling, BandPlan]]:
    default = plan_bands(0.8, 0.99)
    out: dict[str, tuple[int | Shingling, BandPlan]] = {f"default {default}": (5, default)}
    for name in PUBLISHED:
        p = NEAR_PRESETS[name]
        how = Shingling("chars", p.n) if p.unit == "chars" else p.n
        out[f"{name} {p.bands}x{p.rows}"] = (how, BandPlan(p.bands, p.rows))
    out[f"letters of scripts {default}"] = (Shingling("words", 5, SCRIPTS), default)
    return out


def _cell(point: CurvePoint) -> str:
    if not point.n:
        return "-"
    z = (point.found - point.expected) / point.sigma if point.sigma >= 0.5 else 0.0
    return f"{point.expected / point.n:.3f} / {point.found / point.n:.3f} ({z:+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description="The S-curve, predicted and measured.")
    parser.add_argument("--pairs", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    started = time.perf_counter()
    texts = documents()
    left, right = near_copies(texts, args.pairs, args.seed)
    print(f"{args.pairs:,} edited copies of {len(texts):,} documents; predicted / measured (z)\n")
    curves = {
        name: measured_curve(left, right, how, plan) for name, (how, plan) in settings().items()
    }
    print("| Jaccard | pairs | " + " | ".join(curves) + " |")
    print("|---:|---:|" + "---:|" * len(curves))
    for row in zip(*curves.values(), strict=True):
        print(f"| {row[0].jaccard:.2f} | {row[0].n:,} | " + " | ".join(map(_cell, row)) + " |")
    for name, points in curves.items():
        z = [(p.found - p.expected) / p.sigma for p in points if p.sigma >= 1]
        worst = max(map(abs, z))
        print(f"\n{name}: chi-square {sum(v * v for v in z):.1f} of {len(z)} similarities with "
              f"spread (95 % lie below {len(z) + 1.645 * math.sqrt(2 * len(z)):.0f}), "
              f"largest |z| {worst:.1f}")  # fmt: skip
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
