"""The message for a mix that needs more than there is: which leaf binds, what would work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from mixcore.runtime.errors import ContractError

_MAX_LINES = 20
"""Leaves listed in a message, the scarcest first."""


@dataclass(frozen=True)
class Need:
    """What the recipe asks of one leaf."""

    path: str
    amount: Fraction
    available: int
    cap: Fraction
    max_epochs: float

    @property
    def pressure(self) -> float:
        """Amount over cap; above 1 is a shortage."""
        if not self.cap:
            return float("inf") if self.amount else 0.0
        return float(self.amount / self.cap)

    def __str__(self) -> str:
        """One line of the list."""
        needed = f"needs {round(self.amount):,} of {self.available:,} available"
        if not self.available:
            return f"{self.path}: {needed}: it has no documents"
        epochs = float(self.amount / self.available)
        return f"{self.path}: {needed} = {epochs:.3f} epochs (max_epochs {self.max_epochs:g})"


def shortage_error(
    needs: Sequence[Need], budget: int | None, feasible: int | None, policy: str
) -> ContractError:
    """The error: binding leaf, largest feasible budget, epochs that each leaf would need.

    Args:
        needs: All leaves.
        budget: The budget asked for, None if the recipe has none.
        feasible: The largest budget that could be met, None if a fixed amount is in the way.
        policy: `on_shortage`, named in the message when it could not help.
    """
    ranked = sorted((n for n in needs if n.amount), key=lambda n: (-n.pressure, n.path))
    shown = [f"    {need}" for need in ranked[:_MAX_LINES]]
    if len(ranked) > _MAX_LINES:
        shown.append(f"    ... and {len(ranked) - _MAX_LINES} more")
    asked = "the amounts asked for" if budget is None else f"the budget of {budget:,}"
    helped = "" if policy == "fail" else f", even with on_shortage: {policy}"
    lines = [f"{asked} cannot be met{helped}"]
    if ranked and ranked[0].pressure > 1:
        lines.append(f"  binding: {ranked[0].path}")
    if feasible is not None:
        lines.append(f"  largest feasible budget: {feasible:,}")
    lines += ["  epochs needed:", *shown]
    options = []
    if feasible:
        options.append(f"a budget of at most {feasible:,}")
    if ranked and ranked[0].available:
        options.append(f"max_epochs for {ranked[0].path}")
    if ranked and not ranked[0].available:
        options.append(f"weight 0 for {ranked[0].path}")
    if policy == "fail":
        options.append("on_shortage: redistribute (other ratios) or shrink (a smaller budget)")
    return ContractError("\n".join(lines), where="mix", fix=", or ".join(options) or "more data")
