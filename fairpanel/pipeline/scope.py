"""What is audited: a period, and rows whose columns have given values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairpanel.analysis.frames import Period
from fairpanel.store.tables import Pinned
from schemas.columns import COLUMNS

SCOPE_COLUMNS = ("requisition_id", "job_family", "stage", "interviewer_role")


class NothingToAuditError(ValueError):
    """No score lies in the period and scope that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is audited: interviews from start up to, not including, end; rows whose columns have these values."""

    period: Period
    where: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        start, end = self.period.start, self.period.end
        return {
            "from": None if start is None else start.date().isoformat(),
            "to": None if end is None else end.date().isoformat(),
            "where": dict(self.where),
        }


def why_nothing(pinned: Pinned, scope: Scope) -> str:
    """The sentence that says why no score lies in a scope."""
    for column in scope.where:
        if column not in SCOPE_COLUMNS:
            return f"unknown column {column!r} in a condition; choose from {', '.join(SCOPE_COLUMNS)}"
    dates = pinned.read("scores", ["interviewed_at"])["interviewed_at"]
    if dates.is_empty():
        return "the workspace holds no scores yet; ingest an export first"
    for column, value in scope.where.items():
        known = pinned.read("scores", [column])[column].drop_nulls().unique().sort()
        if value not in known:
            some = "a pseudonym" if COLUMNS["scores"][column].identity else ", ".join(known[:10]) or "empty everywhere"
            return f"no score has {column} {value!r}; it is {some}"
    first, last = dates.min(), dates.max()
    asked = json.dumps(scope.to_dict())
    return f"no answered score lies in {asked}; the workspace holds interviews from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
