"""Recipes: what loads, and for everything that does not, a message that helps."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixcore.recipe.columns import RESERVED
from mixcore.recipe.loader import declared_columns, load_recipe, load_text, path_placeholders
from mixcore.recipe.number import parse_number
from mixcore.recipe.show import check_data, mix_shares, render_check
from mixcore.runtime.errors import RecipeErrors

SMALL = """\
version: 1
sources: {web: {path: data/web/*.jsonl.gz}, books: {path: data/books/*.jsonl.gz}}
mix: {budget: {tokens: 1e8}, domains: {web: {weight: 80}, books: {weight: 20}}}
output: {path: out/first}
"""


def recipe(**sections: str) -> str:
    """The small recipe with sections replaced or added; an empty one is left out."""
    base = {
        "version": "1",
        "sources": "{web: {path: w.jsonl, columns: {language: lang, date: d}}, "
        "books: {path: b.jsonl}}",
        "output": "{path: out}",
    }
    return "".join(f"{k}: {v}\n" for k, v in {**base, **sections}.items() if v)


def messages(text: str, *overrides: str) -> str:
    with pytest.raises(RecipeErrors) as caught:
        load_text(text, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_smallest_recipe() -> None:
    loaded = load_text(SMALL)
    assert loaded.warnings == ()
    assert loaded.recipe.pool.path == "out/first/pool"
    assert loaded.recipe.mix is not None
    assert loaded.recipe.mix.budget is not None
    assert loaded.recipe.mix.budget.tokens == 1e8
    assert loaded.where("mix", "domains", "web") == "recipe.yaml:3: mix.domains.web"
    assert loaded.where("mix", "max_epochs") == "recipe.yaml:3: mix.max_epochs"


# ---- one fault a row: (recipe, fragments of the message) ----------------------------------------

BROKEN: list[tuple[str, list[str]]] = [
    # YAML itself
    ("a: [1\nb: 2\n", ["recipe.yaml:2", "not valid YAML"]),
    ("- 1\n", ["a recipe is a map"]),
    ("", ["a recipe is a map"]),
    ("version: 1\nversion: 1\n", ["recipe.yaml:2", "'version' stands twice, first in line 1"]),
    (recipe(name="!!python/none x"), ["tags are not allowed"]),
    (recipe(sources="{web: !x {path: w}}"), ["tags are not allowed"]),
    (recipe(mix=" "), ["recipe.yaml:4: mix", "has no value"]),
    ("a: &x [*x]\n", ["aliases"]),
    ("a: " + "[" * 5000, ["nested too deeply"]),
    (recipe(seed="1" * 5000), ["seed: should be a number"]),
    (recipe(name="x", pool="{<<: {path: y}}"), ["merge keys"]),
    ("a: 1\n---\nb: 1\n", ["another document"]),
    # shapes
    (recipe(version="2"), ["version", "should be 1"]),
    (recipe(version=""), ["`version` is missing"]),
    (recipe(sources=""), ["`sources` is missing"]),
    (recipe(output=""), ["`output` is missing"]),
    (recipe(output="{copies: rows}"), ["output.path", "`path` is missing"]),
    (recipe(output="out"), ["output: should be a map of keys", "'out'"]),
    (recipe(seed="abc"), ["recipe.yaml:4: seed: should be a number", "'abc'"]),
    (recipe(seed="1.5"), ["seed: should be a whole number"]),
    (recipe(seed="true"), ["seed: should be a number, not true or false"]),
    (recipe(seed="-1"), ["seed: should be greater than or equal to 0", "-1"]),
    (recipe(validation="{fraction: .nan}"), ["validation.fraction", "should be a number"]),
    (recipe(validation="{fraction: 1e999}"), ["validation.fraction"]),
    (recipe(output="{path: o, copies: colum}"), ["rows | column", "did you mean `column`?"]),
    (recipe(sources="{'a b': {path: w.jsonl}}"), ["sources.a b: not a name"]),
    (recipe(sources="{web: {path: w.jsonl, columns: [a]}}"), ["columns: should be a map"]),
    (recipe(sources="{web: {path: w.jsonl, language: true}}"), ["language: should be text"]),
    (recipe(dedup="nope"), ["dedup: should be none or a map of keys", "'nope'"]),
    (recipe(dedup="{scope: al}"), ["dedup.scope: should be all or a map", "did you mean `all`?"]),
    (recipe(dedup="{prefer: [{by: date, order: newst}]}"), ["or a list", "did you mean `newest`"]),
    (recipe(rules="{web: {gates: {n_words: non}}}"), ["none or a map of keys", "`none`"]),
    (recipe(mix="{domains: {}}"), ["mix.domains: should not be empty"]),
    # unknown keys
    (recipe(souces="{}"), ["unknown key 'souces'", "did you mean `sources`?"]),
    (recipe(output="{path: o, shard: 1}"), ["output.shard: unknown key", "`shards`"]),
    (recipe(dedup="{min_jaccard: 0.8}"), ["unknown key 'min_jaccard'", "a key of `dedup.near`"]),
    (recipe(rules="{web: {gates: {n_words: {mn: 5}}}}"), ["gates.n_words.mn", "`min`"]),
    (recipe(dedup="{near: {shingle: {word: 5}}}"), ["dedup.near.shingle.word", "`words`"]),
    # sources
    (recipe(sources="{web: {path: []}}"), ["sources.web.path: should not be empty"]),
    (recipe(sources="{web: {path: s3://b/x.jsonl}}"), ["unknown scheme `s3://`", "`s3a://`"]),
    (recipe(sources="{web: {path: ftp://b/x.jsonl}}"), ["unknown scheme `ftp://`", "hdfs://"]),
    (recipe(sources="{web: {path: 'delta:lake/t@x'}}"), ["not a Delta address"]),
    (recipe(sources="{web: {path: 'a{dump/x.jsonl'}}"), ["braces that are no placeholder"]),
    (recipe(sources="{web: {path: 'a/{my-dump}/x.jsonl'}}"), ["braces that are no placeholder"]),
    (recipe(sources="{web: {path: 'a/{d}/{d}.jsonl'}}"), ["{d} stands twice"]),
    (recipe(sources="{web: {path: 'a/{d}.jsonl', columns: {d: x}}}"), ["`d` is both"]),
    (recipe(sources="{web: {path: 'a/{text}.jsonl'}}"), ["`text` is a column of our own"]),
    (recipe(sources="{web: {path: a.jsonl, columns: {score: s}}}"), ["`score_declared: score`"]),
    (recipe(sources="{web: {path: a.jsonl, columns: {a-b: s}}}"), ["not a column name"]),
    (recipe(sources="{a: {path: a.jsonl, columns: {u: s, U: s}}}"), ["differ in case only"]),
    (recipe(sources="{web: {path: 'data/{a,b}.jsonl'}}"), ["for choices give a list of paths"]),
    (recipe(sources="{web: {path: 'data/{language}/x.jsonl'}}"), ["`language` is a column of our"]),
    (recipe(sources="{web: {path: 'data/**/*.py'}}"), ["`.py` names no format", "format: jsonl"]),
    (recipe(sources="{web: {path: [a.jsonl, b.parquet]}}"), ["different formats"]),
    (recipe(sources="{web: {path: 'delta:x', format: jsonl}}"), ["has the format delta"]),
    (recipe(sources="{c: {path: a, format: files, columns: {id: x}}}"), ["`files` has no columns"]),
    (recipe(sources="{w: {path: a.jsonl, language: en, columns: {language: l}}}"), ["constant"]),
    (recipe(sources="{w: {path: a.jsonl, exclude: {domains: x.txt}}}"), ["needs the column `url`"]),
    (recipe(sources="{w: {path: a.jsonl, exclude: {ids: nope.txt}}}"), ["no such file"]),
    (recipe(sources="{w: {path: a.jsonl, where: \"x = 'a'\"}}"), ["unknown column 'x'"]),
    (recipe(sources="{w: {path: a.jsonl, where: 'language == 1'}}"), ["no operator `==`", "^"]),
    (
        recipe(sources="{w: {path: a.jsonl, where: 'd = 1'}, v: {path: b.jsonl, columns: {d: d}}}"),
        ["declared by other sources only"],
    ),
    (recipe(sources="{w: {path: a.jsonl, rules: weeb}}"), ["rule set 'weeb'", "`web`"]),
    (recipe(tokens="{tokenizer: 'bpe:cl100k'}"), ["unknown tokenizer", "`bpe:cl100k_base`"]),
    (recipe(tokens="{tokenizer: nope/tokenizer.json}"), ["no such file"]),
    (recipe(pool="{path: out}"), ["same directory"]),
    (recipe(pool="{path: 'delta:out'}"), ["not a directory"]),
    (recipe(output="{path: 's3://x/y'}"), ["output.path: unknown scheme"]),
    # rules; the first four are silent faults of shipped recipes (quality filters of peers)
    (
        recipe(rules="{web: {gates: {top_ngram_char_2: {max: 0.2}}}}"),
        ["unknown signal 'top_ngram_char_2'", "`top_ngram_chars_2`"],
    ),
    (
        recipe(rules="{web: {gates: {n_words: {min: 1}, n_words: {min: 2}}}}"),
        ["rules.web.gates.n_words", "stands twice"],
    ),
    (
        recipe(rules="{web: {gates: {alpha_word_frac: {max: 0.1, min: 0.8}}}}"),
        ["`min` above `max`"],
    ),
    (recipe(rules="{web: {gates: {dup_line_frac: {max: 30}}}}"), ["0 to 1", "written 0.15"]),
    (recipe(rules="{web: {gates: {n_words: {}}}}"), ["without a limit", "`n_words: none`"]),
    (recipe(rules="{web: {gates: {n_words: {action: flag}}}}"), ["without a limit"]),
    (recipe(rules="{web: {gates: {n_words: {min: 1, above: 2}}}}"), ["`min` and `above`"]),
    (recipe(rules="{web: {gates: {n_words: {max: 1, below: 2}}}}"), ["`max` and `below`"]),
    (recipe(rules="{web: {gates: {alnum_frac: {above: 0.5, below: 0.5}}}}"), ["an empty range"]),
    (recipe(rules="{web: {gates: {alnum_frac: {above: 1}}}}"), ["an empty range"]),
    (recipe(rules="{web: {gates: {alnum_frac: {below: 0}}}}"), ["an empty range"]),
    (recipe(rules="{web: {gates: {n_words: {above: 3, below: 4}}}}"), ["an empty range"]),
    (recipe(rules="{web: {gates: {n_words: {min: 0.5}}}}"), ["a whole number"]),
    (recipe(rules="{web: {gates: {n_words: {min: -1}}}}"), ["0 and more"]),
    (recipe(rules="{web: {gates: {n_words: {in: [a]}}}}"), ["`in` is for text"]),
    (recipe(rules="{web: {gates: {language: {min: 1}}}}"), ["only `in` limits it"]),
    (recipe(rules="{web: {gates: {language: {in: []}}}}"), ["an empty list keeps nothing"]),
    (recipe(rules="{web: {gates: {stopword_frac: {min: 0.1}}}}"), ["add on_missing"]),
    (
        recipe(sources="{a: {path: a.jsonl}}", rules="{web: {gates: {language: {in: [en]}}}}"),
        ["no source declares a language"],
    ),
    (recipe(rules="{web: {preset: gohper@rpv2}}"), ["unknown preset", "`gopher@rpv2`"]),
    (
        recipe(rules="{web: {preset: gopher@rpv2, gates: {n_chars: none}}}"),
        ["no preset here has it"],
    ),
    (recipe(rules="{web: {gates: {n_words: none}}}"), ["no preset here has it", "remove the line"]),
    (recipe(rules="{web: {score: [{signal: n_word}]}}"), ["unknown signal", "`n_words`"]),
    (recipe(rules="{web: {score: [], drop_lowest: 0.1}}"), ["no score to drop by"]),
    (
        recipe(rules="{web: {score: [{signal: n_words}, {signal: n_words}]}}"),
        ["score[1].signal", "stands twice"],
    ),
    (recipe(rules="{web: {drop_lowest: 40}}"), ["rules.web.drop_lowest: should be less than 1"]),
    # dedup
    (recipe(dedup="{scope: {within: [lang]}}"), ["unknown column 'lang'", "`language`"]),
    (recipe(dedup="{protect: [book]}"), ["unknown source 'book'", "`books`"]),
    (recipe(dedup="{prefer: [{by: dat, order: newest}]}"), ["unknown column 'dat'", "`date`"]),
    (recipe(dedup="{prefer: [{by: source, order: high}]}"), ["list them, best first"]),
    (recipe(dedup="{prefer: [{by: source, order: [wb]}]}"), ["unknown source 'wb'"]),
    (recipe(dedup="{prefer: [{by: score_bucket, order: newest}]}"), ["does not order"]),
    (recipe(dedup="{prefer: [{by: length, order: [a]}]}"), ["longest, shortest"]),
    (recipe(dedup="{prefer: [{by: date, order: [a, a]}]}"), ["stands twice"]),
    (recipe(dedup="{near: {bands: 20}}"), ["`rows` is missing"]),
    (recipe(dedup="{near: {min_jaccard: 0.01, min_recall: 0.9999}}"), ["no plan", "raise min_"]),
    # reserved names
    (recipe(sources="{default: {path: a.jsonl}}"), ["`default` cannot name a source"]),
    (recipe(rules="{none: {preset: web}}"), ["`none` cannot name a rule set"]),
    # stop_if
    (recipe(stop_if="{rejected_rows: {boks: 0.1}}"), ["unknown source 'boks'", "`books`"]),
    (recipe(stop_if="{rejected_rows: 5}"), ["stop_if.rejected_rows", "less than or equal to 1"]),
    # mix
    (
        recipe(mix="{budget: {tokens: 1}, domains: {boks: {weight: 1}}}"),
        ["'boks' is no source", "`books`", "`sources: [...]`"],
    ),
    (
        recipe(mix="{budget: {tokens: 1}, domains: {x: {weight: 1, sources: [wb]}}}"),
        ["unknown source 'wb'", "`web`"],
    ),
    (recipe(mix="{domains: {web: {}}}"), ["exactly one of weight | epochs | tokens", "none of"]),
    (
        recipe(mix="{budget: {tokens: 1}, domains: {web: {weight: 1, epochs: 1}}}"),
        ["found weight and epochs"],
    ),
    (recipe(mix="{domains: {web: {weight: 1}}}"), ["there is none", "budget: {tokens"]),
    (recipe(mix="{domains: {web: {epochs: 3, max_epochs: 2}}}"), ["below the domain's own epochs"]),
    (recipe(mix="{budget: {tokens: 1}, domains: {web: {weight: 0}}}"), ["all weights are zero"]),
    (recipe(mix="{budget: {}, domains: {web: {weight: 1}}}"), ["exactly one of tokens | bytes"]),
    (
        recipe(mix="{budget: {tokens: 1e6}, domains: {web: {tokens: 9e5}, books: {tokens: 2e5}}}"),
        ["ask for more than the budget", "1,100,000 of 1,000,000", "1_100_000"],
    ),
    (
        recipe(mix="{budget: {tokens: 1e6}, domains: {web: {tokens: 1e6}, books: {weight: 1}}}"),
        ["nothing is left"],
    ),
    (
        recipe(mix="{budget: {tokens: 1e6}, domains: {web: {tokens: 1e5}, books: {tokens: 1e5}}}"),
        ["do not fill the budget"],
    ),
    (
        recipe(mix="{budget: {bytes: 1e6}, domains: {web: {tokens: 1e5}, books: {weight: 1}}}"),
        ["budget is in bytes and domains are in tokens"],
    ),
    (
        recipe(mix="{domains: {web: {epochs: 1, divide: {by: lang, proportional: true}}}}"),
        ["unknown column 'lang'", "`language`"],
    ),
    (
        recipe(mix="{domains: {books: {epochs: 1, divide: {by: date, proportional: true}}}}"),
        ["unknown column 'date'"],
    ),
    (
        recipe(mix="{domains: {web: {epochs: 1, divide: {by: date}}}}"),
        ["exactly one of weights | temperature", "none of them"],
    ),
    (
        recipe(mix="{domains: {web: {epochs: 1, divide: {by: date, unimax: 1, weights: {a: 1}}}}}"),
        ["found weights and unimax"],
    ),
    (
        recipe(mix="{domains: {web: {epochs: 1, divide: {by: date, weights: {a: 0}}}}}"),
        ["all weights are zero"],
    ),
    (
        recipe(mix="{domains: {web: {epochs: 1}, books: {epochs: 1, sources: [web, books]}}}"),
        ["`web` lies as a whole in the domains web, books", "exclude each other"],
    ),
    (
        recipe(mix="{domains: {web: {epochs: 1, where: \"dat > '2020'\"}}}"),
        ["mix.domains.web.where: unknown column 'dat'", "`date`"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fragments"), BROKEN)
def test_broken_recipes(text: str, fragments: list[str]) -> None:
    message = messages(text)
    for fragment in fragments:
        assert fragment in message
    assert len([line for line in message.splitlines() if line.startswith("recipe.yaml")]) == 1


NOT_YET = [
    recipe(sources="{w: {path: a.jsonl, annotations: []}}"),
    recipe(sources="{w: {path: a.jsonl, split_documents: {max_tokens: 5}}}"),
    recipe(sources="{w: {path: a.jsonl, format: csv}}"),
    recipe(sources="{w: {path: data/a.csv.gz}}"),
    recipe(sources="{w: {path: a.jsonl, format: warc}}"),
    recipe(language="{order: [column, detector]}"),
    recipe(language="{order: [column], detector: pycld2}"),
    recipe(language="{max_bytes: 2048}"),
    recipe(rules="{web: {edits: [refinedweb_lines]}}"),
    recipe(rules="{web: {percentiles: {fit: x.json}}}"),
    recipe(rules="{web: {combine: max}}"),
    recipe(rules="{web: {gates: {n_words: {min: 5, after: edits}}}}"),
    recipe(rules="{web: {score: [{column: edu}]}}"),
    recipe(rules="{web: {score: [{model: m.npz, weight: 2}]}}"),
    recipe(rules="{web: {score: [{signal: n_words, map: {points: []}}]}}"),
    recipe(rules="{web: {gates: {linear_logit: {min: 5}}}}"),
    recipe(dedup="{against: ['delta:x']}"),
    recipe(decontaminate="{against: e.jsonl}"),
    recipe(mix="{domains: {web: {epochs: 1, upsample: {by: score}}}}"),
    recipe(mix="{domains: {web: {epochs: 1, domains: {a: {weight: 1}}}}}"),
    *[
        recipe(mix=f"{{domains: {{web: {{epochs: 1}}}}, {key}: 1}}")
        for key in ("phases", "base", "frozen", "allocate", "sample", "min_domain_tokens",
                    "split_last_doc")
    ],
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_YET)
def test_keys_of_later_versions_are_told_apart(text: str) -> None:
    message = messages(text)
    assert "not yet:" in message
    assert "unknown" not in message
    assert message.count("recipe.yaml:") == 1


def test_all_faults_at_once_in_the_order_of_the_file() -> None:
    text = recipe(
        seed="x", dedup="{near: {min_jacard: 2}}", mix="{domains: {web: {weight: a}}, phases: []}"
    )
    lines = [line.split(": ")[1] for line in messages(text).splitlines() if "recipe.yaml" in line]
    assert lines == ["seed", "dedup.near.min_jacard", "mix.phases", "mix.domains.web.weight"]


WARNED = [
    ("{budget: {tokens: 1}, domains: {web: {weight: 61}, books: {weight: 40}}}", "sum to 101"),
    ("{budget: {tokens: 1}, domains: {web: {weight: .6}, books: {weight: .39}}}", "sum to 0.99"),
    ("{budget: {tokens: 1}, domains: {web: {weight: 1}}}", "in no domain"),
    ("{budget: {tokens: 9}, domains: {web: {epochs: 1}, books: {tokens: 2}}}", "no domain has a"),
    (
        "{domains: {web: {epochs: 1}, books: {epochs: 1}, x: {epochs: 1, where: \"date > '2'\"}}}",
        "`web` takes all of it",
    ),
]


@pytest.mark.parametrize(("mix", "fragment"), WARNED)
def test_warnings(mix: str, fragment: str) -> None:
    warning = load_text(recipe(mix=mix)).warnings[0]
    assert fragment in warning
    assert warning.startswith(("recipe.yaml:4: ", "recipe.yaml:2: "))


def test_bands_that_find_too_little() -> None:
    (warning,) = load_text(recipe(dedup="{near: {bands: 9, rows: 13}}")).warnings
    assert "9 bands x 13 rows find 39.9% of the pairs at Jaccard 0.8" in warning


@pytest.mark.parametrize(
    "weights", ["60, 40", "0.6, 0.4", "0.1, 0.9", "1, 1", "3, 1", "100, 10", "55, 55"]
)
def test_other_sums_are_no_matter(weights: str) -> None:
    web, books = weights.split(", ")
    domains = f"{{web: {{weight: {web}}}, books: {{weight: {books}}}}}"
    mix = f"{{budget: {{tokens: 1}}, domains: {domains}}}"
    assert load_text(recipe(mix=mix)).warnings == ()


def test_zero_is_a_number_and_never_off() -> None:
    loaded = load_text(recipe(rules="{web: {gates: {n_words: {min: 0}, n_curly_open: {max: 0}}}}"))
    (warning,) = loaded.warnings
    assert "n_words" in warning
    assert "write `none`" in warning


# ---- numbers, text and null ---------------------------------------------------------------------

NUMBERS = [("2e9", 2e9), ("1_000", 1000), ("'20_000_000'", 20_000_000), ("'2e9'", 2e9), ("007", 7)]


@pytest.mark.parametrize(("written", "value"), NUMBERS)
def test_numbers(written: str, value: float) -> None:
    assert load_text(recipe(seed=written)).recipe.seed == value
    mix = f"{{budget: {{tokens: {written}}}, domains: {{web: {{weight: 1}}}}}}"
    loaded = load_text(recipe(mix=mix)).recipe
    assert loaded.mix is not None
    assert loaded.mix.budget is not None
    assert loaded.mix.budget.tokens == value


def test_yaml_1_2_words_are_text() -> None:
    loaded = load_text(
        recipe(sources="{web: {path: w.jsonl, columns: {on: yes, y: no, m: 01}, language: no}}")
    ).recipe
    assert loaded.sources["web"].columns == {"on": "yes", "y": "no", "m": "01"}
    assert loaded.sources["web"].language == "no"


def test_numbers_are_text_where_text_is_wanted() -> None:
    prefer = "{prefer: [{by: date, order: [2024, 02, x]}]}"
    loaded = load_text(recipe(dedup=prefer)).recipe
    assert loaded.dedup != "none"
    assert loaded.dedup.prefer[0].order == ("2024", "02", "x")


@given(st.integers(-(10**15), 10**15))
def test_integers_with_underscores(value: int) -> None:
    assert parse_number(f"{value:_}") == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats(value: float) -> None:
    assert parse_number(repr(value)) == value


@given(st.text(max_size=8))
def test_what_is_no_number_for_python_is_none_for_us(text: str) -> None:
    number = parse_number(text)
    if number is not None:
        assert number == float(text)


def test_null_takes_a_key_back() -> None:
    text = recipe(mix="{domains: {web: {epochs: 1}, books: null}}", validation="null")
    loaded = load_text(text).recipe
    assert loaded.validation is None
    assert loaded.mix is not None
    assert list(loaded.mix.domains) == ["web"]


# ---- layers -------------------------------------------------------------------------------------


def test_extends_merges_maps_and_replaces_lists(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "base.yaml").write_text(
        "version: 1\nsources: {web: {path: [a.jsonl, b.jsonl]}, books: {path: b.jsonl}}\n"
        "output: {path: out, shards: 8}\nseed: 1\n"
    )
    top = tmp_path / "top.yaml"
    top.write_text(
        "extends: team/base.yaml\nsources: {web: {path: c.jsonl}, books: null}\n"
        "output:\n  copies: colum\n"
    )
    with pytest.raises(RecipeErrors, match=r"top.yaml:4: output.copies"):
        load_recipe(top)
    loaded = load_recipe(top, ["output.copies=column", "seed=7"]).recipe
    assert loaded.sources["web"].path == ("c.jsonl",)
    assert list(loaded.sources) == ["web"]
    assert (loaded.output.shards, loaded.output.copies, loaded.seed) == (8, "column", 7)


def test_a_fault_of_the_file_below_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("version: 1\nseed: x\noutput: {path: o}\n")
    top = tmp_path / "top.yaml"
    top.write_text("extends: base.yaml\nsources: {web: {path: c.jsonl}}\n")
    with pytest.raises(RecipeErrors, match=r"base.yaml:2: seed"):
        load_recipe(top)


def test_extends_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(RecipeErrors, match=r"circle[\s\S]*a.yaml -> b.yaml -> a.yaml"):
        load_recipe(tmp_path / "a.yaml")


@pytest.mark.parametrize("extends", ["nope.yaml", "[a, b]"])
def test_extends_nothing(extends: str) -> None:
    assert "recipe.yaml:1: extends" in messages(f"extends: {extends}\n")


def test_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeErrors, match="cannot be read: No such file"):
        load_recipe(tmp_path / "nope.yaml")


# ---- overrides ----------------------------------------------------------------------------------


def test_overrides() -> None:
    loaded = load_text(
        SMALL,
        ["mix.budget.tokens=2_000", "sources.web.path=[a.jsonl, b.jsonl]",
         "dedup.near.min_jaccard=.9", "rules=none", "mix.domains.books=null", "dedup.exact=none"],
    ).recipe  # fmt: skip
    assert loaded.mix is not None
    assert loaded.mix.budget is not None
    assert loaded.mix.budget.tokens == 2000
    assert list(loaded.mix.domains) == ["web"]
    assert loaded.sources["web"].path == ("a.jsonl", "b.jsonl")
    assert loaded.rules == "none"
    assert loaded.dedup != "none"
    assert loaded.dedup.exact == "none"


def test_overrides_reach_names_with_dots() -> None:
    text = recipe(sources="{a.b: {path: w.jsonl}}")
    assert load_text(text, ["sources.a.b.path=x.jsonl"]).recipe.sources["a.b"].path == ("x.jsonl",)


BAD_OVERRIDES = [
    ("seed", ["key=value"]),
    ("=1", ["key=value"]),
    ("a..b=1", ["key=value"]),
    ("seed=", ["needs a value"]),
    ("seed=[1", ["not valid YAML", "--set seed=[1"]),
    ("sed=1", ["--set sed=1: sed: unknown key", "`seed`"]),
    ("output.shards=x", ["--set output.shards=x: output.shards: should be a number"]),
]


@pytest.mark.parametrize(("override", "fragments"), BAD_OVERRIDES)
def test_bad_overrides(override: str, fragments: list[str]) -> None:
    message = messages(SMALL, override)
    for fragment in fragments:
        assert fragment in message


def test_an_override_into_a_list() -> None:
    text = recipe(rules="{web: {score: [{signal: n_words}]}}")
    assert "lists are replaced as wholes" in messages(text, "rules.web.score.0.weight=2")


# ---- columns and paths --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("data/cc/{dump}/*.jsonl.gz", ("dump",)),
        ("{a}/{b}.jsonl", ("a", "b")),
        ("plain", ()),
    ],
)
def test_placeholders(path: str, names: tuple[str, ...]) -> None:
    assert path_placeholders(path) == names


@pytest.mark.parametrize(
    "path", ["data/web", "data/*", "lake.web", "prod.lake.web", "s3a://b/x/", "gs://b/*.parquet",
             "delta:lake/web@12", "delta:s3a://b/web", "hdfs://n/x.json.zst", "a@b.jsonl"]
)  # fmt: skip
def test_paths_that_only_the_listing_can_judge(path: str) -> None:
    assert load_text(recipe(sources=f"{{w: {{path: '{path}'}}}}")).warnings == ()


def test_declared_columns() -> None:
    loaded = load_text(
        recipe(
            sources="{web: {path: 'a/{dump}/x.jsonl', columns: {text: t, id: i, language: l, "
            "url: u}}, code: {path: ['{project}/**/*.py', 'x/{dump}/*.py'], format: files}}"
        )
    ).recipe
    assert declared_columns(loaded) == ("dump", "project", "url")


def test_reserved_names_cover_the_tables() -> None:
    from mixcore.runtime.tables import CORPUS, DOCUMENTS, MIXTURE, SCORES, SIGNALS_TABLE

    names = {n for t in (DOCUMENTS, CORPUS, MIXTURE, SCORES, SIGNALS_TABLE) for n in t.column_names}
    assert names <= RESERVED


# ---- sha and check ------------------------------------------------------------------------------


def test_the_sha_is_of_the_meaning() -> None:
    sha = load_text(SMALL).sha256
    spaced = "# a comment\n" + SMALL.replace("1e8", "100_000_000") + "seed: 42\n"
    assert load_text(spaced).sha256 == sha
    assert load_text(SMALL, ["seed=1"]).sha256 != sha


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        recipe(rules="none", dedup="none"),
        recipe(
            rules="{web: {preset: [gopher@rpv2, c4@tfds], gates: {symbol_word_ratio: none, "
            "language: {in: [de]}}, drop_lowest: .1}}",
            dedup="{scope: {within: date}, prefer: [{by: source, order: [books, web]}]}",
            validation="{fraction: 0.001}",
            stop_if="{rejected_rows: .2, removed_by_dedup: {web: .5}}",
            mix="{budget: {tokens: 1e7}, domains: {web: {weight: 1, divide: {by: date, weights: "
            "{'2020': 3, x: 1}}, where: \"date > '2019'\"}, books: {tokens: 1e6}}}",
        ),
    ],
)
def test_what_check_prints_is_the_recipe(text: str) -> None:
    loaded = load_text(text)
    again = load_text(render_check(loaded))
    assert again.recipe == loaded.recipe
    assert again.sha256 == loaded.sha256
    assert check_data(loaded)["recipe"] == check_data(again)["recipe"]


