"""The calibration pack: an agenda for a meeting of interviewers, and one page of feedback for each of them.

An internal document beside the report. Interviewers stand under their pseudonyms; candidates do not appear at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from reports import view
from reports.blocks import points, rows, table, text
from reports.evidence import LEADS, first, select
from reports.figures import Axis, Mark, bar, scale, spanning, strip
from reports.html import environment, style

Entry = Mapping[str, Any]
MEANINGS = {
    "severity": ("harsher than others on the same candidates", "milder than others on the same candidates"),
    "discrimination": ("draws differences between candidates larger", "draws differences between candidates smaller"),
    "range": (
        "uses more of the scale than these candidates explain",
        "uses less of the scale than these candidates explain",
    ),
    "inconsistency": ("follows what others see less closely", ""),
    "halo": ("scores a candidate's competencies more alike", ""),
    "same_score_throughout": ("gives one score throughout a form more often", ""),
    "copying": ("hands in forms equal to a panel member's more often", ""),
    "order": ("scores later candidates of a day higher", "scores later candidates of a day lower"),
    "contrast": ("scores higher after a strong candidate", "scores lower after a strong candidate"),
    "submission_lag": ("submits later after the interview", ""),
}
HOW_TO_READ = (
    "These pages show how scores differ from those of other interviewers of the same candidates. A difference is not a "
    "mistake: who is right is not known, and knowing more than others makes a difference, too. Nothing here may be used "
    "to judge an interviewer's performance."
)


def render_pack(report: Entry, told: Sequence[Entry]) -> str:
    """The pack as one HTML page: report has passed disclosure control, told is what the analysis says of each stage.

    The same input gives the same bytes.
    """
    least = report["policy"]["audit"]["minimum_candidates_per_rater"]
    return (
        environment()
        .get_template("calibration.html.j2")
        .render(
            report=report,
            least=least,
            how_to_read=HOW_TO_READ,
            stages=[
                {"name": view.stages(stage["stage"]), "agenda": _agenda(report, stage), "pages": _pages(report, stage)}
                for stage in told
            ],
            style=Markup(style()),  # noqa: S704 - the project's own style sheet
        )
    )


def _agenda(report: Entry, stage: Entry) -> list[dict[str, Any]]:
    """What a calibration meeting of this stage should talk about, most telling first."""
    name = stage["stage"]
    items = [
        *_least_agreed(report, name),
        *_most_unlike(report, name),
        *_of_the_scale(report, name, stage),
        *_meet(report, name),
    ]
    steps = (
        "Before the meeting: everybody scores the same two or three recorded or written answers, alone.",
        "In the meeting: compare scores competency by competency, furthest apart first; say which words of the answer "
        "each score rests on; agree on anchors for the scale's ends and middle.",
        "Afterwards: score one more answer each. If scores still lie apart, the anchors need work, not the people.",
    )
    return [points(*items), text("How to go about it"), points(*steps)]


def _least_agreed(report: Entry, stage: str) -> list[str]:
    found = [
        e
        for e in select(report, "gwet_ac", stage=stage, job_family=None)
        if e["value"] is not None and e["subject"]["competency"] not in LEADS
    ]
    if len(found) < 2:
        return []
    ordered = sorted(found, key=lambda e: (e["value"], e["id"]))
    worst, best = ordered[0], ordered[-1]
    ends = [view.number((e["interval"] or {}).get(end)) for e, end in ((worst, "high"), (best, "low"))]
    if ends[0] is None or ends[1] is None or ends[0] >= ends[1]:
        return [
            f"Competencies are agreed on about alike (Gwet's AC2 {view.coefficient(worst['value'])} to "
            f"{view.coefficient(best['value'])}, intervals overlap): take any."
        ]
    return [
        f"{view.sentence(view.competency(worst['subject']['competency']))} is agreed on least (Gwet's AC2 "
        f"{view.coefficient(worst['value'])} {view.interval(worst['interval'])}; "
        f"{view.competency(best['subject']['competency'])} {view.coefficient(best['value'])}): begin there."
    ]


def _most_unlike(report: Entry, stage: str) -> list[str]:
    habits = first(report, "rater_habits", stage=stage)
    severity = first(report, "rater_severity", stage=stage)
    said = []
    if severity is not None and severity["value"] is not None:
        said.append(
            f"Interviewers' severity spreads by {view.rough(severity['value'])} score points (SD, "
            f"{view.from_to(severity['interval'])}): the same answer, another panel, another score."
        )
    for name, summary in (habits or {}).get("detail", {}).get("habits", {}).items():
        if summary.get("flagged"):
            number = view.count(summary["flagged"])
            high, low = MEANINGS.get(name, (name, name))
            meaning = " or ".join(words for words in (high, low) if words)
            said.append(f"{number} of {view.count(summary['judged'])} interviewers stand apart: {meaning}.")
    for name, words in (("order", "a place later in the day"), ("contrast", "a point more for the candidate before")):
        usual = (habits or {}).get("detail", {}).get("habits", {}).get(name, {})
        ends = usual.get("centre_interval")
        if ends and (ends[0] > 0 or ends[1] < 0):
            said.append(
                f"For the typical interviewer {words} goes with {view.fixed(usual['centre'])} score points "
                f"[{view.fixed(ends[0])}, {view.fixed(ends[1])}]: breaks and anchors read anew before each interview help."
            )
    return said


def _of_the_scale(report: Entry, stage: str, told: Entry) -> list[str]:
    shares = told["scale"]
    rasch = first(report, "many_facet_rasch", stage=stage)
    said = []
    if shares:
        most = max(shares, key=lambda value: shares[value])
        unused = [value for value, share in shares.items() if share < 0.02]
        said.append(
            f"The score {most} is {view.percent(shares[most])} of all scores"
            + (f"; hardly used: {view.listed(unused)}." if unused else ".")
            + " Agree on what an answer at each score sounds like."
        )
    if rasch is not None and rasch["detail"].get("disordered"):
        said.append(
            "Neighbouring scores are not told apart reliably (disordered thresholds): fewer steps may do better."
        )
    return said


def _meet(report: Entry, stage: str) -> list[str]:
    advice = first(report, "pairing_advice", stage=stage)
    lines = []
    for row in ((advice or {}).get("detail", {}).get("rows") or [])[:3]:
        mates = view.listed([view.pseudonym(mate) for mate in row["with_raters"]], 3)
        if mates:
            lines.append(f"{view.pseudonym(row['rater'])} with {mates}")
    return [f"Put together on the next panels: {'; '.join(lines)}."] if lines else []


def _pages(report: Entry, stage: Entry) -> list[dict[str, Any]]:
    name = stage["stage"]
    severity = first(report, "rater_severity", stage=name)
    found = {key: (severity or {}).get("detail", {}).get(key) or {} for key in ("severity", "severity_interval")}
    ends = [end for one in found["severity_interval"].values() if one for end in one]
    axis = spanning([*ends, *found["severity"].values()], always=(0.0,), limits=(-10, 10))
    pages = []
    for rater, own in sorted(stage["raters"].items()):
        blocks = [
            *_own_severity(rater, found, axis),
            _own_scale(own["scale"], stage["scale"]),
            *_own_habits(rater, report, name),
            *_own_misfits(own["misfits"]),
        ]
        pages.append({"title": view.pseudonym(rater), "units": view.count(own["units"]), "blocks": blocks})
    return pages


def _own_severity(rater: str, found: Mapping[str, Entry], axis: Axis) -> list[dict[str, Any]]:
    value, ends = view.number(found["severity"].get(rater)), found["severity_interval"].get(rater)
    if value is None or not ends:
        return [text("Severity: not estimated for these scores.")]
    low, high = view.number(ends[0]), view.number(ends[1])
    words = f"{view.fixed(value)} [{view.fixed(low)}, {view.fixed(high)}]"
    mark = Mark("Your severity", value, low, high)
    references = [(0.0, "average interviewer")]
    drawn = [("Your severity", strip(mark, axis, references, f"{words} score points; above zero is harsher"), words)]
    if low is not None and high is not None and low <= 0 <= high:
        said = "Your scores lie about where those of other interviewers of the same candidates lie."
    else:
        side = "lower" if value > 0 else "higher"
        said = (
            f"You score about {view.rough(abs(value))} points {side} than an average interviewer would score the same "
            "candidates."
        )
    return [rows("Severity in score points, with its 95 % interval", drawn, scale(axis, references)), text(said)]


def _own_scale(own: Entry, everybody: Entry) -> dict[str, Any]:
    longest = max([*own.values(), *everybody.values()], default=1.0)
    drawn = []
    for value, share in everybody.items():
        mine = own.get(value, 0.0)
        words = f"{view.percent(mine)} (all: {view.percent(share)})"
        drawn.append((value, bar(f"Score {value}", words, mine / longest), words))
    return rows("How often you gave each score, and all interviewers together", drawn)


def _own_habits(rater: str, report: Entry, stage: str) -> list[dict[str, Any]]:
    habits = (first(report, "rater_habits", stage=stage) or {}).get("detail", {})
    row = habits.get("raters", {}).get(rater)
    drift = (first(report, "rater_drift", stage=stage) or {}).get("detail", {}).get("raters", {}).get(rater)
    if not row:
        return []
    said = []
    for name in row["flags"]:
        figures = row["habits"][name]
        high, low = MEANINGS.get(name, (name, name))
        meaning = high if figures["estimate"] >= figures["usual"] else low
        said.append(
            f"{view.sentence(meaning)}: {view.fixed(figures['estimate'])} where {view.fixed(figures['usual'])} is usual "
            f"({habits['habits'][name]['unit']})."
        )
    if drift and drift["flagged"]:
        side = "harsher" if drift["slope"] < 0 else "milder"
        said.append(
            f"Grows {side} over time: {view.fixed(abs(drift['slope']))} score points a quarter, 95 % interval of the "
            f"pooled slope {view.fixed(drift['low'])} to {view.fixed(drift['high'])}."
        )
    judged = view.count(len(row["habits"]))
    if not said:
        return [text(f"Of {judged} habits looked at, none stands apart from other interviewers'.")]
    return [text(f"Of {judged} habits looked at, these stand apart from other interviewers':"), points(*said)]


def _own_misfits(misfits: Sequence[Entry]) -> list[dict[str, Any]]:
    if not misfits:
        return [text("No single score stands far from what the model expects.")]
    lines = [
        (
            view.sentence(view.competency(row["item"])),
            row["month"] or view.MISSING,
            f"{row['observed']:g}",
            view.fixed(row["expected"], 1),
            "lower than expected" if row["harsher"] else "higher than expected",
        )
        for row in misfits
    ]
    columns = ("Competency", "Month", "Your score", "Expected", "")
    caption = "Your scores that surprise most, given how others scored the same candidates"
    return [table(caption, columns, lines, words=(1, 4))]
