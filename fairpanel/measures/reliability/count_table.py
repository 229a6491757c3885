"""The units × categories table that every agreement coefficient rests on: how often each unit got each score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from fairpanel.measures.estimate import MeasureInputError
from fairpanel.measures.panel import Ratings, long_ratings

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountTable:
    """Ratings counted by unit and category; memory is linear in the ratings.

    counts : sparse units × categories.
    size : ratings per unit.
    values : place of each category on the scale, ascending; 1, 2, … for text in a given order.
    ordered : whether those places mean anything (text without a given order has none).
    ratings, category : the ratings themselves and the category of each.
    """

    counts: sparse.csr_array
    size: FloatArray
    values: FloatArray
    ordered: bool
    ratings: Ratings
    category: IntArray

    @property
    def shares(self) -> sparse.csr_array:
        """Each unit's ratings as shares of its own number of ratings."""
        return scaled_rows(self.counts, 1 / self.size)

    def select(self, units: BoolArray) -> CountTable:
        """The table of some units; the categories stay."""
        rows = units[self.ratings.unit]
        return tabulated(self.ratings.select(rows), self.category[rows], self.values, ordered=self.ordered)


def count_table(
    data: pl.DataFrame,
    /,
    *,
    unit: str,
    rater: str | None,
    score: str,
    categories: Sequence[float] | Sequence[str] | None = None,
) -> CountTable:
    """Count the ratings of a long frame by unit and category.

    Parameters
    ----------
    data : one rating a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names; rater may be None.
    categories : all points of the scale, in order, also those that nobody used. Without it: the levels of an Enum
        column, else the scores that occur.

    Raises
    ------
    MeasureInputError
        A missing column, a score outside the given categories, a category given twice.
    """
    ratings = long_ratings(data, unit=unit, rater=rater, score=score, categories=True)
    kind = data[score].dtype
    if categories is None and isinstance(kind, pl.Enum):
        categories = kind.categories.to_list()
    labels = ratings.categories
    numbers = _as_numbers(labels) if labels else None
    score_values = ratings.score if numbers is None else numbers[ratings.score.astype(np.int64)]
    textual = bool(labels) and numbers is None
    if categories is None:
        values, category = np.unique(score_values, return_inverse=True)
        return tabulated(ratings, category.astype(np.int64), values, ordered=not textual)
    given = _given(categories)
    if isinstance(given, tuple):
        if ratings.score.size and not textual:
            raise MeasureInputError(
                f"expected categories that are numbers for the column {score!r}, got {categories!r}"
            )
        found = labels
        place = np.array([given.index(label) if label in given else -1 for label in labels], dtype=np.int64)
        category = place[ratings.score.astype(np.int64)] if labels else np.empty(0, dtype=np.int64)
        values = np.arange(1.0, len(given) + 1)
    else:
        if textual:
            raise MeasureInputError(f"expected categories that are texts for the column {score!r}, got {categories!r}")
        values = given
        near = np.clip(np.searchsorted(values, score_values), 0, values.size - 1)
        category = np.where(values[near] == score_values, near, -1)
        found = tuple(f"{value:g}" for value in np.unique(score_values[category < 0]))
    if (category < 0).any():
        outside = [label for label in found if isinstance(given, np.ndarray) or label not in given]
        raise MeasureInputError(
            f"expected scores among the categories {list(categories)}, got {', '.join(outside[:5])} in {score!r}"
        )
    return tabulated(ratings, category.astype(np.int64), values, ordered=True)


def _as_numbers(labels: Sequence[str]) -> FloatArray | None:
    """Text labels as numbers where all of them read as one."""
    read = pl.Series(labels, dtype=pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return read.to_numpy() if read.null_count() == 0 and bool(read.is_finite().all()) else None


def _given(categories: Sequence[float] | Sequence[str]) -> FloatArray | tuple[str, ...]:
    """Categories as ascending numbers, or as texts in the order given."""
    if isinstance(categories, str) or not categories:
        raise MeasureInputError(f"expected a list of categories, got {categories!r}")
    texts = tuple(str(category) for category in categories)
    if len(set(texts)) < len(texts):
        raise MeasureInputError(f"expected different categories, got {list(categories)}")
    numbers = _as_numbers(texts)
    return texts if numbers is None else np.sort(numbers)


def tabulated(ratings: Ratings, category: IntArray, values: FloatArray, *, ordered: bool) -> CountTable:
    """The table of ratings whose categories are known."""
    counts = counted(ratings.unit, category, (len(ratings.units), values.size))[0]
    size = np.bincount(ratings.unit, minlength=len(ratings.units)).astype(np.float64)
    return CountTable(counts=counts, size=size, values=values, ordered=ordered, ratings=ratings, category=category)


def counted(
    row: IntArray, column: IntArray, shape: tuple[int, int], weight: FloatArray | None = None
) -> tuple[sparse.csr_array, IntArray]:
    """A sparse table of (weighted) counts, and for each rating the place of its cell in the table's data."""
    key = row * shape[1] + column
    cells = shape[0] * shape[1]
    if cells <= 8 * key.size + 1024:
        total = np.bincount(key, minlength=cells)
        used = np.flatnonzero(total)
        place = np.empty(cells, dtype=np.int64)
        place[used] = np.arange(used.size)
        cell = place[key]
        data = total[used].astype(np.float64)
    else:
        used, cell, total = np.unique(key, return_inverse=True, return_counts=True)
        data = total.astype(np.float64)
    if weight is not None:
        data = np.bincount(cell, weights=weight, minlength=used.size).astype(np.float64)
    rows, columns = np.divmod(used, max(shape[1], 1))
    ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    return sparse.csr_array((data, columns, ends), shape=shape), cell


def row_of_each(table: sparse.csr_array) -> IntArray:
    """The row of each stored entry."""
    return np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))


def scaled_rows(table: sparse.csr_array, factor: FloatArray) -> sparse.csr_array:
    """Each row times its factor."""
    data = table.data * factor[row_of_each(table)]
    return sparse.csr_array((data, table.indices, table.indptr), shape=table.shape)


def summed_by_row(table: sparse.csr_array, values: FloatArray) -> FloatArray:
    """Sums over rows of one value per stored entry."""
    return np.bincount(row_of_each(table), weights=values, minlength=table.shape[0]).astype(np.float64)
