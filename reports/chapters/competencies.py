"""Chapter 2, the competencies of a form: do they measure one thing, and how many would it take?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import forest, heading, picture, table, text
from reports.evidence import select, stages_of
from reports.figures import Axis, Line, lines

Entry = Mapping[str, Any]
COEFFICIENTS = (("cronbach_alpha", "Cronbach's α"), ("omega_total", "McDonald's ω"))
EFFECTS = (
    ("unit", "candidates"),
    ("rater", "interviewers"),
    ("item", "competencies"),
    ("unit:rater", "a candidate with an interviewer"),
    ("unit:item", "a candidate on a competency"),
    ("rater:item", "an interviewer on a competency"),
    ("residual", "residual: chance and all three together"),
)
MOST_LINES = 4


def one_thing(report: Entry) -> list[dict[str, Any]]:
    """Alpha and omega of the competencies of a form, by stage."""
    entries, said, cells = [], [], []
    for stage in stages_of(report, "cronbach_alpha"):
        for measure, name in COEFFICIENTS:
            for estimate in select(report, measure, stage=stage):
                entries.append((f"{name}, {view.stages(stage)}", estimate))
                cells += _by_competency(estimate, f"{name}, {view.stage(stage)}")
        said.append(_said(select(report, "cronbach_alpha", stage=stage)[0], stage))
    if not entries:
        return []
    columns = ("Coefficient", "Competency", "Without it", "Loading")
    blocks = [
        heading("Do the competencies of a form measure one thing?"),
        forest("What the competencies of a form have in common", entries, Axis(0, 1), []),
        text(*said),
    ]
    told = table("Each competency in turn", columns, cells, words=(1,), folded=True)
    return blocks + ([told] if cells else [])


def _by_competency(estimate: Entry, name: str) -> list[tuple[str, ...]]:
    dropped, loadings = (estimate["detail"].get(key) or {} for key in ("if_dropped", "loadings"))
    return [
        (name, view.competency(item), view.coefficient(dropped.get(item)), view.coefficient(loadings.get(item)))
        for item in sorted({*dropped, *loadings})
    ]


def _said(estimate: Entry, stage: str) -> str:
    where, value = view.stages(stage), estimate["value"]
    if value is None:
        why = view.why_not(estimate)
        return f"At {where}, what the competencies of a form have in common cannot be estimated. {why}".strip()
    detail = estimate["detail"]
    return (
        f"Of the differences between forms' totals at {where}, about {view.rough(100 * max(value, 0))} parts in 100 are "
        f"what the {view.number_word(detail.get('items') or 0)} competencies have in common (α {view.coefficient(value)}, "
        f"{view.interval_in_words(estimate['interval'])}; {view.count(detail.get('cards'))} forms by "
        f"{view.count(estimate['n'].get('raters'))} interviewers). An interviewer's general impression of a candidate (halo) "
        "raises this figure: a high one does not show that the competencies are one thing. A low one means that a single "
        "total hides differences worth reading."
    )


def planned(report: Entry) -> list[dict[str, Any]]:
    """G of the mean over competencies, by number of interviewers and of competencies."""
    blocks: list[dict[str, Any]] = []
    for estimate in select(report, "variance_components"):
        steps = [row for row in estimate["detail"].get("d_study") or [] if view.number(row.get("g")) is not None]
        if steps:
            blocks += _plan(estimate, steps)
    return blocks


def _plan(estimate: Entry, steps: list[Entry]) -> list[dict[str, Any]]:
    detail, stage = estimate["detail"], view.stages(estimate["subject"]["stage"])
    counts = sorted({int(row["items"]) for row in steps})
    drawn = [
        Line(
            view.plural(count, "competency", "competencies"),
            [(row["raters"], row["g"]) for row in sorted(steps, key=lambda r: r["raters"]) if row["items"] == count],
            index,
            dots=False,
        )
        for index, count in enumerate(_few(counts))
    ]
    most = max(row["raters"] for row in steps)
    title = f"Reliability expected of the mean of competencies, {stage}"
    said = _needs(detail, counts, stage)
    svg = lines(
        title, said, drawn, across=Axis(1, most), up=Axis(0, 1), levels=[(0.7, ".70"), (0.8, ".80")],
        across_ticks=list(range(1, int(most) + 1)),
    )  # fmt: skip
    legend = [(f"style{line.style}", line.name) for line in drawn]
    cells = [
        (view.count(row["raters"]), view.count(row["items"]), *(view.coefficient(row.get(k), 3) for k in KINDS))
        for row in steps
    ]
    columns = ("Interviewers", "Competencies", "G", "If all meet the same interviewers", "If none share an interviewer")
    return [
        picture(f"{title} (across: interviewers a candidate; up: G)", svg, legend),
        text(said),
        table(f"Interviewers and competencies, {stage}", columns, cells, folded=True),
        *_components(estimate, stage),
    ]


KINDS = ("g", "relative", "phi_absolute")


def _few(counts: list[int]) -> list[int]:
    """All, or the ends and evenly spaced ones between."""
    if len(counts) <= MOST_LINES:
        return counts
    last = len(counts) - 1
    return sorted({counts[round(i * last / (MOST_LINES - 1))] for i in range(MOST_LINES)})


def _needs(detail: Entry, counts: list[int], stage: str) -> str:
    needs = detail.get("raters_needed") or {}
    fewest, most = str(counts[0]), str(counts[-1])
    parts, spared = [], False
    for goal, found in sorted(needs.items()):
        one, all_ = (_needed((found or {}).get(key)) for key in (fewest, most))
        with_all = all_ if one == all_ or fewest == most else f"{all_} ({one} with {_competencies(counts[0])})"
        spared |= one != all_
        parts.append(f"{view.coefficient(float(goal))} with {with_all}")
    if not parts:
        return f"No plan follows from the components at {stage}."
    said = (
        f"Scoring {_competencies(counts[-1])} at {stage}, interviewers a candidate for G of " + "; ".join(parts) + ". "
    )
    if fewest != most and not spared:
        said += (
            f"{_competencies(counts[0], first=True)} would need as many: more interviewers raise reliability here, more "
            "competencies hardly do. "
        )
    return said + "These figures are planned from estimated components; they have no interval of their own."


def _competencies(count: int, *, first: bool = False) -> str:
    words = f"{view.number_word(count)} {'competency' if count == 1 else 'competencies'}"
    return view.sentence(words) if first else words


def _needed(found: Any) -> str:
    return "more than can be planned" if found is None else view.count(found)


def _components(estimate: Entry, stage: str) -> list[dict[str, Any]]:
    detail = estimate["detail"]
    found = [(name, view.number(detail.get(key))) for key, name in EFFECTS]
    known = [(name, value) for name, value in found if value is not None]
    total = sum(value for _, value in known)
    if estimate["value"] is None or not total:
        return []
    cells = [(view.sentence(name), view.fixed(value, 3), view.percent(value / total)) for name, value in known]
    said = (
        f"Of the differences between single scores of competencies at {stage}, {view.rough(100 * estimate['value'])} parts "
        f"in 100 go with candidates as a whole ({view.interval_in_words(estimate['interval'])}; "
        f"{view.count(estimate['n'].get('units'))} candidates, {view.count(estimate['n'].get('scores'))} scores)."
    )
    columns = ("Goes with", "Variance", "Share")
    return [text(said), table(f"Variance components of competencies, {stage}", columns, cells, folded=True)]
