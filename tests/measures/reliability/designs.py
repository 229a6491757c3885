"""Small designs and published tables that the tests of reliability and rater measures share."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from hypothesis import strategies as st

SHROUT_FLEISS = ((9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7))


def long(rows: tuple[tuple[float | None, ...], ...]) -> pl.DataFrame:
    """A table of units by raters as long ratings; None is a missing score."""
    cells = [(unit, f"r{rater}", score) for unit, row in enumerate(rows) for rater, score in enumerate(row)]
    return pl.DataFrame(cells, schema={"unit": pl.Int64, "rater": pl.String, "score": pl.Float64}, orient="row")


def ratings(*cells: tuple[str, str, float | None]) -> pl.DataFrame:
    return pl.DataFrame(list(cells), schema={"unit": pl.String, "rater": pl.String, "score": pl.Float64}, orient="row")


THIN: dict[str, tuple[pl.DataFrame, str]] = {
    "one rater per candidate": (ratings(("a", "x", 1), ("b", "y", 2), ("c", "x", 3), ("d", "y", 5)), "SINGLE_RATINGS"),
    "constant scores": (ratings(("a", "x", 3), ("a", "y", 3), ("b", "x", 3), ("b", "y", 3)), "CONSTANT_INPUT"),
    "one candidate": (ratings(("a", "x", 3), ("a", "y", 4), ("a", "z", 2)), "SMALL_SAMPLE"),
    "one rater": (ratings(("a", "x", 3), ("b", "x", 4), ("c", "x", 2)), "ONE_RATER"),
    "all missing": (ratings(("a", "x", None), ("b", "x", None), ("b", "y", None)), "SMALL_SAMPLE"),
    "one score": (ratings(("a", "x", 3)), "SMALL_SAMPLE"),
}

STILL_ESTIMABLE: dict[str, pl.DataFrame] = {
    "one candidate per rater": ratings(
        ("a", "p", 1), ("a", "q", 2), ("b", "r", 4), ("b", "s", 4), ("c", "t", 2), ("c", "u", 3)
    ),
    "two panels that share nobody": ratings(
        ("a", "x", 1),
        ("a", "y", 2),
        ("b", "x", 3),
        ("b", "y", 5),
        ("c", "z", 1),
        ("c", "w", 1),
        ("d", "z", 4),
        ("d", "w", 3),
    ),
    "a rater with one score": ratings(
        ("a", "x", 1), ("a", "y", 2), ("b", "x", 3), ("b", "y", 5), ("c", "x", 2), ("c", "y", 2), ("c", "z", 1)
    ),
    "perfect agreement": ratings(
        ("a", "x", 1), ("a", "y", 1), ("b", "x", 3), ("b", "y", 3), ("c", "x", 2), ("c", "y", 2)
    ),
    "raters differ by a constant": ratings(
        ("a", "x", 1), ("a", "y", 2), ("b", "x", 3), ("b", "y", 4), ("c", "x", 2), ("c", "y", 3)
    ),
    "units that do not differ": ratings(
        ("a", "x", 1),
        ("a", "y", 3),
        ("b", "x", 3),
        ("b", "y", 1),
        ("c", "x", 2),
        ("c", "y", 2),
        ("d", "x", 2),
        ("d", "y", 2),
    ),
    "a pair that occurs twice": ratings(
        ("a", "x", 1), ("a", "x", 2), ("a", "y", 2), ("b", "x", 3), ("b", "y", 5), ("c", "x", 2), ("c", "y", 1)
    ),
}


@st.composite
def incomplete_panels(draw: st.DrawFn) -> pl.DataFrame:
    """Five to twelve units, each scored 1 to 5 by two or three of five raters, with at least two distinct scores."""
    cells = []
    for unit in range(draw(st.integers(5, 12))):
        raters = draw(st.lists(st.integers(0, 4), min_size=2, max_size=3, unique=True))
        cells += [(f"u{unit}", f"r{rater}", draw(st.integers(1, 5))) for rater in raters]
    cells[0] = (*cells[0][:2], 1)
    cells[1] = (*cells[1][:2], 5)
    return pl.DataFrame(cells, schema={"unit": pl.String, "rater": pl.String, "score": pl.Float64}, orient="row")


def shuffled(data: pl.DataFrame) -> pl.DataFrame:
    return data.sample(fraction=1, shuffle=True, seed=11)


def relabelled(data: pl.DataFrame) -> pl.DataFrame:
    """Raters and units under names that sort the other way round."""
    names = {name: f"n{99 - place}" for place, name in enumerate(sorted(data["rater"].unique().to_list()))}
    units = {name: f"m{99 - place}" for place, name in enumerate(sorted(data["unit"].unique().to_list()))}
    return data.with_columns(pl.col("rater").replace_strict(names), pl.col("unit").replace_strict(units))


def rescaled(data: pl.DataFrame) -> pl.DataFrame:
    return data.with_columns(pl.col("score") * 7.5 - 3)


UNCHANGED: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "row order": shuffled,
    "labels": relabelled,
    "affine scale": rescaled,
}
