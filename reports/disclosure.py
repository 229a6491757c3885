"""The last gate: what a report may not show is taken out here, and nowhere else."""

from __future__ import annotations

from typing import Any


def protect(report: dict[str, Any]) -> dict[str, Any]:
    """Placeholder."""
    return report
