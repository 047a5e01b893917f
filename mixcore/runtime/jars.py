"""The Delta jars: where they are found, and how they get there.

`python -m mixcore.runtime.jars` (part of `make setup`) resolves them once through Spark's own
package resolution and checks them against `jars.lock`. From then on no network is needed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from mixcore.runtime.errors import InfrastructureError, MixcoreError, RecipeError
from mixcore.runtime.preflight import require_java, require_versions

DELTA_COORDINATE = "io.delta:delta-spark_4.2_2.13:4.4.0"
"""Resolves through Spark's own package resolution to the jars of jars.lock."""

LOCK = Path(__file__).with_name("jars.lock")
JARS_VARIABLE = "MIXCORE_DELTA_JARS"
_IVY_TIMEOUT_S = 600
"""Ivy tries several repositories, each with its own time-out; 87 MB come in 20 s as a rule."""
_LOCK_LINE = re.compile(r"(\S+):(\S+):(\S+) sha256:([0-9a-f]{64})")
_FIX = (
    f"connect this machine to Maven Central once and run `make setup`, or copy the jars that"
    f" mixcore/runtime/jars.lock names to a directory and give it as --jars-dir DIR or"
    f" {JARS_VARIABLE}=DIR"
)


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str
    shipped: bool
    """pyspark brings this artifact itself; only resolution, not Spark, needs the jar."""

    def candidates(self, directory: Path) -> tuple[Path, ...]:
        """Where the jar may lie below `directory`: named by Ivy, by Maven, or in a Maven tree."""
        name = f"{self.artifact}-{self.version}.jar"
        tree = Path(*self.group.split("."), self.artifact, self.version, name)
        return (directory / f"{self.group}_{name}", directory / name, directory / tree)

    def find(self, directory: Path) -> Path | None:
        """The jar's file below `directory`, if it is there."""
        return next((p for p in self.candidates(directory) if p.is_file()), None)


@cache
def locked_jars() -> tuple[Jar, ...]:
    """All jars of the lock, those that go on the class path first."""
    jars = []
    shipped = False
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        shipped = shipped or line.startswith("# shipped:")
        match = _LOCK_LINE.fullmatch(line)
        if match:
            group, artifact, version, digest = match.groups()
            jars.append(Jar(group, artifact, version, digest, shipped))
    return tuple(jars)


def ivy_home() -> Path:
    """Ivy's directory: Spark's default, by HOME (Java would ask the password file)."""
    return Path.home() / ".ivy2.5.2"


def local_jars(jars_dir: Path | None = None) -> list[Path]:
    """The jars that Delta needs beside pyspark's own, if they are on this machine already.

    Looked for in `jars_dir`, else in MIXCORE_DELTA_JARS, else where Ivy and Maven keep them.

    Args:
        jars_dir: The directory the user gave.

    Returns:
        One path a jar, in the order of the lock; empty if no directory was named and none of
        the usual ones has them all.

    Raises:
        RecipeError: A directory was named, and a jar is missing there.
    """
    named = jars_dir or os.environ.get(JARS_VARIABLE)
    needed = [jar for jar in locked_jars() if not jar.shipped]
    if named:
        directory = Path(named)
        found = [jar.find(directory) for jar in needed]
        missing = [jar.candidates(directory)[1].name for jar in needed if not jar.find(directory)]
        if missing:
            raise RecipeError(
                f"{len(missing)} of {len(needed)} Delta jars are not in this directory",
                where=str(directory),
                value=", ".join(missing),
                fix="put all jars of the first part of mixcore/runtime/jars.lock there",
            )
        return [path for path in found if path]
    for directory in (ivy_home() / "jars", Path.home() / ".m2" / "repository"):
        found = [jar.find(directory) for jar in needed]
        if all(found):
            return [path for path in found if path]
    return []


def verify(paths: Iterable[Path]) -> None:
    """Compare jars with the lock.

    Raises:
        InfrastructureError: A jar is not the one that was locked.
    """
    locked = {candidate.name: jar for jar in locked_jars() for candidate in jar.candidates(LOCK)}
    for path in paths:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != locked[path.name].sha256:
            raise InfrastructureError(
                "this jar differs from mixcore/runtime/jars.lock",
                where=str(path),
                value=f"sha256:{digest}",
                fix="delete the file and run `make setup` again",
            )


def resolve() -> list[Path]:
    """Fetch the jars through Spark's package resolution, without a word on the terminal.

    Returns:
        The jars that go on the class path, checked against the lock.

    Raises:
        InfrastructureError: They cannot be reached, or are not the locked ones.
    """
    require_java()
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    with tempfile.TemporaryDirectory() as work:
        script = Path(work, "nothing.py")
        script.write_text("", encoding="utf-8")
        command = [
            str(Path(spec.origin).parent / "bin" / "spark-submit"),
            "--master", "local[1]",
            "--packages", DELTA_COORDINATE,
            "--conf", f"spark.jars.ivy={ivy_home()}",
            str(script),
        ]  # fmt: skip
        environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
        try:
            done = subprocess.run(  # noqa: S603 # our own command, no shell
                command, env=environment, capture_output=True, text=True, check=False,
                stdin=subprocess.DEVNULL, timeout=_IVY_TIMEOUT_S,
            )  # fmt: skip
            said = done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            said = f"no answer within {_IVY_TIMEOUT_S} s"
    jars = local_jars() if not os.environ.get(JARS_VARIABLE) else []
    if not jars:
        raise InfrastructureError(
            "the Delta jars could not be resolved",
            where=DELTA_COORDINATE,
            value=_reason(said),
            fix=_FIX,
        )
    verify(jars)
    return jars


def _reason(said: str) -> str:
    """The one line of Spark's pages that says why."""
    lines = [line.strip(" :\t") for line in said.splitlines() if line.strip(" :\t")]
    telling = [
        line for line in lines
        if re.search(r"not found:|UnknownHost|refused|timed out|download failed|denied", line)
    ]  # fmt: skip
    return (telling or lines or ["no output"])[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make sure that the jars are there and are the locked ones; print where.

    Args:
        arguments: `--copy-to DIR` puts them into a directory as well, e.g. for an image or for
            a machine without a network.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description="Find or fetch the Delta jars.")
    parser.add_argument("--copy-to", type=Path, metavar="DIR")
    copy_to: Path | None = parser.parse_args(arguments).copy_to
    try:
        require_versions()
        jars = local_jars()
        if jars:
            verify(jars)
        else:
            print("resolving the Delta jars, once (87 MB) ...", flush=True)
            jars = resolve()
    except MixcoreError as error:
        print(f"mixcore: {error}", file=sys.stderr)
        return error.exit_code
    if copy_to:
        copy_to.mkdir(parents=True, exist_ok=True)
        jars = [Path(shutil.copy(jar, copy_to)) for jar in jars]
    print(f"Delta jars: {len(jars)} in {jars[0].parent}, as locked")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
