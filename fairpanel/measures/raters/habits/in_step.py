"""Whom many sets of scores of one design would have flagged: `flagged_for` for draws, all of them side by side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fairpanel.measures.mixed_models.crossed import RATER, UNIT
from fairpanel.measures.mixed_models.in_step import Fits, can_fit, fit_in_step
from fairpanel.measures.mixed_models.linkage import linkage, why_not_estimable
from fairpanel.measures.panel import Ratings
from fairpanel.measures.raters.habits.catalogue import halo, severity
from fairpanel.measures.raters.habits.forms import FormScores, beside, form_means, pairs, spread_within
from fairpanel.measures.raters.habits.pooling import Figures, judge
from fairpanel.measures.raters.rater_habits import FEWEST, SEVERITY_MARGIN, check_options
from fairpanel.measures.resampling import check_confidence
from fairpanel.measures.sums import sums

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

HABITS = ("severity", "halo")


def flagged_in_step(
    ratings: Ratings,
    scores: FloatArray,
    suspects: IntArray,
    habit: str,
    /,
    *,
    min_units: int,
    false_discovery_rate: float,
    confidence: float,
) -> tuple[Booleans, Booleans]:
    """Whether `flagged_for` would flag each set's suspect, and whether that can be told here: ask it of the other sets.

    scores : sets × ratings, in the design of `ratings`. suspects : a rater's code for each set. habit : severity or halo.
    """
    check_confidence(confidence)
    check_options(min_units, false_discovery_rate)
    flagged, told = np.zeros(len(scores), dtype=bool), np.zeros(len(scores), dtype=bool)
    unit, rater, _, _ = pairs(ratings)
    units, raters, fewest = len(ratings.units), len(ratings.raters), max(min_units, FEWEST)
    link = linkage(ratings)
    usual = habit in HABITS and can_fit(units, raters) and raters < unit.size
    if not usual or why_not_estimable(ratings, link):
        return flagged, told
    score = form_means(ratings, scores)
    try:
        fits = fit_in_step(unit, rater, score)
    except ArithmeticError:
        return flagged, told
    told = fits.usable & (link.units_per_rater[suspects] >= min_units)
    count = np.bincount(rater, minlength=raters)
    if habit == "severity":
        shape = fits.gamma[:, RATER], fits.variance, fits.effects, fits.prediction_variance
        figures: Figures | None = severity(*shape, count, fewest)
    else:
        figures = halo(_beside_others(ratings, scores, score, fits), raters, fewest)
    if figures is None:
        return flagged, told
    level = sums(rater, score, raters) / count
    margin = SEVERITY_MARGIN * np.sqrt(fits.gamma[:, UNIT] * fits.variance)
    for rows in _of_the_same_raters(figures):
        judged = judge(
            Figures(estimate=figures.estimate[rows], se=figures.se[rows], forms=figures.forms),
            confidence=confidence,
            false_discovery_rate=false_discovery_rate,
            centre=0.0 if habit == "severity" else None,
            level=None if habit == "severity" else level[rows],
            margin=margin[rows, None] if habit == "severity" else 0.0,
            side=0 if habit == "severity" else 1,
        )
        if judged is not None:
            flagged[rows] = judged.flagged[np.arange(rows.size), suspects[rows]]
    return flagged & told, told


def _beside_others(ratings: Ratings, scores: FloatArray, score: FloatArray, fits: Fits) -> FormScores:
    unit, rater, _, size = pairs(ratings)
    severities = -fits.gamma[:, RATER, None] * fits.effects
    deviation = score - fits.intercept[:, None]
    var_unit = fits.gamma[:, UNIT] * fits.variance
    expected, variance = beside(unit, deviation + severities[:, rater], var_unit, fits.variance)
    return FormScores(
        unit=unit,
        rater=rater,
        score=score,
        deviation=deviation,
        expected=expected,
        variance=variance,
        items=size.astype(np.int64),
        within=spread_within(ratings, scores),
    )


def _of_the_same_raters(figures: Figures) -> list[IntArray]:
    """Sets in lots in which the same raters have figures."""
    lot = np.unique(np.isfinite(figures.estimate), axis=0, return_inverse=True)[1].ravel()
    return [np.flatnonzero(lot == one) for one in range(int(lot.max()) + 1)]
