"""mixcore beside its peers from PyPI on the same text, in the same run.

    python bench/peers.py [--slice-mb 100] [--whole-mb MB] [--only NAME ...]

Peers: datatrove, distributed-curator, daft, each in a virtual environment of its own below
bench/build/venvs. What each is given and what is timed stands beside each row. A peer that cannot
be installed, fails or takes too long gets a row that says so.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import corpus
from peer_children import PEERS, VENVS, Peer, PeerError, install, measure
from peer_data import PeerData, prepare

SLICE_MB = 100.0
WORK = corpus.WORK / "peers"
BY_NAME = {peer.name: peer for peer in PEERS}
CORES = sorted(os.sched_getaffinity(0))
TASKS_PER_CORE = 2
"""Files that datatrove reads, for a core: each loads the tokenizer again."""
REPEAT = 3
"""Of our jobs (the median counts), of daft and our kernel in turn (the median) and of a kernel
within one process (the best). datatrove and distributed-curator take minutes and run once."""
TIMEOUT = {"datatrove": 3600.0, "distributed-curator": 2400.0, "kernel": 600.0, "job": 1800.0}
OURS = sys.executable


@dataclass(frozen=True)
class Row:
    """A line of the table: one piece of work, done by a peer and by us."""

    work: str
    peer: str
    megabytes: float
    theirs: float | None
    """Seconds; None: no figure."""
    ours: float | None
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """As the table shows them."""
        return (
            self.work, self.peer, *self._speed(self.theirs), *self._speed(self.ours),
            self._ratio(), self.note,
        )  # fmt: skip

    def _speed(self, seconds: float | None) -> tuple[str, str]:
        if seconds is None:
            return "-", "-"
        return (
            f"{seconds:,.2f}" if seconds < 10 else f"{seconds:,.1f}",
            f"{self.megabytes / seconds:,.1f}",
        )

    def _ratio(self) -> str:
        if self.theirs is None or self.ours is None:
            return "-"
        ratio = self.theirs / self.ours
        return f"{ratio:.2f}x (theirs is better)" if ratio < 1.0 else f"**{ratio:.1f}x**"


HEADINGS = (
    "work", "peer", "peer s", "peer MB/s", "mixcore s", "mixcore MB/s", "ours / theirs", "what",
)  # fmt: skip
_LEFT = (0, 1, 7)


def table(rows: Iterable[Row]) -> str:
    """Rows as a Markdown table."""
    return table_of(HEADINGS, (row.cells() for row in rows), _LEFT)


def table_of(
    headings: Sequence[str], cells: Iterable[Sequence[str]], left: Sequence[int] = ()
) -> str:
    """A Markdown table; columns are aligned to the right but those of `left`."""
    rule = ["---" if i in left else "---:" for i in range(len(headings))]
    lines = [headings, rule, *cells]
    return "\n".join("| " + " | ".join(_cell(c) for c in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


@dataclass(frozen=True)
class Found:
    """Figures of a script, or the reason why there are none."""

    figures: dict[str, Any] | None
    problem: str = ""

    @property
    def seconds(self) -> float | None:
        """The script's own total."""
        return None if self.figures is None else float(self.figures["seconds"])


def attempt(work: Callable[[], dict[str, Any]]) -> Found:
    """Figures of `work`, or what went wrong; no peer can end the bench."""
    try:
        return Found(work())
    except (PeerError, OSError) as error:
        print(f"    no figures: {error}", flush=True)
        return Found(None, f"no figure: {error}")


def run_peer(peer: Peer, script: str, args: list[Any], timeout: float) -> Found:
    """Install a peer where needed and run its script."""
    print(f"  {peer.label}: {script}", flush=True)

    def work() -> dict[str, Any]:
        install(peer)
        return measure(peer.name, peer.python, script, args, timeout)

    return attempt(work)


def run_ours(name: str, script: str, args: list[Any], timeout: float) -> Found:
    """Run one of mixcore's scripts."""
    print(f"  mixcore: {name}", flush=True)
    return attempt(partial(measure, f"mixcore-{name}", OURS, script, args, timeout))


def _steps(found: Found) -> str:
    steps = (found.figures or {}).get("steps", {})
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in steps.items())


