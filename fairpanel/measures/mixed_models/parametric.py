"""Bootstrap of the crossed model: scores drawn anew from the fitted components, or whole units drawn with their scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fairpanel.measures.mixed_models.components import Components
from fairpanel.measures.mixed_models.crossed import UNIT, crossed_design
from fairpanel.measures.mixed_models.fit import fit_crossed
from fairpanel.measures.panel import Ratings

FloatArray = npt.NDArray[np.float64]


def bootstrap_ratio(
    ratings: Ratings, found: Components, /, *, q: float, k: float, replicates: int, seed: int
) -> FloatArray:
    """Values of γ_u / (γ_u + q γ_r + 1/k), refitted to `replicates` sets of normal scores."""
    rng = np.random.default_rng(seed)
    design = found.design
    free = (True, True) if found.fit is None else found.fit.free
    sd_unit, sd_rater, sd_residual = np.sqrt([found.var_unit, found.var_rater, found.var_residual])
    values = np.empty(replicates)
    for index in range(replicates):
        score = rng.normal(0, sd_unit, len(ratings.units))[ratings.unit] + rng.normal(0, sd_residual, design.n)
        score += rng.normal(0, sd_rater, len(ratings.raters))[ratings.rater]
        score -= score.mean()
        totals = [
            np.bincount(ratings.unit, score).astype(np.float64),
            np.bincount(ratings.rater, score).astype(np.float64),
        ]
        first = 0 if design.eliminated == UNIT else 1
        drawn = replace(
            design,
            total_e=totals[first],
            total_k=totals[1 - first] if design.kept_levels > 1 else np.zeros(1),
            sum_squares=float(score @ score),
        )
        gamma_unit, gamma_rater = fit_crossed(drawn, free=free, tolerance=1e-3).likelihood.gamma
        values[index] = gamma_unit / (gamma_unit + q * gamma_rater + 1 / k)
    return values


def cluster_bootstrap_ratio(
    ratings: Ratings, found: Components, /, *, q: float, k: float, replicates: int, seed: int
) -> FloatArray:
    """The same ratio, refitted to `replicates` samples of whole units, drawn with replacement, with all their scores.

    Nothing is assumed of the scores' distribution; the raters stay the same, so that the interval speaks of other
    units before these raters.
    """
    rng = np.random.default_rng(seed)
    units = len(ratings.units)
    free = (True, True) if found.fit is None else found.fit.free
    order = np.argsort(ratings.unit, kind="stable")
    size = np.bincount(ratings.unit, minlength=units)
    start = np.cumsum(size) - size
    values = np.empty(replicates)
    for index in range(replicates):
        drawn = rng.integers(0, units, units)
        sizes = size[drawn]
        within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows = order[np.repeat(start[drawn], sizes) + within]
        rater = np.unique(ratings.rater[rows], return_inverse=True)[1].astype(np.int64)
        unit = np.repeat(np.arange(units), sizes)
        score = ratings.score[rows]
        if np.ptp(score) == 0:
            values[index] = np.nan
            continue
        gamma_unit, gamma_rater = fit_crossed(
            crossed_design(unit, rater, score), free=free, tolerance=1e-3
        ).likelihood.gamma
        values[index] = gamma_unit / (gamma_unit + q * gamma_rater + 1 / k)
    return values[np.isfinite(values)]
