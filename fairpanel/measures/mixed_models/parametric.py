"""Parametric bootstrap: scores drawn anew from the fitted components in the design as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fairpanel.measures.mixed_models.components import Components
from fairpanel.measures.mixed_models.crossed import UNIT
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
