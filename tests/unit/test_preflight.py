"""What a user reads when Python, Java, the pins or the jars are not as they must be."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mixcore.runtime import jars, preflight
from mixcore.runtime.errors import InfrastructureError, RecipeError
from mixcore.runtime.preflight import require_java, require_python, require_versions


def fake_java(directory: Path, says: str, status: int = 0) -> Path:
    """A `java` below `directory`/bin that prints `says` on stderr."""
    java = directory / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {status}\n")
    java.chmod(0o755)
    return java


@pytest.mark.parametrize(
    ("says", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19 LTS', 21),
        ('java version "17-ea" 2021-09-14', 17),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "21.0.2" 2024-01-16', 21),
    ],
)
def test_supported_java_is_accepted(tmp_path, monkeypatch, says, major):
    java = fake_java(tmp_path, says)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    found = require_java()
    assert (found.executable, found.major, found.banner) == (str(java), major, says)


@pytest.mark.parametrize(
    "says",
    ['java version "1.8.0_401"', 'openjdk version "11.0.2" 2019', 'openjdk version "25" 2025'],
)
def test_other_java_is_refused_with_its_version_and_the_fix(tmp_path, monkeypatch, says):
    java = fake_java(tmp_path, says)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(InfrastructureError, match="17 or 21 only") as caught:
        require_java()
    assert says in str(caught.value)
    assert str(java) in str(caught.value)
    assert "openjdk-17-jre-headless" in caught.value.fix


def test_a_java_that_does_not_start_is_no_java(tmp_path, monkeypatch):
    fake_java(tmp_path, "Unable to locate a Java Runtime.", status=1)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(InfrastructureError, match="does not start") as caught:
        require_java()
    assert caught.value.value == "Unable to locate a Java Runtime."


def test_java_home_without_java_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(InfrastructureError, match="no bin/java") as caught:
        require_java()
    assert caught.value.value == str(tmp_path / "gone")
    assert caught.value.fix.startswith("unset JAVA_HOME")


def test_no_java_at_all(tmp_path, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfrastructureError, match="none was found") as caught:
        require_java()
    assert "apt-get install" in caught.value.fix


def test_java_home_goes_before_path_as_in_sparks_launcher(tmp_path, monkeypatch):
    fake_java(tmp_path / "home", 'openjdk version "17.0.1"')
    fake_java(tmp_path / "path", 'openjdk version "25"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path' / 'bin'}:{os.environ['PATH']}")
    assert require_java().major == 17


@pytest.mark.parametrize("version", [(3, 10), (3, 12), (2, 7)])
def test_other_pythons_are_refused(version):
    with pytest.raises(InfrastructureError, match=r"Python 3\.11") as caught:
        require_python(version)
    assert f"{version[0]}.{version[1]}" in str(caught.value.value)
    assert "make PYTHON=" in caught.value.fix


def test_this_python_is_the_right_one():
    require_python()


def test_the_check_prints_one_message_and_no_trace(tmp_path):
    fake_java(tmp_path, 'openjdk version "25" 2025-09-16')
    done = subprocess.run(
        [sys.executable, "-m", "mixcore.runtime.preflight"],
        env={**os.environ, "JAVA_HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("mixcore: ")
    assert lines[2].startswith("  fix:   install a JDK 17")


def test_the_installed_pair_is_the_tested_one():
    require_versions()


@pytest.mark.parametrize("pins", [{"pyspark": "4.2.1"}, {"no-such-package-of-ours": "1"}])
def test_another_pair_is_refused(pins):
    name, pin = next(iter(pins.items()))
    with pytest.raises(InfrastructureError, match="exactly the pair") as caught:
        require_versions(pins)
    assert name in str(caught.value.value)
    assert caught.value.fix == f"pip install {name}=={pin}"


def test_the_pins_are_those_of_the_lock_and_of_the_package():
    root = Path(__file__).parents[2]
    lock = (root / "requirements.lock").read_text()
    package = (root / "pyproject.toml").read_text()
    for name, pin in preflight.PINS.items():
        assert f"\n{name}=={pin} " in lock
        assert f'"{name}=={pin}"' in package
    assert jars.DELTA_COORDINATE.endswith(f":{preflight.PINS['delta-spark']}")


# ---- jars ---------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home directory, and no directory of jars named."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(jars.JARS_VARIABLE, raising=False)
    return tmp_path


def lay(directory: Path, style: int) -> list[Path]:
    """Empty files for the jars that are needed, named by Ivy (0), Maven (1) or in a tree (2)."""
    paths = []
    for jar in jars.locked_jars():
        if not jar.shipped:
            path = jar.candidates(directory)[style]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            paths.append(path)
    return paths


def test_the_lock_holds_all_jars_that_the_coordinate_resolves_to():
    locked = jars.locked_jars()
    names = [f"{j.group}:{j.artifact}:{j.version}" for j in locked]
    assert len(names) == len(set(names)) == 33
    assert sum(not j.shipped for j in locked) == 10
    assert jars.DELTA_COORDINATE in names
    delta = [j for j in locked if j.group in {"io.delta", "io.unitycatalog"}]
    assert not any(j.shipped for j in delta)


def test_what_the_lock_calls_shipped_is_in_pyspark():
    import pyspark

    names = [p.name for p in Path(pyspark.__file__).with_name("jars").glob("*.jar")]
    stand_in = {"commons-logging": "jcl-over-slf4j"}
    for jar in jars.locked_jars():
        if jar.shipped:
            artifact = stand_in.get(jar.artifact, jar.artifact)
            assert any(n.startswith(f"{artifact}-") for n in names), jar


def test_nothing_there_gives_an_empty_list(home):
    assert jars.local_jars() == []


@pytest.mark.parametrize(("place", "style"), [(".ivy2.5.2/jars", 0), (".m2/repository", 2)])
def test_the_usual_places_are_found(home, place, style):
    laid = lay(home / place, style)
    assert jars.local_jars() == laid


def test_an_incomplete_usual_place_is_passed_over(home):
    lay(home / ".ivy2.5.2/jars", 0)[3].unlink()
    assert jars.local_jars() == []
    in_maven = lay(home / ".m2/repository", 2)
    assert jars.local_jars() == in_maven


@pytest.mark.parametrize("style", [0, 1, 2])
def test_a_named_directory_goes_first(home, monkeypatch, style):
    lay(home / ".ivy2.5.2/jars", 0)
    by_variable, by_flag = lay(home / "v", style), lay(home / "f", style)
    monkeypatch.setenv(jars.JARS_VARIABLE, str(home / "v"))
    assert jars.local_jars() == by_variable
    assert jars.local_jars(home / "f") == by_flag


def test_a_jar_missing_in_a_named_directory_is_named(home):
    gone = lay(home / "f", 1)[4]
    gone.unlink()
    with pytest.raises(RecipeError, match="1 of 10 Delta jars") as caught:
        jars.local_jars(home / "f")
    assert caught.value.value == gone.name


def test_a_damaged_jar_is_refused(home):
    paths = lay(home / "f", 1)
    with pytest.raises(InfrastructureError, match=r"differs from .*jars\.lock") as caught:
        jars.verify(paths)
    assert caught.value.where == str(paths[0])
    assert caught.value.value == "sha256:" + hashlib.sha256(b"").hexdigest()


def test_unreachable_jars_give_one_message_not_sparks_pages(home, monkeypatch):
    pages = "\t:: problems summary ::\n\t\tSERVER ERROR: timed out url=x\n\njava.Error\n\tat a.b.C"

    def spark_submit(*args, **kwargs):
        return subprocess.CompletedProcess(args, 1, stdout="", stderr=pages)

    monkeypatch.setattr(jars.subprocess, "run", spark_submit)
    monkeypatch.setattr(jars, "require_java", lambda: None)
    with pytest.raises(InfrastructureError, match="could not be resolved") as caught:
        jars.resolve()
    assert caught.value.value == "SERVER ERROR: timed out url=x"
    assert "--jars-dir" in caught.value.fix
    assert str(caught.value).count("\n") == 2


def test_the_jars_can_be_copied_for_a_machine_without_a_network(home, monkeypatch, capsys):
    laid = lay(home / ".ivy2.5.2/jars", 0)
    monkeypatch.setattr(jars, "verify", lambda paths: None)
    assert jars.main(["--copy-to", str(home / "copy")]) == 0
    assert f"10 in {home / 'copy'}" in capsys.readouterr().out
    assert [p.name for p in jars.local_jars(home / "copy")] == [p.name for p in laid]


def test_set_up_refuses_a_damaged_jar_with_the_exit_code_of_infrastructure(home, capsys):
    lay(home / ".ivy2.5.2/jars", 0)
    assert jars.main([]) == 4
    assert "differs from mixcore/runtime/jars.lock" in capsys.readouterr().err
