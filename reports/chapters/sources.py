"""Chapter 4, the same-source guard: is the interview confirmed by others, or by the interviewers themselves?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import forest, heading, text
from reports.chapters.ladder import leading_chain
from reports.evidence import beyond, ends, first, select, stages_of
from reports.figures import spanning

Entry = Mapping[str, Any]
LED_BY = {
    "other_source": "This report leads with ratings by others: enough people have them, and they carry no first impression.",
    "all_sources": "Too few people were rated by others: this report leads with all ratings, a reason for caution.",
}
TOLD = {
    1: "Interviewers' own later ratings confirm their scores more than others' ratings do",
    0: "Whether interviewers confirm themselves more than others do, these data cannot tell",
    -1: "Others' ratings confirm the scores more than the interviewers' own do",
}
SIDES = {
    "same": "Performance rated by someone who had interviewed the person",
    "different": "Performance rated by somebody else",
}


def same_source(report: Entry) -> list[dict[str, Any]]:
    """Both correlations with their difference, and which ratings this audit leads with."""
    blocks: list[dict[str, Any]] = []
    for stage in stages_of(report, "same_source_validity"):
        estimate = first(report, "same_source_validity", "panel", stage=stage)
        if estimate is None:
            continue
        entries = [(name, side_entry(estimate, side)) for side, name in SIDES.items()]
        entries.append(("Difference", estimate))
        axis = spanning(ends(entries), always=(0.0, 0.5), limits=(-1.0, 1.0))
        caption = (
            f"{view.sentence(view.stages(stage))}: correlation of the panel's score with later ratings, by who rated"
        )
        blocks += [forest(caption, entries, axis, [(0.0, "none")]), text(_reading(report, estimate, stage))]
    return (
        [heading("Is the interview confirmed by others, or by the interviewers themselves?"), *blocks] if blocks else []
    )


def side_entry(estimate: Entry, side: str) -> Entry:
    """One side's correlation with its limits."""
    told = estimate["detail"].get(side) or {}
    level = (estimate["interval"] or {}).get("level", 0.95)
    interval = None if told.get("low") is None else {"low": told["low"], "high": told["high"], "level": level}
    return {"id": f"{estimate['id']}#{side}", "value": told.get("r"), "interval": interval}


def _reading(report: Entry, estimate: Entry, stage: str) -> str:
    value, interval = estimate["value"], estimate["interval"]
    if value is None:
        return f"The two cannot be compared. {view.why_not(estimate)} {_lead(report, stage)}".strip()
    n = estimate["n"]
    said = (
        f"{TOLD[beyond(estimate)]}: the difference is {view.coefficient(value)}, {view.interval_in_words(interval)} "
        f"({view.count(n['people_same'])} people rated by an interviewer, {view.count(n['people_different'])} by somebody "
        "else)."
    )
    own = [e for e in select(report, "same_source_validity", "own_score", stage=stage) if e["value"] is not None]
    if own:
        said += (
            f" One interviewer's score with one later rating: the same person's less another's is "
            f"{view.coefficient(own[0]['value'])} ({view.interval_in_words(own[0]['interval'])})."
        )
    return f"{said} {_lead(report, stage)}".strip()


def _lead(report: Entry, stage: str) -> str:
    chain = leading_chain(report, stage)
    return "" if chain is None else LED_BY[chain["variant"]]
