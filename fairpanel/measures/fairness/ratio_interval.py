"""Confidence intervals for the ratio of two selection rates."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.optimize import brentq
from scipy.special import ndtri

from fairpanel.measures.estimate import Interval
from fairpanel.measures.fairness.contingency import Table

_LOG_RATIO_LIMIT = 40.0
_LOG_ROOM = 20.0  # a log ratio beyond all data, where the score of an empty group is still below its critical value


def katz_interval(table: Table, confidence: float) -> Interval | None:
    """Wald interval of the logarithm of the ratio (Katz et al. 1978); None where a group has nobody selected.

    log(p_f / p_r) ± z sqrt(1/a - 1/n_f + 1/c - 1/n_r)
    """
    a, c = table.focal_selected, table.reference_selected
    if a == 0 or c == 0:
        return None
    error = math.sqrt(1 / a - 1 / table.focal_n + 1 / c - 1 / table.reference_n)
    centre, half = math.log(a * table.reference_n / (c * table.focal_n)), float(ndtri((1 + confidence) / 2)) * error
    return Interval(
        low=math.exp(centre - half), high=math.exp(centre + half), level=confidence, method="log Wald (Katz)"
    )


def koopman_interval(table: Table, confidence: float) -> Interval | None:
    """Score interval of the ratio (Koopman 1984): the ratios a chi-squared test of the data would not reject.

    The nuisance rate is estimated under each ratio by maximum likelihood, which keeps the coverage near its level for
    small groups and low rates, and gives an interval also where one group has nobody selected. None where nobody at
    all is selected: then every ratio fits.
    """
    a, c = table.focal_selected, table.reference_selected
    if a == 0 and c == 0:
        return None
    critical = float(ndtri((1 + confidence) / 2)) ** 2

    def excess(log_ratio: float) -> float:
        return _score(table, math.exp(log_ratio)) - critical

    if a and c:
        centre = math.log(a * table.reference_n / (c * table.focal_n))
    else:
        centre = -_LOG_ROOM if not a else _LOG_ROOM
    low = 0.0 if a == 0 else math.exp(_crossing(excess, centre, -1.0))
    high = math.inf if c == 0 else math.exp(_crossing(excess, centre, 1.0))
    return Interval(low=low, high=high, level=confidence, method="score (Koopman)")


def _score(table: Table, ratio: float) -> float:
    """Pearson's chi-squared against p_f = ratio * p_r at the restricted maximum-likelihood rates."""
    a, c, n, m = table.focal_selected, table.reference_selected, table.focal_n, table.reference_n
    square = (n + m) * ratio
    linear = n * ratio + a + m + c * ratio
    reference_rate = 2 * (a + c) / (linear + math.sqrt(max(linear * linear - 4 * square * (a + c), 0.0)))
    focal_rate = min(ratio * reference_rate, 1.0)
    return _cell(a, n, focal_rate) + _cell(c, m, min(reference_rate, 1.0))


def _cell(selected: int, n: int, rate: float) -> float:
    variance = n * rate * (1 - rate)
    difference = (selected - n * rate) ** 2
    if variance <= 0:
        return 0.0 if difference < 1e-18 * n * n else math.inf
    return difference / variance


def _crossing(excess: Callable[[float], float], centre: float, direction: float) -> float:
    """Where the score passes its critical value, going from the estimate in one direction."""
    inner, step = centre, 0.25
    while abs(inner + direction * step - centre) < 2 * _LOG_RATIO_LIMIT and excess(inner + direction * step) < 0:
        inner += direction * step
        step *= 2
    outer = inner + direction * step

    def bounded(log_ratio: float) -> float:
        return min(excess(log_ratio), 1e6)

    return float(brentq(bounded, min(inner, outer), max(inner, outer), xtol=1e-12, rtol=1e-14, maxiter=300))