def test_check_shows_origins_bands_and_shares() -> None:
    shown = render_check(
        load_text(
            recipe(
                rules="{web: {preset: gopher@rpv2, gates: {n_norm_words: {min: 5}}}}",
                mix="{budget: {tokens: 1000}, domains: {web: {weight: 30, divide: {by: language, "
                "weights: {en: 3, de: 1}}}, books: {weight: 10}}}",
            )
        )
    )
    for line in (
        "n_norm_words                 >= 5                         rules.web",
        "alpha_word_frac@rpv2         >= 0.8                       preset gopher@rpv2",
        "56.250% of the whole, 562 tokens",
        "bands x",
        "of the pairs at Jaccard 0.8",
    ):
        assert line in shown


def test_shares_with_amounts_of_other_kinds() -> None:
    loaded = load_text(
        recipe(mix="{budget: {tokens: 1000}, domains: {web: {weight: 3}, books: {tokens: 200}}}")
    ).recipe
    assert loaded.mix is not None
    rows = mix_shares(loaded, loaded.mix)
    assert [(r["leaf"], r["share"], r["tokens"]) for r in rows] == [
        ("web", 0.8, 800),
        ("books", 0.2, 200),
    ]
    loaded = load_text(
        recipe(mix="{budget: {tokens: 1000}, domains: {web: {weight: 3}, books: {epochs: 1}}}")
    ).recipe
    assert loaded.mix is not None
    web, books = mix_shares(loaded, loaded.mix)
    assert (web["share_of_rest"], web["share"], web["tokens"]) == (1.0, None, None)
    assert (books["share_of_rest"], books["share"]) == (None, None)


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "recipes").glob("*.yaml")), ids=str)
def test_shipped_recipes_load(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    loaded = load_recipe(path)
    assert loaded.warnings == ()
