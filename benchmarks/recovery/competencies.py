"""Designs with known weights, decisions, preparation and spread of studies: do the intervals hold the truth?"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import multivariate_normal, norm

from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate, Interval
from fairpanel.measures.validity.convergent import convergent_discriminant
from fairpanel.measures.validity.decision_consistency import decision_consistency
from fairpanel.measures.validity.decision_weights import decision_weights
from fairpanel.measures.validity.meta_analysis import meta_analysis
from fairpanel.measures.validity.preparation import preparation_effect

CONSERVATIVE: dict[str, str] = {
    "meta_analysis, shrunken, alike": "where studies do not differ, shrunken intervals are wider than they need be",
}
_SCORES = 0.4 * np.ones((3, 3)) + 0.6 * np.eye(3)
_DECIDES, _PREDICTS = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.2, 0.0])
_RATERS, _SEVERITY, _NOISE, _PANEL, _CUT = 80, 0.5, 0.9, 3, 0.7


def _sides(rng: np.random.Generator) -> pl.DataFrame:
    """120 people, two competencies, two sides of performance: .4 matched, .2 otherwise."""
    x = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 120)
    y = x @ np.array([[0.4, 0.0], [0.0, 0.4]]) + math.sqrt(1 - 0.16) * rng.standard_normal((120, 2))
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "p": y[:, 0], "q": y[:, 1]})


def _choices(rng: np.random.Generator) -> pl.DataFrame:
    """1,000 applicants, three scores, the upper fifth of a noisy weighted sum selected; performance of the selected."""
    scores = rng.multivariate_normal(np.zeros(3), _SCORES, 1000)
    merit = scores @ _DECIDES + 0.3 * rng.standard_normal(1000)
    taken = merit >= np.quantile(merit, 0.8)
    y = scores @ _PREDICTS + 0.7 * rng.standard_normal(1000)
    return pl.DataFrame({"a": scores[:, 0], "b": scores[:, 1], "c": scores[:, 2], "selected": taken,
                         "y": np.where(taken, y, np.nan)})  # fmt: skip


def _agreement() -> float:
    return float(
        _DECIDES @ _SCORES @ _PREDICTS / math.sqrt(_DECIDES @ _SCORES @ _DECIDES * (_PREDICTS @ _SCORES @ _PREDICTS))
    )


def _as_decided() -> float:
    among = _DECIDES @ _SCORES @ _PREDICTS / math.sqrt(_DECIDES @ _SCORES @ _DECIDES + 0.09)
    return float(among / math.sqrt(_PREDICTS @ _SCORES @ _PREDICTS + 0.49) * norm.pdf(norm.ppf(0.8)) / 0.2)


def _row(estimate: Estimate, rows: str, key: str, name: str, value: str) -> Estimate:
    """A row of the detail as an estimate."""
    found: Mapping[str, Any] = next(row for row in estimate.detail[rows] if row[key] == name)
    ends = Interval(low=found["low"], high=found["high"], level=0.95, method="bootstrap")
    return replace(estimate, value=found[value], interval=ends)


def _best(frame: pl.DataFrame, *, corrected: bool = True) -> Estimate:
    """What the estimated optimal weights are said to bring, less what those weights truly bring: it should hold 0."""
    found = decision_weights(frame, predictors=["a", "b", "c"], replicates=200)
    weights = np.array([row["optimal"] for row in found.detail["weights"]])
    among = weights @ _SCORES @ _PREDICTS / math.sqrt(weights @ _SCORES @ weights)
    true = float(among / math.sqrt(_PREDICTS @ _SCORES @ _PREDICTS + 0.49) * norm.pdf(norm.ppf(0.8)) / 0.2)
    told = _row(found, "policies", "policy", "optimal weights", "expected")
    gap = (told.value or 0.0) + (0.0 if corrected else found.detail["optimism"]) - true
    if told.interval is None:
        raise ValueError("no interval")
    ends = Interval(low=told.interval.low - true, high=told.interval.high - true, level=0.95, method="bootstrap")
    return replace(told, value=gap, interval=ends)


def _panels(rng: np.random.Generator) -> pl.DataFrame:
    """400 candidates, three of 80 raters each."""
    merit, harsh = rng.standard_normal(400), _SEVERITY * rng.standard_normal(_RATERS)
    rater = np.argsort(rng.random((400, _RATERS)), axis=1)[:, :_PANEL].ravel()
    unit = np.repeat(np.arange(400), _PANEL)
    return pl.DataFrame(
        {"unit": unit, "rater": rater, "score": merit[unit] + harsh[rater] + _NOISE * rng.standard_normal(unit.size)}
    )


def _same_side() -> float:
    error = (_SEVERITY**2 + _NOISE**2) / _PANEL
    total, height = 1 + error, _CUT / math.sqrt(1 + error)
    both = float(multivariate_normal(cov=[[1, 1 / total], [1 / total, 1]]).cdf([height, height]))
    return 1 - 2 * float(norm.cdf(height)) + 2 * both


def _practised(predicts: float, people: int, known: int) -> Callable[[np.random.Generator], pl.DataFrame]:
    """Half of the people prepared, half a point higher for it; what it moves predicts by `predicts`, the rest by .5."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        prepared, merit = rng.integers(0, 2, people), rng.standard_normal(people)
        x = merit + 0.5 * prepared
        y = 0.5 * merit + predicts * 0.5 * prepared + 0.8 * rng.standard_normal(people)
        return pl.DataFrame({"prepared": prepared, "x": x, "y": np.where(x >= np.sort(x)[-known], y, np.nan)})

    return simulate


