"""The correlation of a score with what lies behind a criterion of a few ordered points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import chdtrc, log_ndtr, ndtri

from fairpanel.measures.columns import Floats, Integers, check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.validity.criterion import complete_pairs, correlation

_REFERENCES = (
    "Olsson, U., Drasgow, F., & Dorans, N. J. (1982). Psychometrika, 47, 337-347",
    "Cox, N. R. (1974). Biometrics, 30, 171-178",
)
_TITLE = "polyserial correlation, maximum likelihood"
_MOST_CATEGORIES = 10
_ITERATIONS = 100
_ROOT_TAU = math.log(2 * math.pi) / 2


@dataclass(frozen=True, slots=True)
class _Probit:
    """Ordered probit on a standardized score: cuts, slope, the slope's error and both log likelihoods."""

    cuts: Floats
    slope: float
    error: float
    likelihood: float
    without: float


def polyserial(
    data: pl.DataFrame,
    /,
    *,
    x: str = "x",
    y: str = "y",
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """How closely a score goes with the continuous quality behind a rating of few points: from -1 over 0 to 1.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    x : the score, many-valued. y : the criterion, a number with 2 to 10 different values; only their order counts.

    Returns
    -------
    Estimate
        value: rho (with two categories the biserial correlation). n: people, categories. detail: fisher_z_se, p
        (likelihood ratio, of no correlation), pearson (r with the points themselves: smaller), thresholds (of the
        standard normal quality between the categories).

    Cautions
    --------
    The figure stands on a normal quality behind the rating: it answers what r would be if performance were graded
    finely, not how well the ratings as given are foretold. Where the categories do not overlap on the score the maximum
    lies at ±1 (BOUNDARY). Under 30 people, or five in a category, it is rough (SMALL_SAMPLE).

    Notes
    -----
    Joint maximum likelihood: with b the slope of an ordered probit of y on the standardized score,
    rho = b / sqrt(1 + b²) and atanh(rho) = asinh(b). Variance of b: the probit's plus b² / (2n) for the score's SD.

    References
    ----------
    .. [1] Olsson, Drasgow & Dorans 1982. .. [2] Cox 1974.

    No oracle: pinned to statsmodels' OrderedModel and to the likelihood maximised directly.

    Examples
    --------
    >>> people = pl.DataFrame({"x": [1, 2, 3, 4, 5, 6, 7, 8], "y": [1, 2, 1, 2, 3, 2, 3, 3]})
    >>> round(polyserial(people).value, 4)
    0.8593
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    first, second, cautions = complete_pairs(data, x, y)
    values, codes = np.unique(second, return_inverse=True)
    if values.size > _MOST_CATEGORIES:
        raise MeasureInputError(
            f"column {y!r} (y) must hold at most {_MOST_CATEGORIES} different values, got {values.size}: take pearson "
            f"for a criterion of many points"
        )
    n = {"people": first.size, "categories": int(values.size)}
    why = _why_none(first, values.size)
    spread = float(first.std()) if why is None else 1.0
    z = (first - first.mean()) / spread if why is None else first
    direction = 0 if why else _separated(z, codes)
    fit = None if why or direction else _fit(z, codes, values.size)
    if fit is None and not direction:
        why = why or Caution("NOT_CONVERGED", "The likelihood's maximum was not found.")
        return Estimate(
            measure="polyserial", method=_TITLE, value=None, n=n, cautions=[*cautions, why], references=_REFERENCES
        )
    counts = np.bincount(codes)
    if first.size < 30 or counts.min() < 5:
        cautions.append(Caution("SMALL_SAMPLE", f"{first.size} people, {counts.min()} in the smallest category."))
    if fit is None:
        cautions += [
            Caution("BOUNDARY", "The categories do not overlap on the score: the likelihood rises up to ±1."),
            Caution("NO_INTERVAL", "No interval: the estimate lies at the end of its range."),
        ]
        return Estimate(
            measure="polyserial", method=_TITLE, value=float(direction), n=n, cautions=cautions,
            detail={"pearson": correlation(first, second)}, references=_REFERENCES,
        )  # fmt: skip
    rho = fit.slope / math.sqrt(1 + fit.slope**2)
    error = math.sqrt((fit.error**2 + fit.slope**2 / (2 * first.size)) / (1 + fit.slope**2))
    detail: dict[str, Any] = {
        "fisher_z_se": error, "p": float(chdtrc(1, max(0.0, 2 * (fit.likelihood - fit.without)))),
        "pearson": correlation(first, second), "thresholds": (fit.cuts / math.sqrt(1 + fit.slope**2)).tolist(),
    }  # fmt: skip
    made = None
    if interval == "analytic":
        half, centre = float(ndtri((1 + confidence) / 2)) * error, math.asinh(fit.slope)
        method = "Fisher z, information"
        made = Interval(low=math.tanh(centre - half), high=math.tanh(centre + half), level=confidence, method=method)
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    return Estimate(
        measure="polyserial", method=_TITLE, value=rho, interval=made, n=n, cautions=cautions, detail=detail,
        references=_REFERENCES,
    )  # fmt: skip


def _why_none(first: Floats, categories: int) -> Caution | None:
    if first.size < 5:
        return Caution("SMALL_SAMPLE", f"{first.size} complete pairs: at least five are needed.")
    if categories < 2 or np.ptp(first) == 0:
        return Caution("CONSTANT_INPUT", "The score or the criterion does not vary: there is no correlation.")
    return None


def _separated(z: Floats, codes: Integers) -> int:
    """1 or -1 where the categories lie one above the other on the score without overlap, 0 otherwise."""
    count = int(codes.max()) + 1
    lowest, highest = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(lowest, codes, z)
    np.maximum.at(highest, codes, z)
    if np.all(highest[:-1] <= lowest[1:]):
        return 1
    return -1 if np.all(lowest[:-1] >= highest[1:]) else 0


def _fit(z: Floats, codes: Integers, categories: int) -> _Probit | None:
    """Newton's method on the concave likelihood of cuts and slope, steps halved while they do not rise."""
    shares = np.cumsum(np.bincount(codes, minlength=categories)) / codes.size
    theta = np.append(ndtri(shares[:-1]), 0.0)
    likelihood, score, information = _derivatives(theta, z, codes, categories)
    without = likelihood
    for _ in range(_ITERATIONS):
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            return None
        largest = float(np.abs(step).max())
        if largest < 1e-9:
            variance = float(np.linalg.inv(information)[-1, -1])
            return _Probit(theta[:-1], float(theta[-1]), math.sqrt(variance), likelihood, without)
        for _ in range(40):
            tried = theta + step
            if np.all(np.diff(tried[:-1]) > 0):
                trial = _derivatives(tried, z, codes, categories)
                if trial[0] >= likelihood - 1e-12 * (1 + abs(likelihood)):
                    break
            step = step / 2
        else:
            return None
        theta, (likelihood, score, information) = tried, trial
    return None


def _derivatives(theta: Floats, z: Floats, codes: Integers, categories: int) -> tuple[float, Floats, Floats]:
    """Log likelihood, score and observed information of (cuts, slope): P(y = k) = Φ(c_k - bz) - Φ(c_(k-1) - bz)."""
    cuts = np.concatenate(([-np.inf], theta[:-1], [np.inf]))
    upper, lower = cuts[codes + 1] - theta[-1] * z, cuts[codes] - theta[-1] * z
    flip = lower > 0  # differences of small tails keep their digits
    high, low = np.where(flip, -lower, upper), np.where(flip, -upper, lower)
    log_high, log_low = log_ndtr(high), log_ndtr(low)
    log_p = log_high + np.log1p(-np.exp(np.minimum(log_low - log_high, -1e-300)))
    finite_upper, finite_lower = np.where(np.isinf(upper), 0.0, upper), np.where(np.isinf(lower), 0.0, lower)
    a = np.where(np.isinf(upper), 0.0, np.exp(-(finite_upper**2) / 2 - _ROOT_TAU - log_p))
    b = np.where(np.isinf(lower), 0.0, np.exp(-(finite_lower**2) / 2 - _ROOT_TAU - log_p))
    aa, bb, ab = -finite_upper * a - a * a, finite_lower * b - b * b, a * b  # second derivatives of log p
    score, hessian = np.zeros(categories), np.zeros((categories, categories))
    sums = {
        name: np.bincount(codes, each, minlength=categories)
        for name, each in (("a", a), ("b", b), ("aa", aa), ("bb", bb), ("ab", ab), ("az", (aa + ab) * z),
                           ("bz", (bb + ab) * z))
    }  # fmt: skip
    at = np.arange(categories - 1)
    score[at] = sums["a"][:-1] - sums["b"][1:]
    score[-1] = float(((b - a) * z).sum())
    hessian[at, at] = sums["aa"][:-1] + sums["bb"][1:]
    inner = np.arange(categories - 2)
    hessian[inner, inner + 1] = hessian[inner + 1, inner] = sums["ab"][1:-1]
    hessian[at, -1] = hessian[-1, at] = -(sums["az"][:-1] + sums["bz"][1:])
    hessian[-1, -1] = float(((aa + bb + 2 * ab) * z * z).sum())
    return float(log_p.sum()), score, -hessian
