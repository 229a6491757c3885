"""Which failures of a task are worth another try."""

from __future__ import annotations

from typing import Any


def may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """A full disk or a busy file may come free; any other failure would come again."""
    failure = state.data
    return isinstance(failure, OSError) or isinstance(getattr(failure, "exception", None), OSError)
