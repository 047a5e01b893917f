"""Batches: a source is taken in by the files that are new since the last look.

A batch's key names the parse options, its files and the keys of the source's earlier batches, so
next month's files cost only themselves. Pure: no Spark.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mixcore.ingest.patterns import id_root

if TYPE_CHECKING:
    from mixcore.ingest.listing import InputFile, Listing
    from mixcore.recipe.models import Source

FileIdentity = tuple[str, int, int]
"""(path, size, modification time in ms)."""

KeyOf = Callable[[Collection[FileIdentity], Sequence[str]], str]
"""Key of a batch: its files (in any order), the keys of the source's earlier batches."""


def parse_options(
    name: str, source: Source, listing: Listing, sample: float | None
) -> dict[str, Any]:
    """Everything but the files that decides the rows: not `where`, `exclude` or rules.

    The name is in it because it is part of every id.
    """
    has_placeholder = any("{" in p for p in listing.patterns)
    return {
        "source": name,
        "format": listing.format,
        "columns": dict(source.columns),
        "language": source.language,
        "max_document_bytes": source.max_document_bytes,
        "on_corrupt_file": source.on_corrupt_file,
        "placeholders": list(listing.patterns) if has_placeholder else [],
        "id_root": id_root(listing.patterns) if listing.format == "files" else "",
        "sample": sample,
    }


def longest_chain(
    recorded: Mapping[str, Collection[FileIdentity]],
    listed: Collection[FileIdentity],
    key_of: KeyOf,
) -> list[str]:
    """The recorded batches that this run uses, in order.

    A key follows a chain if it is the key of its own files after exactly that chain, so batches
    of other options, or made after other batches, never join in.

    Args:
        recorded: Files of every complete batch by key.
        listed: The files the source names now.
        key_of: Computes a batch's key.

    Returns:
        The chain that covers most files; of equals the one with the smallest keys.
    """
    present = set(listed)
    usable = {k: frozenset(f) for k, f in sorted(recorded.items()) if f and present.issuperset(f)}

    def follow(chain: list[str], covered: frozenset[FileIdentity]) -> tuple[int, list[str]]:
        best = (len(covered), chain)
        for key, files in usable.items():
            if not files & covered and key_of(files, chain) == key:
                found = follow([*chain, key], covered | files)
                best = found if found[0] > best[0] else best
        return best

    return follow([], frozenset())[1]


def new_files(
    files: Sequence[InputFile],
    recorded: Mapping[str, Collection[FileIdentity]],
    chain: Sequence[str],
) -> tuple[InputFile, ...]:
    """The listed files that no batch of the chain holds."""
    covered = {identity for key in chain for identity in recorded[key]}
    return tuple(f for f in files if f.identity not in covered)
