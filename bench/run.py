"""mixcore against a plain Delta copy and against peers, on the large local corpus, in one run.

`make bench` prints one table and writes bench/RESULTS.md. Every figure is a median of `--repeat`
runs in one warm session, each paired with a Delta copy of the same `documents` table in the same
minute; ratios are what counts, the machine is noisy.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import corpus
import peers
from pyspark.sql import SparkSession

from mixcore.pipeline import execute, open_run
from mixcore.recipe.loader import load_recipe
from mixcore.runtime.progress import Progress
from mixcore.runtime.session import build_session
from mixcore.runtime.stage import Run
from mixcore.runtime.tables import DOCUMENTS, MIXTURE_CUTOFFS

RECIPE = Path(__file__).with_name("large.yaml")
WARM_UPS = 3
"""Runs before the measured ones: the JVM compiles its hot code over the first few."""
AFTER_INGEST = ("signals", "scores", "shingles", "hot_buckets", "pairs", "duplicates")


@dataclass
class Sampler:
    """Peak resident memory of this process and all its children (JVM, Python workers), in MB."""

    peak_mb: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            self.peak_mb = max(self.peak_mb, _tree_rss_mb(os.getpid()))


def _tree_rss_mb(root: int) -> float:
    """Resident memory of a process tree, from /proc; shared pages count once a process."""
    parents, rss = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        pid = int(stat.parent.name)
        parents[pid], rss[pid] = int(fields[1]), int(fields[21])
    total = 0
    for pid, pages in rss.items():
        up = pid
        while up not in (0, 1, root):
            up = parents.get(up, 0)
        if up == root:
            total += pages
    return total * os.sysconf("SC_PAGE_SIZE") / 1e6


def shuffle_write_bytes(spark: SparkSession) -> int:
    """Shuffle bytes written so far by the application, from Spark's own REST interface."""
    context = spark.sparkContext
    url = f"{context.uiWebUrl}/api/v1/applications/{context.applicationId}/stages"
    with urllib.request.urlopen(url) as reply:
        return sum(int(stage["shuffleWriteBytes"]) for stage in json.load(reply))


def timed(work: Callable[[], Any]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def fresh(overrides: list[str], spark: SparkSession) -> Run:
    """A run of the bench recipe."""
    return open_run(load_recipe(RECIPE, overrides), spark, Progress())


def delta_copy(spark: SparkSession, source: str, target: Path) -> None:
    """The floor: Delta in, Delta out, nothing decided."""
    shutil.rmtree(target, ignore_errors=True)
    (
        spark.read.format("delta").load(source).drop("key")
        .write.format("delta")
        .option("delta.dataSkippingStatsColumns", "doc_id,source,n_bytes")
        .option("compression", "zstd")
        .save(str(target))
    )  # fmt: skip


def forget(run: Run, tables: tuple[str, ...]) -> None:
    """Remove pool tables, so that their stages run again."""
    for name in tables:
        shutil.rmtree(Path(run.pool.path) / name, ignore_errors=True)
    for path in Path(run.output.path).iterdir():
        if path.is_dir() and path.name != "pool":
            shutil.rmtree(path)


def measure(repeat: int, tokenizer: str) -> dict[str, Any]:
    """Every figure of the table for one token counter."""
    work = corpus.WORK / "run"
    shutil.rmtree(work, ignore_errors=True)
    sets = [f"output.path={work / 'out'}", f"pool.path={work / 'pool'}",
            f"tokens.tokenizer={tokenizer}"]  # fmt: skip
    spark = build_session("mixcore-bench", conf={"spark.ui.enabled": "true", "spark.ui.port": "0"})
    figures: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        figures.setdefault(name, []).append(seconds)
        print(f"    {name}: {seconds:.1f} s", flush=True)

    with Sampler() as memory:
        run = fresh(sets, spark)
        note("first run (cold)", timed(lambda: execute(run, "publish")))
        n_documents = run.read(DOCUMENTS, "ingest").count()
        documents = run.pool.location(DOCUMENTS)
        for _ in range(WARM_UPS):
            delta_copy(spark, documents, work / "copy")
            forget(run, AFTER_INGEST)
            run = fresh(sets, spark)
            execute(run, "publish")
        for i in range(repeat):
            note("plain Delta copy", timed(lambda: delta_copy(spark, documents, work / "copy")))
            forget(run, AFTER_INGEST)
            run = fresh(sets, spark)
            before = shuffle_write_bytes(spark)
            note("pool -> corpus", timed(lambda r=run: execute(r, "publish")))
            shuffled = shuffle_write_bytes(spark) - before
            for record in run.records:
                note(
                    f"  stage {record.stage}", (record.ended_at - record.started_at).total_seconds()
                )
            weight = f"mix.domains.web.weight={21 + i}"
            remix = fresh([*sets, weight], spark)
            note("re-mix only (mix + publish)", timed(lambda r=remix: execute(r, "publish")))
            note(
                "  of which mix",
                (remix.records[5].ended_at - remix.records[5].started_at).total_seconds(),
            )
            note("plain Delta copy", timed(lambda: delta_copy(spark, documents, work / "copy")))
        for _ in range(repeat):
            forget(run, (*AFTER_INGEST, "files", "documents", "quarantine"))
            run = fresh(sets, spark)
            note("raw -> corpus", timed(lambda r=run: execute(r, "publish")))
    cutoffs = run.output.read(MIXTURE_CUTOFFS).agg({"achieved": "sum"}).collect()[0][0]
    return {
        "tokenizer": tokenizer, "n_documents": n_documents, "tokens_in_corpus": cutoffs,
        "seconds": {name: statistics.median(v) for name, v in figures.items()},
        "shuffle_bytes_per_document": shuffled / n_documents, "peak_mb": memory.peak_mb,
    }  # fmt: skip


def table(result: dict[str, Any], megabytes: float) -> str:
    """Markdown rows of one measurement."""
    copy = result["seconds"]["plain Delta copy"]
    lines = [f"| step ({result['tokenizer']}) | seconds | x Delta copy | MB/s |",
             "|---|---:|---:|---:|"]  # fmt: skip
    lines += [
        f"| {name} | {s:.1f} | {s / copy:.2f} | {megabytes / s:.0f} |"
        for name, s in result["seconds"].items()
    ]
    lines.append(
        f"\n{result['n_documents']:,} documents, {megabytes:.0f} MB of text; shuffle writes "
        f"{result['shuffle_bytes_per_document']:.0f} bytes a document (pool -> corpus); peak "
        f"resident memory of driver, JVM and workers {result['peak_mb']:.0f} MB."
    )
    return "\n".join(lines)


def main() -> None:
    """Build the corpus, measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tokenizers", default="bytes,bpe:cl100k_base")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    parser.add_argument("--no-peers", action="store_true")
    args = parser.parse_args()
    sizes = corpus.build()
    megabytes = sum(size for _, size in sizes.values()) / 1e6
    parts = [
        "# Benchmark results\n",
        (
            f"`make bench` on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}; medians of {args.repeat}, one warm session "
            f"(after {WARM_UPS} runs), "
            "ratios against a plain Delta copy of the same documents in the same run.\n"
        ),
    ]
    for tokenizer in args.tokenizers.split(","):
        print(f"tokens counted as {tokenizer}", flush=True)
        parts += [table(measure(args.repeat, tokenizer), megabytes), ""]
        SparkSession.getActiveSession().stop()  # type: ignore[union-attr]
    if not args.no_peers:
        parts.append(peers.measure_all(corpus.LARGE))
    text = "\n".join(parts)
    print(text)
    args.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
