"""A small corpus with everything in it that can go wrong, made from a seed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

_WORDS = tuple(
    word
    for line in (
        "river stone market winter letter garden council engine paper harbour music mountain",
        "doctor village captain theory summer window machine history forest bridge student",
        "morning kitchen signal voyage copper island teacher question answer pattern shadow",
        "valley northern quiet measure careful bright slowly toward between because however",
        "although never almost perhaps",
    )
    for word in line.split()
)
_STOP = ("the", "be", "to", "of", "and", "that", "have", "with")


def prose(rng: random.Random, n_words: int) -> str:
    """Sentences of 6 to 14 words, a line break now and then; passes the Gopher rules."""
    words: list[str] = []
    while len(words) < n_words:
        sentence = [
            rng.choice(_STOP) if rng.random() < 0.3 else rng.choice(_WORDS) + rng.choice(
                ("", "", "s", "ed", "ly", "er", "ing", "ward", "ness"))
            for _ in range(rng.randint(6, 14))
        ]  # fmt: skip
        sentence[0] = sentence[0].capitalize()
        sentence[-1] += rng.choice((".", ".", ".\n"))
        words += sentence
    return " ".join(words[:n_words]).strip()


def edited(rng: random.Random, text: str, share: float) -> str:
    """`text` with a share of its words replaced."""
    words = text.split(" ")
    for i in rng.sample(range(len(words)), max(1, int(share * len(words)))):
        words[i] = rng.choice(_WORDS)
    return " ".join(words)


def rows(seed: int = 7, n: int = 120) -> dict[str, list[dict[str, Any]]]:
    """Rows by source: near duplicates within and across sources, exact ones, junk, languages."""
    rng = random.Random(seed)
    out: dict[str, list[dict[str, Any]]] = {}
    for source, size in (("web", 120), ("books", 400), ("papers", 250)):
        texts = [prose(rng, rng.randint(size // 2, size * 2)) for _ in range(n)]
        texts += [edited(rng, texts[i], 0.02) for i in range(n // 4)]
        texts += [texts[i].replace(" ", "  ") for i in range(5)]
        texts += ["word " * 80, "too short", prose(rng, 30)]
        if source == "papers":
            texts += [edited(rng, r["text"], 0.01) for r in out["web"][:10]]
        out[source] = [
            {"id": f"{source}-{i}", "text": text, "lang": ("en", "de")[i % 3 == 0],
             "url": f"https://example.org/{source}/{i}", "year": 1990 + i % 30}
            for i, text in enumerate(texts)
        ]  # fmt: skip
    return out


BAD_LINES = (
    "this is not json",
    '{"id": "no-text"}',
    '{"id": "blank", "text": "  \\n "}',
    '{"id": "half", "text": "lone \\ud800 surrogate"}',
)


def write(directory: Path, *, n_files: int = 2, shuffle: int | None = None) -> None:
    """Write the corpus as DIRECTORY/SOURCE/*.jsonl.

    Args:
        directory: Created if need be.
        n_files: Files a source.
        shuffle: Seed of another row order and other file names; None: as made.
    """
    for source, made in rows().items():
        lines = [json.dumps(row, ensure_ascii=False) for row in made]
        lines += [lines[3]]  # an identical row
        lines += [json.dumps({**made[4], "text": made[4]["text"] + " changed"})]  # id taken
        if source == "web":
            lines += BAD_LINES
        if shuffle is not None:
            random.Random(shuffle).shuffle(lines)
        place = directory / source
        place.mkdir(parents=True, exist_ok=True)
        prefix = "part" if shuffle is None else f"other{shuffle}"
        for i in range(n_files):
            chunk = lines[i::n_files]
            (place / f"{prefix}-{i:03d}.jsonl").write_text("\n".join(chunk) + "\n")


def recipe(directory: Path, output: Path, **changes: Any) -> dict[str, Any]:
    """A recipe over that corpus with every stage at work."""
    columns = {"text": "text", "id": "id", "language": "lang", "url": "url", "year": "year"}
    return {
        "version": 1,
        "tokens": {"tokenizer": "words", "extra_per_document": 1},
        "output": {"path": str(output), "shards": 4},
        "sources": {
            name: {
                "path": str(directory / name / "*.jsonl"),
                "columns": columns,
                "rules": "default",
            }
            for name in ("web", "books", "papers")
        },
        "dedup": {
            "prefer": [
                {"by": "source", "order": ["books", "papers", "web"]},
                {"by": "score_bucket", "order": "high"},
            ]
        },
        "validation": {"fraction": 0.05},
        "mix": {
            "budget": {"tokens": 60000},
            "max_epochs": 2,
            "domains": {
                "web": {"weight": 30, "divide": {"by": "language", "weights": {"en": 2, "de": 1}}},
                "books": {"weight": 50},
                "papers": {"weight": 20},
            },
        },
        "stop_if": {"rejected_rows": 0.1, "off_target": 0.1},
        **changes,
    }
