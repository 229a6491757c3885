"""What one check of the doctor says."""

from __future__ import annotations

from typing import Any


def check(what: str, ok: bool, told: str) -> dict[str, Any]:
    """what: which part. ok: whether it is well. told: a sentence; where it is not well, how to mend it. Holds no secret."""
    return {"what": what, "ok": ok, "told": told}
