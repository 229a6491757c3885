"""Logistic regression by maximum likelihood or Firth's penalised likelihood, and its profile limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, expit

from fairpanel.measures.columns import Floats

_ITERATIONS = 100
_TOLERANCE = 1e-9
_LARGEST_STEP = 3.0
_FARTHEST = 40.0  # log odds per unit of a standardized column beyond which a maximum counts as infinite


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """Coefficients, their covariance (inverse information), the maximised (penalised) log likelihood."""

    coefficients: Floats
    covariance: Floats
    likelihood: float
    converged: bool


def fit_logistic(
    X: Floats, y: Floats, *, firth: bool, held: tuple[int, float] | None = None, start: Floats | None = None
) -> LogisticFit:
    """Fit y (0 and 1) on the columns of X, one coefficient held at a value if asked for.

    Firth (1993): the log likelihood plus half the log determinant of the information of all columns (of the held one,
    too: Heinze & Schemper 2002). Newton steps, halved while they do not rise.
    """
    k = X.shape[1]
    beta = np.zeros(k) if start is None else start.copy()
    free = np.ones(k, dtype=bool)
    if held is not None:
        free[held[0]], beta[held[0]] = False, held[1]
    information, likelihood = _evaluate(X, y, beta, firth)
    for _ in range(_ITERATIONS):
        fitted = expit(X @ beta)
        residual = y - fitted
        if firth:
            weights = fitted * (1 - fitted)
            leverage = weights * np.einsum("ij,ij->i", X @ np.linalg.pinv(information), X)
            residual = residual + leverage * (0.5 - fitted)
        score = X.T @ residual
        try:
            step = np.linalg.solve(information[np.ix_(free, free)], score[free])
        except np.linalg.LinAlgError:
            return _ended(beta, information, likelihood, converged=False)
        largest = float(np.abs(step).max(initial=0.0))
        if largest < _TOLERANCE:
            return _ended(beta, information, likelihood, converged=True)
        step *= min(1.0, _LARGEST_STEP / largest)
        for _ in range(30):
            tried = beta.copy()
            tried[free] += step
            trial_information, trial = _evaluate(X, y, tried, firth)
            if trial >= likelihood - 1e-12 * (1 + abs(likelihood)):
                break
            step = step / 2
        else:
            return _ended(beta, information, likelihood, converged=largest < 1e-5)
        beta, information, likelihood = tried, trial_information, trial
        if float(np.abs(beta).max()) > _FARTHEST:
            return _ended(beta, information, likelihood, converged=False)
    return _ended(beta, information, likelihood, converged=False)


def profile_limits(
    X: Floats, y: Floats, fit: LogisticFit, at: int, *, firth: bool, confidence: float
) -> tuple[float, float]:
    """Where the profile of one coefficient has fallen by half the chi-square quantile; infinite where it never does."""
    target = fit.likelihood - float(chdtri(1, 1 - confidence)) / 2
    estimate, error = float(fit.coefficients[at]), math.sqrt(float(fit.covariance[at, at]))
    start = fit.coefficients

    def height(value: float) -> float:
        nonlocal start
        profile = fit_logistic(X, y, firth=firth, held=(at, value), start=start)
        if profile.converged:
            start = profile.coefficients
        return profile.likelihood - target

    ends = []
    for direction in (-1, 1):
        start = fit.coefficients
        ends.append(_crossing(height, estimate, direction * 2 * error))
    return ends[0], ends[1]


def _crossing(height: Callable[[float], float], estimate: float, step: float) -> float:
    """The root of a falling profile beyond the estimate, sought in growing steps."""
    inner, outer = estimate, estimate + step
    while height(outer) > 0:
        if abs(outer) > _FARTHEST:
            return math.copysign(math.inf, step)
        inner, step = outer, 1.6 * step
        outer = outer + step
    return float(brentq(height, min(inner, outer), max(inner, outer), xtol=1e-7, rtol=1e-9))


def _evaluate(X: Floats, y: Floats, beta: Floats, firth: bool) -> tuple[Floats, float]:
    index = X @ beta
    likelihood = float(y @ index - np.logaddexp(0, index).sum())
    fitted = expit(index)
    information = X.T @ (X * (fitted * (1 - fitted))[:, None])
    if firth:
        sign, size = np.linalg.slogdet(information)
        likelihood += size / 2 if sign > 0 else -math.inf
    return information, likelihood


def _ended(beta: Floats, information: Floats, likelihood: float, *, converged: bool) -> LogisticFit:
    covariance: Floats = np.asarray(np.linalg.pinv(information), dtype=np.float64)
    usable = converged and bool(np.all(np.diag(covariance) > 0))
    return LogisticFit(beta, covariance, likelihood, usable)
