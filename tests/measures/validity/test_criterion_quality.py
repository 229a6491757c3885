"""Slopes, use of the scale, stability and odds: independent programs, hand calculation, invariances, thin data."""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import chdtri, expit
from scipy.stats import mannwhitneyu

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.validity.penalised_likelihood import fit_logistic

NUMBER = st.integers(0, 10_000)


def _run(name: str, frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure(name, frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _codes(estimate: Estimate) -> set[str]:
    return {caution.code for caution in estimate.cautions}


def _sixty() -> pl.DataFrame:
    """Sixty people made by whole-number arithmetic, so that another program can have them, too."""
    i = np.arange(60)
    x, w = (i * 37 % 61) / 10, (i * 17 % 23) / 5
    y = np.round(0.6 * x + 0.3 * w + ((i * 29 % 41) - 20) / 8 + 0.05 * x * x, 3)
    return pl.DataFrame({"x": x, "w": w, "y": y, "g": i % 12, "b": (y > np.median(y)).astype(int)})


def _random(seed: int, n: int = 40) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x, w, e = rng.normal(size=(3, n))
    return pl.DataFrame({
        "x": x, "w": w + x, "y": x + 2 * e, "b": (x + 2 * e > 0).astype(int), "g": rng.integers(0, 10, n),
        "rating": rng.integers(1, 6, n), "cycle": 2020 + np.arange(n) % 3, "unit": np.arange(n) // 3,
    })  # fmt: skip


OPTIONS: dict[str, dict[str, Any]] = {
    "criterion_regression": {"x": ["x", "w"]},
    "rating_distribution": {"y": "rating", "scale_min": 1, "scale_max": 5, "unit": "unit"},
    "rating_stability": {},
    "logistic_validity": {"x": ["x", "w"], "y": "b"},
}


@pytest.mark.parametrize(
    ("covariance", "error", "p"),
    [
        ("classical", 0.11090212709192722, 2.502352683923669e-11),
        ("hc3", 0.11666813482862924, 1.1916900748670523e-10),
        ("cluster", 0.09434058285874679, 9.857165848748446e-07),
    ],
)
def test_slope_as_statsmodels(covariance: str, error: float, p: float) -> None:
    """statsmodels 0.15.0, OLS with nonrobust, HC3 and cluster covariance, use_t."""
    options = {"cluster": "g"} if covariance == "cluster" else {}
    found = _run("criterion_regression", _sixty(), x=["x", "w"], covariance=covariance, **options)
    assert found.detail["slope"] == pytest.approx(0.916563984171507, rel=1e-10)
    assert found.detail["se"] == pytest.approx(error, rel=1e-9)
    assert found.detail["p"] == pytest.approx(p, rel=1e-6)
    assert found.detail["r2"] == pytest.approx(0.5618895715556229, rel=1e-10)


def test_one_score_equals_pearson() -> None:
    frame = _sixty()
    slope, r = _run("criterion_regression", frame, covariance="classical"), _run("pearson", frame)
    assert slope.value == pytest.approx(r.value, rel=1e-12)
    assert slope.detail["p"] == pytest.approx(r.detail["p"], rel=1e-9)


def test_cluster_error_is_the_jackknife_over_clusters() -> None:
    frame = _sixty()
    found = _run("criterion_regression", frame, x=["x", "w"], covariance="cluster", cluster="g")
    without = [
        _run("criterion_regression", frame.filter(pl.col("g") != g), x=["x", "w"], interval="none").value
        for g in range(12)
    ]
    assert found.detail["se_standardized"] == pytest.approx(np.std(without) * math.sqrt(11), rel=1e-9)


def test_hc3_error_nears_the_bootstrap() -> None:
    """Both count the SDs' error; the classical one, rescaled, does not and is wider for a strong relation."""
    rng = np.random.default_rng(3)
    x, e = rng.normal(size=(2, 2000))
    frame = pl.DataFrame({"x": x, "y": x + e})
    found = _run("criterion_regression", frame)
    draws = [np.corrcoef(*frame.to_numpy()[rng.integers(0, 2000, 2000)].T)[0, 1] for _ in range(1000)]
    assert found.detail["se_standardized"] == pytest.approx(np.std(draws), rel=0.1)
    assert _run("criterion_regression", frame, covariance="classical").detail["se_standardized"] > 1.2 * np.std(draws)


def test_flat_top_is_seen() -> None:
    x = np.linspace(-2, 2, 200)
    e = np.random.default_rng(4).normal(size=200) / 3
    curve = _run("criterion_regression", pl.DataFrame({"x": x, "y": np.minimum(x, 0) + e})).detail["curvature"]
    assert curve["bend"]["below"]["slope"] == pytest.approx(1, abs=0.1)
    assert curve["bend"]["above"]["low"] < 0 < curve["bend"]["above"]["high"]
    assert max(curve[test]["p"] for test in ("bend", "quadratic", "reset")) < 1e-4
    assert curve["quadratic"]["slope"] < 0


def test_regression_on_thin_data() -> None:
    frame = _sixty()
    assert "SMALL_GROUP" in _codes(_run("criterion_regression", frame, covariance="cluster", cluster="g"))
    assert _codes(_run("criterion_regression", frame.head(3))) == {"SMALL_SAMPLE"}
    assert _codes(_run("criterion_regression", frame.with_columns(x=1))) == {"CONSTANT_INPUT"}
    assert _codes(_run("criterion_regression", frame.with_columns(w=pl.col("x") * 2), x=["x", "w"])) == {
        "NOT_ESTIMABLE"
    }
    assert _run("criterion_regression", frame.with_columns(y="x")).value is None
    assert _run("criterion_regression", frame.with_columns(x=pl.col("x") > 3)).detail["curvature"]["quadratic"] is None
    for options, text in (
        ({"covariance": "cluster"}, "cluster goes with"),
        ({"cluster": "g"}, "cluster goes with"),
        ({"x": ["x", "x"]}, "different columns"),
        ({"x": []}, "different columns"),
    ):
        with pytest.raises(MeasureInputError, match=text):
            _run("criterion_regression", frame, **options)


def test_use_of_the_scale_by_hand() -> None:
    frame = pl.DataFrame({"y": [5] * 6 + [4] * 10 + [3] * 5 + [1] * 5})
    found = _run("rating_distribution", frame, scale_min=1, scale_max=5)
    assert found.value == pytest.approx((24 + 30 + 10) / 26 / 4)
    assert found.detail["counts"] == {"1": 5, "2": 0, "3": 5, "4": 10, "5": 6}
    assert found.detail["share_top"] == pytest.approx(6 / 26)
    assert found.detail["share_top_two"] == pytest.approx(16 / 26)
    assert found.detail["share_bottom"] == pytest.approx(5 / 26)
    assert found.detail["relative_sd"] == pytest.approx(frame["y"].std() / math.sqrt(2))
    assert found.detail["points_used"] == 4
    even = _run("rating_distribution", pl.DataFrame({"y": list(range(1, 8)) * 50}), scale_min=1, scale_max=7)
    assert even.value == pytest.approx(0.5)
    assert even.detail["relative_sd"] == pytest.approx(1, abs=2e-3)
    assert even.detail["skewness"] == pytest.approx(0, abs=1e-12)


def test_small_cells_are_hidden_and_cannot_be_worked_out() -> None:
    frame = pl.DataFrame({"y": [5] * 20 + [4] * 9 + [3] * 6 + [1] * 2})
    found = _run("rating_distribution", frame, scale_min=1, scale_max=5).detail
    assert found["counts"] == {"1": None, "2": 0, "3": None, "4": 9, "5": 20}
    assert found["share_bottom"] is None
    assert found["share_top_two"] == pytest.approx(29 / 37)
    shown = _run("rating_distribution", frame, scale_min=1, scale_max=5, minimum_cell=1).detail
    assert shown["counts"]["1"] == 2
    one_person = frame.with_columns(unit=pl.when(pl.col("y") == 3).then(0).otherwise(pl.int_range(pl.len())))
    by_unit = _run("rating_distribution", one_person, scale_min=1, scale_max=5, unit="unit").detail
    assert by_unit["counts"] == {"1": None, "2": 0, "3": None, "4": 9, "5": 20}


def test_repeating_every_rating_within_people_changes_nothing() -> None:
    frame = _random(1).with_columns(unit=pl.int_range(pl.len()))
    once = _run("rating_distribution", frame, y="rating", scale_min=1, scale_max=5, unit="unit")
    twice = _run("rating_distribution", pl.concat([frame, frame]), y="rating", scale_min=1, scale_max=5, unit="unit")
    assert twice.interval is not None
    assert once.interval is not None
    assert twice.interval.low == pytest.approx(once.interval.low, rel=1e-12)
    assert twice.interval.high == pytest.approx(once.interval.high, rel=1e-12)


def test_scale_on_thin_data() -> None:
    alike = _run("rating_distribution", pl.DataFrame({"y": [5] * 20}), scale_min=1, scale_max=5)
    assert alike.value == 1
    assert _codes(alike) == {"NO_INTERVAL", "CONSTANT_INPUT"}
    assert _run("rating_distribution", pl.DataFrame({"y": [None]}), scale_min=1, scale_max=5).value is None
    between = _run("rating_distribution", pl.DataFrame({"y": [3.5, 4, 2] * 5}), scale_min=1, scale_max=5)
    assert between.detail["counts"] is None
    with pytest.raises(MeasureInputError, match=r"row 2 holds 6\.0"):
        _run("rating_distribution", pl.DataFrame({"y": [3, 6]}), scale_min=1, scale_max=5)
    with pytest.raises(MeasureInputError, match="whole number of points"):
        _run("rating_distribution", pl.DataFrame({"y": [3]}), scale_min=5, scale_max=1)


def test_two_cycles_equal_pearson_and_more_are_pooled_within() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 30))
    b = a + b
    frame = pl.DataFrame({"unit": list(range(30)) * 2, "cycle": [1] * 30 + [7] * 30, "y": np.concatenate((a, b + 3))})
    found = _run("rating_stability", frame)
    assert found.value == pytest.approx(np.corrcoef(a, b)[0, 1], rel=1e-12)
    assert found.detail["change"]["mean"] == pytest.approx(3 + (b - a).mean(), rel=1e-12)
    assert found.detail["change"]["se"] == pytest.approx((b - a).std(ddof=1) / math.sqrt(30), rel=1e-10)
    three = pl.concat([frame, pl.DataFrame({"unit": list(range(30)), "cycle": [8] * 30, "y": a + 50})])
    pooled = _run("rating_stability", three)
    first, later = np.concatenate((a - a.mean(), b - b.mean())), np.concatenate((b - b.mean(), a - a.mean()))
    assert pooled.value == pytest.approx(np.corrcoef(first, later)[0, 1], rel=1e-10)
    assert pooled.detail["by_lag"][1]["r"] == pytest.approx(1)
    assert pooled.detail["pooled_r"] != pytest.approx(pooled.value, abs=0.01)


