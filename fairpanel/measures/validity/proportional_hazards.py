"""Cox's proportional hazards with Efron's treatment of ties, from sums over the people still at risk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from fairpanel.measures.columns import Booleans, Floats, Integers

_ITERATIONS = 50
_TOLERANCE = 1e-9
_LARGEST_STEP = 2.0
_FARTHEST = 20.0  # log hazard per SD beyond which a maximum counts as infinite
_VAGUE = 1e4  # variance of a log hazard per SD beyond which those at risk do not tell the scores apart


@dataclass(frozen=True, slots=True)
class HazardFit:
    """Log hazard ratios, their inverse information, and the partial log likelihood; None stands for no maximum."""

    coefficients: Floats
    covariance: Floats
    likelihood: float
    null_likelihood: float


@dataclass(frozen=True, slots=True)
class _RiskSets:
    """People in descending order of time; each event with its place among the events of its time.

    last: position of the last person still at risk, by event. tied: number of the event's time. share: how much of the
    tied people's weight is taken off, l / d. event: positions of the events.
    """

    order: Integers
    event: Integers
    last: Integers
    tied: Integers
    share: Floats


def risk_sets(time: Floats, event: Booleans) -> _RiskSets:
    """Sort people once: those censored at the time of an event are still at risk."""
    order = np.argsort(-time, kind="stable")
    sorted_time, sorted_event = time[order], event[order]
    at = np.flatnonzero(sorted_event)
    last = np.searchsorted(-sorted_time, -sorted_time[at], side="right") - 1
    _, first, tied, counts = np.unique(-sorted_time[at], return_index=True, return_inverse=True, return_counts=True)
    share = (np.arange(at.size) - first[tied]) / counts[tied]
    return _RiskSets(order, at, last, tied, share)


def fit_hazards(X: Floats, sets: _RiskSets) -> HazardFit | None:
    """Newton's method on Efron's partial likelihood; None where it has no finite maximum.

    X is standardized. Cost: rows times the square of the columns.
    """
    X = X[sets.order]
    beta = np.zeros(X.shape[1])
    likelihood, score, information = _derivatives(X, sets, beta)
    null = likelihood
    for _ in range(_ITERATIONS):
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            return None
        largest = float(np.abs(step).max())
        if largest < _TOLERANCE:
            covariance: Floats = np.asarray(np.linalg.inv(information), dtype=np.float64)
            spread = np.diag(covariance)
            return HazardFit(beta, covariance, likelihood, null) if spread.min() > 0 and spread.max() < _VAGUE else None
        step *= min(1.0, _LARGEST_STEP / largest)
        for _ in range(30):
            trial = _derivatives(X, sets, beta + step)
            if trial[0] >= likelihood - 1e-12 * (1 + abs(likelihood)):
                break
            step = step / 2
        else:
            return None
        beta, (likelihood, score, information) = beta + step, trial
        if float(np.abs(beta).max()) > _FARTHEST:
            return None
    return None


def _derivatives(X: Floats, sets: _RiskSets, beta: Floats) -> tuple[float, Floats, Floats]:
    s0, s1, s2, _ = _sums(X, sets, beta)
    means = s1 / s0[:, None]
    likelihood = float((X[sets.event] @ beta).sum() - np.log(s0).sum() - s0.size * _shift(X, beta))
    score = X[sets.event].sum(axis=0) - means.sum(axis=0)
    information = (s2 / s0[:, None, None]).sum(axis=0) - means.T @ means
    return likelihood, score, information


def _shift(X: Floats, beta: Floats) -> float:
    return float((X @ beta).max(initial=0.0))


def _sums(X: Floats, sets: _RiskSets, beta: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Sums of weights, weighted scores and products at risk at each event, and the weights (of each person)."""
    weights = np.exp(X @ beta - _shift(X, beta))
    columns = (weights, X * weights[:, None], np.einsum("i,ij,ik->ijk", weights, X, X))
    groups = int(sets.tied.max()) + 1
    sums = []
    for each in columns:
        at_risk = np.cumsum(each, axis=0)[sets.last]
        tied = np.zeros((groups, *each.shape[1:]))
        np.add.at(tied, sets.tied, each[sets.event])
        share = sets.share.reshape(-1, *(1,) * (each.ndim - 1))
        sums.append(at_risk - share * tied[sets.tied])
    return sums[0], sums[1], sums[2], weights


