"""Which period each person belongs to: dates, months of dates, or ordered labels, in order."""

from __future__ import annotations

from typing import Literal

import polars as pl

from fairpanel.measures.columns import Labels, column
from fairpanel.measures.estimate import MeasureInputError

Every = Literal["given", "month", "quarter", "year"]


def in_periods(data: pl.DataFrame, name: str, every: Every) -> Labels:
    """Codes of a column's periods in ascending order; -1 where missing.

    Numbers, dates and ordered categories (Enum) keep their own order, text is sorted as text ("2025-03" before
    "2025-10"). every: "month", "quarter" or "year" groups dates, or text that begins with year and month.
    """
    series = column(data, name, "period")
    if series.dtype.is_nested():
        raise MeasureInputError(f"column {name!r} (period) must hold one period a row, got {series.dtype}")
    if series.dtype.is_float():
        series = series.fill_nan(None)
    if every != "given":
        series = _grouped(series, name, every)
    elif not (series.dtype.is_numeric() or series.dtype.is_temporal() or isinstance(series.dtype, pl.Enum)):
        series = series.cast(pl.String)
    levels = series.drop_nulls().unique().sort()
    codes = series.rank("dense").cast(pl.Int64).fill_null(0) - 1
    names = [str(level) for level in levels.to_list()]
    return Labels(codes.to_numpy().copy(), names)


def _grouped(series: pl.Series, name: str, every: Every) -> pl.Series:
    text = series.cast(pl.String).str.strip_chars()
    wrong = (text.is_not_null() & ~text.str.contains(r"^\d{4}-(0[1-9]|1[0-2])(\D|$)")).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise MeasureInputError(
            f"every={every!r} takes dates or text such as 2025-03-31 in column {name!r} (period); row {row + 1} holds "
            f"{series[row]!r}"
        )
    if every == "year":
        return text.str.slice(0, 4)
    if every == "month":
        return text.str.slice(0, 7)
    quarter = (text.str.slice(5, 2).cast(pl.Int64) + 2) // 3
    frame = pl.DataFrame({"year": text.str.slice(0, 4), "quarter": quarter})
    return frame.select(pl.format("{}-Q{}", "year", "quarter").alias("period"))["period"]
