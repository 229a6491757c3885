"""The units × categories table that every agreement coefficient rests on: how often each unit got each score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from fairpanel.measures.estimate import Caution, MeasureInputError
from fairpanel.measures.panel import long_ratings

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
    unit, rater, category : codes of each rating, counted from 0; rater is empty where the role was not given.
    raters : the raters' labels in code order, an empty column where the role was not given.
    missing : rows left out because the score or a label is missing.
    """

    counts: sparse.csr_array
    size: FloatArray
    values: FloatArray
    ordered: bool
    unit: IntArray
    rater: IntArray
    category: IntArray
    raters: pl.Series
    missing: int

    @property
    def shares(self) -> sparse.csr_array:
        """Each unit's ratings as shares of its own number of ratings."""
        return scaled_rows(self.counts, 1 / self.size)

    def n(self) -> dict[str, int]:
        """What an estimate rests on, for its field n."""
        n = {"units": self.size.size, "scores": self.category.size, "missing": self.missing}
        return n | {"raters": len(self.raters)} if len(self.raters) else n

    def missing_caution(self) -> list[Caution]:
        """A MISSING_DATA caution where rows were left out, else nothing."""
        if not self.missing:
            return []
        text = (
            f"{self.missing} of {self.missing + self.category.size} rows have no score (or no label) and were left out"
        )
        return [Caution("MISSING_DATA", text)]

    def select(self, units: BoolArray) -> CountTable:
        """The table of some units; the categories and their places stay."""
        rows = units[self.unit]
        rater, raters = self.rater, self.raters
        if rater.size:
            rater, present = _compressed(rater[rows], len(raters))
            raters = raters.gather(present)
        unit = (np.cumsum(units) - 1)[self.unit[rows]]
        return replace(
            self,
            counts=self.counts[np.flatnonzero(units)],
            size=self.size[units],
            unit=unit,
            rater=rater,
            category=self.category[rows],
            raters=raters,
        )

    def without_unused(self) -> CountTable:
        """The table of the categories that occur."""
        category, present = _compressed(self.category, self.values.size)
        if present.size == self.values.size:
            return self
        shape = (self.size.size, present.size)
        return replace(
            self,
            counts=counted(self.unit, category, shape)[0],
            values=self.values[present],
            category=category,
        )


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
    long_ratings(data.head(0), unit=unit, rater=rater, score=score, categories=True)
    roles = [unit, score] if rater is None else [unit, rater, score]
    kind = data[score].dtype
    textual = kind in (pl.String, pl.Categorical, pl.Enum)
    present = data.select(roles)
    if not textual:
        present = present.with_columns(_numbers(present[score]))
    if any(column.null_count() for column in present):
        present = present.drop_nulls()
    if categories is None and isinstance(kind, pl.Enum):
        categories = kind.categories.to_list()
    place, values, ordered = _placed(present[score].cast(pl.String) if textual else present[score], categories)
    units, unit_labels = _coded(present[unit])
    none = pl.Series("rater", [], dtype=pl.String)
    raters, rater_labels = (np.empty(0, dtype=np.int64), none) if rater is None else _coded(present[rater])
    shape = (len(unit_labels), values.size)
    counts, _ = counted(units, place, shape)
    return CountTable(
        counts=counts,
        size=summed_by_row(counts, counts.data),
        values=values,
        ordered=ordered,
        unit=units,
        rater=raters,
        category=place,
        raters=rater_labels,
        missing=data.height - present.height,
    )


def _numbers(scores: pl.Series) -> pl.Series:
    """Scores as float64, or as whole numbers where they are (found by counting rather than sorting)."""
    if scores.dtype.is_integer():
        return scores
    found = scores.cast(pl.Float64).fill_nan(None)
    whole = found.cast(pl.Int64, strict=False)
    return whole if whole.null_count() == found.null_count() and bool((whole == found).all()) else found


def _placed(scores: pl.Series, categories: Sequence[float] | Sequence[str] | None) -> tuple[IntArray, FloatArray, bool]:
    """Each score's category, the categories' places on the scale, and whether they have an order."""
    place, found = _coded(scores)
    texts = [str(each) for each in found.to_list()] if scores.dtype == pl.String else []
    numbers = _as_numbers(texts) if scores.dtype == pl.String else found.to_numpy().astype(np.float64)
    if numbers is not None and not np.isfinite(numbers).all():
        raise MeasureInputError(f"expected finite numbers in the score column {scores.name!r}, got an infinite one")
    if categories is None:
        if numbers is None:
            return place, np.arange(1.0, len(texts) + 1), False
        values, order = np.unique(numbers, return_inverse=True)
        return order[place], values, True
    given = _given(categories)
    if isinstance(given, tuple):
        if len(found) and numbers is not None:
            raise MeasureInputError(
                f"expected categories that are numbers for the column {scores.name!r}, got {list(categories)}"
            )
        order = np.array([given.index(text) if text in given else -1 for text in texts], dtype=np.int64)
        values = np.arange(1.0, len(given) + 1)
    else:
        if numbers is None:
            raise MeasureInputError(
                f"expected categories that are texts for the column {scores.name!r}, got {list(categories)}"
            )
        values = given
        near = np.clip(np.searchsorted(values, numbers), 0, values.size - 1)
        order = np.where(values[near] == numbers, near, -1)
    outside = [str(found[int(each)]) for each in np.flatnonzero(order < 0)[:5]]
    if outside:
        raise MeasureInputError(
            f"expected scores among the categories {list(categories)}, got {', '.join(outside)} in {scores.name!r}"
        )
    return order[place], values, True


def _coded(column: pl.Series) -> tuple[IntArray, pl.Series]:
    """Codes of a column without nulls and its labels, in ascending order."""
    if column.dtype.is_integer() and len(column):
        low, high = int(column.min()), int(column.max())  # type: ignore[arg-type]
        if high - low <= 4 * len(column) + 1024:
            codes, present = _compressed((column - low).to_numpy().astype(np.int64), high - low + 1)
            return codes, pl.Series(column.name, present + low)
    elif not column.dtype.is_float():
        column = column.cast(pl.String)
    levels = column.unique().sort()
    if column.dtype == pl.String:
        codes = column.cast(pl.Enum(levels)).to_physical().to_numpy().astype(np.int64)
    else:
        codes = np.searchsorted(levels.to_numpy(), column.to_numpy())
    return codes, levels


def _compressed(codes: IntArray, size: int) -> tuple[IntArray, IntArray]:
    """Codes counted anew over those that occur, and which these are."""
    occurs = np.zeros(size, dtype=np.bool_)
    occurs[codes] = True
    if occurs.all():
        return codes, np.arange(size)
    return (np.cumsum(occurs) - 1)[codes], np.flatnonzero(occurs)


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
