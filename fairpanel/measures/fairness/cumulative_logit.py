"""Cumulative logit (proportional odds) regression by maximum likelihood; of two categories, logistic regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from fairpanel.measures.columns import Floats, Integers

_ITERATIONS = 100
_TOLERANCE = 1e-13  # of the Newton decrement, squared distance to the optimum in standard errors
_FARTHEST = 30.0  # log odds beyond which a maximum counts as infinite


@dataclass(frozen=True, slots=True)
class CumulativeFit:
    """Coefficients of the columns, their covariance, the log likelihood, and whether a finite maximum was found."""

    coefficients: Floats
    covariance: Floats
    likelihood: float
    converged: bool


def fit_cumulative(X: Floats, category: Integers, weight: Floats) -> CumulativeFit:
    """Fit P(category >= c) = expit(threshold_c + X b) with categories 0, 1, ..., all of which occur.

    Parameters
    ----------
    X : one row an observation, without a column of ones, columns on a scale near one; weight : how often each occurs.

    The log likelihood is concave (Pratt 1981, JASA 76, 103-106): Newton steps, halved while it does not rise.
    """
    cuts, k = int(category.max()), X.shape[1]
    share = np.bincount(category, weight)
    beta = np.concatenate((logit(1 - share.cumsum()[:-1] / share.sum()), np.zeros(k)))
    lower, upper = _design(X, category, cuts)
    likelihood, gradient, information = _evaluate(beta, lower, upper, category, weight, cuts)
    converged = False
    for _ in range(_ITERATIONS):
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            break
        if float(gradient @ step) < _TOLERANCE:
            converged = True
            break
        for _ in range(40):
            tried = _evaluate(beta + step, lower, upper, category, weight, cuts)
            if tried[0] >= likelihood - 1e-13 * abs(likelihood):
                break
            step = step / 2
        else:
            break
        beta = beta + step
        likelihood, gradient, information = tried
        if float(np.abs(beta).max()) > _FARTHEST:
            break
    covariance = np.linalg.pinv(information)[cuts:, cuts:]
    usable = converged and bool((np.diag(covariance) > 0).all()) and np.linalg.matrix_rank(information) == cuts + k
    return CumulativeFit(beta[cuts:], np.asarray(covariance), likelihood, bool(usable))


def _design(X: Floats, category: Integers, cuts: int) -> tuple[Floats, Floats]:
    """Rows that give the index at the category's own cut, and at the next one (zero where there is none)."""
    places = np.arange(1, cuts + 1)[None, :]
    own, following = category[:, None] == places, category[:, None] + 1 == places
    lower = np.hstack((own.astype(np.float64), X * (category > 0)[:, None]))
    upper = np.hstack((following.astype(np.float64), X * (category < cuts)[:, None]))
    return lower, upper


def _evaluate(
    beta: Floats, lower: Floats, upper: Floats, category: Integers, weight: Floats, cuts: int
) -> tuple[float, Floats, Floats]:
    """Log likelihood, its gradient and the observed information; minus infinity where thresholds are out of order."""
    if np.any(np.diff(beta[:cuts]) >= 0):
        return -np.inf, np.zeros(beta.size), np.eye(beta.size)
    a, b = lower @ beta, upper @ beta
    reach = np.where(category > 0, expit(a), 1.0)
    pass_on = np.where(category < cuts, expit(b), 0.0)
    p = np.where(category == 0, expit(-b), np.where(category == cuts, expit(a), reach - pass_on))
    if np.any(p <= 0):
        return -np.inf, np.zeros(beta.size), np.eye(beta.size)
    slope_a, slope_b = reach * (1 - reach), pass_on * (1 - pass_on)
    ratio_a, ratio_b = slope_a / p, slope_b / p
    gradient = lower.T @ (weight * ratio_a) - upper.T @ (weight * ratio_b)
    bend_a = ratio_a**2 - ratio_a * (1 - 2 * reach)
    bend_b = ratio_b**2 + ratio_b * (1 - 2 * pass_on)
    cross = lower.T @ (upper * (weight * ratio_a * ratio_b)[:, None])
    information = (
        lower.T @ (lower * (weight * bend_a)[:, None])
        + upper.T @ (upper * (weight * bend_b)[:, None])
        - cross
        - cross.T
    )
    return float(weight @ np.log(p)), gradient, information
