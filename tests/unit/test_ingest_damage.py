"""The damaged file is found from Spark's message, whatever its name."""

from __future__ import annotations

import pytest

from mixcore.ingest.damage import damaged_file
from mixcore.ingest.listing import InputFile
from mixcore.runtime.errors import InfrastructureError

FILES = [InputFile(p, 1, 1, "/base") for p in ("a.gz", "a.gz.b.gz", "x y%20é.gz", "d/p.parquet")]
MESSAGE = "[FAILED_READ_FILE.{kind}] Encountered error while reading file {uri}. {more}"


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("file:///base/a.gz", "a.gz"),
        ("file:/base/a.gz.b.gz", "a.gz.b.gz"),
        ("file:///base/x%20y%2520é.gz", "x y%20é.gz"),
        ("file:/base/d/p.parquet", "d/p.parquet"),
        ("file:/base/other.gz", None),
    ],
)
@pytest.mark.parametrize("more", [" SQLSTATE: KD001", "Could not read footer. Please"])
def test_the_file_is_found(uri, found, more):
    text = MESSAGE.format(kind="NO_HINT", uri=uri, more=more)
    file = damaged_file(RuntimeError(f"x\n{text}\ny"), FILES)
    assert (file and file.path) == found


def test_other_errors_are_not_ours():
    assert damaged_file(RuntimeError("out of memory in /base/a.gz."), FILES) is None


def test_a_vanished_file_is_no_damage():
    text = MESSAGE.format(kind="FILE_NOT_EXIST", uri="file:/base/a.gz", more="")
    with pytest.raises(InfrastructureError, match="vanished"):
        damaged_file(RuntimeError(text), FILES)
