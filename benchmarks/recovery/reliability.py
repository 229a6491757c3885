"""Do the intervals of reliability and rater measures hold the truth? Designs like those of interview panels."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.recovery.setting import Setting
from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SKEWED_CUTS = (-2.6, -1.8, -0.9, 0.1)
"""Thresholds that turn a latent score into 1 to 5: nearly half of all scores are 5."""


def panels(candidates: int, raters: int, panel_sizes: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    """A fixed design: each candidate meets a panel drawn at random; the seed is part of the design."""
    rng = np.random.default_rng(20_080_959)
    sizes = rng.choice(panel_sizes, candidates)
    unit = np.repeat(np.arange(candidates), sizes)
    rater = np.concatenate([rng.choice(raters, size, replace=False) for size in sizes])
    return unit, np.unique(rater, return_inverse=True)[1]


def crossed_scores(
    rng: np.random.Generator, unit: IntArray, rater: IntArray, variances: tuple[float, float, float]
) -> FloatArray:
    """Unit + rater + residual, normal."""
    var_unit, var_rater, var_residual = variances
    return np.asarray(
        rng.normal(0, np.sqrt(var_unit), unit.max() + 1)[unit]
        + rng.normal(0, np.sqrt(var_rater), rater.max() + 1)[rater]
        + rng.normal(0, np.sqrt(var_residual), unit.size)
    )


def long_frame(unit: IntArray, rater: IntArray, score: FloatArray) -> pl.DataFrame:
    return pl.DataFrame({"unit": unit, "rater": rater, "score": score})


def simulate_panels(
    rng: np.random.Generator,
    *,
    design: tuple[int, int, tuple[int, ...]],
    variances: tuple[float, float, float],
    skewed: bool = False,
) -> pl.DataFrame:
    unit, rater = panels(*design)
    score = crossed_scores(rng, unit, rater, variances)
    return long_frame(unit, rater, np.digitize(score, SKEWED_CUTS) + 1.0 if skewed else score)


@lru_cache
def skewed_variances(variances: tuple[float, float, float]) -> tuple[float, float, float]:
    """Unit, rater and residual variance of the five-point scores themselves.

    From two raters' scores of many fresh units: the covariance of two scores that share only the unit, only the rater.
    """
    rng = np.random.default_rng(1)
    units, raters, residual = (np.sqrt(variance) for variance in variances)
    n = 4_000_000
    one, two = rng.normal(0, units, n), rng.normal(0, raters, n)

    def score(unit: FloatArray, rater: FloatArray) -> FloatArray:
        return np.asarray(np.digitize(unit + rater + rng.normal(0, residual, n), SKEWED_CUTS) + 1.0)

    first = score(one, two)
    same_unit = float(np.cov(first, score(one, rng.normal(0, raters, n)))[0, 1])
    same_rater = float(np.cov(first, score(rng.normal(0, units, n), two))[0, 1])
    return same_unit, same_rater, float(first.var()) - same_unit - same_rater


def design_constants(design: tuple[int, int, tuple[int, ...]]) -> tuple[float, float]:
    """Putka's q and the harmonic mean of raters per unit, over all pairs of units, one by one."""
    unit, rater = panels(*design)
    incidence = np.zeros((unit.max() + 1, rater.max() + 1))
    incidence[unit, rater] = 1
    k = incidence.sum(axis=1)
    shared = (incidence / k[:, None]) @ (incidence / k[:, None]).T
    n = k.size
    k_harmonic = float(n / np.sum(1 / k))
    return 1 / k_harmonic - float(shared.sum() - np.trace(shared)) / (n * (n - 1)), k_harmonic


def g_truth(design: tuple[int, int, tuple[int, ...]], variances: tuple[float, float, float]) -> float:
    q, k = design_constants(design)
    return variances[0] / (variances[0] + q * variances[1] + variances[2] / k)


def _g(
    name: str,
    describe: str,
    design: tuple[int, int, tuple[int, ...]],
    variances: tuple[float, float, float],
    *,
    skewed: bool = False,
    estimate: Callable[[pl.DataFrame], Estimate] | None = None,
) -> Setting:
    return Setting(
        name=f"g_coefficient/{name}",
        kind="coverage",
        describe=describe,
        simulate=partial(simulate_panels, design=design, variances=variances, skewed=skewed),
        estimate=estimate or partial(measure, "g_coefficient"),
        truth=g_truth(design, skewed_variances(variances) if skewed else variances),
    )


def _ratio(name: str, form: str, design: tuple[int, int, tuple[int, ...]], truth: float, raters: float) -> Setting:
    return Setting(
        name=f"icc/{name}",
        kind="coverage",
        describe=f"ICC({form}), panels drawn at random, interval by profile likelihood",
        simulate=partial(simulate_panels, design=design, variances=(0.5, raters, 0.5)),
        estimate=partial(measure, "icc", form=form),
        truth=truth,
    )


