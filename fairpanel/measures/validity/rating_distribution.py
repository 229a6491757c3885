"""How the points of a rating scale are used: level, spread, and how much of the scale is left."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import expit, logit, stdtrit

from fairpanel.measures.columns import (
    Floats,
    Integers,
    check_choice,
    check_confidence,
    labels,
    missing_rows,
    numbers,
)
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError

_REFERENCES = (
    "Saal, F. E., Downey, R. G., & Lahey, M. A. (1980). Psychological Bulletin, 88, 413-428",
    "Liang, K.-Y., & Zeger, S. L. (1986). Biometrika, 73, 13-22",
)
_TITLE = "mean position on the scale"
_MOST_POINTS = 101


def rating_distribution(
    data: pl.DataFrame,
    /,
    *,
    y: str = "y",
    scale_min: float,
    scale_max: float,
    unit: str | None = None,
    minimum_cell: int = 5,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """How high ratings stand on their scale, from 0 (all at the bottom) to 1 (all at the top), and how they spread.

    Parameters
    ----------
    data : one row a rating; rows with a missing value are left out and counted.
    y : column of the ratings. scale_min, scale_max : the ends of the scale, a whole number of points apart.
    unit : the person rated, where people have several ratings: these then belong together.
    minimum_cell : a point with fewer people (ratings, without unit) than this, but not none, is not shown, and with a
        single such point the next smallest is hidden, too, so that it cannot be worked out. 1 shows all.

    Returns
    -------
    Estimate
        value: (mean - scale_min) / (scale_max - scale_min). n: ratings, units. detail: mean, sd, relative_sd (sd over
        that of ratings spread evenly over the points: 1 for even use, over 1 for the ends), skewness, share_top,
        share_top_two, share_bottom (None where a point of theirs is hidden), counts (by point; None for hidden ones;
        None where ratings lie between points), points_used, points.

    Cautions
    --------
    A high mean is not leniency by itself: people may be good. A small spread caps every correlation with the rating.
    With all ratings alike there is no interval.

    Notes
    -----
    Interval: t on units - 1 degrees of freedom with the cluster-robust error of the mean, on the logit scale so that
    it stays inside the scale. Even spread over k points has variance (k² - 1) / 12.

    References
    ----------
    .. [1] Saal, Downey & Lahey 1980. .. [2] Liang & Zeger 1986.

    No oracle: checked by hand; coverage by simulation.

    Examples
    --------
    >>> ratings = pl.DataFrame({"y": [3, 4, 4, 5, 5, 4]})
    >>> round(rating_distribution(ratings, scale_min=1, scale_max=5).value, 6)
    0.791667
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    points = _points(scale_min, scale_max)
    if isinstance(minimum_cell, bool) or not isinstance(minimum_cell, int) or minimum_cell < 1:
        raise MeasureInputError(f"minimum_cell is a whole number, at least 1, got {minimum_cell!r}")
    ratings = numbers(data, y, "y")
    off = np.flatnonzero((ratings < scale_min) | (ratings > scale_max))
    if off.size:
        raise MeasureInputError(
            f"column {y!r} (y) must lie from {scale_min} to {scale_max}; row {int(off[0]) + 1} holds {ratings[off[0]]}"
        )
    present = ~np.isnan(ratings)
    units: Integers = np.arange(ratings.size)
    if unit is not None:
        codes = labels(data, unit, "unit")
        present &= codes.present
        units = codes.codes
    cautions = missing_rows(present, y if unit is None else f"{y} or {unit}")
    ratings = ratings[present]
    units = np.unique(units[present], return_inverse=True)[1]
    count = int(units.max(initial=-1)) + 1
    n = {"ratings": int(ratings.size), "units": count}
    if not ratings.size:
        cautions.append(Caution("SMALL_SAMPLE", "There are no ratings."))
        return Estimate(
            measure="rating_distribution", method=_TITLE, value=None, n=n, cautions=cautions, references=_REFERENCES
        )
    position = (ratings - scale_min) / (scale_max - scale_min)
    value = float(np.clip(position.mean(), 0, 1))
    made = _limits(position, units, count, value, confidence) if interval == "analytic" else None
    if made is None:
        why_not = "none was asked for"
        if interval == "analytic":
            why_not = "one unit" if count < 2 else "all units stand alike, or the mean lies at an end of the scale"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    if np.ptp(ratings) == 0:
        cautions.append(Caution("CONSTANT_INPUT", f"All ratings are {ratings[0]:g}: they tell nobody apart."))
    if count < 10:
        cautions.append(Caution("SMALL_SAMPLE", f"{count} units: the interval is rough."))
    spread = float(ratings.std(ddof=1)) if ratings.size > 1 else None
    deviations = ratings - ratings.mean()
    second = float((deviations**2).mean())
    detail: dict[str, Any] = {
        "mean": float(ratings.mean()), "sd": spread,
        "relative_sd": None if spread is None else spread / math.sqrt((points**2 - 1) / 12),
        "skewness": float((deviations**3).mean()) / second**1.5 if np.ptp(ratings) > 0 else None,
        **_shares(ratings, units, scale_min, points, minimum_cell), "points": points,
    }  # fmt: skip
    return Estimate(
        measure="rating_distribution", method=_TITLE, value=value, interval=made, n=n, cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _points(low: float, high: float) -> int:
    for value, name in ((low, "scale_min"), (high, "scale_max")):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise MeasureInputError(f"{name} must be a number, got {value!r}")
    steps = high - low
    if steps < 1 or steps != round(steps) or steps >= _MOST_POINTS:
        raise MeasureInputError(
            f"scale_max lies a whole number of points (1 to {_MOST_POINTS - 1}) above scale_min, got {low} to {high}"
        )
    return round(steps) + 1


def _limits(position: Floats, units: Integers, count: int, value: float, confidence: float) -> Interval | None:
    sums = np.bincount(units, position - position.mean(), minlength=count)
    squares = float(sums @ sums)
    if count < 2 or not 0 < value < 1 or squares <= 1e-24:
        return None
    error = math.sqrt(squares * count / (count - 1)) / position.size
    half = float(stdtrit(count - 1, (1 + confidence) / 2)) * error / (value * (1 - value))
    low, high = (float(expit(logit(value) + end)) for end in (-half, half))
    return Interval(low=low, high=high, level=confidence, method=f"t with {count - 1} df on the logit, by unit")


def _shares(ratings: Floats, units: Integers, low: float, points: int, minimum: int) -> dict[str, Any]:
    """Counts by point and shares at the ends, points with few people hidden."""
    at = np.rint(ratings - low).astype(np.int64)
    on_points = bool(np.all(np.abs(ratings - low - at) < 1e-9))
    if not on_points:
        at = np.floor(ratings - low).astype(np.int64)  # a rating between points counts with the lower one
    counts = np.bincount(at, minlength=points)
    people = np.bincount(np.unique(at * (int(units.max()) + 1) + units) // (int(units.max()) + 1), minlength=points)
    hidden = (people > 0) & (people < minimum)
    if hidden.sum() == 1:
        others = np.where((people > 0) & ~hidden, people, np.iinfo(np.int64).max)
        if others.min() < np.iinfo(np.int64).max:
            hidden[int(others.argmin())] = True
    shares = counts / ratings.size
    return {
        "share_top": None if hidden[-1] else float(shares[-1]),
        "share_top_two": None if hidden[-2:].any() else float(shares[-2:].sum()),
        "share_bottom": None if hidden[0] else float(shares[0]),
        "counts": {
            f"{low + point:g}": None if hidden[point] else int(counts[point]) for point in range(points)
        } if on_points else None,
        "points_used": int(np.count_nonzero(counts)) if on_points else None,
    }  # fmt: skip
