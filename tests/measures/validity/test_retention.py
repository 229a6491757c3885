"""Retention hazards: independent programs, the likelihood by hand, invariances, thin data."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.validity.proportional_hazards import fit_hazards, risk_sets, score_residuals

NUMBER = st.integers(0, 10_000)


def _run(frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure("retention_hazard", frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _codes(estimate: Estimate) -> set[str]:
    return {caution.code for caution in estimate.cautions}


def _sixty() -> pl.DataFrame:
    """Sixty people made by whole-number arithmetic, many ties in time."""
    i = np.arange(60)
    x, w = (i * 37 % 61) / 10, (i * 17 % 23) / 5
    time, event = 1 + (i * 31 % 47) // 2 + np.floor(x), ((i * 13 % 7) > 1).astype(int)
    return pl.DataFrame({"x": x, "w": w, "g": i % 12, "time": time, "event": event})


def _random(seed: int, n: int = 40) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame({
        "x": rng.normal(size=n), "time": rng.integers(1, 15, n), "event": rng.integers(0, 2, n),
        "g": rng.integers(0, 8, n),
    })  # fmt: skip


def _efron(beta: np.ndarray, X: np.ndarray, time: np.ndarray, event: np.ndarray) -> float:
    """Efron's partial likelihood written out event by event."""
    weight, total = np.exp(X @ beta), 0.0
    for moment in np.unique(time[event]):
        leaving = event & (time == moment)
        count = int(leaving.sum())
        for place in range(count):
            total -= math.log(weight[time >= moment].sum() - place / count * weight[leaving].sum())
        total += float((X[leaving] @ beta).sum())
    return total


def test_as_statsmodels_and_lifelines() -> None:
    """statsmodels 0.15.0 PHReg(ties="efron"); lifelines 0.30.3 CoxPHFitter, concordance_index, KaplanMeierFitter."""
    found = _run(_sixty(), x=["x", "w"])
    spread = found.detail["sd_x"]
    assert found.detail["log_hazard"] / spread == pytest.approx(-0.2180267331478055, rel=1e-8)
    assert found.detail["se"] / spread == pytest.approx(0.09284001674073912, rel=1e-8)
    assert found.detail["concordance"] == pytest.approx(0.602761982128351, rel=1e-12)
    rows = {(row["half"], row["months"]): row for row in found.detail["retention"]}
    for month, expected in (
        (6, (0.9297573435504468, 0.7471402844784897, 0.9819676286630746)),
        (12, (0.6611607776358733, 0.44794265366484753, 0.8080175864272003)),
    ):
        row = rows["lower", month]
        assert (row["retention"], row["low"], row["high"]) == pytest.approx(expected, rel=1e-9)


def test_robust_error_as_lifelines() -> None:
    """lifelines 0.30.3, cluster_col, without ties; it takes no factor clusters / (clusters - 1)."""
    untied = _sixty().with_columns(time=pl.col("time") + pl.int_range(60) / 1000)
    found = _run(untied, x=["x", "w"], cluster="g")
    assert found.detail["se"] / found.detail["sd_x"] * math.sqrt(11 / 12) == pytest.approx(
        0.039037927564685646, rel=1e-6
    )


def test_score_residuals_add_to_the_score_and_follow_the_weights() -> None:
    """With ties: no sum at the maximum, and each person's part is what a copy of them would add to the score."""
    frame = _sixty()
    X, time = frame.select("x", "w").to_numpy(), frame["time"].to_numpy()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    event = frame["event"].to_numpy() == 1
    sets = risk_sets(time, event)
    fit = fit_hazards(X, sets)
    assert fit is not None
    assert fit.likelihood == pytest.approx(_efron(fit.coefficients, X, time, event), rel=1e-12)
    assert fit.null_likelihood == pytest.approx(_efron(np.zeros(2), X, time, event), rel=1e-12)
    assert approx_fprime(fit.coefficients, _efron, 1e-6, X, time, event) == pytest.approx([0, 0], abs=1e-3)
    residuals = score_residuals(X, sets, fit.coefficients)
    assert residuals.sum(axis=0) == pytest.approx([0, 0], abs=1e-8)
    weight = np.exp(X @ fit.coefficients)
    by_hand = np.zeros_like(X)
    for moment in np.unique(time[event]):
        leaving, there = event & (time == moment), time >= moment
        count = int(leaving.sum())
        for place in range(count):
            kept = weight * (there - place / count * leaving)
            mean = kept @ X / kept.sum()
            by_hand -= (kept / kept.sum())[:, None] * (X - mean)
            by_hand[leaving] += (X[leaving] - mean) / count
    assert residuals == pytest.approx(by_hand, abs=1e-9)


