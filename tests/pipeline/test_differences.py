"""Differences of two JSON values, as small tables with worked answers."""

from __future__ import annotations

from typing import Any

import pytest

from fairpanel.pipeline.differences import MISSING, differences, numbers

ICC = {"id": "a", "measure": "icc", "value": 0.5, "n": {"units": 3}}


@pytest.mark.parametrize(
    ("recorded", "recomputed", "expected"),
    [
        ({"x": 1}, {"x": 1}, []),
        ({"x": 1}, {"x": 2}, [("x", "x", 1, 2)]),
        ({"x": {"y": [1, 2]}}, {"x": {"y": [1, 3]}}, [("x.y[1]", "x", 2, 3)]),
        ({"x": None}, {"x": 0.0}, [("x", "x", None, 0.0)]),
        ({"x": 1}, {"x": True}, [("x", "x", 1, True)]),
        ({"x": 1}, {}, [("x", "x", 1, MISSING)]),
        ({"x": [1]}, {"x": [1, 2]}, [("x[1]", "x", MISSING, 2)]),
        ({"e": [ICC]}, {"e": [{"id": "new", "measure": "rwg"}, ICC]}, [("e[new]", "rwg", MISSING, "(2 entries)")]),
        ({"e": [ICC]}, {"e": [ICC | {"n": {"units": 4}}]}, [("e[a].n.units", "icc", 3, 4)]),
        ({"e": [ICC, ICC]}, {"e": [ICC, ICC | {"value": 1}]}, [("e[1].value", "icc", 0.5, 1)]),
    ],
)
def test_every_difference_has_its_place(recorded: Any, recomputed: Any, expected: list[tuple[Any, ...]]) -> None:
    found = [(d.path, d.measure, d.recorded, d.recomputed) for d in differences(recorded, recomputed)]
    assert found == expected


@pytest.mark.parametrize(
    ("one", "other", "share"), [(1, 2, 0.5), (-1.0, 1.0, 2.0), (0, 1e-300, 1.0), (1, None, None), (1, "1", None)]
)
def test_relative_differences(one: Any, other: Any, share: float | None) -> None:
    (found,) = differences([one], [other])
    assert found.relative == share


def test_numbers_are_counted() -> None:
    assert numbers({"a": [1, 2.5, True, None, "3"], "b": {"c": 4}}) == 3
