"""Null distributions of within-group agreement: the variance of ratings by raters who do not agree at all."""

from __future__ import annotations

from typing import Literal

import numpy as np

from fairpanel.measures.estimate import MeasureInputError

Null = Literal["uniform", "slight_skew", "moderate_skew", "heavy_skew", "triangular", "normal"]
NULLS: tuple[Null, ...] = ("slight_skew", "moderate_skew", "heavy_skew", "triangular", "normal")
EXPECTED_VARIANCE: dict[int, tuple[float, ...]] = {
    5: (1.34, 0.90, 0.44, 1.32, 1.04),
    6: (1.85, 1.26, 0.69, 1.45, 1.25),
    7: (2.90, 2.14, 1.39, 2.10, 1.40),
    8: (3.47, 2.79, 2.35, 2.81, 1.73),
    9: (5.66, 4.73, 3.16, 3.00, 1.58),
    10: (6.30, 5.09, 3.46, 2.89, 1.45),
    11: (7.31, 6.32, 4.02, 3.32, 1.40),
}
"""Variance that LeBreton & Senter (2008, table 2) expect of ratings without agreement, in the order of `NULLS`."""
LEBRETON = "LeBreton, J. M., & Senter, J. L. (2008). Organizational Research Methods, 11, 815-852"


def expected_variance(categories: int, null: Null | float) -> float:
    """Variance of ratings by raters who do not agree at all, on a scale of `categories` points one apart.

    uniform is (categories² − 1) / 12; the others are tabled for 5 to 11 points; a number is taken as the variance.

    Examples
    --------
    >>> expected_variance(5, "uniform")
    2.0
    """
    if isinstance(categories, bool) or not isinstance(categories, int) or categories < 2:
        raise MeasureInputError(
            f"expected categories, the number of points of the scale, to be at least 2, got {categories!r}"
        )
    if isinstance(null, int | float) and not isinstance(null, bool):
        if not 0 < null < np.inf:
            raise MeasureInputError(f"expected the null variance to be positive, got {null!r}")
        return float(null)
    if null == "uniform":
        return (categories**2 - 1) / 12
    if null not in NULLS:
        raise MeasureInputError(f"expected null uniform, {', '.join(NULLS)} or a variance, got {null!r}")
    if categories not in EXPECTED_VARIANCE:
        raise MeasureInputError(
            f"the {null} null is tabled for 5 to 11 categories, got {categories}: give its variance as a number"
        )
    return EXPECTED_VARIANCE[categories][NULLS.index(null)]
