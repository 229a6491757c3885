"""Cronbach's alpha and McDonald's omega: oracle, known loadings, errors, unanswered items, thin designs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError
from fairpanel.measures.reliability.one_factor import one_factor
from tests.measures.reliability.designs import shuffled
from tests.oracles.cases import agree, checks, data

FloatArray = npt.NDArray[np.float64]


def _cards(scores: FloatArray, cards: int = 1) -> pl.DataFrame:
    """Rows of scores as cards of raters, `cards` to a unit."""
    row, item = (axis.ravel() for axis in np.indices(scores.shape))
    return pl.DataFrame({"unit": row // cards, "rater": row % cards, "item": item, "score": scores.ravel()})


def _exact(covariance: FloatArray, n: int = 60) -> FloatArray:
    """Scores whose sample covariances are exactly the given ones."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(n, covariance.shape[0]))
    noise -= noise.mean(axis=0)
    return np.asarray(noise @ np.linalg.inv(np.linalg.cholesky(np.cov(noise.T))).T @ np.linalg.cholesky(covariance).T)


@pytest.mark.parametrize(("case", "check"), checks("cronbach_alpha"))
def test_oracle(case: str, check: dict[str, Any]) -> None:
    agree(check, "value", measure("cronbach_alpha", data(case)).value)


def test_known_loadings() -> None:
    loading, sd = np.array([0.9, 0.7, 0.5, 0.6]), np.array([1.0, 2.0, 0.5, 1.5])
    covariance = np.outer(sd, sd) * (np.outer(loading, loading) + np.diag(1 - loading**2))
    common = float(sd @ loading) ** 2
    found = measure("omega_total", _cards(_exact(covariance)))
    assert found.value == pytest.approx(common / (common + float(sd**2 @ (1 - loading**2))), abs=1e-9)
    assert list(found.detail["loadings"].values()) == pytest.approx(loading.tolist(), abs=1e-8)
    assert found.detail["residual"] == pytest.approx(0, abs=1e-8)


def test_equal_items_make_omega_alpha() -> None:
    covariance = np.full((5, 5), 0.4) + 0.6 * np.eye(5)
    frame = _cards(_exact(covariance))
    alpha = measure("cronbach_alpha", frame)
    assert alpha.value == pytest.approx(5 * 0.4 / (1 + 4 * 0.4), abs=1e-12)
    assert measure("omega_total", frame).value == pytest.approx(alpha.value, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), items=st.integers(3, 8))
def test_minimum_residuals_by_another_search(seed: int, items: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(80, 1)) * rng.uniform(0.5, 1.5, items) + rng.normal(size=(80, items))
    correlation = np.corrcoef(scores.T)
    found = one_factor(correlation)
    upper = np.triu_indices(items, 1)

    def misfit(loading: FloatArray) -> float:
        return float(np.sum((correlation - np.outer(loading, loading))[upper] ** 2))

    other = min(
        (minimize(misfit, start, method="SLSQP", bounds=[(-1, 1)] * items, options={"ftol": 1e-14, "maxiter": 1000})
         for start in (np.full(items, 0.5), np.full(items, 0.8))),
        key=lambda each: float(each.fun),
    )  # fmt: skip
    assert misfit(found.loadings) <= other.fun + 1e-8


@pytest.mark.parametrize("name", ["cronbach_alpha", "omega_total"])
@pytest.mark.parametrize("cards", [1, 3])
@pytest.mark.parametrize("holes", [0.0, 0.1])
def test_error_is_the_derivative_over_units(name: str, cards: int, holes: float) -> None:
    """Delete-one-unit jackknife and linearised error agree, with dependent cards and unanswered items."""
    rng = np.random.default_rng(1)
    units = 150
    common = np.repeat(rng.normal(size=(units, 1)), cards, axis=0) + 0.5 * rng.normal(size=(units * cards, 1))
    scores = common * np.array([0.6, 0.9, 1.2, 0.8]) + rng.normal(size=(units * cards, 4))
    frame = _cards(np.round(scores), cards).filter(rng.random(scores.size) >= holes)
    found = measure(name, frame)
    without = np.array(
        [measure(name, frame.filter(pl.col("unit") != u), interval="none").value for u in range(units)], dtype=float
    )
    jackknife = np.sqrt((units - 1) / units * np.sum((without - without.mean()) ** 2))
    assert found.detail["se"] == pytest.approx(jackknife, rel=0.1 if cards > 1 else 0.06)


