"""The information of a crossed design against dense matrices, and against the scatter of estimates."""

from __future__ import annotations

import numpy as np
import pytest

from fairpanel.measures.mixed_models.crossed import crossed_design
from fairpanel.measures.mixed_models.expected_information import expected_information
from fairpanel.measures.mixed_models.fit import fit_crossed


def _panels(units: int, raters: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(raters, rng.integers(1, 4), replace=False) for _ in range(units)]
    return np.repeat(np.arange(units), [len(one) for one in drawn]), np.concatenate(drawn)


@pytest.mark.parametrize("gamma", [(0.7, 0.3), (2.0, 0.05), (0.0, 0.4), (0.4, 0.0)])
def test_against_dense_matrices(gamma: tuple[float, float]) -> None:
    unit, rater = _panels(18, 6, 2)
    rater = np.unique(rater, return_inverse=True)[1]
    parts = [np.equal.outer(unit, unit) * 1.0, np.equal.outer(rater, rater) * 1.0, np.eye(unit.size)]
    inverse = np.linalg.inv(gamma[0] * parts[0] + gamma[1] * parts[1] + parts[2])
    ones = inverse.sum(axis=1)
    p = inverse - np.outer(ones, ones) / ones.sum()
    dense = [[np.trace(p @ one @ p @ other) / 2 for one in parts] for other in parts]
    assert expected_information(unit, rater, np.array(gamma)) == pytest.approx(np.array(dense), rel=1e-9, abs=1e-10)


def test_estimates_scatter_as_it_says() -> None:
    unit, rater = _panels(250, 25, 3)
    rng = np.random.default_rng(4)
    draws = []
    for _ in range(300):
        score = rng.normal(0, 1, 250)[unit] + rng.normal(0, 0.7, 25)[rater] + rng.normal(0, 1, unit.size)
        fit = fit_crossed(crossed_design(unit, rater, score))
        draws.append([fit.var_unit, fit.var_rater, fit.var_residual])
    promised = np.sqrt(np.diagonal(np.linalg.inv(expected_information(unit, rater, np.array([1.0, 0.49])))))
    assert np.std(draws, axis=0) == pytest.approx(promised, rel=0.12)
