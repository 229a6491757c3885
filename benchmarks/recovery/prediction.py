"""Designs with known association, increments and shares of R²: do the intervals hold the truth? Run with validity."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.stats import multivariate_normal

from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate, Interval
from fairpanel.measures.validity.expectancy import expectancy_table
from fairpanel.measures.validity.group_validity import differential_validity
from fairpanel.measures.validity.importance import (
    dominance_of_correlations,
    general_dominance,
    relative_weights,
    weights_of_correlations,
)
from fairpanel.measures.validity.increment import incremental_validity
from fairpanel.measures.validity.meta_analysis import meta_analysis
from fairpanel.measures.validity.multiple_correlation import r_squared
from fairpanel.measures.validity.range_restriction import corrected_validity
from fairpanel.measures.validity.rank_order import kendall_tau_b
from fairpanel.measures.validity.selection_gain import mean_selected

CONSERVATIVE: dict[str, str] = {
    "incremental_validity, nothing added": "delta R² cannot be below 0: only the upper end can miss",
}
_CUTS = (-1.5, -0.5, 0.5, 1.5)
_SCORES = np.array([[1, 0.5, 0.3, 0.4], [0.5, 1, 0.3, 0.4], [0.3, 0.3, 1, 0.3], [0.4, 0.4, 0.3, 1]])
_NOTHING_ADDED = np.array([[1, 0.5, 0.5], [0.5, 1, 0.25], [0.5, 0.25, 1]])  # c1 goes with y through c0 alone


def _bivariate(r: float, n: int) -> Callable[[np.random.Generator], pl.DataFrame]:
    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        x, noise = rng.standard_normal((2, n))
        return pl.DataFrame({"x": x, "y": r * x + math.sqrt(1 - r * r) * noise})

    return simulate


def _five_points(r: float, n: int) -> Callable[[np.random.Generator], pl.DataFrame]:
    """Both scores cut into five points at -1.5, -.5, .5 and 1.5 standard deviations."""
    return lambda rng: pl.DataFrame(
        {name: np.searchsorted(_CUTS, column) for name, column in _bivariate(r, n)(rng).to_dict().items()}
    )


def _tau_of_five_points(r: float) -> float:
    edges = np.array([-8, *_CUTS, 8])
    below = multivariate_normal(cov=[[1, r], [r, 1]]).cdf(np.stack(np.meshgrid(edges, edges, indexing="ij"), axis=-1))
    cells = np.diff(np.diff(below, axis=0), axis=1)
    sign = np.sign(np.subtract.outer(np.arange(5), np.arange(5)))
    score = np.einsum("ij,kl,ik,jl->", cells, cells, sign, sign)
    untied = [1 - (cells.sum(axis=axis) ** 2).sum() for axis in (0, 1)]
    return float(score / math.sqrt(untied[0] * untied[1]))


def _multivariate(correlations: np.ndarray, n: int) -> Callable[[np.random.Generator], pl.DataFrame]:
    """Normal columns c0 … with these correlations, the last named y."""
    root = np.linalg.cholesky(correlations)
    names = [*(f"c{i}" for i in range(len(root) - 1)), "y"]
    return lambda rng: pl.DataFrame(rng.standard_normal((n, len(root))) @ root.T, schema=names)


def _groups(first: float, second: float, n: int, m: int) -> Callable[[np.random.Generator], pl.DataFrame]:
    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        one = _bivariate(first, n)(rng).with_columns(group=pl.lit("a"))
        return pl.concat([one, _bivariate(second, m)(rng).with_columns(group=pl.lit("b"))])

    return simulate


def _first_weight(measure: Callable[..., Estimate]) -> Callable[[pl.DataFrame], Estimate]:
    """The first score's raw weight with its bootstrap interval."""

    def estimate(frame: pl.DataFrame) -> Estimate:
        whole = measure(frame, predictors=["c0", "c1", "c2"], replicates=400)
        ends = whole.detail["intervals"][0]
        return Estimate(
            measure=whole.measure, method="first raw weight", value=whole.detail["raw"][0], interval=Interval(**ends)
        )

    return estimate


