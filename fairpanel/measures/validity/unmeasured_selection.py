"""What the applicants' correlation would be if hiring also looked at something that nobody wrote down."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import log_ndtr

from fairpanel.measures.columns import Booleans, Floats

PARTIAL_CORRELATIONS = (-0.5, -0.3, -0.1, 0.1, 0.3, 0.5)
_PROBIT_ROWS = 50_000  # rows the hiring equation is fitted to; of more, every k-th is taken
_ITERATIONS = 40


def sensitivity(
    scores: Floats,
    hired: Booleans,
    criterion: Floats,
    covariance: Floats,
    position: int,
    criterion_error: float = 0.0,
) -> list[dict[str, float]]:
    """The correlation of one score with the criterion, by strength of selection on unmeasured information.

    Hiring is taken as a probit on the scores and an unmeasured variable v; `partial_r` is the correlation of v with
    the criterion beyond the scores. At a given partial_r = ρ the hired's criterion is biased by ρ σ λ(index) (Heckman
    1979), which is taken off before the regression; its spread is σ² (1 - ρ² λ (λ + index)) in the mean. ρ is not
    estimated: the data cannot tell it. A cut on the scores alone leaves v no room, and the rows then hardly move.

    Parameters
    ----------
    scores : candidates with all scores (rows) by scores (columns). hired : of them, whose criterion is known.
    criterion : of the hired. covariance : of the scores among all applicants. position : the score's column.
    criterion_error : error variance to take out of the criterion; rows that it leaves without variance are left out.
    """
    spread = scores.std(axis=0)
    if np.any(spread == 0) or hired.all() or hired.sum() <= scores.shape[1] + 2:
        return []
    design = np.column_stack((np.ones(len(scores)), (scores - scores.mean(axis=0)) / spread))
    every = max(1, -(-len(scores) // _PROBIT_ROWS))
    index = (design @ _probit(design[::every], hired[::every]))[hired]
    mills = np.exp(-index * index / 2 - log_ndtr(index)) / math.sqrt(2 * math.pi)
    X = np.column_stack((np.ones(int(hired.sum())), scores[hired]))
    both = np.column_stack((criterion, mills))
    slopes = np.linalg.lstsq(X, both, rcond=None)[0]
    products = (both - X @ slopes).T @ (both - X @ slopes) / len(criterion)
    lost = float((mills * (mills + index)).mean())
    rows = []
    for rho in PARTIAL_CORRELATIONS:
        sigma = _residual_spread(products, lost, rho)
        if sigma is None:
            continue
        corrected = (slopes[:, 0] - rho * sigma * slopes[:, 1])[1:]
        with_y = covariance @ corrected
        y_variance = float(corrected @ with_y) + sigma * sigma - criterion_error
        if y_variance <= 0:
            continue
        r = float(with_y[position]) / math.sqrt(float(covariance[position, position]) * y_variance)
        rows.append({"partial_r": rho, "r": r})
    return rows


def _residual_spread(products: Floats, lost: float, rho: float) -> float | None:
    """σ among all from the hired's residuals of the criterion and of λ (mean products), at a given ρ.

    The mean square of the residuals after taking off ρ σ λ is σ² (1 - ρ² lost): a quadratic in σ.
    """
    square = 1 - rho * rho * (lost + float(products[1, 1]))
    half_linear, constant = rho * float(products[0, 1]), float(products[0, 0])
    if square <= 0 or constant <= 0:
        return None
    return (math.sqrt(half_linear**2 + square * constant) - half_linear) / square


def _probit(X: Floats, hired: Booleans) -> Floats:
    """Coefficients of a probit by Fisher scoring; ends early where the scores separate the hired from the others."""
    sign = np.where(hired, 1.0, -1.0)
    coefficients = np.zeros(X.shape[1])
    for _ in range(_ITERATIONS):
        index = X @ coefficients
        signed = sign * index
        ratio = np.exp(-index * index / 2 - log_ndtr(signed)) / math.sqrt(2 * math.pi)
        opposite = np.exp(-index * index / 2 - log_ndtr(-signed)) / math.sqrt(2 * math.pi)
        weights = ratio * opposite
        information = X.T @ (X * weights[:, None])
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e10:
            break
        step = np.linalg.solve(information, X.T @ (sign * ratio))
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-8 or np.abs(coefficients).max() > 50:
            break
    return coefficients
