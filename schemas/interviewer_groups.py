"""Row contract of the interviewer_groups table (restricted): one attribute of one interviewer."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from schemas.vocabulary import DEMOGRAPHIC_SOURCES


class InterviewerGroups(pa.DataFrameModel):
    """The same attributes and categories as those of candidates, so that like can be told from unlike."""

    interviewer_id: pl.String = pa.Field(nullable=False)
    attribute: pl.String = pa.Field(nullable=False, str_length={"max_value": 40})
    category: pl.String = pa.Field(nullable=False, str_length={"max_value": 80})
    source: pl.String = pa.Field(isin=DEMOGRAPHIC_SOURCES)
