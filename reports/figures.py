"""Charts as inline SVG: positions in percent of the width, so that they fill any page and their text keeps its size.

Colours, fonts and dashes belong to the style sheet (classes), so that one picture serves light, dark and print. Every
name is escaped where it is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from markupsafe import Markup, escape

from reports import view

MARGIN = 1.5  # percent on either side, so that marks at the ends stay whole


def element(tag: str, *children: str | Markup, **attributes: object) -> Markup:
    """One SVG element, everything escaped. `class_` writes class; underscores become hyphens."""
    written = "".join(
        [f' {_name(name)}="{_written(value)}"' for name, value in attributes.items() if value is not None]
    )
    inside = "".join([escape(child) for child in children])
    return Markup(f"<{_name(tag)}{written}>{inside}</{_name(tag)}>")  # noqa: S704 (every part is escaped)


@cache
def _name(tag_or_attribute: str) -> str:
    """A name of the code's own as SVG writes it: there are few, and each is written thousands of times."""
    return escape(tag_or_attribute.rstrip("_").replace("_", "-"))


def _written(value: object) -> str:
    """The value of an attribute; numbers hold nothing to escape."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value) if isinstance(value, int) else escape(value)


def drawing(title: str, description: str, height: int, marks: Sequence[Markup], class_: str = "chart") -> Markup:
    """A picture with a name and a description for those who do not see it."""
    named = [element("title", title), element("desc", description)]
    return element("svg", *named, *marks, class_=class_, role="img", width="100%", height=height, focusable="false")


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale from data to percent of the width."""

    low: float
    high: float

    def at(self, value: float) -> float:
        span = self.high - self.low
        share = (min(max(value, self.low), self.high) - self.low) / span if span > 0 else 0.5
        return MARGIN + share * (100 - 2 * MARGIN)

    def x(self, value: float) -> str:
        return f"{self.at(value):.2f}%"

    def ticks(self) -> list[float]:
        """Four to eight round numbers."""
        if self.high <= self.low:
            return [self.low]
        raw = (self.high - self.low) / 6
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw)
        start = math.ceil(self.low / step - 1e-9)
        return [round(i * step, 10) for i in range(start, math.floor(self.high / step + 1e-9) + 1)]


def spanning(values: Sequence[float | None], *, always: Sequence[float] = (), limits: tuple[float, float]) -> Axis:
    """An axis that holds the finite values and what must always be seen, cut at the limits."""
    found = [v for v in (*values, *always) if v is not None and math.isfinite(v)]
    low, high = max(min(found, default=0.0), limits[0]), min(max(found, default=1.0), limits[1])
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    pad = 0.04 * (high - low)
    return Axis(low if low in always else low - pad, high if high in always else high + pad)


