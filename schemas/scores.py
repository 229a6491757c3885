"""Row contract of the scores table: one interviewer's score of one candidate on one competency in one interview."""

from __future__ import annotations

from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from schemas.moments import plausible_moment
from schemas.vocabulary import COMPETENCIES, ROLES, STAGES


class Scores(pa.DataFrameModel):
    """Checked after casting; a rule's name is the check's name."""

    candidate_id: pl.String = pa.Field(nullable=False)
    application_id: pl.String = pa.Field(nullable=False)
    interviewer_id: pl.String = pa.Field(nullable=False)
    stage: pl.String = pa.Field(isin=STAGES)
    interviewer_role: pl.String = pa.Field(isin=ROLES)
    competency: pl.String = pa.Field(isin=COMPETENCIES)
    score: pl.Float64 = pa.Field(nullable=True)
    scale_min: pl.Float64 = pa.Field(nullable=False)
    scale_max: pl.Float64 = pa.Field(nullable=False)
    higher_is_better: pl.Boolean = pa.Field(nullable=False)
    interviewed_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(nullable=False)

    @pa.check("interviewed_at", name="moment_implausible")
    @classmethod
    def interview_is_in_living_memory(cls, data: PolarsData) -> pl.LazyFrame:
        return plausible_moment(data)

    @pa.dataframe_check(name="scale_upside_down")
    @classmethod
    def scale_has_a_width(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("scale_min") < pl.col("scale_max"))

    @pa.dataframe_check(name="score_outside_scale")
    @classmethod
    def score_lies_on_its_scale(cls, data: PolarsData) -> pl.LazyFrame:
        inside = pl.col("score").is_between(pl.col("scale_min"), pl.col("scale_max"))
        return data.lazyframe.select(pl.col("score").is_null() | inside.fill_null(value=True))
