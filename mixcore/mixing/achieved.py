"""Whether the mixture is what was asked for: each stratum, each domain, the whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mixcore.runtime.errors import ContractError

_MAX_SHOWN = 10


@dataclass(frozen=True)
class Achieved:
    """Target and outcome of one stratum, in the unit of the budget."""

    path: str
    target: int
    achieved: int
    boundary: int
    """Size of the document that the target falls into; 0: the target is met exactly."""

    @property
    def domain(self) -> str:
        """The domain of the recipe: names have no slash, leaf paths do."""
        return self.path.split("/", 1)[0]


def check_achieved(strata: Iterable[Achieved], off_target: float) -> None:
    """Hold the mixture to its targets.

    Args:
        strata: All strata.
        off_target: Share of a target by which a domain or the total may miss it. Half a boundary
            document a stratum is always allowed: nothing can be nearer with whole documents.

    Raises:
        ContractError: A stratum misses by more than its boundary document, or a domain or the
            total by more than the limit.
    """
    strata = list(strata)
    faults = [
        f"{s.path}: target {s.target:,}, achieved {s.achieved:,}, off by more than one document "
        f"({s.boundary:,})"
        for s in strata
        if abs(s.achieved - s.target) > s.boundary
    ]
    groups: dict[str, list[Achieved]] = {}
    for stratum in strata:
        groups.setdefault(stratum.domain, []).append(stratum)
    for name, members in (*groups.items(), ("the whole", strata)):
        target = sum(s.target for s in members)
        achieved = sum(s.achieved for s in members)
        allowed = max(off_target * target, sum(s.boundary for s in members) / 2)
        if abs(achieved - target) > allowed:
            off = abs(achieved - target) / target if target else float("inf")
            faults.append(
                f"{name}: target {target:,}, achieved {achieved:,}, off by {off:.4%} "
                f"(allowed: {allowed:,.1f})"
            )
    if faults:
        shown = "\n".join(f"    {fault}" for fault in faults[:_MAX_SHOWN])
        more = f"\n    ... and {len(faults) - _MAX_SHOWN} more" if len(faults) > _MAX_SHOWN else ""
        raise ContractError(
            f"the mixture misses its targets\n{shown}{more}",
            where="stop_if.off_target",
            value=off_target,
            fix="a larger budget, or another limit; strata that miss by more than one document "
            "are a defect: please report them",
        )
