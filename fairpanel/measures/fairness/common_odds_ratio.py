"""The odds ratio that strata have in common (Mantel & Haenszel), and its error on the log scale."""

from __future__ import annotations

import math

from fairpanel.measures.columns import Floats


def mantel_haenszel_ratio(a: Floats, b: Floats, c: Floats, d: Floats) -> float | None:
    """Of fourfold tables (a, b focal selected and not; c, d the reference): 0 or inf at the ends, None without any."""
    n = a + b + c + d
    numerator, denominator = float((a * d / n).sum()), float((b * c / n).sum())
    if denominator == 0:
        return math.inf if numerator > 0 else None
    return numerator / denominator


def log_error(a: Floats, b: Floats, c: Floats, d: Floats) -> float:
    """Standard error of the logarithm of a common odds ratio in (0, inf) (Robins, Breslow & Greenland 1986)."""
    n = a + b + c + d
    with_trend, against = a * d / n, b * c / n
    p, q = (a + d) / n, (b + c) / n
    r, s = float(with_trend.sum()), float(against.sum())
    variance = (
        float((p * with_trend).sum()) / (2 * r * r)
        + float((p * against + q * with_trend).sum()) / (2 * r * s)
        + float((q * against).sum()) / (2 * s * s)
    )
    return math.sqrt(variance)
