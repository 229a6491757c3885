"""Chapter 5, scores: gaps competency by competency, whose scores lie where, which competency carries a gap."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports import sentences, view
from reports.blocks import findings, forest, heading, rows, table, text
from reports.chapters.alike.told import kinds, known, people, q_of, said, stages_in, told
from reports.evidence import select, test_of
from reports.figures import Axis, box, scale, spanning

Entry = Mapping[str, Any]


def gaps(report: Entry, attribute: str) -> list[dict[str, Any]]:
    found = select(report, "standardized_difference", attribute=attribute)
    if not found:
        return []
    worth = report["policy"]["policy"]["difference_of_interest"]
    ends = [
        view.number((e["interval"] or {}).get(end))
        for e in found
        if e["subject"]["job_family"] is None
        for end in ("low", "high")
    ]
    reach = min(1.5, max([0.5, *(abs(v) for v in ends if v is not None and math.isfinite(v))]) * 1.05)
    references = [(-worth, view.coefficient(-worth)), (0.0, "0"), (worth, view.coefficient(worth))]
    blocks: list[dict[str, Any]] = [heading(f"Scores by {view.label(attribute)}")]
    for stage in stages_in(found):
        entries = [
            (_gap_name(e), e) for e in found if e["subject"]["stage"] == stage and e["subject"]["job_family"] is None
        ]
        caption = (
            f"{view.sentence(view.stages(stage))}: score gaps in standard deviations (left: lower than the reference)"
        )
        blocks.append(forest(caption, entries, Axis(-reach, reach), references, kinds=kinds(report)))
        blocks.append(findings(said(report, "score_gap", attribute, stage)))
    lines_ = []
    for estimate in found:
        subject, n, detail = estimate["subject"], estimate["n"], estimate["detail"]
        run = test_of(report, estimate["id"])
        what = f"{_gap_name(estimate)}, {view.stage(subject['stage'])}, {view.family(subject['job_family'])}"
        figures = (
            view.coefficient(estimate["value"], 3),
            view.interval(estimate["interval"], 3),
            view.fixed(detail.get("mean_difference"), 3),
        )
        counted = (view.count(n.get("focal")), view.count(n.get("reference")))
        lines_.append((what, *figures, *counted, view.p_value(detail.get("p")), view.p_value((run or {}).get("q"))))
    columns = ("Groups and score", "Hedges' g", "95 % interval", "Points", "Group", "Reference", "p", "q")
    return [*blocks, table(f"Score gaps by {view.label(attribute)}", columns, lines_, folded=True)]


def _gap_name(estimate: Entry) -> str:
    subject = estimate["subject"]
    return f"{sentences.pair(subject)}, {view.competency(subject['competency'])}"


QUANTILES = ("0.1", "0.25", "0.5", "0.75", "0.9")


def distributions(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """Where each group's scores lie, and how often somebody of one group is ahead of somebody of the other."""
    found = select(report, "probability_of_superiority", attribute=attribute)
    blocks: list[dict[str, Any]] = []
    for stage in stages_in(found):
        here = [e for e in found if e["subject"]["stage"] == stage]
        groups = {name: q for e in here for name, q in (e["detail"].get("quantiles") or {}).items() if q}
        shown = {name: q for name, q in groups.items() if q.get("0.5") is not None}
        if shown:
            blocks.append(_strips(shown, stage))
        blocks.append(text(*(_ahead(e) for e in known(here))))
    return [block for block in blocks if block.get("paragraphs") != []]


def _strips(groups: Mapping[str, Entry], stage: str | None) -> dict[str, Any]:
    axis = spanning([v for q in groups.values() for v in q.values()], limits=(-math.inf, math.inf))
    drawn: list[tuple[str, Markup, str]] = []
    for name, q in sorted(groups.items()):
        label = view.label(name)
        outer = [q.get("0.1"), q.get("0.9")]
        where = "; ".join(
            f"{round(100 * float(key))} % score up to {view.fixed(q[key])}"
            for key in QUANTILES
            if q.get(key) is not None
        )
        value = f"{view.fixed(q['0.5'])} [{view.fixed(q.get('0.25'))}, {view.fixed(q.get('0.75'))}]"
        ends = outer if None not in outer else [q.get("0.25"), q.get("0.75")]
        drawn.append(
            (label, box(label, ends, [q.get("0.25"), q.get("0.75")], q["0.5"], axis, f"{label}: {where}"), value)
        )
    caption = (
        f"{view.sentence(view.stages(stage))}: where the groups' scores lie (line: the middle 80 %, bar: the middle half, "
        "dot: median)"
    )
    return rows(caption, drawn, scale(axis, []))


def _ahead(estimate: Entry) -> str:
    subject = estimate["subject"]
    focal, reference = view.label(subject["group"]), view.label(subject["reference"])
    people_ = people(estimate)
    return (
        f"Of one of {focal} and one of {reference} taken at random, the first scores higher in "
        f"{view.rough(100 * estimate['value'])} of 100 draws, ties halved ({view.interval_in_words(estimate['interval'])}; "
        f"{people_[0]} and {people_[1]} people)."
    )