def score_residuals(X: Floats, sets: _RiskSets, beta: Floats) -> Floats:
    """Each person's part of the score, in the order of the data (Lin & Wei 1989, under Efron's ties)."""
    sorted_x = X[sets.order]
    s0, s1, _, weights = _sums(sorted_x, sets, beta)
    means = s1 / s0[:, None]
    residuals = np.zeros_like(sorted_x)
    # a person is at risk at every event at or before their time: those whose `last` is at or after their position
    hazard = np.zeros(len(X) + 1)
    drift = np.zeros((len(X) + 1, X.shape[1]))
    np.add.at(hazard, sets.last, 1 / s0)
    np.add.at(drift, sets.last, means / s0[:, None])
    hazard, drift = np.cumsum(hazard[::-1])[::-1][:-1], np.cumsum(drift[::-1], axis=0)[::-1][:-1]
    residuals -= weights[:, None] * (sorted_x * hazard[:, None] - drift)
    groups = int(sets.tied.max()) + 1
    count = np.bincount(sets.tied, minlength=groups)
    spared = np.bincount(sets.tied, sets.share / s0, minlength=groups)
    mean_sum, spared_sum = np.zeros((groups, X.shape[1])), np.zeros((groups, X.shape[1]))
    np.add.at(mean_sum, sets.tied, means)
    np.add.at(spared_sum, sets.tied, means * (sets.share / s0)[:, None])
    left, tied = sorted_x[sets.event], sets.tied
    residuals[sets.event] += left - (mean_sum / count[:, None])[tied]
    residuals[sets.event] += weights[sets.event, None] * (left * spared[tied, None] - spared_sum[tied])
    answer = np.empty_like(residuals)
    answer[sets.order] = residuals
    return answer


def robust_covariance(X: Floats, sets: _RiskSets, fit: HazardFit, clusters: Integers) -> Floats:
    """Sandwich of the score residuals summed by cluster, times clusters / (clusters - 1)."""
    residuals = score_residuals(X, sets, fit.coefficients)
    count = int(clusters.max()) + 1
    sums = np.column_stack([np.bincount(clusters, column, minlength=count) for column in residuals.T])
    covariance: Floats = fit.covariance @ (sums.T @ sums) @ fit.covariance * count / (count - 1)
    return covariance


def proportionality(X: Floats, time: Floats, sets: _RiskSets, fit: HazardFit, at: int) -> tuple[float, float] | None:
    """Chi-square and p of the score test that one column's log hazard has no slope in log time.

    The Schoenfeld residuals weighted by centred log time against the information left after fitting all coefficients
    (Grambsch & Therneau 1994, without their approximation of an even variance over time).
    """
    sorted_x = X[sets.order]
    s0, s1, s2, _ = _sums(sorted_x, sets, fit.coefficients)
    means = s1 / s0[:, None]
    residuals = sorted_x[sets.event, at] - means[:, at]
    spreads = s2[:, at] / s0[:, None] - means[:, at, None] * means  # covariances of the column at each event
    moment = np.log(time[sets.order][sets.event])
    moment = moment - moment.mean()
    crossed = moment @ spreads
    left = float(moment**2 @ spreads[:, at]) - float(crossed @ fit.covariance @ crossed)
    if sets.event.size < 3 or left <= 1e-9:
        return None
    statistic = float(moment @ residuals) ** 2 / left
    return statistic, float(chdtrc(1, statistic))
