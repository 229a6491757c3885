"""Designs with known differences between groups: do the intervals hold the truth, and do the tests keep their level?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl

from benchmarks.recovery import (
    group_gaps,
    item_bias,
    monitoring,
    rater_groups,
    selection_tests,
    superiority,
    tradeoff,
)
from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate
from fairpanel.measures.fairness.adverse_impact import fisher_exact, impact_ratio, lancaster_mid_p
from fairpanel.measures.fairness.differential_prediction import differential_prediction
from fairpanel.measures.fairness.group_differences import standardized_difference
from fairpanel.measures.fairness.stratified import breslow_day, mantel_haenszel

CONSERVATIVE: dict[str, str] = {
    "fisher_exact": "the exact test can only reject at the levels its few tables allow, all below 5 %",
    "fisher_exact, interval": "the exact interval holds at least its level for every table",
    "mantel_haenszel, corrected": "the continuity correction, meant for the exact conditional test, costs level",
    **monitoring.CONSERVATIVE,
    **selection_tests.CONSERVATIVE,
    **group_gaps.CONSERVATIVE,
    **tradeoff.CONSERVATIVE,
}

Simulation = Callable[[np.random.Generator], pl.DataFrame]


def _selection(focal_n: int, reference_n: int, focal_rate: float, reference_rate: float) -> Simulation:
    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        group = ["f"] * focal_n + ["r"] * reference_n
        rate = np.repeat((focal_rate, reference_rate), (focal_n, reference_n))
        return pl.DataFrame({"group": group, "selected": rng.random(rate.size) < rate})

    return simulate


def _requisitions(strata: int, size: int, log_odds_ratio: float) -> Simulation:
    """Requisitions with selection odds of their own (-1.5 to 0.5) and shares of the focal group of .2 to .6."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        stratum = np.repeat(np.arange(strata), size)
        focal = rng.random(stratum.size) < np.linspace(0.2, 0.6, strata)[stratum]
        logit = np.linspace(-1.5, 0.5, strata)[stratum] + log_odds_ratio * focal
        taken = rng.random(stratum.size) < 1 / (1 + np.exp(-logit))
        return pl.DataFrame({"stratum": stratum, "group": np.where(focal, "f", "r"), "selected": taken})

    return simulate


