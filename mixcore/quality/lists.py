"""Exclusion lists: what must not be delivered, one entry a line. Driver-side, no Spark.

Lists are read whole on the driver; they are the size of what people curate (up to some million
entries). Their content, not their path, is part of the key of `scores`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pyarrow import ArrowException, fs

from mixcore.recipe.models import Exclude
from mixcore.runtime.errors import RecipeError

Kind = Literal["domains", "urls", "ids"]
KINDS: tuple[Kind, ...] = ("domains", "urls", "ids")
"""In the order in which a hit is named when several lists hit."""

HOST_PATTERN = r"^\s*+(?:(?:[a-z][a-z0-9+.\-]*+:)?//)?(?:[^/\\?#@]*+@)?(\[[^\]]*+\]|[^/\\?#:\s]++)"
"""Host of a lower-cased address, with or without a scheme. Possessive, so linear; the same syntax
in Java and Python. Not `java.net.URI`, which refuses addresses that browsers accept: what cannot
be parsed would slip through the list."""
URL_NOISE = r"^https?://|#.*$"
"""What does not tell two addresses apart: the web scheme and the fragment."""


@dataclass(frozen=True)
class ExclusionList:
    """Entries of one list, normalised as the documents' values are.

    Attributes:
        kind: What the entries are.
        path: As the recipe writes it.
        entries: Sorted, distinct.
    """

    kind: Kind
    path: str
    entries: tuple[str, ...]

    @property
    def digest(self) -> str:
        """sha256 of the entries: order, comments and path do not matter."""
        return hashlib.sha256("\n".join(self.entries).encode()).hexdigest()


def normalise_host(value: str) -> str:
    """The host that an address or a bare domain names, lower case, without trailing dots.

    >>> normalise_host("HTTPS://user@Blog.Example.com:8080/a?b"), normalise_host("*.example.com")
    ('blog.example.com', 'example.com')
    """
    match = re.match(HOST_PATTERN, value.lower())
    host = match.group(1) if match else ""
    return host.removeprefix("*.").strip(".")


def normalise_url(value: str) -> str:
    """The address without scheme, fragment and trailing slashes; case is kept.

    >>> normalise_url(" https://example.com/a/#top")
    'example.com/a'
    """
    return re.sub(URL_NOISE, "", value.strip()).rstrip("/")


def _host_forms(entry: str) -> set[str]:
    """A domain as written and in its ASCII form: documents may hold either."""
    host = normalise_host(entry)
    try:
        return {host, host.encode("idna").decode()}
    except UnicodeError:  # labels that are too long or empty have no ASCII form
        return {host}


def _entries(kind: Kind, text: str) -> set[str]:
    """The entries of a list's text; lines that start with `#` are comments."""
    lines = (line.strip() for line in text.splitlines())
    written = [line for line in lines if line and not line.startswith("#")]
    match kind:
        case "domains":
            found = {form for line in written for form in _host_forms(line)}
        case "urls":
            found = {normalise_url(line) for line in written}
        case "ids":
            found = set(written)
    return found - {""}


def _read(path: str) -> str:
    """A small text file, local or anywhere pyarrow can reach."""
    if "://" not in path:
        return Path(path).read_text(encoding="utf-8-sig")
    filesystem, inner = fs.FileSystem.from_uri(path)
    with filesystem.open_input_stream(inner) as stream:
        return bytes(stream.read()).decode("utf-8-sig")


def read_lists(exclude: Exclude | None, source: str) -> tuple[ExclusionList, ...]:
    """All lists of a source.

    Args:
        exclude: The source's `exclude`.
        source: Its name, for messages.

    Raises:
        RecipeError: A list cannot be read or is not UTF-8.
    """
    if exclude is None:
        return ()
    found = []
    for kind in KINDS:
        path: str | None = getattr(exclude, kind)
        if path is None:
            continue
        try:
            text = _read(path)
        except (OSError, ValueError, ArrowException) as error:
            raise RecipeError(
                "an exclusion list cannot be read",
                where=f"sources.{source}.exclude.{kind}",
                value=f"{path}: {error}",
                fix="give the path of a UTF-8 text file with one entry a line",
            ) from error
        found.append(ExclusionList(kind, path, tuple(sorted(_entries(kind, text)))))
    return tuple(found)
