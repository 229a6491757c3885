"""Random-effects regression of study results with known sampling variances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri

from fairpanel.measures.columns import Floats

TauMethod = Literal["reml", "dl", "he", "ee"]


@dataclass(frozen=True, slots=True)
class Pooled:
    """Coefficients with their covariance, the variance between studies, and how the studies differ."""

    coefficients: Floats
    covariance: Floats
    tau2: float
    q: float
    df: int
    typical_variance: float | None
    spread: float  # y'Py / df at tau2: Knapp & Hartung's factor


def pool(y: Floats, v: Floats, design: Floats, method: TauMethod) -> Pooled:
    """Fit y = design · b + u + e, u with variance tau², e with the known variances v.

    tau² by restricted maximum likelihood, by the moments of DerSimonian & Laird (dl) or Hedges & Olkin (he), or 0 (ee).
    Cost is linear in studies.
    """
    df = y.size - design.shape[1]
    fixed = _Weighted(y, v, design, 0.0)
    tau2 = _tau2(y, v, design, method) if df else 0.0
    fit = _Weighted(y, v, design, tau2)
    trace = fixed.trace()
    return Pooled(
        coefficients=fit.coefficients,
        covariance=fit.inverse,
        tau2=tau2,
        q=fixed.q,
        df=df,
        typical_variance=df / trace if df else None,
        spread=fit.q / df if df else 1.0,
    )


def q_profile(y: Floats, v: Floats, design: Floats, confidence: float) -> tuple[float, float]:
    """Limits of tau² where the generalised Q meets the quantiles of chi-squared (Viechtbauer 2007)."""
    df = y.size - design.shape[1]
    tail = (1 - confidence) / 2

    def excess(tau2: float, quantile: float) -> float:
        return _Weighted(y, v, design, tau2).q - quantile

    low, high = (_falling_root(partial(excess, quantile=float(chdtri(df, level))), v) for level in (tail, 1 - tail))
    return low, high


class _Weighted:
    """The regression at a given tau²."""

    def __init__(self, y: Floats, v: Floats, design: Floats, tau2: float) -> None:
        self.weights: Floats = np.asarray(1 / (v + tau2))
        self.design = design
        weighted = design * self.weights[:, None]
        self.inverse: Floats = np.asarray(np.linalg.inv(design.T @ weighted), dtype=np.float64)
        self.coefficients: Floats = self.inverse @ (weighted.T @ y)
        self.residuals: Floats = np.asarray(self.weights * (y - design @ self.coefficients))  # P y
        self.q = float(self.residuals @ (self.residuals / self.weights))

    def trace(self) -> float:
        """Of P = W - W X inverse(X'WX) X'W."""
        squared = self.design.T @ (self.design * (self.weights**2)[:, None])
        return float(self.weights.sum() - np.trace(self.inverse @ squared))

    def score(self) -> float:
        """Twice the slope of the restricted likelihood in tau²."""
        return float(self.residuals @ self.residuals) - self.trace()


def _tau2(y: Floats, v: Floats, design: Floats, method: TauMethod) -> float:
    if method == "ee":
        return 0.0
    if method == "dl":
        fixed = _Weighted(y, v, design, 0.0)
        return float(max(0.0, (fixed.q - (y.size - design.shape[1])) / fixed.trace()))
    if method == "he":
        plain = _Weighted(y, np.ones(y.size), design, 0.0)
        leverage = np.einsum("ij,jk,ik->i", design, plain.inverse, design)
        return float(max(0.0, (plain.q - float(((1 - leverage) * v).sum())) / (y.size - design.shape[1])))
    return _falling_root(lambda tau2: _Weighted(y, v, design, tau2).score(), v)


def _falling_root(function: Callable[[float], float], v: Floats) -> float:
    """Where a function positive at 0 first turns negative; 0 where it is not positive there."""
    if function(0.0) <= 0:
        return 0.0
    high = float(v.mean())
    while function(high) > 0:
        high *= 2
    return float(brentq(function, 0.0, high, xtol=1e-14, rtol=1e-13))
