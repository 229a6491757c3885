"""Panels of known severity met unequally by two groups: do the intervals hold the share that came with them?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl
from scipy.special import ndtr

from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate, Interval
from fairpanel.measures.fairness.decision_flips import decision_flips
from fairpanel.measures.fairness.panel_assignment import panel_assignment
from fairpanel.measures.fairness.rater_group_interaction import rater_group_interaction

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


def _interviewers(raters: int, units: int, spread: float, similarity: float = 0.0) -> Simulation:
    """Three random raters a candidate, 40 % focal; the mean gap is -.2 and raters' gaps have an SD of `spread`.

    Every second rater is of the focal group; a rater gives `similarity` points more to their own group.
    """

    def simulate(rng: np.random.Generator) -> pl.DataFrame:
        focal = rng.random(units) < 0.4
        rater = np.argsort(rng.random((units, raters)), axis=1)[:, :3].T.ravel()
        unit = np.tile(np.arange(units), 3)
        gap, level = spread * rng.standard_normal(raters) - 0.2, 0.4 * rng.standard_normal(raters)
        same = (rater % 2 == 0) == focal[unit]
        score = 0.8 * rng.standard_normal(units)[unit] + level[rater] + gap[rater] * focal[unit] + similarity * same
        score += 0.6 * rng.standard_normal(unit.size)
        groups = {"group": np.where(focal[unit], "f", "r"), "own": np.where(rater % 2 == 0, "f", "r")}
        return pl.DataFrame({"unit": unit, "rater": rater, "score": score, **groups})

    return simulate


def _same_group(estimate: Estimate) -> Estimate:
    """The same-group effect as the value, with its own interval."""
    found = estimate.detail["similarity"]
    interval = Interval(low=found["low"], high=found["high"], level=0.95, method="hc3")
    return Estimate(measure="similarity", method="hc3", value=found["effect"], interval=interval)


def _between(merit_gap: float, harsh_share: float) -> tuple[float, float]:
    """The difference in mean leniency met, and its share of the gap."""
    between = -0.72 * (2 * harsh_share - 1) / 2
    return between, between / (between + merit_gap)


def _flips(merit_gap: float, harsh_share: float) -> float:
    """The share of candidates on different sides of 0 with and without their raters' true levels."""
    total = 0.0
    for focal, weight in ((True, 0.4), (False, 0.6)):
        harsh = harsh_share if focal else 1 - harsh_share
        for second in range(6):
            chance = weight * (harsh if second < 3 else 1 - harsh) / 18
            level = (_LEVELS[:6] + _LEVELS[6 + second]) / 2
            low, high = (ndtr(-(merit_gap * focal + each) / np.sqrt(0.64 + 0.18)) for each in (level, 0.0))
            total += chance * float(np.abs(low - high).sum())
    return total


def _part(estimate: Estimate) -> Estimate:
    """The part between as the value, with its own interval."""
    low, high = estimate.detail["between_interval"]
    interval = Interval(low=low, high=high, level=0.95, method="percentile bootstrap")
    return Estimate(
        measure="between", method="percentile bootstrap", value=estimate.detail["between"], interval=interval
    )


_assignment = partial(panel_assignment, focal="f", reference="r", replicates=200)

_interaction = partial(rater_group_interaction, focal="f", reference="r")

SETTINGS: list[Setting] = [
    Setting(
        name="panel_assignment, share", kind="coverage",
        describe="240 candidates, merit gap -.5, harsher panels for 80 % of the focal group, Fieller",
        simulate=_panels(240, -0.5, 0.8), estimate=_assignment, truth=_between(-0.5, 0.8)[1],
    ),
    Setting(
        name="panel_assignment, no share", kind="coverage",
        describe="200 candidates, merit gap -.8, panels alike, Fieller",
        simulate=_panels(200, -0.8, 0.5), estimate=_assignment, truth=0.0,
    ),
    Setting(
        name="panel_assignment, between", kind="coverage",
        describe="120 candidates, no merit gap, harsher panels for 80 % of the focal group, percentile bootstrap",
        simulate=_panels(120, 0.0, 0.8), estimate=lambda frame: _part(_assignment(frame)), truth=_between(0.0, 0.8)[0],
    ),
    Setting(
        name="rater_group_interaction", kind="coverage",
        describe="SD of gaps .3 among 20 raters, 200 candidates with three each, generalized Q",
        simulate=_interviewers(20, 200, 0.3), estimate=_interaction, truth=0.3,
    ),
    Setting(
        name="rater_group_interaction, same group", kind="coverage",
        describe="own group .2 higher, SD of gaps .3 among 30 raters, 200 candidates, hc3",
        simulate=_interviewers(30, 200, 0.3, 0.2),
        estimate=lambda frame: _same_group(_interaction(frame, rater_group="own")), truth=0.2,
    ),
    Setting(
        name="rater_group_interaction, test", kind="type_1",
        describe="20 raters who see one gap, 120 candidates", simulate=_interviewers(20, 120, 0.0),
        estimate=_interaction, truth=0.05, p_value=lambda estimate: float(estimate.detail["p"]),
    ),
    Setting(
        name="decision_flips", kind="coverage",
        describe="cut 0, 480 candidates, twelve raters with levels of -.6 to .6, panels alike, Wilson",
        simulate=_panels(480, -0.3, 0.5), estimate=partial(decision_flips, cut=0.0, focal="f", reference="r"),
        truth=_flips(-0.3, 0.5),
    ),
]  # fmt: skip
