"""Which files a source names, with sizes and dates: what a batch's key is made of.

Globs follow the usual rules: `*`, `?` and `[..]` stay within a path segment, `**` is any number of
directories. `{name}` is a `*` whose value becomes the column `name`. Local paths are listed by
Python, other schemes through the metadata of Spark's `binaryFile` source; no content is read.
Spark's own globbing is never used: its `**` matches one level only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException
from pyspark.sql import functions as F

from mixcore.ingest.patterns import fixed_prefix, is_glob, pattern_regex
from mixcore.runtime.errors import RecipeError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from mixcore.recipe.models import Source

_COMPRESSED = r"(\.gz|\.zst|\.bz2)?$"
_SUFFIXES = {
    "jsonl": re.compile(r"\.(jsonl|ndjson|json)" + _COMPRESSED, re.IGNORECASE),
    "parquet": re.compile(r"\.(parquet|pq)$", re.IGNORECASE),
}
"""File names by format; what a directory is searched for and how a format is guessed."""

_REMOTE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_CATALOG_NAME = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*){1,2}$")
_TABLE_VERSION = re.compile(r"^(?P<name>.+?)(?:@(?P<version>\d+))?$")
DELTA = "delta:"


@dataclass(frozen=True, order=True)
class InputFile:
    """A file as listed, or one version of a Delta table."""

    path: str
    """Relative to the working directory if the pattern was; `delta:NAME@VERSION` for a table."""
    size: int
    """Bytes; for a Delta table its version."""
    modified: int
    """ms since 1970; for a Delta table when it was created, so that a namesake differs."""
    base: str = field(default="", compare=False)
    """Directory that `path` is relative to, else empty."""

    @property
    def location(self) -> str:
        """Where it lies, for Spark and Python alike."""
        return f"{self.base}/{self.path}" if self.base else self.path

    @property
    def identity(self) -> tuple[str, int, int]:
        """What tells it from another file or another state of the same file."""
        return self.path, self.size, self.modified


@dataclass(frozen=True)
class Listing:
    """What a source names, now."""

    files: tuple[InputFile, ...]
    """Sorted by path, each once."""
    format: str
    patterns: tuple[str, ...]
    """As the paths in `files` are written: relative or absolute, without `.` and `..`; a plain
    directory ends in a slash."""


def list_source(spark: SparkSession, name: str, source: Source) -> Listing:
    """List the files of a source.

    Raises:
        RecipeError: Nothing matches, the format cannot be told, or a path is a bare Delta table.
    """
    where = f"sources.{name}.path"
    if _names_table(source):
        tables = tuple(sorted({_delta_entry(spark, p, where) for p in source.path}))
        return Listing(tables, "delta", ())
    fmt = source.format or _guess(source.path)
    found: dict[str, InputFile] = {}
    patterns: list[str] = []
    for raw in source.path:
        pattern = raw.removeprefix("file://") if raw.startswith("file:///") else raw
        if _REMOTE.match(pattern):
            files, written = list(_remote(spark, pattern, fmt)), pattern.rstrip("/")
            if not is_glob(written) and [f.path for f in files] != [written]:
                written += "/"
        else:
            files, written = _local(pattern, fmt, where)
        if not files:
            raise RecipeError(
                "no file matches this path",
                where=where,
                value=raw,
                fix="check the path, relative paths start at the working directory "
                f"({Path.cwd().name}/); names that begin with . or _ are hidden",
            )
        patterns.append(written)
        for file in files:
            found.setdefault(file.location, file)
    listed = tuple(sorted(found.values()))
    fmt = fmt or _guess([f.path for f in listed])
    if fmt is None:
        raise RecipeError(
            "the format cannot be told from the file names",
            where=f"sources.{name}.format",
            value=listed[0].path,
            fix="write format: jsonl | parquet | delta | files",
        )
    return Listing(listed, fmt, tuple(patterns))


def _names_table(source: Source) -> bool:
    if source.format == "delta" or any(p.startswith(DELTA) for p in source.path):
        return True
    return source.format is None and all(
        _CATALOG_NAME.match(p) and _guess([p]) is None and not Path(p).exists() for p in source.path
    )


def _guess(names: tuple[str, ...] | list[str]) -> str | None:
    """The one format that all names have the suffix of."""
    for fmt, suffix in _SUFFIXES.items():
        if all(suffix.search(n) for n in names):
            return fmt
    return None


def _is_hidden(name: str, fmt: str | None) -> bool:
    """Dot files always; names with `_` too, except that code has `__init__.py`."""
    return name.startswith(".") or (name.startswith("_") and fmt != "files")


def _in_directory(name: str, fmt: str | None) -> bool:
    """Whether a directory given as a path stands for a file of this name."""
    suffix = _SUFFIXES.get(fmt or "")
    return suffix is None or bool(suffix.search(name))


def _local(raw: str, fmt: str | None, where: str) -> tuple[list[InputFile], str]:
    """Files of a local pattern, and the pattern as their paths are written."""
    pattern = os.path.normpath(raw)
    base = "" if Path(pattern).is_absolute() else str(Path.cwd())
    if pattern.startswith(".."):
        pattern, base = os.path.normpath(f"{base}/{pattern}"), ""
    root = Path(base, pattern)
    if root.is_dir() and (root / "_delta_log").is_dir():
        raise RecipeError(
            "this directory is a Delta table; its files alone hold old and deleted rows too",
            where=where,
            value=raw,
            fix=f'write "{DELTA}{raw}"',
        )
    if root.is_file():
        # Spark would give no rows for a hidden name, and no error
        paths = [] if fmt != "files" and _is_hidden(root.name, fmt) else [pattern]
    elif root.is_dir():
        paths = [
            p for p in _walk(pattern, base, fmt, None) if _in_directory(p.rsplit("/", 1)[-1], fmt)
        ]
        pattern = "" if pattern == "." else f"{pattern.rstrip('/')}/"
    else:
        start = fixed_prefix(pattern)
        depth = None if "**" in pattern else pattern.count("/") - start.count("/")
        exact = re.compile(pattern_regex(pattern, below=False))
        top = start.rstrip("/") or ("/" if start else ".")
        paths = [p for p in _walk(top, base, fmt, depth) if exact.match(p)]
        if not paths:  # the pattern names directories: they stand for their files
            below = re.compile(pattern_regex(pattern))
            paths = [
                p
                for p in _walk(top, base, fmt, None)
                if below.match(p) and _in_directory(p.rsplit("/", 1)[-1], fmt)
            ]
    return [_entry(p, base) for p in paths], pattern


def _entry(path: str, base: str) -> InputFile:
    stat = Path(base, path).stat()
    return InputFile(path, stat.st_size, stat.st_mtime_ns // 1_000_000, base)


def _walk(top: str, base: str, fmt: str | None, depth: int | None) -> Iterator[str]:
    """Paths of the files below `top`, hidden ones left out, at most `depth` directories down."""
    seen: set[str] = set()  # a symbolic link may point to a directory above it
    stack = [(top, 0)]
    while stack:
        directory, level = stack.pop()
        real = os.path.realpath(Path(base, directory))
        if real in seen or not Path(real).is_dir():
            continue
        seen.add(real)
        with os.scandir(real) as entries:
            for entry in entries:
                if _is_hidden(entry.name, fmt):
                    continue
                path = entry.name if directory == "." else f"{directory.rstrip('/')}/{entry.name}"
                if entry.is_dir():
                    if depth is None or level < depth:
                        stack.append((path, level + 1))
                elif entry.is_file():
                    yield path


def _remote(spark: SparkSession, raw: str, fmt: str | None) -> Iterator[InputFile]:
    """Files of a pattern with a scheme, from the metadata of Spark's `binaryFile` source.

    Spark hides names that begin with `_` or `.`, and empty files, which have no rows.
    """
    pattern = raw.rstrip("/")
    has_glob = is_glob(pattern)
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    try:
        df = reader.option("__globPaths__", "false").load(
            fixed_prefix(pattern) if has_glob else pattern
        )
        # one row a file, not a document
        rows = df.select("path", "length", F.unix_millis("modificationTime").alias("ms")).collect()
    except AnalysisException as error:
        if "PATH_NOT_FOUND" in str(error):
            return
        raise
    scheme = pattern.split("://", 1)[0]
    anchored = re.compile(pattern_regex(pattern))
    for row in rows:
        path = re.sub(rf"^{scheme}:/(?!/)", f"{scheme}:///", row["path"])
        name = path.rsplit("/", 1)[-1]
        if anchored.match(path) and (has_glob or path == pattern or _in_directory(name, fmt)):
            yield InputFile(path, int(row["length"]), int(row["ms"]))


# ---- Delta tables ------------------------------------------------------------------------------


def _split_table(path: str) -> tuple[str, int | None]:
    match = _TABLE_VERSION.match(path.removeprefix(DELTA))
    assert match is not None
    version = match["version"]
    return match["name"], None if version is None else int(version)


def _identifier(name: str) -> str:
    is_catalog = _CATALOG_NAME.match(name) is not None and not Path(name).exists()
    if is_catalog:
        return name
    return f"delta.`{name if '://' in name else Path(name).absolute()}`"


def _delta_entry(spark: SparkSession, path: str, where: str) -> InputFile:
    name, version = _split_table(path)
    identifier = _identifier(name)
    try:
        detail = spark.sql(f"DESCRIBE DETAIL {identifier}").collect()[0]
        if version is None:
            history = spark.sql(f"DESCRIBE HISTORY {identifier} LIMIT 1").collect()
            version = int(history[0]["version"])
    except AnalysisException as error:
        raise RecipeError(
            "there is no Delta table here",
            where=where,
            value=path,
            fix='write "delta:PATH", "delta:PATH@VERSION" or the name of a catalog table',
        ) from error
    created = int(detail["createdAt"].timestamp() * 1000)
    return InputFile(f"{DELTA}{name}@{version}", version, created)


def read_table(spark: SparkSession, entry: InputFile) -> DataFrame:
    """The rows of the version that a Delta entry names."""
    name, version = _split_table(entry.path)
    return spark.sql(f"SELECT * FROM {_identifier(name)} VERSION AS OF {version}")
