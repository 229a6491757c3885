"""The restricted likelihood and its derivatives against dense matrices, and profile ends against a grid search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import brentq, minimize_scalar

from fairpanel.measures.mixed_models import crossed_layout
from fairpanel.measures.mixed_models.blocks import evaluate_blocks
from fairpanel.measures.mixed_models.blocks_design import block_design
from fairpanel.measures.mixed_models.crossed import (
    RATER,
    UNIT,
    crossed_design,
    evaluate,
    prediction_variance,
    residual_squares,
)
from fairpanel.measures.mixed_models.fit import fit_crossed
from fairpanel.measures.mixed_models.profile import profile_interval, rater_sd_target, ratio_target

FloatArray = npt.NDArray[np.float64]


def _scores(units: int, raters: int, per_unit: int, *, repeat: bool = False) -> tuple[npt.NDArray[np.int64], ...]:
    rng = np.random.default_rng(units)
    unit = np.repeat(np.arange(units), per_unit)
    rater = np.concatenate([rng.choice(raters, per_unit, replace=repeat) for _ in range(units)])
    rater = np.unique(rater, return_inverse=True)[1]
    score = rng.normal(0, 1, units)[unit] + rng.normal(0, 0.7, raters)[rater] + rng.normal(0, 0.8, unit.size)
    return unit, rater, score


def _dense(z: list[FloatArray], gamma: FloatArray, score: FloatArray) -> tuple[float, FloatArray]:
    """Criterion and gradient from the n × n covariance matrix."""
    n = score.size
    blocks = [one @ one.T for one in z]
    v = np.eye(n) + sum(g * block for g, block in zip(gamma, blocks, strict=True))
    inverse = np.linalg.inv(v)
    ones = inverse @ np.ones(n)
    p = inverse - np.outer(ones, ones) / ones.sum()
    variance = float(score @ p @ score) / (n - 1)
    criterion = np.linalg.slogdet(v)[1] + np.log(ones.sum()) + (n - 1) * (1 + np.log(2 * np.pi * variance))
    gradient = [np.trace(p @ block) - score @ p @ block @ p @ score / variance for block in blocks]
    return float(criterion), np.array(gradient)


@pytest.mark.parametrize("gamma", [(0.5, 0.3), (0.0, 0.4), (2.0, 0.0), (0.0, 0.0), (30.0, 8.0)])
@pytest.mark.parametrize(
    ("units", "raters", "per_unit", "repeat"), [(20, 6, 3, False), (6, 20, 5, False), (12, 4, 3, True)]
)
def test_crossed_likelihood(units: int, raters: int, per_unit: int, repeat: bool, gamma: tuple[float, float]) -> None:
    unit, rater, score = _scores(units, raters, per_unit, repeat=repeat)
    z = [np.eye(codes.max() + 1)[codes] for codes in (unit, rater)]
    found = evaluate(crossed_design(unit, rater, score), np.array(gamma))
    criterion, gradient = _dense(z, np.array(gamma), score)
    assert found.criterion == pytest.approx(criterion, rel=1e-10)
    assert found.gradient() == pytest.approx(gradient, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("gamma", [(0.5, 0.3), (0.0, 0.4), (2.0, 0.0)])
def test_separate_panels_likelihood(gamma: tuple[float, float]) -> None:
    first, second = _scores(15, 5, 3), _scores(9, 4, 2)
    unit = np.concatenate([first[0] * 2, second[0] * 2 + 1])  # levels of the two panels alternate
    rater = np.concatenate([first[1] * 2, second[1] * 2 + 1])
    unit, rater = (np.unique(codes, return_inverse=True)[1] for codes in (unit, rater))
    score = np.concatenate([first[2], second[2] + 1])
    design = crossed_design(unit, rater, score)
    assert len(design.parts) == 2
    found = evaluate(design, np.array(gamma))
    criterion, gradient = _dense([np.eye(codes.max() + 1)[codes] for codes in (unit, rater)], np.array(gamma), score)
    assert found.criterion == pytest.approx(criterion, rel=1e-10)
    assert found.gradient() == pytest.approx(gradient, rel=1e-7, abs=1e-7)
    whole = evaluate(replace(design, parts=()), np.array(gamma))
    for component in (UNIT, RATER):
        assert prediction_variance(design, found, component) == pytest.approx(
            prediction_variance(design, whole, component), rel=1e-9
        )


@pytest.mark.parametrize(
    "gamma",
    [
        (0.7, 0.2, 0.3, 0.4, 0.0, 0.6),
        (0.7, 0.2, 0.3, 1e-9, 2e-8, 0.6),
        (0.0, 0.2, 0.0, 0.0, 0.0, 0.0),
        (1, 2, 3, 4, 5, 6),
    ],
)
def test_block_likelihood(gamma: tuple[float, ...]) -> None:
    rng = np.random.default_rng(5)
    unit, item, rater = (axis.ravel() for axis in np.indices((8, 3, 4)))
    keep = rng.random(unit.size) < 0.7
    unit, item, rater = unit[keep], item[keep], rater[keep]
    score = rng.normal(size=unit.size)
    nested = {"unit": unit, "unit:item": unit * 3 + item, "unit:rater": unit * 4 + rater}
    crossing = {"rater": rater, "item": item, "rater:item": rater * 3 + item}
    coded = [np.unique(codes, return_inverse=True)[1] for codes in (*nested.values(), *crossing.values())]
    z = [np.eye(codes.max() + 1)[codes] for codes in coded]
    design = block_design(
        unit, score, dict(zip(nested, coded[:3], strict=True)), dict(zip(crossing, coded[3:], strict=True))
    )
    found = evaluate_blocks(design, np.array(gamma))
    criterion, gradient = _dense(z, np.array(gamma), score)
    assert found.criterion == pytest.approx(criterion, rel=1e-10)
    assert found.gradient() == pytest.approx(gradient, rel=1e-7, abs=1e-7)
    rough = evaluate_blocks(design, np.array(gamma), single=True)
    assert rough.criterion == pytest.approx(criterion, rel=1e-5)
    assert rough.gradient() == pytest.approx(gradient, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(("units", "raters", "per_unit"), [(60, 10, 3), (100, 15, 2)])
def test_profile_of_a_ratio(units: int, raters: int, per_unit: int) -> None:
    design = crossed_design(*_scores(units, raters, per_unit))
    fit = fit_crossed(design)
    q, k = 0.3, 2.0
    ends = profile_interval(design, fit, ratio_target(q, k), confidence=0.95)
    limit = fit.likelihood.criterion + 3.841458820694124

    def excess(ratio: float) -> float:
        def along(rater: float) -> float:
            return evaluate(design, np.array([ratio / (1 - ratio) * (q * rater + 1 / k), rater])).criterion

        inside = minimize_scalar(along, bounds=(0, 20), method="bounded", options={"xatol": 1e-9}).fun
        return min(inside, along(0.0)) - limit

    gamma = fit.likelihood.gamma
    value = gamma[UNIT] / (gamma[UNIT] + q * gamma[RATER] + 1 / k)
    assert ends is not None
    assert ends == pytest.approx((brentq(excess, 1e-6, value), brentq(excess, value, 0.9999)), abs=1e-5)


def test_profile_of_the_spread() -> None:
    unit, rater, score = _scores(40, 8, 3)
    design = crossed_design(unit, rater, score)
    fit = fit_crossed(design)
    ends = profile_interval(design, fit, rater_sd_target(), confidence=0.9)
    limit = fit.likelihood.criterion + 2.705543454095404

    def excess(sd: float) -> float:
        def at(gamma_unit: float, variance: float) -> float:
            found = evaluate(design, np.array([gamma_unit, sd**2 / variance]))
            return found.log_det + (design.n - 1) * float(np.log(2 * np.pi * variance)) + found.rss / variance

        def along(variance: float) -> float:
            return float(minimize_scalar(lambda g: at(g, variance), bounds=(0, 20), method="bounded").fun)

        return float(minimize_scalar(along, bounds=(0.2, 3), method="bounded", options={"xatol": 1e-7}).fun) - limit

    value = float(np.sqrt(fit.var_rater))
    assert ends is not None
    assert ends == pytest.approx((brentq(excess, 0.02, value), brentq(excess, value, 5)), abs=1e-3)


def test_prediction_variance_of_both_sides() -> None:
    unit, rater, score = _scores(15, 6, 3)
    design = crossed_design(unit, rater, score)
    found = evaluate(design, np.array([0.8, 0.5]))
    z = [np.eye(codes.max() + 1)[codes] for codes in (unit, rater)]
    inverse = np.linalg.inv(np.eye(score.size) + 0.8 * z[0] @ z[0].T + 0.5 * z[1] @ z[1].T)
    ones = inverse @ np.ones(score.size)
    p = inverse - np.outer(ones, ones) / ones.sum()
    for component, gamma in ((UNIT, 0.8), (RATER, 0.5)):
        own = z[component]
        expected = np.diagonal(gamma * np.eye(own.shape[1]) - gamma**2 * own.T @ p @ own) * found.variance
        assert prediction_variance(design, found, component) == pytest.approx(expected, rel=1e-9)


def test_cooccurrence_pair_by_pair_is_the_sparse_product(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small designs are summed, large ones multiplied: the same matrices, and so the same likelihood."""
    rng = np.random.default_rng(8)
    unit, rater = np.concatenate([np.arange(70), rng.integers(0, 70, 200)]), rng.integers(0, 9, 270)
    rater[:9] = np.arange(9)
    summed = crossed_layout.layout_of(unit, rater, 70, 9)
    monkeypatch.setattr(crossed_layout, "FEW_PAIRS", 0)
    multiplied = crossed_layout.layout_of.__wrapped__(unit, rater, 70, 9)
    assert summed.cooccurrence.toarray().tolist() == multiplied.cooccurrence.toarray().tolist()
    assert summed.cooccurrence_diagonal.tolist() == multiplied.cooccurrence_diagonal.tolist()
    assert summed.class_count.size > 3


def test_residual_squares_are_those_of_the_likelihood() -> None:
    rng = np.random.default_rng(9)
    unit, rater = np.arange(60) // 2, rng.integers(0, 8, 60)
    rater[:8] = np.arange(8)
    design = crossed_design(unit, rater, rng.normal(size=60))
    for gamma in ([0.0, 0.0], [1.5, 0.0], [0.4, 2.0], [1e6, 1e6]):
        assert residual_squares(design, np.array(gamma)) == evaluate(design, np.array(gamma)).rss
