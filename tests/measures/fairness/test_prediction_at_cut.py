"""Prediction at the cut: by hand, by formulas written out, by bootstrap, invariances, thin groups."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.recovery.group_gaps import SETTINGS
from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.fairness.prediction_at_cut import _line, _sample
from fairpanel.measures.least_squares import least_squares
from tests.measures.fairness.test_recovery import _plausible

PAIR = {"focal": "f", "reference": "r"}


def _people(seed: int, focal_n: int = 50, reference_n: int = 120) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    focal = np.arange(focal_n + reference_n) < focal_n
    x = rng.standard_normal(focal.size) - 0.4 * focal
    y = 0.5 * x - 0.3 * focal * (1 + x) + rng.standard_normal(focal.size)
    return pl.DataFrame({"x": x, "y": y, "group": np.where(focal, "f", "r")})


def _at(frame: pl.DataFrame, cut: float = 0.3, **options: Any) -> Estimate:
    estimate = measure("prediction_at_cut", frame, cut=cut, **(PAIR | options))
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def test_by_hand() -> None:
    """Lines 1 + x and x over the same scores, each point ± .5: the common line runs midway, half a point above."""
    x = [0.0, 1.0, 2.0, 3.0] * 4
    bump = ([0.5] * 4 + [-0.5] * 4) * 2
    focal = [a + e for a, e in zip(x[:8], bump[:8], strict=True)]
    reference = [1 + a + e for a, e in zip(x[8:], bump[8:], strict=True)]
    estimate = _at(pl.DataFrame({"x": x, "y": focal + reference, "group": ["f"] * 8 + ["r"] * 8}), 2.0)
    sd = np.std(reference, ddof=1)
    assert estimate.detail["points"]["difference"] == pytest.approx(0.5)
    assert estimate.value == pytest.approx(0.5 / sd)
    assert [row["difference"] for row in estimate.detail["rows"]] == pytest.approx([0.5] * 3 + [-0.5] * 3)
    assert [(line["intercept"], line["slope"]) for line in estimate.detail["lines"]] == [
        pytest.approx(each, abs=1e-12) for each in ((0.5, 1), (0, 1), (1, 1))
    ]


def test_the_moves_are_hc3() -> None:
    people = _people(1)
    sample, _, _ = _sample(people, "x", "y", "group", "f", "r")
    assert sample is not None
    line = _line(sample, sample.of(sample.groups.focal_code))
    assert line is not None
    mine = people.filter(pl.col("group") == "f")
    at = 0.7
    fit = least_squares(np.column_stack((np.ones(50), mine["x"].to_numpy() - at)), mine["y"].to_numpy(), "hc3")
    assert fit is not None
    assert line.at(at) == pytest.approx(fit.coefficients[0])
    assert np.sqrt((line.moves(at) ** 2).sum()) == pytest.approx(fit.errors[0])


def test_bootstrap_by_person() -> None:
    people = _people(2, 80, 200)
    estimate = _at(people)
    rng = np.random.default_rng(1)
    x, y, focal = people["x"].to_numpy(), people["y"].to_numpy(), (people["group"] == "f").to_numpy()
    values = []
    for _ in range(1500):
        draw = np.concatenate([rng.choice(np.flatnonzero(side), side.sum()) for side in (focal, ~focal)])
        of_f, of_r = draw[: focal.sum()], draw[focal.sum() :]
        common, own = np.polyfit(x[draw], y[draw], 1), np.polyfit(x[of_f], y[of_f], 1)
        values.append((np.polyval(common, 0.3) - np.polyval(own, 0.3)) / y[of_r].std(ddof=1))
    assert estimate.detail["se"] == pytest.approx(np.std(values), rel=0.1)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.05, 20), shift=st.floats(-50, 50))
def test_invariances(seed: int, scale: float, shift: float) -> None:
    people = _people(seed)
    one = _at(people)
    moved = people.with_columns(pl.col("x") * scale + shift, pl.col("y") * 3 - 7)
    other = _at(moved.sample(fraction=1, shuffle=True, seed=seed), 0.3 * scale + shift)
    named = _at(people.with_columns(pl.col("group").replace({"f": "z", "r": "a"})), focal="z", reference="a")
    assert one.interval is not None
    for same in (other, named):
        assert same.value == pytest.approx(one.value, rel=1e-6, abs=1e-9)
        assert same.interval is not None
        assert same.interval.low == pytest.approx(one.interval.low, rel=1e-6, abs=1e-9)
    assert other.detail["points"]["difference"] == pytest.approx(3 * one.detail["points"]["difference"], rel=1e-6)


def test_the_common_line_is_of_all_groups() -> None:
    third = _people(4).with_columns(group=pl.lit("t"), y=pl.col("y") + 5)
    people = _people(3)
    both = pl.concat([people, third])
    slope, intercept = np.polyfit(both["x"].to_numpy(), both["y"].to_numpy(), 1)
    assert _at(both).detail["rows"][1]["common"] == pytest.approx(intercept + 0.3 * slope)
    assert _at(both).n == {"people": 340, "focal": 50, "reference": 120}


@pytest.mark.parametrize("sizes", [(0, 0), (0, 9), (1, 9), (2, 9), (3, 3), (9, 2), (3, 40)])
def test_thin_groups(sizes: tuple[int, int]) -> None:
    estimate = _at(_people(1, *sizes), **({} if min(sizes) else {"focal": None, "reference": None}))
    assert (estimate.value is None) == (min(sizes) < 3)
    assert estimate.cautions


@pytest.mark.parametrize(
    "change",
    [{"x": pl.lit(1.0)}, {"y": pl.lit(2.0)}, {"y": pl.col("x")}, {"x": pl.lit(None, pl.Float64)}],
)
def test_no_lines(change: dict[str, pl.Expr]) -> None:
    estimate = _at(_people(1).with_columns(**change), focal=None, reference=None)
    assert estimate.value is None


def test_a_cut_beyond_the_scores_is_said() -> None:
    codes = [caution.code for caution in _at(_people(1), 9.0).cautions]
    assert codes == ["RANGE_RESTRICTED"]
    assert _at(_people(1), 0.0).cautions == []


@pytest.mark.parametrize("cut", [None, "high", float("nan"), True])
def test_misuse(cut: Any) -> None:
    with pytest.raises(MeasureInputError, match="cut takes"):
        _at(_people(1), cut)


def test_level_in_brief() -> None:
    _plausible(next(each for each in SETTINGS if each.name == "prediction_at_cut, test"), 100)
