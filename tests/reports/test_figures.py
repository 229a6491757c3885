from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import pytest

from reports import figures, wright_map
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


def test_attributes_are_escaped_and_numbers_are_short() -> None:
    drawn = figures.element("path", HOSTILE, class_=HOSTILE, stroke_width=2, opacity=1 / 3, hidden=None)
    told = parsed(str(drawn))
    assert told.attrib == {"class": HOSTILE.replace("\n", " "), "stroke-width": "2", "opacity": "0.3333"}
    assert told.text == HOSTILE


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


def scale_of(interviewers: int) -> wright_map.Scale:
    return wright_map.Scale(
        bins=[(-2.0, -1.0, 10), (-1.0, 0.0, 40), (0.0, 0.5, 20)],
        interviewers=[(f"r{at}", at / interviewers - 0.5) for at in range(interviewers)],
        competencies=[(HOSTILE, -0.3), ("b", 0.3)],
        steps=[("2", -1.5), ("3", 1.5)],
    )


@pytest.mark.parametrize("interviewers", [1, 30, 500])
def test_the_wright_map_shows_everybody_within_its_height(interviewers: int) -> None:
    root = parsed(str(wright_map.wright_map(HOSTILE, HOSTILE, scale_of(interviewers))))
    assert root.get("role") == "img"
    assert [child.tag for child in root][:2] == ["title", "desc"]
    dots = root.findall("circle")
    assert len(dots) == interviewers
    height = float(root.get("height") or 0)
    assert height < 400
    assert all(0 < float(dot.get("cy") or -1) < height for dot in dots)
    assert len({(dot.get("cx"), dot.get("cy")) for dot in dots}) == interviewers


def test_bars_of_the_wright_map_are_candidates_a_unit_of_the_scale() -> None:
    root = parsed(str(wright_map.wright_map("t", "d", scale_of(3))))
    bars = [float(bar.get("height") or 0) for bar in root.findall("rect") if bar.get("class") == "bin"]
    assert bars[1] == bars[2] == wright_map.BARS  # 40 in a unit, 20 in half of one
    assert bars[0] == wright_map.BARS / 4


def test_lanes_of_the_wright_map_without_anything_in_them_are_left_out() -> None:
    empty = wright_map.Scale(bins=[], interviewers=[("a", 0.2)], competencies=[], steps=[])
    root = parsed(str(wright_map.wright_map("t", "d", empty)))
    assert [text.text for text in root.findall("text") if text.get("class") == "lane"] == ["Interviewers: harsher →"]
    nothing = wright_map.Scale(bins=[], interviewers=[], competencies=[], steps=[])
    assert parsed(str(wright_map.wright_map("t", "d", nothing))).get("role") == "img"


def test_a_bar_shows_its_interval_where_it_is() -> None:
    root = parsed(str(figures.bar("t", "d", 0.5, ends=(0.25, 0.75))))
    whole, *ends = root.findall("line")
    assert (whole.get("x1"), whole.get("x2")) == ("25.00%", "75.00%")
    assert [end.get("x1") for end in ends] == ["25.00%", "75.00%"]


def test_lines_over_one_point_and_with_named_ticks() -> None:
    one = Line("a", [(1, 0.2)], ends=[(1, 0.1, 0.3)])
    svg = figures.lines("t", "d", [one], across=Axis(1, 1), up=Axis(0, 1), across_ticks=[1], across_names={1: HOSTILE})
    root = parsed(str(svg))
    assert root.find("circle") is not None
    assert [line.get("class") for line in root.findall("line")].count("error style0") == 1
    assert "<script" not in str(svg)
