"""Where an own validity lies among published ones, under the same corrections."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import ndtr, ndtri

from fairpanel.measures.columns import check_choice, check_confidence, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.validity.random_effects import pool
from fairpanel.measures.validity.range_restriction import thorndike_case_2

_REFERENCES = (
    "McDaniel, M. A., Whetzel, D. L., Schmidt, F. L., & Maurer, S. D. (1994). Journal of Applied Psychology, 79, 599-616",
    "Higgins, J. P. T., Thompson, S. G., & Spiegelhalter, D. J. (2009). Journal of the Royal Statistical Society A, 172, "
    "137-159 (prediction)",
    "Viechtbauer, W. (2005). Journal of Educational and Behavioral Statistics, 30, 261-293 (REML)",
)


def published_position(
    data: pl.DataFrame,
    /,
    *,
    r: str = "r",
    n: str = "n",
    own_r: float | None = None,
    own_low: float | None = None,
    own_high: float | None = None,
    ryy: float | None = None,
    u: float | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """The share of comparable studies whose true validity lies below the own figure.

    Parameters
    ----------
    data : one row a published study; rows without r or n are left out and counted.
    r, n : columns of the observed correlation and the number of people.
    own_r : the own correlation, after the corrections that `ryy` and `u` name (none: as observed).
    own_low, own_high : its limits; they become those of the share.
    ryy, u : reliability of the criterion and spread of the score among the selected over applicants, applied to the
        published distribution: r / sqrt(ryy), then Thorndike's Case II. The published figures come without them, so one
        value stands for all.

    Returns
    -------
    Estimate
        value: between 0 and 1. n: studies, people. detail: mean_r, mean_low, mean_high, tau2 (of Fisher's z),
        prediction_low, prediction_high (in r: where `confidence` of the studies' true validities lie), own_r, inside
        (whether own_r lies within the prediction interval), ryy, u.

    Raises
    ------
    MeasureInputError
        own_r missing or beyond ±1, own limits in the wrong order, ryy or u outside (0, 1], r beyond ±1.

    Cautions
    --------
    The published studies are other jobs, scales and decades: a place among them is no verdict. With ryy or u the
    published studies are corrected by one assumed value each (ASSUMED_RELIABILITY). Under ten studies the distribution
    is rough (SMALL_SAMPLE). Without own limits there is no interval.

    Notes
    -----
    Random effects by REML on Fisher's z of the observed correlations. The corrections are monotone, so the own figure is
    taken back through them and its share is Φ((z - mean) / sqrt(tau² + se²)); mean and prediction interval go forward.

    References
    ----------
    .. [1] McDaniel et al. 1994. .. [2] Higgins et al. 2009. .. [3] Viechtbauer 2005.

    Pinned by the mean and prediction interval of 160 employment-interview validities (metafor).

    Examples
    --------
    >>> studies = pl.DataFrame({"r": [0.1, 0.2, 0.3, 0.4], "n": [400, 400, 400, 400]})
    >>> estimate = published_position(studies, own_r=0.25, own_low=0.1, own_high=0.4)
    >>> round(estimate.value, 2)
    0.49
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    own, low, high = _own(own_r, own_low, own_high)
    for name, value in (("ryy", ryy), ("u", u)):
        if value is not None and not 0 < value <= 1:
            raise MeasureInputError(f"{name} must lie over 0 and at most at 1, got {value!r}")
    observed, people = numbers(data, r, "r"), numbers(data, n, "n")
    beyond = np.flatnonzero(np.abs(observed) > 1)
    if beyond.size:
        raise MeasureInputError(
            f"column {r!r} must hold correlations; row {int(beyond[0]) + 1} holds {observed[beyond[0]]:g}"
        )
    usable = ~np.isnan(observed) & ~np.isnan(people) & (people > 3) & (np.abs(observed) < 1)
    cautions = missing_rows(usable, f"{r} or {n}, or under four people")
    y, v = np.arctanh(observed[usable]), 1 / (people[usable] - 3)
    counts = {"studies": int(usable.sum()), "people": int(people[usable].sum())}
    title = "place in the predictive distribution, REML on Fisher z"
    if y.size < 2:
        why = Caution("SMALL_SAMPLE", f"{y.size} studies: at least two are needed to say how validities differ.")
        return Estimate(
            measure="published_position", method=title, value=None, n=counts, cautions=[*cautions, why],
            references=_REFERENCES,
        )  # fmt: skip
    fit = pool(y, v, np.ones((y.size, 1)), "reml")
    mean, error = float(fit.coefficients[0]), math.sqrt(float(fit.covariance[0, 0]))
    spread = math.sqrt(fit.tau2 + error**2)
    quantile = float(ndtri((1 + confidence) / 2))
    points = {
        "mean_r": mean, "mean_low": mean - quantile * error, "mean_high": mean + quantile * error,
        "prediction_low": mean - quantile * spread, "prediction_high": mean + quantile * spread,
    }  # fmt: skip
    detail: dict[str, Any] = {name: _correct(math.tanh(z), ryy, u) for name, z in points.items()}
    detail |= {"tau2": fit.tau2, "own_r": own, "ryy": ryy, "u": u}
    detail["inside"] = detail["prediction_low"] <= own <= detail["prediction_high"]
    if ryy is not None or u is not None:
        cautions.append(Caution("ASSUMED_RELIABILITY", "Every published correlation is corrected by the same figures."))
    if y.size < 10:
        cautions.append(Caution("SMALL_SAMPLE", f"{y.size} studies: how far validities differ is rough."))
    made = None
    if interval == "analytic" and low is not None and high is not None:
        ends = [_share(_as_observed(end, ryy, u), mean, spread) for end in (low, high)]
        made = Interval(
            low=ends[0], high=ends[1], level=confidence, method="limits of the own correlation carried through"
        )
    if made is None:
        cautions.append(
            Caution("NO_INTERVAL", "No interval: none was asked for, or the own correlation came without one.")
        )
    return Estimate(
        measure="published_position",
        method=title,
        value=_share(_as_observed(own, ryy, u), mean, spread),
        interval=made,
        n=counts,
        cautions=cautions,
        detail=detail,
        references=_REFERENCES,
    )


def _own(r: float | None, low: float | None, high: float | None) -> tuple[float, float | None, float | None]:
    if r is None or not -1 < r < 1:
        raise MeasureInputError(f"own_r must be the own correlation, between -1 and 1, got {r!r}")
    if (low is None) != (high is None):
        raise MeasureInputError("own_low and own_high come together, or not at all")
    if low is not None and high is not None and not -1 <= low <= r <= high <= 1:
        raise MeasureInputError(f"own_low <= own_r <= own_high must hold within ±1, got {low}, {r}, {high}")
    return r, low, high


def _correct(r: float, ryy: float | None, u: float | None) -> float:
    """Observed to corrected: unreliability of the criterion, then Case II; at most 1 in size."""
    free = r / math.sqrt(ryy or 1.0)
    return max(-1.0, min(1.0, thorndike_case_2(free, u or 1.0)))


def _as_observed(r: float, ryy: float | None, u: float | None) -> float:
    """The inverse: what would be observed where r holds among applicants with a reliable criterion."""
    return thorndike_case_2(r, 1 / (u or 1.0)) * math.sqrt(ryy or 1.0)


def _share(r: float, mean: float, spread: float) -> float:
    if abs(r) == 1:
        return (1 + r) / 2
    return float(ndtr((math.atanh(r) - mean) / spread)) if spread > 0 else float(math.atanh(r) >= mean)
