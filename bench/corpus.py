"""The large local corpus: all text of CORPUS_DIR plus the Python code installed on this machine.

About 330 MB of text in ten sources, written once as plain JSON lines (splittable, so that reading
is parallel) in shards of 16 MB below bench/build/large. Deterministic but for the installed code.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "bench" / "build"
LARGE = WORK / "large"
_SHARD_BYTES = 16 << 20
TEXT_SOURCES = (
    "books", "email", "encyclopedia", "multilingual", "news", "papers", "qa", "quality", "web",
)  # fmt: skip


def corpus_dir() -> Path:
    """Where the shared corpora lie: CORPUS_DIR, default ../shared/data beside the repository."""
    path = Path(os.environ.get("CORPUS_DIR", ROOT.parent / "shared" / "data"))
    if not (path / "web").is_dir():
        sys.exit(
            f"bench: no corpora at {path}\n"
            "  fix:   set CORPUS_DIR to the directory with web/, books/, papers/ ... (see README)"
        )
    return path


def _shared(source: str) -> Iterator[dict[str, Any]]:
    for path in sorted((corpus_dir() / source).glob("*.jsonl.gz")):
        if path.name.startswith("dolma_"):
            continue  # another record shape; a few documents only
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                folder = row.get("folder", "")  # MedQuAD's ids are unique within a folder
                yield {
                    "id": f"{path.name.split('.')[0]}/{folder}/{row['id']}",
                    "lang": row.get("lang"),
                    "text": row["text"],
                }


def _code() -> Iterator[dict[str, Any]]:
    roots = [Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("stdlib"))]
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            if root == roots[1] and "site-packages" in path.parts:
                continue
            try:
                text = path.read_text(encoding="utf-8")
            except (UnicodeDecodeError, OSError):
                continue
            if text.strip():
                yield {"id": str(path.relative_to(root)), "lang": "python", "text": text}


def _write(source: str, rows: Iterator[dict[str, Any]]) -> tuple[int, int]:
    directory = LARGE / source
    directory.mkdir(parents=True, exist_ok=True)
    n_documents = n_bytes = shard_bytes = 0
    shard = 0
    out = (directory / f"{shard:04d}.jsonl").open("w", encoding="utf-8")
    for row in rows:
        line = json.dumps(row, ensure_ascii=False)
        if shard_bytes > _SHARD_BYTES:
            out.close()
            shard, shard_bytes = shard + 1, 0
            out = (directory / f"{shard:04d}.jsonl").open("w", encoding="utf-8")
        out.write(line + "\n")
        size = len(row["text"].encode())
        n_documents, n_bytes, shard_bytes = n_documents + 1, n_bytes + size, shard_bytes + size
    out.close()
    return n_documents, n_bytes


def build() -> dict[str, tuple[int, int]]:
    """Write the corpus unless it is there; (documents, bytes) by source."""
    done = LARGE / "corpus.json"
    if done.exists():
        found: dict[str, list[int]] = json.loads(done.read_text())
        return {name: (n, size) for name, (n, size) in found.items()}
    sizes = {source: _write(source, _shared(source)) for source in TEXT_SOURCES}
    sizes["code"] = _write("code", _code())
    done.write_text(json.dumps(sizes))
    return sizes


if __name__ == "__main__":
    table = build()
    for name, (n, size) in table.items():
        print(f"{name:<14}{n:>8} documents {size / 1e6:>8.1f} MB")
    print(
        f"{'all':<14}{sum(n for n, _ in table.values()):>8} documents "
        f"{sum(s for _, s in table.values()) / 1e6:>8.1f} MB"
    )
