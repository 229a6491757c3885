"""Which state of a finding weighs most: what a library shows and an event tells of a whole report."""

from __future__ import annotations

from collections.abc import Mapping

SEVERITY = ("alert", "concern", "cannot_tell", "none_seen")
"""The states of findings, the gravest first."""


def worst(counts: Mapping[str, int]) -> str | None:
    """The gravest state that occurs in the counts by state; None where there is no finding at all."""
    return next((state for state in SEVERITY if counts.get(state)), None)


def at_or_above(level: str) -> tuple[str, ...]:
    """The states as grave as this one or graver. Raises ValueError for a state that does not exist."""
    return SEVERITY[: SEVERITY.index(level) + 1]
