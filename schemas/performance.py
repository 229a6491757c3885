"""Row contract of the performance table: one rating of someone hired, by one person, on one dimension."""

from __future__ import annotations

from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from schemas.moments import plausible_moment
from schemas.vocabulary import REVIEW_STATUSES, REVIEW_TYPES


class Performance(pa.DataFrameModel):
    """Only manager reviews with a final status count by default; the others are kept."""

    candidate_id: pl.String = pa.Field(nullable=False)
    dimension: pl.String = pa.Field(nullable=False)
    rating: pl.Float64 = pa.Field(nullable=True)
    scale_min: pl.Float64 = pa.Field(nullable=True)
    scale_max: pl.Float64 = pa.Field(nullable=True)
    review_type: pl.String = pa.Field(isin=REVIEW_TYPES)
    status: pl.String = pa.Field(isin=REVIEW_STATUSES)
    rated_on: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(nullable=False)

    @pa.check("rated_on", name="moment_implausible")
    @classmethod
    def rating_is_in_living_memory(cls, data: PolarsData) -> pl.LazyFrame:
        return plausible_moment(data)

    @pa.dataframe_check(name="rating_outside_scale")
    @classmethod
    def rating_lies_on_its_scale(cls, data: PolarsData) -> pl.LazyFrame:
        inside = pl.col("rating").is_between(pl.col("scale_min"), pl.col("scale_max"))
        return data.lazyframe.select(pl.col("rating").is_null() | inside.fill_null(value=True))