def shares(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """Which competency carries the gap in the composite."""
    blocks: list[dict[str, Any]] = []
    for estimate in known(select(report, "gap_shares", attribute=attribute)):
        rows_ = estimate["detail"].get("rows") or []
        subject = estimate["subject"]
        where = f"{sentences.pair(subject)}, {view.stages(subject['stage'])}"
        entries = []
        for row in rows_:
            name = view.sentence(view.competency(row["competency"]))
            alone = {"low": row["d_low"], "high": row["d_high"]}
            entries.append((f"{name}: as scored", {"id": "", "value": row["d"], "interval": alone}))
            adjusted = row.get("adjusted") or {}
            if adjusted.get("difference") is not None:
                beside = {"low": adjusted["low"], "high": adjusted["high"]}
                entry = {"id": f"{name}/adjusted", "value": adjusted["difference"], "interval": beside}
                entries.append((f"{name}: beside the others", entry))
        ends = [view.number((e["interval"] or {}).get(end)) for _, e in entries for end in ("low", "high")]
        axis = spanning(ends, always=(-0.3, 0.3), limits=(-2.0, 2.0))
        muted = {e["id"]: "muted" for _, e in entries if e["id"]}
        caption = f"{where}: gap by competency in standard deviations, as scored and among people alike in the others"
        blocks += [forest(caption, entries, axis, [(0.0, "alike")], kinds=muted), text(_carried(estimate))]
    return [heading(f"Which competency carries a gap by {view.label(attribute)}?"), *blocks] if blocks else []


def _carried(estimate: Entry) -> str:
    detail, subject = estimate["detail"], estimate["subject"]
    carried = [
        f"{view.competency(row['competency'])} {view.percent(row['share'])}"
        + (
            f" ({view.percent(row['share_low'])} to {view.percent(row['share_high'])})"
            if isinstance(row.get("share_low"), float) and isinstance(row.get("share_high"), float)
            else ""
        )
        for row in detail.get("rows") or []
        if row.get("share") is not None
    ]
    gap = f"{view.coefficient(estimate['value'])} {view.interval(estimate['interval'])}"
    counted = people(estimate)
    base = (
        f"The composite of the competencies differs by {gap} standard deviations between {view.label(subject['group'])} and "
        f"{view.label(subject['reference'])} ({counted[0]} and {counted[1]} people)"
    )
    if not carried:
        return f"{base}: too little to be divided among competencies."
    return f"{base}. Of it come with {view.listed(carried)}."


def item_bias(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """Whether one competency is scored apart from the others, among people of the same standing."""
    found = known(select(report, "dif_mantel_haenszel", attribute=attribute))
    if not found:
        return []
    blocks: list[dict[str, Any]] = [heading(f"Is a competency scored apart, by {view.label(attribute)}?")]
    for stage in stages_in(found):
        here = [e for e in found if e["subject"]["stage"] == stage]
        entries = [(_item_name(e), e) for e in here]
        ends = [view.number((e["interval"] or {}).get(end)) for e in here for end in ("low", "high")]
        axis = spanning(ends, always=(-1.5, 1.5), limits=(-6.0, 6.0))
        references = [(-1.5, "C"), (-1.0, "B"), (0.0, "alike"), (1.0, "B"), (1.5, "C")]
        caption = (
            f"{view.sentence(view.stages(stage))}: competencies among people of the same standing, on the delta scale (left: "
            "scored lower than the others would suggest)"
        )
        blocks.append(forest(caption, entries, axis, references, kinds=kinds(report)))
        blocks += told(report, "item_bias", attribute, stage)
    lines_ = []
    for estimate in found:
        detail = estimate["detail"]
        figures = (
            view.fixed(estimate["value"]),
            view.interval(estimate["interval"]),
            detail.get("ets_class") or view.MISSING,
        )
        lines_.append(
            (_item_name(estimate), *figures, *people(estimate), view.p_value(detail.get("p")), q_of(report, estimate))
        )
    columns = ("Competency and groups", "Delta", "95 % interval", "Class", "Group", "Reference", "p", "q")
    blocks.append(
        table(f"Competencies at equal standing, {view.label(attribute)}", columns, lines_, words=(3,), folded=True)
    )
    return [block for block in blocks if block.get("items") != []]


def _item_name(estimate: Entry) -> str:
    subject = estimate["subject"]
    return f"{view.sentence(view.competency(subject['competency']))}, {sentences.pair(subject)}"


def scoring_rates(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """The share of each group above everyone's median, in the form of Local Law 144."""
    lines_ = []
    for estimate in select(report, "scoring_rate", attribute=attribute):
        detail, stage = estimate["detail"], estimate["subject"]["stage"]
        for row in detail.get("rows") or []:
            reference = row["group"] == detail.get("reference")
            ratio = (
                ("reference", view.MISSING) if reference else (view.coefficient(row["ratio"], 3), view.interval(row, 3))
            )
            counts = (view.count(row["n"]), view.count(row["above"]), view.coefficient(row["rate"], 3))
            lines_.append((f"{view.label(row['group'])}, {view.stages(stage)}", *counts, *ratio))
    columns = ("Group", "Scored", "Above the median", "Scoring rate", "Ratio", "95 % interval")
    caption = f"Scoring rate by {view.label(attribute)}: share above everyone's median"
    return [table(caption, columns, lines_, folded=len(lines_) > 6)] if lines_ else []
