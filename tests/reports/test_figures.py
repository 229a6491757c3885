from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import pytest

from reports import figures
from reports.figures import Axis, Line, Mark

HOSTILE = '<script>alert("x")</script> & \n'


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own picture


def test_every_picture_has_a_name_a_description_and_a_role() -> None:
    mark = Mark(HOSTILE, 0.5, 0.4, 0.6)
    pictures = [
        figures.strip(mark, Axis(0, 1), [(0.7, "mark")], HOSTILE),
        figures.lines(HOSTILE, HOSTILE, [Line(HOSTILE, [(1, 0.2), (2, 0.4)])], across=Axis(1, 2), up=Axis(0, 1)),
        figures.stacked(HOSTILE, HOSTILE, [(HOSTILE, 0.6), ("b", 0.4)]),
        figures.bar(HOSTILE, HOSTILE, 0.3),
        figures.caterpillar(HOSTILE, HOSTILE, [mark, Mark("b", -0.1, -0.3, 0.1)], HOSTILE),
    ]
    for svg in pictures:
        root = parsed(str(svg))
        assert root.get("role") == "img"
        assert [child.tag for child in root][:2] == ["title", "desc"]
        assert "<script" not in str(svg)


def test_marks_stand_where_their_values_are() -> None:
    axis = Axis(0, 1)
    assert axis.at(0) == figures.MARGIN
    assert axis.at(1) == 100 - figures.MARGIN
    assert axis.at(0.5) == 50
    assert axis.at(7) == 100 - figures.MARGIN
    dot = parsed(str(figures.strip(Mark("a", 0.5, 0.25, 0.75), axis, [], ""))).find("circle")
    assert dot is not None
    assert dot.get("cx") == "50.00%"


def test_an_end_beyond_the_axis_has_no_whisker_end() -> None:
    inside = parsed(str(figures.strip(Mark("a", 0.5, 0.2, 0.8), Axis(0, 1), [], "")))
    beyond = parsed(str(figures.strip(Mark("a", 0.5, 0.2, math.inf), Axis(0, 1), [], "")))
    assert len(inside.findall("line")) == 3
    assert len(beyond.findall("line")) == 2


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.5, 0.5), (1, 10), (2.1, 4.7), (0, 1e-3), (-250, 900)])
def test_ticks_are_round_few_and_inside(low: float, high: float) -> None:
    ticks = Axis(low, high).ticks()
    assert 3 <= len(ticks) <= 11
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)


def test_an_axis_spans_what_it_must_and_survives_a_single_value() -> None:
    axis = figures.spanning([0.2, None, math.inf], always=(0.0, 1.25), limits=(0.0, 2.5))
    assert (axis.low, axis.high) == (0.0, 1.25)
    assert figures.spanning([3.0], limits=(-math.inf, math.inf)).low < 3
