"""Speed of the profile kernels on one core, MB of UTF-8 a second of CPU time.

    python bench/kernels_minhash.py FILE.jsonl[.gz] ... [--megabytes 32]

Each line is the best of several runs over the same documents in batches of 1,000, compilation
excluded. `signals + dedup` is what the stage `profile` does with the `bytes` counter.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from mixcore.text.bands import BandPlan, plan_bands
from mixcore.text.content_hash import content_hash
from mixcore.text.minhash import SKETCH_SLOTS, minhash
from mixcore.text.profile_batch import ProfileSpec, profile_batch
from mixcore.text.shingles import shingle_hashes
from mixcore.text.shingling import Shingling, letters_for
from mixcore.text.tokens import BPE_ENCODINGS, make_counter

BATCH_ROWS = 1000
ROUNDS = 3


def documents(paths: list[Path], limit: int) -> Iterator[str]:
    left = limit
    for path in paths:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                text = json.loads(line).get("text")
                if text:
                    left -= len(text.encode())
                    if left < 0:
                        return
                    yield text


def main() -> None:
    parser = argparse.ArgumentParser(description="Profile kernels on one core.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--megabytes", type=int, default=32)
    args = parser.parse_args()
    texts = list(documents(args.files, args.megabytes * 1_000_000))
    n_bytes = sum(len(t.encode()) for t in texts)
    parts = [pa.array(texts[i : i + BATCH_ROWS]) for i in range(0, len(texts), BATCH_ROWS)]
    batches = [
        pa.record_batch({
            "doc_id": pa.array(range(len(p)), pa.int64()),
            "source": pa.repeat("bench", len(p)),
            "language": pa.nulls(len(p), pa.string()),
            "text": p,
        })
        for p in parts
    ]  # fmt: skip
    print(f"{len(texts):,} documents, {n_bytes / 1e6:.1f} MB; one core, best of {ROUNDS}")

    def measure(name: str, run: Callable[[], object]) -> None:
        run()
        times = []
        for _ in range(ROUNDS):
            started = time.process_time()
            run()
            times.append(time.process_time() - started)
        print(f"{name:<44} {n_bytes / 1e6 / min(times):8.1f} MB/s", flush=True)

    default = plan_bands(0.8, 0.99)
    for plan in (BandPlan(8, 6), default, BandPlan(14, 8), BandPlan(20, 7)):
        n = plan.n_band_permutations + SKETCH_SLOTS
        label = f"MinHash {plan}, {n} permutations"
        measure(label, lambda plan=plan: [minhash(p, 5, plan) for p in parts])
    scripts = tuple(sorted(letters_for(5).items()))
    for name, how in (
        ("words, letters of scripts", Shingling("words", 5, scripts)),
        ("24 characters", Shingling("chars", 24)),
    ):
        measure(f"MinHash {default}, {name}",
                lambda how=how: [minhash(p, how, default) for p in parts])  # fmt: skip
    measure("shingle sets, sorted", lambda: [shingle_hashes(p, 5) for p in parts])
    for ignore in ((), ("whitespace",), ("whitespace", "case", "punctuation")):
        label = "content hash, ignoring " + (", ".join(ignore) or "nothing")
        measure(label, lambda ignore=ignore: [content_hash(p, ignore) for p in parts])
    spec = {"plan": default, "exact_ignore": ("whitespace",)}
    for outputs in ("dedup", "signals", "all"):
        wanted = ProfileSpec("bytes", outputs=outputs, **spec)
        name = {"dedup": "dedup columns", "signals": "signals", "all": "signals + dedup"}[outputs]
        measure(name, lambda wanted=wanted: [profile_batch(b, wanted) for b in batches])
    for tokenizer in ("words", *(f"bpe:{e}" for e in BPE_ENCODINGS)):
        counter = make_counter(tokenizer)
        measure(f"tokens {tokenizer}", lambda counter=counter: [counter.count(p) for p in parts])


if __name__ == "__main__":
    main()
