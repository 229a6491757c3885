"""What became of every period under every condition, as one grid for each step length: months, quarters, years."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from reports import view
from reports.spans import OTHER, STEPS, Span, filled, span_of

PRINTED = 12  # columns that fit on a sheet: the latest ones
TITLES = {
    "week": "Weeks",
    "month": "Months",
    "quarter": "Quarters",
    "half-year": "Half-years",
    "year": "Years",
    OTHER: "Other periods",
}
NAMES = {
    "job_family": "Job family",
    "requisition_id": "Requisition",
    "interviewer_role": "Interviewer role",
    "stage": "Stage",
}


class Tried(Protocol):
    """The last try at a scope: made, unchanged, empty or failed, with its reason."""

    @property
    def scope(self) -> Mapping[str, Any]: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def at(self) -> str: ...


Row = tuple[tuple[str, str], ...]
Place = tuple[Row, Span]


def place_of(scope: Mapping[str, Any]) -> Place:
    """Row and column of a scope: its conditions and its period."""
    where = scope.get("where")
    found = where if isinstance(where, Mapping) else {}
    return tuple(sorted((str(key), str(value)) for key, value in found.items())), span_of(scope)


def row_label(row: Row) -> str:
    """All interviews; Job family: Sales · Stage: user interview."""
    if not row:
        return "All interviews"
    return " · ".join(
        f"{NAMES.get(key) or view.label(key)}: {view.stage(value) if key == 'stage' else view.label(value)}"
        for key, value in row
    )


def grids(entries: Sequence[Mapping[str, Any]], attempts: Iterable[Tried]) -> list[dict[str, Any]]:
    """The grids, shortest step first, their columns latest first.

    entries: reports as the library lists them (place, current, number, state, word, href), oldest first. A cell tells the
    verdict of its current report and how many it superseded; without a report, what became of the last try.
    """
    made: dict[Place, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in entries:
        made[entry["place"]].append(entry)
    tried = {place_of(attempt.scope): attempt for attempt in attempts}
    places = [
        place for place in {*made, *tried} if place in made or tried[place].state in ("failed", "empty")
    ]  # a try told as made whose report is not recorded is no report
    found = []
    for step in STEPS:
        own = [place for place in places if place[1].step == step]
        if own:
            columns = filled([span for _, span in own], step)[::-1]
            rows = sorted({row for row, _ in own}, key=lambda row: (bool(row), row_label(row).casefold(), row))
            found.append(
                {
                    "title": TITLES[step],
                    "columns": [str(span) for span in columns],
                    "printed": PRINTED,
                    "rows": [
                        {
                            "name": row_label(row),
                            "cells": [_cell(made.get((row, span)), tried.get((row, span))) for span in columns],
                        }
                        for row in rows
                    ],
                }
            )
    return found


def _cell(reports: Sequence[Mapping[str, Any]] | None, attempt: Tried | None) -> dict[str, Any]:
    state = None if attempt is None else attempt.state
    if reports:
        note = {"failed": "last try failed", "empty": "no interviews now"}.get(state or "", "")
        current = reports[-1]
        return {
            "kind": "report",
            "report": current,
            "note": note,
            "earlier": len(reports) - 1,
        }
    return {"kind": state if state in ("failed", "empty") else "none"}
