"""Chapter 3, before anything is compared: who can be compared with whom, and on whom it hangs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import heading, rows, table, text
from reports.figures import bar

Entry = Mapping[str, Any]
MOST_PARTS, MOST_ROWS = 6, 30


def linkage(estimate: Entry | None, stage: str) -> list[dict[str, Any]]:
    """What ties the interviewers of a stage together."""
    if estimate is None:
        return []
    where, detail = view.stages(stage), estimate["detail"]
    parts = detail.get("components") or []
    title = heading(f"Who can be compared, {where}")
    if estimate["value"] is None or not parts:
        return [
            title,
            text(f"Whether interviewers at {where} can be compared cannot be told. {view.why_not(estimate)}".strip()),
        ]
    said = text(_parts_said(estimate, parts, where), _held_together(estimate))
    if len(parts) == 1:
        return [title, said]
    drawn = [
        (
            f"Part {number}",
            bar(f"Part {number}", _size(part), (part.get("raters") or 0) / max(estimate["n"].get("raters") or 1, 1)),
            _interviewers(part),
        )
        for number, part in enumerate(parts[:MOST_PARTS], start=1)
    ]
    which = "" if len(parts) <= MOST_PARTS else f", the {MOST_PARTS} largest of {view.count(len(parts))}"
    caption = (
        f"{view.sentence(where)}: parts of the design that share no candidate{which} (bars: share of interviewers)"
    )
    columns = ("Part", "Interviewers", "Candidates", "Scores")
    cells = [
        (f"Part {number}", *(view.count(part.get(key)) for key in ("raters", "units", "ratings")))
        for number, part in enumerate(parts[:MOST_ROWS], start=1)
    ]
    largest = "" if len(parts) <= MOST_ROWS else f": the {MOST_ROWS} largest of {view.count(len(parts))}"
    return [
        title,
        rows(caption, drawn),
        said,
        table(f"Parts of the design, {where}{largest}", columns, cells, folded=True),
    ]


def _interviewers(part: Entry) -> str:
    return view.plural(part.get("raters") or 0, "interviewer")


def _size(part: Entry) -> str:
    return f"{_interviewers(part)}, {view.plural(part.get('units') or 0, 'candidate')}"


def _parts_said(estimate: Entry, parts: list[Entry], where: str) -> str:
    n = estimate["n"]
    base = f"{view.count(n.get('raters'))} interviewers, {view.count(n.get('units'))} candidates"
    if n.get("raters") == 1:
        people = view.plural(n.get("units") or 0, "candidate")
        return f"At {where}, one interviewer gave all scores ({people}): nobody can be compared."
    if len(parts) == 1:
        return (
            f"At {where}, candidates in common tie all interviewers together ({base}): everybody's severity can be compared "
            "with everybody's."
        )
    return (
        f"At {where}, candidates in common tie interviewers together within {view.number_word(len(parts))} parts, the "
        f"largest with {view.percent(estimate['value'])} of them ({base}). Between parts nobody shares a candidate, and no "
        "method tells a harsh panel from weak candidates there: compare within a part only, or let somebody of each part "
        "meet a few candidates together."
    )


def _held_together(estimate: Entry) -> str:
    """Those whose leaving would split a part."""
    detail, raters = estimate["detail"], estimate["n"].get("raters") or 0
    if raters <= 1:
        return ""
    linking = [row for row in detail.get("linking_raters") or [] if view.number(row.get("cut_off"))]
    alone = detail.get("unlinked_raters") or 0
    said = ["The design is described, not estimated: no interval."]
    if linking:
        most = sorted(linking, key=lambda row: (-row["cut_off"], str(row["rater"])))[:5]
        named = [f"{view.pseudonym(row['rater'])} ({view.count(row['cut_off'])})" for row in most]
        said.append(
            f"It hangs on {view.plural(len(linking), 'interviewer')}, whose leaving would cut others off (how many, in "
            f"brackets): {view.listed(named, 5)}. Let others share candidates there before one of them leaves."
        )
    else:
        said.append("No interviewer above the minimum would cut others off by leaving.")
    if alone:
        are = "shares" if alone == 1 else "share"
        said.append(f"{view.plural(alone, 'interviewer')} {are} no candidate with anybody.")
    return " ".join(said)
