"""Polyserial correlation: an independent program, the joint likelihood, invariances, thin data."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import ndtr
from scipy.stats import norm

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError

NUMBER = st.integers(0, 10_000)


def _run(frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure("polyserial", frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _codes(estimate: Estimate) -> set[str]:
    return {caution.code for caution in estimate.cautions}


def _graded(seed: int, n: int = 60, points: int = 4) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x, e = rng.normal(size=(2, n))
    return pl.DataFrame({"x": x, "y": np.digitize(x + e, np.linspace(-1, 1, points - 1))})


def test_as_statsmodels() -> None:
    """statsmodels 0.15.0 OrderedModel(distr="probit"): the slope per SD of x as a correlation."""
    i = np.arange(60)
    x, w = (i * 37 % 61) / 10, (i * 17 % 23) / 5
    y = np.round(0.6 * x + 0.3 * w + ((i * 29 % 41) - 20) / 8 + 0.05 * x * x, 3)
    found = _run(pl.DataFrame({"x": x, "y": np.digitize(y, [2, 4, 5.5])}))
    assert found.value == pytest.approx(0.7528706221054279, rel=1e-6)
    slope, error = 0.6449614907889998 * x.std(), 0.11092173756279157 * x.std()
    z_error = math.sqrt((error**2 + slope**2 / 120) / (1 + slope**2))
    assert found.detail["fisher_z_se"] == pytest.approx(z_error, rel=1e-5)


def test_value_and_error_are_those_of_the_joint_likelihood() -> None:
    """Mean and log SD of x, both cuts and atanh(rho) maximised at once, information by numerical derivatives."""
    frame = _graded(1, 80, 3)
    x, y = frame["x"].to_numpy(), frame["y"].to_numpy()

    def loss(theta: np.ndarray) -> float:
        mean, spread, rho = theta[0], math.exp(theta[1]), math.tanh(theta[4])
        cuts = np.array([-np.inf, theta[2], theta[3], np.inf])
        z = (x - mean) / spread
        below = ndtr((cuts[:, None] - rho * z) / math.sqrt(1 - rho * rho))
        return -float((norm.logpdf(x, mean, spread) + np.log(below[y + 1, range(80)] - below[y, range(80)])).sum())

    top = minimize(loss, [0, 0, -0.5, 0.5, 0.5], method="BFGS", options={"gtol": 1e-7}).x
    found = _run(frame)
    assert found.value == pytest.approx(math.tanh(top[4]), abs=1e-6)
    assert found.detail["thresholds"] == pytest.approx(top[2:4], abs=1e-5)
    step = np.eye(5) * 1e-3
    hessian = np.array([[
        (loss(top + a + b) - loss(top + a - b) - loss(top - a + b) + loss(top - a - b)) / 4e-6 for a in step
    ] for b in step])  # fmt: skip
    assert found.detail["fisher_z_se"] == pytest.approx(math.sqrt(np.linalg.inv(hessian)[4, 4]), rel=1e-4)


def test_two_points_near_the_biserial_of_the_textbook() -> None:
    """Large normal samples: r_point_biserial · sqrt(pq) / normal ordinate at the cut."""
    frame = _graded(2, 20_000, 2)
    found = _run(frame)
    share = frame["y"].mean()
    textbook = found.detail["pearson"] * math.sqrt(share * (1 - share)) / norm.pdf(norm.ppf(share))  # type: ignore[operator, arg-type]
    assert found.value == pytest.approx(textbook, abs=0.01)
    assert found.value == pytest.approx(math.sqrt(0.5), abs=0.02)
    assert found.n == {"people": 20_000, "categories": 2}


@given(seed=NUMBER, scale=st.floats(0.01, 100), shift=st.floats(-1000, 1000))
@settings(max_examples=20, deadline=None)
def test_invariances(seed: int, scale: float, shift: float) -> None:
    frame = _graded(seed)
    one = _run(frame)
    stretched = frame.with_columns(x=pl.col("x") * scale + shift, y=pl.col("y") ** 3 - 7)
    moved, turned = _run(stretched), _run(frame.with_columns(y=-pl.col("y")))
    other = _run(frame.sample(fraction=1, shuffle=True, seed=1))
    assert one.value == pytest.approx(moved.value, abs=1e-6)
    assert one.value == pytest.approx(-turned.value, abs=1e-9)  # type: ignore[operator]
    assert one.value == pytest.approx(other.value, abs=1e-9)
    assert one.interval is not None
    assert -1 < one.interval.low < one.value < one.interval.high < 1  # type: ignore[operator]
    assert other.interval is not None
    assert one.interval.low == pytest.approx(other.interval.low, abs=1e-9)


def test_thin_data() -> None:
    apart = pl.DataFrame({"x": [1, 2, 3, 4, 5, 6], "y": [1, 1, 2, 2, 3, 3]})
    for sign in (1, -1):
        found = _run(apart.with_columns(x=sign * pl.col("x")))
        assert found.value == sign
        assert {"BOUNDARY", "NO_INTERVAL"} <= _codes(found)
    assert "SMALL_SAMPLE" in _codes(_run(_graded(1, 20)))
    assert "SMALL_SAMPLE" not in _codes(_run(_graded(1, 200)))
    assert _codes(_run(apart.head(4))) == {"SMALL_SAMPLE"}
    assert _codes(_run(apart.with_columns(y=1))) == {"CONSTANT_INPUT"}
    assert _codes(_run(apart.with_columns(x=1))) == {"CONSTANT_INPUT"}
    assert "NO_INTERVAL" in _codes(_run(_graded(1), interval="none"))
    outlier = _graded(1).with_columns(x=pl.when(pl.int_range(60) == 0).then(1e4).otherwise(pl.col("x")))
    assert abs(_run(outlier).value) < 1  # type: ignore[arg-type]
    with pytest.raises(MeasureInputError, match="at most 10 different values, got 60"):
        _run(_graded(1).with_columns(y="x"))
