"""mixcore's named conventions beside datatrove's own filters, rule by rule, on the same texts.

    python bench/parity.py [--slice-mb 20] > bench/PARITY.md

Prints Markdown. Every rule of datatrove runs twice in its own virtual environment: with its own
words and sentences (spaCy), and with ours fed into its formula. What the second run decides as we
do and the first does not is a matter of words; anything else would be another formula. A matter of
words is then told by the kind of text and by how near the limit our value lies.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import corpus
import numpy as np
import pyarrow as pa
from peer_children import PEERS, install, measure
from peer_data import prepare
from peers import WORK, table_of

from mixcore.recipe.rules import ResolvedGate, load_preset
from mixcore.text.signal_kernel import compute_signals
from mixcore.text.signals import SIGNALS, groups_of

SLICE_MB = 20.0
TIMEOUT = 3600.0
NEAR = 0.25
"""Of a limit: other words for the same text often move a value this far."""
CODE, MULTILINGUAL = "code", "multilingual"
SHOWN = 3
"""Ids named of disagreements that words do not explain."""
DATATROVE = next(peer for peer in PEERS if peer.name == "datatrove")
_DTYPES = {s.name: s.dtype for s in SIGNALS}
_PEER = "@datatrove"

RULES: dict[str, tuple[str, ...]] = {
    "gopher.dup_para_frac": ("dup_para_frac",),
    "gopher.dup_para_char_frac": ("dup_para_char_frac",),
    "gopher.dup_line_frac": (f"dup_line_frac{_PEER}",),
    "gopher.dup_line_char_frac": (f"dup_line_char_frac{_PEER}",),
    **{f"gopher.top_{n}_gram": (f"top_ngram_chars_{n}{_PEER}",) for n in (2, 3, 4)},
    **{f"gopher.duplicated_{n}_n_grams": (f"dup_ngram_chars_{n}{_PEER}",) for n in range(5, 11)},
    "gopher.doc_words": (f"n_nonsymbol_words{_PEER}",),
    "gopher.avg_word_length": (f"mean_word_length{_PEER}",),
    "gopher.symbols": (f"hash_word_ratio{_PEER}", f"ellipsis_word_ratio{_PEER}"),
    "gopher.bullet_lines": (f"bullet_line_frac{_PEER}",),
    "gopher.ellipsis_lines": (f"ellipsis_line_frac{_PEER}",),
    "gopher.alpha_words": (f"alpha_word_frac{_PEER}",),
    "gopher.stop_words": (f"n_stopword_kinds{_PEER}",),
    "gopher": ("gopher@datatrove",),
    "c4.lorem_or_curly": (f"n_lorem{_PEER}", f"n_curly_open{_PEER}"),
    "c4.sentences": (f"n_sentences{_PEER}",),
    "c4": ("c4@datatrove",),
    "fineweb.c4_lorem_or_curly": ("n_lorem@fineweb", "n_curly_open@fineweb"),
    "fineweb.c4_sentences": ("n_sentences@fineweb",),
    "fineweb.line_punct": ("terminal_punct_line_frac@fineweb",),
    "fineweb.short_lines": ("short_line_frac@fineweb",),
    "fineweb.char_duplicates": ("dup_line_char_frac@fineweb",),
    "fineweb.new_lines": ("newline_word_ratio@fineweb",),
    "fineweb": ("fineweb",),
}
"""Rule of the peer: our gates, all of which must pass; a preset stands for all its gates."""
PRESETS = ("gopher@datatrove", "c4@datatrove", "fineweb")


@dataclass
class Tally:
    """Decisions on one rule, ours beside theirs."""

    n: int = 0
    dropped: int = 0
    only_theirs: int = 0
    only_ours: int = 0
    fed: int = 0
    """Documents on which their formula was asked with our words."""
    causes: Counter[str] = field(default_factory=Counter)
    """Of disagreements that go away with our words."""
    other: list[str] = field(default_factory=list)
    """Ids where their formula on our words decides otherwise than we do."""

    def add(
        self, doc_id: str, *, ours: bool, theirs: bool | None, fed: bool | None, near: bool
    ) -> None:
        """Note one document; None: the peer did not decide."""
        if theirs is not None:
            self.n += 1
            self.dropped += not theirs
            self.only_theirs += ours and not theirs
            self.only_ours += theirs and not ours
            if ours != theirs:
                self.causes[cause_of(doc_id, near=near)] += 1
        if fed is not None:
            self.fed += 1
            if fed != ours:
                self.other.append(doc_id)


CAUSES = ("code", "other languages", "English, near the limit", "English, further off")


def cause_of(doc_id: str, *, near: bool) -> str:
    """One of CAUSES."""
    source = doc_id.split("/", maxsplit=1)[0]
    if source in (CODE, MULTILINGUAL):
        return CAUSES[0] if source == CODE else CAUSES[1]
    return CAUSES[2] if near else CAUSES[3]


def passes(gate: ResolvedGate, values: pa.StructArray) -> np.ndarray:
    """Whether each document passes a gate, as `mixcore.quality.gates` decides it."""
    column = values.field(gate.signal.replace("@", "__"))
    if _DTYPES[gate.signal] == "f32":
        array, kind = column.to_numpy(), np.float32
    else:
        array, kind = column.cast(pa.float64()).to_numpy(), np.float64
    kept = np.ones(len(array), bool)
    if gate.gate.min is not None:
        kept &= array >= kind(gate.gate.min)
    if gate.gate.max is not None:
        kept &= array <= kind(gate.gate.max)
    return kept


def is_near(gate: ResolvedGate, values: pa.StructArray) -> np.ndarray:
    """Whether each document's value lies within NEAR of a limit."""
    column = values.field(gate.signal.replace("@", "__")).cast(pa.float64()).to_numpy()
    limits = [x for x in (gate.gate.min, gate.gate.max) if x is not None]
    return np.logical_or.reduce([abs(column - x) <= max(NEAR * x, 1) if x >= 1 else
                                 abs(column - x) <= NEAR * x for x in limits])  # fmt: skip


