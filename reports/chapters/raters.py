"""Chapter 3: who scores how? Pseudonyms only, and nobody under the minimum number of candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import Chapter, heading, picture, table, text
from reports.chapters.drift import drift
from reports.chapters.habits import habits
from reports.chapters.linkage import linkage
from reports.chapters.rasch import rasch
from reports.evidence import first
from reports.figures import Mark, caterpillar

Entry = Mapping[str, Any]
MOST_DRAWN = 60
MEASURES = ("rater_linkage", "rater_severity", "many_facet_rasch", "rater_habits", "rater_drift")
LIMITING = {
    "rater_severity": ("UNLINKED_RATERS", "SMALL_GROUP"),
    "many_facet_rasch": ("SMALL_GROUP", "BOUNDARY", "ZERO_CELL", "SMALL_SAMPLE", "INCOMPLETE_DESIGN"),
    "rater_drift": ("SMALL_GROUP",),
}


def chapter(report: Entry) -> Chapter | None:
    blocks: list[dict[str, Any]] = []
    limits = ["Severity is a difference between interviewers, not a judgement on them: who is right is not known."]
    for stage in ("user", "hr", "other"):
        found = {measure: first(report, measure, stage=stage) for measure in MEASURES}
        estimate = found["rater_severity"]
        blocks += linkage(found["rater_linkage"], stage)
        if estimate is not None and estimate["value"] is not None:
            blocks += _stage(stage, estimate, report)
        blocks += rasch(found["many_facet_rasch"], stage)
        blocks += habits(found["rater_habits"], stage, report)
        blocks += drift(found["rater_drift"], stage, report)
        limits += _limits(found, stage)
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
            f"candidates; positive means harsher. Interviewers with fewer than {least} candidates are counted, not shown. "
            "The common scale is the many-facet Rasch model; habits and drift compare forms with what candidates' other "
            "interviewers make one expect, with jackknife errors, partial pooling (Paule & Mandel) and false-discovery "
            "control (Benjamini & Hochberg). What ties interviewers together are the parts and the cut points of the graph "
            "of candidates and interviewers."
        ),
        command="fairpanel measure rater_severity ratings.csv --unit candidate --rater interviewer --score score",
        limits=limits,
    )


def _limits(found: Mapping[str, Entry | None], stage: str) -> list[str]:
    """Cautions on who is compared, each said once."""
    said = {
        f"{view.sentence(view.stages(stage))}: {view.caution(c['text'])}": None
        for measure, codes in LIMITING.items()
        for c in (found[measure] or {"cautions": []})["cautions"]
        if c["code"] in codes
    }
    return list(said)


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
    named = heading(f"Severity, {view.stages(stage)}")
    if not marks:
        return [named, text(said)]
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
    return [named, picture(f"{title}. {how}", svg, legend), text(said), table(title, columns, lines, folded=True)]


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
