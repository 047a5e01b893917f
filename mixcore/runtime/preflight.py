"""Checks before anything starts: Python, Java, and the pair pyspark and delta-spark.

Uses the standard library alone, so that `make` can run it before there is a virtual environment.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mixcore.runtime.errors import InfrastructureError, MixcoreError

PYTHON = (3, 11)
JAVA_MAJORS = (17, 21)
"""What Spark 4.2 supports."""
PINS = {"pyspark": "4.2.0", "delta-spark": "4.4.0"}
"""The pair that was tested together. Delta's jar uses Spark's internals: even another patch
release of either can fail in the middle of a job."""

_JAVA_TIMEOUT_S = 60
_JAVA_FIX = (
    "install a JDK 17 (Debian, Ubuntu: apt-get install openjdk-17-jre-headless;"
    " macOS: brew install openjdk@17) and, if others are there, point JAVA_HOME at it"
)


@dataclass(frozen=True)
class Java:
    """The Java that Spark will start."""

    executable: str
    major: int
    banner: str
    """All that `java -version` prints: equal banners mean the same build."""


def require_java() -> Java:
    """The Java that Spark's launcher will pick: JAVA_HOME, else PATH.

    Raises:
        InfrastructureError: There is none, it does not start, or it is no 17 or 21.
    """
    home = os.environ.get("JAVA_HOME")
    if home:
        executable = str(Path(home, "bin", "java"))
        if not os.access(executable, os.X_OK):
            raise InfrastructureError(
                "JAVA_HOME is set, but there is no bin/java in it",
                where="JAVA_HOME",
                value=home,
                fix="unset JAVA_HOME, or " + _JAVA_FIX,
            )
    else:
        executable = shutil.which("java") or ""
        if not executable:
            raise InfrastructureError("Spark needs Java, and none was found", fix=_JAVA_FIX)
    try:
        done = subprocess.run(  # noqa: S603 # java itself, no shell
            [executable, "-version"], capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, timeout=_JAVA_TIMEOUT_S,
        )  # fmt: skip
        banner, failed = (done.stderr + done.stdout).strip(), done.returncode != 0
    except (OSError, subprocess.TimeoutExpired) as error:
        banner, failed = str(error), True
    match = re.search(r'version "(?:1\.)?(\d+)', banner)
    if failed or match is None:
        raise InfrastructureError(
            "this Java does not start", where=executable, value=banner, fix=_JAVA_FIX
        )
    major = int(match[1])
    if major not in JAVA_MAJORS:
        raise InfrastructureError(
            "Spark 4.2 runs on Java 17 or 21 only",
            where=executable,
            value=banner.splitlines()[0],
            fix=_JAVA_FIX,
        )
    return Java(executable, major, banner)


def require_python(version: tuple[int, int] | None = None) -> None:
    """Raise InfrastructureError unless this is Python 3.11 (`version`: for tests)."""
    found = version or (sys.version_info[0], sys.version_info[1])
    if found != PYTHON:
        raise InfrastructureError(
            "mixcore runs on Python 3.11",
            where=sys.executable,
            value=f"Python {found[0]}.{found[1]}",
            fix="install python3.11 with its venv module (Debian, Ubuntu: apt-get install"
            " python3.11-venv) and name it: make PYTHON=/path/to/python3.11",
        )


def require_versions(pins: dict[str, str] | None = None) -> None:
    """Raise InfrastructureError unless pyspark and delta-spark are the tested pair."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 # not in old Pythons

    wrong = []
    for name, pin in (pins or PINS).items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "not installed"
        if found != pin:
            wrong.append(f"{name} {found} (tested: {pin})")
    if wrong:
        raise InfrastructureError(
            "pyspark and delta-spark must be exactly the pair that was tested together",
            value=", ".join(wrong),
            fix="pip install " + " ".join(f"{n}=={p}" for n, p in (pins or PINS).items()),
        )


def main() -> int:
    """What `make setup` checks first. Prints one message; returns the exit code."""
    try:
        require_python()
        require_java()
    except MixcoreError as error:
        print(f"mixcore: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