def _complete(form: str, truth: float) -> Setting:
    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        unit, rater = np.divmod(np.arange(120), 4)
        return long_frame(unit, rater, crossed_scores(rng, unit, rater, (0.5, 0.1, 0.4)))

    return Setting(
        name=f"icc/complete {form}",
        kind="coverage",
        describe=f"30 candidates by 4 raters, complete, ICC({form}), interval by F",
        simulate=simulate,
        estimate=partial(measure, "icc", form=form),
        truth=truth,
    )


def simulate_exchangeable(
    rng: np.random.Generator, *, candidates: int, panel_sizes: tuple[int, ...], skewed: bool
) -> pl.DataFrame:
    """Panels of raters without levels of their own: alpha's model, unit variance .6 and residual .4."""
    sizes = rng.choice(panel_sizes, candidates)
    unit = np.repeat(np.arange(candidates), sizes)
    score = crossed_scores(rng, unit, np.arange(unit.size), (0.6, 0.0, 0.4))
    return long_frame(unit, np.arange(unit.size), np.digitize(score, SKEWED_CUTS) + 1.0 if skewed else score)


def _alpha(name: str, level: str, candidates: int, *, skewed: bool, truth: float) -> Setting:
    return Setting(
        name=f"krippendorff_alpha/{name}",
        kind="coverage",
        describe=f"{level} alpha, {candidates} candidates, 2 to 4 raters each",
        simulate=partial(simulate_exchangeable, candidates=candidates, panel_sizes=(2, 3, 4), skewed=skewed),
        estimate=partial(measure, "krippendorff_alpha", level=level),
        truth=truth,
    )


@lru_cache
def _alpha_truth(level: str) -> float:
    """Alpha of the skewed five-point scores in a very large sample."""
    rng = np.random.default_rng(2)
    data = simulate_exchangeable(rng, candidates=1_000_000, panel_sizes=(2, 3, 4), skewed=True)
    value = measure("krippendorff_alpha", data, level=level, interval="none").value
    if value is None:
        raise ArithmeticError("the large sample did not determine alpha")
    return value


def _severity(name: str, design: tuple[int, int, tuple[int, ...]], variances: tuple[float, float, float]) -> Setting:
    return Setting(
        name=f"rater_severity/{name}",
        kind="coverage",
        describe="standard deviation of severity, interval by profile likelihood",
        simulate=partial(simulate_panels, design=design, variances=variances),
        estimate=partial(measure, "rater_severity"),
        truth=float(np.sqrt(variances[1])),
    )


SMALL = (100, 20, (2, 3, 4))
MIDDLE = (200, 40, (2, 3))
LARGE = (400, 60, (3,))

SETTINGS: list[Setting] = [
    _g("small", "100 candidates, 20 raters, 2 to 4 each, G about .6", SMALL, (0.5, 0.2, 0.5)),
    _g("middle", "200 candidates, 40 raters, 2 or 3 each, G about .5", MIDDLE, (0.4, 0.3, 0.6)),
    _g("large", "400 candidates, 60 raters, 3 each, G about .85", LARGE, (0.8, 0.05, 0.35)),
    _g("low", "100 candidates, 20 raters, 2 to 4 each, G about .3", SMALL, (0.15, 0.2, 0.6)),
    _g("rater variance near zero", "200 candidates, 40 raters, 2 or 3 each", MIDDLE, (0.5, 0.005, 0.5)),
    _g("rater variance zero", "100 candidates, 20 raters, 2 to 4 each", SMALL, (0.5, 0.0, 0.5)),
    _g("skewed five points", "200 candidates, 40 raters, half of all scores 5", MIDDLE, (0.5, 0.15, 0.5), skewed=True),
    _g("skewed, small", "100 candidates, 20 raters, half of all scores 5", SMALL, (0.3, 0.1, 0.6), skewed=True),
    _g("skewed, large", "400 candidates, 60 raters, half of all scores 5", LARGE, (0.8, 0.1, 0.3), skewed=True),
    _ratio("A,1 incomplete", "A,1", SMALL, 0.5 / 1.2, 0.2),
    _ratio("C,k incomplete", "C,k", MIDDLE, 0.5 / (0.5 + 0.5 / design_constants(MIDDLE)[1]), 0.2),
    _complete("A,1", 0.5),
    _complete("C,k", 0.5 / 0.6),
    _alpha("interval", "interval", 100, skewed=False, truth=0.6),
    _alpha("skewed ordinal", "ordinal", 100, skewed=True, truth=_alpha_truth("ordinal")),
    _alpha("skewed nominal", "nominal", 200, skewed=True, truth=_alpha_truth("nominal")),
    _severity("small", SMALL, (0.5, 0.2, 0.5)),
    _severity("middle", MIDDLE, (0.4, 0.3, 0.6)),
]
