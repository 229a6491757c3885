"""From each rater's own figure to a judgement: jackknife errors, partial pooling, false-discovery control."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit
from scipy.stats import false_discovery_control

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Statistic = Callable[[FloatArray, FloatArray], FloatArray]
"""From sums of the contributions (raters × columns) and numbers of forms to one figure a rater."""


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

    contributions : one row a form, one column a sum. fewest : raters with fewer forms get no figure.
    """
    forms: IntArray = np.bincount(rater, minlength=raters).astype(np.int64)
    sums: FloatArray = np.stack([np.bincount(rater, column, raters) for column in contributions.T], axis=1).astype(
        float
    )
    with np.errstate(all="ignore"):
        estimate = statistic(sums, forms.astype(np.float64))
        without = statistic(sums[rater] - contributions, np.asarray(forms[rater] - 1.0, dtype=np.float64))
        mean = np.bincount(rater, without, raters) / forms
        squares = np.bincount(rater, (without - mean[rater]) ** 2, raters)
        se: FloatArray = np.asarray(np.sqrt(squares * (forms - 1) / forms), dtype=np.float64)
    known = (forms >= fewest) & np.isfinite(estimate) & np.isfinite(se) & (se > 0)
    return Figures(estimate=np.where(known, estimate, np.nan), se=np.where(known, se, np.nan), forms=forms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the raters' figures say together.

    centre, centre_se : the typical rater. usual : what is usual for a rater of that level, by rater. spread : standard
    deviation of true figures between raters (0 where chance explains all differences). shrunken, low, high : each figure
    drawn towards what is usual as far as chance explains it, with its interval. p : of a difference from the usual no
    larger than the margin; q : adjusted for the number of raters (Benjamini & Hochberg 1995). flagged : q at or below
    the level, and the shrunken interval apart from the usual. All nan (False) for raters without a figure.
    """

    centre: float
    centre_se: float
    spread: float
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
    margin: float = 0.0,
    side: int = 0,
) -> Judgement | None:
    """Pool the figures of at least three raters; None with fewer.

    centre : what a rater without the habit shows; where None it is estimated, as a line in level (each rater's mean
    score: on a scale with ends a lenient rater has less room) by least absolute deviations, which a few unusual raters
    do not move. margin : differences up to it are nobody's habit. side : 1 flags only figures above, −1 below, 0 both.
    """
    known = np.isfinite(figures.estimate)
    if np.count_nonzero(known) < 3:
        return None
    value, variance = figures.estimate[known], _steadied(figures.se[known] ** 2, figures.forms[known])
    degrees = np.maximum(figures.forms[known] - 2.0, 1.0)
    design = np.zeros((value.size, 0))
    if centre is None:
        design = np.ones((value.size, 1))
        if level is not None and value.size >= FEWEST_FOR_A_LINE and np.ptp(level[known]) > 0:
            design = np.column_stack([design, level[known] - level[known].mean()])
    usual = np.full(value.size, centre or 0.0)
    spread = 0.0
    for _ in range(3):
        if design.shape[1]:
            usual = _least_deviations(design, value, 1 / (variance + spread))
        spread = between_spread(value - usual, variance, value.size - design.shape[1])
    middle_se = EFFICIENCY * float(np.sum(1 / (variance + spread)) ** -0.5) if design.shape[1] else 0.0
    away = value - usual
    pull = spread / (spread + variance)
    shrunken = usual + pull * away
    half = stdtrit(degrees, (1 + confidence) / 2) * np.sqrt(pull * variance)
    error = np.sqrt(variance + middle_se**2)
    p = stdtr(degrees, (margin - np.abs(away)) / error) + stdtr(degrees, (-margin - np.abs(away)) / error)
    q = false_discovery_control(np.clip(p, 0, 1))
    apart = (shrunken - half > usual) | (shrunken + half < usual)
    sided = np.ones(value.size, dtype=bool) if side == 0 else np.sign(away) == side

    def everywhere(found: FloatArray) -> FloatArray:
        whole = np.full(known.size, np.nan)
        whole[known] = found
        return whole

    flagged = np.zeros(known.size, dtype=bool)
    flagged[known] = (q <= false_discovery_rate) & apart & sided
    return Judgement(
        centre=float(np.mean(usual)),
        centre_se=middle_se,
        spread=spread**0.5,
        usual=everywhere(usual),
        shrunken=everywhere(shrunken),
        low=everywhere(shrunken - half),
        high=everywhere(shrunken + half),
        p=everywhere(p),
        q=everywhere(q),
        flagged=flagged,
    )


def _steadied(variance: FloatArray, forms: IntArray) -> FloatArray:
    """Each rater's error variance, steadied by the typical one for that number of forms.

    Jackknife errors of few forms are themselves uncertain, and a small one by chance makes a false flag: each is
    averaged with the median of variance × forms, counted as ten forms.
    """
    typical = float(np.median(variance * forms)) / forms
    return np.asarray((variance * forms + typical * 10) / (forms + 10))


def _least_deviations(design: FloatArray, value: FloatArray, weight: FloatArray) -> FloatArray:
    """The line (design: ones, and it may be one other column) that minimises the weighted sum of absolute standardized
    deviations, at the rows of the design: by reweighted least squares."""
    root: FloatArray = np.asarray(np.sqrt(weight), dtype=np.float64)
    line, squared = value, weight
    for _ in range(50):
        before, line = line, _least_squares(design, value, squared)
        if (line == before).all():
            break
        squared = weight / np.maximum(np.abs(value - line) * root, 0.05)
    return line


def _least_squares(design: FloatArray, value: FloatArray, weight: FloatArray) -> FloatArray:
    """The line of weighted least squares at the rows of the design: by its mean and slope."""
    total = weight.sum()
    middle = weight @ value / total
    if design.shape[1] == 1:
        return np.full(value.size, middle)
    column = design[:, 1]
    centre = weight @ column / total
    place = column - centre
    pull = weight * place
    spread = pull @ place
    if spread <= 1e-20 * (spread + total * centre**2):  # next to no difference in place
        squares = np.sqrt(weight)
        return np.asarray(design @ np.linalg.lstsq(design * squares[:, None], value * squares, rcond=None)[0])
    return np.asarray(middle + (pull @ value / spread) * place)


def between_spread(away: FloatArray, variance: FloatArray, degrees: int, /) -> float:
    """Variance of true values between raters: Paule & Mandel (1982), at least 0.

    The sum of squares over variances falls, ever less steeply, with the spread: Newton's steps from 0 only go up.
    """
    squares, spread = away**2, 0.0
    for _ in range(200):
        inverse = 1 / (variance + spread)
        excess = float(squares @ inverse) - degrees
        if excess <= 0:
            break
        step = excess / float(squares @ inverse**2)
        spread += step
        if step <= 1e-15 * spread:
            break
    return spread
