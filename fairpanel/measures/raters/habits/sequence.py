"""The order in which a rater met candidates: position in the day and the candidate before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from fairpanel.measures.estimate import MeasureInputError
from fairpanel.measures.raters.habits.forms import Forms

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """Forms of days on which their rater met several candidates, at known and different times.

    rows : form numbers; position : 0 for the day's first candidate. after : numbers, among rows, of forms with a
    candidate before whom others scored, too; before : what those others make one expect of the candidate before.
    """

    rows: IntArray
    position: FloatArray
    after: IntArray
    before: FloatArray


def times(column: pl.Series, what: str, /) -> FloatArray:
    """Days since the epoch, nan where unknown. Text is read as ISO 8601 dates and times."""
    if column.dtype == pl.String:
        read = column.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False)
        for form in ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M", "%Y-%m-%d"):
            other = column.str.strptime(pl.Datetime, form, strict=False)
            zoned = isinstance(other.dtype, pl.Datetime) and other.dtype.time_zone is not None
            read = read.fill_null(other.dt.replace_time_zone(None) if zoned else other)
        if read.null_count() > column.null_count():
            bad = column.filter(read.is_null() & column.is_not_null())[0]
            raise MeasureInputError(f"expected ISO dates or times such as 2025-01-31T09:30:00 for {what}, got {bad!r}")
        column = read
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        micro = column.cast(pl.Datetime("us")).to_physical().cast(pl.Float64)
        return np.asarray(micro.to_numpy() / 86_400e6, dtype=np.float64)
    if column.dtype.is_numeric():
        return np.asarray(column.cast(pl.Float64).fill_null(float("nan")).to_numpy(), dtype=np.float64)
    if column.dtype == pl.Null:
        return np.full(column.len(), np.nan)
    raise MeasureInputError(f"expected dates, times or numbers of days for {what}, got {column.dtype}")


def sequence(forms: Forms, met: FloatArray, /) -> Sequence | None:
    """The sequences within days; None where times do not tell an order.

    met : when each form's candidate was met, in days (nan unknown). Candidates met at the very same time have no order
    and their day is left out.
    """
    rows = np.flatnonzero(np.isfinite(met))
    rows = rows[np.lexsort((met[rows], forms.rater[rows]))]
    day = np.unique(np.column_stack([forms.rater[rows], np.floor(met[rows])]), axis=0, return_inverse=True)[1].ravel()
    same_day = np.diff(day, prepend=-1) == 0
    tied = same_day & (np.diff(met[rows], prepend=np.inf) == 0)
    usable = (np.bincount(day)[day] > 1) & (np.bincount(day, tied)[day] == 0)
    rows, day, same_day = rows[usable], day[usable], same_day[usable]
    if rows.size == 0:
        return None
    start = np.maximum.accumulate(np.where(same_day, 0, np.arange(rows.size)))
    previous = np.flatnonzero(same_day & (np.roll(forms.others[rows], 1) > 0))
    return Sequence(
        rows=rows,
        position=(np.arange(rows.size) - start).astype(np.float64),
        after=previous,
        before=forms.expected[rows[previous - 1]],
    )
