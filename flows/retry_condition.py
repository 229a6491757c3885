"""Which failures of a task are worth another try."""

from __future__ import annotations

from typing import Any

from prefect.cache_policies import NO_CACHE


def may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """A full disk or a busy file may come free; any other failure would come again."""
    failure = state.data
    return isinstance(failure, OSError) or isinstance(getattr(failure, "exception", None), OSError)


AGAIN: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": [3, 20],
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": may_pass,
    "cache_policy": NO_CACHE,  # a cached result would outlive what it speaks of
}
"""Options of a task that is tried again where the disk or a lock may come free."""
