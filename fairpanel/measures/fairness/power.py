"""The smallest effects that given numbers of people could have shown: what stands beside a null result.

All for a two-sided test at 5 % with a power of 80 %, unless told otherwise.
"""

from __future__ import annotations

import math
from typing import Any

from scipy.special import nctdtrinc, ndtri, stdtrit

POWER = 0.8
ALPHA = 0.05


def detectable_selection_rate(
    focal_n: int, reference_n: int, reference_rate: float, *, power: float = POWER, alpha: float = ALPHA
) -> dict[str, Any]:
    """The highest focal selection rate under the reference rate that would have been found different.

    Arcsine approximation (Cohen 1988, ch. 6): asin(sqrt(p_r)) - asin(sqrt(p_f)) = (z + z') sqrt(1/n_f + 1/n_r) / 2.
    rate, difference and ratio are None where even a focal rate of zero would have gone unnoticed that often.

    Examples
    --------
    >>> round(detectable_selection_rate(100, 100, 0.5)["rate"], 3)
    0.307
    """
    facts: dict[str, Any] = {"power": power, "alpha": alpha, "reference_rate": reference_rate}
    angle = math.asin(math.sqrt(reference_rate))
    step = _quantile_sum(power, alpha) * math.sqrt(1 / focal_n + 1 / reference_n) / 2
    if reference_rate == 0 or angle < step:
        return {**facts, "rate": None, "difference": None, "ratio": None}
    rate = math.sin(angle - step) ** 2
    return {**facts, "rate": rate, "difference": rate - reference_rate, "ratio": rate / reference_rate}


def detectable_log_odds_ratio(
    standard_error: float, *, corrected: bool = False, power: float = POWER, alpha: float = ALPHA
) -> dict[str, Any]:
    """The log odds ratio, and the odds ratio under 1, that a standard error lets one find.

    corrected: by a test with a continuity correction, which takes half a person off the sum of counts; on the scale of
    the log odds ratio that is half the squared standard error.
    """
    log_odds = _quantile_sum(power, alpha) * standard_error + (standard_error**2 / 2 if corrected else 0.0)
    return {"power": power, "alpha": alpha, "log_odds_ratio": log_odds, "odds_ratio": math.exp(-log_odds)}


def detectable_standardized_difference(
    focal_n: int, reference_n: int, *, power: float = POWER, alpha: float = ALPHA
) -> dict[str, Any]:
    """The standardized difference that a two-sample t test would have found (noncentral t).

    Examples
    --------
    >>> round(detectable_standardized_difference(64, 64)["d"], 3)
    0.499
    """
    df = focal_n + reference_n - 2
    scale = math.sqrt(1 / focal_n + 1 / reference_n)
    critical = float(stdtrit(df, 1 - alpha / 2))

    noncentrality = float(nctdtrinc(df, 1 - power, critical))  # rejection on the wrong side is negligible
    return {"power": power, "alpha": alpha, "d": scale * noncentrality}


def detectable_coefficient(
    standard_error: float, df: float, *, power: float = POWER, alpha: float = ALPHA
) -> dict[str, Any]:
    """The size of a regression coefficient (a slope difference) that its standard error lets one find."""
    quantiles = float(stdtrit(df, 1 - alpha / 2)) + float(stdtrit(df, power))
    return {"power": power, "alpha": alpha, "difference": quantiles * standard_error}


def _quantile_sum(power: float, alpha: float) -> float:
    return float(ndtri(1 - alpha / 2) + ndtri(power))