def test_cycles_may_be_dates_and_leave_gaps() -> None:
    rng = np.random.default_rng(5)
    days = [date(2021, 3, 1), date(2022, 3, 1), date(2023, 3, 1)]
    frame = pl.DataFrame({"unit": np.repeat(np.arange(20), 3), "cycle": days * 20, "y": rng.normal(size=60)})
    numbered = frame.with_columns(cycle=pl.col("cycle").dt.year())
    assert _run("rating_stability", frame) == _run("rating_stability", numbered)
    gap = numbered.filter((pl.col("unit") >= 6) | (pl.col("cycle") != 2022))
    found = _run("rating_stability", gap)
    assert found.n["pairs"] == 28
    assert found.detail["by_lag"][1]["pairs"] == 20
    doubled = pl.concat([gap, gap.with_columns(y=pl.col("y") + 1)])
    again = _run("rating_stability", doubled)
    assert again.detail["averaged"] == gap.height
    assert again.value == pytest.approx(found.value, rel=1e-10)


def test_stability_of_few_people() -> None:
    frame = pl.DataFrame({"unit": list("abcd") * 2, "cycle": [1] * 4 + [2] * 4, "y": [1, 2, 3, 4, 2, 1, 4, 3]})
    assert _codes(_run("rating_stability", frame)) == {"SMALL_SAMPLE"}
    assert _run("rating_stability", frame.head(0)).value is None
    flat = pl.DataFrame({"unit": list(range(9)) * 2, "cycle": [1] * 9 + [2] * 9, "y": [3] * 18})
    assert _codes(_run("rating_stability", flat)) == {"CONSTANT_INPUT"}
    assert _run("rating_stability", _random(1), interval="bootstrap", replicates=200).interval is not None
    with pytest.raises(MeasureInputError, match="max_lag"):
        _run("rating_stability", frame, max_lag=0)


