"""A fit for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from mixcore.fitting.fit import Fit


def fit_data(fit: Fit, origin: Mapping[str, Any]) -> dict[str, Any]:
    """What `mixcore fit --json` prints: JSON values.

    Returns:
        `weights` (share by domain), `domains`, `loss`, `gains`, `spearman`, `outside`, `gap`,
        `warnings`, `provenance`.
    """
    return {
        "weights": fit.shares,
        "domains": [asdict(domain) for domain in fit.domains],
        "loss": fit.loss,
        "gains": [asdict(gain) for gain in fit.gains],
        "spearman": dict(fit.spearman),
        "outside": fit.outside,
        "gap": fit.gap,
        "warnings": list(fit.warnings),
        "provenance": dict(origin),
    }


def domain_table(fit: Fit) -> Table:
    """Weights beside the natural mixture, UniMax and what the runs had; largest first."""
    table = Table(title="weights, in percent", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("domain", overflow="fold")
    for name in ("weight", "90 %", "natural", "UniMax", "runs had"):
        table.add_column(name, justify="right", no_wrap=True)
    for d in sorted(fit.domains, key=lambda d: (-d.share, d.name)):
        interval = "-" if d.low is None or d.high is None else _range(d.low, d.high)
        unimax = "-" if d.unimax is None else _percent(d.unimax)
        table.add_row(
            d.name, _percent(d.share), interval, _percent(d.natural), unimax, _range(*d.tried)
        )
    return table


def verdict(fit: Fit) -> list[str]:
    """What the fit is worth, a line each."""
    lines = [f"predicted loss {fit.loss:.4f}"]
    for gain in fit.gains:
        interval = "" if gain.low is None else f" (90 %: {gain.low:+.4f} .. {gain.high:+.4f})"
        lines.append(f"gain {gain.gain:+.4f}{interval} over {gain.over} ({gain.loss:.4f})")
    ranks = {name: rank for name, rank in fit.spearman.items() if name != "target"}
    shown = ", ".join(f"{name} {_rank(rank)}" for name, rank in ranks.items())
    lines.append(f"Spearman of left-out runs: target {_rank(fit.spearman['target'])} ({shown})")
    lines.append(f"outside the swarm: {fit.outside:.2%} of the mixture")
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _range(low: float, high: float) -> str:
    return f"{100 * low:.1f}-{100 * high:.1f}"


def _rank(rank: float | None) -> str:
    return "-" if rank is None else f"{rank:.3f}"
