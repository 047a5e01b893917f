"""Conditions as columns: SQL's logic, text that is compared as numbers, nulls that never match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from mixcore.recipe.conditions import parse_condition
from mixcore.runtime.conditions import to_column

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = [
    # id, license, stars, date
    (0, "cc0", "10", "2019-05-06"),
    (1, "CC-BY ", "9", "2020-12-31T23:59:59Z"),
    (2, "mit", "many", "2021"),
    (3, None, None, None),
    (4, "cc-by", "1e2", "12/2020"),
    (5, "100%", "true", "20201"),
]
CASES: list[tuple[str, set[int]]] = [
    ("license = 'cc0'", {0}),
    ("license != 'cc0'", {1, 2, 4, 5}),
    ("NOT license = 'cc0'", {1, 2, 4, 5}),
    ("license IN ('cc0', 'mit')", {0, 2}),
    ("license NOT IN ('cc0', 'mit')", {1, 4, 5}),
    ("license LIKE 'cc%'", {0, 4}),
    ("lower(trim(license)) LIKE 'cc-b_'", {1, 4}),
    ("license LIKE '%\\%'", {5}),
    ("license IS NULL", {3}),
    ("license IS NOT NULL", {0, 1, 2, 4, 5}),
    ("license = 'cc0' OR license IS NULL", {0, 3}),
    ("NOT (license = 'cc0' OR stars = 9)", {4}),  # for 2 and 5 `stars = 9` is unknown
    # text beside a number is a number: 9 < 10 < 100
    ("stars > 9", {0, 4}),
    ("stars <= 10", {0, 1}),
    ("stars BETWEEN 9 AND 10", {0, 1}),
    ("stars NOT BETWEEN 9 AND 10", {4}),
    ("stars IN (9, 100)", {1, 4}),
    ("stars > '9'", {2, 5}),  # as text: only letters come after the digit 9
    ("stars = TRUE", {5}),
    # dates
    ("year(date) = 2020", {1}),
    ("year(date) >= 2020", {1, 2}),
    ("month(date) = 12 AND day(date) = 31", {1}),
    ("coalesce(year(date), 0) < 2020", {0, 3, 4, 5}),
    ("date BETWEEN '2019' AND '2020'", {0}),
    ("substring(date, 1, 4) = '2020'", {1, 5}),
    ("substring(date, 6) = '05-06'", {0}),
    ("length(license) = 3", {0, 2}),
    ("upper(license) = 'CC-BY'", {4}),
    ("coalesce(license, 'none') = 'none'", {3}),
    ("1 = 1", {0, 1, 2, 3, 4, 5}),
    ("license = license", {0, 1, 2, 4, 5}),
]


def test_conditions(spark: SparkSession) -> None:
    df = spark.createDataFrame(ROWS, "id int, license string, stars string, date string")
    tests = [to_column(parse_condition(text)).alias(f"c{i}") for i, (text, _) in enumerate(CASES)]
    found = df.select("id", *tests).collect()
    for i, (text, expected) in enumerate(CASES):
        values = {row["id"]: row[f"c{i}"] for row in found}
        assert None not in values.values(), text
        assert {n for n, value in values.items() if value} == expected, text


def test_names_are_names_and_text_is_text(spark: SparkSession) -> None:
    df = spark.createDataFrame([("x' OR '1'='1", 1), ("b", 2)], "`a b` string, id int")
    condition = parse_condition("`a b` = 'x'' OR ''1''=''1'")
    assert [r["id"] for r in df.where(to_column(condition)).select(F.col("id")).collect()] == [1]
