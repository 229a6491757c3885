"""Scores of two groups with a known probability that one is ahead: normal, of five points, with unequal spread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl
from scipy.special import ndtr

from benchmarks.recovery.setting import Setting
from fairpanel.measures.fairness.superiority import probability_of_superiority

_PAIR = {"focal": "f", "reference": "r"}


def _normal(focal_n: int, reference_n: int, gap: float, focal_sd: float = 1.0) -> Callable[..., pl.DataFrame]:
    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal, reference = gap + focal_sd * rng.standard_normal(focal_n), rng.standard_normal(reference_n)
        group = ["f"] * focal_n + ["r"] * reference_n
        return pl.DataFrame({"group": group, "y": np.concatenate((focal, reference))})

    return simulate


def _points(focal_n: int, reference_n: int) -> Callable[..., pl.DataFrame]:
    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        y = rng.choice(5, focal_n + reference_n, p=[0.05, 0.15, 0.4, 0.3, 0.1])
        return pl.DataFrame({"group": ["f"] * focal_n + ["r"] * reference_n, "y": y})

    return simulate


_estimate = partial(probability_of_superiority, **_PAIR)

SETTINGS = [
    Setting(
        name="probability_of_superiority", kind="coverage", describe="gap -.4, 40 and 120 people",
        simulate=_normal(40, 120, -0.4), estimate=_estimate, truth=float(ndtr(-0.4 / 2**0.5)),
    ),
    Setting(
        name="probability_of_superiority, unequal spread", kind="coverage", describe="gap .6, focal SD 2, 30 and 90 people",
        simulate=_normal(30, 90, 0.6, 2.0), estimate=_estimate, truth=float(ndtr(0.6 / 5**0.5)),
    ),
    Setting(
        name="probability_of_superiority, test", kind="type_1", describe="no gap, focal SD 2, 25 and 75 people",
        simulate=_normal(25, 75, 0.0, 2.0), estimate=_estimate, p_value=lambda e: e.detail["p"],
    ),
    Setting(
        name="probability_of_superiority, test, five points", kind="type_1", describe="five points, 20 and 60 people",
        simulate=_points(20, 60), estimate=_estimate, p_value=lambda e: e.detail["p"],
    ),
]  # fmt: skip
