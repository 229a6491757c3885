"""Items with a known difference between groups at equal standing: do tests keep their level, intervals hold the truth?"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl

from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate
from fairpanel.measures.fairness.item_bias import dif_mantel_haenszel
from fairpanel.measures.fairness.item_regression import dif_logistic

Simulation = Callable[[np.random.Generator], pl.DataFrame]
_PAIR = {"focal": "f", "reference": "r"}
_CUTS = (2.0, 0.7, -0.5, -2.0)


def _matched_item(
    focal_n: int, reference_n: int, log_odds: float, cuts: tuple[float, ...] = (0.0,), product: float = 0.0
) -> Simulation:
    """The matching score is 0 to 10, one lower in the focal group; a point raises the log odds of the item by .4."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal = np.repeat((True, False), (focal_n, reference_n))
        matching = rng.binomial(10, np.where(focal, 0.45, 0.55))
        index = 0.4 * (matching - 5) + focal * (log_odds + product * (matching - 5))
        reach = 1 / (1 + np.exp(-(index[:, None] + np.array(cuts)[None, :])))
        item = (rng.random(focal.size)[:, None] < reach).sum(axis=1)
        return pl.DataFrame({"group": np.where(focal, "f", "r"), "matching": matching, "item": item})

    return simulate


def _rasch(focal_n: int, reference_n: int) -> Simulation:
    """Twenty items of one difficulty each, no bias, the focal group half an SD lower; matched on their total."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal = np.repeat((True, False), (focal_n, reference_n))
        standing = rng.standard_normal(focal.size) - 0.5 * focal
        difficulty = np.linspace(-1.5, 1.5, 20)
        right = rng.random((focal.size, 20)) < 1 / (1 + np.exp(difficulty[None, :] - standing[:, None]))
        total = right.sum(axis=1)
        return pl.DataFrame({"group": np.where(focal, "f", "r"), "matching": total, "item": right[:, 9].astype(int)})

    return simulate


def _p(key: str) -> Callable[[Estimate], float]:
    def p_value(estimate: Estimate) -> float:
        found = estimate.detail.get(key)
        return 1.0 if found is None else float(found)

    return p_value


def _coverage(
    name: str, describe: str, simulate: Simulation, estimate: Callable[..., Estimate], truth: float
) -> Setting:
    return Setting(name=name, kind="coverage", describe=describe, simulate=simulate, estimate=estimate, truth=truth)


def _level(name: str, describe: str, simulate: Simulation, estimate: Callable[..., Estimate], key: str) -> Setting:
    return Setting(
        name=name, kind="type_1", describe=describe, simulate=simulate, estimate=estimate, truth=0.05, p_value=_p(key)
    )


_mantel = partial(dif_mantel_haenszel, **_PAIR)
_logistic = partial(dif_logistic, **_PAIR)
_HALF = math.log(0.5)

SETTINGS: list[Setting] = [
    _coverage(
        "dif_mantel_haenszel", "odds .5, 150 and 350, two scores", _matched_item(150, 350, _HALF), _mantel,
        -2.35 * -_HALF,
    ),
    _coverage(
        "dif_mantel_haenszel, five scores", "odds .5, 60 and 240", _matched_item(60, 240, _HALF, _CUTS), _mantel,
        -2.35 * -_HALF,
    ),
    _coverage("dif_logistic", "log odds -.69, 80 and 220, two scores", _matched_item(80, 220, _HALF), _logistic, _HALF),
    _coverage(
        "dif_logistic, five scores", "log odds -.69, 40 and 120", _matched_item(40, 120, _HALF, _CUTS), _logistic, _HALF
    ),
    _level(
        "dif_mantel_haenszel, Rasch items", "no bias, 200 and 400, groups half an SD apart, uncorrected",
        _rasch(200, 400), _mantel, "p_uncorrected",
    ),
    _level(
        "dif_mantel_haenszel, Mantel's test", "no bias, five scores, 60 and 240", _matched_item(60, 240, 0.0, _CUTS),
        _mantel, "p",
    ),
    _level("dif_logistic, uniform", "no bias, 60 and 140, two scores", _matched_item(60, 140, 0.0), _logistic, "uniform_p"),
    _level(
        "dif_logistic, nonuniform", "log odds -.69 at every standing, five scores, 60 and 140",
        _matched_item(60, 140, _HALF, _CUTS), _logistic, "nonuniform_p",
    ),
]  # fmt: skip
