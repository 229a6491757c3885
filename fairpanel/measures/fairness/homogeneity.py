"""Do strata agree on an odds ratio? Breslow and Day's statistic, with a p value that holds for small strata too.

The statistic's chi-square law asks for large strata. Requisitions are small: a few applicants each. Given the margins
and the common odds ratio every stratum's table follows Fisher's noncentral hypergeometric law, so that the statistic's
own law can be drawn from instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from fairpanel.measures.columns import Floats
from fairpanel.measures.fairness.conditional import hypergeometric

SPARSE = 5.0
"""Fitted cells under this many people: the chi-square law is not trusted (Cochran's rule)."""
DRAWS = 1999


@dataclass(frozen=True, slots=True)
class Homogeneity:
    """Breslow and Day's statistic, the same with Tarone's correction, their chi-square p on df degrees of freedom.

    p : the one to use: Tarone's where every fitted cell holds at least five people, else from draws of the statistic.
    """

    statistic: float
    tarone: float
    df: int
    statistic_p: float
    tarone_p: float
    smallest_fitted: float
    p: float

    @property
    def drawn(self) -> bool:
        return self.smallest_fitted < SPARSE


def homogeneity(a: Floats, b: Floats, c: Floats, d: Floats, common: float, seed: int = 0) -> Homogeneity:
    """Of fourfold tables (a, b focal selected and not; c, d the reference), against a common odds ratio in (0, inf)."""
    n1, n2, m = a + b, c + d, a + c
    fitted = _fitted(n1, n2, m, common)
    cells = np.array([fitted, n1 - fitted, m - fitted, n2 - m + fitted])
    variance = 1 / (1 / cells).sum(axis=0)
    statistic, tarone = _statistics((a - fitted)[None, :], variance)
    df = a.size - 1
    tarone_p = _chi2_p(float(tarone[0]), df)
    smallest = float(cells.min())
    drawn = df and smallest < SPARSE
    p = _drawn_p(float(tarone[0]), n1, n2, m, fitted, variance, common, seed) if drawn else tarone_p
    return Homogeneity(
        float(statistic[0]), float(tarone[0]), df, _chi2_p(float(statistic[0]), df), tarone_p, smallest, p
    )


def _fitted(n1: Floats, n2: Floats, m: Floats, common: float) -> Floats:
    """The focal group's selected under the common odds ratio: the root in the support, in the form without cancellation."""
    square = 1 - common
    if abs(square) < 1e-12:
        return n1 * m / (n1 + n2)
    linear = n2 - m + common * (n1 + m)
    constant = -common * n1 * m
    return np.asarray(-2 * constant / (linear + np.sqrt(linear * linear - 4 * square * constant)))


def _statistics(deviation: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Both statistics of each row of deviations from the fitted counts."""
    plain = (deviation**2 / variance).sum(axis=1)
    return plain, plain - deviation.sum(axis=1) ** 2 / variance.sum()


def _drawn_p(
    seen: float, n1: Floats, n2: Floats, m: Floats, fitted: Floats, variance: Floats, common: float, seed: int
) -> float:
    """Share of draws at least as far from agreement as what was seen, itself counted (Phipson & Smyth 2010)."""
    rng = np.random.default_rng(seed)
    plain, total = np.zeros(DRAWS), np.zeros(DRAWS)
    for index in range(n1.size):
        low, weights = hypergeometric(int(n1[index]), int(n2[index]), int(m[index]))
        weights = weights + np.arange(weights.size) * math.log(common)
        law = np.cumsum(np.exp(weights - weights.max()))
        counts = low + np.searchsorted(law, rng.random(DRAWS) * law[-1], side="right")
        deviation = counts - fitted[index]
        plain += deviation**2 / variance[index]
        total += deviation
    drawn = plain - total**2 / variance.sum()
    return float((1 + np.count_nonzero(drawn >= seen * (1 - 1e-12))) / (DRAWS + 1))


def _chi2_p(statistic: float, df: int) -> float:
    return float(chdtrc(df, max(statistic, 0.0))) if df else 1.0
