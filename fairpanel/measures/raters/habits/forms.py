"""A rater's form about a unit, beside what the unit's other raters make one expect of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairpanel.measures.mixed_models.components import Components, crossed_components
from fairpanel.measures.mixed_models.crossed import RATER
from fairpanel.measures.mixed_models.linkage import linkage, why_not_estimable
from fairpanel.measures.mixed_models.remembered import remembered
from fairpanel.measures.panel import Ratings

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """One entry a (unit, rater) pair, ordered by unit and rater.

    unit, rater : codes. score : mean score of the form. deviation : score less the intercept.
    expected : what the unit's other raters, their severities taken out, make one expect of the deviation; shrunken, 0
        where there are none. variance : of the deviation about expected, the rater's severity apart.
    others : how many other raters the unit has. items : answered items on the form. within : variance of the form's
        scores, each less the rater's mean on its item (0 for a form of one item).
    same : whether a form of at least three items holds one score throughout (nan for shorter ones).
    of_rating : the form of each rating. components : the crossed model of the forms' means.
    """

    unit: IntArray
    rater: IntArray
    score: FloatArray
    deviation: FloatArray
    expected: FloatArray
    variance: FloatArray
    others: IntArray
    items: IntArray
    within: FloatArray
    same: FloatArray
    of_rating: IntArray
    components: Components

    @property
    def residual(self) -> FloatArray:
        """Deviation less what was expected: severity, habits and chance."""
        return np.asarray(self.deviation - self.expected)


def forms(ratings: Ratings, /) -> Forms | None:
    """The forms of ratings with or without items; None where components cannot be estimated."""
    raters = len(ratings.raters)
    pair, of_rating, size = _pairs(ratings.unit, ratings.rater, raters, 0)
    unit, rater = pair // raters, pair % raters
    level = _item_level(ratings)
    score = np.bincount(of_rating, ratings.score - level) / size + float(level.mean() if level.size else 0.0)
    whole = Ratings(
        score=score,
        unit=unit,
        rater=rater,
        item=np.empty(0, dtype=np.int64),
        units=ratings.units,
        raters=ratings.raters,
        items=(),
        missing=ratings.missing,
    )
    if why_not_estimable(whole, linkage(whole)):
        return None
    found = crossed_components(whole)
    if found.fit is None or found.var_residual <= 0:
        return None
    severity = -float(found.fit.likelihood.gamma[RATER]) * found.fit.likelihood.effects[RATER]
    deviation = score - found.intercept
    adjusted = deviation + severity[rater]
    count = np.bincount(unit)
    others = count[unit] - 1
    rest = np.bincount(unit, adjusted)[unit] - adjusted
    noise = found.var_residual + found.var_unit * others
    expected = found.var_unit * rest / noise
    left = found.var_unit * found.var_residual / noise
    within, same = _spread_within(ratings, of_rating, size)
    return Forms(
        unit=unit,
        rater=rater,
        score=score,
        deviation=deviation,
        expected=expected,
        variance=np.asarray(left + found.var_residual, dtype=np.float64),
        others=others,
        items=size.astype(np.int64),
        within=within,
        same=same,
        of_rating=of_rating.astype(np.int64),
        components=found,
    )


@remembered
def _pairs(first: IntArray, second: IntArray, seconds: int, _: int) -> tuple[IntArray, IntArray, IntArray]:
    """Distinct pairs of codes as first × seconds + second, the pair of each rating, ratings per pair."""
    return np.unique(first * seconds + second, return_inverse=True, return_counts=True)


def _item_level(ratings: Ratings) -> FloatArray:
    """Each rating's item mean, so that a form's mean does not depend on which items were left unanswered."""
    if not ratings.items:
        return np.zeros(ratings.score.size)
    mean = np.bincount(ratings.item, ratings.score) / np.bincount(ratings.item)
    return np.asarray(mean[ratings.item])


def _spread_within(ratings: Ratings, of_rating: IntArray, size: IntArray) -> tuple[FloatArray, FloatArray]:
    """Variance of a form's scores about the rater's item means, and whether they are all one score."""
    if not ratings.items:
        return np.zeros(size.size), np.full(size.size, np.nan)
    cell = _pairs(ratings.rater, ratings.item, len(ratings.items), 0)[1]
    centred = ratings.score - (np.bincount(cell, ratings.score) / np.bincount(cell))[cell]
    mean = np.bincount(of_rating, centred) / size
    squares = np.bincount(of_rating, (centred - mean[of_rating]) ** 2)
    within = np.divide(squares, size - 1, out=np.zeros(size.size), where=size > 1)
    low, high = np.full(size.size, np.inf), np.full(size.size, -np.inf)
    np.minimum.at(low, of_rating, ratings.score)
    np.maximum.at(high, of_rating, ratings.score)
    return within, np.where(size >= 3, (low == high).astype(np.float64), np.nan)
