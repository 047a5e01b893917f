"""Presets of near-duplicate search, shingles in the recipe, and the curve that `check` prints."""

from __future__ import annotations

import doctest
import json

import pytest

from mixcore.recipe import near_presets, show
from mixcore.recipe.loader import load_text
from mixcore.recipe.models import Near, Recipe, Shingle
from mixcore.recipe.near_presets import NEAR_PRESETS
from mixcore.recipe.schema import json_schema
from mixcore.runtime.errors import RecipeError
from mixcore.text.bands import recall_at
from mixcore.text.shingling import Shingling, letters_for

# Name, bands, rows, and P of a pair to be compared at J = .5, .6, .7, .8, .9 as published or
# derived in tables of these corpora; bands and rows alone decide it.
PUBLISHED = [
    ("fineweb", 14, 8, 5, (0.053, 0.211, 0.565, 0.924, 1.0)),
    ("dclm", 93, 15, 5, (0.003, 0.043, 0.358, 0.964, 1.0)),
    ("refinedweb", 450, 20, 5, (0.0, 0.016, 0.302, 0.995, 1.0)),
    ("slimpajama", 9, 13, 13, (0.001, 0.012, 0.084, 0.399, 0.929)),
    ("redpajama_v2@0.7", 14, 9, 13, (0.027, 0.132, 0.438, 0.867, 0.999)),
    ("redpajama_v2@0.8", 9, 13, 13, (0.001, 0.012, 0.084, 0.399, 0.929)),
    ("redpajama_v2@0.9", 5, 25, 13, (0.0, 0.0, 0.001, 0.019, 0.311)),
    ("stack_v2", 25, 10, 5, (0.024, 0.141, 0.511, 0.942, 1.0)),
    ("curator", 20, 13, 24, (0.002, 0.026, 0.177, 0.677, 0.997)),
    ("zyda2", 8, 16, 25, (0.0, 0.002, 0.026, 0.204, 0.806)),
    ("dolma3", 26, 11, 5, (0.013, 0.090, 0.405, 0.903, 1.0)),
    ("data_prep_kit", 14, 8, 5, (0.053, 0.211, 0.565, 0.924, 1.0)),
]


def load(near: str) -> Recipe:
    return load_text(
        "version: 1\nsources: {web: {path: a.jsonl}}\noutput: {path: out/x}\n"
        f"dedup: {{near: {near}}}\n"
    ).recipe


def test_every_preset_is_listed_here():
    assert [name for name, *_ in PUBLISHED] == list(NEAR_PRESETS)


@pytest.mark.parametrize(("name", "bands", "rows", "n", "found"), PUBLISHED)
def test_presets_are_as_published(name, bands, rows, n, found):
    near = Near(preset=name)
    assert (near.bands, near.rows) == (bands, rows)
    assert near.shingle.cut == (Shingling("chars", n) if near.shingle.chars else n)
    curve = [recall_at(j, bands, rows) for j in (0.5, 0.6, 0.7, 0.8, 0.9)]
    assert curve == pytest.approx(found, abs=6e-4)


@pytest.mark.parametrize(
    ("near", "expected"),
    [
        ("dolma3", (26, 11, 0.8, 5)),
        ("{preset: dolma3}", (26, 11, 0.8, 5)),
        ("{preset: dolma3, min_jaccard: 0.9}", (26, 11, 0.9, 5)),
        ("{preset: slimpajama, shingle: {words: 5}}", (9, 13, 0.8, 5)),
        ("{preset: slimpajama, bands: 20, rows: 7}", (20, 7, 0.8, 13)),
        ("{preset: slimpajama, min_recall: 0.99}", (None, None, 0.8, 13)),
        ("{preset: null}", (None, None, 0.8, 5)),
    ],
)
def test_own_keys_win_over_those_of_the_preset(near, expected):
    found = load(near).dedup.near
    assert (found.bands, found.rows, found.min_jaccard, found.shingle.cut) == expected


@pytest.mark.parametrize("name", list(NEAR_PRESETS))
def test_the_resolved_recipe_loads_again_as_the_same(name):
    recipe = load(name)
    again = Recipe.model_validate(json.loads(json.dumps(show.recipe_data(recipe))))
    assert again == recipe
    assert again.model_dump() == recipe.model_dump()


@pytest.mark.parametrize(
    ("keys", "cut", "written"),
    [
        ({}, 5, {"words": 5}),
        ({"words": 13}, 13, {"words": 13}),
        ({"chars": 24}, Shingling("chars", 24), {"chars": 24}),
        ({"words": 4, "scripts": "none"}, 4, {"words": 4}),
        ({"scripts": {}}, 5, {"words": 5, "scripts": {}}),
        (
            {"scripts": "all"},
            Shingling("words", 5, tuple(sorted(letters_for(5).items()))),
            {"words": 5, "scripts": "all"},
        ),
        (
            {"words": 3, "scripts": {"thai": 9, "cjk": 4}},
            Shingling("words", 3, (("cjk", 4), ("thai", 9))),
            {"words": 3, "scripts": {"cjk": 4, "thai": 9}},
        ),
    ],
)
def test_ways_to_cut(keys, cut, written):
    shingle = Shingle.model_validate(keys)
    assert shingle.cut == cut
    assert shingle.model_dump(exclude_none=True) == written
    assert Shingle.model_validate(written).cut == cut


@pytest.mark.parametrize(
    ("near", "fragment"),
    [
        ("finewep", "did you mean `fineweb`"),
        ("{preset: dolma}", "did you mean `dolma3`"),
        ("{shingle: {chars: 9, words: 5}}", "stands alone"),
        ("{shingle: {chars: 9, scripts: all}}", "stands alone"),
        ("{shingle: {chars: 0}}", "greater than or equal to 1"),
        ("{shingle: {scripts: {tai: 3}}}", "did you mean `thai`"),
        ("{shingle: {scripts: al}}", "none | all"),
    ],
)
def test_faults(near, fragment):
    with pytest.raises(RecipeError) as caught:
        load(near)
    assert fragment in str(caught.value)


def test_the_schema_knows_presets_by_name():
    near = json_schema()["$defs"]["Dedup"]["properties"]["near"]
    names = [n for arm in near["anyOf"] for n in arm.get("enum", ())]
    assert names == ["none", *NEAR_PRESETS]


def test_check_shows_the_curve_at_every_twentieth():
    recipe = load("slimpajama")
    data = show.bands_data(recipe)
    assert [j for j, _ in data["s_curve"]] == [round(i / 20, 2) for i in range(1, 21)]
    assert all(p == pytest.approx(recall_at(j, 9, 13), abs=1e-6) for j, p in data["s_curve"])
    assert data["shingle"] == "13 words"
    lines = "\n".join(show._dedup_lines(recipe))
    for part in ("9 bands x 13 rows (preset slimpajama)", "128 permutations", " 39.88%", "100.00%"):
        assert part in lines


@pytest.mark.parametrize("module", [near_presets, show])
def test_doctests(module):
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
