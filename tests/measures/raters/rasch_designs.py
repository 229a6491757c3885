"""Simulated panels and small tables that the tests of the Rasch model share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.recovery.rasch import draw_scores

FloatArray = npt.NDArray[np.float64]


def panel(
    seed: int = 1, *, candidates: int = 40, raters: int = 6, items: int = 2, each: int = 3, level: float = 0.0
) -> pl.DataFrame:
    """Candidates met by `each` of the raters, five-point scores on every item."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(candidates), each * items)
    rater = np.repeat(np.concatenate([rng.choice(raters, each, replace=False) for _ in range(candidates)]), items)
    item = np.tile(np.arange(items), candidates * each)
    merit, severity = rng.normal(level, 1, candidates), rng.normal(0, 0.5, raters)
    difficulty = np.linspace(-0.4, 0.4, items) if items > 1 else np.zeros(1)
    score = draw_scores(rng, merit[unit] - severity[rater] - difficulty[item])
    columns = {
        "unit": [f"u{one:03}" for one in unit],
        "rater": [f"r{one}" for one in rater],
        "item": [f"i{one:02}" for one in item],
    }
    return pl.DataFrame({**columns, "score": score})


def joined(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Two panels that share neither candidates nor raters."""
    renamed = other.with_columns(pl.col("unit") + "x", pl.col("rater") + "x")
    return pl.concat([one, renamed])


def numbers(detail: Any) -> list[float]:
    """Every number in nested tables."""
    if isinstance(detail, dict):
        return [number for value in detail.values() for number in numbers(value)]
    if isinstance(detail, list | tuple):
        return [number for value in detail for number in numbers(value)]
    return [float(detail)] if isinstance(detail, int | float) else []
