"""datatrove: Gopher and C4 quality filters, then MinHash deduplication, as its examples do it.

    python datatrove_run.py INPUT WORK --workers 2 --tasks 8

INPUT holds `tasks` files of JSON lines of about the same size. Filters and signatures share one
pass, which spares datatrove a second reading. English is tokenised by spaCy's blank pipeline, its
default, which needs no download. Prints the seconds of each step, imports not counted.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.filters import (
    C4QualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from result import give

CONFIG = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
"""FineWeb's: https://huggingface.co/spaces/HuggingFaceFW/blogpost-fineweb-v1."""


def lines_of(directory: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in directory.glob("*.jsonl"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("input", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--tasks", type=int, required=True)
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    seconds: dict[str, float] = {}

    def step(name: str, pipeline: list, tasks: int, workers: int) -> None:  # type: ignore[type-arg]
        started = time.perf_counter()
        LocalPipelineExecutor(
            pipeline, tasks=tasks, workers=workers, logging_dir=str(args.work / "logs" / name)
        ).run()
        seconds[name] = time.perf_counter() - started

    folder = {name: str(args.work / name) for name in ("good", "sigs", "buckets", "gone", "out")}
    c4_page_rules = C4QualityFilter(
        remove_citations=False, filter_no_terminal_punct=False, min_words_per_line=-1,
        max_word_length=-1, filter_javascript=False, filter_policy=False,
    )  # fmt: skip
    step(
        "filters + signatures",
        [
            JsonlReader(str(args.input)),
            GopherRepetitionFilter(), GopherQualityFilter(), c4_page_rules,
            JsonlWriter(folder["good"], compression=None),
            MinhashDedupSignature(folder["sigs"], config=CONFIG),
        ],
        args.tasks, args.workers,
    )  # fmt: skip
    step(
        "buckets",
        [MinhashDedupBuckets(folder["sigs"], folder["buckets"], config=CONFIG)],
        CONFIG.num_buckets,
        args.workers,
    )
    step("clusters", [MinhashDedupCluster(folder["buckets"], folder["gone"], config=CONFIG)], 1, 1)
    step(
        "removal",
        [
            JsonlReader(folder["good"]),
            MinhashDedupFilter(folder["gone"]),
            JsonlWriter(folder["out"], compression=None),
        ],
        args.tasks,
        args.workers,
    )
    give(
        seconds=sum(seconds.values()),
        steps=seconds,
        passed_filters=lines_of(Path(folder["good"])),
        kept=lines_of(Path(folder["out"])),
    )


if __name__ == "__main__":
    main()
