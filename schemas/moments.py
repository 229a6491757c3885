"""When something can have happened: a check that the contracts share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from pandera.polars import PolarsData

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)


def plausible_moment(data: PolarsData) -> pl.LazyFrame:
    """True where the checked column is empty, or after 1970 and not more than a year ahead of this machine's clock."""
    column = pl.col(data.key)
    latest = datetime.now(UTC) + timedelta(days=366)
    return data.lazyframe.select(column.is_null() | column.is_between(EARLIEST, latest))
