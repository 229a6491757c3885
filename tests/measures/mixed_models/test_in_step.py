"""Fits of many sets of scores side by side are the fits one by one."""

from __future__ import annotations

import numpy as np
import pytest

from fairpanel.measures.mixed_models.crossed import RATER, crossed_design, prediction_variance
from fairpanel.measures.mixed_models.fit import ROUGH_FROM, fit_crossed
from fairpanel.measures.mixed_models.in_step import can_fit, fit_in_step


def _design(units: int, raters: int, each: int, parts: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Every unit meets some raters of its part, one unit in six one fewer."""
    rng, own = np.random.default_rng(seed), raters // parts
    pairs = [
        (unit, unit % parts * own + rater)
        for unit in range(units)
        for rater in rng.choice(own, each - (unit % 6 == 0), replace=False)
    ]
    unit, rater = (np.unique(code, return_inverse=True)[1] for code in np.array(pairs).T)
    return unit, rater


@pytest.mark.parametrize(
    ("units", "raters", "each", "parts"), [(237, 85, 3, 5), (40, 6, 6, 1), (150, 60, 2, 3), (30, 30, 2, 1)]
)
def test_each_fit_is_the_one_by_itself(units: int, raters: int, each: int, parts: int) -> None:
    unit, rater = _design(units, raters, each, parts, seed=units)
    rng, sets = np.random.default_rng(1), 40
    spread = np.linspace(0, 0.6, sets)[:, None]
    scores = (
        0.5 * rng.normal(size=(sets, unit.max() + 1))[:, unit]
        + spread * rng.normal(size=(sets, rater.max() + 1))[:, rater]
        + rng.normal(size=(sets, unit.size))
        + 3
    )
    found = fit_in_step(unit, rater, scores)
    assert found.usable.all()
    assert (found.gamma[:, RATER] == 0).any()
    assert (found.gamma[:, RATER] > 0).any()
    for at, score in enumerate(scores):
        design = crossed_design(unit, rater, score)
        alone = fit_crossed(design)
        assert found.gamma[at] == pytest.approx(alone.likelihood.gamma, rel=1e-9, abs=1e-12)
        assert found.variance[at] == pytest.approx(alone.var_residual, rel=1e-9)
        assert found.intercept[at] == pytest.approx(alone.likelihood.intercept, rel=1e-9)
        assert found.effects[at] == pytest.approx(alone.likelihood.effects[RATER], rel=1e-9, abs=1e-9)
        expected = prediction_variance(design, alone.likelihood, RATER)
        assert found.prediction_variance[at] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_sets_out_of_the_ordinary_are_not_called_usable() -> None:
    unit, rater = _design(60, 12, 4, 1, seed=3)
    rng = np.random.default_rng(3)
    merit, severity = rng.normal(size=60)[unit], rng.normal(size=12)[rater]
    chance = rng.normal(size=unit.size)
    scores = np.stack([merit + severity + chance, merit, merit + severity, np.full(unit.size, 4.0)])
    assert fit_in_step(unit, rater, scores).usable.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("units", "raters", "able"),
    [(50, 20, True), (20, 20, True), (20, 21, False), (50, 1, False), (5000, ROUGH_FROM, False)],
)
def test_which_designs_are_fitted_side_by_side(units: int, raters: int, able: bool) -> None:
    assert can_fit(units, raters) == able