def _studies(k: int) -> Callable[[np.random.Generator], pl.DataFrame]:
    """True Fisher z normal with mean .25 and SD .15, from 30 to 200 people each."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        n = rng.integers(30, 200, k)
        z = 0.25 + 0.15 * rng.standard_normal(k) + rng.standard_normal(k) / np.sqrt(n - 3)
        return pl.DataFrame({"r": np.tanh(z), "n": n})

    return simulate


def _selected_by_two(rng: np.random.Generator) -> pl.DataFrame:
    """600 applicants; the better half by a + b have x and y; r(x, y) .5 among applicants."""
    a, b, e, f = rng.standard_normal((4, 600))
    x = 0.5 * a + 0.3 * b + math.sqrt(0.66) * e
    y = 0.4 * a + 0.5 * b + 0.15 / 0.66 * math.sqrt(0.66) * e + math.sqrt(0.59 - 0.15**2 / 0.66) * f
    taken = a + b > np.median(a + b)
    return pl.DataFrame({"a": a, "b": b, "x": np.where(taken, x, np.nan), "y": np.where(taken, y, np.nan)})


def _r2(matrix: np.ndarray, predictors: list[int]) -> float:
    return r_squared(matrix, predictors, len(matrix) - 1)


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


SETTINGS: list[Setting] = [
    _coverage(
        "kendall_tau_b", "normal scores with r .5, 60 people, delta method", _bivariate(0.5, 60), kendall_tau_b,
        2 / math.pi * math.asin(0.5),
    ),
    _coverage(
        "kendall_tau_b, five points", "both scores cut to five points, r .5, 100 people, delta method",
        _five_points(0.5, 100), kendall_tau_b, _tau_of_five_points(0.5),
    ),
    _coverage(
        "kendall_tau_b, small", "normal scores with r .3, 20 people, delta method", _bivariate(0.3, 20), kendall_tau_b,
        2 / math.pi * math.asin(0.3),
    ),
    _coverage(
        "kendall_tau_b, Fieller", "normal scores with r .5, 60 people, Fieller", _bivariate(0.5, 60),
        lambda frame: kendall_tau_b(frame, standard_error="fieller"), 2 / math.pi * math.asin(0.5),
    ),
    _coverage(
        "incremental_validity, one added", "two scores and a third, delta R² .022, 150 people",
        _multivariate(_SCORES, 150),
        lambda frame: incremental_validity(frame, base=["c0", "c1"], added=["c2"]),
        _r2(_SCORES, [0, 1, 2]) - _r2(_SCORES, [0, 1]),
    ),
    _coverage(
        "incremental_validity, two added", "one score and two more, delta R² .076, 150 people",
        _multivariate(_SCORES, 150),
        lambda frame: incremental_validity(frame, base=["c0"], added=["c1", "c2"]),
        _r2(_SCORES, [0, 1, 2]) - _r2(_SCORES, [0]),
    ),
    _coverage(
        "incremental_validity, small", "one score and two more, delta R² .076, 40 people",
        _multivariate(_SCORES, 40),
        lambda frame: incremental_validity(frame, base=["c0"], added=["c1", "c2"]),
        _r2(_SCORES, [0, 1, 2]) - _r2(_SCORES, [0]),
    ),
    _coverage(
        "incremental_validity, nothing added", "one score and a second that adds nothing, 100 people",
        _multivariate(_NOTHING_ADDED, 100), lambda frame: incremental_validity(frame, base=["c0"], added=["c1"]), 0.0,
    ),
    Setting(
        name="incremental_validity, test",
        kind="type_1",
        describe="one score and a second that adds nothing, 60 people",
        simulate=_multivariate(_NOTHING_ADDED, 60),
        estimate=lambda frame: incremental_validity(frame, base=["c0"], added=["c1"]),
        p_value=_p,
    ),
    _coverage(
        "differential_validity", "r .2 in 40 and .5 in 120 people", _groups(0.2, 0.5, 40, 120), differential_validity,
        math.atanh(0.2) - math.atanh(0.5),
    ),
    Setting(
        name="differential_validity, test",
        kind="type_1",
        describe="r .4 in 30 and 150 people",
        simulate=_groups(0.4, 0.4, 30, 150),
        estimate=differential_validity,
        p_value=_p,
    ),
    _coverage(
        "relative_weights, R²", "three scores, R² .24, 100 people", _multivariate(_SCORES, 100),
        lambda frame: relative_weights(frame, predictors=["c0", "c1", "c2"], interval="analytic"),
        _r2(_SCORES, [0, 1, 2]),
    ),
    _coverage(
        "relative_weights, first weight", "three scores, 200 people, percentile bootstrap with 400 replicates",
        _multivariate(_SCORES, 200), _first_weight(relative_weights), float(weights_of_correlations(_SCORES)[0]),
    ),
    _coverage(
        "general_dominance, first weight", "three scores, 200 people, percentile bootstrap with 400 replicates",
        _multivariate(_SCORES, 200), _first_weight(general_dominance), float(dominance_of_correlations(_SCORES)[0]),
    ),
    _coverage(
        "meta_analysis, REML", "40 studies, true z .25 with SD .15, normal quantiles", _studies(40), meta_analysis,
        math.tanh(0.25),
    ),
    _coverage(
        "meta_analysis, few studies", "8 studies, true z .25 with SD .15, Knapp-Hartung", _studies(8),
        lambda frame: meta_analysis(frame, test="knapp_hartung"), math.tanh(0.25),
    ),
    _coverage(
        "corrected_validity, multivariate", "r .5, half of 600 by the sum of two scores, bootstrap with 300 replicates",
        _selected_by_two,
        lambda frame: corrected_validity(frame, correction="multivariate", selectors=["a", "b"], replicates=300), 0.5,
    ),
    _coverage(
        "expectancy_table, highest fifth", "mean criterion, r .4, 200 people, Student's t", _bivariate(0.4, 200),
        expectancy_table, 0.4 * mean_selected(0.2),
    ),
]  # fmt: skip
