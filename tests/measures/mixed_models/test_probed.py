"""REML with traces from random probes against the exact one, where both can be had."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from fairpanel.measures.mixed_models import components, crossed_layout
from fairpanel.measures.mixed_models.crossed import RATER, UNIT, CrossedDesign, crossed_design, prediction_variance
from fairpanel.measures.mixed_models.fit import fit_crossed
from fairpanel.measures.mixed_models.probed import fit_probed

IntArray = npt.NDArray[np.int64]


def _ratings(
    units: int, raters: int, seed: int, sd_rater: float = 0.5
) -> tuple[IntArray, IntArray, npt.NDArray[np.float64]]:
    """One to five raters a unit, a few raters with most of the work."""
    rng = np.random.default_rng(seed)
    weight = rng.pareto(2.0, raters) + 0.2
    panels = [rng.choice(raters, rng.integers(1, 6), replace=False, p=weight / weight.sum()) for _ in range(units)]
    unit = np.repeat(np.arange(units), [len(panel) for panel in panels])
    rater = np.unique(np.concatenate(panels), return_inverse=True)[1]
    score = rng.normal(0, 0.8, units)[unit] + rng.normal(0, sd_rater, raters)[rater] + rng.normal(0, 0.7, unit.size)
    return unit, rater, score


def _design(units: int, raters: int, seed: int, sd_rater: float = 0.5) -> CrossedDesign:
    return crossed_design(*_ratings(units, raters, seed, sd_rater))


@pytest.mark.parametrize(("units", "raters"), [(2000, 150), (120, 600)])
def test_close_to_the_exact_optimum_and_says_how_close(units: int, raters: int) -> None:
    """The distance, in standard errors, is within four of the Monte Carlo errors that the fit states."""
    for seed in range(5):
        design = _design(units, raters, seed)
        exact, probed = fit_crossed(design), fit_probed(design)
        assert probed.convergence.converged
        stated = probed.convergence.monte_carlo_error
        assert stated is not None
        assert 0 < stated < 0.2
        moved = probed.likelihood.gamma - exact.likelihood.gamma
        assert np.sqrt(moved @ exact.likelihood.average_information() @ moved) < 4 * stated
        for component in (UNIT, RATER):
            expected = prediction_variance(design, exact.likelihood, component)
            assert prediction_variance(design, probed.likelihood, component) == pytest.approx(expected, rel=0.2)


def test_the_stated_error_is_the_scatter_of_many_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    design = _design(1500, 120, 9)
    exact = fit_crossed(design).likelihood
    distances, stated = [], []
    for seed in range(40):
        monkeypatch.setattr("fairpanel.measures.mixed_models.probed.SEED", seed)
        fit = fit_probed(design, probes=16)
        moved = fit.likelihood.gamma - exact.gamma
        distances.append(moved @ exact.average_information() @ moved)
        stated.append(fit.convergence.monte_carlo_error or 0.0)
    assert np.sqrt(np.mean(distances)) == pytest.approx(np.mean(stated), rel=0.35)


def test_raters_who_do_not_differ_stay_at_zero() -> None:
    for seed in range(20):
        design = _design(800, 300, seed, sd_rater=0.0)
        exact = fit_crossed(design).likelihood.gamma
        if exact[RATER] == 0:
            assert fit_probed(design).likelihood.gamma[RATER] < 0.01
            return
    pytest.fail("none of the data sets has its optimum at zero")


@pytest.mark.parametrize("name", ["g_coefficient", "rater_severity", "variance_components"])
def test_measures_of_designs_beyond_a_dense_matrix(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unit, rater, score = _ratings(900, 200, 4)
    frame = pl.DataFrame({"unit": unit, "rater": rater, "score": score})
    exact = measure(name, frame)
    for place in (components, crossed_layout):
        monkeypatch.setattr(place, "DENSE_LIMIT", 100)
    probed = measure(name, frame)
    assert "64 random probes" in probed.method
    assert probed.value == pytest.approx(exact.value, rel=0.01)
    assert exact.interval is not None
    assert probed.interval is not None
    assert probed.interval.low == pytest.approx(exact.interval.low, rel=0.05)
    assert probed.interval.high == pytest.approx(exact.interval.high, rel=0.05)
    if name != "rater_severity":
        assert probed.detail["reml_criterion"] is None
