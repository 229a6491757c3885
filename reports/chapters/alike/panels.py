"""Chapter 5, panels: did groups meet harsher interviewers, do single ones see another gap, what hangs on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import sentences, view
from reports.blocks import forest, heading, table, text
from reports.chapters.alike.told import people, stages_in, told
from reports.evidence import first, select
from reports.figures import spanning

Entry = Mapping[str, Any]
PARTS = (("gap", "whole gap"), ("between", "came with the panels met"), ("within", "arises within panels"))


def panels(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """The gap in score points, taken apart; interviewers who see another gap than their colleagues; decisions."""
    found = [e for e in select(report, "panel_assignment", attribute=attribute) if e["detail"].get("gap") is not None]
    blocks: list[dict[str, Any]] = []
    stages = stages_in([*found, *select(report, "rater_group_interaction", attribute=attribute)])
    for stage in stages:
        here = [e for e in found if e["subject"]["stage"] == stage]
        if here:
            blocks.append(_taken_apart(here, stage))
        blocks += told(report, "panels", attribute, stage)
        blocks += told(report, "interviewers", attribute, stage)
        blocks += _own_group(report, attribute, stage)
        blocks += _interviewers(report, attribute, stage)
    return [heading(f"Panels that groups met, by {view.label(attribute)}"), *blocks] if blocks else []


def _taken_apart(here: list[Entry], stage: str | None) -> dict[str, Any]:
    entries = []
    kinds = {}
    for estimate in here:
        detail = estimate["detail"]
        for name, words in PARTS:
            ends = detail.get(f"{name}_interval")
            entry = {
                "id": f"{estimate['id']}/{name}",
                "value": detail.get(name),
                "interval": None if not ends else {"low": ends[0], "high": ends[1]},
            }
            entries.append((f"{view.sentence(sentences.pair(estimate['subject']))}: {words}", entry))
            kinds[entry["id"]] = "muted" if name == "gap" else "estimate"
    limits = [(entry["interval"] or {}).get(end) for _, entry in entries for end in ("low", "high")]
    axis = spanning([view.number(v) for v in limits], always=(-0.2, 0.2), limits=(-5.0, 5.0))
    caption = (
        f"{view.sentence(view.stages(stage))}: the gap in score points, taken apart (left: lower than the reference)"
    )
    return forest(caption, entries, axis, [(0.0, "none")], kinds=kinds)


def _own_group(report: Entry, attribute: str, stage: str | None) -> list[dict[str, Any]]:
    """Whether interviewers score their own group higher than others do."""
    said = []
    for estimate in select(report, "rater_group_interaction", attribute=attribute, stage=stage):
        found, subject = estimate["detail"].get("similarity"), estimate["subject"]
        if not found or found.get("effect") is None:
            continue
        beyond = found["low"] > 0 or found["high"] < 0
        more = "more" if found["effect"] > 0 else "less"
        reading = (
            f"Interviewers give {view.fixed(abs(found['effect']))} points {more} to their own group than to the other"
            if beyond
            else "No leaning of interviewers towards their own group beyond chance was seen"
        )
        said.append(
            f"{sentences.pair(subject)}: {reading} ({view.fixed(found['effect'])}, {view.fixed(found['low'])} to "
            f"{view.fixed(found['high'])}, {view.p_equals(found['p'])}; {view.count(found['focal'])} and "
            f"{view.count(found['reference'])} interviewers of either group)."
        )
    return [text(*(view.sentence(each) for each in said))] if said else []


def _interviewers(report: Entry, attribute: str, stage: str | None) -> list[dict[str, Any]]:
    """Single interviewers, by what is left of their departure after leaning on the others."""
    lines = []
    for estimate in select(report, "rater_group_interaction", attribute=attribute, stage=stage):
        pair = sentences.pair(estimate["subject"])
        raters = estimate["detail"].get("raters") or {}
        shown = sorted(raters.items(), key=lambda item: (item[1].get("q") or 1.0, item[0]))[:20]
        for name, row in shown:
            met = (view.count(row.get("focal")), view.count(row.get("reference")))
            figures = (view.fixed(row.get("shrunken")), view.fixed(row.get("gap")), *met)
            lines.append(
                (f"{view.pseudonym(name)}, {pair}", *figures, view.p_value(row.get("p")), view.p_value(row.get("q")))
            )
    columns = ("Interviewer", "Departure, shrunken", "Own gap", "Group", "Reference", "p", "q")
    caption = f"Interviewers' own gaps by {view.label(attribute)}, {view.stages(stage)} (smallest q first)"
    return [table(caption, columns, lines, folded=True)] if lines else []


def decided_otherwise(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """Whose decision hangs on the severity of the panel."""
    flips = []
    for estimate in select(report, "decision_flips", attribute=attribute):
        if estimate["value"] is None:
            continue
        subject, detail = estimate["subject"], estimate["detail"]
        raw, adjusted = detail.get("impact_ratio_raw"), detail.get("impact_ratio_adjusted")
        moved = (
            f" The impact ratio by score alone would move from {view.coefficient(raw)} to {view.coefficient(adjusted)}."
            if raw is not None and adjusted is not None
            else ""
        )
        counted = people(estimate)
        flips.append(
            f"{view.sentence(view.stages(subject['stage']))}, {sentences.pair(subject)}: had the same number been "
            f"accepted by "
            f"scores freed of the severity of the interviewers met, {view.rough(100 * estimate['value'])} of 100 decisions "
            f"would have been another ({view.interval_in_words(estimate['interval'])}; {counted[0]} and {counted[1]} "
            f"people).{moved}"
        )
    return [heading("What would scores freed of severity have changed?"), text(*flips)] if flips else []


def similarity(report: Entry, attribute: str) -> list[str]:
    """Why nothing is said of interviewers favouring their own group, where it is not."""
    found = first(report, "rater_group_interaction", attribute=attribute)
    if found is None or found["detail"].get("similarity"):
        return []
    return [
        "Whether interviewers score their own group higher cannot be told: exports do not say to which group they belong."
    ]
