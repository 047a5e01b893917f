"""Progress for people: a live line a stage on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

_log = logging.getLogger("mixcore")


class StageLine:
    """The line of one running stage."""

    def __init__(self, name: str, changed: Callable[[], None]) -> None:
        """`changed` is called when the line says something else."""
        self.name, self._changed, self.text = name, changed, ""

    def detail(self, text: str) -> None:
        """Say what is going on; never document text."""
        self.text = text
        self._changed()


class Progress:
    """Announces stage boundaries on stderr. Stages may run at the same time."""

    def __init__(self, console: Console | None = None) -> None:
        """A live line is shown only if stderr is a terminal."""
        self.console = console or Console(stderr=True)
        self._running: list[StageLine] = []
        self._status: Status | None = None
        self._lock = threading.RLock()

    @contextmanager
    def stage(self, name: str) -> Iterator[StageLine]:
        """Show `name` while the block runs and its duration afterwards."""
        started = time.monotonic()
        line = StageLine(name, self._show)
        self._begin(line)
        try:
            yield line
        except BaseException:
            _log.info("stage.failed stage=%s seconds=%.1f", name, time.monotonic() - started)
            raise
        finally:
            self._end(line)
        seconds = time.monotonic() - started
        if self.console.is_terminal:
            self.console.print(f"  {name:<10} {seconds:6.1f} s  [dim]{line.text}[/dim]")
        else:
            _log.info("stage.finished stage=%s seconds=%.1f detail=%r", name, seconds, line.text)

    def _begin(self, line: StageLine) -> None:
        with self._lock:
            self._running.append(line)
            if not self.console.is_terminal:
                _log.info("stage.started stage=%s", line.name)
            elif self._status is None:
                self._status = self.console.status(line.name)
                self._status.start()
            self._show()

    def _end(self, line: StageLine) -> None:
        with self._lock:
            self._running.remove(line)
            if self._status is not None and not self._running:
                self._status.stop()
                self._status = None
            self._show()

    def _show(self) -> None:
        """One live line for all running stages: a terminal has no room for two."""
        with self._lock:
            if self._status is not None:
                lines = (f"{ln.name}: {ln.text}" if ln.text else ln.name for ln in self._running)
                self._status.update("; ".join(lines))


def configure_logging() -> None:
    """Log lines to stderr; called by the command line and the jobs only."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    for noisy in ("py4j", "numba"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
