"""Proxy runs: the mixture each was trained on and the losses it came to.

Two CSV files joined on their first column, whatever it is called (`run`, RegMix's `index`):
`ratios.csv` has a column a domain, `metrics.csv` one a loss. What RegMix publishes is read as it
is. Rows and columns are sorted by name, so no result depends on the order of a file.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixcore.fitting.draws import Floats
from mixcore.recipe.number import parse_number
from mixcore.runtime.errors import ContractError, RecipeError
from mixcore.runtime.keys import sha256

_RATIO_PREFIX, _METRIC_PREFIX = "train_", "metric/"
"""RegMix's; left out of names where every column has them."""
_SUM_TOLERANCE = 0.01
"""Row sums farther from 1 (or from 100) are noted; RegMix's lie in .996-1.003."""


@dataclass(frozen=True)
class Runs:
    """Joined runs, sorted: rows by run id, columns by name."""

    ids: tuple[str, ...]
    domains: tuple[str, ...]
    metrics: tuple[str, ...]
    ratios: Floats
    """Shape (runs, domains); rows sum to 1."""
    losses: Floats
    """Shape (runs, metrics); all > 0."""
    warnings: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Hash of ids, names and numbers: the same for the same runs in files of any order."""
        return sha256([
            self.ids, self.domains, self.metrics, self.ratios.tolist(), self.losses.tolist(),
        ])  # fmt: skip

    def head(self, n: int) -> Runs:
        """The first `n` runs."""
        return Runs(
            self.ids[:n], self.domains, self.metrics, self.ratios[:n], self.losses[:n]
        )  # fmt: skip


def read_runs(ratios: str | Path, metrics: str | Path) -> Runs:
    """Read and join both files.

    Args:
        ratios: CSV (or `.csv.gz`): run, then one column a domain; rows are normalised.
        metrics: CSV (or `.csv.gz`): run, then one column a loss, lower is better.

    Raises:
        RecipeError: A file cannot be read.
        ContractError: A value that is no number, a negative ratio, a loss that is not positive, a
            run given twice, no run in both files.
    """
    domains, mixtures = _read_table(Path(ratios), _RATIO_PREFIX)
    names, results = _read_table(Path(metrics), _METRIC_PREFIX)
    ids = tuple(sorted(mixtures.keys() & results.keys(), key=_natural))
    if not ids:
        raise ContractError(
            "the two files have no run in common", where=f"{ratios}, {metrics}",
            value=[*list(mixtures)[:3], *list(results)[:3]],
            fix="both begin with a column that names the run",
        )  # fmt: skip
    # In the order of names before anything is added up: sums depend on it in their last bits.
    by_domain = sorted(range(len(domains)), key=domains.__getitem__)
    by_metric = sorted(range(len(names)), key=names.__getitem__)
    domains, names = tuple(sorted(domains)), tuple(sorted(names))
    x = np.array([[mixtures[i][j] for j in by_domain] for i in ids])
    y = np.array([[results[i][j] for j in by_metric] for i in ids])
    _check_values(x, ids, domains, str(ratios), is_loss=False)
    _check_values(y, ids, names, str(metrics), is_loss=True)
    warnings = []
    for lonely, file in (
        (mixtures.keys() - set(ids), ratios),
        (results.keys() - set(ids), metrics),
    ):
        if lonely:
            some = ", ".join(sorted(lonely, key=_natural)[:5])
            warnings.append(f"{len(lonely)} runs stand in {file} only and are left out: {some}")
    sums = x.sum(axis=1)
    off = np.minimum(abs(sums - 1.0), abs(sums / 100.0 - 1.0))
    if off.max() > _SUM_TOLERANCE:
        warnings.append(
            f"rows of {ratios} sum to {sums.min():.4g} .. {sums.max():.4g}; they are normalised"
        )
    return Runs(ids, domains, names, x / sums[:, None], y, tuple(warnings))


def _natural(run: str) -> tuple[int, int, str]:
    """Numbers in the order of numbers, before other names."""
    return (0, int(run), run) if run.isdecimal() else (1, 0, run)


def _read_table(path: Path, prefix: str) -> tuple[tuple[str, ...], dict[str, list[float]]]:
    """Column names without `prefix`, and the numbers by run."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rows = [row for row in csv.reader(raw.decode("utf-8-sig").splitlines()) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecipeError(
            "the runs cannot be read", where=str(path), value=str(error),
            fix="a CSV file: the run, then a column a domain or a loss",
        ) from error  # fmt: skip
    if len(rows) < 2 or len(rows[0]) < 2:
        raise ContractError(
            "no runs in this file", where=str(path), fix="a header, then a line a run"
        )
    names = [name.strip() for name in rows[0][1:]]
    if all(name.startswith(prefix) and name != prefix for name in names):
        names = [name.removeprefix(prefix) for name in names]
    twice = sorted(name for name, n in Counter(names).items() if n > 1 or not name)
    if twice:
        raise ContractError(
            "column names must be there and differ", where=str(path), value=twice,
            fix="rename or remove columns",
        )  # fmt: skip
    out: dict[str, list[float]] = {}
    for row in rows[1:]:
        run = row[0].strip()
        if run in out:
            raise ContractError(
                f"the run {run!r} stands twice", where=str(path), fix="keep one line of it"
            )
        out[run] = _numbers(row[1:], names, run, path)
    return tuple(names), out


def _numbers(cells: Sequence[str], names: Sequence[str], run: str, path: Path) -> list[float]:
    if len(cells) != len(names):
        raise ContractError(
            f"run {run!r} has {len(cells)} values, the header {len(names)}", where=str(path),
            fix="mend the line",
        )  # fmt: skip
    out = []
    for name, cell in zip(names, cells, strict=True):
        number = parse_number(cell.strip())
        if number is None:
            raise ContractError(
                f"run {run!r}, column {name!r}: no number", where=str(path), value=cell,
                fix="a failed run has no line; a column without numbers does not belong here",
            )  # fmt: skip
        out.append(float(number))
    return out


def _check_values(
    values: Floats, ids: Sequence[str], names: Sequence[str], where: str, *, is_loss: bool
) -> None:
    bad = ~np.isfinite(values) | ((values <= 0) if is_loss else (values < 0))
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise ContractError(
            f"run {ids[i]!r}, column {names[j]!r}: "
            + ("a loss must be above 0" if is_loss else "a ratio cannot be negative"),
            where=where, value=float(values[i, j]),
            fix="give losses (for an accuracy, 1 - accuracy)" if is_loss else "mend the line",
        )  # fmt: skip
    if not is_loss and not (values.sum(axis=1) > 0).all():
        i = int(np.argmin(values.sum(axis=1)))
        raise ContractError(
            f"run {ids[i]!r}: all ratios are 0", where=where, value=math.fsum(values[i]),
            fix="mend or remove the line",
        )  # fmt: skip
