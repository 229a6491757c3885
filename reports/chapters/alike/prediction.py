"""Chapter 5, prediction: each group's line, what the common line promises at the cut, what unreliability does to both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from reports import sentences, view
from reports.blocks import findings, forest, heading, picture, table, text
from reports.chapters.alike.told import known, people, said, stages_in
from reports.evidence import ends, first, select
from reports.figures import Line, lines, spanning

Entry = Mapping[str, Any]


def prediction(report: Entry, attribute: str) -> list[dict[str, Any]]:
    found = [e for e in select(report, "differential_prediction", attribute=attribute) if e["value"] is not None]
    if not found:
        return []
    blocks: list[dict[str, Any]] = [heading(f"Prediction lines by {view.label(attribute)}")]
    for stage in stages_in(found):
        drawn = _lines(report, attribute, stage)
        if drawn:
            blocks.append(drawn)
        blocks.append(findings(said(report, "prediction", attribute, stage)))
    lines_ = []
    for estimate in found:
        detail, n, subject = estimate["detail"], estimate["n"], estimate["subject"]
        pair = f"{sentences.pair(subject)}, {view.stage(subject['stage'])}"
        ps = [view.p_value(detail.get(key)) for key in ("omnibus_p", "slope_p", "intercept_p")]
        counted = (view.count(n.get("focal")), view.count(n.get("reference")))
        lines_.append((pair, view.fixed(estimate["value"], 3), view.interval(estimate["interval"], 3), *counted, *ps))
    columns = (
        "Groups",
        "Slope difference",
        "95 % interval",
        "Group",
        "Reference",
        "p lines",
        "p slopes",
        "p intercepts",
    )
    return [*blocks, table(f"Prediction by {view.label(attribute)}", columns, lines_, folded=True)]


def _lines(report: Entry, attribute: str, stage: str) -> dict[str, Any] | None:
    """Each group's line over two standard deviations around its mean score: no line where there are hardly people."""
    drawn: dict[str, list[tuple[float, float]]] = {}
    for estimate in select(report, "differential_prediction", attribute=attribute, stage=stage):
        gap = first(report, "standardized_difference", **estimate["subject"])
        if gap is None:
            continue
        for line in estimate["detail"].get("lines", []):
            mean, sd = (
                gap["detail"].get("means", {}).get(line["group"]),
                gap["detail"].get("sds", {}).get(line["group"]),
            )
            if mean is None or sd is None:
                continue
            drawn[line["group"]] = [(x, line["intercept"] + line["slope"] * x) for x in (mean - 2 * sd, mean + 2 * sd)]
    if not drawn:
        return None
    named = [
        Line(view.label(group), points, index % 6, dots=False)
        for index, (group, points) in enumerate(sorted(drawn.items()))
    ]
    title = f"{view.sentence(view.stages(stage))}: performance expected from the score, by group"
    told = "; ".join(
        f"{line.name} from {view.rough(line.points[0][1])} to {view.rough(line.points[-1][1])}" for line in named
    )
    across = spanning([x for line in named for x, _ in line.points], limits=(-math.inf, math.inf))
    up = spanning([y for line in named for _, y in line.points], limits=(-math.inf, math.inf))
    caption = (
        f"{title} (across: interview score; up: performance; each over two standard deviations around the group's mean)"
    )
    return picture(
        caption, lines(title, told, named, across=across, up=up), [(f"style{line.style}", line.name) for line in named]
    )


