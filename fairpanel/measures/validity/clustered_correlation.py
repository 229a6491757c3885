"""Correlations of rows that belong together (several rows a person): errors and bootstraps from sums by person."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from fairpanel.measures.columns import Booleans, Floats, Integers
from fairpanel.measures.estimate import Interval
from fairpanel.measures.resampling import check_replicates

MOMENTS = 6
_CELLS = 4_000_000  # numbers held at once while drawing
_FLAT = 1e-12


def centred_and_scaled(values: Floats) -> Floats:
    """Mean 0 and largest size 1, so that sums of squares keep their digits; all alike become 0."""
    if not values.size:
        return values
    centred = values - np.sort(values).mean()
    largest = float(np.abs(centred).max())
    return centred / largest if largest > 1e-13 * float(np.abs(values).max()) else np.zeros_like(values)


def person_sums(first: Floats, second: Floats, rows: Booleans, people: Integers, count: int) -> Floats:
    """Per person the sums of 1, x, y, x², y² and xy over the chosen rows: people by six."""
    x, y = first[rows], second[rows]
    who = people[rows]
    columns = (None, x, y, x * x, y * y, x * y)
    return np.column_stack([np.bincount(who, each, minlength=count).astype(np.float64) for each in columns])


def correlations(sums: Floats) -> Floats:
    """Pearson's r from totals (… by six) of centred scores; NaN where a score does not vary."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread_x, spread_y = xx - x * x / n, yy - y * y / n
        usable = (n > 1) & (spread_x > _FLAT * n) & (spread_y > _FLAT * n)
        r = (xy - x * y / n) / np.sqrt(spread_x * spread_y)
    values: Floats = np.where(usable, np.where(np.abs(r) > 1 - _FLAT, np.sign(r), r), np.nan)
    return values


@dataclass(frozen=True, slots=True)
class ClusteredCorrelation:
    """r, how many people carry it, and the jackknife deviations of Fisher's z by person (0 for people without rows).

    The deviations' squares add up to the variance of z.
    """

    r: float
    people: int
    deviations: Floats

    @property
    def error(self) -> float:
        """Standard error of Fisher's z."""
        return math.sqrt(float(self.deviations @ self.deviations))

    def interval(self, confidence: float) -> Interval:
        """Fisher z with the jackknife error by person and Student's t on people - 1 degrees of freedom."""
        method = "Fisher z, jackknife by unit"
        if abs(self.r) == 1:
            return Interval(low=self.r, high=self.r, level=confidence, method=method)
        half = float(stdtrit(self.people - 1, (1 + confidence) / 2)) * self.error
        centre = math.atanh(self.r)
        return Interval(low=math.tanh(centre - half), high=math.tanh(centre + half), level=confidence, method=method)


def clustered_correlation(sums: Floats, fewest: int) -> ClusteredCorrelation | None:
    """r of all rows; None under `fewest` (at least 4) people or where a score varies through one person alone."""
    carrying = sums[:, 0] > 0
    people = int(np.count_nonzero(carrying))
    total = sums.sum(axis=0)
    if people < max(fewest, 4) or math.isnan(r := float(correlations(total))):
        return None
    without = correlations(total - sums[carrying])
    if np.isnan(without).any():
        return None
    deviations = np.zeros(len(sums))
    if abs(r) < 1:
        z = np.arctanh(np.clip(without, -1 + 1e-12, 1 - 1e-12))
        deviations[carrying] = (z.mean() - z) * math.sqrt((people - 1) / people)
    return ClusteredCorrelation(r, people, deviations)


def difference_interval(one: ClusteredCorrelation, other: ClusteredCorrelation, confidence: float) -> Interval:
    """Limits of r1 - r2 from both Fisher intervals, less what they share because people are in both (Zou 2007)."""
    gap = one.r - other.r
    first, second = one.interval(confidence), other.interval(confidence)
    norms = one.error * other.error
    shared = float(one.deviations @ other.deviations) / norms if norms > 0 else 0.0
    below, above = (one.r - first.low, second.high - other.r), (first.high - one.r, other.r - second.low)
    low, high = (math.sqrt(max(0.0, a * a + b * b - 2 * shared * a * b)) for a, b in (below, above))
    method = "Fisher z, jackknife by unit, joined by Zou's rule"
    return Interval(low=gap - low, high=gap + high, level=confidence, method=method)


def resampled_sums(sums: Floats, replicates: int, seed: int) -> Floats:
    """Totals of the columns in samples of people drawn with replacement: replicates by columns."""
    check_replicates(replicates)
    rng = np.random.default_rng(seed)
    people = len(sums)
    block = max(1, _CELLS // people)
    totals = np.empty((replicates, sums.shape[1]))
    for start in range(0, replicates, block):
        size = min(block, replicates - start)
        drawn = rng.integers(0, people, size=(size, people)) + np.arange(size)[:, None] * people
        times = np.bincount(drawn.ravel(), minlength=size * people).reshape(size, people)
        totals[start : start + size] = times @ sums
    return totals
