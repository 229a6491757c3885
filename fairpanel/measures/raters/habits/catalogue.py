"""The habits: for each, which sums over a rater's forms it takes, and what a high or low figure means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairpanel.measures.panel import Ratings
from fairpanel.measures.raters.habits.forms import Forms, FormScores
from fairpanel.measures.raters.habits.pooling import Figures, jackknifed

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_MATES = 50
"""Forms a unit may have for its pairs of forms to be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """A habit's figures by rater.

    high, low : what a flag above or below the centre means ("" where that side is not flagged). unit : of the figure.
    centre : the figure of a rater without the habit, None where it is the raters' own. margin : differences from it up
    to this are nobody's habit. by_level : whether the usual figure depends on a rater's mean score, as the spread of
    scores does on a scale with ends.
    """

    name: str
    figures: Figures
    high: str
    low: str
    unit: str
    centre: float | None = None
    margin: float = 0.0
    by_level: bool = False

    @property
    def side(self) -> int:
        return 0 if self.high and self.low else (1 if self.high else -1)


def spread_habits(forms: Forms, raters: int, fewest: int, /) -> list[Habit]:
    """Discrimination (centrality), range restriction and inconsistency: from the forms' means alone."""

    def of(rows: npt.NDArray[np.bool_], *columns: FloatArray) -> tuple[IntArray, FloatArray]:
        return forms.rater[rows], np.stack(columns, axis=1)[rows]

    every = np.ones(forms.rater.size, dtype=bool)
    shared = forms.others > 0
    y, x, v = forms.deviation, forms.expected, forms.variance
    found = []
    rater, sums = of(shared, x, y, x * x, x * y)
    found.append(
        Habit(
            name="discrimination",
            figures=jackknifed(rater, sums, _slope, raters=raters, fewest=fewest),
            high="extremity: differences between candidates are drawn larger than other raters see them",
            low="centrality: differences between candidates are drawn smaller than other raters see them",
            unit="score points per point that the other raters make one expect",
            by_level=True,
        )
    )
    rater, sums = of(every, y, y * y, x, x * x, v)
    found.append(
        Habit(
            name="range",
            figures=jackknifed(rater, sums, _log_range, raters=raters, fewest=fewest),
            high="wide range: more of the scale is used than the candidates met would explain",
            low="range restriction: less of the scale is used than the candidates met would explain",
            unit="log of the ratio of standard deviations, observed to expected",
            by_level=True,
        )
    )
    e = forms.residual / np.sqrt(v)
    rater, sums = of(shared, e, e * e)
    found.append(
        Habit(
            name="inconsistency",
            figures=jackknifed(rater, sums, _log_spread, raters=raters, fewest=fewest),
            high="inconsistency: scores follow what other raters see less closely than is usual",
            low="",
            unit="log standard deviation of standardized residuals",
            by_level=True,
        )
    )
    return found


def form_habits(forms: Forms, raters: int, fewest: int, /) -> list[Habit]:
    """Halo and the same score throughout: from the items within forms."""
    found = []
    figures = halo(forms, raters, fewest)
    if figures is not None:
        found.append(
            Habit(
                name="halo",
                figures=figures,
                high="halo: the competencies of a candidate are scored more alike than is usual",
                low="",
                unit="log of the ratio of standard deviations, between forms to within forms",
                by_level=True,
            )
        )
    rows = np.isfinite(forms.same)
    if rows.any() and 0 < float(forms.same[rows].mean()) < 1:
        sums = forms.same[rows][:, None]
        found.append(
            Habit(
                name="same_score_throughout",
                figures=jackknifed(forms.rater[rows], sums, _log_odds, raters=raters, fewest=fewest),
                high="the same score on every competency of a form, more often than is usual",
                low="",
                unit="log odds of a form with one score throughout",
                by_level=True,
            )
        )
    return found


def severity(
    gamma: FloatArray, variance: FloatArray, effects: FloatArray, left: FloatArray, forms: IntArray, fewest: int, /
) -> Figures:
    """Severity as the raters' own figures: the predictions with their shrinkage taken back.

    gamma, variance : raters' relative variance and the residual's. effects : Z'Py of the raters. left : prediction variance
    of their effects. All may have a leading axis for several sets of scores. forms : of each rater.
    """
    between = (gamma * variance)[..., None]
    share = np.divide(left, between, out=np.ones(left.shape), where=between > 0)
    known = (forms >= fewest) & (share < 1)
    kept = np.where(known, 1 - share, 1.0)
    return Figures(
        estimate=np.where(known, -gamma[..., None] * effects / kept, np.nan),
        se=np.where(known, np.sqrt(between * np.maximum(share, 0) / kept), np.nan),
        forms=forms,
    )


def halo(forms: FormScores, raters: int, fewest: int, /) -> Figures | None:
    """How alike a rater's items are beside the rater's forms; of one set of scores or of several (leading axis)."""
    rows = forms.items >= 2
    if not rows.any():
        return None
    y, x, v, w = forms.deviation, forms.expected, forms.variance, forms.within
    sums = np.stack(np.broadcast_arrays(y, y * y, x, x * x, v, w), axis=-1)[..., rows, :]
    return jackknifed(forms.rater[rows], sums, _log_halo, raters=raters, fewest=fewest)


