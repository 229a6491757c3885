"""Published figures that own ones are compared with."""

from __future__ import annotations

from functools import cache
from typing import Literal

import polars as pl

from fairpanel.bundled import reference

INTERVIEW_VALIDITIES_SOURCE = "McDaniel, Whetzel, Schmidt & Maurer (1994)"


Content = Literal["job", "situational", "psychological"]


def interview_validities(*, structured: bool | None = None, content: Content | None = None) -> pl.DataFrame:
    """Correlations of employment interviews with job performance in 160 studies: n, r, type, structured.

    structured: only structured (True) or unstructured (False) interviews; content: only those whose questions were about the
    job, about situations, or psychological. None for all, also those not described.
    """
    studies = _studies()
    kept = studies if structured is None else studies.filter(pl.col("structured") == structured)
    return kept if content is None else kept.filter(pl.col("type") == content)


@cache
def _studies() -> pl.DataFrame:
    schema = {"n": pl.Int64, "r": pl.Float64, "type": pl.String, "structured": pl.Boolean}
    return pl.read_csv(reference() / "interview_validities.csv", schema=schema)
