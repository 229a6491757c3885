"""Policies on interviews with a known composite: do the intervals hold the ratios and validities these would have?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.special import ndtr

from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate, Interval
from fairpanel.measures.fairness.tradeoff import selection_tradeoff

CONSERVATIVE: dict[str, str] = {
    "selection_tradeoff, ratio without a over current": "a sample's copies of a candidate at the cut move two policies apart",
}
_SHARE, _FOCAL, _GAP = 0.2, 0.4, 0.7
_LEVEL, _HALO, _RESIDUAL, _SPECIFIC = 0.16, 0.16, 0.25, 0.25  # variances; merit has 1
_CRITERION = 1.0


def _interviews(units: int, known: float) -> Callable[[np.random.Generator], pl.DataFrame]:
    """Two of thirty raters a candidate score two competencies; the focal group is .7 lower in the first.

    The criterion is merit and noise of the same variance, known for a random share of candidates.
    """

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal = rng.random(units) < _FOCAL
        rater = np.argsort(rng.random((units, 30)), axis=1)[:, :2]
        merit = rng.standard_normal(units)
        true = merit[:, None] + np.sqrt(_SPECIFIC) * rng.standard_normal((units, 2))
        true[:, 0] -= _GAP * focal
        form = np.sqrt(_LEVEL) * rng.standard_normal(30)[rater] + np.sqrt(_HALO) * rng.standard_normal((units, 2))
        score = true[:, None, :] + form[:, :, None] + np.sqrt(_RESIDUAL) * rng.standard_normal((units, 2, 2))
        later = merit + np.sqrt(_CRITERION) * rng.standard_normal(units)
        later[rng.random(units) >= known] = np.nan
        unit = np.repeat(np.arange(units), 4)
        return pl.DataFrame({
            "unit": unit, "rater": np.repeat(rater.ravel(), 2), "item": np.tile(["a", "b"], 2 * units),
            "score": score.ravel(), "group": np.where(focal, "f", "r")[unit], "perf": later[unit],
        })  # fmt: skip

    return simulate


def _spread(items: int, raters: int) -> float:
    """Standard deviation of a mean score within groups."""
    return float(np.sqrt(1 + _SPECIFIC / items + (_LEVEL + _HALO + _RESIDUAL / items) / raters))


def _ratio(gap: float, spread: float) -> float:
    """Focal over reference rate above the cut that selects a fifth of all."""

    def above(cut: float) -> tuple[float, float]:
        return float(ndtr((-gap - cut) / spread)), float(ndtr(-cut / spread))

    def excess(cut: float) -> float:
        focal, reference = above(cut)
        return _FOCAL * focal + (1 - _FOCAL) * reference - _SHARE

    focal, reference = above(brentq(excess, -9, 9))
    return focal / reference


def _validity(items: int, raters: int) -> float:
    """Correlation of a mean score with the criterion, the gap being part of the score's variance."""
    gap = _GAP / items
    return float(1 / np.sqrt((_spread(items, raters) ** 2 + _FOCAL * (1 - _FOCAL) * gap**2) * (1 + _CRITERION)))


def _g() -> float:
    """G(q, k) of the mean of both competencies: two of thirty raters at random leave q at 1/2 - 1/30."""
    true = 1 + _SPECIFIC / 2 + _FOCAL * (1 - _FOCAL) * (_GAP / 2) ** 2
    return true / (true + (1 / 2 - 1 / 30) * _LEVEL + (_HALO + _RESIDUAL / 2) / 2)


def _of(policy: str, key: str) -> Callable[[pl.DataFrame], Estimate]:
    """One figure of one policy as the value, with its own interval."""

    def estimate(frame: pl.DataFrame) -> Estimate:
        found = _tradeoff(frame)
        row = next(each for each in found.detail["policies"] if each["policy"] == policy)
        interval = Interval(low=row[f"{key}_low"], high=row[f"{key}_high"], level=0.95, method="percentile")
        return Estimate(measure=key, method="percentile", value=row[key], interval=interval)

    return estimate


_tradeoff = partial(selection_tradeoff, selection_ratio=_SHARE, criterion="perf", focal="f", reference="r")
_now = _ratio(_GAP / 2, _spread(2, 2))


def _setting(name: str, describe: str, units: int, estimate: Callable[..., Estimate], truth: float) -> Setting:
    return Setting(
        name=f"selection_tradeoff, {name}", kind="coverage", describe=describe, simulate=_interviews(units, 0.5),
        estimate=estimate, truth=truth,
    )  # fmt: skip


SETTINGS: list[Setting] = [
    _setting("current ratio", "300 candidates, a fifth selected, percentile bootstrap of 200", 300, _tradeoff, _now),
    _setting("current ratio, 1,000", "1,000 candidates, a fifth selected", 1000, _tradeoff, _now),
    _setting(
        "validity without b", "300 candidates, criterion of half at random", 300, _of("without:b", "validity"),
        _validity(1, 2),
    ),
    _setting(
        "ratio without a over current", "500 candidates", 500, _of("without:a", "impact_versus_current"), 1 / _now
    ),
    _setting("reliability", "300 candidates, G(q,k), profile likelihood", 300, _of("current", "reliability"), _g()),
    _setting(
        "ratio with one more rater", "500 candidates, normal projection", 500, _of("raters:+1", "impact_ratio"),
        _ratio(_GAP / 2, _spread(2, 3)),
    ),
    _setting(
        "validity with one more rater", "300 candidates", 300, _of("raters:+1", "validity"), _validity(2, 3)
    ),
]  # fmt: skip
