"""The newest commit of a local Delta table, read from its log without a Spark job.

The file that Delta's protocol calls the commit of a version is JSON lines; log clean-up never takes
the newest. Asking Delta costs two Spark jobs a question (`DESCRIBE HISTORY`) and one a scan
(listing the table's files), so what this run has just written is looked up here. Remote tables
have no such short cut: every function returns None for them, and Delta is asked.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

_COMMIT = re.compile(r"\d{20}\.json")
_VERSION_DIGITS = 20


@dataclass(frozen=True)
class AddedFile:
    """A data file that a commit added.

    Attributes:
        path: Absolute.
        size: Bytes.
        partition: Value by partition column.
        stats: Delta's statistics of it; empty if there are none.
    """

    path: str
    size: int
    partition: dict[str, str | None]
    stats: dict[str, Any]

    def holds_only_nulls(self, column: str) -> bool:
        """Whether the statistics say that `column` is null in every row."""
        n = self.stats.get("numRecords")
        return n is not None and self.stats.get("nullCount", {}).get(column) == n


@dataclass(frozen=True)
class Commit:
    """A commit of a local table.

    Attributes:
        version: The table's version.
        info: Delta's `commitInfo`.
        metadata: Our `userMetadata` in it; empty if it is not ours.
        files: What it added; None if the table needs more than its files to be read (deletion
            vectors): then only Delta can read it.
    """

    version: int
    info: dict[str, Any]
    metadata: dict[str, Any]
    files: tuple[AddedFile, ...] | None


def has_commit(path: str) -> bool:
    """Whether a local directory is a Delta table.

    Not the log directory alone: a run killed within its first commit leaves an empty one.
    """
    return any(_commits(path))


def _commits(path: str) -> list[Path]:
    try:
        return [p for p in (Path(path) / "_delta_log").iterdir() if _COMMIT.fullmatch(p.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def newest_version(path: str) -> int | None:
    """Version of a local table's newest commit; None if it must be asked for."""
    if "://" in path:
        return None
    names = [p.name for p in _commits(path)]
    return int(max(names)[:_VERSION_DIGITS]) if names else None


def is_plain(path: str) -> bool:
    """Whether a local table's rows are all rows of its files, as far as its log says so at hand.

    True for the protocol's first reader version, which knows neither deletion vectors nor column
    mapping; Delta notes it in the checksum file of each version.
    """
    version = newest_version(path)
    if version is None:
        return False
    try:
        text = (Path(path) / "_delta_log" / f"{version:0{_VERSION_DIGITS}d}.crc").read_text("utf-8")
        return bool(json.loads(text)["protocol"]["minReaderVersion"] == 1)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def newest_commit(path: str) -> Commit | None:
    """A local table's newest commit; None if it must be asked for."""
    version = newest_version(path)
    if version is None:
        return None
    info: dict[str, Any] | None = None
    files: list[AddedFile] = []
    plain = True
    log = Path(path) / "_delta_log" / f"{version:0{_VERSION_DIGITS}d}.json"
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            action = json.loads(line)
            info = action.get("commitInfo", info)
            if "add" in action:
                files.append(_added(path, action["add"]))
                plain &= action["add"].get("deletionVector") is None
    if info is None:
        return None
    return Commit(
        version, info, metadata_of(info.get("userMetadata")), tuple(files) if plain else None
    )


def _added(table: str, add: dict[str, Any]) -> AddedFile:
    stats = json.loads(add["stats"]) if add.get("stats") else {}
    partition = dict(add.get("partitionValues") or {})
    return AddedFile(str(Path(table) / unquote(add["path"])), int(add["size"]), partition, stats)


def local_path(uri: str) -> str:
    """The path of a `file:` address."""
    return unquote(urlparse(uri).path)


def metadata_of(text: str | None) -> dict[str, Any]:
    """Our commit metadata from Delta's `userMetadata`; empty if it is not ours."""
    try:
        found = json.loads(text or "{}")
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
