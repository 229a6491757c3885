"""Gaps between groups with known parts: shares of competencies, crossed attributes, prediction at the cut, true lines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl

from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate, Interval
from fairpanel.measures.fairness.gap_shares import gap_shares

CONSERVATIVE: dict[str, str] = {}

Simulation = Callable[[np.random.Generator], pl.DataFrame]
_PAIR = {"focal": "f", "reference": "r"}
_GAPS = np.array([-0.6, -0.3, 0.0, 0.1])


def _competencies(focal_n: int, reference_n: int, gaps: np.ndarray, focal_sd: float = 1.0) -> Simulation:
    """Four competencies, correlated .5 within groups, SD 1 in the reference group; the focal group's gaps in points."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal = np.repeat((True, False), (focal_n, reference_n))
        common, own = rng.standard_normal((focal.size, 1)), rng.standard_normal((focal.size, gaps.size))
        spread = np.where(focal, focal_sd, 1.0)[:, None]
        scores = 3 + spread * (np.sqrt(0.5) * common + np.sqrt(0.5) * own) + gaps * focal[:, None]
        columns = {name: scores[:, at] for at, name in enumerate("abcd")}
        return pl.DataFrame({**columns, "group": np.where(focal, "f", "r")})

    return simulate


def _row_as_value(estimate: Estimate, at: int, keys: tuple[str, str, str], inner: str | None = None) -> Estimate:
    """One figure of a row as the value, with its own interval; without a value where it is not estimable."""
    row = estimate.detail["rows"][at]
    row = row if inner is None else row[inner]
    value, low, high = (row[key] for key in keys)
    if value is None:
        return Estimate(measure="row", method="row", value=None, cautions=estimate.cautions)
    interval = Interval(low=low, high=high, level=0.95, method="row")
    return Estimate(measure="row", method="row", value=value, interval=interval)


_shares = partial(gap_shares, predictors=list("abcd"), **_PAIR)


def _share(frame: pl.DataFrame) -> Estimate:
    return _row_as_value(_shares(frame), 0, ("share", "share_low", "share_high"))


def _adjusted(frame: pl.DataFrame) -> Estimate:
    return _row_as_value(_shares(frame), 1, ("difference", "low", "high"), "adjusted")


_COMPOSITE_SD = np.sqrt(0.5 + 0.5 / 4)
# the coefficient of the group beside three others: own gap less what theirs predict, slopes .25 each at r = .5
_ADJUSTED_GAP = float(_GAPS[1] - (_GAPS.sum() - _GAPS[1]) * 0.5 / (1 + 2 * 0.5))

SETTINGS: list[Setting] = [
    Setting(
        name="gap_shares", kind="coverage", describe="composite gap -.2 points, 80 and 160, Hedges' g, noncentral t",
        simulate=_competencies(80, 160, _GAPS), estimate=_shares, truth=float(_GAPS.mean() / _COMPOSITE_SD),
    ),
    Setting(
        name="gap_shares, share", kind="coverage",
        describe="share .75 of the composite gap, 200 and 400, focal SD 1.3, Fieller",
        simulate=_competencies(200, 400, 2 * _GAPS, 1.3), estimate=_share, truth=0.75,
    ),
    Setting(
        name="gap_shares, adjusted", kind="coverage",
        describe="difference beside three others, 30 and 90, hc3",
        simulate=_competencies(30, 90, _GAPS), estimate=_adjusted, truth=_ADJUSTED_GAP,
    ),
    Setting(
        name="gap_shares, adjusted test", kind="type_1",
        describe="no gap beside the others, 25 and 75, focal SD 1.5, hc3",
        simulate=_competencies(25, 75, np.zeros(4), 1.5), estimate=_shares, truth=0.05,
        p_value=lambda estimate: float(estimate.detail["rows"][0]["adjusted"]["p"]),
    ),
]  # fmt: skip
