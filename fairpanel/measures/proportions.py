"""The interval of a share, beside the families of measures: several of them need it."""

from __future__ import annotations

import math

from scipy.special import ndtri


def wilson(share: float, n: int, confidence: float) -> tuple[float, float]:
    """Limits of a share of n people (Wilson 1927, Journal of the American Statistical Association, 22, 209-212).

    The limits never leave 0 to 1 and always hold the share.

    Examples
    --------
    >>> [round(end, 4) for end in wilson(0.0, 10, 0.95)]
    [0.0, 0.2775]
    """
    z2 = float(ndtri((1 + confidence) / 2)) ** 2
    centre, half = (share + z2 / (2 * n)) / (1 + z2 / n), math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))
    low, high = max(0.0, centre - half / (1 + z2 / n)), min(1.0, centre + half / (1 + z2 / n))
    return min(low, share), max(high, share)
