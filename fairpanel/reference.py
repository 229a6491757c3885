"""Published figures that own ones are compared with."""

from __future__ import annotations

import polars as pl

from fairpanel.bundled import reference

INTERVIEW_VALIDITIES_SOURCE = "McDaniel, Whetzel, Schmidt & Maurer (1994)"


def interview_validities(*, structured: bool | None = None) -> pl.DataFrame:
    """Correlations of employment interviews with job performance in 160 studies: n, r, type, structured.

    structured: only structured (True) or unstructured (False) interviews; None for all, also those not described.
    """
    schema = {"n": pl.Int64, "r": pl.Float64, "type": pl.String, "structured": pl.Boolean}
    studies = pl.read_csv(reference() / "interview_validities.csv", schema=schema)
    return studies if structured is None else studies.filter(pl.col("structured") == structured)
