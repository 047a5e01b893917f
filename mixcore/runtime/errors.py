"""The errors a user can meet. Each says what, where, the offending value and the fix.

Every class carries the exit code that schedulers act on (README, "Exit codes"). Whatever is not
one of these is a defect of ours and exits with 1.
"""

from __future__ import annotations

from collections.abc import Sequence

_MAX_SHOWN_CHARS = 300


class MixcoreError(Exception):
    """Base of all errors that are meant for the user."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", value: object = None, fix: str = "") -> None:
        """Build the message from its four parts; empty parts are left out.

        Args:
            what: What is wrong, in one clause.
            where: File and line, table, source or stage.
            value: The offending value; shown by `repr`, cut to 300 characters.
            fix: What the user can do about it.
        """
        self.what, self.where, self.value, self.fix = what, where, value, fix
        super().__init__(self._message())

    def _message(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.value is not None:
            shown = repr(self.value)
            cut = shown if len(shown) <= _MAX_SHOWN_CHARS else shown[:_MAX_SHOWN_CHARS] + "..."
            lines.append(f"  found: {cut}")
        if self.fix:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)


class RecipeError(MixcoreError):
    """The recipe or the command line is wrong. Nothing was read or written."""

    exit_code = 2


class RecipeErrors(RecipeError):
    """Several faults of one recipe, reported together."""

    def __init__(self, errors: Sequence[RecipeError]) -> None:
        """Join the messages of `errors`, at least one."""
        self.errors = tuple(errors)
        Exception.__init__(self, "\n".join(str(e) for e in errors))


class ContractError(MixcoreError):
    """The data breaks the contract: a `stop_if` limit, a shortage, counts that do not add up."""

    exit_code = 3


class InfrastructureError(MixcoreError):
    """The machine, the cluster or the storage failed; the same command may be run again."""

    exit_code = 4


class SupersededError(MixcoreError):
    """A newer run has published to the same output meanwhile. Do not retry."""

    exit_code = 5
