"""A lease beside the output: spares double work, never decides correctness.

Correctness comes from keys and the publish fence (`mixcore.runtime.stage`). The lease only keeps a
second scheduler attempt from computing what the first one is computing. Local paths only; on
object stores a run goes ahead without it.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mixcore.runtime.errors import InfrastructureError

LEASE_S = 600.0
"""A holder that has not renewed for so long is taken to be dead."""
_RENEW_S = 60.0


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _is_alive(holder: dict[str, Any]) -> bool:
    """Whether the holder may still be at work: its lease runs, and if it is of this host, it is."""
    if float(holder.get("expires", 0)) < time.time():
        return False
    if holder.get("host") != socket.gethostname():
        return True
    pid = int(holder.get("pid", 0))
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _take(path: Path, run_id: str) -> None:
    holder = {
        "run_id": run_id, "host": socket.gethostname(), "pid": os.getpid(),
        "expires": time.time() + LEASE_S,
    }  # fmt: skip
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(holder), encoding="utf-8")
    fresh.replace(path)


@contextmanager
def lease(output_path: str, run_id: str) -> Iterator[None]:
    """Hold the output's lease while the block runs.

    Raises:
        InfrastructureError: Another live run holds it (exit code 4: try again later).
    """
    if "://" in output_path:
        yield
        return
    path = Path(output_path) / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = _read(path)
    if holder is not None and _is_alive(holder):
        raise InfrastructureError(
            "another run is at work on this output",
            where=str(path),
            value=f"run {holder.get('run_id')} on {holder.get('host')}, pid {holder.get('pid')}",
            fix="wait for it; a killed run's lease ends by itself after 10 minutes",
        )
    _take(path, run_id)
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(_RENEW_S):
            with suppress(OSError):
                _take(path, run_id)

    thread = threading.Thread(target=renew, daemon=True, name="mixcore-lease")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        with suppress(OSError):
            path.unlink()
