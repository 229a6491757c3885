"""Charts that are looked at every period: limits that keep the chance of any false alarm over all looks together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq

from fairpanel.measures.columns import Floats

ALLOWANCE = 0.5
"""What a cumulative sum forgives each look, in standard deviations: half the shift it is quickest to see (one)."""
_PATHS = 100_000
_POWER_PATHS = 20_000
_SEED = 20_251


def cusum(scores: Sequence[float]) -> tuple[list[float], list[float]]:
    """Page's sums upwards and downwards of standardized scores: max(0, sum + score - allowance) and its mirror.

    Examples
    --------
    >>> cusum([1.0, 2.0, -3.0])
    ([0.5, 2.0, 0.0], [0.0, 0.0, 2.5])
    """
    up, down = 0.0, 0.0
    ups, downs = [], []
    for score in scores:
        up, down = max(0.0, up + score - ALLOWANCE), max(0.0, down - score - ALLOWANCE)
        ups.append(up)
        downs.append(down)
    return ups, downs


@lru_cache(maxsize=64)
def cusum_limit(looks: int, alpha: float) -> float:
    """What the larger of both sums exceeds in `looks` looks with probability alpha (100,000 drawn paths, fixed seed).

    Examples
    --------
    >>> 4 < cusum_limit(23, 0.05) < 5
    True
    """
    highest, up, down = np.zeros(_PATHS), np.zeros(_PATHS), np.zeros(_PATHS)
    rng = np.random.default_rng(_SEED)
    for _ in range(looks):
        _step(up, down, rng.standard_normal(_PATHS))
        np.maximum(highest, np.maximum(up, down), out=highest)
    return float(np.quantile(highest, 1 - alpha))


def _step(up: Floats, down: Floats, score: Floats) -> None:
    np.maximum(up + score - ALLOWANCE, 0.0, out=up)
    np.maximum(down - score - ALLOWANCE, 0.0, out=down)


@lru_cache(maxsize=64)
def running_limit(looks: int, alpha: float) -> float:
    """What |sum of scores| / sqrt(number) exceeds at any of `looks` looks with probability alpha (Pocock 1977).

    Examples
    --------
    >>> abs(running_limit(5, 0.05) - 2.413) < 0.02
    True
    """
    highest, total = np.zeros(_PATHS), np.zeros(_PATHS)
    rng = np.random.default_rng(_SEED)
    for look in range(1, looks + 1):
        total += rng.standard_normal(_PATHS)
        np.maximum(highest, np.abs(total) / math.sqrt(look), out=highest)
    return float(np.quantile(highest, 1 - alpha))


def first_beyond(statistics: Sequence[float], limit: float) -> int | None:
    """The first look whose statistic exceeds the limit."""
    return next((look for look, each in enumerate(statistics) if each > limit), None)


@lru_cache(maxsize=64)
def detectable_shift(periods: int, alpha: float, power: float) -> float:
    """The shift halfway through equal periods that the alarm sees by the last one with a given power.

    In standard errors of one period's gap. After the shift the periods before it are compared with ever more of those
    after it, so that the score of period t has mean shift m / (t - 1) / sqrt(1 + 1 / (t - 1)), m periods before it.
    """
    limit, half = cusum_limit(periods - 1, alpha), periods // 2
    noise = np.random.default_rng(_SEED + 1).standard_normal((periods - 1, _POWER_PATHS))
    before = np.arange(1, periods)  # periods that the look at number before + 1 has behind it
    drift = np.where(before >= half, half / before / np.sqrt(1 + 1 / before), 0.0)

    def missing(shift: float) -> float:
        seen = np.zeros(_POWER_PATHS, dtype=np.bool_)
        up, down = np.zeros(_POWER_PATHS), np.zeros(_POWER_PATHS)
        for mean, each in zip(drift * shift, noise, strict=True):
            _step(up, down, each + mean)
            seen |= np.maximum(up, down) > limit
        return float(seen.mean()) - power

    return float(brentq(missing, 0.0, 30.0, xtol=0.01))
