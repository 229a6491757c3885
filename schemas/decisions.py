"""Row contract of the decisions table: what became of an application, at which stage, when."""

from __future__ import annotations

from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from schemas.moments import plausible_moment
from schemas.vocabulary import DECISIONS, STAGES


class Decisions(pa.DataFrameModel):
    """A decision without a stage is the final one."""

    candidate_id: pl.String = pa.Field(nullable=False)
    application_id: pl.String = pa.Field(nullable=False)
    stage: pl.String = pa.Field(nullable=True, isin=STAGES)
    decision: pl.String = pa.Field(isin=DECISIONS)
    decided_on: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(nullable=False)

    @pa.check("decided_on", name="moment_implausible")
    @classmethod
    def decision_is_in_living_memory(cls, data: PolarsData) -> pl.LazyFrame:
        return plausible_moment(data)
