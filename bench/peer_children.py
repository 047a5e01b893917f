"""Virtual environments of the peers, and child processes that cannot take the bench down."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus import WORK
from peer_scripts import result

SCRIPTS = Path(result.__file__).parent
VENVS = WORK / "venvs"
LOGS = WORK / "peers" / "logs"
INSTALL_SECONDS = 1200
_ERROR_CHARS = 160
_EXCEPTION = re.compile(r"[\w.]*(Error|Exception|Interrupt|Exit)\b")
_NOT_INHERITED = ("PYSPARK_", "SPARK_", "PYTHONPATH", "VIRTUAL_ENV")
"""What a Spark session of ours leaves in the environment would lead a peer's Spark astray."""
_OFFLINE = {"DO_NOT_TRACK": "1", "DAFT_ANALYTICS_ENABLED": "0", "HF_HUB_OFFLINE": "1"}


class PeerError(Exception):
    """A peer could not be installed, failed or took too long; the text is one line."""


@dataclass(frozen=True)
class Peer:
    """A package from PyPI and what it needs beside, in versions that were seen to work."""

    name: str
    pins: tuple[str, ...]

    @property
    def label(self) -> str:
        """Name and version."""
        return self.pins[0].replace("==", " ")

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return VENVS / self.name / "bin" / "python"


PEERS = (
    # xxhash 4 breaks datatrove 0.10.1 (hashes of str); spaCy and regex: its English tokenizer.
    Peer(
        "datatrove",
        (
            "datatrove==0.10.1", "xxhash==3.8.2", "spacy==3.8.18", "regex==2026.11.19",
            "orjson==3.13.0", "numpy==2.4.6", "tokenizers==0.23.3", "fasteners==0.20",
        ),
    ),
    # pandas and pyarrow: PySpark 3.5 needs them for pandas_udf and does not ask for them.
    Peer(
        "distributed-curator",
        (
            "distributed-curator==0.1.6", "pyspark==3.5.9", "pandas==2.3.3", "pyarrow==26.0.1",
            "numpy==2.4.6", "setuptools==65.5.0",
        ),
    ),
    Peer("daft", ("daft==0.7.26", "pyarrow==25.0.1")),
)  # fmt: skip


def install(peer: Peer) -> None:
    """Create the peer's environment unless it is there with the same pins.

    Raises:
        PeerError: pip failed.
    """
    done = VENVS / peer.name / "mixcore-pins.txt"
    pins = "\n".join(peer.pins)
    if done.exists() and done.read_text() == pins:
        return
    print(f"  installing {peer.label} ...", flush=True)
    environment = VENVS / peer.name
    name = f"install-{peer.name}"
    call(name, [sys.executable, "-m", "venv", "--clear", str(environment)], INSTALL_SECONDS)
    pip = [str(peer.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    call(name, [*pip, *peer.pins], INSTALL_SECONDS)
    done.write_text(pins)


def measure(
    name: str, python: Path | str, script: str, args: Sequence[Any], timeout: float
) -> dict[str, Any]:
    """Run one script of peer_scripts to its figures.

    Raises:
        PeerError: It failed, printed no figures or took longer than `timeout` seconds.
    """
    command = [str(python), str(SCRIPTS / script), *(str(a) for a in args)]
    output = call(name, command, timeout)
    figures = result.find(output)
    if figures is None:
        raise PeerError(f"printed no figures; see {_log(name).relative_to(WORK.parent)}")
    return figures


def call(name: str, command: Sequence[str], timeout: float) -> str:
    """Standard output of a command; what it printed stays in a log.

    Raises:
        PeerError: With the last line of what it printed.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = _log(name)
    with log.open("w+", encoding="utf-8", errors="replace") as printed:
        process = subprocess.Popen(
            command, stdout=printed, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env=_environment(), cwd=WORK, start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise PeerError(f"stopped after {timeout:.0f} s") from None
        finally:
            _end(process)
        printed.seek(0)
        output = printed.read()
    if code != 0:
        raise PeerError(f"exit code {code}: {_last_error(output)[:_ERROR_CHARS]}")
    return output


def _last_error(output: str) -> str:
    """The last line that names an exception (what ends a JVM may print more), else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    named = [line for line in lines if _EXCEPTION.match(line)]
    return (named or lines or ["nothing printed"])[-1]


def _end(process: subprocess.Popen[Any]) -> None:
    """End the child's own session with all that it started, e.g. a JVM."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _log(name: str) -> Path:
    return LOGS / f"{name}.log"


def _environment() -> Mapping[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_NOT_INHERITED) and not name.endswith("_NUM_THREADS")
    }
    return {**kept, **_OFFLINE, "SPARK_LOCAL_IP": "127.0.0.1"}