def test_odds_without_penalty_as_statsmodels() -> None:
    """statsmodels 0.15.0 Logit: slope, error and likelihood ratio of dropping x."""
    found = _run("logistic_validity", _sixty(), x=["x", "w"], y="b", penalty="none")
    spread = found.detail["sd_x"]
    assert found.detail["log_odds"] / spread == pytest.approx(0.8583425305375497, rel=1e-8)
    assert found.detail["se"] / spread == pytest.approx(0.2253049288251283, rel=1e-6)
    assert found.detail["p"] == pytest.approx(math.erfc(math.sqrt(22.012829933855116 / 2)), rel=1e-6)


@pytest.mark.parametrize("table", [(6, 2, 3, 9), (5, 0, 4, 6), (1, 9, 1, 30), (7, 0, 0, 7)])
def test_firth_of_a_two_by_two_table_adds_one_half(table: tuple[int, int, int, int]) -> None:
    """With as many columns as cells the penalty is half a person in each cell (Firth 1993)."""
    a, b, c, d = table
    frame = pl.DataFrame({"x": [1] * (a + b) + [0] * (c + d), "y": [1] * a + [0] * b + [1] * c + [0] * d})
    found = _run("logistic_validity", frame)
    expected = math.log((a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5)))
    assert found.detail["log_odds"] / found.detail["sd_x"] == pytest.approx(expected, rel=1e-7)


