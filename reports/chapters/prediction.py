"""Chapter 4: does it predict?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import sentences, view
from reports.blocks import Chapter, findings, forest, heading, table, text
from reports.evidence import LEADS, leading_findings, select, stages_of, wholes_first
from reports.figures import spanning

Entry = Mapping[str, Any]
LADDER = (
    ("pearson", "", "Observed, among those with ratings (Pearson)"),
    ("spearman", "", "Observed, ranks (Spearman)"),
    ("pearson", "same_source", "Observed, rated by someone who had interviewed them"),
    ("pearson", "other_source", "Observed, rated by somebody else"),
    ("selection_validity", "direct", "In the applicant pool, selection on this score (Case II)"),
    ("selection_validity", "em", "In the applicant pool (maximum likelihood)"),
    ("corrected_validity", "attenuation", "Observed, corrected for unreliable ratings (assumed)"),
)


def chapter(report: Entry) -> Chapter | None:
    if not select(report, "pearson") and not leading_findings(report, "predictive"):
        return None
    blocks: list[dict[str, Any]] = []
    for stage in stages_of(report, "pearson"):
        ladder = [
            (name, estimate)
            for measure, variant, name in LADDER
            for estimate in select(report, measure, variant, stage=stage, competency=LEADS, job_family=None)
        ]
        caption = (
            f"{view.sentence(view.stages(stage))}: from the observed to the corrected correlation with performance"
        )
        blocks.append(forest(caption, ladder, _axis(ladder), [(0.0, "none")]))
    blocks.append(
        findings([(f["state"], sentences.say(f, report).text) for f in leading_findings(report, "predictive")])
    )
    for stage in stages_of(report, "pearson"):
        parts = [(_name(e), e) for e in wholes_first(select(report, "selection_validity", "em", stage=stage))]
        if len(parts) > 1:
            caption = f"{view.sentence(view.stages(stage))}: applicant-pool correlation by competency and job family"
            blocks.append(forest(caption, parts, _axis(parts), [(0.0, "none")]))
    blocks += [*_sensitivity(report), _table(report)]
    reliability = report["policy"]["audit"]["criterion_reliability"]
    limits = [
        "Performance is known for those who were hired and stayed to be rated; the applicant-pool "
        "figure assumes that, given the scores, it is "
        "missing at random. The sensitivity table shows how far hidden selection would move it.",
        "Performance ratings are judgements too, with their own errors and their own raters.",
    ]
    if reliability is not None:
        limits.append(
            "The correction for unreliable ratings assumes a reliability of "
            f"{view.coefficient(reliability)} (Viswesvaran, Ones & Schmidt 1996); "
            "it is shown beside the observed figure, never instead of it."
        )
    return Chapter(
        id="predict",
        title="Does it predict?",
        question="Do candidates with higher interview scores later perform better?",
        blocks=blocks,
        computed=(
            "Pearson and Spearman correlations with later performance among those with ratings; then "
            "maximum likelihood for all "
            "applicants, given that performance is missing at random once the scores are known. Each "
            "corrected figure stands beside the observed one."
        ),
        command="fairpanel measure selection_validity people.csv --x score --y performance --selected known --method em",
        limits=limits,
    )


def _axis(entries: list[tuple[str, Entry]]) -> Any:
    ends = [view.number((e["interval"] or {}).get(end)) for _, e in entries for end in ("low", "high")]
    return spanning(ends, always=(0.0, 0.6), limits=(-1.0, 1.0))


def _name(estimate: Entry) -> str:
    subject = estimate["subject"]
    what = view.sentence(view.competency(subject["competency"]))
    return what if subject["job_family"] is None else f"{what}, {view.family(subject['job_family'])}"


def _sensitivity(report: Entry) -> list[dict[str, Any]]:
    found = [
        e
        for e in select(report, "selection_validity", "em", job_family=None, competency=LEADS)
        if e["detail"].get("sensitivity")
    ]
    if not found:
        return []
    columns = [
        "Hidden selection (partial correlation)",
        *(view.sentence(view.stages(e["subject"]["stage"])) for e in found),
    ]
    steps = [row["partial_r"] for row in found[0]["detail"]["sensitivity"]]
    lines = []
    for index, step in enumerate(steps):
        cells = [
            e["detail"]["sensitivity"][index]["r"] if index < len(e["detail"]["sensitivity"]) else None for e in found
        ]
        lines.append((view.coefficient(step, 1), *(view.coefficient(cell) for cell in cells)))
    return [
        heading("What if people were selected on something the scores do not hold?"),
        text(
            "Each row supposes that those hired also differ in performance for reasons outside the "
            "scores, and re-estimates the correlation."
        ),
        table("Applicant-pool correlation under hidden selection", columns, lines),
    ]


def _table(report: Entry) -> dict[str, Any]:
    lines = []
    for stage in stages_of(report, "pearson"):
        for measure, variant, name in LADDER:
            for estimate in select(report, measure, variant, stage=stage):
                subject, n = estimate["subject"], estimate["n"]
                what = sentences.title(subject)
                known, pool = n.get("hired", n.get("people")), n.get("applicants")
                figures = (view.coefficient(estimate["value"], 3), view.interval(estimate["interval"], 3))
                lines.append((what, name, *figures, view.count(known), view.count(pool)))
    columns = ("Score", "Figure", "Value", "95 % interval", "With performance", "Applicants")
    return table("Correlations with later performance", columns, lines, words=(1,), folded=True)
