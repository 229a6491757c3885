"""The Wright map: candidates, interviewers, competencies and score steps on one scale, in lanes above each other.

The map lies on its side, so that it fills any page: across runs the scale, better candidates and harsher interviewers to
the right. Shapes tell the lanes apart as well as their names do: bars, dots, squares, strokes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports import view
from reports.figures import Axis, drawing, element, spanning

COLUMNS = 100
"""Interviewers closer together than this share of the width stand on each other."""
BARS, DOTS, LINE, HEAD = 90, 84, 19, 18
MOST_NAMED_STEPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What stands where. bins: (from, to, candidates); the others by name and place."""

    bins: Sequence[tuple[float, float, int]]
    interviewers: Sequence[tuple[str, float]]
    competencies: Sequence[tuple[str, float]]
    steps: Sequence[tuple[str, float]]

    @property
    def axis(self) -> Axis:
        ends = [end for low, high, _ in self.bins for end in (low, high)]
        places = [at for part in (self.interviewers, self.competencies, self.steps) for _, at in part]
        return spanning([*ends, *places], always=(0.0,), limits=(-math.inf, math.inf))


def wright_map(title: str, description: str, scale: Scale) -> Markup:
    """The lanes that have something in them, over a common axis with zero marked."""
    axis = scale.axis
    marks: list[Markup] = []
    top = 0
    for lane in (_candidates, _interviewers, _competencies, _steps):
        drawn, height = lane(scale, axis, top)
        marks += drawn
        top += height
    zero = axis.x(0)
    rules = [element("line", x1=zero, x2=zero, y1=0, y2=top, class_="reference")]
    foot = [element("line", x1="0", x2="100%", y1=top + 0.5, y2=top + 0.5, class_="axis")]
    for tick in axis.ticks():
        place = axis.at(tick)
        anchor = "start" if place < 8 else "end" if place > 92 else "middle"
        foot.append(element("line", x1=axis.x(tick), x2=axis.x(tick), y1=top, y2=top + 4, class_="axis"))
        foot.append(element("text", view.tick(tick), x=axis.x(tick), y=top + 17, text_anchor=anchor))
    return drawing(title, description, top + 22, [*rules, *marks, *foot])


def _head(name: str, top: float) -> Markup:
    return element("text", name, x="0", y=top + 13, class_="lane")


def _candidates(scale: Scale, axis: Axis, top: int) -> tuple[list[Markup], int]:
    """A histogram: as bins differ in width, heights are candidates a unit of the scale."""
    dense = [(low, high, n / (high - low)) for low, high, n in scale.bins if high > low]
    most = max((density for _, _, density in dense), default=0)
    if not most:
        return [], 0
    bottom = top + HEAD + BARS
    marks = [_head("Candidates: better →", top)]
    for low, high, density in dense:
        width, tall = axis.at(high) - axis.at(low), max(BARS * density / most, 1.0)
        place = {"x": axis.x(low), "width": f"{max(width - 0.15, 0.1):.2f}%"}
        marks.append(element("rect", y=bottom - tall, height=tall, class_="bin", **place))
    return marks, HEAD + BARS + 4


def _interviewers(scale: Scale, axis: Axis, top: int) -> tuple[list[Markup], int]:
    """Dots, on each other where they would overlap; the busiest column fills the lane at most."""
    if not scale.interviewers:
        return [], 0
    columns: dict[int, int] = {}
    placed = []
    for name, at in sorted(scale.interviewers, key=lambda one: (one[1], one[0])):
        column = round(axis.at(at) * COLUMNS / 100)
        placed.append((name, column * 100 / COLUMNS, columns.get(column, 0)))
        columns[column] = columns.get(column, 0) + 1
    tallest = max(columns.values())
    step = min(8.0, DOTS / tallest)
    height = HEAD + round(step * tallest) + 8
    marks = [_head("Interviewers: harsher →", top)]
    for _, across, above in placed:
        y = top + height - 6 - step * (above + 0.5)
        marks.append(element("circle", cx=f"{across:.2f}%", cy=y, r=max(1.5, step / 2 - 0.4), class_="dot estimate"))
    return marks, height + 2


def _competencies(scale: Scale, axis: Axis, top: int) -> tuple[list[Markup], int]:
    """A square and a line each, as they tend to lie close together; the name on the side that has room."""
    if not scale.competencies:
        return [], 0
    marks = [_head("Competencies: harder →", top)]
    for index, (name, at) in enumerate(scale.competencies):
        y = top + HEAD + LINE * index + LINE / 2
        place = axis.at(at)
        side = {"text_anchor": "end", "dx": -9} if place > 50 else {"text_anchor": "start", "dx": 9}
        centred = {"transform": "translate(-4 -4)"}
        marks.append(element("rect", x=axis.x(at), y=y, width=8, height=8, class_="square", **centred))
        marks.append(element("text", name, x=axis.x(at), y=y + 4, **side))
    return marks, HEAD + LINE * len(scale.competencies) + 6


def _steps(scale: Scale, axis: Axis, top: int) -> tuple[list[Markup], int]:
    """Strokes where one score becomes as likely as the one below, named in two rows so that neighbours keep apart."""
    if not scale.steps:
        return [], 0
    marks = [_head("Steps between scores", top)]
    for index, (name, at) in enumerate(scale.steps):
        y = top + HEAD
        marks.append(element("line", x1=axis.x(at), x2=axis.x(at), y1=y, y2=y + 12, class_="step"))
        if len(scale.steps) <= MOST_NAMED_STEPS:
            low = y + 24 + 13 * (index % 2)
            marks.append(element("text", name, x=axis.x(at), y=low, text_anchor="middle"))
    return marks, HEAD + 44
