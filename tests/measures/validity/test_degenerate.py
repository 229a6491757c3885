"""Thin, empty and wrong data: a caution or a sentence, never a crash and never NaN."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError

CORRELATIONS = ("pearson", "spearman")


def _run(name: str, frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure(name, frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _codes(estimate: Estimate) -> set[str]:
    return {caution.code for caution in estimate.cautions}


@pytest.mark.parametrize("name", CORRELATIONS)
@pytest.mark.parametrize(
    ("x", "y", "code"),
    [
        ([], [], "SMALL_SAMPLE"),
        ([1.0], [2.0], "SMALL_SAMPLE"),
        ([1.0, 2.0], [2.0, 1.0], "SMALL_SAMPLE"),
        ([3.0, 3.0, 3.0, 3.0], [1.0, 2.0, 3.0, 4.0], "CONSTANT_INPUT"),
        ([1.0, 2.0, 3.0], [None, None, None], "MISSING_DATA"),
        ([1.0, 2.0, float("nan"), 4.0], [1.0, None, 3.0, 4.0], "MISSING_DATA"),
    ],
)
def test_no_correlation(name: str, x: list[float], y: list[float | None], code: str) -> None:
    frame = pl.DataFrame({"x": x, "y": y}, schema={"x": pl.Float64, "y": pl.Float64})
    estimate = _run(name, frame)
    assert estimate.value is None
    assert code in _codes(estimate)


@pytest.mark.parametrize("name", CORRELATIONS)
def test_three_people_have_no_interval_and_a_line_has_no_width(name: str) -> None:
    three = _run(name, pl.DataFrame({"x": [1, 2, 3], "y": [1, 3, 2]}))
    assert three.value == pytest.approx(0.5)
    assert "NO_INTERVAL" in _codes(three)
    line = _run(name, pl.DataFrame({"x": [1, 2, 3, 4], "y": [-2, -4, -6, -8]}))
    assert line.value == pytest.approx(-1)
    assert line.interval is not None


@pytest.mark.parametrize("name", CORRELATIONS)
def test_text(name: str) -> None:
    good = pl.DataFrame({"x": ["1", "2", " 3", None, "5"], "y": [1, 3, 2, 4, 9]})
    assert _run(name, good).n["people"] == 4
    with pytest.raises(MeasureInputError, match=r"row 3 of the data holds 'three'"):
        _run(name, pl.DataFrame({"x": ["1", "2", "three"], "y": [1, 2, 3]}))
    with pytest.raises(MeasureInputError, match="infinite number in row 2"):
        _run(name, pl.DataFrame({"x": [1.0, float("inf")], "y": [1, 2]}))
    with pytest.raises(MeasureInputError, match="must hold numbers, got List"):
        _run(name, pl.DataFrame({"x": [[1], [2]], "y": [1, 2]}))


@pytest.mark.parametrize("name", CORRELATIONS)
def test_bootstrap_is_seeded(name: str) -> None:
    frame = pl.DataFrame({"x": [i * 7 % 11 for i in range(40)], "y": [i * 5 % 13 for i in range(40)]})
    one = _run(name, frame, interval="bootstrap", replicates=200, seed=3)
    assert one == _run(name, frame, interval="bootstrap", replicates=200, seed=3)
    assert one.interval != _run(name, frame, interval="bootstrap", replicates=200, seed=4).interval


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"correction": "direct", "r": 0.3, "u": 1.2}, "over 0 and at most 1, got 1.2"),
        ({"correction": "direct", "r": 0.3, "u": 0.0}, "u is a ratio"),
        ({"correction": "direct", "r": 0.3}, "needs u"),
        ({"correction": "indirect", "r": 0.3, "u": 0.7}, "needs rxx"),
        ({"correction": "attenuation", "r": 0.3, "ryy": 0.0}, "ryy is a reliability"),
        ({"correction": "attenuation", "r": 0.3, "rxx": 1.1}, "rxx is a reliability"),
        ({"correction": "attenuation", "r": 0.3}, "needs rxx, ryy or both"),
        ({"correction": "attenuation", "r": 0.8, "rxx": 0.5, "ryy": 0.5}, "beyond 1"),
        ({"correction": "attenuation", "r": 1.8, "rxx": 0.5}, "from -1 to 1"),
        ({"correction": "attenuation", "r": 0.3, "ryy": 0.5, "n": 0}, "whole number of people"),
        ({"correction": "bivariate_indirect", "r": 0.3, "u": 0.7}, "needs u and u_y"),
        ({"correction": "bivariate_indirect", "r": 0.3, "u_y": 0.7}, "needs u"),
        ({"correction": "bivariate_indirect", "r": 0.3, "u": 0.7, "u_y": 0.0}, "u_y is a ratio"),
        ({"correction": "direct", "r": 0.3, "u": 0.7, "u_y": 0.5}, "no other correction takes u_y"),
        ({"correction": "direct", "r": 0.3, "u": 0.7, "opposed": True}, "opposed goes with"),
        ({"correction": "multivariate"}, "needs selectors"),
        ({"correction": "multivariate", "selectors": ["z"], "r": 0.3}, "from the data"),
        ({"correction": "case_2", "r": 0.3, "u": 0.5}, "must be one of attenuation, direct, indirect"),
    ],
)
def test_impossible_corrections(options: dict[str, Any], match: str) -> None:
    with pytest.raises(MeasureInputError, match=match):
        _run("corrected_validity", pl.DataFrame(), **options)


def test_corrections_of_thin_data() -> None:
    empty = pl.DataFrame(schema={"x": pl.Float64, "y": pl.Float64})
    assert _run("corrected_validity", empty, ryy=0.5).value is None
    unknown_n = _run("corrected_validity", empty, ryy=0.5, r=0.3)
    assert unknown_n.value == pytest.approx(0.3 / 0.5**0.5)
    assert "NO_INTERVAL" in _codes(unknown_n)
    clipped = _run("corrected_validity", empty, ryy=0.5, r=0.6, n=10)
    assert clipped.interval is not None
    assert clipped.interval.high == 1
    assert "BOUNDARY" in _codes(clipped)


def _pool(selected: list[int], y: list[float | None], x: list[float] | None = None) -> pl.DataFrame:
    x = [float(i * 3 % 7) for i in range(len(selected))] if x is None else x
    return pl.DataFrame(
        {"x": x, "y": y, "selected": selected}, schema={"x": pl.Float64, "y": pl.Float64, "selected": pl.Int64}
    )


@pytest.mark.parametrize("method", ["em", "direct", "indirect"])
@pytest.mark.parametrize(
    "frame",
    [
        _pool([], []),
        _pool([0] * 10, [None] * 10),
        _pool([1] * 10, [None] * 10),
        _pool([1, 1, 0, 0], [1.0, 2.0, None, None]),
        _pool([1] * 6 + [0] * 6, [3.0] * 6 + [None] * 6),
        _pool([1] * 6 + [0] * 6, [1.0, 2.0, 3.0, 4.0, 2.0, 3.0] + [None] * 6, [2.0] * 6 + [1.0] * 6),
    ],
)
def test_no_validity(frame: pl.DataFrame, method: str) -> None:
    estimate = _run("selection_validity", frame, method=method, rxx=0.8)
    assert estimate.value is None
    assert estimate.cautions


def test_everyone_hired_is_the_plain_correlation() -> None:
    frame = _pool([1] * 30, [float(i * 5 % 11) for i in range(30)])
    estimate = _run("selection_validity", frame)
    assert estimate.value == pytest.approx(_run("pearson", frame).value)
    assert estimate.detail["sensitivity"] == []
    assert "RANGE_RESTRICTED" not in _codes(estimate)


def test_criterion_of_people_not_hired_is_not_used() -> None:
    y = [float(i * 5 % 11) for i in range(30)]
    kept = [value if i < 20 else None for i, value in enumerate(y)]
    estimate = _run("selection_validity", _pool([1] * 20 + [0] * 10, y))
    assert estimate.value == _run("selection_validity", _pool([1] * 20 + [0] * 10, kept)).value
    assert any("not hired have a criterion" in caution.text for caution in estimate.cautions)
    late = _run("selection_validity", _pool([1] * 20 + [0] * 10, [None, *kept[1:]]))
    assert late.detail["n_hired_without_criterion"] == 1


def test_misuse_of_selection_validity() -> None:
    frame = _pool([1, 0] * 10, [1.0, None] * 10)
    with pytest.raises(MeasureInputError, match="needs rxx"):
        _run("selection_validity", frame, method="indirect")
    with pytest.raises(MeasureInputError, match="further columns"):
        _run("selection_validity", frame, covariates=["x"])
    with pytest.raises(MeasureInputError, match="did you mean selected='selected'"):
        _run("selection_validity", frame, selected="selectd")
    collinear = frame.with_columns(z=pl.col("x") * 2, y=pl.int_range(pl.len()) % 3)
    assert _run("selection_validity", collinear, covariates=["z"]).value is None


def test_reliabilities_that_do_not_go_with_the_data() -> None:
    """An observed correlation near 1 among people spread wider than the applicants, and unreliable scores."""
    x = [0.0, 1.0, 2.0, 9.0, 4.0, 4.1, 4.2, 4.3]
    frame = _pool([1] * 4 + [0] * 4, [0.0, 1.1, 2.0, 9.1] + [None] * 4, x)
    estimate = _run("selection_validity", frame, method="indirect", rxx=0.6, ryy=0.5)
    assert estimate.value is None
    assert "BOUNDARY" in _codes(estimate)
