"""Which exports are still being copied: what is looked at twice and differs is not complete."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from fairpanel.adapters.registry import Reading

SETTLE = 1.0
"""Seconds within which an export that is still being copied shows that it grows."""


def still_growing(readings: Sequence[Reading], settle: float) -> frozenset[str]:
    """The names of exports that changed within settle seconds; waits so long only where one was written just now."""
    before = {reading.export.name: _looks(reading.export.paths) for reading in readings}
    newest = max((moment for looks in before.values() for _, moment in looks), default=0)
    if abs(time.time_ns() - newest) > settle * 1e9:
        return frozenset()
    time.sleep(settle)
    return frozenset(r.export.name for r in readings if _looks(r.export.paths) != before[r.export.name])


def _looks(paths: Sequence[Path]) -> list[tuple[int, int]]:
    """Size and time of the last change; a file that has gone meanwhile looks like nothing."""
    return [(stat.st_size, stat.st_mtime_ns) for path in paths if path.exists() for stat in (path.stat(),)]
