"""Gaps that do not move, looked at every month: how often do the alarms, the trend and the change point say they do?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl

from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate
from fairpanel.measures.fairness.monitoring import group_monitor

Simulation = Callable[[np.random.Generator], pl.DataFrame]
MONTHS = 24

CONSERVATIVE: dict[str, str] = {
    "group_monitor, alarm, ten at .10": "with one or two selected a month few scores are possible",
    "group_monitor, gap_alarm, ten at .10": "with one or two selected a month few scores are possible",
}


def months_of_selections(
    fewest: int, most: int, rate: float, log_odds_ratio: float, *, jump: float = 0.0, at: int = MONTHS
) -> Simulation:
    """24 months, fewest to most people a group and month; rates wander around `rate`; the gap jumps in month `at`."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        sizes = rng.integers(fewest, most + 1, (MONTHS, 2))
        period = np.repeat(np.arange(MONTHS), sizes.sum(axis=1))
        focal = np.concatenate([np.repeat((True, False), size) for size in sizes])
        level = np.log(rate / (1 - rate)) + 0.3 * rng.standard_normal(MONTHS)
        logit = level[period] + focal * (log_odds_ratio + jump * (period >= at))
        taken = rng.random(period.size) < 1 / (1 + np.exp(-logit))
        return pl.DataFrame({"period": period, "group": np.where(focal, "f", "r"), "selected": taken})

    return simulate


def months_of_scores(
    fewest: int,
    most: int,
    gap: float,
    *,
    jump: float = 0.0,
    at: int = MONTHS,
    focal_sd: float = 1.0,
    points: bool = False,
) -> Simulation:
    """24 months of scores with monthly levels of their own; normal, or rounded to five points with a ceiling."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        sizes = rng.integers(fewest, most + 1, (MONTHS, 2))
        period = np.repeat(np.arange(MONTHS), sizes.sum(axis=1))
        focal = np.concatenate([np.repeat((True, False), size) for size in sizes])
        score = rng.standard_normal(period.size) * np.where(focal, focal_sd, 1.0)
        score += 0.2 * rng.standard_normal(MONTHS)[period] + focal * (gap + jump * (period >= at))
        if points:
            score = np.clip(np.round(4 + score), 1, 5)
        return pl.DataFrame({"period": period, "group": np.where(focal, "f", "r"), "score": score})

    return simulate


_selection = partial(group_monitor, focal="f", reference="r")
_score = partial(group_monitor, focal="f", reference="r", score="score")


def raised(alarm: str) -> Callable[[Estimate], float]:
    """0 where the alarm was ever raised in the 24 months, else 1: a p value for the one question asked."""
    return lambda estimate: 0.0 if estimate.detail[alarm]["alarm_at"] is not None else 1.0


def _p(test: str) -> Callable[[Estimate], float]:
    def p_value(estimate: Estimate) -> float:
        found = estimate.detail[test]
        return 1.0 if found is None else float(found["p"])

    return p_value


def _level(
    name: str,
    describe: str,
    simulate: Simulation,
    estimate: Callable[..., Estimate],
    p_value: Callable[[Estimate], float],
) -> Setting:
    return Setting(
        name=f"group_monitor, {name}", kind="type_1", describe=describe, simulate=simulate, estimate=estimate, truth=0.05,
        p_value=p_value,
    )  # fmt: skip


_usual = months_of_selections(10, 60, 0.25, 0.0)
_gap = months_of_selections(10, 60, 0.25, -0.7)
_few = months_of_selections(10, 10, 0.1, 0.0)

SETTINGS: list[Setting] = [
    _level("alarm, selection", "10 to 60 a group and month, rates near .25, no gap", _usual, _selection, raised("alarm")),
    _level("alarm, constant gap", "the same, odds ratio .5 throughout", _gap, _selection, raised("alarm")),
    _level("alarm, ten at .10", "ten a group and month, rates near .10", _few, _selection, raised("alarm")),
    _level(
        "alarm, half selected", "20 to 40, rates near .5, odds ratio .5 throughout",
        months_of_selections(20, 40, 0.5, -0.7), _selection, raised("alarm"),
    ),
    _level(
        "alarm, 2 to 12 a group", "rates near .2", months_of_selections(2, 12, 0.2, 0.0), _selection, raised("alarm")
    ),
    _level("alarm, scores", "10 to 60 a group and month, no gap", months_of_scores(10, 60, 0.0), _score, raised("alarm")),
    _level(
        "alarm, scores, constant gap", "ten a group and month, -.6 throughout, focal SD twice as large",
        months_of_scores(10, 10, -0.6, focal_sd=2.0), _score, raised("alarm"),
    ),
    _level(
        "alarm, five points", "10 to 30, five points with a ceiling, gap -.5 throughout",
        months_of_scores(10, 30, -0.5, points=True), _score, raised("alarm"),
    ),
    _level("gap_alarm, selection", "10 to 60, rates near .25, no gap", _usual, _selection, raised("gap_alarm")),
    _level("gap_alarm, ten at .10", "ten a group and month", _few, _selection, raised("gap_alarm")),
    _level("gap_alarm, scores", "10 to 60, no gap", months_of_scores(10, 60, 0.0), _score, raised("gap_alarm")),
    _level("trend, constant gap", "10 to 60, odds ratio .5 throughout", _gap, _selection, _p("trend")),
    _level("trend, ten at .10", "ten a group and month", _few, _selection, _p("trend")),
    _level("trend, scores", "10 to 60, gap -.5", months_of_scores(10, 60, -0.5), _score, _p("trend")),
    _level("change, constant gap", "10 to 60, odds ratio .5 throughout", _gap, _selection, _p("change")),
    _level("change, ten at .10", "ten a group and month", _few, _selection, _p("change")),
    _level("change, scores", "10 to 60, gap -.5", months_of_scores(10, 60, -0.5), _score, _p("change")),
    Setting(
        name="group_monitor, odds ratio", kind="coverage", describe="odds ratio .5, 10 to 60, rates near .25",
        simulate=_gap, estimate=_selection, truth=float(np.exp(-0.7)),
    ),
    Setting(
        name="group_monitor, standardized", kind="coverage", describe="gap -.5, 3 to 10 a group and month",
        simulate=months_of_scores(3, 10, -0.5), estimate=_score, truth=-0.5,
    ),
]  # fmt: skip
