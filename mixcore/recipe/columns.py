"""Declared columns, paths and formats of sources: what follows from names alone."""

from __future__ import annotations

import re

from mixcore.recipe.models import Domain, Recipe, Source, SourceFormat

FIXED_KEYS = ("text", "id", "language")
"""Keys of `columns` that fill columns of our own; every other key declares one."""
EVERYWHERE = ("language", "source")
"""Columns every document has; usable wherever a declared one is."""
RESERVED = frozenset({
    "key", "doc_id", "source", "native_id", "file", "n_bytes", "language", "text", "id", "domain",
    "phase", "copy_index", "copies", "shard", "position", "n_tokens", "score", "score_raw",
    "score_bucket", "gate_bits", "drop_gate", "drop_value", "drop_limit", "signals", "status",
    "language_confidence", "content_hash", "n_shingles", "bands", "sketch", "order_hash",
    "cluster_id", "cluster_size", "kept_doc_id", "kept_in", "is_removed", "length", "raw", "reason",
})  # fmt: skip
"""Names a declared column cannot have, in any case: columns of tables it would stand in."""
SCHEMES = ("local", "file", "hdfs", "s3a", "abfss", "gs")
"""Where paths may point. `local:` is a path without a scheme."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
_DELTA = re.compile(r"^delta:(?P<path>.+?)(?:@(?P<version>[0-9]+))?$")
_COMPRESSED = re.compile(r"\.(gz|zst|bz2)$", re.IGNORECASE)
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}$")
_GLOB = re.compile(r"[*?\[{]")
_TABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){1,2}")
_BY_SUFFIX: dict[str, SourceFormat] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


def path_placeholders(path: str) -> tuple[str, ...]:
    """Names of the `{placeholders}` of a path, in order.

    >>> path_placeholders("data/{crawl}/{dump}/*.jsonl.gz")
    ('crawl', 'dump')
    """
    return tuple(_PLACEHOLDER.findall(path))


def source_columns(source: Source) -> tuple[str, ...]:
    """Declared columns of one source, sorted: keys of `columns` and placeholders of its paths."""
    names = {key for key in source.columns if key not in FIXED_KEYS}
    names.update(name for path in source.path for name in path_placeholders(path))
    return tuple(sorted(names))


def declared_columns(recipe: Recipe) -> tuple[str, ...]:
    """Declared columns of all sources, sorted; STRING columns of `documents` up to `corpus`."""
    return tuple(sorted({c for s in recipe.sources.values() for c in source_columns(s)}))


def has_language(source: Source) -> bool:
    """Whether documents of the source can have another language than `und`."""
    return source.language is not None or "language" in source.columns


def domain_sources(recipe: Recipe, name: str, domain: Domain) -> tuple[str, ...]:
    """Sources a domain draws from: those it lists, else the one of its name, else (`where`) all."""
    if domain.sources is not None:
        return domain.sources
    if name in recipe.sources or domain.where is None:
        return (name,)
    return tuple(recipe.sources)


def suffix_format(path: str) -> str | None:
    """The format that a path's suffix names, `.suffix` if it names none we know, None without one.

    Directories, patterns such as `*` and catalog tables have none: the listing tells.

    >>> suffix_format("web/*.jsonl.gz"), suffix_format("delta:lake/web@3"), suffix_format("x/*")
    ('jsonl', 'delta', None)
    >>> suffix_format("code/**/*.py"), suffix_format("data/en.csv.gz")
    ('.py', '.csv')
    """
    if path.startswith("delta:"):
        return "delta"
    name = path.rsplit("/", 1)[-1].lower()
    suffix = _SUFFIX.search(_COMPRESSED.sub("", name))
    if suffix is None or ("/" not in path and not _GLOB.search(path) and _is_table(path)):
        return None
    return _BY_SUFFIX.get(suffix[0], suffix[0])


def _is_table(path: str) -> bool:
    """Whether a name may be a catalog table: two or three plain parts, no known file suffix."""
    return bool(_TABLE.fullmatch(path)) and not any(path.endswith(s) for s in _BY_SUFFIX)


def path_fault(path: str) -> tuple[str, str] | None:
    """What is wrong with a path as such and the fix, or None."""
    if not path.strip():
        return "an empty path", "name a file, a directory or a pattern"
    if path.startswith("delta:"):
        match = _DELTA.match(path)
        if match is None or ("@" in path and match["version"] is None and _bad_version(path)):
            return "not a Delta address", "write `delta:PATH` or `delta:PATH@VERSION`"
        path = match["path"]
    scheme = _SCHEME.match(path)
    if scheme and scheme[1].lower() not in SCHEMES:
        fix = "use " + ", ".join(f"{s}://" for s in SCHEMES[1:]) + " or a local path"
        near = {"s3": "s3a", "s3n": "s3a", "abfs": "abfss", "wasbs": "abfss"}.get(scheme[1].lower())
        return f"unknown scheme `{scheme[1]}://`", f"write `{near}://`" if near else fix
    if "{" in (rest := _PLACEHOLDER.sub("", path)) or "}" in rest:
        return (
            "braces that are no placeholder",
            "write `{name}` of letters, digits and `_`; for choices give a list of paths",
        )
    return None


def _bad_version(path: str) -> bool:
    """Whether the part after the last `@` looks like a version that is no number."""
    tail = path.rsplit("@", 1)[1]
    return "/" not in tail and "." not in tail
