"""Resampling whole units (candidates): a seeded cluster bootstrap and its intervals.

Scores of one candidate belong together, so candidates are drawn, never single scores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from fairpanel.measures.estimate import Interval, MeasureInputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_TOGETHER = 50_000  # draws counted at a time: they stay in the processor's cache


def cluster_bootstrap(
    statistic: Callable[[IntArray], float | None], clusters: int, /, *, replicates: int, seed: int
) -> FloatArray:
    """Values of a statistic on samples of whole clusters, drawn with replacement.

    Parameters
    ----------
    statistic : takes the drawn clusters' numbers (0 … clusters − 1, with repeats) and returns a value, or None (or
        NaN) where the sample does not determine it.
    clusters : how many there are.
    replicates : how many samples, at least 50.
    seed : the same seed gives the same values.

    Returns
    -------
    The finite values, in the order drawn; fewer than `replicates` where samples did not determine the statistic.

    Examples
    --------
    >>> scores = np.array([1.0, 2.0, 3.0, 4.0])
    >>> cluster_bootstrap(lambda drawn: float(scores[drawn].mean()), 4, replicates=50, seed=1).size
    50
    """
    check_replicates(replicates)
    if clusters < 1:
        raise MeasureInputError(f"expected at least one cluster to draw from, got {clusters}")
    rng = np.random.default_rng(seed)
    values = np.empty(replicates)
    for index in range(replicates):
        value = statistic(rng.integers(0, clusters, size=clusters))
        values[index] = np.nan if value is None else value
    return values[np.isfinite(values)]


def times_drawn(rng: np.random.Generator, units: int, samples: int) -> FloatArray:
    """How often each unit is drawn in samples of as many units, with replacement: one row a sample.

    The same draws, in the same order, as one sample after the other.

    >>> times_drawn(np.random.default_rng(1), 3, 2).tolist()
    [[0.0, 2.0, 1.0], [2.0, 0.0, 1.0]]
    """
    times = np.empty((samples, units))
    step = max(1, _TOGETHER // units)
    for start in range(0, samples, step):
        some = times[start : start + step]
        drawn = rng.integers(0, units, size=some.shape)
        drawn += units * np.arange(len(some))[:, None]
        some[:] = np.bincount(drawn.ravel(), minlength=some.size).reshape(some.shape)
    return times


def check_replicates(replicates: int) -> None:
    """Raise MeasureInputError under 50 replicates: their tails say nothing."""
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < 50:
        raise MeasureInputError(f"expected a whole number of replicates, at least 50, got {replicates!r}")


def check_confidence(confidence: float) -> None:
    """Raise MeasureInputError unless the confidence level lies strictly between 0 and 1."""
    if not 0 < confidence < 1:
        raise MeasureInputError(f"expected a confidence level between 0 and 1 such as 0.95, got {confidence!r}")


def bootstrap_interval(
    values: FloatArray,
    /,
    *,
    estimate: float,
    confidence: float = 0.95,
    method: Literal["percentile", "bca"] = "percentile",
    jackknife: FloatArray | None = None,
    kind: Literal["by unit", "parametric"] = "by unit",
) -> Interval | None:
    """An interval from bootstrap values (Efron & Tibshirani 1993, chapters 13 and 14).

    percentile: the values' quantiles. bca: quantiles corrected for median bias and for acceleration; `jackknife` holds
    the statistic without each cluster in turn. `kind` names the draws in the interval's method. None where fewer than
    50 values are left or BCa's levels degenerate.
    """
    check_confidence(confidence)
    if values.size < 50:
        return None
    tail = (1 - confidence) / 2
    levels = np.array([tail, 1 - tail])
    if method == "bca":
        if jackknife is None:
            raise MeasureInputError("a BCa interval needs the jackknife values")
        below = (np.count_nonzero(values < estimate) + np.count_nonzero(values <= estimate)) / (2 * values.size)
        if not 0 < below < 1:
            return None
        bias = float(ndtri(below))
        deviations = jackknife.mean() - jackknife
        spread = float(np.sum(deviations**2))
        acceleration = float(np.sum(deviations**3)) / (6 * spread**1.5) if spread > 0 else 0.0
        shifted = bias + ndtri(levels)
        scale = 1 - acceleration * shifted
        if np.any(scale <= 0):
            return None
        levels = ndtr(bias + shifted / scale)
    low, high = np.quantile(values, levels)
    name = "BCa" if method == "bca" else "percentile"
    return Interval(
        low=float(low), high=float(high), level=confidence, method=f"{name} bootstrap {kind}, {values.size} replicates"
    )