def copying(forms: Forms, ratings: Ratings, raters: int, fewest: int, /) -> Habit | None:
    """Forms that equal a panel mate's in every item that both answered (three or more), beyond what is usual for
    candidates at the same level. Units with more than MOST_MATES forms are left out."""
    content = np.full((forms.rater.size, len(ratings.items)), np.nan)
    content[forms.of_rating, ratings.item] = ratings.score
    size = np.bincount(forms.unit)
    first, second = _pairs(forms.unit, size)
    both = np.isfinite(content[first]) & np.isfinite(content[second])
    enough = both.sum(axis=1) >= 3
    first, second, both = first[enough], second[enough], both[enough]
    if first.size == 0:
        return None
    same = np.all((content[first] == content[second]) | ~both, axis=1).astype(np.float64)
    if not 0 < same.mean() < 1:
        return None
    mean = np.bincount(forms.unit, forms.score) / size
    level = np.unique(np.round(mean[forms.unit[first]]), return_inverse=True)[1] * 64 + both.sum(axis=1)
    level = np.unique(level, return_inverse=True)[1]
    usual = (np.bincount(level, same) / np.bincount(level))[level]
    beyond = np.bincount(first, same - usual, forms.rater.size)
    mates = np.bincount(first, minlength=forms.rater.size).astype(np.float64)
    rows = mates > 0
    sums = np.column_stack([beyond, mates])[rows]
    return Habit(
        name="copying",
        figures=jackknifed(forms.rater[rows], sums, _ratio, raters=raters, fewest=fewest),
        high="forms identical to another panel member's, more often than for candidates at the same level elsewhere",
        low="",
        unit="share of identical pairs of forms beyond the usual one",
        centre=0.0,
    )


def _pairs(unit: IntArray, size: IntArray) -> tuple[IntArray, IntArray]:
    """Ordered pairs of different forms of one unit; forms are ordered by unit."""
    start = np.cumsum(size) - size
    kept = np.flatnonzero((size[unit] > 1) & (size[unit] <= MOST_MATES))
    times = size[unit[kept]]
    first = np.repeat(kept, times)
    place = np.arange(first.size) - np.repeat(np.cumsum(times) - times, times)
    second = start[unit[first]] + place
    different = first != second
    return first[different], second[different]


def slope_habit(
    name: str, forms: Forms, rows: IntArray, x: FloatArray, raters: int, fewest: int, *, high: str, low: str, unit: str
) -> Habit:
    """The slope of a rater's residuals on x, for the forms given by rows."""
    e = forms.residual[rows]
    sums = np.column_stack([x, e, x * x, x * e])
    return Habit(
        name=name,
        figures=jackknifed(forms.rater[rows], sums, _slope, raters=raters, fewest=fewest),
        high=high,
        low=low,
        unit=unit,
    )


def lateness(rater: IntArray, lag: FloatArray, raters: int, fewest: int, /) -> Habit:
    """Mean log of one plus the days from interview to submission."""
    return Habit(
        name="submission_lag",
        figures=jackknifed(rater, np.log1p(lag)[:, None], _mean, raters=raters, fewest=fewest),
        high="late: forms are submitted later after the interview than is usual",
        low="",
        unit="mean of log(1 + days)",
    )


def _mean(sums: FloatArray, n: FloatArray) -> FloatArray:
    return np.asarray(sums[..., 0] / n)


def _ratio(sums: FloatArray, _: FloatArray) -> FloatArray:
    return np.asarray(sums[..., 0] / sums[..., 1])


def _log_odds(sums: FloatArray, n: FloatArray) -> FloatArray:
    return np.asarray(np.log((sums[..., 0] + 0.5) / (n - sums[..., 0] + 0.5)))


def _variance(total: FloatArray, squares: FloatArray, n: FloatArray) -> FloatArray:
    return np.asarray((squares - total * total / n) / (n - 1))


def _slope(sums: FloatArray, n: FloatArray) -> FloatArray:
    x, y, xx, xy = np.moveaxis(sums, -1, 0)
    return np.asarray((xy - x * y / n) / (xx - x * x / n))


def _log_spread(sums: FloatArray, n: FloatArray) -> FloatArray:
    return np.asarray(np.log(_variance(sums[..., 0], sums[..., 1], n)) / 2)


def _log_range(sums: FloatArray, n: FloatArray) -> FloatArray:
    y, yy, x, xx, v = np.moveaxis(sums, -1, 0)
    return np.asarray((np.log(_variance(y, yy, n)) - np.log(_variance(x, xx, n) + v / n)) / 2)


def _log_halo(sums: FloatArray, n: FloatArray) -> FloatArray:
    return np.asarray(_log_range(sums[..., :5], n) - np.log(sums[..., 5] / n) / 2)