def _difference(frame: pl.DataFrame) -> Estimate:
    """Slopes in points of y: their difference times y's spread."""
    found = preparation_effect(frame, replicates=400)
    spread = float(frame["y"].drop_nans().std() or 0.0)
    told = found.detail["difference"]
    ends = Interval(low=told["low"] * spread, high=told["high"] * spread, level=0.95, method="bootstrap")
    return replace(found, value=told["value"] * spread, interval=ends)


def _studies(k: int, people: int, tau: float) -> Callable[[np.random.Generator], pl.DataFrame]:
    """k studies and one more; `true` holds each one's Fisher z."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        true = math.atanh(0.25) + tau * rng.standard_normal(k + 1)
        size = np.maximum(20, np.round(people * np.exp(0.5 * rng.standard_normal(k + 1))))
        seen = np.tanh(true + rng.standard_normal(k + 1) / np.sqrt(size - 3))
        return pl.DataFrame({"r": seen, "n": size, "true": true})

    return simulate


def _tau2(frame: pl.DataFrame) -> Estimate:
    found = meta_analysis(frame[:-1])
    ends = found.detail["tau2_interval"]
    return replace(found, value=found.detail["tau2"], interval=Interval(**ends, level=0.95, method="Q-profile"))


def _next_one(frame: pl.DataFrame, test: Any) -> Estimate:
    """Distance of the prediction interval from one more study's true correlation: it should hold 0."""
    found = meta_analysis(frame[:-1], test=test)
    true = math.tanh(float(frame["true"][-1]))
    ends = found.detail["prediction_interval"]
    between = Interval(low=ends["low"] - true, high=ends["high"] - true, level=0.95, method="prediction")
    return replace(found, value=(found.value or 0.0) - true, interval=between)


def _own(frame: pl.DataFrame) -> Estimate:
    """The first study's shrunken value less its true one: it should hold 0."""
    studies = frame[:-1].with_columns(name=pl.int_range(pl.len()).cast(pl.String))
    found = meta_analysis(studies, study="name")
    row = next(row for row in found.detail["studies"] if row["study"] == "0")
    true = math.tanh(float(frame["true"][0]))
    between = Interval(low=row["low"] - true, high=row["high"] - true, level=0.95, method="Morris")
    return replace(found, value=row["shrunken"] - true, interval=between)


def _coverage(name: str, describe: str, simulate: Any, estimate: Any, truth: float) -> Setting:
    return Setting(name=name, kind="coverage", describe=describe, simulate=simulate, estimate=estimate, truth=truth)


