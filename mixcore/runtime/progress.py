"""Progress for people: a live line a stage on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

_log = logging.getLogger("mixcore")


class StageLine:
    """The line of one running stage."""

    def __init__(self, name: str, status: Status | None) -> None:
        """`status` is the live line, or None when the output is a log."""
        self._name, self._status, self.text = name, status, ""

    def detail(self, text: str) -> None:
        """Say what is going on; never document text."""
        self.text = text
        if self._status is not None:
            self._status.update(f"{self._name}: {text}")


class Progress:
    """Announces stage boundaries on stderr."""

    def __init__(self, console: Console | None = None) -> None:
        """A live line is shown only if stderr is a terminal."""
        self.console = console or Console(stderr=True)

    @contextmanager
    def stage(self, name: str) -> Iterator[StageLine]:
        """Show `name` while the block runs and its duration afterwards."""
        started = time.monotonic()
        live = self.console.is_terminal
        status = self.console.status(name) if live else None
        line = StageLine(name, status)
        if status is not None:
            status.start()
        else:
            _log.info("stage.started stage=%s", name)
        try:
            yield line
        except BaseException:
            _log.info("stage.failed stage=%s seconds=%.1f", name, time.monotonic() - started)
            raise
        finally:
            if status is not None:
                status.stop()
        seconds = time.monotonic() - started
        if live:
            self.console.print(f"  {name:<10} {seconds:6.1f} s  [dim]{line.text}[/dim]")
        else:
            _log.info("stage.finished stage=%s seconds=%.1f detail=%r", name, seconds, line.text)


def configure_logging() -> None:
    """Log lines to stderr; called by the command line and the jobs only."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    for noisy in ("py4j", "numba", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
