"""Chapter 5: alike for groups?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports import sentences, view
from reports.blocks import Chapter, findings, forest, heading, picture, rows, table
from reports.evidence import attributes_of, first, select, test_of
from reports.figures import Axis, Line, Mark, lines, scale, spanning, strip

Entry = Mapping[str, Any]
MOST_RATIO = 2.5
TESTS = (
    ("fisher_exact", "Fisher's exact test", "p_two_sided"),
    ("lancaster_mid_p", "Lancaster's mid-p", "p_two_sided"),
    ("mantel_haenszel", "Mantel–Haenszel within requisitions", "p_corrected"),
    ("breslow_day", "Breslow–Day with Tarone's correction", "p_homogeneity"),
)


def chapter(report: Entry) -> Chapter | None:
    attributes = attributes_of(report)
    if not attributes:
        return None
    blocks: list[dict[str, Any]] = []
    for attribute in attributes:
        blocks += [heading(f"By {view.label(attribute)}"), *_selection(report, attribute), *_gaps(report, attribute)]
        blocks += _prediction(report, attribute)
    blocks += _withheld(report)
    cell = report["policy"]["disclosure"]["minimum_cell"]
    limits = [
        "Four fifths is prima facie evidence in United States practice, not a definition of equal treatment.",
        (
            "A difference between groups says that outcomes differ, not why; an absent difference says no "
            "more than its interval."
        ),
        f"Figures resting on fewer than {cell} people in a cell are not shown, nor what would give them away.",
    ]
    if any(e["detail"].get("over_all_pairs") for e in select(report, "impact_ratio")):
        limits.append(
            "With more than two groups the data choose which pair is compared; the wider interval "
            "over all pairs (Bonferroni) allows for it."
        )
    return Chapter(
        id="groups",
        title="Alike for groups?",
        question="Do groups pass each stage at like rates, score alike, and does a score promise the same performance?",
        blocks=blocks,
        computed=(
            "Impact ratios with Koopman's score interval, four fifths judged in whole numbers; "
            "Hedges' g for scores; moderated regression with "
            "robust errors for prediction. Selection is compared with the highest rate among groups "
            "of the minimum share, scores with the largest group."
        ),
        command="fairpanel measure impact_ratio people.csv --group group --selected selected",
        limits=limits,
    )


def _selection(report: Entry, attribute: str) -> list[dict[str, Any]]:
    found = select(report, "impact_ratio", attribute=attribute)
    blocks: list[dict[str, Any]] = []
    threshold = report["policy"]["policy"]["impact_ratio"]
    for stage in [s for s in ("user", "hr", "other") if any(e["subject"]["stage"] == s for e in found)]:
        here = [e for e in found if e["subject"]["stage"] == stage]
        whole = next((e for e in here if e["subject"]["job_family"] is None), None)
        if whole is not None:
            blocks += _groups_of(whole, stage, threshold)
        blocks.append(findings(_said(report, "selection", attribute, stage)))
        parts = [(_pair_name(e), e) for e in here if e["subject"]["job_family"] is not None]
        if parts:
            caption = f"{view.sentence(view.stages(stage))}: smallest impact ratio by job family"
            blocks.append(
                forest(caption, parts, Axis(0, MOST_RATIO), [(threshold, "0.8"), (1.0, "1")], kinds=_kinds(report))
            )
        blocks += _tables(report, here, attribute, stage)
    return blocks


def _withheld(report: Entry) -> list[dict[str, Any]]:
    """What disclosure control took out, without saying which cell was the small one."""
    lines_ = []
    for entry in report["suppressed"]:
        subject = entry["subject"]
        where = f"{view.stages(subject['stage'])}, {view.family(subject['job_family'])}"
        lines_.append(
            (f"{view.label(subject['group'])} ({view.label(subject['attribute'])})", where, entry["what"], entry["why"])
        )
    if not lines_:
        return []
    columns = ("Group", "Where", "Withheld", "Why")
    return [table("Withheld to protect small groups", columns, lines_, words=(1, 2, 3), folded=True)]


def _kinds(report: Entry) -> dict[str, str]:
    return {
        f["evidence"][0]: "alert" for f in report["findings"] if f["state"] in ("alert", "concern") and f["evidence"]
    }


def _said(report: Entry, rule: str, attribute: str, stage: str | None = None) -> list[tuple[str, str]]:
    return [
        (f["state"], sentences.say(f, report).text)
        for f in report["findings"]
        if f["rule"] == rule
        and f["leading"]
        and f["subject"]["attribute"] == attribute
        and (stage is None or f["subject"]["stage"] == stage)
    ]


def _pair_name(estimate: Entry) -> str:
    detail = estimate["detail"]
    pair = (
        f" ({view.label(detail['focal'])} : {view.label(detail['reference'])})"
        if detail.get("focal") and detail.get("reference")
        else ""
    )
    return f"{view.family(estimate['subject']['job_family'])}{pair}"


def _groups_of(estimate: Entry, stage: str, threshold: float) -> list[dict[str, Any]]:
    """Every group of a stage against the reference, as a forest of ratios."""
    detail = estimate["detail"]
    shown = [
        row
        for row in detail.get("rows") or []
        if row.get("ratio") is not None and row["group"] != detail.get("reference")
    ]
    if not shown:
        return []
    ends = [view.number(row[end]) for row in shown for end in ("low", "high")]
    axis = spanning(ends, always=(0.0, 1.25), limits=(0.0, MOST_RATIO))
    references = [(threshold, "0.8"), (1.0, "1: alike")]
    drawn: list[tuple[str, Markup, str]] = []
    for row in shown:
        low, high = view.number(row["low"]), view.number(row["high"])
        met = (detail.get("four_fifths") or {}).get(row["group"])
        kind = "muted" if not row.get("eligible", True) else "alert" if met is False else "estimate"
        name = f"{view.label(row['group'])} : {view.label(detail['reference'])}"
        name += "" if row.get("eligible", True) else " (small: shown, not judged)"
        value = f"{view.coefficient(row['ratio'])} {view.interval(row)}"
        drawn.append(
            (name, strip(Mark(name, row["ratio"], low, high, kind), axis, references, f"Impact ratio {value}"), value)
        )
    caption = f"{view.sentence(view.stages(stage))}: impact ratios against {view.label(detail['reference'])}"
    return [rows(caption, drawn, scale(axis, references))]


def _tables(report: Entry, here: list[Entry], attribute: str, stage: str) -> list[dict[str, Any]]:
    lines_ = []
    for estimate in here:
        detail = estimate["detail"]
        for row in detail.get("rows") or []:
            where = view.family(estimate["subject"]["job_family"])
            met = {True: "at least", False: "below", None: view.MISSING}[
                (detail.get("four_fifths") or {}).get(row["group"])
            ]
            counts = (view.count(row["n"]), view.count(row["selected"]), view.coefficient(row["rate"], 3))
            reference = row["group"] == detail.get("reference")
            figures = (
                ("reference", view.MISSING) if reference else (view.coefficient(row["ratio"], 3), view.interval(row, 3))
            )
            lines_.append((f"{view.label(row['group'])}, {where}", *counts, *figures, met))
    columns = ("Group", "People", "Selected", "Rate", "Ratio", "95 % interval", "Four fifths")
    made = [
        table(
            f"Selection by {view.label(attribute)}, {view.stages(stage)}",
            columns,
            lines_,
            words=(6,),
            folded=len(lines_) > 8,
        )
    ]
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
    if tests:
        names = ("Groups", "Test", "Odds ratio or statistic", "95 % interval", "p", "q")
        made.append(
            table(
                f"Tests of selection by {view.label(attribute)}, {view.stages(stage)}",
                names,
                tests,
                words=(1,),
                folded=True,
            )
        )
    return made


def _gaps(report: Entry, attribute: str) -> list[dict[str, Any]]:
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
    for stage in [s for s in ("user", "hr", "other") if any(e["subject"]["stage"] == s for e in found)]:
        entries = [
            (_gap_name(e), e) for e in found if e["subject"]["stage"] == stage and e["subject"]["job_family"] is None
        ]
        caption = (
            f"{view.sentence(view.stages(stage))}: score gaps in standard deviations (left: lower than the reference)"
        )
        blocks.append(forest(caption, entries, Axis(-reach, reach), references, kinds=_kinds(report)))
        blocks.append(findings(_said(report, "score_gap", attribute, stage)))
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
        people = (view.count(n.get("focal")), view.count(n.get("reference")))
        lines_.append((what, *figures, *people, view.p_value(detail.get("p")), view.p_value((run or {}).get("q"))))
    columns = ("Groups and score", "Hedges' g", "95 % interval", "Points", "Group", "Reference", "p", "q")
    return [*blocks, table(f"Score gaps by {view.label(attribute)}", columns, lines_, folded=True)]


def _gap_name(estimate: Entry) -> str:
    subject = estimate["subject"]
    return f"{sentences.pair(subject)}, {view.competency(subject['competency'])}"


def _prediction(report: Entry, attribute: str) -> list[dict[str, Any]]:
    found = [e for e in select(report, "differential_prediction", attribute=attribute) if e["value"] is not None]
    if not found:
        return []
    blocks: list[dict[str, Any]] = [heading(f"Prediction lines by {view.label(attribute)}")]
    for stage in [s for s in ("user", "hr", "other") if any(e["subject"]["stage"] == s for e in found)]:
        drawn = _lines(report, attribute, stage)
        if drawn:
            blocks.append(drawn)
        blocks.append(findings(_said(report, "prediction", attribute, stage)))
    lines_ = []
    for estimate in found:
        detail, n, subject = estimate["detail"], estimate["n"], estimate["subject"]
        pair = f"{sentences.pair(subject)}, {view.stage(subject['stage'])}"
        ps = [view.p_value(detail.get(key)) for key in ("omnibus_p", "slope_p", "intercept_p")]
        people = (view.count(n.get("focal")), view.count(n.get("reference")))
        lines_.append((pair, view.fixed(estimate["value"], 3), view.interval(estimate["interval"], 3), *people, *ps))
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