def our_decisions(texts: list[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """By rule of RULES: whether each document is kept, whether it is near a limit."""
    presets = {name: load_preset(name).gates for name in PRESETS}
    gates = {g.id: g for own in presets.values() for g in own}
    values = compute_signals(pa.array(texts, pa.large_string()), groups_of(gates))
    kept = {name: passes(gate, values) for name, gate in gates.items()}
    near = {name: is_near(gate, values) for name, gate in gates.items()}
    for name, own in presets.items():
        kept[name] = np.logical_and.reduce([kept[g.id] for g in own])
        near[name] = np.logical_or.reduce([near[g.id] for g in own])
    return (
        {rule: np.logical_and.reduce([kept[n] for n in names]) for rule, names in RULES.items()},
        {rule: np.logical_or.reduce([near[n] for n in names]) for rule, names in RULES.items()},
    )


def compare(shards: Path, decided: Path) -> dict[str, Tally]:
    """Tallies by rule; `decided` is what peer_scripts/datatrove_decisions.py wrote."""
    ids, texts = [], []
    for file in sorted(shards.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").split("\n")[:-1]:
            row = json.loads(line)
            ids.append(row["id"])
            texts.append(row["text"])
    ours, near = our_decisions(texts)
    tallies = {rule: Tally() for rule in RULES}
    with decided.open(encoding="utf-8") as lines:
        for i, line in enumerate(lines):
            row = json.loads(line)
            assert row["id"] == ids[i]
            for rule, tally in tallies.items():
                theirs, fed = row["kept"][rule]
                tally.add(
                    ids[i], ours=bool(ours[rule][i]), theirs=theirs, fed=fed,
                    near=bool(near[rule][i]),
                )  # fmt: skip
    return tallies


HOW = """# Parity with datatrove

Every rule of datatrove's GopherRepetitionFilter, GopherQualityFilter, C4QualityFilter and
FineWebQualityFilter (its defaults) beside the gates of our presets, on the same texts. datatrove
runs in its own virtual environment, one rule at a time, twice: with its own words and sentences
(spaCy), and with ours fed into its formula (the last two columns). A rule without a dot is a whole
preset.
"""
EXPLAINED = """
## What the disagreements are

Fed with our words and sentences, datatrove's formulas decide as ours do: the last column. What is
left is what a word or a sentence is:

- `top_n_gram`, only datatrove drops: mail and tables with rows of `=====`, `_____`, `* * *`. spaCy
  cuts `=====` into five words, which then are the most frequent n-gram; WordPunct makes it one.
- `duplicated_n`, only we drop: papers and code. WordPunct cuts `0.05`, `x.y`, `a_b.c()` into
  several words where spaCy has one, so that n words are a shorter piece of text and repeat more.
- `alpha_words`, only we drop: the same cuts make more words without a letter (`1,234.5`: five
  words beside one). Devanagari and Thai: WordPunct cuts at combining marks, spaCy does not.
- `avg_word_length`, `doc_words`: the same; spaCy keeps URLs and paths of files whole.
- `symbols`: files of so few words that one more or less decides.
- `c4.sentences`: pages with four or five sentences; abbreviations, and marks beyond ASCII, at which
  spaCy ends a sentence and we do not.

Lines, paragraphs, stop words, `lorem ipsum`, `{`, end marks, short lines, copied characters: no
disagreement. One class is possible and did not occur: datatrove joins the words of a 5- to 10-gram
without a space, so that `ab c` equals `a bc` to it.
"""

HEADINGS = (
    "datatrove's rule", "documents", "it drops", "only it drops", "only we drop", "agreement",
    "on our words: asked", "decided otherwise",
)  # fmt: skip


def rows(tallies: dict[str, Tally]) -> Iterable[tuple[str, ...]]:
    """A line a rule; rules without a dot are whole presets."""
    for rule, t in tallies.items():
        agreement = 1 - (t.only_theirs + t.only_ours) / max(t.n, 1)
        yield (
            rule if "." in rule else f"**{rule}**", f"{t.n:,}", f"{t.dropped:,}",
            f"{t.only_theirs:,}", f"{t.only_ours:,}", f"{100 * agreement:.2f} %", f"{t.fed:,}",
            f"{len(t.other):,}",
        )  # fmt: skip


def main() -> None:
    """Run datatrove where needed and print the report."""
    parser = argparse.ArgumentParser(description="named conventions beside their peers")
    parser.add_argument("--slice-mb", type=float, default=SLICE_MB)
    args = parser.parse_args()
    corpus.build()
    data = prepare(corpus.LARGE, WORK / f"parity-{args.slice_mb}", args.slice_mb, 4)
    decided = WORK / f"parity-{args.slice_mb}" / "datatrove.jsonl"
    install(DATATROVE)
    found = measure(
        "parity-datatrove", DATATROVE.python, "datatrove_decisions.py", [data.shards, decided],
        TIMEOUT,
    )  # fmt: skip
    tallies = compare(data.shards, decided)
    print(HOW)
    print(
        f"`python bench/parity.py --slice-mb {args.slice_mb:g}`: {data.n_documents:,} documents of "
        f"all sources, {data.megabytes:.1f} MB; {DATATROVE.label}, {found['seconds']:.0f} s. spaCy "
        f"finds {found['words']:,} words, we {found['our_words']:,}.\n"
    )
    print(table_of(HEADINGS, rows(tallies), left=(0,)))
    print("\nDisagreements that go away once datatrove's formula gets our words:\n")
    print(
        table_of(
            ("rule", *CAUSES),
            (
                (rule, *(f"{t.causes[c]:,}" for c in CAUSES))
                for rule, t in tallies.items()
                if t.causes
            ),
            left=(0,),
        )
    )
    print(EXPLAINED.rstrip())
    for rule, tally in tallies.items():
        if tally.other:
            print(f"\n{rule}, decided otherwise on our words: {', '.join(tally.other[:SHOWN])}")


if __name__ == "__main__":
    main()
