"""Chapter 5, selection: rates and ratios at every stage and the bottom line, tests, whom the figures leave out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports import marks, sentences, view
from reports.blocks import findings, forest, rows, table, text
from reports.chapters.alike.told import CROSS, kinds, said, stages_in
from reports.evidence import first, select, test_of
from reports.figures import Axis, Mark, scale, spanning, strip

Entry = Mapping[str, Any]
MOST_RATIO = 2.5
TESTS = (
    ("fisher_exact", "Fisher's exact test", "p_two_sided"),
    ("lancaster_mid_p", "Lancaster's mid-p", "p_two_sided"),
    ("boschloo", "Boschloo's exact test", "p_two_sided"),
    ("two_proportion_z", "Two standard deviations (z)", "p"),
    ("mantel_haenszel", "Mantel–Haenszel within requisitions", "p_corrected"),
    ("breslow_day", "Breslow–Day with Tarone's correction", "p_homogeneity"),
)


def selection(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """Stage by stage, the whole process last; each in all and by job family."""
    found = select(report, "impact_ratio", attribute=attribute)
    blocks: list[dict[str, Any]] = []
    for stage in stages_in(found):
        here = [e for e in found if e["subject"]["stage"] == stage]
        whole = next((e for e in here if e["subject"]["job_family"] is None), None)
        if whole is not None:
            blocks += _groups_of(report, whole, stage)
        blocks.append(findings(said(report, "selection", attribute, stage)))
        blocks += _families(report, here, stage)
        blocks += _pooled(report, attribute, stage)
        blocks += _counted(report, here, attribute, stage)
        blocks += _tests(report, attribute, stage)
        blocks += _coverage(report, attribute, stage)
    return [block for block in blocks if block.get("items") != []]


def _families(report: Entry, here: list[Entry], stage: str | None) -> list[dict[str, Any]]:
    parts = [(_pair_name(e), e) for e in here if e["subject"]["job_family"] is not None]
    if not parts:
        return []
    threshold = report["policy"]["policy"]["impact_ratio"]
    caption = f"{view.sentence(view.stages(stage))}: smallest impact ratio by job family"
    lines = [(threshold, marks.tick(report)), (1.0, "1")]
    return [forest(caption, parts, Axis(0, MOST_RATIO), lines, kinds=kinds(report))]


def _pair_name(estimate: Entry) -> str:
    detail = estimate["detail"]
    pair = (
        f" ({view.label(detail['focal'])} : {view.label(detail['reference'])})"
        if detail.get("focal") and detail.get("reference")
        else ""
    )
    return f"{view.family(estimate['subject']['job_family'])}{pair}"


def _groups_of(report: Entry, estimate: Entry, stage: str | None) -> list[dict[str, Any]]:
    """Every group of a stage against the reference, as a forest of ratios."""
    detail, threshold = estimate["detail"], report["policy"]["policy"]["impact_ratio"]
    shown = [
        row
        for row in detail.get("rows") or []
        if row.get("ratio") is not None and row["group"] != detail.get("reference")
    ]
    if not shown:
        return []
    ends = [view.number(row[end]) for row in shown for end in ("low", "high")]
    axis = spanning(ends, always=(0.0, 1.25), limits=(0.0, MOST_RATIO))
    references = [(threshold, marks.tick(report)), (1.0, "1: alike")]
    drawn: list[tuple[str, Markup, str]] = []
    for row in shown:
        low, high = view.number(row["low"]), view.number(row["high"])
        reached = marks.met(estimate, row["group"], report)
        kind = "muted" if not row.get("eligible", True) else "alert" if reached is False else "estimate"
        name = f"{view.label(row['group'])} : {view.label(detail['reference'])}"
        name += "" if row.get("eligible", True) else " (small: shown, not judged)"
        value = f"{view.coefficient(row['ratio'])} {view.interval(row)}"
        drawn.append(
            (name, strip(Mark(name, row["ratio"], low, high, kind), axis, references, f"Impact ratio {value}"), value)
        )
    caption = f"{view.sentence(view.stages(stage))}: impact ratios against {view.label(detail['reference'])}"
    return [rows(caption, drawn, scale(axis, references), more=12)]


def _pooled(report: Entry, attribute: str, stage: str | None) -> list[dict[str, Any]]:
    """What pooling requisitions does to the picture; reversals are named."""
    told = []
    for estimate in select(report, "mantel_haenszel", attribute=attribute, stage=stage):
        detail, subject = estimate["detail"], estimate["subject"]
        way, marginal = detail.get("directions") or {}, detail.get("marginal_or")
        if estimate["value"] is None or marginal is None:
            continue
        focal = view.label(subject["group"])
        counted = (
            f" Of {view.count(estimate['n'].get('strata'))} requisitions that can speak, {focal} fared worse in "
            f"{view.count(way.get('lower'))}, better in {view.count(way.get('higher'))}."
            if way and estimate["n"].get("strata") is not None
            else ""
        )
        if detail.get("reversed"):
            told.append(
                f"{view.sentence(sentences.pair(subject))}: the direction turns round once requisitions are kept apart. Over "
                f"everyone the odds ratio is {view.coefficient(marginal)}, within requisitions "
                f"{view.coefficient(estimate['value'])} {view.interval(estimate['interval'])}: the groups went for "
                f"requisitions "
                f"that are not equally easy to pass (Simpson's paradox). Read the figure within requisitions.{counted}"
            )
        else:
            told.append(
                f"{view.sentence(sentences.pair(subject))}: odds ratio {view.coefficient(marginal)} over everyone, "
                f"{view.coefficient(estimate['value'])} {view.interval(estimate['interval'])} within requisitions.{counted}"
            )
    return [text(*told)] if told else []


def _counted(report: Entry, here: list[Entry], attribute: str, stage: str | None) -> list[dict[str, Any]]:
    lines = []
    for estimate in here:
        detail = estimate["detail"]
        for row in detail.get("rows") or []:
            where = view.family(estimate["subject"]["job_family"])
            met = {True: "at least", False: "below", None: view.MISSING}[marks.met(estimate, row["group"], report)]
            counts = (view.count(row["n"]), view.count(row["selected"]), view.coefficient(row["rate"], 3))
            reference = row["group"] == detail.get("reference")
            figures = (
                ("reference", view.MISSING) if reference else (view.coefficient(row["ratio"], 3), view.interval(row, 3))
            )
            lines.append((f"{view.label(row['group'])}, {where}", *counts, *figures, met))
    columns = ("Group", "People", "Selected", "Rate", "Ratio", "95 % interval", view.sentence(marks.mark(report)))
    caption = f"Selection by {view.label(attribute)}, {view.stages(stage)}"
    return [table(caption, columns, lines, words=(6,), folded=len(lines) > 8)] if lines else []


def _tests(report: Entry, attribute: str, stage: str | None) -> list[dict[str, Any]]:
    tests = []
    for measure, name, key in TESTS:
        for estimate in select(report, measure, stage=stage, attribute=attribute):
            subject = estimate["subject"]
            pair = f"{sentences.pair(subject)}, {view.family(subject['job_family'])}"
            run = test_of(report, estimate["id"])
            figure = (view.fixed(estimate["value"]), view.interval(estimate["interval"]))
            tests.append(
                (pair, name, *figure, view.p_value(estimate["detail"].get(key)), view.p_value((run or {}).get("q")))
            )
    names = ("Groups", "Test", "Odds ratio or statistic", "95 % interval", "p", "q")
    caption = f"Tests of selection by {view.label(attribute)}, {view.stages(stage)}"
    return [table(caption, names, tests, words=(1,), folded=True)] if tests else []


def _coverage(report: Entry, attribute: str, stage: str | None) -> list[dict[str, Any]]:
    """For whom the group is not known: disclosed, never benchmarked."""
    found = first(report, "group_coverage", attribute=attribute, stage=stage)
    if found is None or found["value"] is None or CROSS in attribute:
        return []
    n, rates = found["n"], found["detail"].get("rates") or {}
    parts = [
        f"{view.count(n[status])} {words}" + (f" (rate {view.coefficient(rates[status])})" if rates.get(status) else "")
        for status, words in (("declined", "chose not to say"), ("unknown", "are of unknown group"))
        if n.get(status)
    ]
    if not parts:
        return []
    return [
        text(
            f"The group is known for {view.count(n['known'])} of {view.count(n['people'])} people "
            f"({view.percent(found['value'])}); {view.listed(parts)}. They are counted here and compared with nobody."
        )
    ]
