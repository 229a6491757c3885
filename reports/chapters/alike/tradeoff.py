"""Chapter 5, other ways of deciding: reliability, validity and impact ratio together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import marks, sentences, view
from reports.blocks import heading, picture, table, text
from reports.chapters.alike.told import known
from reports.evidence import select
from reports.figures import Dot, scatter, spanning

Entry = Mapping[str, Any]
NAMES = {
    "current": "as now",
    "severity_adjusted": "freed of severity",
    "raters:+1": "one interviewer more",
    "weights:validity": "weights that predict best",
}


def tradeoff(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """Each rule a point: across the impact ratio, up the validity (or the reliability where that is not known)."""
    blocks: list[dict[str, Any]] = []
    for estimate in known(select(report, "selection_tradeoff", attribute=attribute)):
        rows = [row for row in estimate["detail"].get("policies") or [] if row.get("impact_ratio") is not None]
        if len(rows) < 2:
            continue
        up = "validity" if sum(row.get("validity") is not None for row in rows) > 1 else "reliability"
        blocks += [_chart(report, estimate, rows, up), text(_reading(estimate)), _table(estimate, rows)]
    if not blocks:
        return []
    return [heading(f"Other ways of deciding, by {view.label(attribute)}"), *blocks]


def policy(name: str) -> str:
    """Without technical assessment; technical assessment counted twice; 25 % more accepted."""
    kind, _, what = name.partition(":")
    if name in NAMES:
        return NAMES[name]
    if kind == "without":
        return f"without {view.competency(what)}"
    if kind == "double":
        return f"{view.competency(what)} counted twice"
    if kind == "cut":
        share = round(100 * float(what)) - 100
        return f"{abs(share)} % {'more' if share > 0 else 'fewer'} accepted"
    return view.label(name.replace("_", " "))


def _chart(report: Entry, estimate: Entry, rows: list[Entry], up: str) -> dict[str, Any]:
    dots = [
        Dot(str(at), row["impact_ratio"], row[up], "alert" if row["policy"] == "current" else "estimate")
        for at, row in enumerate(rows, 1)
        if row.get(up) is not None
    ]
    dots.sort(key=lambda dot: dot.kind == "alert")  # the rule in force is drawn over the others
    across = spanning([dot.x for dot in dots], always=(1.0,), limits=(0.0, 2.0))
    high = spanning([dot.y for dot in dots], limits=(-1.0, 1.0))
    words = {
        "validity": "correlation with performance, among those with performance",
        "reliability": "reliability of the composite",
    }
    title = (
        f"{sentences.pair(estimate['subject'])}, {view.stages(estimate['subject']['stage'])}: impact ratio (across) and "
        f"{words[up]} (up), rule by rule"
    )
    told = "; ".join(
        f"{policy(rows[int(dot.name) - 1]['policy'])}: {view.coefficient(dot.x)} and {view.coefficient(dot.y)}"
        for dot in dots
    )
    lines = [(report["policy"]["policy"]["impact_ratio"], marks.tick(report)), (1.0, "1: alike")]
    return picture(title, scatter(title, told, dots, across=across, up=high, lines=lines))


def _reading(estimate: Entry) -> str:
    n = estimate["n"]
    return (
        "The same scores, decided on otherwise: how candidates would have behaved under another rule is not "
        "known, and no rule "
        "is recommended by group outcome. Figures of one rule and another overlap where their intervals do "
        f"({view.count(n.get('focal'))} and {view.count(n.get('reference'))} people)."
    )


def _table(estimate: Entry, rows: list[Entry]) -> dict[str, Any]:
    def ends(row: Entry, name: str) -> str:
        return view.interval({"low": row.get(f"{name}_low"), "high": row.get(f"{name}_high")})

    lines = [
        (
            f"{at} {view.sentence(policy(row['policy']))}",
            view.coefficient(row["impact_ratio"]),
            ends(row, "impact_ratio"),
            view.coefficient(row.get("validity")),
            ends(row, "validity"),
            view.coefficient(row.get("reliability")),
            view.percent(row.get("flips")),
        )
        for at, row in enumerate(rows, 1)
    ]
    columns = ("Rule", "Impact ratio", "95 % interval", "Validity", "95 % interval", "Reliability", "Decided otherwise")
    caption = (
        f"Other ways of deciding, {sentences.pair(estimate['subject'])}, {view.stages(estimate['subject']['stage'])}"
    )
    return table(caption, columns, lines)
