"""Row contract of the demographics table (restricted): one attribute of one candidate."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from schemas.vocabulary import DEMOGRAPHIC_SOURCES


class Demographics(pa.DataFrameModel):
    """`declined` is a category: asked, and chose not to say. Nobody asked: no row."""

    candidate_id: pl.String = pa.Field(nullable=False)
    attribute: pl.String = pa.Field(nullable=False, str_length={"max_value": 40})
    category: pl.String = pa.Field(nullable=False, str_length={"max_value": 80})
    source: pl.String = pa.Field(isin=DEMOGRAPHIC_SOURCES)
