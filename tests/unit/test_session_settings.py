"""Whose setting wins: the operator's, the caller's, ours."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from mixcore.runtime import session
from mixcore.runtime.session import CLASS_PATH, JAVA_OPTIONS, parse_defaults, settings

JARS = [Path("/jars/a.jar"), Path("/jars/b.jar")]
CODEC = "spark.sql.parquet.compression.codec"
MEMORY = "spark.driver.memory"


def test_spark_submit_beats_the_caller_and_our_defaults():
    given = {CODEC: "snappy", "spark.sql.shuffle.partitions": "500"}
    asked = {CODEC: "gzip", "spark.sql.shuffle.partitions": "2", "spark.x": "1"}
    found = settings(given, "", submitted=True, conf=asked)
    assert CODEC not in found
    assert "spark.sql.shuffle.partitions" not in found
    assert found["spark.x"] == "1"
    assert found["spark.sql.session.timeZone"] == "UTC"


def test_a_submitted_job_keeps_its_jvm_its_jars_and_its_log_configuration():
    found = settings({}, "yarn", submitted=True, jars=JARS, memory=64 << 30, archive="-Xarchive")
    assert not set(found) & {MEMORY, JAVA_OPTIONS, CLASS_PATH, "spark.jars", "spark.ui.enabled"}


@pytest.mark.parametrize(
    ("given", "asked", "value"),
    [
        ({}, {}, "zstd"),
        ({CODEC: "snappy"}, {}, None),  # left alone: spark-defaults.conf already says it
        ({}, {CODEC: "gzip"}, "gzip"),
        ({CODEC: "snappy"}, {CODEC: "gzip"}, "gzip"),
    ],
)
def test_our_own_session_lets_defaults_file_and_caller_win(given, asked, value):
    found = settings(given, "local[2]", submitted=False, conf=asked)
    assert found.get(CODEC) == value


def test_local_sessions_have_delta_on_the_class_path_behind_the_operators_jars():
    found = settings({CLASS_PATH: "/own.jar"}, "local[*]", submitted=False, jars=JARS)
    assert found[CLASS_PATH].split(os.pathsep) == ["/own.jar", "/jars/a.jar", "/jars/b.jar"]
    assert "spark.jars" not in found


def test_a_cluster_gets_the_jars_shipped_and_no_local_settings():
    found = settings(
        {"spark.jars": "/own.jar"}, "spark://host:7077", submitted=False, jars=JARS, memory=64 << 30
    )
    assert found["spark.jars"] == "/own.jar,/jars/a.jar,/jars/b.jar"
    assert not set(found) & {MEMORY, CLASS_PATH, JAVA_OPTIONS, *session.LOCAL_CONF}


@pytest.mark.parametrize("where", ["given", "conf"])
def test_given_jvm_options_come_after_ours_and_so_win(where):
    theirs = {JAVA_OPTIONS: "-Dlog4j2.configurationFile=own.xml"}
    given, conf = (theirs, {}) if where == "given" else ({}, theirs)
    options = settings(given, "local[1]", submitted=False, conf=conf, archive="-Xarchive")
    words = options[JAVA_OPTIONS].split()
    assert words[0].startswith("-Dlog4j2.configurationFile=file:")
    assert words[1:] == ["-Xarchive", "-XX:+UseParallelGC", "-Dlog4j2.configurationFile=own.xml"]


def test_a_given_collector_is_the_only_one():
    found = settings({JAVA_OPTIONS: "-XX:+UseG1GC"}, "local[1]", submitted=False)
    assert re.findall(r"-XX:\+Use\w+GC", found[JAVA_OPTIONS]) == ["-XX:+UseG1GC"]


@pytest.mark.parametrize(("master", "tasks"), [("local", 4), ("local[1]", 4), ("local[8,3]", 16)])
def test_local_tasks_follow_the_cores(master, tasks):
    found = settings({}, master, submitted=False)
    assert found["spark.default.parallelism"] == str(tasks)
    assert found["spark.sql.shuffle.partitions"] == str(tasks)


@pytest.mark.parametrize(
    ("gib", "heap"), [(1, "1g"), (4, "1g"), (8, "2g"), (24, "6g"), (64, "16g"), (512, "16g")]
)
def test_driver_memory_follows_the_machine(gib, heap):
    assert settings({}, "local[*]", submitted=False, memory=gib << 30)[MEMORY] == heap


def test_given_driver_memory_is_left_alone():
    assert MEMORY not in settings({MEMORY: "3g"}, "local[*]", submitted=False, memory=64 << 30)


def test_machine_memory_is_that_of_a_real_machine():
    assert session.machine_memory() > 64 << 20


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        ("spark.a 1", {"spark.a": "1"}),
        ("  spark.a\t 1 2 ", {"spark.a": "1 2"}),
        ("spark.a=1", {"spark.a": "1"}),
        ("spark.a = x=y", {"spark.a": "x=y"}),
        ("spark.a: 1", {"spark.a": "1"}),
        ("spark.opts -Da=b -Dc=d", {"spark.opts": "-Da=b -Dc=d"}),
        ("# spark.a 1", {}),
        ("", {}),
    ],
)
def test_spark_defaults_are_read_as_spark_reads_them(line, setting):
    assert parse_defaults(line) == setting


def test_the_operators_defaults_file_is_found(tmp_path, monkeypatch):
    (tmp_path / "spark-defaults.conf").write_text("spark.a 1\n")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    assert session.defaults_file() == {"spark.a": "1"}
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path / "none"))
    assert session.defaults_file() == {}


@pytest.mark.parametrize(
    ("given", "named"),
    [({}, False), ({"spark.app.name": "curate.py"}, False), ({"spark.app.name": "nightly"}, True)],
)
def test_a_name_given_to_spark_submit_is_kept(given, named):
    assert session._is_named(given) == named
