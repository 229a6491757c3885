"""Chapter 3: who scores how? Pseudonyms only, and nobody under the minimum number of candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import Chapter, picture, table, text
from reports.evidence import first, stages_of
from reports.figures import Mark, caterpillar

Entry = Mapping[str, Any]
MOST_DRAWN = 60


def chapter(report: Entry) -> Chapter | None:
    blocks: list[dict[str, Any]] = []
    limits = ["Severity is a difference between interviewers, not a judgement on them: who is right is not known."]
    for stage in stages_of(report, "rater_severity"):
        estimate = first(report, "rater_severity", stage=stage)
        if estimate is None or estimate["value"] is None:
            continue
        blocks += _stage(stage, estimate, report)
        limits += [
            f"{view.sentence(view.stages(stage))}: {view.caution(c['text'])}"
            for c in estimate["cautions"]
            if c["code"] in ("UNLINKED_RATERS", "SMALL_GROUP")
        ]
    if not blocks:
        return None
    least = report["policy"]["audit"]["minimum_candidates_per_rater"]
    return Chapter(
        id="raters",
        title="Who scores how?",
        question="How much does a candidate's score depend on who happened to be on the panel?",
        blocks=blocks,
        computed=(
            "Severity is predicted from the crossed random effects model, shrunken towards zero where "
            "an interviewer scored few "
            f"candidates; positive means harsher. Interviewers with fewer than {least} candidates are counted, not shown."
        ),
        command="fairpanel measure rater_severity ratings.csv --unit candidate --rater interviewer --score score",
        limits=limits,
    )


def _stage(stage: str, estimate: Entry, report: Entry) -> list[dict[str, Any]]:
    detail = estimate["detail"]
    intervals = detail.get("severity_interval", {})
    ordered = sorted(detail.get("severity", {}).items(), key=lambda item: (item[1], item[0]))
    shown, how = _chosen(ordered)
    marks = []
    for name, value in shown:
        low, high = (view.number(end) for end in intervals.get(name, (None, None)))
        apart = low is not None and high is not None and (low > 0 or high < 0)
        marks.append(Mark(view.pseudonym(name), value, low, high, "alert" if apart else "muted"))
    said = _reading(stage, estimate, ordered, intervals, report)
    if not marks:
        return [text(said)]
    title = f"Severity of interviewers, {view.stages(stage)}"
    svg = caterpillar(title, f"{said} {how}", marks, "↑ harsher, score points")
    legend = [("dot-alert", "interval does not hold zero"), ("dot-muted", "interval holds zero")]
    lines = [
        (
            view.pseudonym(name),
            view.fixed(value, 3),
            _ends(intervals.get(name)),
            view.count(detail.get("units_scored", {}).get(name)),
        )
        for name, value in reversed(ordered)
    ]
    columns = ("Interviewer (pseudonym)", "Severity, points", "95 % interval", "Candidates")
    return [picture(f"{title}. {how}", svg, legend), text(said), table(title, columns, lines, folded=True)]


def _ends(found: Any) -> str:
    return view.MISSING if not found else f"[{view.fixed(found[0], 3)}, {view.fixed(found[1], 3)}]"


def _chosen(ordered: list[tuple[str, float]]) -> tuple[list[tuple[str, float]], str]:
    """All, or evenly spaced ones in order of severity with both ends."""
    if len(ordered) <= MOST_DRAWN:
        return ordered, f"All {view.count(len(ordered))} interviewers above the minimum, in order of severity."
    last = len(ordered) - 1
    picked = sorted({round(i * last / (MOST_DRAWN - 1)) for i in range(MOST_DRAWN)})
    how = (
        f"{len(picked)} of {view.count(len(ordered))} interviewers above the minimum, evenly spaced in "
        "order of severity; all are in the table."
    )
    return [ordered[i] for i in picked], how


def _reading(stage: str, estimate: Entry, ordered: list[tuple[str, float]], intervals: Entry, report: Entry) -> str:
    detail = estimate["detail"]
    said = (
        f"At {view.stages(stage)}, interviewers' severity spreads by {view.rough(estimate['value'])} score points (SD; "
        f"{view.level(estimate['interval'])} interval {view.from_to(estimate['interval'])}). "
    )
    spread = detail.get("var_unit")
    if spread:
        relative = estimate["value"] / spread**0.5
        limit = report["policy"]["policy"]["severity_spread"]
        side = "over" if relative > limit else "under"
        said += (
            f"That is {view.rough(relative)} of the spread between candidates, {side} the "
            f"{view.rough(limit)} worth acting on. "
        )
    if ordered:
        ends = [intervals.get(name) or (None, None) for name, _ in ordered]
        harsh = sum(low is not None and low > 0 for low, _ in ends)
        mild = sum(high is not None and high < 0 for _, high in ends)
        said += (
            f"Of {view.count(len(ordered))} interviewers, the intervals of {view.count(harsh)} lie "
            "above zero (harsher) and those "
            f"of {view.count(mild)} below (milder)."
        )
    else:
        said += "No interviewer reaches the minimum number of candidates, so none is shown."
    return said.strip()
