"""Tests of selection rates, scoring rates and d_Mod on designs with a known truth."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.special import ndtr

from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate
from fairpanel.measures.fairness.d_mod import d_mod
from fairpanel.measures.fairness.scoring_rate import scoring_rate
from fairpanel.measures.fairness.two_proportions import boschloo, chi_square, two_proportion_z

CONSERVATIVE: dict[str, str] = {
    "boschloo, groups fixed": "the exact test never rejects above its level, and only at the levels its tables allow",
}

Simulation = Callable[[np.random.Generator], pl.DataFrame]
_PAIR = {"focal": "f", "reference": "r"}


def _selection(sizes: dict[str, int], rate: float) -> Simulation:
    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        group = np.repeat(list(sizes), list(sizes.values()))
        return pl.DataFrame({"group": group, "selected": rng.random(group.size) < rate})

    return simulate


def _scores(focal_n: int, reference_n: int, gap: float) -> Simulation:
    """Normal scores, the focal group's lower by the gap."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal = np.repeat((True, False), (focal_n, reference_n))
        score = rng.standard_normal(focal.size) - gap * focal
        return pl.DataFrame({"group": np.where(focal, "f", "r"), "score": score})

    return simulate


def _true_ratio(focal_share: float, gap: float) -> float:
    """Shares above the median of the mixture."""
    median = brentq(lambda at: focal_share * ndtr(at + gap) + (1 - focal_share) * ndtr(at) - 0.5, -5, 5)
    return float(ndtr(-gap - median) / ndtr(-median))


def _lines(focal_n: int, reference_n: int) -> Simulation:
    """Lines -.05 + .5 x and -.05 + .3 x, focal x half a standard deviation lower, criterion of variance 1."""

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal = np.repeat((True, False), (focal_n, reference_n))
        slope = np.where(focal, 0.3, 0.5)
        x = rng.standard_normal(focal.size) - 0.5 * focal
        y = -0.05 + slope * x + np.sqrt(1 - slope**2) * rng.standard_normal(focal.size)
        return pl.DataFrame({"group": np.where(focal, "f", "r"), "x": x, "y": y})

    return simulate


def _p(estimate: Estimate) -> float:
    found = estimate.detail.get("p_two_sided")
    return 1.0 if found is None else float(found)


def _level(name: str, describe: str, simulate: Simulation, estimate: Callable[..., Estimate]) -> Setting:
    return Setting(
        name=name, kind="type_1", describe=describe, simulate=simulate, estimate=estimate, truth=0.05, p_value=_p
    )


def _coverage(
    name: str, describe: str, simulate: Simulation, estimate: Callable[..., Estimate], truth: float
) -> Setting:
    return Setting(name=name, kind="coverage", describe=describe, simulate=simulate, estimate=estimate, truth=truth)


SETTINGS: list[Setting] = [
    _level("boschloo", "rates .30, 30 each", _selection({"f": 30, "r": 30}, 0.3), partial(boschloo, **_PAIR)),
    _level(
        "boschloo, unequal", "rates .20, 60 and 240", _selection({"f": 60, "r": 240}, 0.2), partial(boschloo, **_PAIR)
    ),
    _level("boschloo, even odds", "rates .50, 40 each", _selection({"f": 40, "r": 40}, 0.5), partial(boschloo, **_PAIR)),
    _level(
        "boschloo, groups fixed", "rates .30, 30 each", _selection({"f": 30, "r": 30}, 0.3),
        partial(boschloo, fixed="groups", **_PAIR),
    ),
    _level(
        "two_proportion_z", "rates .20, 60 and 240", _selection({"f": 60, "r": 240}, 0.2),
        partial(two_proportion_z, **_PAIR),
    ),
    _level(
        "two_proportion_z, share", "800 selected, the focal group's share .15, as given",
        lambda rng: pl.DataFrame({"group": np.where(rng.random(800) < 0.15, "f", "r"), "selected": 1}),
        partial(two_proportion_z, focal="f", share=0.15),
    ),
    _level(
        "chi_square", "four groups of 40 to 160, rates .25",
        _selection({"a": 160, "b": 100, "c": 60, "d": 40}, 0.25), chi_square,
    ),
    _coverage(
        "scoring_rate", "scores .5 lower in the focal group, 150 and 350", _scores(150, 350, 0.5),
        partial(scoring_rate, **_PAIR), _true_ratio(0.3, 0.5),
    ),
    _coverage("scoring_rate, equal", "equal scores, 150 and 250", _scores(150, 250, 0.0), scoring_rate, 1.0),
    _coverage("d_mod", "signed -.10, 100 and 300", _lines(100, 300), partial(d_mod, replicates=400, **_PAIR), -0.1),
    _coverage("d_mod, small", "signed -.10, 40 and 80", _lines(40, 80), partial(d_mod, replicates=400, **_PAIR), -0.1),
]  # fmt: skip
