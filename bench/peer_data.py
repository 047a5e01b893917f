"""What the peers get to read: a slice of the large corpus, and the same texts as Parquet.

A slice has the same share of each source. Within a source documents come in the order of a hash of
their ids until the share is reached, so that a slice is deterministic and mixes all files.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SHARD_BYTES = 16 << 20
"""Of a file of JSON lines, as in bench/corpus.py."""
ROW_GROUP_BYTES = 8 << 20
PARQUET_FILES = 8
_SCHEMA = pa.schema([("doc_id", pa.string()), ("text", pa.string())])


@dataclass(frozen=True)
class PeerData:
    """One set of documents in the layouts that the scripts read."""

    corpus: Path
    """A directory of JSON lines for each source."""
    parquet: Path
    """doc_id (string, unique) and text."""
    shards: Path
    """Files of JSON lines of about the same size with id and text, sources mixed."""
    n_documents: int
    n_bytes: int
    """Of UTF-8 text."""

    @property
    def megabytes(self) -> float:
        """Of UTF-8 text."""
        return self.n_bytes / 1e6


def _rows(corpus: Path, source: str) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Line, record and bytes of text of every document of a source."""
    for path in sorted((corpus / source).glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield line, row, len(row["text"].encode())


def _chosen(corpus: Path, source: str, share: float) -> set[str]:
    """Ids of the documents of a source that a slice of this share holds."""
    sizes = {row["id"]: size for _, row, size in _rows(corpus, source)}
    wanted = share * sum(sizes.values())
    order = sorted(sizes, key=lambda name: (hashlib.sha256(name.encode()).digest(), name))
    chosen, reached = set(), 0
    for name in order:
        if reached >= wanted:
            break
        chosen.add(name)
        reached += sizes[name]
    return chosen


class _Lines:
    """Writes JSON lines in shards of bounded size."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._directory, self._n, self._left = directory, 0, 0
        self._file: Any = None

    def add(self, line: str, size: int) -> None:
        if self._left <= 0:
            self.close()
            name = f"{self._n:04d}.jsonl"
            self._file = (self._directory / name).open("w", encoding="utf-8")
            self._n, self._left = self._n + 1, SHARD_BYTES
        self._file.write(line)
        self._left -= size

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class _Parquet:
    """Deals documents out to a fixed number of files, each to the least loaded."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._files = [
            pq.ParquetWriter(directory / f"{i:04d}.parquet", _SCHEMA) for i in range(PARQUET_FILES)
        ]
        self._rows: list[list[tuple[str, str]]] = [[] for _ in self._files]
        self._pending, self._loads = [0] * PARQUET_FILES, [0] * PARQUET_FILES

    def add(self, doc_id: str, text: str, size: int) -> None:
        i = self._loads.index(min(self._loads))
        self._rows[i].append((doc_id, text))
        self._loads[i] += size
        self._pending[i] += size
        if self._pending[i] >= ROW_GROUP_BYTES:
            self._flush(i)

    def _flush(self, i: int) -> None:
        if self._rows[i]:
            ids, texts = zip(*self._rows[i], strict=True)
            self._files[i].write_table(pa.table([pa.array(ids), pa.array(texts)], _SCHEMA))
        self._rows[i], self._pending[i] = [], 0

    def close(self) -> None:
        for i, file in enumerate(self._files):
            self._flush(i)
            file.close()


class _Shards:
    """Deals documents out to a fixed number of files of JSON lines, each to the least loaded."""

    def __init__(self, directory: Path, n: int) -> None:
        directory.mkdir(parents=True)
        self._files = [(directory / f"{i:04d}.jsonl").open("w", encoding="utf-8") for i in range(n)]
        self._loads = [0] * n

    def add(self, doc_id: str, text: str, size: int) -> None:
        i = self._loads.index(min(self._loads))
        self._files[i].write(json.dumps({"id": doc_id, "text": text}, ensure_ascii=False) + "\n")
        self._loads[i] += size

    def close(self) -> None:
        for file in self._files:
            file.close()


def prepare(corpus: Path, work: Path, megabytes: float | None, n_shards: int) -> PeerData:
    """Write a slice of about `megabytes` (at least) below `work`, or all with None.

    Args:
        corpus: A directory for each source, and corpus.json with their sizes.
        work: Directory of this slice; replaced unless it holds this very slice already.
        megabytes: Of text; None or more than there is: the whole corpus.
        n_shards: Files of `shards`.
    """
    sizes: dict[str, list[int]] = json.loads((corpus / "corpus.json").read_text())
    share = min(1.0, megabytes * 1e6 / sum(s for _, s in sizes.values())) if megabytes else 1.0
    paths = (work / "corpus", work / "parquet", work / "shards")
    wanted = {"sizes": sizes, "share": share, "n_shards": n_shards}
    done = work / "done.json"
    if done.exists():
        found = json.loads(done.read_text())
        if found["of"] == wanted:
            return PeerData(*paths, found["n_documents"], found["n_bytes"])
    shutil.rmtree(work, ignore_errors=True)
    n_documents = n_bytes = 0
    parquet, shards = _Parquet(paths[1]), _Shards(paths[2], n_shards)
    for source in sorted(sizes):
        chosen = _chosen(corpus, source, share)
        lines = _Lines(paths[0] / source)
        for line, row, size in _rows(corpus, source):
            if row["id"] not in chosen:
                continue
            chosen.discard(row["id"])  # ids must be unique for the peers; the first one stays
            lines.add(line, size)
            parquet.add(f"{source}/{row['id']}", row["text"], size)
            shards.add(f"{source}/{row['id']}", row["text"], size)
            n_documents, n_bytes = n_documents + 1, n_bytes + size
        lines.close()
    parquet.close()
    shards.close()
    done.write_text(json.dumps({"of": wanted, "n_documents": n_documents, "n_bytes": n_bytes}))
    return PeerData(*paths, n_documents, n_bytes)
