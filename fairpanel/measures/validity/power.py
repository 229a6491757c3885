"""The smallest correlation that given numbers of people could have shown: what stands beside a null result."""

from __future__ import annotations

import math
from typing import Any

from scipy.special import ndtri

POWER = 0.8
ALPHA = 0.05


def detectable_correlation(standard_error: float, *, power: float = POWER, alpha: float = ALPHA) -> dict[str, Any]:
    """The correlation that a two-sided test would have found with the given power.

    `standard_error` is that of Fisher's z: 1 / sqrt(n - 3) for a plain correlation.

    Examples
    --------
    >>> round(detectable_correlation(1 / 82 ** 0.5)["r"], 3)
    0.3
    """
    return {
        "power": power,
        "alpha": alpha,
        "r": math.tanh(float(ndtri(1 - alpha / 2) + ndtri(power)) * standard_error),
    }
