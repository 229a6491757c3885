"""What an unreliable score does to comparisons of prediction lines: lines on true scores, reliability given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from fairpanel.measures.columns import Floats, Integers
from fairpanel.measures.estimate import MeasureInputError


def check_reliability(reliability: float | None) -> None:
    """Refuse a reliability outside 0 (excluded) to 1."""
    if reliability is None:
        return
    if isinstance(reliability, bool) or not isinstance(reliability, int | float) or not 0 < reliability <= 1:
        raise MeasureInputError(f"reliability must lie above 0 and at most at 1, such as 0.6, got {reliability!r}")


def true_score_lines(
    x: Floats, y: Floats, code: Integers, names: Sequence[str], at: int, reliability: float, confidence: float
) -> dict[str, Any]:
    """Lines on true scores for a score of known reliability within groups (classical errors in variables).

    Slope of a group: b / reliability. Equal slopes: intercepts differ on observed scores by
    (ȳ_f - ȳ_r) - b_w (x̄_f - x̄_r), on true scores by (ȳ_f - ȳ_r) - (b_w / reliability) (x̄_f - x̄_r), b_w the slope
    within groups; the first less the second is the artefact, β (1 - reliability) (x̄_f - x̄_r) with
    β = b_w / reliability (Linn & Werts 1971). Errors: squared moves of every person (hc3), residuals of the means about
    the true-score line, which hold the error of measurement; reliability is taken as known.

    Parameters
    ----------
    x, y, code : score, criterion and group of each person; code 0 is the reference group, `at` the focal one.
    names : of the groups, in the order of their codes.
    reliability : of x within groups.

    Examples
    --------
    >>> x = np.array([1.0, 2, 3, 4, 2, 3, 4, 5])
    >>> y = 0.5 * x + np.array([0.1, -0.1, -0.1, 0.1, -0.1, 0.1, 0.1, -0.1])
    >>> found = true_score_lines(x, y, np.repeat((1, 0), 4), ["r", "f"], 1, 0.5, 0.95)
    >>> round(found["artefact"], 6), round(found["intercept_difference"]["estimate"], 6)
    (-0.5, 0.5)
    """
    groups = len(names)
    sizes = np.bincount(code, minlength=groups).astype(np.float64)
    mean_x, mean_y = np.bincount(code, x) / sizes, np.bincount(code, y) / sizes
    from_x, from_y = x - mean_x[code], y - mean_y[code]
    squares = np.bincount(code, from_x**2)
    slopes = np.bincount(code, from_x * from_y) / squares
    rest = from_y - slopes[code] * from_x
    slope_moves = from_x * rest / np.maximum(1 - 1 / sizes[code] - from_x**2 / squares[code], 1e-6)
    slope_moves /= squares[code] * reliability
    within = float(slopes @ squares / squares.sum())
    beta = within / reliability
    pooled_rest = from_y - within * from_x
    pooled_moves = from_x * pooled_rest / np.maximum(1 - 1 / sizes[code] - from_x**2 / squares.sum(), 1e-6)
    pooled_moves /= squares.sum() * reliability
    gap_x, gap_y = float(mean_x[at] - mean_x[0]), float(mean_y[at] - mean_y[0])
    sign = np.where(code == at, 1.0, np.where(code == 0, -1.0, 0.0))
    about_line = (from_y - beta * from_x) / np.sqrt(1 - 1 / sizes[code])
    intercept_moves = sign * about_line / sizes[code] - gap_x * pooled_moves

    def estimated(value: float, moves: Floats) -> dict[str, float | None]:
        error = math.sqrt(float(moves @ moves))
        df = _satterthwaite(moves, code, sizes)
        half = float(stdtrit(df, (1 + confidence) / 2)) * error
        p = 2 * float(stdtr(df, -abs(value) / error)) if error > 0 else None
        return {"estimate": value, "low": value - half, "high": value + half, "se": error, "df": df, "p": p}

    lines = []
    for place, name in enumerate(names):
        slope = float(slopes[place]) / reliability
        found = estimated(slope, np.where(code == place, slope_moves, 0.0))
        lines.append(
            {
                "group": name, "n": int(sizes[place]), "observed_slope": float(slopes[place]), "slope": slope,
                "slope_low": found["low"], "slope_high": found["high"],
                "intercept": float(mean_y[place]) - slope * float(mean_x[place]),
            }
        )  # fmt: skip
    return {
        "reliability": float(reliability),
        "lines": lines,
        "slope_difference": estimated(
            float(slopes[at] - slopes[0]) / reliability,
            np.where((code == at) | (code == 0), sign * slope_moves, 0.0),
        ),
        "within_slope": beta,
        "observed_intercept_difference": gap_y - within * gap_x,
        "artefact": beta * (1 - reliability) * gap_x,
        "intercept_difference": estimated(gap_y - beta * gap_x, intercept_moves),
    }


def _satterthwaite(moves: Floats, code: Integers, sizes: Floats) -> float:
    parts = np.bincount(code, moves**2, minlength=sizes.size)
    below = float((parts**2 / np.maximum(sizes - 2, 1)).sum())
    return float(parts.sum()) ** 2 / below if below > 0 else 1.0
