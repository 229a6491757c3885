"""How long something may still take, as people say it."""

from __future__ import annotations


def time_left(done: int, total: int, seconds: float) -> str:
    """From the pace so far; nothing is promised before the first is done."""
    if done <= 0:
        return "time left unknown"
    left = seconds / done * (total - done)
    if left < 90:
        return f"about {left:.0f} s left"
    return f"about {left / 60:.0f} min left" if left < 5400 else f"about {left / 3600:.1f} h left"