_MATCHED = math.tanh(math.atanh(0.4)) - 0.2
SETTINGS: list[Setting] = [
    _coverage(
        "convergent_discriminant", "two competencies, two sides, .4 matched against .2, 120 people", _sides,
        lambda f: convergent_discriminant(f, predictors=["a", "b"], criteria=["p", "q"], replicates=400), _MATCHED,
    ),
    _coverage(
        "decision_weights", "1,000 applicants, 200 selected, agreement of the two composites", _choices,
        lambda f: decision_weights(f, predictors=["a", "b", "c"], replicates=200), _agreement(),
    ),
    _coverage(
        "decision_weights, as decided", "the same: expected criterion of the selected", _choices,
        lambda f: _row(decision_weights(f, predictors=["a", "b", "c"], replicates=200), "policies", "policy",
                       "as decided", "expected"), _as_decided(),
    ),
    _coverage(
        "decision_consistency", "400 candidates, three of 80 raters each, fixed cut", _panels,
        lambda f: decision_consistency(f, cut=_CUT), _same_side(),
    ),
    _coverage(
        "preparation_effect, nothing", "1,000 candidates, 200 hired by the score; the prepared part predicts nothing",
        _practised(0.0, 1000, 200), _difference, 0.5,
    ),
    _coverage(
        "preparation_effect, alike", "the same; the prepared part predicts as the rest does",
        _practised(0.5, 1000, 200), _difference, 0.0,
    ),
    *(
        _coverage(f"meta_analysis, Q-profile, {k}", f"{k} studies of about 80, tau² .0225",
                  _studies(k, 80, 0.15), _tau2, 0.0225)
        for k in (5, 10, 40)
    ),
    _coverage("meta_analysis, prediction, 40", "40 studies of about 80, one more study's true r", _studies(40, 80, 0.15),
              lambda f: _next_one(f, "normal"), 0.0),
    *(
        _coverage(f"meta_analysis, shrunken, {k}", f"{k} studies of about 80: one study's own true r",
                  _studies(k, 80, 0.15), _own, 0.0)
        for k in (5, 10, 40)
    ),
    _coverage("meta_analysis, shrunken, alike", "10 studies of about 80 that do not differ",
              _studies(10, 80, 0.0), _own, 0.0),
]  # fmt: skip
LIMITS: list[Setting] = [
    _coverage(
        "decision_weights, optimal", "1,000 applicants, 200 selected: by the best weights, less what they truly bring",
        _choices, _best, 0.0,
    ),
    *(
        _coverage(f"meta_analysis, Hunter-Schmidt, {k}", f"{k} studies of about 80, SD of true z .15",
                  _studies(k, 80, 0.15), lambda f: meta_analysis(f[:-1], method="hunter_schmidt"), 0.245)
        for k in (5, 10, 40)
    ),
    *(
        _coverage(f"meta_analysis, prediction, {k}", f"{k} studies of about 80, one more study's true r",
                  _studies(k, 80, 0.15), lambda f: _next_one(f, "normal"), 0.0)
        for k in (5, 10)
    ),
    *(
        _coverage(f"meta_analysis, prediction, Knapp-Hartung, {k}", f"{k} studies of about 80, one more study's true r",
                  _studies(k, 80, 0.15), lambda f: _next_one(f, "knapp_hartung"), 0.0)
        for k in (5, 10)
    ),
]  # fmt: skip
"""Where an interval is known to miss its level: few studies, whose spread is hardly known; weights judged by their own
data, whose optimism is taken off in the mean."""


def main() -> None:
    """Coverage of LIMITS as a Markdown table: python -m benchmarks.recovery.competencies [REPLICATES]."""
    from benchmarks.recovery.__main__ import run, table

    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    plain = _coverage(
        "decision_weights, optimal, optimism left in", "bias only", _choices, partial(_best, corrected=False), 0.0
    )
    print(table([run(setting, replicates, seed=1) for setting in (*LIMITS, plain)]))


if __name__ == "__main__":
    main()
