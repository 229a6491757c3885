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
from fairpanel.measures.sums import sums

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormScores:
    """One entry a (unit, rater) pair, ordered by unit and rater; figures of several sets of scores have a leading axis.

    unit, rater : codes. score : mean score of the form. deviation : score less the intercept.
    expected : what the unit's other raters, their severities taken out, make one expect of the deviation; shrunken, 0
        where there are none. variance : of the deviation about expected, the rater's severity apart.
    items : answered items on the form. within : variance of the form's scores, each less the rater's mean on its item (0
        for a form of one item).
    """

    unit: IntArray
    rater: IntArray
    score: FloatArray
    deviation: FloatArray
    expected: FloatArray
    variance: FloatArray
    items: IntArray
    within: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms(FormScores):
    """The forms of one set of scores.

    others : how many other raters the unit has.
    same : whether a form of at least three items holds one score throughout (nan for shorter ones).
    of_rating : the form of each rating. components : the crossed model of the forms' means.
    """

    others: IntArray
    same: FloatArray
    of_rating: IntArray
    components: Components

    @property
    def residual(self) -> FloatArray:
        """Deviation less what was expected: severity, habits and chance."""
        return np.asarray(self.deviation - self.expected)


def forms(ratings: Ratings, /) -> Forms | None:
    """The forms of ratings with or without items; None where components cannot be estimated."""
    unit, rater, of_rating, size = pairs(ratings)
    score = form_means(ratings, ratings.score)
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
    expected, variance = beside(
        unit, deviation + severity[rater], np.array(found.var_unit), np.array(found.var_residual)
    )
    return Forms(
        unit=unit,
        rater=rater,
        score=score,
        deviation=deviation,
        expected=expected,
        variance=variance,
        others=np.bincount(unit)[unit] - 1,
        items=size.astype(np.int64),
        within=spread_within(ratings, ratings.score),
        same=_same_throughout(ratings, of_rating, size),
        of_rating=of_rating.astype(np.int64),
        components=found,
    )


def pairs(ratings: Ratings, /) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Unit and rater of each form, the form of each rating, and ratings on each form."""
    raters = len(ratings.raters)
    pair, of_rating, size = _pairs(ratings.unit, ratings.rater, raters, 0)
    return pair // raters, pair % raters, of_rating, size


def form_means(ratings: Ratings, score: FloatArray, /) -> FloatArray:
    """Each form's mean, less what its items are scored on average: so it does not hang on which were left unanswered.

    score : of the ratings' design; several sets of scores with a leading axis.
    """
    _, _, of_rating, size = pairs(ratings)
    if not ratings.items:
        return np.asarray(sums(of_rating, score, size.size) / size)
    item = (sums(ratings.item, score, len(ratings.items)) / np.bincount(ratings.item))[..., ratings.item]
    return np.asarray(sums(of_rating, score - item, size.size) / size + item.mean(axis=-1, keepdims=True))


def beside(
    unit: IntArray, adjusted: FloatArray, var_unit: FloatArray, var_residual: FloatArray, /
) -> tuple[FloatArray, FloatArray]:
    """What a unit's other forms make one expect of each form, and its variance about that.

    adjusted : deviations of forms, their raters' severities taken out; several sets of scores with a leading axis, which
    the variances then have, too.
    """
    var_unit, var_residual = var_unit[..., None], var_residual[..., None]
    count = np.bincount(unit)
    others = count[unit] - 1
    rest = sums(unit, adjusted, count.size)[..., unit] - adjusted
    noise = var_residual + var_unit * others
    return np.asarray(var_unit * rest / noise), np.asarray(var_unit * var_residual / noise + var_residual)


def spread_within(ratings: Ratings, score: FloatArray, /) -> FloatArray:
    """Variance of a form's scores about the rater's item means; several sets of scores with a leading axis."""
    _, _, of_rating, size = pairs(ratings)
    if not ratings.items:
        return np.zeros((*score.shape[:-1], size.size))
    _, cell, count = _pairs(ratings.rater, ratings.item, len(ratings.items), 0)
    centred = score - (sums(cell, score, count.size) / count)[..., cell]
    mean = sums(of_rating, centred, size.size) / size
    squares = sums(of_rating, (centred - mean[..., of_rating]) ** 2, size.size)
    return np.divide(squares, size - 1, out=np.zeros(squares.shape), where=size > 1)


def _same_throughout(ratings: Ratings, of_rating: IntArray, size: IntArray) -> FloatArray:
    if not ratings.items:
        return np.full(size.size, np.nan)
    low, high = np.full(size.size, np.inf), np.full(size.size, -np.inf)
    np.minimum.at(low, of_rating, ratings.score)
    np.maximum.at(high, of_rating, ratings.score)
    return np.where(size >= 3, (low == high).astype(np.float64), np.nan)


@remembered
def _pairs(first: IntArray, second: IntArray, seconds: int, _: int) -> tuple[IntArray, IntArray, IntArray]:
    """Distinct pairs of codes as first × seconds + second, the pair of each rating, ratings per pair."""
    return np.unique(first * seconds + second, return_inverse=True, return_counts=True)
