"""Boschloo's unconditional test in time linear in the people: Fisher's one-sided p value as the ordering of tables."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln

from fairpanel.measures.columns import Floats, Integers
from fairpanel.measures.fairness.contingency import Table

_TIE = 1e-7  # tables whose Fisher p values differ by less, relatively, count as equally extreme
_REACH = 10.0  # standard deviations of the binomial law that are summed
_STEPS = 6  # grid points to a standard deviation of the share selected, in the arcsine scale
_TOGETHER = 64  # grid points summed at once
_CLOSE, _MOST = 1e-9, 60  # angles that count as one, steps towards a peak


def less_selected(table: Table, fisher_p: float) -> float:
    """P of a table at least as extreme as one whose Fisher p (focal selected less) is given, at the worst common rate.

    Given m selected of all, a table counts when its own Fisher p is at most the one seen; the largest such p, h(m), is
    then the conditional probability of all that count. Unconditionally p(π) = Σ_m Binomial(m; n, π) h(m), and the
    answer is its maximum over π: at most the Fisher p itself, since every h(m) is.
    """
    bound = fisher_p * (1 + _TIE)
    return 1.0 if bound >= 1 else min(1.0, _worst_rate(_attained(table.focal_n, table.reference_n, bound)))


def _attained(focal_n: int, reference_n: int, bound: float) -> Floats:
    """For every number of people selected, 0 to n: the largest lower-tail hypergeometric probability <= bound.

    One walk along m: drawing one more person takes p(a; m) (focal_n - a) / (n - m) from P(K <= a), and the count at
    which the bound is passed moves up by at most one.
    """
    n = focal_n + reference_n
    attained = np.zeros(n + 1)
    count, here, below = 0, 1.0, 0.0  # the first count past the bound, its probability, and that of all counts below
    for m in range(n):
        before = here * _ratio_down(focal_n, reference_n, m, count)
        below = max(0.0, below - before * (focal_n - count + 1) / (n - m))
        if m + 1 - count > reference_n:  # the count falls out of the support, whose lowest count is the next one
            here *= (focal_n - count) / (count + 1) * (m + 1) / (n - m)
            count, below = count + 1, 0.0
        else:
            here *= (reference_n - m + count) / (m + 1 - count) * (m + 1) / (n - m)
        while below + here <= bound and count < min(focal_n, m + 1):
            below += here
            here *= (focal_n - count) / (count + 1) * (m + 1 - count) / (reference_n - m + count)
            count += 1
        attained[m + 1] = below
    return attained


def _ratio_down(focal_n: int, reference_n: int, m: int, count: int) -> float:
    """P(K = count - 1) / P(K = count) given m selected."""
    if count == 0 or m - count + 1 > reference_n:
        return 0.0
    return count / (focal_n - count + 1) * (reference_n - m + count) / (m - count + 1)


def _worst_rate(attained: Floats) -> float:
    """The maximum over π of Σ_m Binomial(m; n, π) h(m): a grid as fine as the law is wide, then the best peaks."""
    n = attained.size - 1
    logs = gammaln(n + 1) - gammaln(np.arange(n + 1) + 1.0) - gammaln(n - np.arange(n + 1) + 1.0)
    points = max(65, int(np.ceil(_STEPS * np.pi * np.sqrt(n))))
    angles = np.linspace(0, np.pi / 2, points + 2)[1:-1]
    values = np.concatenate(
        [_expectation(attained, logs, angles[at : at + _TOGETHER]) for at in range(0, angles.size, _TOGETHER)]
    )
    best = float(values.max())
    edged = np.concatenate(([-np.inf], values, [-np.inf]))
    peaks = np.flatnonzero((values >= edged[:-2]) & (values >= edged[2:]) & (values >= 0.98 * best))
    step = float(angles[1] - angles[0])
    for peak in peaks[np.argsort(-values[peaks], kind="stable")][:8]:
        centre = float(angles[peak])
        ends = max(centre - step, 1e-12), min(centre + step, np.pi / 2 - 1e-12)
        best = max(best, _peak(attained, logs, centre, *ends))
    return best


def _peak(attained: Floats, logs: Floats, angle: float, low: float, high: float) -> float:
    """The highest value between two angles, from one that lies higher than both: Newton's steps on the slope, and the
    middle of what is left where they lead out of it."""
    best = 0.0
    for _ in range(_MOST):
        value, slope, bend = _course(attained, logs, angle)
        best = max(best, value)
        low, high = (angle, high) if slope > 0 else (low, angle)
        further = angle - slope / bend if bend < 0 else high
        if not low < further < high:
            further = (low + high) / 2
        if abs(further - angle) < _CLOSE:
            break
        angle = further
    return best


def _course(attained: Floats, logs: Floats, angle: float) -> tuple[float, float, float]:
    """The expectation at an angle, its slope and its bend: its first and second derivative there."""
    n = attained.size - 1
    m, law = _binomial(logs, np.array([angle]))
    share = law[0] * attained[m]
    away = m - n * math.sin(angle) ** 2
    value, first, second = float(share.sum()), float(share @ away), float(share @ away**2)
    half = math.sin(angle) * math.cos(angle)  # the rate changes by twice this per unit of the angle
    slope = 2 * first / half
    return value, slope, 4 * second / half**2 - 4 * n * value - slope * math.cos(2 * angle) / half


def _expectation(attained: Floats, logs: Floats, angles: Floats) -> Floats:
    """Σ_m Binomial(m; n, sin² angle) h(m) for each of neighbouring angles."""
    m, law = _binomial(logs, angles)
    result: Floats = law @ attained[m]
    return result


def _binomial(logs: Floats, angles: Floats) -> tuple[Integers, Floats]:
    """The m that matter to any of neighbouring angles, and Binomial(m; n, sin² angle), angles × m."""
    n = logs.size - 1
    rates = np.sin(angles) ** 2
    reach = _REACH * np.sqrt(n * rates * (1 - rates)) + 40
    low = max(0, math.floor((n * rates - reach).min()))
    high = min(n, math.ceil((n * rates + reach).max()))
    m = np.arange(low, high + 1)
    law = np.multiply.outer(np.log(rates), m)
    law += np.multiply.outer(np.log1p(-rates), n - m)
    law += logs[low : high + 1]
    return m, np.asarray(np.exp(law, out=law))
