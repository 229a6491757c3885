"""From each rater's own figure to a judgement: jackknife errors, partial pooling, false-discovery control."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit
from scipy.stats import false_discovery_control

from fairpanel.measures.sums import sums

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Statistic = Callable[[FloatArray, FloatArray], FloatArray]
"""From sums of the contributions (…, raters × columns) and numbers of forms to one figure a rater."""


FEWEST_FOR_A_LINE = 8
"""Raters from which the usual figure may depend on a rater's level."""
EFFICIENCY = 1.2533
"""Standard error of a median in units of a mean's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One figure a rater: estimate and standard error (nan where there is none), and the forms it rests on."""

    estimate: FloatArray
    se: FloatArray
    forms: IntArray


def jackknifed(
    rater: IntArray, contributions: FloatArray, statistic: Statistic, /, *, raters: int, fewest: int
) -> Figures:
    """A statistic of sums over each rater's forms, with the error from leaving out each form in turn.

    contributions : one row a form, one column a sum; of several sets of scores with a leading axis, which the figures
    then have, too. fewest : raters with fewer forms get no figure.
    """
    forms: IntArray = np.bincount(rater, minlength=raters).astype(np.int64)
    total = np.moveaxis(sums(rater, np.moveaxis(contributions, -1, 0), raters), 0, -1)
    with np.errstate(all="ignore"):
        estimate = statistic(total, forms.astype(np.float64))
        without = statistic(total[..., rater, :] - contributions, np.asarray(forms[rater] - 1.0, dtype=np.float64))
        mean = sums(rater, without, raters) / forms
        squares = sums(rater, (without - mean[..., rater]) ** 2, raters)
        se: FloatArray = np.asarray(np.sqrt(squares * (forms - 1) / forms), dtype=np.float64)
    known = (forms >= fewest) & np.isfinite(estimate) & np.isfinite(se) & (se > 0)
    return Figures(estimate=np.where(known, estimate, np.nan), se=np.where(known, se, np.nan), forms=forms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the raters' figures say together; of several sets of scores with a leading axis.

    centre, centre_se : the typical rater. usual : what is usual for a rater of that level, by rater. spread : standard
    deviation of true figures between raters (0 where chance explains all differences). shrunken, low, high : each figure
    drawn towards what is usual as far as chance explains it, with its interval. p : of a difference from the usual no
    larger than the margin; q : adjusted for the number of raters (Benjamini & Hochberg 1995). flagged : q at or below
    the level, and the shrunken interval apart from the usual. All nan (False) for raters without a figure.
    """

    centre: FloatArray
    centre_se: FloatArray
    spread: FloatArray
    usual: FloatArray
    shrunken: FloatArray
    low: FloatArray
    high: FloatArray
    p: FloatArray
    q: FloatArray
    flagged: npt.NDArray[np.bool_]


def judge(
    figures: Figures,
    /,
    *,
    confidence: float,
    false_discovery_rate: float,
    centre: float | None = None,
    level: FloatArray | None = None,
    margin: float | FloatArray = 0.0,
    side: int = 0,
) -> Judgement | None:
    """Pool the figures of at least three raters; None with fewer. Sets of scores (a leading axis) must have figures of the
    same raters.

    centre : what a rater without the habit shows; where None it is estimated, as a line in level (each rater's mean
    score: on a scale with ends a lenient rater has less room) by least absolute deviations, which a few unusual raters
    do not move. margin : differences up to it are nobody's habit. side : 1 flags only figures above, −1 below, 0 both.
    """
    known = np.isfinite(figures.estimate).reshape(-1, figures.forms.size)[0]
    if np.count_nonzero(known) < 3:
        return None
    forms = figures.forms[known]
    value, variance = figures.estimate[..., known], _steadied(figures.se[..., known] ** 2, forms)
    degrees = np.maximum(forms - 2.0, 1.0)
    place, used = _places(level, known, centre)
    usual = np.full(value.shape, centre or 0.0)
    spread = np.zeros(value.shape[:-1])
    for _ in range(3):
        if place is not None:
            usual = _least_deviations(place, value, 1 / (variance + spread[..., None]))
        spread = between_spread(value - usual, variance, forms.size - used)
    middle_se = EFFICIENCY * np.sum(1 / (variance + spread[..., None]), axis=-1) ** -0.5 * (centre is None)
    away = value - usual
    pull = spread[..., None] / (spread[..., None] + variance)
    shrunken = usual + pull * away
    half = stdtrit(degrees, (1 + confidence) / 2) * np.sqrt(pull * variance)
    error = np.sqrt(variance + middle_se[..., None] ** 2)
    p = stdtr(degrees, (margin - np.abs(away)) / error) + stdtr(degrees, (-margin - np.abs(away)) / error)
    q = false_discovery_control(np.clip(p, 0, 1), axis=-1)
    apart = (shrunken - half > usual) | (shrunken + half < usual)
    sided = np.ones(value.shape, dtype=bool) if side == 0 else np.sign(away) == side

    def everywhere(found: FloatArray) -> FloatArray:
        whole = np.full((*found.shape[:-1], known.size), np.nan)
        whole[..., known] = found
        return whole

    flagged = np.zeros(figures.estimate.shape, dtype=bool)
    flagged[..., known] = (q <= false_discovery_rate) & apart & sided
    return Judgement(
        centre=np.asarray(np.mean(usual, axis=-1)),
        centre_se=np.asarray(middle_se),
        spread=np.asarray(np.sqrt(spread)),
        usual=everywhere(usual),
        shrunken=everywhere(shrunken),
        low=everywhere(shrunken - half),
        high=everywhere(shrunken + half),
        p=everywhere(p),
        q=everywhere(q),
        flagged=flagged,
    )


def _places(
    level: FloatArray | None, known: npt.NDArray[np.bool_], centre: float | None
) -> tuple[FloatArray | None, int]:
    """Where the usual figure is estimated, each rater's place on the line (all 0 for a level line), and its parameters."""
    if centre is not None:
        return None, 0
    many = np.count_nonzero(known) >= FEWEST_FOR_A_LINE
    if level is None or not many or not (np.ptp(level[..., known], axis=-1) > 0).all():
        return np.zeros(np.count_nonzero(known)), 1
    place = level[..., known]
    return place - place.mean(axis=-1, keepdims=True), 2


def _steadied(variance: FloatArray, forms: IntArray) -> FloatArray:
    """Each rater's error variance, steadied by the typical one for that number of forms.

    Jackknife errors of few forms are themselves uncertain, and a small one by chance makes a false flag: each is
    averaged with the median of variance × forms, counted as ten forms.
    """
    typical = np.median(variance * forms, axis=-1, keepdims=True) / forms
    return np.asarray((variance * forms + typical * 10) / (forms + 10))


def _least_deviations(place: FloatArray, value: FloatArray, weight: FloatArray) -> FloatArray:
    """The line in place that minimises the weighted sum of absolute standardized deviations, at the places: by reweighted
    least squares."""
    root: FloatArray = np.asarray(np.sqrt(weight), dtype=np.float64)
    line, squared = value, weight
    for _ in range(50):
        before, line = line, _least_squares(place, value, squared)
        if (line == before).all():
            break
        squared = weight / np.maximum(np.abs(value - line) * root, 0.05)
    return line


def _least_squares(place: FloatArray, value: FloatArray, weight: FloatArray) -> FloatArray:
    """The line of weighted least squares at the places: by its mean and slope; level where places are next to the same."""
    total = weight.sum(axis=-1, keepdims=True)
    middle = (weight * value).sum(axis=-1, keepdims=True) / total
    if not place.any():
        return np.broadcast_to(middle, value.shape)
    centre = (weight * place).sum(axis=-1, keepdims=True) / total
    off = place - centre
    pull = weight * off
    spread = (pull * off).sum(axis=-1, keepdims=True)
    apart = spread > 1e-20 * (spread + total * centre**2)
    slope = np.divide((pull * value).sum(axis=-1, keepdims=True), spread, out=np.zeros(spread.shape), where=apart)
    return np.asarray(middle + slope * off)


def between_spread(away: FloatArray, variance: FloatArray, degrees: int, /) -> FloatArray:
    """Variance of true values between raters: Paule & Mandel (1982), at least 0.

    The sum of squares over variances falls, ever less steeply, with the spread: Newton's steps from 0 only go up.
    """
    squares, spread = away**2, np.zeros(away.shape[:-1])
    for _ in range(200):
        inverse = 1 / (variance + spread[..., None])
        excess = (squares * inverse).sum(axis=-1) - degrees
        steepness = (squares * inverse**2).sum(axis=-1)
        step = np.divide(excess, steepness, out=np.zeros(spread.shape), where=excess > 0)
        spread = spread + step
        if (step <= 1e-15 * spread).all():
            break
    return spread
