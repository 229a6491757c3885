"""Gaps between groups with known parts: shares of competencies, crossed attributes, prediction at the cut, true lines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl
from scipy.special import expit, logit

from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate, Interval
from fairpanel.measures.fairness.crossed_rates import crossed_rates
from fairpanel.measures.fairness.differential_prediction import differential_prediction
from fairpanel.measures.fairness.gap_shares import gap_shares
from fairpanel.measures.fairness.prediction_at_cut import prediction_at_cut

CONSERVATIVE: dict[str, str] = {
    "crossed_rates, any flag, small cells": "cells of a few people allow few p values, and q passes .05 less often",
    "crossed_rates, pooled, no interaction": "the interval leaves room for interactions that the data do not rule out",
}

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


def _crossed(rows: int, columns: int, sizes: tuple[int, int], tau: float) -> Simulation:
    """Cells of sizes drawn between two bounds; main effects of -.5 to .5, rates of about .4, interactions of SD tau."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        row, column = (each.ravel() for each in np.indices((rows, columns)))
        main = np.linspace(-0.5, 0.5, rows)[row] + np.linspace(-0.5, 0.5, columns)[rng.permutation(columns)][column]
        log_odds = -0.4 + main + tau * rng.standard_normal(row.size)
        cell = np.repeat(np.arange(row.size), rng.integers(sizes[0], sizes[1] + 1, row.size))
        taken = rng.random(cell.size) < expit(log_odds)[cell]
        return pl.DataFrame({"a": row[cell], "b": column[cell], "selected": taken, "truth": log_odds[cell]})

    return simulate


def _fixed_cells(sizes: list[list[int]], rate: float) -> Simulation:
    """Cells of given sizes and one rate."""
    row, column = (each.ravel() for each in np.indices(np.shape(sizes)))
    cell = np.repeat(np.arange(row.size), np.ravel(sizes))

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        return pl.DataFrame({"a": row[cell], "b": column[cell], "selected": rng.random(cell.size) < rate})

    return simulate


_cells = partial(crossed_rates, group=["a", "b"], replicates=999)


def _pooled(frame: pl.DataFrame) -> Estimate:
    """The log odds of a random cell's pooled rate less its true one."""
    rows = crossed_rates(frame, group=["a", "b"], replicates=50).detail["rows"]
    row = rows[len(frame) % len(rows)]
    truth = frame.filter(pl.format("{} / {}", "a", "b") == row["group"])["truth"][0]
    low, value, high = (float(logit(row[key])) - truth for key in ("pooled_low", "pooled", "pooled_high"))
    return Estimate(
        measure="pooled",
        method="pooled",
        value=value,
        interval=Interval(low=low, high=high, level=0.95, method="pooled"),
    )


def _least_q(estimate: Estimate) -> float:
    return min((row["q"] for row in estimate.detail.get("rows", []) if row.get("q") is not None), default=1.0)


def _no_interaction(name: str, describe: str, simulate: Simulation, least_q: bool = False) -> Setting:
    p_value = _least_q if least_q else lambda estimate: float(estimate.detail.get("p", 1.0))
    return Setting(
        name=name, kind="type_1", describe=describe, simulate=simulate, estimate=_cells, truth=0.05, p_value=p_value
    )


_shares = partial(gap_shares, predictors=list("abcd"), **_PAIR)


def _share(frame: pl.DataFrame) -> Estimate:
    return _row_as_value(_shares(frame), 0, ("share", "share_low", "share_high"))


def _adjusted(frame: pl.DataFrame) -> Estimate:
    return _row_as_value(_shares(frame), 1, ("difference", "low", "high"), "adjusted")


def _lines(focal_n: int, reference_n: int, focal_line: tuple[float, float], focal_error: float = 1.0) -> Simulation:
    """Reference line .5 x with x of mean 0; focal x of mean -.5, its own intercept and slope; SDs 1."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal = np.repeat((True, False), (focal_n, reference_n))
        x = rng.standard_normal(focal.size) - 0.5 * focal
        y = np.where(focal, focal_line[0] + focal_line[1] * x, 0.5 * x)
        y = y + np.where(focal, focal_error, 1.0) * rng.standard_normal(focal.size)
        return pl.DataFrame({"x": x, "y": y, "group": np.where(focal, "f", "r")})

    return simulate


def _at_cut(focal_share: float, focal_line: tuple[float, float], cut: float) -> float:
    """Population value: moments of the mixture give the common line; the reference criterion has variance 1.25."""
    a, b = focal_line
    means = np.array([-0.5, 0.0]), np.array([a - 0.5 * b, 0.0])
    share = np.array([focal_share, 1 - focal_share])
    mean_x, mean_y = share @ means[0], share @ means[1]
    within = share @ np.array([b, 0.5])
    slope = (within + share @ ((means[0] - mean_x) * (means[1] - mean_y))) / (1 + share @ (means[0] - mean_x) ** 2)
    return float((mean_y + slope * (cut - mean_x) - (a + b * cut)) / np.sqrt(1.25))


def _prediction(name: str, describe: str, sizes: tuple[int, int], line: tuple[float, float], error: float) -> Setting:
    return Setting(
        name=name, kind="coverage", describe=describe, simulate=_lines(*sizes, line, error),
        estimate=partial(prediction_at_cut, cut=0.5, **_PAIR), truth=_at_cut(sizes[0] / sum(sizes), line, 0.5),
    )  # fmt: skip


def _unreliable(sizes: tuple[int, int], reliability: float, slopes: tuple[float, float] = (0.5, 0.5)) -> Simulation:
    """True scores of SD 1 within groups, the focal group's mean .8 lower; y by the true score alone."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal = np.repeat((True, False), sizes)
        true = rng.standard_normal(focal.size) - 0.8 * focal
        y = np.where(focal, slopes[0], slopes[1]) * true + 0.8 * rng.standard_normal(focal.size)
        x = true + np.sqrt((1 - reliability) / reliability) * rng.standard_normal(focal.size)
        return pl.DataFrame({"x": x, "y": y, "group": np.where(focal, "f", "r")})

    return simulate