def test_proportionality_is_the_score_test_of_a_trend() -> None:
    """The trend's score and information by numerical derivatives of the likelihood with x · log time added."""
    frame = _sixty()
    x, time = frame["x"].to_numpy(), frame["time"].to_numpy()
    x = (x - x.mean()) / x.std(ddof=1)
    event = frame["event"].to_numpy() == 1
    centre = np.log(time[event]).mean()

    def likelihood(theta: np.ndarray) -> float:
        total = 0.0
        for moment in np.unique(time[event]):
            leaving = event & (time == moment)
            index = x * (theta[0] + theta[1] * (math.log(moment) - centre))
            count = int(leaving.sum())
            for place in range(count):
                total -= math.log(np.exp(index[time >= moment]).sum() - place / count * np.exp(index[leaving]).sum())
            total += float(index[leaving].sum())
        return total

    found = _run(frame)
    at, step = np.array([found.detail["log_hazard"], 0.0]), 1e-3
    unit = np.eye(2) * step
    score = (likelihood(at + unit[1]) - likelihood(at - unit[1])) / (2 * step)
    information = -np.array([[
        (likelihood(at + a + b) - likelihood(at + a - b) - likelihood(at - a + b) + likelihood(at - a - b))
        / (4 * step**2) for a in unit] for b in unit])  # fmt: skip
    left = information[1, 1] - information[0, 1] ** 2 / information[0, 0]
    assert found.detail["proportional"]["chi2"] == pytest.approx(score**2 / left, rel=1e-3, abs=1e-6)


def test_concordance_by_counting_pairs() -> None:
    frame = _random(3).with_columns(x=pl.col("x").round(0))
    found = _run(frame)
    rows = frame.rows(named=True)
    wins = pairs = 0.0
    for one in rows:
        for other in rows:
            later = other["time"] > one["time"] or (other["time"] == one["time"] and not other["event"])
            if one["event"] and later:
                pairs += 1
                wins += (other["x"] > one["x"]) + 0.5 * (other["x"] == one["x"])
    assert found.detail["concordance"] == pytest.approx(wins / pairs)


def test_crossing_hazards_are_seen() -> None:
    """A score that delays leaving at first and hastens it later."""
    rng = np.random.default_rng(6)
    x = np.repeat([0, 1], 150)
    time = np.where(x == 0, rng.exponential(10, 300), 6 + rng.exponential(3, 300)) + 0.01
    found = _run(pl.DataFrame({"x": x, "time": time, "event": [1] * 300}))
    assert found.detail["proportional"]["p"] < 1e-4


def test_time_unit_moves_the_marks_alone() -> None:
    frame = _sixty()
    months, years = _run(frame), _run(frame.with_columns(time=pl.col("time") / 12), time_unit="years")
    assert months.value == pytest.approx(years.value)
    for one, other in zip(months.detail["retention"], years.detail["retention"], strict=True):
        assert one["retention"] == pytest.approx(other["retention"])


@given(seed=NUMBER, scale=st.floats(0.01, 100), shift=st.floats(-1000, 1000))
@settings(max_examples=15, deadline=None)
def test_order_and_units_do_not_matter(seed: int, scale: float, shift: float) -> None:
    frame = _random(seed)
    one = _run(frame, cluster="g")
    other = _run(frame.sample(fraction=1, shuffle=True, seed=1), cluster="g")
    moved = _run(frame.with_columns(x=pl.col("x") * scale + shift, time=pl.col("time") ** 2), cluster="g")
    assert one.value == pytest.approx(other.value, rel=1e-8)
    assert one.value == pytest.approx(moved.value, rel=1e-6)
    assert one.detail["se"] == pytest.approx(other.detail["se"], rel=1e-8)
    assert one.detail["se"] == pytest.approx(moved.detail["se"], rel=1e-5)
    turned = _run(frame.with_columns(x=-pl.col("x")))
    assert turned.value == pytest.approx(1 / _run(frame).value, rel=1e-8)  # type: ignore[operator]
    assert turned.detail["concordance"] == pytest.approx(1 - one.detail["concordance"])


def test_thin_data() -> None:
    frame = _sixty()
    nobody = _run(frame.with_columns(event=0))
    assert _codes(nobody) == {"CONSTANT_INPUT"}
    assert nobody.n == {"people": 60, "events": 0, "censored": 60}
    assert _codes(_run(frame.with_columns(x=1))) == {"CONSTANT_INPUT"}
    assert _codes(_run(frame.head(3))) == {"SMALL_SAMPLE"}
    assert _run(frame.head(0)).value is None
    one = _run(frame.with_columns(event=(pl.int_range(60) == 30).cast(int)))
    assert "SMALL_SAMPLE" in _codes(one)
    ordered = pl.DataFrame({"x": range(20), "time": range(1, 21), "event": [1] * 20})
    assert _codes(_run(ordered)) == {"NOT_CONVERGED"}
    assert _codes(_run(frame.with_columns(w=2 * pl.col("x")), x=["x", "w"])) == {"NOT_CONVERGED"}
    assert "SMALL_GROUP" in _codes(_run(frame, cluster="g"))
    assert _run(frame.with_columns(g=1), cluster="g").value is None
    short = _run(frame.with_columns(time=pl.col("time") / 10, event=pl.col("event") * (pl.col("time") < 15)))
    assert [row["retention"] for row in short.detail["retention"] if row["months"] > 6] == [None] * 4
    for wrong, text in (
        ({"time": 0}, "times over 0; row 1 holds 0"),
        ({"event": 2}, "0 .still there. or 1 .left.; row 1"),
    ):
        with pytest.raises(MeasureInputError, match=text):
            _run(frame.with_columns(**{name: pl.lit(value) for name, value in wrong.items()}))
