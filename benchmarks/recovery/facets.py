"""Does the interval of the unit share hold the truth where competencies and occasions are facets, too?"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl

from benchmarks.recovery.reliability import panels
from benchmarks.recovery.setting import Setting
from fairpanel.measures.catalogue import measure

THREE = {"unit": 0.5, "rater": 0.15, "unit:rater": 0.2, "unit:item": 0.15, "rater:item": 0.05, "residual": 0.5}
FOUR = {"unit": 0.6, "rater": 0.1, "unit:rater": 0.2, "unit:item": 0.1, "unit:occasion": 0.2, "residual": 0.4}
UNANSWERED = 0.1


def _effects(rng: np.random.Generator, variances: dict[str, float], codes: dict[str, np.ndarray]) -> np.ndarray:
    """The sum of normal effects, one for every combination of codes that a component names."""
    score = np.zeros(codes["unit"].size)
    for name, variance in variances.items():
        if name == "residual":
            level = np.arange(score.size)
        else:
            parts = np.stack([codes[facet] for facet in name.split(":")])
            level = np.unique(parts, axis=1, return_inverse=True)[1].ravel()
        score += rng.normal(0, variance**0.5, int(level.max()) + 1)[level]
    return score


def simulate(
    rng: np.random.Generator, *, units: int, raters: int, panel: tuple[int, ...], items: int, occasions: int
) -> pl.DataFrame:
    """Panels drawn at random, every competency on every form, a tenth unanswered; occasions repeat the forms."""
    unit, rater = panels(units, raters, panel)
    repeat = items * occasions
    codes = {
        "unit": np.repeat(unit, repeat),
        "rater": np.repeat(rater, repeat),
        "item": np.tile(np.repeat(np.arange(items), occasions), unit.size),
        "occasion": np.tile(np.arange(occasions), unit.size * items),
    }
    score = _effects(rng, FOUR if occasions > 1 else THREE, codes)
    kept = rng.random(score.size) > UNANSWERED
    return pl.DataFrame(codes | {"score": score}).filter(pl.Series(kept))


def _share(variances: dict[str, float]) -> float:
    return variances["unit"] / sum(variances.values())


SETTINGS = [
    Setting(
        name=f"variance_components/{name}",
        kind="coverage",
        describe=describe,
        simulate=partial(simulate, units=units, raters=raters, panel=panel, items=items, occasions=occasions),
        estimate=partial(measure, "variance_components", facets=facets),
        truth=_share(FOUR if occasions > 1 else THREE),
    )
    for name, describe, units, raters, panel, items, occasions, facets in (
        (
            "three facets",
            "100 candidates, 2 or 3 of 20 raters, 4 competencies",
            100,
            20,
            (2, 3),
            4,
            1,
            ["unit", "rater", "item"],
        ),
        (
            "three facets, few",
            "40 candidates, 1 to 3 of 8 raters, 3 competencies",
            40,
            8,
            (1, 2, 3),
            3,
            1,
            ["unit", "rater", "item"],
        ),
        (
            "four facets",
            "40 candidates, 2 or 3 of 10 raters, 2 competencies, 2 occasions",
            40,
            10,
            (2, 3),
            2,
            2,
            ["unit", "rater", "item", "occasion"],
        ),
    )
]