def at_the_cut(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """What one line for everybody promises too much or too little of a group where people are accepted."""
    found = known(select(report, "prediction_at_cut", attribute=attribute))
    blocks: list[dict[str, Any]] = []
    for stage in stages_in(found):
        here = [e for e in found if e["subject"]["stage"] == stage]
        entries = [(sentences.pair(e["subject"]), e) for e in here]
        axis = spanning(ends(entries), always=(-0.3, 0.3), limits=(-3.0, 3.0))
        caption = (
            f"{view.sentence(view.stages(stage))}: what the common line promises too much (right) or too little "
            f"(left) of the "
            "first group at the score people are accepted at, in standard deviations of performance"
        )
        blocks.append(forest(caption, entries, axis, [(0.0, "as promised")]))
        blocks.append(text(*(_promise(report, e) for e in here)))
    return blocks


def _promise(report: Entry, estimate: Entry) -> str:
    subject, detail = estimate["subject"], estimate["detail"]
    focal, reference = view.label(subject["group"]), view.label(subject["reference"])
    counted = people(estimate)
    low, high = (view.number((estimate["interval"] or {}).get(end)) for end in ("low", "high"))
    reading = (
        f"{focal} performed less well there than one line for all says"
        if low is not None and low > 0
        else f"{focal} performed better there than one line for all says"
        if high is not None and high < 0
        else "no over- or underprediction beyond chance was seen there"
    )
    whole = first(report, "d_mod", **subject)
    rest = ""
    if whole is not None and whole["value"] is not None:
        rest = (
            f" Over all scores of {focal}, the line of {reference} promises {view.coefficient(whole['value'])} "
            f"{view.interval(whole['interval'])} too much (d_Mod; below zero: too little)."
        )
    could = (detail.get("minimum_detectable") or {}).get("difference")
    seen = "" if could is None else f" Differences under {view.rough(abs(could))} would not have been seen."
    return (
        f"{view.sentence(sentences.pair(subject))}, at a score of {view.fixed(detail.get('cut'))}: {reading} "
        f"({view.coefficient(estimate['value'])} {view.interval(estimate['interval'])}; {counted[0]} and {counted[1]} people "
        f"with performance).{seen}{rest}"
    )


def unreliable(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """What unreliable scores do to lines: an intercept gap where groups differ in mean, though nothing else does."""
    told = []
    for estimate in select(report, "differential_prediction", attribute=attribute):
        found, subject = estimate["detail"].get("errors_in_variables"), estimate["subject"]
        if not found or found.get("artefact") is None:
            continue
        freed = found.get("intercept_difference") or {}
        without = (
            f" Freed of it, intercepts differ by {view.fixed(freed['estimate'])} ({view.fixed(freed['low'])} to "
            f"{view.fixed(freed['high'])}) points, {view.p_equals(freed['p'])}."
            if freed.get("p") is not None
            else ""
        )
        told.append(
            f"{view.sentence(sentences.pair(subject))}, {view.stages(subject['stage'])}: scores with a reliability of "
            f"{view.coefficient(found.get('reliability'))} make intercepts differ by "
            f"{view.fixed(found['artefact'])} points of "
            f"performance though true lines were one, as the groups differ in mean score.{without}"
        )
    return [text(*told)] if told else []


def as_closely(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """Whether the score goes with performance as closely in each group."""
    lines_ = []
    for estimate in known(select(report, "differential_validity", attribute=attribute)):
        detail, subject = estimate["detail"], estimate["subject"]
        name = f"{sentences.pair(subject)}, {view.stage(subject['stage'])}"
        pairs = (view.coefficient(detail.get("r_focal")), view.coefficient(detail.get("r_reference")))
        figure = (view.coefficient(estimate["value"]), view.interval(estimate["interval"]))
        could = (detail.get("minimum_detectable") or {}).get("q")
        lines_.append(
            (name, *pairs, *figure, view.p_value(detail.get("p")), view.coefficient(could), *people(estimate))
        )
    columns = (
        "Groups",
        "r, group",
        "r, reference",
        "Cohen's q",
        "95 % interval",
        "p",
        "Visible q",
        "Group",
        "Reference",
    )
    caption = f"Correlation of score and performance by {view.label(attribute)} (those with performance)"
    return [table(caption, columns, lines_, folded=True)] if lines_ else []
