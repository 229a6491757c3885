"""Do the intervals of contrasts between stages or roles hold the truth? Sparse, unequal panels with unanswered scores."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.recovery.reliability import SKEWED_CUTS
from benchmarks.recovery.setting import Setting
from fairpanel.measures.catalogue import measure

FloatArray = npt.NDArray[np.float64]

RHO, GAP = 0.7, 0.3
SD_RATER, SD_RESIDUAL = 0.5, 0.9
UNANSWERED = 0.1


def simulate(
    rng: np.random.Generator, *, units: int, raters: int, panel: tuple[int, int], skewed: bool = False
) -> pl.DataFrame:
    """Two conditions with rater pools of their own; workloads differ by an order of magnitude; a tenth unanswered."""
    true = _true(rng, units)
    parts = []
    for place, condition in enumerate(("a", "b")):
        severity, work = rng.normal(0, SD_RATER, raters), rng.pareto(2.5, raters) + 0.3
        sizes = rng.integers(panel[0], panel[1] + 1, units)
        unit = np.repeat(np.arange(units), sizes)
        rater = np.concatenate([rng.choice(raters, size, replace=False, p=work / work.sum()) for size in sizes])
        score = true[place][unit] + severity[rater] + rng.normal(0, SD_RESIDUAL, unit.size) + (GAP if place == 0 else 0)
        kept = rng.random(unit.size) > UNANSWERED
        frame = pl.DataFrame({"unit": unit, "rater": rater + place * raters, "score": score}).filter(pl.Series(kept))
        parts.append(frame.with_columns(pl.lit(condition).alias("condition")))
    frame = pl.concat(parts)
    if not skewed:
        return frame
    return frame.with_columns(pl.Series("score", np.digitize(frame["score"].to_numpy(), SKEWED_CUTS) + 1.0))


def _true(rng: np.random.Generator, units: int) -> FloatArray:
    first, own = rng.normal(size=(2, units))
    return np.stack([first, RHO * first + (1 - RHO**2) ** 0.5 * own])


@lru_cache
def skewed_truth() -> tuple[float, float]:
    """Difference and correlation of expected five-point scores, from fresh raters and residuals for every score."""
    rng = np.random.default_rng(1)
    true = _true(rng, 4_000_000)

    def scores(place: int) -> FloatArray:
        noise = rng.normal(0, (SD_RATER**2 + SD_RESIDUAL**2) ** 0.5, true.shape[1])
        return np.digitize(true[place] + noise + (GAP if place == 0 else 0), SKEWED_CUTS) + 1.0

    first, second = scores(0), scores(1)
    variances = [float(np.cov(one, scores(place))[0, 1]) for place, one in enumerate((first, second))]
    correlation = float(np.cov(first, second)[0, 1]) / float(np.sqrt(variances[0] * variances[1]))
    return float(first.mean() - second.mean()), correlation


_DESIGNS = (
    ("complete", "60 candidates, 2 pools of 6 raters, 6 scores each", 60, 6, (6, 6), False),
    (
        "sparse",
        "200 candidates, 1 to 3 of 30 raters a stage, unequal workloads, 10 % unanswered",
        200,
        30,
        (1, 3),
        False,
    ),
    ("sparse five-point", "the same, skewed five-point scores", 200, 30, (1, 3), True),
    ("large panels", "150 candidates, 3 to 5 of 20 raters a stage, 10 % unanswered, five-point", 150, 20, (3, 5), True),
)

SETTINGS = [
    Setting(
        name=f"{name}/{design}",
        kind="coverage",
        describe=describe,
        simulate=partial(simulate, units=units, raters=raters, panel=panel, skewed=skewed),
        estimate=partial(measure, name),
        truth=skewed_truth()[place] if skewed else (GAP, RHO)[place],
    )
    for place, name in enumerate(("condition_difference", "condition_correlation"))
    for design, describe, units, raters, panel, skewed in _DESIGNS
]
