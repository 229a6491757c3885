"""Mean squares of complete unit × rater designs, and the F intervals that rest on them (McGraw & Wong 1996)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import fdtri

from fairpanel.measures.estimate import Interval
from fairpanel.measures.panel import Ratings

MCGRAW_WONG = "F, McGraw & Wong (1996)"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanSquares:
    """Of n units by k raters: between units, within units, between raters, residual."""

    n: int
    k: int
    unit: float
    within: float
    rater: float
    residual: float

    def components(self) -> dict[str, float]:
        """Variances of unit, rater, residual from the expected mean squares; negative estimates are kept."""
        return {
            "unit": (self.unit - self.residual) / self.k,
            "rater": (self.rater - self.residual) / self.n,
            "residual": self.residual,
        }

    def to_dict(self) -> dict[str, float]:
        return {"unit": self.unit, "within": self.within, "rater": self.rater, "residual": self.residual}


def two_way_mean_squares(ratings: Ratings, /) -> MeanSquares:
    """Of a complete design: every rater scored every unit once."""
    n, k = len(ratings.units), len(ratings.raters)
    table = np.empty((n, k))
    table[ratings.unit, ratings.rater] = ratings.score - ratings.score.mean()
    by_unit, by_rater = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    residual = _settled(float(np.sum((table - by_unit - by_rater + table.mean()) ** 2)), table)
    return MeanSquares(
        n=n,
        k=k,
        unit=k * float(np.sum((by_unit - table.mean()) ** 2)) / (n - 1),
        within=_settled(float(np.sum((table - by_unit) ** 2)), table) / (n * (k - 1)),
        rater=n * float(np.sum((by_rater - table.mean()) ** 2)) / (k - 1),
        residual=residual / ((n - 1) * (k - 1)),
    )


def one_way_mean_squares(ratings: Ratings, /) -> MeanSquares:
    """Of units with k scores each, by whichever raters; rater and residual are those within units."""
    n = len(ratings.units)
    score = ratings.score - ratings.score.mean()
    k = score.size // n
    table = score[np.argsort(ratings.unit, kind="stable")].reshape(n, k)
    by_unit = table.mean(axis=1, keepdims=True)
    within = _settled(float(np.sum((table - by_unit) ** 2)), table) / (n * (k - 1))
    unit = k * float(np.sum((by_unit - table.mean()) ** 2)) / (n - 1)
    return MeanSquares(n=n, k=k, unit=unit, within=within, rater=within, residual=within)


def _settled(squares: float, table: npt.NDArray[np.float64]) -> float:
    """A sum of squares, exactly zero where only rounding is left."""
    return squares if squares > 1e-24 * float(np.sum(table**2)) * table.size else 0.0


def ratio_ends(f: float, df1: float, df2: float, *, confidence: float) -> tuple[float, float]:
    """F divided by its upper and its lower quantile: the ends of the interval for the ratio of mean squares."""
    upper = (1 + confidence) / 2
    return f / float(fdtri(df1, df2, upper)), f * float(fdtri(df2, df1, upper))


def agreement_interval(squares: MeanSquares, /, *, confidence: float) -> Interval | None:
    """For a single rater's absolute agreement, ICC(A,1): Satterthwaite's degrees of freedom; None where they are 0."""
    n, k = squares.n, squares.k
    ms_unit, ms_rater, ms_residual = squares.unit, squares.rater, squares.residual
    if ms_residual == 0:
        return None
    value = (ms_unit - ms_residual) / (ms_unit + (k - 1) * ms_residual + k * (ms_rater - ms_residual) / n)
    f_rater = ms_rater / ms_residual
    spread = n * (1 + (k - 1) * value) - k * value
    weight = (n - 1) * k**2 * value**2 * f_rater**2 + spread**2
    df = (k - 1) * (n - 1) * (k * value * f_rater + spread) ** 2 / weight if weight > 0 else 0.0
    if df <= 0:
        return None
    upper = (1 + confidence) / 2
    f_low, f_high = float(fdtri(n - 1, df, upper)), float(fdtri(df, n - 1, upper))
    other = k * ms_rater + (k * n - k - n) * ms_residual
    low = n * (ms_unit - f_low * ms_residual) / (f_low * other + n * ms_unit)
    high = n * (f_high * ms_unit - ms_residual) / (other + n * f_high * ms_unit)
    return Interval(low=min(low, high), high=max(low, high), level=confidence, method=MCGRAW_WONG)