@dataclass(frozen=True, slots=True)
class Mark:
    """A value with its interval."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    kind: str = "estimate"  # the style: estimate, alert, muted


def strip(
    mark: Mark, axis: Axis, references: Sequence[tuple[float, str]], description: str, height: int = 26
) -> Markup:
    """One row of a forest: reference lines, the interval as a line with ends, the value as a dot."""
    middle = height / 2
    marks = [_rule(axis, value, height) for value, _ in references]
    if mark.low is not None and mark.high is not None:
        for end in (mark.low, mark.high):
            if axis.low <= end <= axis.high:
                x = axis.x(end)
                marks.append(element("line", x1=x, x2=x, y1=middle - 4, y2=middle + 4, class_=f"whisker {mark.kind}"))
        ends = {"x1": axis.x(mark.low), "x2": axis.x(mark.high), "y1": middle, "y2": middle}
        marks.append(element("line", **ends, class_=f"whisker {mark.kind}"))
    if mark.value is not None:
        shape = {"cx": axis.x(mark.value), "cy": middle, "r": 5}
        marks.append(element("circle", **shape, class_=f"dot {mark.kind}"))
    return drawing(mark.name, description, height, marks, "strip")


def box(
    title: str,
    outer: Sequence[float | None],
    inner: Sequence[float | None],
    middle: float,
    axis: Axis,
    description: str,
    height: int = 26,
) -> Markup:
    """One row of a distribution: a line over the outer part, a bar over the inner one, a dot in the middle."""
    across, marks = height / 2, []
    (left, right), (low, high) = outer, inner
    if left is not None and right is not None:
        ends = {"x1": axis.x(left), "x2": axis.x(right), "y1": across, "y2": across}
        marks.append(element("line", **ends, class_="whisker muted"))
    if low is not None and high is not None:
        width = f"{max(axis.at(high) - axis.at(low), 0.2):.2f}%"
        marks.append(element("rect", x=axis.x(low), y=across - 6, width=width, height=12, class_="bin"))
    marks.append(element("circle", cx=axis.x(middle), cy=across, r=5, class_="dot estimate"))
    return drawing(title, description, height, marks, "strip")


def _rule(axis: Axis, value: float, height: float) -> Markup:
    x = axis.x(value)
    return element("line", x1=x, x2=x, y1=0, y2=height, class_="reference")


def scale(axis: Axis, references: Sequence[tuple[float, str]]) -> Markup:
    """The foot of a forest: ticks and the names of the reference lines. Hidden from readers of the marks themselves."""
    marks = [element("line", x1="0", x2="100%", y1=0.5, y2=0.5, class_="axis")]
    for tick in axis.ticks():
        marks.append(element("line", x1=axis.x(tick), x2=axis.x(tick), y1=0, y2=4, class_="axis"))
        marks.append(element("text", view.tick(tick), x=axis.x(tick), y=16, text_anchor=_anchor(axis.at(tick))))
    for value, name in references:
        place = {"x": axis.x(value), "y": 31, "text_anchor": _anchor(axis.at(value))}
        marks.append(element("text", f"▲ {name}", **place, class_="reference-name"))
    height = 36 if references else 20
    return element("svg", *marks, class_="strip", width="100%", height=height, aria_hidden="true", focusable="false")


def _anchor(percent: float) -> str:
    return "start" if percent < 8 else "end" if percent > 92 else "middle"


@dataclass(frozen=True, slots=True)
class Line:
    """A broken line through points; style 0 to 5 sets colour, dash and marker together; ends: (x, low, high)."""

    name: str
    points: Sequence[tuple[float, float]]
    style: int = 0
    dots: bool = True
    ends: Sequence[tuple[float, float, float]] = ()


def _upwards(up: Axis, top: float, bottom: float) -> Callable[[float], float]:
    """Where a value of the upward axis stands, in pixels from the top of the drawing; values beyond it at its ends."""

    def y(value: float) -> float:
        share = (min(max(value, up.low), up.high) - up.low) / (up.high - up.low)
        return bottom - share * (bottom - top)

    return y


def _level_grid(up: Axis, y: Callable[[float], float]) -> list[Markup]:
    """The base line, and a named line for every tick of the upward axis."""
    marks = [element("line", x1="0", x2="100%", y1=y(up.low), y2=y(up.low), class_="axis")]
    for tick in up.ticks():
        marks.append(element("line", x1="0", x2="100%", y1=y(tick), y2=y(tick), class_="grid"))
        marks.append(element("text", view.tick(tick), x="0", y=y(tick) - 3, class_="quiet"))
    return marks


def lines(
    title: str,
    description: str,
    drawn: Sequence[Line],
    *,
    across: Axis,
    up: Axis,
    levels: Sequence[tuple[float, str]] = (),
    across_ticks: Sequence[float] | None = None,
    across_names: Mapping[float, str] | None = None,
    height: int = 240,
) -> Markup:
    """Lines over a common axis; horizontal reference levels carry their names, ticks across their numbers or names."""
    top, bottom = 14, height - 26
    y = _upwards(up, top, bottom)
    marks = _level_grid(up, y)
    for value, name in levels:
        marks.append(element("line", x1="0", x2="100%", y1=y(value), y2=y(value), class_="reference"))
        marks.append(element("text", name, x="100%", y=y(value) - 4, text_anchor="end", class_="reference-name"))
    for tick in across.ticks() if across_ticks is None else across_ticks:
        place = {"x": across.x(tick), "y": height - 8, "text_anchor": _anchor(across.at(tick))}
        marks.append(element("text", (across_names or {}).get(tick, view.tick(tick)), **place))
    for line in drawn:
        for at, low, high in line.ends:
            ends = {"x1": across.x(at), "x2": across.x(at), "y1": y(low), "y2": y(high)}
            marks.append(element("line", **ends, class_=f"error style{line.style}"))
        for (x1, y1), (x2, y2) in zip(line.points, line.points[1:], strict=False):
            ends = {"x1": across.x(x1), "y1": y(y1), "x2": across.x(x2), "y2": y(y2)}
            marks.append(element("line", **ends, class_=f"curve style{line.style}"))
        if line.dots:
            marks += [
                element("circle", cx=across.x(px), cy=y(py), r=3.5, class_=f"dot style{line.style}")
                for px, py in line.points
            ]
    return drawing(title, description, height, marks)


@dataclass(frozen=True, slots=True)
class Dot:
    """A named point of a plane; kind: its style."""

    name: str
    x: float
    y: float
    kind: str = "estimate"


def scatter(
    title: str,
    description: str,
    dots: Sequence[Dot],
    *,
    across: Axis,
    up: Axis,
    lines: Sequence[tuple[float, str]] = (),
    height: int = 300,
) -> Markup:
    """Points with short names on them over two axes; vertical reference lines carry their names at the top."""
    top, bottom = 26, height - 26
    y = _upwards(up, top, bottom)
    marks = _level_grid(up, y)
    for tick in across.ticks():
        place = {"x": across.x(tick), "y": height - 8, "text_anchor": _anchor(across.at(tick))}
        marks.append(element("text", view.tick(tick), **place))
    for value, name in lines:
        if across.low <= value <= across.high:
            x = across.x(value)
            marks.append(element("line", x1=x, x2=x, y1=top - 8, y2=bottom, class_="reference"))
            place = {"x": x, "y": 12, "text_anchor": _anchor(across.at(value))}
            marks.append(element("text", name, **place, class_="reference-name"))
    for dot in dots:
        marks.append(element("circle", cx=across.x(dot.x), cy=y(dot.y), r=9, class_=f"dot {dot.kind}"))
        place = {"x": across.x(dot.x), "y": y(dot.y) + 4, "text_anchor": "middle"}
        marks.append(element("text", dot.name, **place, class_="on-dot"))
    return drawing(title, description, height, marks)


def stacked(title: str, description: str, shares: Sequence[tuple[str, float]], height: int = 26) -> Markup:
    """Shares of a whole as one bar; the legend beside it names them in the same order."""
    marks: list[Markup] = []
    start = 0.0
    for index, (_, share) in enumerate(shares):
        width = 100 * share
        marks.append(
            element("rect", x=f"{start:.2f}%", y=2, width=f"{width:.2f}%", height=height - 4, class_=f"part{index}")
        )
        if width > 9:
            place = {"x": f"{start + width / 2:.2f}%", "y": height / 2 + 4.5, "text_anchor": "middle"}
            marks.append(element("text", view.percent(share), **place, class_=f"on-part{index}"))
        start += width
    return drawing(title, description, height, marks, "strip")


def bar(
    title: str,
    description: str,
    share: float,
    height: int = 22,
    *,
    ends: tuple[float, float] | None = None,
    part: int = 0,
) -> Markup:
    """One bar, as long as its share of the longest; ends: its interval, drawn over it; part: its colour."""
    marks = [
        element("rect", x=0, y=3, width="100%", height=height - 6, class_="track"),
        element("rect", x=0, y=3, width=f"{100 * share:.2f}%", height=height - 6, class_=f"part{part}"),
    ]
    if ends is not None:
        low, high = (f"{100 * min(max(end, 0), 1):.2f}%" for end in ends)
        across = height / 2
        marks.append(element("line", x1=low, x2=high, y1=across, y2=across, class_="over"))
        marks += [element("line", x1=x, x2=x, y1=across - 5, y2=across + 5, class_="over") for x in (low, high)]
    return drawing(title, description, height, marks, "strip")


def caterpillar(title: str, description: str, marks: Sequence[Mark], unit: str, height: int = 280) -> Markup:
    """Many values with intervals, side by side in order of size, around zero."""
    ends = [v for mark in marks for v in (mark.low, mark.high)]
    up = spanning(ends, always=(0.0,), limits=(-math.inf, math.inf))
    top, bottom = 18, height - 10

    def y(value: float) -> float:
        return bottom - (value - up.low) / (up.high - up.low) * (bottom - top)

    drawn: list[Markup] = []
    for tick in up.ticks():
        drawn.append(element("line", x1="0", x2="100%", y1=y(tick), y2=y(tick), class_="zero" if tick == 0 else "grid"))
        drawn.append(element("text", view.tick(tick), x="0", y=y(tick) - 3, class_="quiet"))
    drawn.append(element("text", unit, x="100%", y=11, text_anchor="end", class_="quiet"))
    for index, mark in enumerate(marks):
        if mark.value is None:
            continue
        x = f"{7 + 91 * (index + 0.5) / len(marks):.2f}%"
        if mark.low is not None and mark.high is not None:
            drawn.append(element("line", x1=x, x2=x, y1=y(mark.low), y2=y(mark.high), class_=f"whisker {mark.kind}"))
        drawn.append(element("circle", cx=x, cy=y(mark.value), r=3, class_=f"dot {mark.kind}"))
    return drawing(title, description, height, drawn)
