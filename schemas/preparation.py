"""Row contract of the preparation table: what a candidate was given or did before the interview."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl


class Preparation(pa.DataFrameModel):
    """One kind of preparation (company research, job description review, technical practice, team dynamics)."""

    candidate_id: pl.String = pa.Field(nullable=False)
    item: pl.String = pa.Field(nullable=False, str_length={"max_value": 80})
    provided: pl.Boolean = pa.Field(nullable=False)
