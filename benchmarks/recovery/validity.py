"""Designs with known validity: do the intervals hold the truth?"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars as pl

from benchmarks.recovery import chain, competencies, criterion, prediction
from benchmarks.recovery.setting import Setting
from fairpanel.measures.validity.criterion import pearson, spearman
from fairpanel.measures.validity.range_restriction import corrected_validity
from fairpanel.measures.validity.selection import selection_validity

CONSERVATIVE: dict[str, str] = {**prediction.CONSERVATIVE, **criterion.CONSERVATIVE, **competencies.CONSERVATIVE}


def _bivariate(r: float, n: int) -> Callable[[np.random.Generator], pl.DataFrame]:
    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        x = rng.standard_normal(n)
        return pl.DataFrame({"x": x, "y": r * x + math.sqrt(1 - r * r) * rng.standard_normal(n)})

    return simulate


def _pool(
    r: float, applicants: int, hired: int, *, stages: int = 1, holes: float = 0.0
) -> Callable[[np.random.Generator], pl.DataFrame]:
    """Top-down hiring on x, or on x plus an earlier stage z (correlated .4 with x, slope .3 on y).

    With holes that share of z is missing completely at random (then hiring looks at x alone).
    """

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        x, noise = rng.standard_normal((2, applicants))
        z = 0.4 * x + math.sqrt(1 - 0.16) * noise
        slope_z = 0.3 if stages == 2 or holes else 0.0
        slope_x = r - 0.4 * slope_z
        residual = 1 - (slope_x**2 + slope_z**2 + 2 * 0.4 * slope_x * slope_z)
        y = slope_x * x + slope_z * z + math.sqrt(residual) * rng.standard_normal(applicants)
        merit = x + z if stages == 2 else x
        taken = merit >= np.partition(merit, -hired)[-hired]
        seen = np.where(rng.random(applicants) < holes, np.nan, z) if holes else z
        return pl.DataFrame({"x": x, "z": seen, "y": np.where(taken, y, np.nan), "selected": taken})

    return simulate


def _two_gates(rng: np.random.Generator) -> pl.DataFrame:
    """1,000 applicants; the better half by z is interviewed (x exists for them alone); of these 150 are hired by x."""
    z = rng.standard_normal(1000)
    x = 0.4 * z + math.sqrt(1 - 0.16) * rng.standard_normal(1000)
    y = 0.4 * x + math.sqrt(1 - 0.16) * rng.standard_normal(1000)
    invited = z >= np.median(z)
    merit = np.where(invited, x, -np.inf)
    taken = merit >= np.partition(merit, -150)[-150]
    return pl.DataFrame({"x": np.where(invited, x, np.nan), "z": z, "y": np.where(taken, y, np.nan), "selected": taken})


def _case_2(rng: np.random.Generator) -> pl.DataFrame:
    frame = _pool(0.4, 1000, 300)(rng)
    return frame.filter("selected")


_RATIO = 0.5143378  # SD of a standard normal cut at its upper 30 %

SETTINGS: list[Setting] = [
    Setting(
        name="pearson",
        kind="coverage",
        describe="r .3, 50 people, Fisher z",
        simulate=_bivariate(0.3, 50),
        estimate=pearson,
        truth=0.3,
    ),
    Setting(
        name="pearson, bootstrap",
        kind="coverage",
        describe="r .3, 100 people, percentile bootstrap with 400 replicates",
        simulate=_bivariate(0.3, 100),
        estimate=lambda frame: pearson(frame, interval="bootstrap", replicates=400),
        truth=0.3,
    ),
    Setting(
        name="spearman",
        kind="coverage",
        describe="normal scores with r .5, 60 people, Bonett-Wright",
        simulate=_bivariate(0.5, 60),
        estimate=spearman,
        truth=6 / math.pi * math.asin(0.25),
    ),
    Setting(
        name="corrected_validity, direct",
        kind="coverage",
        describe="r .4, upper 30 % of 1,000 hired, u known, Fisher ends carried through Case II",
        simulate=_case_2,
        estimate=lambda frame: corrected_validity(frame, correction="direct", u=_RATIO),
        truth=0.4,
    ),
    Setting(
        name="selection_validity, 200 of 2,000 by x",
        kind="coverage",
        describe="r .3, hired top-down by the interview score",
        simulate=_pool(0.3, 2000, 200),
        estimate=selection_validity,
        truth=0.3,
    ),
    Setting(
        name="selection_validity, 60 of 600 by x",
        kind="coverage",
        describe="r .4, hired top-down by the interview score",
        simulate=_pool(0.4, 600, 60),
        estimate=selection_validity,
        truth=0.4,
    ),
    Setting(
        name="selection_validity, 200 of 2,000 by two stages",
        kind="coverage",
        describe="r .3, hired by the sum of the score and an earlier stage",
        simulate=_pool(0.3, 2000, 200, stages=2),
        estimate=lambda frame: selection_validity(frame, covariates=["z"]),
        truth=0.3,
    ),
    Setting(
        name="selection_validity, 60 of 600 by two stages",
        kind="coverage",
        describe="r .5, hired by the sum of the score and an earlier stage",
        simulate=_pool(0.5, 600, 60, stages=2),
        estimate=lambda frame: selection_validity(frame, covariates=["z"]),
        truth=0.5,
    ),
    Setting(
        name="selection_validity, two gates",
        kind="coverage",
        describe="r .4, interview only for the better half of 1,000, 150 hired by the interview",
        simulate=_two_gates,
        estimate=lambda frame: selection_validity(frame, covariates=["z"]),
        truth=0.4,
    ),
    Setting(
        name="selection_validity, EM",
        kind="coverage",
        describe="r .4, 300 of 1,000 hired by x, a fifth of the earlier stage missing at random: stages not nested",
        simulate=_pool(0.4, 1000, 300, holes=0.2),
        estimate=lambda frame: selection_validity(frame, covariates=["z"]),
        truth=0.4,
    ),
    Setting(
        name="selection_validity, direct",
        kind="coverage",
        describe="r .3, 100 of 500 hired by x, Case II",
        simulate=_pool(0.3, 500, 100),
        estimate=lambda frame: selection_validity(frame, method="direct"),
        truth=0.3,
    ),
    *prediction.SETTINGS,
    *criterion.SETTINGS,
    *competencies.SETTINGS,
    *chain.SETTINGS,
]
