"""How a peer's script hands its figures to bench/peers.py: one last line on standard output.

Runs in every peer's virtual environment, so it needs nothing but the standard library.
"""

from __future__ import annotations

import json
from typing import Any

MARK = "RESULT "


def give(**figures: Any) -> None:
    """Print the figures; what else a script prints is noise and goes to its log."""
    print(f"\n{MARK}{json.dumps(figures)}", flush=True)


def find(output: str) -> dict[str, Any] | None:
    """The figures in what a script printed, None if there are none."""
    lines = [line for line in output.splitlines() if line.startswith(MARK)]
    if not lines:
        return None
    figures: dict[str, Any] = json.loads(lines[-1].removeprefix(MARK))
    return figures
