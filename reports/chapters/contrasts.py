"""Chapter 2, two views of the same candidates: stages of interview, roles of interviewers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import forest, heading, table, text
from reports.evidence import select
from reports.figures import spanning

Entry = Mapping[str, Any]
CONDITIONS = {
    "user": "user interviews",
    "hr": "HR interviews",
    "direct_supervisor": "direct supervisors",
    "team_member": "team members",
}


def contrasts(report: Entry) -> list[dict[str, Any]]:
    """Who scores higher, and whether both tell the same candidates apart."""
    differences, correlations = (
        [(_name(e), e) for e in select(report, measure)]
        for measure in ("condition_difference", "condition_correlation")
    )
    if not differences and not correlations:
        return []
    blocks = [heading("Do stages and roles see the same candidates alike?")]
    if differences:
        ends = [view.number(v) for _, e in differences for v in (e["value"], *_ends(e))]
        axis = spanning(ends, always=(0.0,), limits=(-math.inf, math.inf))
        caption = "How much higher the first scores the candidates whom both scored, score points"
        blocks += [
            forest(caption, differences, axis, [(0.0, "no difference")]),
            text(*map(_difference, _of(differences))),
        ]
    if correlations:
        ends = [view.number(v) for _, e in correlations for v in (e["value"], *_ends(e))]
        axis = spanning(ends, always=(0.0, 1.0), limits=(-1.5, 1.5))
        caption = "How far both tell the same candidates apart: correlation, freed from interviewers' disagreement"
        references = [(0.0, "nothing shared"), (1.0, "all shared")]
        blocks += [forest(caption, correlations, axis, references), text(*map(_correlation, _of(correlations)))]
    columns = ("Contrast", "Figure", "Value", "95 % interval", "Candidates", "Interviewers", "Scores")
    cells = [_row(e, "difference, points") for e in _of(differences)]
    cells += [_row(e, "correlation, interviewers' disagreement taken out") for e in _of(correlations)]
    cells += [_observed(e) for e in _of(correlations)]
    return [*blocks, table("Contrasts of stages and roles", columns, cells, words=(1,), folded=True)]


def _of(named: list[tuple[str, Entry]]) -> list[Entry]:
    return [estimate for _, estimate in named]


def _ends(estimate: Entry) -> tuple[Any, Any]:
    interval = estimate["interval"] or {}
    return interval.get("low"), interval.get("high")


def _sides(estimate: Entry) -> tuple[str, str]:
    """The two conditions, from the variant where the detail does not name them."""
    told = str(estimate["variant"]).partition(" against ")
    first, second = (estimate["detail"].get(key) or told[at] for key, at in (("first", 0), ("second", 2)))
    return CONDITIONS.get(first, view.label(first)), CONDITIONS.get(second, view.label(second))


def _name(estimate: Entry) -> str:
    first, second = _sides(estimate)
    return view.sentence(f"{first} against {second}")


def _base(estimate: Entry) -> str:
    n = estimate["n"]
    return f"{view.count(n.get('units'))} candidates, {view.count(n.get('raters'))} interviewers"


def _difference(estimate: Entry) -> str:
    first, second = _sides(estimate)
    value, (low, high) = estimate["value"], map(view.number, _ends(estimate))
    if value is None:
        return f"How {first} and {second} differ cannot be told. {_why_not(estimate)}".strip()
    which = "higher" if value > 0 else "lower"
    said = (
        f"Candidates whom both scored got {view.rough(abs(value))} points {which} from {first} than from {second} "
        f"({view.interval_in_words(estimate['interval'])}; {_base(estimate)}). "
    )
    if low is None or high is None:
        said += "Without an interval these data cannot tell the two apart. "
    elif low <= 0 <= high:
        said += "The interval holds zero: these data cannot tell which of them is the milder. "
    else:
        milder, other = (first, second) if value > 0 else (second, first)
        said += (
            f"This is consistent with {milder} being milder than {other}: a mark of one is not a mark of the other. "
        )
    return (said + _selected(estimate, higher_first=value > 0)).strip()


def _selected(estimate: Entry, *, higher_first: bool) -> str:
    """Who is left out of the comparison, where some are; marks that decided who went on lie high for those who did."""
    if not _restricted(estimate):
        return ""
    said = "Only candidates whom both scored are compared. "
    if estimate["subject"]["stage"] is None and not higher_first:
        said += (
            "Part of the difference, or all of it, may be selection: of those whom an earlier stage let pass, its marks lie "
            "higher than they would be given again."
        )
    return said


def _restricted(estimate: Entry) -> bool:
    return any(c["code"] == "RANGE_RESTRICTED" for c in estimate["cautions"])


def _correlation(estimate: Entry) -> str:
    first, second = _sides(estimate)
    value, (low, high) = estimate["value"], map(view.number, _ends(estimate))
    seen = estimate["detail"].get("observed")
    of_means = f"Candidates' mean scores from {first} and {second} correlate {view.coefficient(seen)}"
    of_means += _observed_ends(estimate)
    if value is None:
        why = f"How far both would agree with endless interviewers cannot be told. {_why_not(estimate)}".strip()
        return why if view.number(seen) is None else f"{of_means}. {why}"
    said = (
        f"With interviewers' disagreement taken out, what {first} and {second} say of candidates correlates "
        f"{view.coefficient(value)} ({view.interval_in_words(estimate['interval'])}; {_base(estimate)}). "
    )
    if abs(value) > 1:
        said += "By chance such an estimate may pass 1; read it as 1. "
    if low is None or high is None:
        said += "Without an interval these data cannot tell how much both share. "
    elif low <= 0 <= high:
        said += "The interval holds zero: these data cannot tell whether both see anything in common. "
    elif low < 1 <= high:
        said += "This is consistent with both telling the same candidates apart. "
    elif high < 1:
        said += "This indicates that each sees something that the other does not: one cannot stand in for the other. "
    if view.number(seen) is not None:
        said += f"{of_means}: lower, as few interviewers stand behind each mean. " if seen < value else f"{of_means}. "
    if any(c["code"] == "RANGE_RESTRICTED" for c in estimate["cautions"]):
        said += (
            "Candidates whom an earlier stage turned away are not in it; with them, the correlation could be another."
        )
    return said.strip()


def _observed_ends(estimate: Entry) -> str:
    ends = estimate["detail"].get("observed_interval")
    return f" (interval {view.coefficient(ends[0])} to {view.coefficient(ends[1])})" if ends else ""


def _why_not(estimate: Entry) -> str:
    """The reason, with the condition it is about in words."""
    told = view.why_not(estimate)
    for key, name in CONDITIONS.items():
        told = re.sub(rf"^{key.replace('_', ' ')}:", f"{view.sentence(name)}:", told, flags=re.IGNORECASE)
    return told


def _row(estimate: Entry, what: str) -> tuple[str, ...]:
    n = estimate["n"]
    figures = (view.coefficient(estimate["value"], 3), view.interval(estimate["interval"], 3))
    return (_name(estimate), what, *figures, *(view.count(n.get(key)) for key in ("units", "raters", "scores")))


def _observed(estimate: Entry) -> tuple[str, ...]:
    n, detail = estimate["n"], estimate["detail"]
    ends = detail.get("observed_interval")
    interval = {"low": ends[0], "high": ends[1]} if ends else None
    figures = (view.coefficient(detail.get("observed"), 3), view.interval(interval, 3))
    counts = (view.count(n.get(key)) for key in ("units", "raters", "scores"))
    return (_name(estimate), "correlation of mean scores as they are", *figures, *counts)
