"""Chapter 4, competencies: which predicts which side of performance, and what each adds to the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import forest, heading, heat_map, table, text
from reports.evidence import beyond, first, select, stages_of, test_of
from reports.figures import spanning

Entry = Mapping[str, Any]
SIDE = "performance: "
DEEPEST = 0.5  # the correlation from which the colour of the heat map is deepest
TOLD = {
    1: "Competencies go with their own side of performance more closely than with the other sides",
    0: "Whether competencies tell the sides of performance apart, these data cannot tell",
    -1: "Competencies go with other sides of performance more closely than with their own",
}
SCORES = {"overall": "overall score", "hr": "HR interview"}


def score(name: str) -> str:
    """A column of the analysis as a reader knows it."""
    return SCORES.get(name) or view.competency(name)


def side(name: str) -> str:
    """A dimension of performance."""
    plain = name.removeprefix(SIDE)
    return "overall performance" if plain == "overall" else view.competency(plain)


def matrix(report: Entry) -> list[dict[str, Any]]:
    """Competency by dimension, as a heat map, with the sentence on convergent and discriminant evidence."""
    blocks: list[dict[str, Any]] = []
    for stage in stages_of(report, "convergent_discriminant"):
        for estimate in select(report, "convergent_discriminant", stage=stage):
            cells = estimate["detail"].get("matrix") or []
            if not cells:
                continue
            columns = list(dict.fromkeys(row["criterion"] for row in cells))
            lines = []
            for name in dict.fromkeys(row["predictor"] for row in cells):
                found = {row["criterion"]: row for row in cells if row["predictor"] == name}
                lines.append((view.sentence(score(name)), [_cell(found.get(column)) for column in columns]))
            caption = (
                f"{view.sentence(view.stages(stage))}: correlation of competencies (rows) with sides of performance "
                "(columns), among those with ratings; framed: the same on both sides"
            )
            heads = [view.sentence(side(column)) for column in columns]
            blocks += [heat_map(caption, "Competency", heads, lines, full=DEEPEST), text(_reading(estimate))]
    return [heading("Does each competency predict its own side of performance?"), *blocks] if blocks else []


def _cell(row: Entry | None) -> tuple[float | None, str, bool]:
    if row is None or row["r"] is None:
        return None, view.MISSING, row is not None and row["matched"]
    ends = view.interval({"low": row["low"], "high": row["high"]})
    return row["r"], f"{view.coefficient(row['r'])} {ends}", row["matched"]


def _reading(estimate: Entry) -> str:
    detail = estimate["detail"]
    if not any(row["matched"] for row in detail["matrix"]):
        return "No dimension of performance has the name of a competency: which pairs belong together is not known."
    matched, others = ((detail.get(f"mean_{name}") or {}).get("value") for name in ("convergent", "discriminant"))
    if estimate["value"] is None:
        return f"Whether competencies tell the sides of performance apart cannot be told. {view.why_not(estimate)}"
    return (
        f"{TOLD[beyond(estimate)]}: {view.coefficient(matched)} against {view.coefficient(others)} on average, a difference "
        f"of {view.coefficient(estimate['value'])} ({view.interval_in_words(estimate['interval'])}, "
        f"{view.count(estimate['n']['people'])} people). In {view.count(detail.get('largest'))} of "
        f"{view.count(estimate['n']['matched'])} cases the matching pair is the largest of its row and column. Ratings by "
        "one manager share a halo, which makes the sides look alike."
    )


def added(report: Entry) -> list[dict[str, Any]]:
    """What one score adds to the others, and how what they tell together divides among them."""
    stages = dict.fromkeys([*stages_of(report, "incremental_validity"), *stages_of(report, "relative_weights")])
    blocks = [block for stage in stages for block in (*_increments(report, stage), *_shares(report, stage))]
    return [heading("What does each score add?"), *blocks] if blocks else []


def _increments(report: Entry, stage: str) -> list[dict[str, Any]]:
    entries, said = [], []
    for variant, name in (("user_over_hr", "User interview, over the HR interview"), ("hr_over_user", "The reverse")):
        for estimate in select(report, "incremental_validity", variant, stage=stage):
            entries.append((name, estimate))
            if variant == "user_over_hr" and estimate["value"] is not None:
                said.append(_over_hr(report, estimate))
    for estimate in select(report, "incremental_validity", "over_the_others", stage=stage):
        name = f"{view.sentence(view.competency(estimate['subject']['competency']))}, over the other competencies"
        entries.append((name, estimate))
    if not entries:
        return []
    ends = [view.number((e["interval"] or {}).get("high")) for _, e in entries]
    axis = spanning(ends, always=(0.0, 0.05), limits=(0.0, 1.0))
    caption = f"{view.sentence(view.stages(stage))}: share of the differences in performance that each adds (ΔR²)"
    notes = [
        "A sample's share is above zero even where nothing is added: read the interval, and the adjusted figure in the table."
    ]
    lines = [
        (
            name,
            view.coefficient(e["value"], 3),
            view.interval(e["interval"], 3),
            view.coefficient(e["detail"].get("adjusted_delta_r2"), 3),
            view.p_value(e["detail"].get("p")),
            view.count(e["n"].get("people")),
        )
        for name, e in entries
    ]
    columns = ("Score", "ΔR²", "Interval", "Adjusted", "p", "People")
    told = table(f"What each score adds, {view.stages(stage)}", columns, lines, folded=True)
    return [forest(caption, entries, axis, [(0.0, "nothing")]), text(*said, *notes), told]


def _over_hr(report: Entry, estimate: Entry) -> str:
    detail, q = estimate["detail"], (test_of(report, estimate["id"]) or {}).get("q")
    adjusted = "" if q is None else f"{view.p_equals(q, 'q')} allowing for the number of tests, "
    sure = q is not None and q < report["policy"]["policy"]["significance"]
    told = "The user interview tells something that the HR interview does not" if sure else (
        "Whether the user interview tells more than the HR interview already did, these data cannot tell"
    )  # fmt: skip
    return (
        f"{told}: it explains {view.rough(100 * estimate['value'])} more parts in 100 of the differences in performance "
        f"(R² from {view.coefficient(detail['r2_base'])} to {view.coefficient(detail['r2_full'])}, "
        f"{view.p_equals(detail.get('p'))}, {adjusted}{view.count(estimate['n']['people'])} people with ratings)."
    )


def _shares(report: Entry, stage: str) -> list[dict[str, Any]]:
    weights = first(report, "relative_weights", stage=stage)
    if weights is None or weights["value"] is None:
        return []
    dominance = first(report, "general_dominance", stage=stage)
    lines = []
    for at, name in enumerate(weights["detail"].get("predictors") or []):
        cells = [view.sentence(score(name))]
        for estimate in (weights, dominance):
            raw, limits = _at(estimate, "raw", at), _at(estimate, "intervals", at)
            cells += [view.coefficient(raw, 3), view.interval(limits, 3)]
        lines.append((*cells, view.percent(_at(weights, "rescaled", at))))
    if not lines:
        return []
    columns = ("Score", "Relative weight", "Interval", "General dominance", "Interval", "Share of R²")
    caption = (
        f"{view.sentence(view.stages(stage))}: how the explained share of performance divides among overlapping scores "
        f"(R² {view.coefficient(weights['value'])}, {view.interval(weights['interval'])}, "
        f"{view.count(weights['n']['people'])} people)"
    )
    return [table(caption, columns, lines)]


def _at(estimate: Entry | None, column: str, place: int) -> Any:
    """One score's figure in a column of shares; None where the measure or the column is missing."""
    found = (estimate or {"detail": {}})["detail"].get(column)
    return found[place] if found else None
