"""How much wider intervals must be because scores are not normal.

Five-point scores with a ceiling have unit effects and residuals whose fourth moments, and whose dependence, are not
those of normal variables. The variance of log odds of a reliability then differs from what the likelihood says. The
part due to units and residuals is corrected by a sandwich over units (White 1982), rater effects taken as predicted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fairpanel.measures.mixed_models.components import Components
from fairpanel.measures.mixed_models.crossed import RATER, UNIT
from fairpanel.measures.mixed_models.profile import delta_variance, ratio_target
from fairpanel.measures.panel import Ratings

FloatArray = npt.NDArray[np.float64]


def spread_factor(ratings: Ratings, found: Components, /, *, q: float, k: float) -> float:
    """Variance of log(G / (1 − G)) over what the normal likelihood has, at least 1; 1 where units do not vary."""
    if found.fit is None or found.var_unit <= 0 or found.var_residual <= 0:
        return 1.0
    likelihood = found.fit.likelihood
    effects = likelihood.gamma[RATER] * likelihood.effects[RATER]
    score = ratings.score - likelihood.intercept
    if effects.size > 1:
        score = score - effects[ratings.rater]
    scores, information = _unit_scores(ratings.unit, score, found.var_unit, found.var_residual)
    noise = q * found.var_rater + found.var_residual / k
    slope = np.array([-found.var_residual / k / noise, 1.0])
    bread = np.linalg.solve(information, slope)
    units = scores.shape[0]
    normal = float(slope @ bread)
    actual = float(np.sum((scores @ bread) ** 2)) * units / (units - 1)
    whole = delta_variance(found.fit, ratio_target(q, k))
    return max(1.0, 1 + (actual - normal) / max(whole, normal)) if found.fit.likelihood.gamma[UNIT] > 0 else 1.0


def _unit_scores(
    unit: npt.NDArray[np.int64], score: FloatArray, var_unit: float, var_residual: float
) -> tuple[FloatArray, FloatArray]:
    """Each unit's score in (log residual variance, log unit variance) of a one-way model, and the information.

    Deviations are scaled so that within and between they are as large on average as the model has them.
    """
    size = np.bincount(unit).astype(np.float64)
    mean = np.bincount(unit, score) / size
    within = np.bincount(unit, (score - mean[unit]) ** 2).astype(np.float64)
    within *= var_residual * float(np.sum(size - 1)) / float(within.sum())
    total = var_residual + size * var_unit
    between = size * mean**2 / total
    between *= size.size / float(between.sum())
    share_residual, share_unit = var_residual / total, size * var_unit / total
    scores = np.column_stack(
        [(within / var_residual - (size - 1) + share_residual * (between - 1)) / 2, share_unit * (between - 1) / 2]
    )
    cross = float(np.sum(share_residual * share_unit)) / 2
    information = np.array(
        [
            [float(np.sum(size - 1 + share_residual**2)) / 2, cross],
            [cross, float(np.sum(share_unit**2)) / 2],
        ]
    )
    return scores - scores.mean(axis=0), information
