"""Build the bundled sample (tests/data) from the shared corpora and this virtual environment.

    CORPUS_DIR=../shared/data .venv/bin/python bench/make_demo_data.py

The same inputs give the same bytes. Only text that may be redistributed goes in; where each part
comes from and under which licence stands in tests/data/ATTRIBUTION.md.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "tests" / "data"
CORPORA = Path(os.environ.get("CORPUS_DIR", ROOT / ".." / "shared" / "data"))
MAX_BYTES = 8_000_000
"""What the repository gives to sample data."""

BOOKS = {
    # id in the corpus: (title, author, year)
    "100_english_novels/Burnett_Garden_1911": ("The Secret Garden", "F. H. Burnett", 1911),
    "100_english_novels/Stevenson_Treasure_1883": ("Treasure Island", "R. L. Stevenson", 1883),
    "100_english_novels/Doyle_Hound_1902": ("The Hound of the Baskervilles", "A. C. Doyle", 1902),
    # One novel in two transcriptions: near duplicates as they come in real collections.
    "100_english_novels/Chesterton_Thursday_1908": (
        "The Man Who Was Thursday", "G. K. Chesterton", 1908,
    ),
    "nltk_gutenberg/chesterton-thursday": (
        "The Man Who Was Thursday", "G. K. Chesterton", 1908,
    ),
}  # fmt: skip
_HEADING = re.compile(r"(?m)^[ \t]*(?:(?:CHAPTER|Chapter)[ \t]+[IVXLC\d]+|\d{1,2})[ \t]*$")
_PAPER_CHARS = range(5_000, 45_000)
_PAPER_TYPES = ("research-article", "discussion", "review-article")
_EVERY = {"papers": 2, "qa": 16}
"""One in so many, by a hash: of the DOI, of the page's address (so that all answers of a page
stay together, with their near duplicates)."""

PACKAGES = {
    # package: (distribution, folder, licence)
    "rich": ("rich", "rich", "MIT"),
    "click": ("click", "click", "BSD-3-Clause"),
    "jinja2": ("jinja2", "jinja2", "BSD-3-Clause"),
    "packaging": ("packaging", "packaging", "Apache-2.0 OR BSD-2-Clause"),
}
VENDORED = {"packaging": ("pip", "pip/_vendor/packaging", "Apache-2.0 OR BSD-2-Clause")}
"""pip carries a copy of another release: near duplicates again."""


def read(path: str) -> Iterator[dict[str, Any]]:
    """Rows of one corpus file."""
    file = CORPORA / path
    if not file.is_file():
        raise SystemExit(f"{file} is not there: set CORPUS_DIR to the folder of raw corpora")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows as JSON lines, gzip without name and time, so that bytes repeat."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(gzip.compress(lines.encode(), 9, mtime=0))
    print(f"{path.relative_to(ROOT)}: {len(rows)} rows, {path.stat().st_size:,} bytes")


def chosen(text: str, kind: str) -> bool:
    """Whether the hash of `text` falls into the sample."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % _EVERY[kind] == 0


def books() -> list[dict[str, Any]]:
    """A row a chapter."""
    rows = []
    for file in ("english_novels_100", "nltk_gutenberg_17"):
        for book in read(f"books/{file}.jsonl.gz"):
            if book["id"] not in BOOKS:
                continue
            title, author, year = BOOKS[book["id"]]
            text = book["text"].lstrip("\ufeff")
            starts = [match.start() for match in _HEADING.finditer(text)]
            for number, (start, end) in enumerate(
                zip(starts, [*starts[1:], len(text)], strict=True), 1
            ):
                rows.append(
                    {
                        "id": f"{book['id']}/{number:02d}",
                        "text": text[start:end].strip(),
                        "lang": "en",
                        "title": title,
                        "author": author,
                        "date": str(year),
                        "license": "public-domain",
                    }
                )
    return rows


def papers() -> list[dict[str, Any]]:
    """Whole articles of the Public Library of Science, of moderate length."""
    return [
        {
            "id": paper["id"],
            "text": paper["text"],
            "lang": "en",
            "title": paper["title"],
            "doi": paper["doi"],
            "url": f"https://doi.org/{paper['doi']}",
            "license": "cc-by-4.0",
        }
        for paper in read("papers/plos_122.jsonl.gz")
        if len(paper["text"]) in _PAPER_CHARS
        and paper["article_type"] in _PAPER_TYPES
        and chosen(paper["doi"], "papers")
    ]


def questions() -> list[dict[str, Any]]:
    """Questions with answers, all of a page or none."""
    return [
        {
            # Ids of MedQuAD are unique within a folder only.
            "id": row["id"].replace("medquad/", f"medquad/{row['folder']}/"),
            "text": row["text"],
            "lang": "en",
            "url": row["url"],
            "topic": row["qtype"],
            "license": "cc-by-4.0",
        }
        for row in read("qa/medquad.jsonl.gz")
        if chosen(row["url"], "qa")
    ]


def code() -> list[dict[str, Any]]:
    """Python files of installed packages, and their licences beside the data."""
    rows = []
    licences = TARGET / "licenses"
    licences.mkdir(parents=True, exist_ok=True)
    for package, (name, folder, licence) in [*PACKAGES.items(), *VENDORED.items()]:
        distribution = importlib.metadata.distribution(name)
        for file in sorted(distribution.files or (), key=str):
            path = Path(str(distribution.locate_file(file)))
            if str(file).startswith(folder + "/") and file.suffix == ".py":
                rows.append(
                    {
                        "id": str(file),
                        "text": path.read_text(encoding="utf-8"),
                        "lang": "en",
                        "package": package,
                        "release": f"{name} {distribution.version}",
                        "license": licence,
                    }
                )
            if name == package and re.match(r"(?i)licen[cs]e", file.name) and "info" in str(file):
                shutil.copyfile(path, licences / f"{package}-{file.name}")
    return [row for row in rows if row["text"].strip()]


def main() -> None:
    """Write every part and check the total size."""
    shutil.copyfile(CORPORA / "web/gov_blogs_cc0.jsonl.gz", TARGET / "gov_blogs_cc0.jsonl.gz")
    shutil.copyfile(CORPORA / "neardup/truth_gov_blogs.csv.gz", TARGET / "truth_gov_blogs.csv.gz")
    for name, build in (("books", books), ("papers", papers), ("qa", questions), ("code", code)):
        write(TARGET / "demo" / f"{name}.jsonl.gz", build())
    for path in TARGET.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    total = sum(path.stat().st_size for path in TARGET.rglob("*") if path.is_file())
    print(f"{total:,} bytes in all")
    if total > MAX_BYTES:
        raise SystemExit(f"more than {MAX_BYTES:,} bytes")


if __name__ == "__main__":
    main()