def _corrected(name: str, describe: str, simulate: Simulation, key: str, truth: float) -> Setting:
    def estimate(frame: pl.DataFrame) -> Estimate:
        found = differential_prediction(frame, reliability=0.6, **_PAIR).detail["errors_in_variables"][key]
        interval = Interval(low=found["low"], high=found["high"], level=0.95, method="hc3")
        return Estimate(measure=key, method="hc3", value=found["estimate"], interval=interval)

    return Setting(
        name=f"differential_prediction, {name}", kind="coverage", describe=describe, simulate=simulate,
        estimate=estimate, truth=truth,
    )  # fmt: skip


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
    _no_interaction("crossed_rates, test", "3 by 4 cells of 8 to 120 people", _crossed(3, 4, (8, 120), 0.0)),
    _no_interaction("crossed_rates, test, small cells", "4 by 8 cells of 2 to 30 people", _crossed(4, 8, (2, 30), 0.0)),
    _no_interaction(
        "crossed_rates, test, two by two", "cells of 200, 15, 100 and 10, rates .30",
        _fixed_cells([[200, 15], [100, 10]], 0.3),
    ),
    _no_interaction(
        "crossed_rates, test, low rates", "2 by 5 cells of 300 to 6, rates .10",
        _fixed_cells([[300, 150, 60, 20, 8], [250, 90, 40, 12, 6]], 0.1),
    ),
    _no_interaction(
        "crossed_rates, any flag", "3 by 4 cells of 8 to 120 people: any cell with q < .05",
        _crossed(3, 4, (8, 120), 0.0), True,
    ),
    _no_interaction(
        "crossed_rates, any flag, small cells", "4 by 8 cells of 2 to 30 people: any cell with q < .05",
        _crossed(4, 8, (2, 30), 0.0), True,
    ),
    Setting(
        name="crossed_rates, tau", kind="coverage", describe="tau .5, 4 by 6 cells of 20 to 100 people",
        simulate=_crossed(4, 6, (20, 100), 0.5), estimate=partial(_cells, replicates=50), truth=0.5,
    ),
    Setting(
        name="crossed_rates, tau, few cells", kind="coverage", describe="tau .5, 2 by 4 cells of 30 to 200 people",
        simulate=_crossed(2, 4, (30, 200), 0.5), estimate=partial(_cells, replicates=50), truth=0.5,
    ),
    Setting(
        name="crossed_rates, pooled", kind="coverage",
        describe="a cell's pooled log odds, tau .4, 3 by 5 cells of 4 to 60 people",
        simulate=_crossed(3, 5, (4, 60), 0.4), estimate=_pooled, truth=0.0,
    ),
    Setting(
        name="crossed_rates, pooled, no interaction", kind="coverage",
        describe="a cell's pooled log odds, tau 0, 3 by 5 cells of 4 to 60 people",
        simulate=_crossed(3, 5, (4, 60), 0.0), estimate=_pooled, truth=0.0,
    ),
    _prediction(
        "prediction_at_cut", "focal line -.2 + .3 x against .5 x, 80 and 200, cut .5", (80, 200), (-0.2, 0.3), 1.0
    ),
    _prediction(
        "prediction_at_cut, unequal errors", "the same, 40 and 200, focal error twice as large", (40, 200), (-0.2, 0.3), 2.0
    ),
    _prediction("prediction_at_cut, small", "the same, 20 and 60", (20, 60), (-0.2, 0.3), 1.0),
    Setting(
        name="prediction_at_cut, test", kind="type_1", describe="one line for both, 40 and 160, cut .5",
        simulate=_lines(40, 160, (0.0, 0.5)), estimate=partial(prediction_at_cut, cut=0.5, **_PAIR), truth=0.05,
        p_value=lambda estimate: float(estimate.detail["points"]["p"]),
    ),
    _corrected(
        "true intercepts", "one true line, means .8 apart, reliability .6, 100 and 300", _unreliable((100, 300), 0.6),
        "intercept_difference", 0.0,
    ),
    _corrected(
        "true intercepts, small", "the same, 40 and 120", _unreliable((40, 120), 0.6), "intercept_difference", 0.0
    ),
    _corrected(
        "true slopes", "true slopes .3 and .6, means .8 apart, reliability .6, 100 and 300",
        _unreliable((100, 300), 0.6, (0.3, 0.6)), "slope_difference", -0.3,
    ),
]  # fmt: skip
