"""Checks before anything starts (to be completed by the set-up helper)."""

from __future__ import annotations


def require_java() -> None:
    """Raise InfrastructureError unless a JDK 17 or 21 is there."""
