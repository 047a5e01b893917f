"""mixcore's kernels alone over texts that are in memory already, one process a core.

    python mixcore_kernels.py DOCUMENTS --kernel minhash --cores 0,1 --rounds 3

Kernels: `minhash` (shingles, band keys and sketch), `signals` (those and all quality signals) and
`profile` (all that the stage `profile` computes with the `bytes` counter). Prints the wall seconds
of the best round, from a common start to the last process's end, and the CPU seconds of each
process's best round, all together; compilation is not counted.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from result import give

from mixcore.text.bands import plan_bands
from mixcore.text.minhash import SKETCH_SLOTS, minhash
from mixcore.text.profile_batch import ProfileSpec, profile_batch
from mixcore.text.signal_kernel import compute_signals
from mixcore.text.warm import warm

BATCH_BYTES = 1 << 20
"""Of text in a batch, at least; no more, so that two processes share the work evenly."""
STUCK_SECONDS = 300.0
"""After which a process that does not come to the gate must have died."""
NGRAM_WORDS = 5
PLAN = plan_bands(0.8, 0.99)
"""The default recipe's."""
SPEC = ProfileSpec("bytes", plan=PLAN, exact_ignore=("whitespace",))


def _minhash(batch: pa.RecordBatch) -> None:
    minhash(batch.column("text"), NGRAM_WORDS, PLAN)


def _signals(batch: pa.RecordBatch) -> None:
    compute_signals(batch.column("text"))
    _minhash(batch)


def _profile(batch: pa.RecordBatch) -> None:
    profile_batch(batch, SPEC)


KERNELS: dict[str, Callable[[pa.RecordBatch], None]] = {
    "minhash": _minhash,
    "signals": _signals,
    "profile": _profile,
}


def batches(documents: Path, part: int, parts: int) -> list[pa.RecordBatch]:
    """This process's batches: dealt out by size, largest first, each to the least loaded."""
    text = pq.read_table(documents, columns=["text"]).column("text").combine_chunks()
    n = len(text)
    full = pa.record_batch({
        "doc_id": pa.array(range(n), pa.int64()),
        "source": pa.repeat("bench", n),
        "language": pa.nulls(n, pa.string()),
        "text": text,
    })  # fmt: skip
    ends = np.cumsum(pc.binary_length(text).to_numpy())
    cuts = [0, *(np.flatnonzero(np.diff(ends // BATCH_BYTES)) + 1).tolist(), n]
    sizes = np.diff(np.concatenate([[0], ends])[cuts])
    loads = [0] * parts
    mine = []
    for i in np.lexsort((np.arange(len(sizes)), -sizes)).tolist():
        least = loads.index(min(loads))
        loads[least] += int(sizes[i])
        if least == part:
            mine.append(full.slice(cuts[i], cuts[i + 1] - cuts[i]))
    return mine


def work(
    documents: Path, kernel: str, cores: set[int], part: int, rounds: int, gate: Barrier, cpu: Any
) -> None:
    """One process: its share of the batches in every round; CPU seconds of its best to `cpu`."""
    try:
        os.sched_setaffinity(0, cores)
        warm()
        run, mine = KERNELS[kernel], batches(documents, part, len(cpu))
        for batch in mine[:1]:
            run(batch.slice(0, 1))
        for _ in range(rounds):
            gate.wait()
            started = time.process_time()
            for batch in mine:
                run(batch)
            cpu[part] = min(cpu[part], time.process_time() - started)
            gate.wait()
    except BaseException:
        gate.abort()  # the others must not wait for this process
        raise


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("documents", type=Path)
    parser.add_argument("--kernel", choices=sorted(KERNELS), required=True)
    parser.add_argument("--cores", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    cores = [int(core) for core in args.cores.split(",")]
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(len(cores) + 1, timeout=STUCK_SECONDS)
    cpu = context.Array("d", [float("inf")] * len(cores))
    processes = [
        context.Process(
            target=work,
            args=(args.documents, args.kernel, set(cores), i, args.rounds, gate, cpu),
            daemon=True,
        )
        for i in range(len(cores))
    ]
    for process in processes:
        process.start()
    best = float("inf")
    for _ in range(args.rounds):
        gate.wait()
        started = time.perf_counter()
        gate.wait()
        best = min(best, time.perf_counter() - started)
    for process in processes:
        process.join()
    give(seconds=best, cpu_seconds=sum(cpu), hashes=PLAN.n_band_permutations + SKETCH_SLOTS)


if __name__ == "__main__":
    main()