def _note(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def datatrove_rows(data: PeerData, repeat: int) -> list[Row]:
    """Quality filters and MinHash deduplication of a slice, from files to files."""
    peer = BY_NAME["datatrove"]
    theirs = run_peer(
        peer, "datatrove_run.py",
        [data.shards, WORK / "datatrove", "--workers", len(CORES),
         "--tasks", TASKS_PER_CORE * len(CORES)],
        TIMEOUT["datatrove"],
    )  # fmt: skip
    ours = run_ours(
        "whole", "mixcore_jobs.py",
        ["whole", data.corpus, WORK / "whole", "--repeat", repeat], TIMEOUT["job"],
    )  # fmt: skip
    seconds = (ours.figures or {}).get("seconds", {})
    kept = theirs.figures or {}
    counts = (
        f"{kept['passed_filters']:,} of {data.n_documents:,} documents pass its filters, "
        f"{kept['kept']:,} are left"
        if kept
        else ""
    )
    what = {
        "raw -> corpus": _note(
            "theirs: Gopher repetition and quality, C4 page rules, MinHash 14 x 8 of 5-grams, no "
            f"verification, no mix ({len(CORES)} workers)", _steps(theirs), counts,
        ),
        "pool -> corpus": "the same run of theirs; ours from ingested documents",
    }  # fmt: skip
    return [
        Row(
            f"whole job, {name}", peer.label, data.megabytes, theirs.seconds, seconds.get(name),
            _note(what[name], theirs.problem, ours.problem),
        )
        for name in what
    ]  # fmt: skip


def curator_rows(data: PeerData, repeat: int) -> list[Row]:
    """Deduplication alone of everything, from a table of documents to a verdict for each."""
    peer = BY_NAME["distributed-curator"]
    theirs = run_peer(
        peer, "curator_run.py",
        [data.parquet, WORK / "curator", "--cores", len(CORES)], TIMEOUT[peer.name],
    )  # fmt: skip
    ours = run_ours(
        "dedup", "mixcore_jobs.py",
        ["dedup", data.corpus, WORK / "dedup", "--repeat", repeat], TIMEOUT["job"],
    )  # fmt: skip
    removed = [
        f"{whose}: {found.figures['removed']:,} of {found.figures['documents']:,} removed"
        for whose, found in (("theirs", theirs), ("ours", ours))
        if found.figures
    ]
    return [
        Row(
            "deduplication alone", peer.label, data.megabytes, theirs.seconds, ours.seconds,
            _note(
                "theirs: 64 hashes of character 9-grams, 8 bands, unverified; ours: "
                + (_steps(ours) or "profile with dedup outputs, match, resolve"),
                *removed, theirs.problem, ours.problem,
            ),
        )
    ]  # fmt: skip


def daft_rows(data: PeerData, repeat: int) -> list[Row]:
    """Signatures alone, texts in memory; theirs and ours take turns within the same minutes."""
    peer = BY_NAME["daft"]
    rows = []
    for cores in dict.fromkeys((tuple(CORES), tuple(CORES[:1]))):
        names = ",".join(str(core) for core in cores)
        common = [data.parquet, "--cores", names, "--rounds", repeat]
        pairs = []
        for _ in range(repeat):
            theirs = run_peer(peer, "daft_run.py", common, TIMEOUT["kernel"])
            ours = run_ours(
                "minhash", "mixcore_kernels.py", [*common, "--kernel", "minhash"],
                TIMEOUT["kernel"],
            )  # fmt: skip
            pairs.append((theirs, ours))
            if theirs.problem or ours.problem:
                break
        theirs, ours = pairs[-1]
        hashes = [(f.figures or {}).get("hashes", "-") for f in (theirs, ours)]
        cpu = [_median((p[side] for p in pairs), "cpu_seconds") for side in (0, 1)]
        functions = (theirs.figures or {}).get("by_function", {})
        rows.append(
            Row(
                f"MinHash alone, {len(cores)} core{'s' * (len(cores) > 1)}", peer.label,
                data.megabytes, _median(t for t, _ in pairs), _median(o for _, o in pairs),
                _note(
                    f"word 5-grams; theirs: {hashes[0]} hashes, words cut at white space, the "
                    f"faster of {' and '.join(functions) or 'its hash functions'}; ours: "
                    f"{hashes[1]} hashes, folded words, distinct shingles, band keys and sketch",
                    f"CPU time: {cpu[0]:.2f} s and {cpu[1]:.2f} s, {cpu[0] / cpu[1]:.1f}x"
                    if cpu[0] and cpu[1] else "",
                    theirs.problem, ours.problem,
                ),
            )
        )  # fmt: skip
    return rows


def _median(found: Iterable[Found], figure: str = "seconds") -> float | None:
    seconds = [float(f.figures[figure]) for f in found if f.figures is not None]
    return statistics.median(seconds) if seconds else None


def kernel_rows(data: PeerData, repeat: int) -> list[Row]:
    """Our kernels on the slice, one core."""
    kernels = {
        "minhash": "MinHash kernel",
        "signals": "signals + MinHash kernel",
        "profile": "all of profile, `bytes` counter",
    }
    rows = []
    for kernel, work in kernels.items():
        ours = run_ours(
            f"{kernel}-one-core", "mixcore_kernels.py",
            [data.parquet, "--cores", CORES[0], "--rounds", repeat, "--kernel", kernel],
            TIMEOUT["kernel"],
        )  # fmt: skip
        cpu = (ours.figures or {}).get("cpu_seconds")
        rate = f"{data.megabytes / cpu:.1f} MB a second of CPU time" if cpu else ""
        rows.append(
            Row(f"{work}, 1 core", "-", data.megabytes, None, ours.seconds,
                _note("texts in memory", rate, ours.problem))
        )  # fmt: skip
    return rows


PARTS: dict[str, tuple[Callable[[PeerData, int], list[Row]], str]] = {
    "datatrove": (datatrove_rows, "slice"),
    "distributed-curator": (curator_rows, "whole"),
    "daft": (daft_rows, "whole"),
    "mixcore": (kernel_rows, "slice"),
}


def measure_all(
    corpus_dir: Path,
    slice_mb: float = SLICE_MB,
    whole_mb: float | None = None,
    only: Iterable[str] = (),
    repeat: int = REPEAT,
) -> str:
    """Measure every peer and mixcore on the same text.

    Args:
        corpus_dir: What bench/corpus.py has built.
        slice_mb: Megabytes of text for datatrove, at least; a proportional slice.
        whole_mb: Megabytes for the other peers; None: everything.
        only: Names of PARTS; empty: all.
        repeat: See REPEAT.

    Returns:
        Markdown: a heading, what was read, one table.
    """
    chosen = [name for name in PARTS if not tuple(only) or name in only]
    n_shards = TASKS_PER_CORE * len(CORES)
    sizes = {"slice": slice_mb, "whole": whole_mb}
    data = {
        kind: prepare(corpus_dir, WORK / f"{kind}-{sizes[kind] or 'all'}", sizes[kind], n_shards)
        for kind in dict.fromkeys(PARTS[name][1] for name in chosen)
    }
    rows = []
    for name in chosen:
        print(f"peers: {name}", flush=True)
        part, kind = PARTS[name]
        rows += part(data[kind], repeat)
    read = ", ".join(
        f"{kind}: {found.n_documents:,} documents, {found.megabytes:.1f} MB of text"
        for kind, found in data.items()
    )
    return (
        f"## Peers\n\n{len(CORES)} cores. {read}. Each peer in its own virtual environment, "
        "versions as named; MB/s of UTF-8 text; Spark sessions of both sides warm, jobs of ours "
        f"the median of {repeat}.\n\n{table(rows)}\n"
    )


def main() -> None:
    """Build the corpus where needed, measure and print."""
    parser = argparse.ArgumentParser(description="mixcore beside its peers")
    parser.add_argument("--slice-mb", type=float, default=SLICE_MB)
    parser.add_argument("--whole-mb", type=float, help="default: the whole corpus")
    parser.add_argument("--repeat", type=int, default=REPEAT)
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=())
    parser.add_argument("--install", action="store_true", help="only create the environments")
    args = parser.parse_args()
    if args.install:
        for peer in PEERS:
            install(peer)
        print(f"environments below {VENVS.relative_to(corpus.ROOT)}")
        return
    corpus.build()
    print(measure_all(corpus.LARGE, args.slice_mb, args.whole_mb, args.only, args.repeat))


if __name__ == "__main__":
    main()
