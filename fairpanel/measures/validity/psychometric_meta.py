"""Hunter and Schmidt's meta-analysis of correlations: bare bones, and corrected by distributions of artifacts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import chdtrc, ndtri

from fairpanel.measures.columns import Floats

_CREDIBILITY = 0.8


def hunter_schmidt(
    r: Floats, n: Floats, artifacts: dict[str, Floats], confidence: float
) -> tuple[float, tuple[float, float] | None, dict[str, Any]]:
    """Mean (corrected where artifacts are given), its limits (None of one study) and the figures behind them.

    Range restriction counts as psychometric's CAFAA has it: the mean of sqrt((1 - u²) mean² + u²).
    """
    mean = float(np.average(r, weights=n))
    observed = float(np.average((r - mean) ** 2, weights=n))
    error = float(np.average((1 - mean**2) ** 2 / (n - 1), weights=n))
    factor, spread = _attenuation(mean, artifacts)
    between = max(0.0, observed - error - mean**2 * spread) / factor**2
    rho, k = mean / factor, r.size
    standard_error = math.sqrt(observed / k) / factor if k > 1 else None
    inside = float(ndtri((1 + _CREDIBILITY) / 2)) * math.sqrt(between)
    detail: dict[str, Any] = {
        "scale": "r",
        "mean_r": mean,
        "var_r": observed,
        "var_e": error,
        "percent_error": 100 * error / observed if observed > 0 else None,
        "var_rho": between,
        "sd_rho": math.sqrt(between),
        "tau2": between,
        "credibility_interval": {"low": rho - inside, "high": rho + inside, "level": _CREDIBILITY},
        "se": standard_error,
    }
    if artifacts:
        detail |= {"compound_attenuation": factor, "rho": rho, "var_artifacts": mean**2 * spread}
    if standard_error is None or abs(mean) == 1:
        return rho, None, detail
    q = float(((n - 1) * (r - mean) ** 2).sum()) / (1 - mean**2) ** 2
    z = float(ndtri((1 + confidence) / 2))
    next_one = z * math.sqrt(standard_error**2 + between)
    detail |= {
        "q": q,
        "q_df": k - 1,
        "q_p": float(chdtrc(k - 1, q)),
        "i2": 100 * max(0.0, (q - k + 1) / q) if q > 0 else 0.0,
        "prediction_interval": {"low": max(-1.0, rho - next_one), "high": min(1.0, rho + next_one)},
    }
    return rho, (rho - z * standard_error, rho + z * standard_error), detail


def _attenuation(mean: float, artifacts: dict[str, Floats]) -> tuple[float, float]:
    """Product of the artifacts' mean attenuation factors, and the sum of their squared coefficients of variation."""
    factor, spread = 1.0, 0.0
    for role, column in artifacts.items():
        known = column[~np.isnan(column)]
        if not known.size:
            continue
        each = np.sqrt((1 - known**2) * mean**2 + known**2) if role == "u" else np.sqrt(known)
        factor *= float(each.mean())
        spread += float(each.var()) / float(each.mean()) ** 2
    return factor, spread
