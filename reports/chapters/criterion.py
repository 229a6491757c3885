"""Chapter 4, the criterion: who has performance ratings and why the rest has none, and what the ratings are worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import forest, heading, rows, table, text
from reports.evidence import beyond, ends, first, select
from reports.figures import Axis, bar, spanning

Entry = Mapping[str, Any]


def known(report: Entry) -> list[dict[str, Any]]:
    """From those interviewed to those rated: a bar each, and why the others have no rating."""
    counts = report["inputs"]["counts"]
    if not counts["hired"]:
        return _without_decisions(counts)
    rated = counts["hired_performance_known"]
    steps = [
        ("Interviewed by the users", counts["user_interviewed"], 2),
        ("Accepted", counts["hired"], 0),
        ("… with a performance rating", rated, 0),
        ("… left before a first rating", counts["left_unrated"], 1),
        ("… hired too lately for one", counts["too_new"], 1),
        ("… without a rating, reason not on record", counts["unrated"], 1),
        ("Accepted more than once: left out", counts["hired_twice"], 1),
    ]
    shown = [(name, n, part) for name, n, part in steps if n or name == "… with a performance rating"]
    most = max(n for _, n, _ in shown) or 1
    drawn = [
        (name, bar(name, f"{view.count(n)} people", n / most, part=part), view.count(n)) for name, n, part in shown
    ]
    said = f"Performance is known for {view.count(rated)} of {view.count(counts['hired'])} people accepted."
    if counts["left_unrated"]:
        gone = view.plural(counts["left_unrated"], "person", "people")
        said += (
            f" {view.sentence(gone)} left before a first rating: if they left because they did poorly, the figures below "
            "are too small."
        )
    return [
        heading("Whose performance is known, and why not the others'?"),
        rows("From interview to performance rating", drawn),
        text(said),
    ]


def _without_decisions(counts: Entry) -> list[dict[str, Any]]:
    """Exports without decisions: who was rated, and nothing of why the others were not."""
    steps = [("Interviewed", counts["candidates"], 2), ("… with a performance rating", counts["performance_known"], 0)]
    drawn = [
        (name, bar(name, f"{view.count(n)} people", n / (counts["candidates"] or 1), part=part), view.count(n))
        for name, n, part in steps
    ]
    said = (
        "No decisions came with the exports: those with a rating count as selected, and why the others have none is "
        "unknown."
    )
    return [
        heading("Whose performance is known, and why not the others'?"),
        rows("From interview to performance rating", drawn),
        text(said),
    ]


def quality(report: Entry) -> list[dict[str, Any]]:
    """Agreement, use of the scale, stability and time, by dimension of performance."""
    agreed = [e for e in select(report, "g_coefficient") if e["family"] == "quality"]
    if not agreed:
        return []
    entries = [(_dimension(e), e) for e in agreed]
    return [
        heading("What are the performance ratings worth?"),
        forest("Reliability of a person's mean rating, by dimension", entries, Axis(0, 1), []),
        text(_reading(report, agreed[0])),
        *_stability(report),
        table(
            "Performance ratings by dimension",
            ("Dimension", "Figure", "Value", "Interval", "n"),
            _lines(report),
            words=(1,),
            folded=True,
        ),
    ]


def _dimension(estimate: Entry) -> str:
    name = str(estimate["subject"]["criterion"])
    return "Overall performance" if name == "overall" else view.sentence(view.competency(name))


def _reading(report: Entry, leading: Entry) -> str:
    name, value, n = _dimension(leading), leading["value"], leading["n"]
    if value is None:
        said = f"{name}: how far managers agree cannot be estimated. {_of_managers(view.why_not(leading))}"
    else:
        said = (
            f"{name}: about {view.rough(100 * value)} parts in 100 of the differences between people's mean ratings go with "
            f"the people, {view.interval_in_words(leading['interval'])} ({view.count(n['units'])} people, "
            f"{view.count(n['raters'])} managers)."
        )
    spread = first(report, "rating_distribution", criterion=leading["subject"]["criterion"])
    if spread is not None and spread["value"] is not None:
        detail = spread["detail"]
        top = detail.get("share_top_two")
        said += (
            f" Ratings lie at {view.percent(spread['value'])} of the way up their scale"
            + (f", {view.percent(top)} of them on its two highest points" if top is not None else "")
            + f", and spread {view.coefficient(detail.get('relative_sd'))} times as far as even use of the scale would."
        )
    time = first(report, "criterion_regression", "time_since_hire", criterion=leading["subject"]["criterion"])
    if time is not None and time["value"] is not None:
        told = {
            1: "The longer after hiring, the higher the rating",
            0: "Ratings show no trend with time since hiring",
            -1: "The longer after hiring, the lower the rating",
        }[beyond(time)]
        said += f" {told} (standardized slope {view.coefficient(time['value'])}, {view.interval_in_words(time['interval'])})."
    return said


def _of_managers(text: str) -> str:
    """A caution on ratings of performance: those who rate are managers, and those rated are people."""
    for theirs, ours in {"interviewer": "manager", "candidates": "people", "candidate": "person"}.items():
        text = text.replace(theirs, ours)
    return text


def _stability(report: Entry) -> list[dict[str, Any]]:
    found = [(_dimension(e), e) for e in select(report, "rating_stability") if e["value"] is not None]
    if not found:
        return []
    estimate = found[0][1]
    change = estimate["detail"].get("change") or {}
    low, high = (view.number(change.get(end)) for end in ("low", "high"))
    said = (
        f"{found[0][0]}: a person's ratings of two cycles in a row correlate {view.coefficient(estimate['value'])} "
        f"({view.interval_in_words(estimate['interval'])}, {view.plural(estimate['n']['people'], 'person', 'people')})"
    )
    if change.get("mean") is not None and low is not None and high is not None:
        moved = {1: "rise", 0: "neither rise nor fall beyond chance", -1: "fall"}[beyond({"interval": change})]
        said += f"; from one cycle to the next they {moved} (on average {view.coefficient(change['mean'])} points, "
        said += f"{view.coefficient(change['low'])} to {view.coefficient(change['high'])})"
    return [text(said + ".")]


def _lines(report: Entry) -> list[tuple[str, ...]]:
    names = {
        "g_coefficient": "Reliability of the mean rating, G(q,k)",
        "rating_distribution": "Place on the scale, 0 to 1",
        "rating_stability": "Correlation of consecutive cycles",
        "criterion_regression": "Standardized slope in months since hire",
    }
    found = [e for measure in names for e in select(report, measure) if e["family"] == "quality"]
    order = list(dict.fromkeys(e["subject"]["criterion"] for e in found))
    found.sort(key=lambda e: order.index(e["subject"]["criterion"]))
    lines = []
    for e in found:
        n = next((e["n"][key] for key in ("units", "people") if e["n"].get(key) is not None), None)
        figures = (view.coefficient(e["value"], 3), view.interval(e["interval"], 3), view.count(n))
        lines.append((_dimension(e), names[e["measure"]], *figures))
    return lines


def staying(report: Entry) -> list[dict[str, Any]]:
    """Retention as a second criterion: the share still there by half of the score, and the rate of leaving."""
    hazards = [e for e in select(report, "retention_hazard") if e["value"] is not None]
    if not hazards:
        return []
    entries = [(view.sentence(view.stages(e["subject"]["stage"])), e) for e in hazards]
    axis = spanning(ends(entries), always=(0.5, 1.0, 1.5), limits=(0.0, 4.0))
    lead = hazards[0]
    said = [_hazard(lead)]
    odds = first(report, "logistic_validity", "retention", stage=lead["subject"]["stage"])
    if odds is not None and odds["value"] is not None:
        months = report["policy"]["audit"]["retention_months"]
        base = odds["detail"].get("base_rate")
        said.append(
            f"Of {view.count(odds['n']['people'])} people hired at least {view.count(months)} months before the last record, "
            f"or gone by then, {view.percent(base)} stayed that long; with each standard deviation of "
            f"score the odds of it are {view.coefficient(odds['value'])} times as high "
            f"({view.interval_in_words(odds['interval'])})."
        )
    lines = [
        (
            f"{view.sentence(row['half'])} half of the score",
            view.count(row["months"]),
            view.percent(row["retention"]),
            "–" if row["low"] is None else f"{view.percent(row['low'])} to {view.percent(row['high'])}",
            view.count(row["at_risk"]),
        )
        for row in lead["detail"].get("retention") or []
    ]
    columns = ("Hired", "Months", "Still there", "Interval", "Known that long")
    caption = f"Share still there, {view.stages(lead['subject']['stage'])} (Kaplan–Meier)"
    return [
        heading("Do those with higher scores stay longer?"),
        forest(
            "Rate of leaving with each standard deviation of score (1: no relation; below 1: higher scores stay)",
            entries,
            axis,
            [(1.0, "no relation")],
        ),
        text(*said),
    ] + ([table(caption, columns, lines, folded=True)] if lines else [])


def _hazard(estimate: Entry) -> str:
    told = {
        1: "The data indicate that higher scores leave sooner",
        0: "The data cannot tell whether scores go with staying",
        -1: "The data indicate that higher scores stay longer",
    }[beyond(estimate, 1.0)]
    n = estimate["n"]
    return (
        f"{told}: per standard deviation of score the rate of leaving is {view.coefficient(estimate['value'])} times as high "
        f"({view.interval_in_words(estimate['interval'])}; {view.count(n['events'])} of {view.count(n['people'])} people "
        "have left, the others are counted for as long as they have been seen to stay)."
    )
