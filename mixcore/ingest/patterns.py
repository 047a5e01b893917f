"""Path patterns: globs with named segments, as regular expressions. No Spark, no file system."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MAGIC = re.compile(r"[*?\[{]")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def placeholders(patterns: Sequence[str]) -> tuple[str, ...]:
    """Names of the `{placeholders}` of some paths, sorted."""
    return tuple(sorted({n for p in patterns for n in _PLACEHOLDER.findall(p)}))


def fixed_prefix(pattern: str) -> str:
    """The directories before the first glob, with a final slash, or empty.

    >>> fixed_prefix("data/code/**/*.py"), fixed_prefix("data/a.jsonl"), fixed_prefix("*.py")
    ('data/code/', 'data/', '')
    """
    magic = _MAGIC.search(pattern)
    head = pattern[: magic.start()] if magic else pattern
    return head[: head.rfind("/") + 1]


def is_glob(pattern: str) -> bool:
    """Whether the pattern holds a glob or a placeholder."""
    return bool(_MAGIC.search(pattern))


def pattern_regex(pattern: str, *, below: bool = True) -> str:
    """A regular expression for full paths, valid in Python and Java; placeholders are groups.

    Args:
        pattern: The glob.
        below: Also match paths below what the pattern matches: a directory stands for its files.

    >>> bool(re.match(pattern_regex("d/**/*.py"), "d/x/y/a.py"))
    True
    >>> re.match(pattern_regex("cc/{dump}/*.gz"), "cc/2024-10/a.gz").group(1)
    '2024-10'
    """
    pattern = pattern.rstrip("/")
    out, i = "", 0
    while i < len(pattern):
        if pattern.startswith("**/", i):
            out, i = out + "(?:[^/]+/)*", i + 3
        elif pattern.startswith("**", i):
            out, i = out + ".*", i + 2
        elif pattern[i] == "*":
            out, i = out + "[^/]*", i + 1
        elif pattern[i] == "?":
            out, i = out + "[^/]", i + 1
        elif pattern[i] == "[" and (end := pattern.find("]", i + 2)) > 0:
            inside = pattern[i + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            inside = "^" + inside[1:] if inside.startswith("!") else inside
            out, i = f"{out}[{inside}]", end + 1
        elif pattern[i] == "{" and (found := _PLACEHOLDER.match(pattern, i)):
            out, i = out + "([^/]*)", found.end()
        else:
            out, i = out + re.escape(pattern[i]), i + 1
    return f"^{out}(?:/.*)?$" if below else f"^{out}$"


def placeholder_groups(pattern: str) -> tuple[str, ...]:
    """The placeholders of a pattern in the order of its regular expression's groups."""
    return tuple(_PLACEHOLDER.findall(pattern))


def id_root(patterns: Sequence[str]) -> str:
    """The directories that all patterns begin with: ids of `files` are relative to it.

    >>> id_root(["data/a/*.py", "data/b/**/*.py"]), id_root(["data/a/"])
    ('data/', 'data/a/')
    """
    common = []
    for parts in zip(*(fixed_prefix(p).split("/")[:-1] for p in patterns), strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "".join(f"{part}/" for part in common)
