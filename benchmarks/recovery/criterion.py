"""Designs with known bias of the rater, slopes, odds, hazards and latent correlations. Run with validity."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.special import expit

from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate, Interval
from fairpanel.measures.validity.criterion_regression import criterion_regression
from fairpanel.measures.validity.logistic import logistic_validity
from fairpanel.measures.validity.polyserial import polyserial
from fairpanel.measures.validity.rating_cycles import rating_stability
from fairpanel.measures.validity.rating_distribution import rating_distribution
from fairpanel.measures.validity.retention import retention_hazard
from fairpanel.measures.validity.same_source import same_source_validity

CONSERVATIVE: dict[str, str] = {}
_NOISE = 0.25 + 0.5 * math.sqrt(2 / math.pi) + 0.25  # variance of (.5 + .5 |x|) e
_POINTS = (0.02, 0.05, 0.13, 0.4, 0.4)  # shares of the five points of an inflated scale
_CUTS = np.array([-1.2, -0.2, 0.9])


def _one_row(n: int) -> Callable[[np.random.Generator], pl.DataFrame]:
    """A row a person; every other person is rated by their interviewer: r .5 there, r .3 elsewhere."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        same = np.arange(n) % 2 == 0
        r = np.where(same, 0.5, 0.3)
        x, noise = rng.standard_normal((2, n))
        return pl.DataFrame({
            "x": x, "y": r * x + np.sqrt(1 - r * r) * noise, "interviewer": np.arange(n) // 2,
            "criterion_rater": np.where(same, np.arange(n) // 2, -1),
        })  # fmt: skip

    return simulate


def _both_rows(n: int) -> Callable[[np.random.Generator], pl.DataFrame]:
    """Two interviewers each; one of them rates performance: merit in all scores, a shared halo in that rater's two."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        merit, halo, own, other, error = rng.standard_normal((5, n))
        y = merit + halo + error
        person, rater = np.tile(np.arange(n), 2), np.tile(np.arange(n) + 1000, 2)
        interviewer = np.concatenate((np.arange(n) + 1000, np.arange(n) + 5000))
        x = np.concatenate((merit + halo + own, merit + rng.standard_normal(n) + other))
        return pl.DataFrame({
            "unit": person, "x": x, "y": np.tile(y, 2), "interviewer": interviewer, "criterion_rater": rater
        })  # fmt: skip

    return simulate


def _uneven(n: int) -> Callable[[np.random.Generator], pl.DataFrame]:
    """Slope .4 of a standard normal score; the spread of the criterion grows with the distance from the mean."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        x, noise = rng.standard_normal((2, n))
        return pl.DataFrame({"x": x, "y": 0.4 * x + (0.5 + 0.5 * np.abs(x)) * noise})

    return simulate


def _managers(clusters: int, size: int, slope: float) -> Callable[[np.random.Generator], pl.DataFrame]:
    """Managers share .3 of the variance of score and of what the score leaves of the criterion."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        manager = np.repeat(np.arange(clusters), size)
        shared = rng.standard_normal((2, clusters))[:, manager]
        x, e = math.sqrt(0.3) * shared + math.sqrt(0.7) * rng.standard_normal((2, manager.size))
        return pl.DataFrame({"x": x, "y": slope * x + math.sqrt(1 - slope**2) * e, "manager": manager})

    return simulate


def _ratings(people: int, most: int) -> Callable[[np.random.Generator], pl.DataFrame]:
    """One to `most` ratings a person; half of the people repeat one and the same point."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        unit = np.repeat(np.arange(people), rng.integers(1, most + 1, people))
        fixed = rng.choice(5, people, p=_POINTS)[unit]
        fresh = rng.choice(5, unit.size, p=_POINTS)
        return pl.DataFrame({"unit": unit, "y": 1 + np.where((rng.random(people) < 0.5)[unit], fixed, fresh)})

    return simulate


def _cycles(people: int, cycles: int) -> Callable[[np.random.Generator], pl.DataFrame]:
    """Ratings that go .6 with those of the cycle before, on a level that rises by .2 a cycle."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        level = [rng.standard_normal(people)]
        for _ in range(cycles - 1):
            level.append(0.6 * level[-1] + 0.8 * rng.standard_normal(people))
        return pl.DataFrame({
            "unit": np.tile(np.arange(people), cycles), "cycle": np.repeat(np.arange(cycles), people),
            "y": np.concatenate(level) + 0.2 * np.repeat(np.arange(cycles), people),
        })  # fmt: skip

    return simulate


def _outcome(n: int, intercept: float, slope: float) -> Callable[[np.random.Generator], pl.DataFrame]:
    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        x = rng.standard_normal(n)
        return pl.DataFrame({"x": x, "y": (rng.random(n) < expit(intercept + slope * x)).astype(int)})

    return simulate


def _stays(
    n: int, slope: float, median: float, *, looked_at: float = 24.0
) -> Callable[[np.random.Generator], pl.DataFrame]:
    """Constant hazards, whole months, people hired evenly over the time looked at."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        x = rng.standard_normal(n)
        leaves = rng.exponential(median / math.log(2), n) * np.exp(-slope * x)
        seen = rng.uniform(1, looked_at, n)
        return pl.DataFrame({"x": x, "time": np.ceil(np.minimum(leaves, seen)), "event": (leaves <= seen).astype(int)})

    return simulate


def _teams(teams: int, size: int, slope: float, stable: float) -> Callable[[np.random.Generator], pl.DataFrame]:
    """Half of the score is the team's; teams multiply the hazard by a positive stable variable.

    The hazards of all people together stay proportional, with log ratio stable · slope (Hougaard 1986).
    """

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        team = np.repeat(np.arange(teams), size)
        x = math.sqrt(0.5) * (rng.standard_normal(teams)[team] + rng.standard_normal(team.size))
        angle, wait = rng.uniform(0, math.pi, teams), rng.exponential(size=teams)
        frailty = np.sin(stable * angle) / np.sin(angle) ** (1 / stable)
        frailty *= (np.sin((1 - stable) * angle) / wait) ** ((1 - stable) / stable)
        leaves = 20 * rng.exponential(size=team.size) / (frailty[team] * np.exp(slope * x))
        seen = rng.uniform(1, 24, team.size)
        return pl.DataFrame({
            "x": x, "time": np.ceil(np.minimum(leaves, seen)), "event": (leaves <= seen).astype(int), "team": team
        })  # fmt: skip

    return simulate


def _graded(r: float, n: int, cuts: np.ndarray) -> Callable[[np.random.Generator], pl.DataFrame]:
    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        x, noise = rng.standard_normal((2, n))
        return pl.DataFrame({"x": x, "y": np.searchsorted(cuts, r * x + math.sqrt(1 - r * r) * noise)})

    return simulate


def _paired(frame: pl.DataFrame) -> Estimate:
    """The contrast among people with both kinds of pairs."""
    whole = same_source_validity(frame, unit="unit")
    paired = whole.detail["paired"]
    ends = Interval(low=paired["low"], high=paired["high"], level=0.95, method="Zou")
    return Estimate(measure=whole.measure, method="paired", value=paired["difference"], interval=ends)


def _change(frame: pl.DataFrame) -> Estimate:
    change = rating_stability(frame).detail["change"]
    ends = Interval(low=change["low"], high=change["high"], level=0.95, method="t")
    return Estimate(measure="rating_stability", method="change", value=change["mean"], interval=ends)


def _auc(frame: pl.DataFrame) -> Estimate:
    auc = logistic_validity(frame).detail["auc"]
    ends = Interval(low=auc["low"], high=auc["high"], level=0.95, method="DeLong")
    return Estimate(measure="logistic_validity", method="auc", value=auc["value"], interval=ends)


def _p(estimate: Estimate) -> float:
    return float(estimate.detail["p"])


def _coverage(
    name: str,
    describe: str,
    simulate: Callable[[np.random.Generator], pl.DataFrame],
    estimate: Callable[[pl.DataFrame], Estimate],
    truth: float,
) -> Setting:
    return Setting(name=name, kind="coverage", describe=describe, simulate=simulate, estimate=estimate, truth=truth)


def _type_1(
    name: str,
    describe: str,
    simulate: Callable[[np.random.Generator], pl.DataFrame],
    estimate: Callable[[pl.DataFrame], Estimate],
    p_value: Callable[[Estimate], float] = _p,
) -> Setting:
    return Setting(name=name, kind="type_1", describe=describe, simulate=simulate, estimate=estimate, p_value=p_value)


SETTINGS: list[Setting] = [
    _coverage(
        "same_source_validity", "r .5 in 30 people, .3 in 30 others", _one_row(60), same_source_validity, 0.2
    ),
    _coverage(
        "same_source_validity, bootstrap", "r .5 in 60 people, .3 in 60 others, percentile with 400 replicates",
        _one_row(120), lambda frame: same_source_validity(frame, interval="bootstrap", replicates=400), 0.2,
    ),
    _coverage(
        "same_source_validity, paired", "20 people with both kinds of pairs, r .667 and .333", _both_rows(20), _paired,
        1 / 3,
    ),
    _coverage(
        "same_source_validity, by unit", "40 people with both kinds of pairs, r .667 and .333", _both_rows(40),
        lambda frame: same_source_validity(frame, unit="unit"), 1 / 3,
    ),
    _coverage(
        "criterion_regression, hc3", "spread grows with distance from the mean, 40 people", _uneven(40),
        criterion_regression, 0.4 / math.sqrt(0.16 + _NOISE),
    ),
    _coverage(
        "criterion_regression, classical", "even spread, slope .3, 20 people", _managers(20, 1, 0.3),
        lambda frame: criterion_regression(frame, covariance="classical"), 0.3,
    ),
    _coverage(
        "criterion_regression, 40 clusters", "40 managers of 4 people, slope .3", _managers(40, 4, 0.3),
        lambda frame: criterion_regression(frame, covariance="cluster", cluster="manager"), 0.3,
    ),
    _coverage(
        "criterion_regression, 12 clusters", "12 managers of 5 people, slope .3", _managers(12, 5, 0.3),
        lambda frame: criterion_regression(frame, covariance="cluster", cluster="manager"), 0.3,
    ),
    _type_1(
        "criterion_regression, quadratic", "straight line, even spread, 60 people, hc3", _managers(60, 1, 0.4),
        criterion_regression, lambda estimate: float(estimate.detail["curvature"]["quadratic"]["p"]),
    ),
    _type_1(
        "criterion_regression, bend", "straight line, even spread, 60 people, hc3", _managers(60, 1, 0.4),
        criterion_regression, lambda estimate: float(estimate.detail["curvature"]["bend"]["p"]),
    ),
    _type_1(
        "criterion_regression, RESET", "straight line, even spread, 60 people, classical", _managers(60, 1, 0.4),
        lambda frame: criterion_regression(frame, covariance="classical"),
        lambda estimate: float(estimate.detail["curvature"]["reset"]["p"]),
    ),
    _coverage(
        "rating_distribution", "five points with mean 4.11, 25 ratings", _ratings(25, 1),
        lambda frame: rating_distribution(frame, scale_min=1, scale_max=5),
        float(np.arange(5) @ _POINTS) / 4,
    ),
    _coverage(
        "rating_distribution, by unit", "30 people with one to four ratings each", _ratings(30, 4),
        lambda frame: rating_distribution(frame, scale_min=1, scale_max=5, unit="unit"),
        float(np.arange(5) @ _POINTS) / 4,
    ),
    _coverage("rating_stability, two cycles", "r .6, 25 people", _cycles(25, 2), rating_stability, 0.6),
    _coverage("rating_stability, four cycles", "r .6, 40 people", _cycles(40, 4), rating_stability, 0.6),
    _coverage(
        "rating_stability, bootstrap", "r .6, 80 people, four cycles, percentile with 400 replicates", _cycles(80, 4),
        lambda frame: rating_stability(frame, interval="bootstrap", replicates=400), 0.6,
    ),
    _coverage("rating_stability, change", "level rises by .2 a cycle, 30 people", _cycles(30, 4), _change, 0.2),
    _coverage(
        "logistic_validity, 40 people", "log odds .7 per SD, rate about a third", _outcome(40, -0.8, 0.7),
        logistic_validity, math.exp(0.7),
    ),
    _coverage(
        "logistic_validity, rare", "log odds .7 per SD, 300 people, about 15 events", _outcome(300, -3.2, 0.7),
        logistic_validity, math.exp(0.7),
    ),
    _type_1("logistic_validity, test", "no relation, 40 people, rate .27", _outcome(40, -1, 0), logistic_validity),
    _coverage(
        "logistic_validity, AUC", "no relation, 60 people, rate .38, DeLong", _outcome(60, -0.5, 0), _auc, 0.5
    ),
    _coverage(
        "retention_hazard, 40 people", "hazard ratio .607 per SD, about 20 leave", _stays(40, -0.5, 12),
        retention_hazard, math.exp(-0.5),
    ),
    _coverage(
        "retention_hazard, rare", "hazard ratio .607 per SD, 200 people, about 16 leave", _stays(200, -0.5, 120),
        retention_hazard, math.exp(-0.5),
    ),
    _coverage(
        "retention_hazard, 40 teams", "hazard ratio .717, 40 teams of 6 that differ, robust by team",
        _teams(40, 6, -0.5, 2 / 3), lambda frame: retention_hazard(frame, cluster="team"), math.exp(-1 / 3),
    ),
    _type_1("retention_hazard, test", "no relation, 30 people, about 16 leave", _stays(30, 0, 12), retention_hazard),
    _type_1(
        "retention_hazard, proportional", "proportional hazards, 60 people", _stays(60, -0.5, 12), retention_hazard,
        lambda estimate: float(estimate.detail["proportional"]["p"]),
    ),
    _coverage("polyserial, 30 people", "r .5, four points", _graded(0.5, 30, _CUTS), polyserial, 0.5),
    _coverage("polyserial, 100 people", "r .4, four points", _graded(0.4, 100, _CUTS), polyserial, 0.4),
    _coverage("polyserial, biserial", "r .3, 60 people, two points", _graded(0.3, 60, _CUTS[1:2]), polyserial, 0.3),
    _type_1("polyserial, test", "no relation, 30 people, four points", _graded(0, 30, _CUTS), polyserial),
]  # fmt: skip
