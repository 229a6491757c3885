"""The library of reports: one page that lists every report with its verdicts, and what became of every period.

Read-only and self-contained like the reports it links to: nothing is fetched; without script everything is still there.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from fairpanel.findings.worst import SEVERITY, worst
from reports import view
from reports.first_screen import data_line, first_screen
from reports.html import environment, style
from reports.sentences import STATES
from reports.status_grid import Tried, grids, place_of, row_label

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
"""What a report or a file may be called to be linked to: never a path, a dotfile or another scheme."""
OPENED = {
    "report.html": "Report",
    "public.html": "Public edition",
    "calibration.html": "Calibration pack",
    "report.json": "JSON",
}
LONGEST_REASON = 300
MOST_PLACES = 8
COUNTED = {
    "alert": ("serious concern", "serious concerns"),
    "concern": ("concern", "concerns"),
    "cannot_tell": ("cannot tell", "cannot tell"),
    "none_seen": ("no concern seen", "no concern seen"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """One report as the ledger knows it. files: those that are still there. card: what its report.json says, if there."""

    number: int
    report_id: str
    scope: Mapping[str, Any]
    files: frozenset[str]
    card: Mapping[str, Any] | None


def card(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the library tells of one report.json (internal edition): counts of findings, the three answers, the data.

    A report of another version, whose first screen cannot be drawn by this one, is told by its counts alone.
    """
    summary = report.get("summary")
    found = summary.get("findings") if isinstance(summary, Mapping) else None
    counts = found if isinstance(found, Mapping) else {}
    told: dict[str, Any] = {
        "counts": {state: counts[state] for state in SEVERITY if isinstance(counts.get(state), int)},
        "answers": [],
        "data": None,
    }
    try:
        screen = first_screen(dict(report))
        answers = [{key: box[key] for key in ("question", "state", "word")} for box in screen["boxes"]]
        return told | {"answers": answers, "data": data_line(report)}
    except (LookupError, TypeError, ValueError, AttributeError):
        return told


def render_library(shelf: Sequence[Shelved], attempts: Sequence[Tried], about: str = "") -> str:
    """The page: shelf in the order of the ledger, the last try at every scope. The same input gives the same bytes."""
    entries = _entries(shelf)
    current = [entry for entry in entries if entry["current"]]
    return (
        environment()
        .get_template("library.html.j2")
        .render(
            about=about,
            current=len(current),
            summary=[(state, COUNTED[state], sum(entry["state"] == state for entry in current)) for state in SEVERITY],
            failed=_failures(attempts),
            grids=grids(entries, attempts),
            entries=sorted(entries, key=_newest_first),
            superseded=len(entries) - len(current),
            states=STATES,
            style=Markup(style() + _own("library.css")),  # noqa: S704 - the project's own style sheet
            script=Markup(_own("library.js")),  # noqa: S704 - the project's own script
            policy=POLICY.format(scripts=script_source()),
        )
    )


POLICY = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:; script-src {scripts}"


def script_source() -> str:
    """The one script that the page may run, by its hash: nothing that an export slipped in would run."""
    digest = hashlib.sha256(_own("library.js").encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


@cache
def _own(name: str) -> str:
    return (files("reports") / "templates" / name).read_text("utf-8")


def _entries(shelf: Sequence[Shelved]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    newest: dict[Any, dict[str, Any]] = {}
    for shelved in shelf:
        entry = _entry(shelved)
        before = newest.get(entry["place"])
        if before is not None:
            before |= {"current": False, "next": entry["number"]}
            entry["before"] = before["number"]
        newest[entry["place"]] = entry
        entries.append(entry)
    return entries


def _entry(shelved: Shelved) -> dict[str, Any]:
    told = shelved.card or {"counts": {}, "answers": [], "data": None}
    row, span = place_of(shelved.scope)
    state = worst(told["counts"])
    links = [
        (f"./{quote(shelved.report_id)}/{name}", words)
        for name, words in OPENED.items()
        if name in shelved.files and NAME.fullmatch(shelved.report_id)
    ]
    return {
        "number": shelved.number,
        "id": view.label(shelved.report_id, 80),
        "place": (row, span),
        "period": str(span),
        "scope": row_label(row),
        "state": state,
        "word": STATES[state] if state else "No findings" if shelved.card else "Files not here",
        "rank": SEVERITY.index(state) if state else len(SEVERITY),
        "answers": told["answers"],
        "data": told["data"],
        "counts": [(state, view.plural(count, *COUNTED[state])) for state, count in told["counts"].items() if count],
        "links": links,
        "href": links[0][0] if links else f"#entry-{shelved.number}",
        "current": True,
        "before": None,
        "next": None,
    }


def _newest_first(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    row, span = entry["place"]
    start, end = span.order
    return -start.toordinal(), -end.toordinal(), bool(row), entry["scope"].casefold(), row, -entry["number"]


def _failures(attempts: Sequence[Tried]) -> list[dict[str, str]]:
    """Why tries failed: each reason once, with the periods that it stopped and when it last did."""
    reasons: dict[str, list[Tried]] = {}
    for attempt in attempts:
        if attempt.state == "failed":
            reason = view.label(attempt.reason or "no reason was recorded", LONGEST_REASON)
            reasons.setdefault(reason, []).append(attempt)
    return [
        {
            "reason": reason,
            "places": view.listed([_place(attempt) for attempt in stopped], MOST_PLACES),
            "at": view.label(max(attempt.at for attempt in stopped)[:16].replace("T", " "), 20)
            if stopped[0].at
            else "",
        }
        for reason, stopped in reasons.items()
    ]


def _place(attempt: Tried) -> str:
    row, span = place_of(attempt.scope)
    return f"{span} ({row_label(row)})" if row else str(span)
