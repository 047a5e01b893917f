"""The Delta jars: where they are found (to be completed by the set-up helper)."""

from __future__ import annotations

import os
from pathlib import Path

DELTA_COORDINATE = "io.delta:delta-spark_4.2_2.13:4.4.0"
"""Resolves through Spark's own package resolution to the jars of docker/jars.lock."""


def local_jars(jars_dir: Path | None = None) -> list[Path]:
    """The jars if they are on this machine already, else an empty list."""
    directory = jars_dir or Path(
        os.environ.get("MIXCORE_DELTA_JARS", Path.home() / ".ivy2.5.2" / "jars")
    )
    return sorted(directory.glob("*.jar")) if directory.is_dir() else []