def _lines(
    focal_n: int, reference_n: int, slope_difference: float, *, focal_error: float = 1.0, panels: int | None = None
) -> Simulation:
    """The focal group scores .3 lower; lines y = .5 x, in the focal group with another slope; panels add their own."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal = np.repeat((True, False), (focal_n, reference_n))
        x = rng.standard_normal(focal.size) - 0.3 * focal
        error = rng.standard_normal(focal.size) * np.where(focal, focal_error, 1.0)
        y = 0.5 * x + slope_difference * focal * x + error
        columns = {"x": x, "group": np.where(focal, "f", "r")}
        if panels is not None:
            panel = rng.integers(0, panels, focal.size)
            y += 0.5 * rng.standard_normal(panels)[panel] + 0.3 * rng.standard_normal(panels)[panel] * x
            columns["panel"] = panel
        return pl.DataFrame(columns | {"y": y})

    return simulate


def _scores(focal_n: int, reference_n: int, gap: float, focal_sd: float = 1.0) -> Simulation:
    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal = np.repeat((True, False), (focal_n, reference_n))
        y = rng.standard_normal(focal.size) * np.where(focal, focal_sd, 1.0) + gap * focal
        return pl.DataFrame({"y": y, "group": np.where(focal, "f", "r")})

    return simulate


def _p(key: str) -> Callable[[Estimate], float]:
    def p_value(estimate: Estimate) -> float:
        found = estimate.detail.get(key)
        return 1.0 if found is None else float(found)

    return p_value


_PAIR = {"focal": "f", "reference": "r"}
_ratio = partial(impact_ratio, **_PAIR)
_prediction = partial(differential_prediction, reference="r")
_null = _selection(30, 30, 0.3, 0.3)
_unequal_null = _selection(40, 160, 0.3, 0.3)
_null_strata = _requisitions(8, 40, 0.0)
_null_lines = _lines(60, 240, 0.0)


def _coverage(
    name: str, describe: str, simulate: Simulation, estimate: Callable[..., Estimate], truth: float
) -> Setting:
    return Setting(name=name, kind="coverage", describe=describe, simulate=simulate, estimate=estimate, truth=truth)


def _level(name: str, describe: str, simulate: Simulation, estimate: Callable[..., Estimate], key: str) -> Setting:
    return Setting(
        name=name, kind="type_1", describe=describe, simulate=simulate, estimate=estimate, truth=0.05, p_value=_p(key)
    )


SETTINGS: list[Setting] = [
    _coverage("impact_ratio, balanced", "rates .32 and .40, 100 each", _selection(100, 100, 0.32, 0.4), _ratio, 0.8),
    _coverage("impact_ratio, unequal", "rates .35 of 60, .50 of 400", _selection(60, 400, 0.35, 0.5), _ratio, 0.7),
    _coverage("impact_ratio, low rates", "rates .06 and .10, 150 each", _selection(150, 150, 0.06, 0.1), _ratio, 0.6),
    _coverage("impact_ratio, small", "rates .10 and .20, 50 each", _selection(50, 50, 0.1, 0.2), _ratio, 0.5),
    _coverage("impact_ratio, large", "rates .60 and .60, 500 each", _selection(500, 500, 0.6, 0.6), _ratio, 1.0),
    _coverage(
        "impact_ratio, reference highest", "rates .40 in both groups of 80, reference chosen by the data",
        _selection(80, 80, 0.4, 0.4), impact_ratio, 1.0,
    ),
    _coverage(
        "fisher_exact, interval", "rates .30, 30 each: odds ratio 1", _null, partial(fisher_exact, **_PAIR), 1.0
    ),
    _coverage(
        "lancaster_mid_p, interval", "rates .30, 40 and 160: odds ratio 1", _unequal_null,
        partial(lancaster_mid_p, **_PAIR), 1.0,
    ),
    _coverage(
        "mantel_haenszel, interval", "common odds ratio .5, 8 requisitions of 40", _requisitions(8, 40, np.log(0.5)),
        partial(mantel_haenszel, **_PAIR), 0.5,
    ),
    _coverage(
        "standardized_difference d", "d .5, 30 and 90", _scores(30, 90, 0.5), partial(standardized_difference, **_PAIR),
        0.5,
    ),
    _coverage(
        "standardized_difference g", "d .8, 12 and 12", _scores(12, 12, 0.8),
        partial(standardized_difference, kind="g", **_PAIR), 0.8,
    ),
    _coverage(
        "standardized_difference glass", "gap .5 reference SDs, focal SD 1.5, 40 and 80", _scores(40, 80, 0.5, 1.5),
        partial(standardized_difference, kind="glass", **_PAIR), 0.5,
    ),
    _coverage(
        "differential_prediction, unequal groups", "slope difference -.3, 40 and 300", _lines(40, 300, -0.3),
        _prediction, -0.3,
    ),
    _coverage(
        "differential_prediction, hc3", "slope difference -.3, 50 and 250, focal error twice as large",
        _lines(50, 250, -0.3, focal_error=2.0), partial(_prediction, covariance="hc3"), -0.3,
    ),
    _coverage(
        "differential_prediction, hc3 small", "slope difference -.3, 20 and 100, focal error twice as large",
        _lines(20, 100, -0.3, focal_error=2.0), partial(_prediction, covariance="hc3"), -0.3,
    ),
    _coverage(
        "differential_prediction, cluster", "slope difference -.3, 120 and 360, 40 panels with lines of their own",
        _lines(120, 360, -0.3, panels=40), partial(_prediction, covariance="cluster", cluster="panel"), -0.3,
    ),
    _level("fisher_exact", "rates .30, 30 each", _null, partial(fisher_exact, **_PAIR), "p_two_sided"),
    _level("lancaster_mid_p", "rates .30, 30 each", _null, partial(lancaster_mid_p, **_PAIR), "p_two_sided"),
    _level(
        "lancaster_mid_p, unequal", "rates .30, 40 and 160", _unequal_null, partial(lancaster_mid_p, **_PAIR),
        "p_two_sided",
    ),
    _level("two-proportion z", "rates .30, 40 and 160", _unequal_null, _ratio, "p"),
    _level(
        "mantel_haenszel, corrected", "8 requisitions of 40", _null_strata, partial(mantel_haenszel, **_PAIR),
        "p_corrected",
    ),
    _level(
        "mantel_haenszel, uncorrected", "8 requisitions of 40", _null_strata, partial(mantel_haenszel, **_PAIR),
        "p_uncorrected",
    ),
    _level(
        "breslow_day, Tarone", "common odds ratio .5, 8 requisitions of 100", _requisitions(8, 100, np.log(0.5)),
        partial(breslow_day, **_PAIR), "tarone_p",
    ),
    _level(
        "breslow_day, small requisitions", "common odds ratio .5, 200 requisitions of 6",
        _requisitions(200, 6, np.log(0.5)), partial(breslow_day, **_PAIR), "p_homogeneity",
    ),
    _level("differential_prediction, slope", "60 and 240", _null_lines, _prediction, "slope_p"),
    _level("differential_prediction, intercept", "60 and 240", _null_lines, _prediction, "intercept_p"),
    _level("differential_prediction, omnibus", "60 and 240", _null_lines, _prediction, "omnibus_p"),
    _level(
        "differential_prediction, hc3 omnibus", "60 and 240, focal error twice as large",
        _lines(60, 240, 0.0, focal_error=2.0), partial(_prediction, covariance="hc3"), "omnibus_p",
    ),
    _level(
        "welch t", "20 and 80, focal SD twice as large", _scores(20, 80, 0.0, 2.0),
        partial(standardized_difference, **_PAIR), "p",
    ),
    *item_bias.SETTINGS,
    *monitoring.SETTINGS,
    *rater_groups.SETTINGS,
    *selection_tests.SETTINGS,
    *group_gaps.SETTINGS,
    *superiority.SETTINGS,
    *tradeoff.SETTINGS,
]  # fmt: skip
