"""Panels of known severity met unequally by two groups: do the intervals hold the share that came with them?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl

from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate, Interval
from fairpanel.measures.fairness.panel_assignment import panel_assignment

Simulation = Callable[[np.random.Generator], pl.DataFrame]
_LEVELS = np.concatenate((np.linspace(-0.3, 0.3, 6), np.linspace(-0.6, 0.6, 6)))


def _panels(units: int, merit_gap: float, harsh_share: float) -> Simulation:
    """Two of twelve raters a candidate, one of each half; 40 % are focal.

    The second half's harsher three (.72 below its milder three) meet a focal candidate with harsh_share, another one
    with 1 - harsh_share. Candidates' SD is .8, the residual's .6.
    """

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal = rng.random(units) < 0.4
        harsh = rng.random(units) < np.where(focal, harsh_share, 1 - harsh_share)
        rater = np.concatenate((rng.integers(0, 6, units), 6 + rng.integers(0, 3, units) + 3 * ~harsh))
        merit = 0.8 * rng.standard_normal(units) + merit_gap * focal
        score = np.tile(merit, 2) + _LEVELS[rater] + 0.6 * rng.standard_normal(2 * units)
        columns = {"unit": np.tile(np.arange(units), 2), "rater": rater, "score": score}
        return pl.DataFrame(columns | {"group": np.tile(np.where(focal, "f", "r"), 2)})

    return simulate


def _between(merit_gap: float, harsh_share: float) -> tuple[float, float]:
    """The difference in mean leniency met, and its share of the gap."""
    between = -0.72 * (2 * harsh_share - 1) / 2
    return between, between / (between + merit_gap)


def _part(estimate: Estimate) -> Estimate:
    """The part between as the value, with its own interval."""
    low, high = estimate.detail["between_interval"]
    interval = Interval(low=low, high=high, level=0.95, method="percentile bootstrap")
    return Estimate(
        measure="between", method="percentile bootstrap", value=estimate.detail["between"], interval=interval
    )


_assignment = partial(panel_assignment, focal="f", reference="r", replicates=200)

SETTINGS: list[Setting] = [
    Setting(
        name="panel_assignment, share", kind="coverage",
        describe="240 candidates, merit gap -.5, harsher panels for 80 % of the focal group, Fieller",
        simulate=_panels(240, -0.5, 0.8), estimate=_assignment, truth=_between(-0.5, 0.8)[1],
    ),
    Setting(
        name="panel_assignment, no share", kind="coverage",
        describe="200 candidates, merit gap -.6, panels alike, Fieller",
        simulate=_panels(200, -0.6, 0.5), estimate=_assignment, truth=0.0,
    ),
    Setting(
        name="panel_assignment, between", kind="coverage",
        describe="120 candidates, no merit gap, harsher panels for 80 % of the focal group, percentile bootstrap",
        simulate=_panels(120, 0.0, 0.8), estimate=lambda frame: _part(_assignment(frame)), truth=_between(0.0, 0.8)[0],
    ),
]  # fmt: skip
