"""Chapter 5, crossed groups: does a combination of two attributes fare otherwise than either says?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports import view
from reports.blocks import rows, table
from reports.chapters.alike.told import stages_in, told
from reports.evidence import select
from reports.figures import Axis, Mark, scale, strip

Entry = Mapping[str, Any]


def crossed(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """Rates of crossed groups, small ones leaning on the rest, beside what their two attributes say."""
    every = select(report, "crossed_rates", attribute=attribute)
    found = [e for e in every if e["detail"].get("rows") and e["variant"] != "scores"]
    blocks: list[dict[str, Any]] = []
    for stage in stages_in(found):
        for estimate in [e for e in found if e["subject"]["stage"] == stage]:
            shown = [row for row in estimate["detail"]["rows"] if row.get("pooled") is not None]
            if shown:
                blocks.append(_picture(shown, stage))
            blocks += told(report, "crossed", attribute, stage)
            blocks.append(_table(estimate, attribute, stage))
    return blocks


def _picture(shown: list[Entry], stage: str | None) -> dict[str, Any]:
    high = max([view.number(row.get("pooled_high")) or 0.0 for row in shown] + [0.1])
    axis = Axis(0.0, min(1.0, high * 1.05))
    drawn: list[tuple[str, Markup, str]] = []
    for row in shown:
        name = f"{view.label(row['group'])} ({view.count(row['n'])})"
        kind = "alert" if row.get("flagged") else "estimate"
        low, top = view.number(row.get("pooled_low")), view.number(row.get("pooled_high"))
        ends = {"low": row.get("pooled_low"), "high": row.get("pooled_high")}
        value = f"{view.coefficient(row['pooled'])} {view.interval(ends)}"
        marked = [] if row.get("expected") is None else [(row["expected"], "")]
        told = f"selection rate {value}; the two attributes say {view.coefficient(row.get('expected'))}"
        drawn.append((name, strip(Mark(name, row["pooled"], low, top, kind), axis, marked, told), value))
    caption = (
        f"{view.sentence(view.stages(stage))}: selection rates of crossed groups, small ones leaning on the "
        f"rest (dashed line: "
        "what the two attributes together say)"
    )
    return rows(caption, drawn, scale(axis, []))


def _table(estimate: Entry, attribute: str, stage: str | None) -> dict[str, Any]:
    lines = [
        (
            view.label(row["group"]),
            view.count(row["n"]),
            view.count(row["selected"]),
            view.coefficient(row["rate"], 3),
            view.coefficient(row.get("expected"), 3),
            view.coefficient(row.get("pooled"), 3),
            view.coefficient(row.get("raw_ratio"), 3),
            view.interval({"low": row.get("raw_ratio_low"), "high": row.get("raw_ratio_high")}, 3),
            view.p_value(row.get("q")),
        )
        for row in estimate["detail"]["rows"]
    ]
    columns = ("Group", "People", "Selected", "Rate", "Additive", "Pooled", "Ratio", "95 % interval", "q")
    return table(f"Selection by {view.label(attribute)}, {view.stages(stage)}", columns, lines, folded=len(lines) > 8)
