"""Chapter 5, time: how gaps move from period to period, and whether an alarm has gone off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from reports import sentences, view
from reports.blocks import heading, picture, table
from reports.chapters.alike.told import stages_in, told
from reports.evidence import select
from reports.figures import Line, lines, spanning

Entry = Mapping[str, Any]


def course(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """Selection and scores by period, each pair a line with its intervals."""
    found = [e for e in select(report, "group_monitor", attribute=attribute) if e["detail"].get("periods")]
    blocks: list[dict[str, Any]] = []
    for stage in stages_in(found):
        for variant in ("selection", "score"):
            here = [e for e in found if e["subject"]["stage"] == stage and e["variant"] == variant]
            drawn = _drawn(here, variant, stage)
            if drawn:
                blocks.append(drawn)
        blocks += told(report, "movement", attribute, stage)
    rows = [row for estimate in found for row in _rows(estimate)]
    if rows:
        columns = ("Groups and period", "Group, about", "Reference, about", "Gap", "95 % interval")
        blocks.append(table(f"Gaps by period, {view.label(attribute)}", columns, rows, folded=True))
    return [heading(f"Has anything moved, by {view.label(attribute)}?"), *blocks] if blocks else []


def _gap(row: Entry, variant: str, key: str) -> float | None:
    value = view.number(row.get(key))
    if value is None or variant == "score":
        return value
    return math.log(value) if 0 < value < math.inf else None


def _drawn(here: list[Entry], variant: str, stage: str | None) -> dict[str, Any] | None:
    """Odds ratios on a logarithmic scale, so that a half and a double lie as far from one."""
    names: list[str] = sorted({row["period"] for e in here for row in e["detail"]["periods"]})
    place = {name: float(index) for index, name in enumerate(names)}
    made = []
    for index, estimate in enumerate(here[:6]):
        points, ends = [], []
        for row in estimate["detail"]["periods"]:
            value = _gap(row, variant, "gap")
            if value is None:
                continue
            low, high = _gap(row, variant, "low"), _gap(row, variant, "high")
            points.append((place[row["period"]], value))
            if low is not None and high is not None and len(here) < 3:
                ends.append((place[row["period"]], low, high))
        if len(points) > 1:
            made.append(Line(view.label(sentences.pair(estimate["subject"])), points, index, ends=ends))
    if not made:
        return None
    values = [v for line in made for _, v in line.points] + [v for line in made for _, *ends in line.ends for v in ends]
    up = spanning(values, always=(-0.5, 0.5), limits=(-2.5, 2.5))
    across = spanning(list(place.values()), limits=(-math.inf, math.inf))
    step = max(1, len(names) // 8)
    ticks = [place[name] for name in names[::step]]
    what = "log odds ratio of being accepted" if variant == "selection" else "score gap in standard deviations"
    title = f"{view.sentence(view.stages(stage))}: {what}, by period of the interview (0: alike)"
    described = "; ".join(
        f"{line.name} from {view.rough(line.points[0][1])} to {view.rough(line.points[-1][1])}" for line in made
    )
    shown = {place[name]: view.label(name, 12) for name in names}
    svg = lines(
        title, described, made, across=across, up=up, levels=[(0.0, "alike")], across_ticks=ticks, across_names=shown
    )
    return picture(title, svg, [(f"style{line.style}", line.name) for line in made])


def _rows(estimate: Entry) -> list[tuple[str, ...]]:
    what = "odds ratio" if estimate["variant"] == "selection" else "standard deviations"
    base = f"{sentences.pair(estimate['subject'])}, {view.stage(estimate['subject']['stage'])}, {what}"
    return [
        (
            f"{base}, {view.label(row['period'], 20)}",
            view.count(row.get("n_focal")),
            view.count(row.get("n_reference")),
            view.fixed(row.get("gap")),
            view.interval(row),
        )
        for row in estimate["detail"]["periods"]
    ]