def test_profile_limits_lie_where_the_penalised_likelihood_has_fallen() -> None:
    frame = _sixty()
    found = _run("logistic_validity", frame, y="b")
    X = np.column_stack((np.ones(60), (frame["x"] - frame["x"].mean()) / frame["x"].std()))
    y = frame["b"].to_numpy()

    def penalised(beta: np.ndarray) -> float:
        p = expit(X @ beta)
        information = X.T @ (X * (p * (1 - p))[:, None])
        return float((np.log(np.where(y == 1, p, 1 - p))).sum() + np.linalg.slogdet(information)[1] / 2)

    top = minimize(lambda beta: -penalised(beta), [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9}).x
    assert found.value == pytest.approx(math.exp(top[1]), rel=1e-5)
    assert found.interval is not None
    for end in (found.interval.low, found.interval.high):
        beta = math.log(end)
        profile = minimize(
            lambda a, beta=beta: -penalised(np.array([a[0], beta])), [0.0], method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-12},
        )  # fmt: skip
        assert penalised(top) + profile.fun == pytest.approx(chdtri(1, 0.05) / 2, abs=1e-6)


def test_separation_has_a_finite_answer_with_the_penalty_alone() -> None:
    frame = pl.DataFrame({"x": list(range(20)), "y": [0] * 10 + [1] * 10})
    firth = _run("logistic_validity", frame)
    assert firth.value is not None
    assert 1 < firth.interval.low < firth.interval.high < math.inf  # type: ignore[union-attr]
    assert firth.detail["auc"] == {"value": 1.0, "low": None, "high": None}
    plain = _run("logistic_validity", frame, penalty="none")
    assert plain.value is None
    assert _codes(plain) == {"NOT_CONVERGED"}
    X = np.column_stack((np.ones(20), np.linspace(-1, 1, 20)))
    assert not fit_logistic(X, frame["y"].to_numpy().astype(float), firth=False).converged


