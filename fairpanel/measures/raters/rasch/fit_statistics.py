"""How well ratings fit the model: residuals, infit and outfit, separation, and whether raters differ at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg
from scipy.special import chdtrc, chdtri

from fairpanel.measures.estimate import Interval
from fairpanel.measures.raters.rasch.calibration import Calibration
from fairpanel.measures.raters.rasch.category_model import facet_sum, moments, probabilities

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """Ratings that have an expectation.

    place : among all ratings. expected, variance, fourth : moments of the category. eta : candidate less facets.
    free : share of the variance that is left after the candidate's measure was fitted to the same ratings.
    """

    place: IntArray
    expected: FloatArray
    variance: FloatArray
    fourth: FloatArray
    residual: FloatArray
    eta: FloatArray
    free: FloatArray
    probability: FloatArray

    @property
    def standardised(self) -> FloatArray:
        return np.asarray(self.residual / np.sqrt(self.variance))


def residuals(found: Calibration) -> Residuals:
    """Residuals of ratings whose candidate and levels are measured and not extreme.

    Candidates enter with their maximum likelihood measures, whichever estimator served the facets.
    """
    design = found.design
    usable = np.isfinite(found.unit_ml[design.unit]) & (found.unit_extreme[design.unit] == 0)
    for codes in design.levels:
        usable &= np.isfinite(found.beta[codes]) & (found.extreme[codes] == 0)
    usable &= found.steps.used[design.group, design.score]
    part = design.take(usable)
    eta = found.unit_ml[part.unit] - facet_sum(part, found.beta)
    p, _ = probabilities(eta, found.steps.table(found.kappa)[part.group].T)
    expected, variance = moments(p)
    k = np.arange(p.shape[0], dtype=np.float64)[:, None]
    positive = variance > 1e-10
    information = np.bincount(part.unit, variance, minlength=len(design.unit_labels))
    free = 1 - variance / np.maximum(information[part.unit], 1e-300)
    return Residuals(
        place=np.flatnonzero(usable)[positive],
        expected=expected[positive],
        variance=variance[positive],
        fourth=np.sum(p * (k - expected) ** 4, axis=0)[positive],
        residual=(part.score - expected)[positive],
        eta=eta[positive],
        free=free[positive],
        probability=p[:, positive],
    )


@dataclass(frozen=True, slots=True)
class Fit:
    """Mean squares, what they are expected to be, and their z values per code; NaN without ratings."""

    infit: FloatArray
    outfit: FloatArray
    infit_z: FloatArray
    outfit_z: FloatArray
    infit_expected: FloatArray
    outfit_expected: FloatArray


def fit_of(code: IntArray, size: int, found: Residuals) -> Fit:
    """Infit and outfit of codes (Wright & Masters 1982, pp. 100-102), z by the Wilson-Hilferty cube root.

    Candidates' measures are fitted to the same ratings, so with L ratings each the mean squares are about (L − 1)/L
    where the model holds, not 1; z judges them against that expectation.
    """

    def total(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(code, values, minlength=size))

    with np.errstate(invalid="ignore", divide="ignore"):
        n, information = np.bincount(code, minlength=size), total(found.variance)
        square = found.residual**2
        outfit = total(square / found.variance) / n
        infit = total(square) / information
        outfit_sd = np.sqrt(np.maximum(total(found.fourth / found.variance**2) / n**2 - 1 / n, 0))
        infit_sd = np.sqrt(np.maximum(total(found.fourth - found.variance**2), 0)) / information
        infit_expected = total(found.variance * found.free) / information
        outfit_expected = total(found.free) / n
        return Fit(
            infit,
            outfit,
            _z(infit / infit_expected, infit_sd),
            _z(outfit / outfit_expected, outfit_sd),
            infit_expected,
            outfit_expected,
        )


def _z(mean_square: FloatArray, sd: FloatArray) -> FloatArray:
    return np.asarray(np.where(sd > 0, (np.cbrt(mean_square) - 1) * 3 / sd + sd / 3, np.nan))


def separation(measure: FloatArray, se: FloatArray, group: IntArray) -> dict[str, Any] | None:
    """Separation statistics of a facet (Wright & Masters 1982, pp. 92-94, 105-106).

    Variances are taken within groups (subsets), as levels of different subsets have no common origin. None where
    no two levels compare.
    """
    if measure.size == 0:
        return None
    coded = np.unique(group, return_inverse=True)[1]
    size = np.bincount(coded)
    degrees = measure.size - size.size
    if degrees < 1:
        return None
    centred = measure - (np.bincount(coded, measure) / size)[coded]
    observed = float(centred @ centred) / degrees
    error = float(np.mean(se**2))
    true = max(observed - error, 0.0)
    ratio = float(np.sqrt(true / error)) if error > 0 else float("inf")
    return {
        "reliability": true / observed if observed > 0 else 0.0,
        "separation": ratio,
        "strata": (4 * ratio + 1) / 3,
        "observed_sd": float(np.sqrt(observed)),
        "true_sd": float(np.sqrt(true)),
        "rmse": float(np.sqrt(error)),
        "levels": int(measure.size),
    }


def equality_test(
    measure: FloatArray, se: FloatArray, group: IntArray, covariance: FloatArray | None
) -> dict[str, float] | None:
    """Chi-square of "all levels (of a subset) are equal": Wald with the full covariance, else Linacre's sum.

    Linacre's: sum w d² − (sum w d)² / sum w with w = 1/se², errors taken as independent.
    """
    coded = np.unique(group, return_inverse=True)[1]
    degrees = measure.size - np.bincount(coded).size
    if degrees < 1:
        return None
    if covariance is None:
        weight = 1 / se**2
        mean = np.bincount(coded, weight * measure) / np.bincount(coded, weight)
        chi2 = float(np.sum(weight * (measure - mean[coded]) ** 2))
    else:
        first = np.unique(coded, return_index=True)[1]
        others = np.setdiff1d(np.arange(measure.size), first)
        reference = first[coded[others]]
        contrast = measure[others] - measure[reference]
        spread = (
            covariance[np.ix_(others, others)]
            - covariance[np.ix_(others, reference)]
            - covariance[np.ix_(reference, others)]
            + covariance[np.ix_(reference, reference)]
        )
        chi2 = float(contrast @ linalg.lstsq(spread, contrast)[0])
    return {"chi2": chi2, "df": degrees, "p": float(chdtrc(degrees, chi2))}


def reliability_interval(
    measure: FloatArray, se: FloatArray, group: IntArray, value: float, confidence: float
) -> Interval | None:
    """Interval of the separation reliability for raters drawn from a population.

    The variance of true severities by Viechtbauer's (2007) Q profile: the variance at which the weighted sum of squared
    deviations meets a chi-square quantile; then variance / (variance + mean squared error). None where no two compare.
    """
    coded = np.unique(group, return_inverse=True)[1]
    degrees = measure.size - np.bincount(coded).size
    if degrees < 1:
        return None
    error = float(np.mean(se**2))
    ends = [_profiled(measure, se**2, coded, float(chdtri(degrees, tail))) for tail in (
        (1 - confidence) / 2, (1 + confidence) / 2)]  # fmt: skip
    low, high = (variance / (variance + error) for variance in ends)
    return Interval(
        low=min(low, value),
        high=max(high, value),
        level=confidence,
        method="Q profile of the variance of severities, raters drawn at random",
    )


def _profiled(measure: FloatArray, variance: FloatArray, coded: IntArray, target: float) -> float:
    """The variance between levels at which the weighted sum of squares equals a target; 0 where it is below at 0."""

    def squares(between: float) -> float:
        weight = 1 / (variance + between)
        mean = np.bincount(coded, weight * measure) / np.bincount(coded, weight)
        return float(np.sum(weight * (measure - mean[coded]) ** 2))

    if squares(0.0) <= target:
        return 0.0
    low, high = 0.0, 1.0
    while squares(high) > target:
        low, high = high, high * 4
    for _ in range(200):
        middle = (low + high) / 2
        if squares(middle) > target:
            low = middle
        else:
            high = middle
        if high - low <= 1e-12 * high:
            break
    return (low + high) / 2
