"""Keys: a result is named by what determines it (architecture: stages, README: Keys)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

KEY_LENGTH = 32
"""Hex digits of a key: 128 bits of sha256, short enough for a partition directory."""


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces, the same for equal values whatever their order."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(value: Any) -> str:
    """Hex sha256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def make_key(stage: str, version: int, params: Any, reads: Any) -> str:
    """The key of one result.

    Args:
        stage: Name of the stage.
        version: Version of the stage's code; raised when its rows would come out otherwise.
        params: The parameters that the result depends on and nothing else (JSON values).
        reads: Keys of what it reads.
    """
    return sha256([stage, version, params, reads])[:KEY_LENGTH]
