"""Everything that is profiled of a document, batch by batch: the body of the one pass over text.

A batch goes through the token counter, the content hash, MinHash and the quality signals as whole
Arrow arrays. Whatever raises on a batch is tried again document by document: the ones that still
raise get status `failed` and nulls, the others are as if they had come alone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from mixcore.text.bands import NO_BANDS, BandPlan
from mixcore.text.content_hash import binary_rows, content_hash
from mixcore.text.minhash import SKETCH_SLOTS, minhash
from mixcore.text.shingling import Shingling
from mixcore.text.signals import SIGNALS, UNKNOWN_LANGUAGE
from mixcore.text.signals_on_demand import FILE_GROUPS
from mixcore.text.tokens import Counter, make_counter

_log = logging.getLogger(__name__)

OK, FAILED = "ok", "failed"
_SHOWN_IDS = 5
_ARROW: dict[str, pa.DataType] = {
    "i32": pa.int32(), "i64": pa.int64(), "f32": pa.float32(), "bool": pa.bool_(),
}  # fmt: skip

SIGNALS_TYPE = pa.struct([pa.field(s.column, _ARROW[s.dtype]) for s in SIGNALS])
PROFILE_SCHEMA = pa.schema([
    ("doc_id", pa.int64()),
    ("source", pa.string()),
    ("status", pa.string()),
    ("n_tokens", pa.int64()),
    ("language", pa.string()),
    ("language_confidence", pa.float32()),
    ("content_hash", pa.binary()),
    ("n_shingles", pa.int32()),
    ("bands", pa.binary()),
    ("sketch", pa.binary()),
    ("signals", SIGNALS_TYPE),
])  # fmt: skip
"""Columns of table `signals` without `key`, in its order."""


@dataclass(frozen=True)
class ProfileSpec:
    """What to compute. Plain values, so that it can be sent to workers."""

    tokenizer: str
    tokenizer_content: str | None = None
    """Of a `tokenizer.json`; its path need not exist on a worker."""
    shingle_words: int | Shingling = 5
    """How texts are cut for near-duplicate search; a number is so many words a shingle."""
    plan: BandPlan = NO_BANDS
    """`NO_BANDS`: no near-duplicate search; `n_shingles` is null, `bands` and `sketch` empty."""
    exact_ignore: tuple[str, ...] | None = ()
    """As `dedup.exact.ignore`; None: no content hash (null)."""
    outputs: Literal["all", "dedup", "signals"] = "all"
    """`dedup`: signals are null; `signals`: dedup columns as without deduplication."""
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(source, groups of signals on demand that its rules name); sources without any left out."""

    def groups_of(self, source: str) -> tuple[str, ...]:
        """Groups of signals on demand to compute for documents of a source."""
        return dict(self.groups).get(source, ())

    @property
    def looks_at_names(self) -> bool:
        """Whether a group needs the names of files, i.e. `documents.native_id`."""
        return any(group in FILE_GROUPS for _, own in self.groups for group in own)

    @property
    def counter(self) -> Counter:
        """The token counter.

        Raises:
            ValueError: As `make_counter`.
        """
        return make_counter(self.tokenizer, self.tokenizer_content)


def profile_batch(batch: pa.RecordBatch, spec: ProfileSpec) -> pa.RecordBatch:
    """Profile a batch of documents.

    Args:
        batch: Columns doc_id, source, language (declared or null), text, and native_id where a
            group of `spec` looks at names of files; others are ignored.
        spec: What to compute.

    Returns:
        `PROFILE_SCHEMA`, a row a document in the order of `batch`. Values depend on the document
        and `spec` alone, never on its neighbours.

    Raises:
        ValueError: The token counter cannot be made; no document is to blame for that.
    """
    spec.counter  # noqa: B018 - made and kept outside of what a document may fail
    try:
        return _profile(batch, spec)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever a native library raises on one document
        ids = batch.column("doc_id")
        _log.warning(
            "profile.retry documents=%d first_doc_ids=%s",
            len(ids), ids.slice(0, _SHOWN_IDS).to_pylist(),
        )  # fmt: skip
    rows = [_profile_alone(batch.slice(i, 1), spec) for i in range(batch.num_rows)]
    return pa.Table.from_batches(rows, PROFILE_SCHEMA).combine_chunks().to_batches()[0]