def test_area_and_rates() -> None:
    frame = _sixty()
    found = _run("logistic_validity", frame, y="b")
    yes, no = (frame.filter(pl.col("b") == value)["x"].to_numpy() for value in (1, 0))
    assert found.detail["auc"]["value"] == pytest.approx(mannwhitneyu(yes, no).statistic / 900)
    wins = (yes[:, None] > no[None, :]) + 0.5 * (yes[:, None] == no[None, :])
    variance = wins.mean(axis=1).var(ddof=1) / 30 + wins.mean(axis=0).var(ddof=1) / 30
    logit = math.log(found.detail["auc"]["value"] / (1 - found.detail["auc"]["value"]))
    width = found.detail["auc"]["value"] * (1 - found.detail["auc"]["value"])
    low = 1 / (1 + math.exp(-(logit - 1.959963984540054 * math.sqrt(variance) / width)))
    assert found.detail["auc"]["low"] == pytest.approx(low, rel=1e-10)
    even = pl.DataFrame({"x": [0, 1] * 100, "y": np.isin(np.arange(200), (0, 50, 100, 1))})
    rates = _run("logistic_validity", even).detail["expected_rate"]
    assert 0.01 < rates["+1"] < rates["0"] < rates["-1"] < 0.03
    spread = math.sqrt(1 - 1 / 200)  # the groups lie at ±0.9975 SD: their mean rate is the base rate again
    assert (rates["-1"] + rates["+1"]) / 2 == pytest.approx(0.02, abs=1e-3 * spread)


def test_odds_on_thin_data() -> None:
    frame = _sixty()
    assert "SMALL_SAMPLE" in _codes(_run("logistic_validity", frame, y="y", success=6.5))
    assert _codes(_run("logistic_validity", frame.with_columns(y=0))) == {"CONSTANT_INPUT"}
    assert _codes(_run("logistic_validity", frame.with_columns(x=2), y="b")) == {"CONSTANT_INPUT"}
    assert _codes(_run("logistic_validity", frame.head(3), y="b")) == {"SMALL_SAMPLE"}
    twice = frame.with_columns(w=3 - pl.col("x"))
    assert _codes(_run("logistic_validity", twice, x=["x", "w"], y="b")) == {"NOT_ESTIMABLE"}
    with pytest.raises(MeasureInputError, match="give success"):
        _run("logistic_validity", frame)


@pytest.mark.parametrize("name", OPTIONS)
@given(seed=NUMBER)
@settings(max_examples=10, deadline=None)
def test_order_of_rows_does_not_matter(name: str, seed: int) -> None:
    frame = _random(seed)
    one, other = (_run(name, each, **OPTIONS[name]) for each in (frame, frame.sample(fraction=1, shuffle=True, seed=1)))
    assert one.value == pytest.approx(other.value, rel=1e-9)
    if one.interval is not None and other.interval is not None:
        assert one.interval.low == pytest.approx(other.interval.low, rel=1e-6)


@given(seed=NUMBER, scale=st.floats(0.01, 100), shift=st.floats(-1000, 1000))
@settings(max_examples=20, deadline=None)
def test_units_of_the_score_do_not_matter(seed: int, scale: float, shift: float) -> None:
    frame = _random(seed)
    moved = frame.with_columns(x=pl.col("x") * scale + shift, y=pl.col("y") * scale - shift)
    for name, options in (("criterion_regression", {}), ("logistic_validity", {"y": "b"}), ("rating_stability", {})):
        one, other = _run(name, frame, **options), _run(name, moved, **options)
        assert one.value == pytest.approx(other.value, rel=1e-5)
    turned = _run("logistic_validity", frame.with_columns(x=-pl.col("x")), y="b")
    assert turned.value == pytest.approx(1 / _run("logistic_validity", frame, y="b").value, rel=1e-6)  # type: ignore[operator]


@given(seed=NUMBER)
@settings(max_examples=20, deadline=None)
def test_scale_turned_round_mirrors_the_position(seed: int) -> None:
    frame = _random(seed)
    options = {"y": "rating", "scale_min": 1, "scale_max": 5, "unit": "unit"}
    one = _run("rating_distribution", frame, **options)
    other = _run("rating_distribution", frame.with_columns(rating=6 - pl.col("rating")), **options)
    assert one.value == pytest.approx(1 - other.value)  # type: ignore[operator]
    assert one.interval is not None
    assert other.interval is not None
    assert one.interval.low == pytest.approx(1 - other.interval.high)
    assert one.interval.low < one.value < one.interval.high  # type: ignore[operator]
