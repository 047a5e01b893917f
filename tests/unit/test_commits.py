"""What a table's log says without Spark: the newest commit, and whether files are all there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mixcore.runtime.commits import (
    has_commit,
    is_plain,
    local_path,
    metadata_of,
    newest_commit,
    newest_version,
)


def table(path: Path, *commits: list[dict[str, Any]], reader: int | None = 1) -> str:
    log = path / "_delta_log"
    log.mkdir(parents=True)
    for version, actions in enumerate(commits):
        name = f"{version:020d}"
        (log / f"{name}.json").write_text("".join(json.dumps(a) + "\n" for a in actions))
        if reader is not None:
            (log / f"{name}.crc").write_text(
                json.dumps({"protocol": {"minReaderVersion": reader, "minWriterVersion": 2}})
            )
    return str(path)


def add(path: str, n: int = 3, nulls: int = 0, **more: Any) -> dict[str, Any]:
    stats = json.dumps({"numRecords": n, "nullCount": {"doc_id": nulls}})
    partition = {"key": "k1"}
    return {"add": {"path": path, "size": 7, "partitionValues": partition, "stats": stats, **more}}


def info(**metadata: Any) -> dict[str, Any]:
    return {"commitInfo": {"operation": "WRITE", "userMetadata": json.dumps(metadata)}}


def test_the_newest_commit_is_read_with_its_files(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        [info(key="old"), add("key=k1/a.parquet")],
        [info(key="new"), add("key=k1/b%20c.parquet"), add("d.parquet", n=1, nulls=1)],
    )
    found = newest_commit(path)
    assert found is not None
    assert (found.version, found.metadata) == (1, {"key": "new"})
    assert found.files is not None
    assert [f.path for f in found.files] == [f"{path}/key=k1/b c.parquet", f"{path}/d.parquet"]
    assert [f.size for f in found.files] == [7, 7]
    assert [f.holds_only_nulls("doc_id") for f in found.files] == [False, True]
    assert found.files[0].partition == {"key": "k1"}


def test_files_with_deletion_vectors_are_left_to_delta(tmp_path: Path) -> None:
    found = newest_commit(table(tmp_path, [info(), add("a", deletionVector={"storageType": "u"})]))
    assert found is not None
    assert found.files is None


@pytest.mark.parametrize("stats", [None, "", "{}"])
def test_files_without_statistics_are_no_markers(tmp_path: Path, stats: str | None) -> None:
    found = newest_commit(table(tmp_path, [info(), add("a", stats=stats)]))
    assert found is not None
    assert found.files is not None
    assert not found.files[0].holds_only_nulls("doc_id")


@pytest.mark.parametrize(("reader", "plain"), [(1, True), (2, False), (3, False), (None, False)])
def test_only_the_first_reader_version_is_read_by_files(
    tmp_path: Path, reader: int | None, *, plain: bool
) -> None:
    assert is_plain(table(tmp_path, [info()], reader=reader)) is plain


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"protocol": null}'])
def test_a_damaged_checksum_file_says_nothing(tmp_path: Path, damage: str) -> None:
    path = table(tmp_path, [info()])
    (tmp_path / "_delta_log" / f"{0:020d}.crc").write_text(damage)
    assert is_plain(path) is False


def test_a_log_without_a_commit_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / f"{0:020d}.json.tmp").touch()
    path = str(tmp_path)
    assert (has_commit(path), newest_version(path), newest_commit(path)) == (False, None, None)
    assert not has_commit(str(tmp_path / "absent"))


def test_remote_tables_must_be_asked() -> None:
    path = "s3a://bucket/table"
    assert (newest_version(path), newest_commit(path), is_plain(path)) == (None, None, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, {}), ("", {}), ("not ours", {}), ("[1]", {}), ('{"a": 1}', {"a": 1})],
)
def test_metadata_of_others_reads_as_none(text: str | None, expected: dict[str, Any]) -> None:
    assert metadata_of(text) == expected


def test_file_addresses_become_paths() -> None:
    assert local_path("file:///a%20b/key=x/c.parquet") == "/a b/key=x/c.parquet"