def _profile_alone(row: pa.RecordBatch, spec: ProfileSpec) -> pa.RecordBatch:
    try:
        return _profile(row, spec)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001
        doc_id = row.column("doc_id")[0].as_py()
        _log.warning("profile.failed doc_id=%s error=%s", doc_id, type(error).__name__)
    columns = {f.name: pa.nulls(1, f.type) for f in PROFILE_SCHEMA}
    columns["doc_id"], columns["source"] = row.column("doc_id"), row.column("source")
    columns["status"] = pa.array([FAILED])
    columns["language"] = _language(row.column("language"))
    return pa.record_batch([_as(columns[f.name], f.type) for f in PROFILE_SCHEMA], PROFILE_SCHEMA)


def _profile(batch: pa.RecordBatch, spec: ProfileSpec) -> pa.RecordBatch:
    n = batch.num_rows
    text = batch.column("text")
    columns = {
        "doc_id": batch.column("doc_id"),
        "source": batch.column("source"),
        "status": pa.repeat(OK, n),
        "n_tokens": pa.array(spec.counter.count(text)),
        "language": _language(batch.column("language")),
        "language_confidence": pa.nulls(n, pa.float32()),
        **_dedup_columns(text, spec),
        "signals": _signals(batch, spec),
    }
    return pa.record_batch([_as(columns[f.name], f.type) for f in PROFILE_SCHEMA], PROFILE_SCHEMA)


def _as(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def _language(declared: pa.Array) -> pa.Array:
    """The declared language in lower case, else `und`."""
    import pyarrow.compute as pc  # noqa: PLC0415

    known = pc.if_else(pc.equal(declared, ""), None, pc.utf8_lower(declared))
    return pc.fill_null(known, UNKNOWN_LANGUAGE)


def _dedup_columns(text: pa.Array, spec: ProfileSpec) -> dict[str, pa.Array]:
    n = len(text)
    wanted = spec.outputs != "signals"
    hashed = wanted and spec.exact_ignore is not None
    out = {
        "content_hash": content_hash(text, spec.exact_ignore or ()) if hashed
        else pa.nulls(n, pa.binary()),
    }  # fmt: skip
    if not wanted or spec.plan.bands == 0:
        empty = pa.array([b""] * n, pa.binary())
        return {**out, "n_shingles": pa.nulls(n, pa.int32()), "bands": empty, "sketch": empty}
    found = minhash(text, spec.shingle_words, spec.plan)
    keys = found.band_keys.astype(">u8").view(np.uint8).reshape(-1, spec.plan.bands * 8)
    sketches = found.sketches.reshape(-1, SKETCH_SLOTS)
    return {
        **out,
        "n_shingles": pa.array(found.n_shingles),
        "bands": binary_rows(keys, found.has_bands),
        "sketch": binary_rows(sketches, found.has_bands),
    }


def _signals(batch: pa.RecordBatch, spec: ProfileSpec) -> pa.Array:
    if spec.outputs == "dedup":
        return pa.nulls(batch.num_rows, SIGNALS_TYPE)
    import pyarrow.compute as pc  # noqa: PLC0415

    from mixcore.text.signal_kernel import compute_signals  # noqa: PLC0415 - slow to import

    source = batch.column("source")
    wanted = {name: spec.groups_of(name) for name in sorted(pc.unique(source).to_pylist())}
    kinds = sorted(set(wanted.values()))
    # Sources with other rules in one batch: each kind by itself, then back in their order.
    parts, rows = [], []
    for groups in kinds or [()]:
        part = batch
        if len(kinds) > 1:
            names = pa.array([name for name, own in wanted.items() if own == groups])
            mask = pc.is_in(source, names)
            part = batch.filter(mask)
            rows.append(pc.indices_nonzero(mask).to_numpy())
        named = part.column("native_id") if "native_id" in part.schema.names else None
        parts.append(compute_signals(part.column("text"), groups, named, part.column("language")))
    if not rows:
        return parts[0]
    return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(rows))))
