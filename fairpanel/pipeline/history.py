"""What went out before a report: the earlier reports that disclosure control must not be played off against, and the one
that it supersedes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fairpanel.pipeline.scope import Scope
from fairpanel.store import ledger
from fairpanel.workspace import Workspace

INTERNAL, PUBLIC = "report.json", "public.json"


@dataclass(frozen=True, slots=True)
class History:
    """nested: earlier reports on parts of the period, or on a longer one, under the same conditions, by name.
    superseded: the newest report on the same scope before this one. recorded: whether the report has its entry."""

    nested: tuple[str, ...]
    superseded: str | None
    recorded: bool

    def published(self, workspace: Workspace, edition: str) -> list[dict[str, Any]]:
        """The nested reports as they went out."""
        paths = [workspace.reports / name / edition for name in self.nested]
        return [json.loads(path.read_text("utf-8")) for path in paths if path.is_file()]


def history(workspace: Workspace, scope: Scope, report_id: str) -> History:
    """The history of a report: of its own entry where it has one already, else of the next."""
    chain = ledger.reports(workspace)
    before = [*itertools.takewhile(lambda e: e.manifest.get("report_id") != report_id, chain)]
    told = scope.to_dict()
    same = [str(e.manifest["report_id"]) for e in before if e.manifest.get("scope") == told]
    return History(tuple(_nested(told, before)), same[-1] if same else None, len(before) < len(chain))


def _nested(told: Mapping[str, Any], before: list[ledger.Entry]) -> Iterator[str]:
    for entry in before:
        if _one_in_the_other(told, entry.manifest.get("scope") or {}):
            yield str(entry.manifest.get("report_id"))


def _one_in_the_other(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two different periods under the same conditions lie one inside the other."""
    if one.get("where") != other.get("where"):
        return False
    spans = [(scope.get("from") or "0", scope.get("to") or "9999") for scope in (one, other)]
    (start, end), (other_start, other_end) = spans
    inside = start <= other_start and other_end <= end
    return spans[0] != spans[1] and (inside or (other_start <= start and end <= other_end))