@pytest.mark.parametrize("name", ["cronbach_alpha", "omega_total"])
def test_invariances(name: str) -> None:
    rng = np.random.default_rng(3)
    frame = _cards(rng.normal(size=(50, 1)) + rng.normal(size=(50, 5)))
    value = measure(name, frame).value
    assert measure(name, shuffled(frame)).value == pytest.approx(value, abs=1e-10)
    assert measure(name, frame.with_columns(pl.col("score") * 4 + 1)).value == pytest.approx(value, abs=1e-10)
    renamed = frame.with_columns(9 - pl.col("item"))
    assert measure(name, renamed).value == pytest.approx(value, abs=1e-9)
    assert measure(name, frame.drop("rater")).value == pytest.approx(value, abs=1e-12)


def test_intervals_meet_where_feldts_assumptions_hold() -> None:
    covariance = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    rng = np.random.default_rng(4)
    frame = _cards(rng.multivariate_normal(np.zeros(4), covariance, 400))
    kinds = ("analytic", "feldt", "bootstrap")
    found = [measure("cronbach_alpha", frame, interval=kind, replicates=300).interval for kind in kinds]
    for one in found:
        assert one is not None
        assert found[1] is not None
        assert one.low == pytest.approx(found[1].low, abs=0.012)
        assert one.high == pytest.approx(found[1].high, abs=0.012)
    omega = [
        measure("omega_total", frame, interval=kind, replicates=200).interval for kind in ("analytic", "bootstrap")
    ]
    assert omega[0] is not None
    assert omega[1] is not None
    assert omega[0].low == pytest.approx(omega[1].low, abs=0.015)


def test_unanswered_items() -> None:
    """Pairwise covariances use every answer; listwise keeps complete cards; both say so."""
    rng = np.random.default_rng(5)
    frame = _cards(rng.normal(size=(200, 1)) + rng.normal(size=(200, 6))).filter(rng.random(1200) >= 0.1)
    pairwise, listwise = (measure("cronbach_alpha", frame, missing=way) for way in ("pairwise", "listwise"))
    assert pairwise.n["cards"] == 200
    assert listwise.n["cards"] < 130
    assert pairwise.value == pytest.approx(6 / 7, abs=0.04)
    for found in (pairwise, listwise):
        assert "INCOMPLETE_DESIGN" in {caution.code for caution in found.cautions}
    assert measure("cronbach_alpha", frame, interval="feldt").interval is None


def test_a_heywood_case_is_named() -> None:
    covariance = np.array([[1, 0.8, 0.8], [0.8, 1, 0.4], [0.8, 0.4, 1]])
    frame = _cards(_exact(covariance, 150))
    found = measure("omega_total", frame)
    assert "BOUNDARY" in {caution.code for caution in found.cautions}
    assert max(found.detail["loadings"].values()) == pytest.approx(1)
    assert found.interval is None
    assert measure("omega_total", frame, interval="bootstrap", replicates=60).interval is not None


@pytest.mark.parametrize("name", ["cronbach_alpha", "omega_total"])
def test_thin_designs(name: str) -> None:
    frame = _cards(np.random.default_rng(6).normal(size=(30, 4)))
    for thin, code in (
        (frame.filter(pl.col("item") == 0), "NOT_ESTIMABLE"),
        (frame.filter(pl.col("unit") == 0), "NOT_ESTIMABLE"),
        (frame.clear(), "NOT_ESTIMABLE"),
        (frame.with_columns(score=pl.lit(3.0)), "CONSTANT_INPUT"),
        (frame.filter(pl.col("unit") % 4 == pl.col("item")), "NOT_ESTIMABLE"),
    ):
        found = measure(name, thin)
        assert found.value is None
        assert code in {caution.code for caution in found.cautions}
    two = measure(name, frame.filter(pl.col("item") < 2))
    assert (two.value is None) == (name == "omega_total")
    forty = _cards(np.random.default_rng(7).normal(size=(100, 1)) + np.random.default_rng(8).normal(size=(100, 40)))
    assert measure(name, forty).value == pytest.approx(40 / 41, abs=0.01)
    repeated = pl.concat([frame, frame.head(1)])
    assert "DEPENDENT_SCORES" in {caution.code for caution in measure(name, repeated).cautions}


def test_misuse_is_named() -> None:
    frame = _cards(np.random.default_rng(6).normal(size=(30, 4)))
    with pytest.raises(MeasureInputError, match="expected interval"):
        measure("omega_total", frame, interval="feldt")
    with pytest.raises(MeasureInputError, match="expected missing"):
        measure("cronbach_alpha", frame, missing="none")
    with pytest.raises(MeasureInputError, match="for the role item"):
        measure("cronbach_alpha", frame.drop("item"))
