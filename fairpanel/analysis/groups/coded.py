"""Numbers in place of pseudonyms while groups are compared: a million people are joined dozens of times."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from fairpanel.analysis.frames import Material

OF_RATINGS = (
    "unit",
    "candidate",
    "rater",
    "stage",
    "competency",
    "score",
    "job_family",
    "requisition",
    "interviewed_at",
)


def coded(material: Material) -> Material:
    """The same material with candidates and units as numbers, in the order of their pseudonyms. Interviewers keep theirs."""
    frames = [material.ratings, material.outcomes, material.performance, material.groups, material.preparation]
    codes = {
        "candidate": _codes([frame["candidate"] for frame in frames if "candidate" in frame.columns]),
        "unit": _codes([material.ratings["unit"], material.outcomes["unit"]]),
    }

    def numbers(frame: pl.DataFrame) -> pl.DataFrame:
        for name, known in codes.items():
            if name in frame.columns:
                joined = frame.join(known, left_on=name, right_on="name", how="left", maintain_order="left")
                frame = joined.with_columns(pl.col("code").alias(name)).drop("code")
        return frame

    return replace(
        material,
        ratings=numbers(material.ratings.select(OF_RATINGS)),
        outcomes=numbers(material.outcomes),
        performance=numbers(material.performance),
        groups=numbers(material.groups),
        preparation=numbers(material.preparation),
    )


def _codes(columns: list[pl.Series]) -> pl.DataFrame:
    """Every pseudonym once, in order, with its place."""
    names = pl.concat([column.cast(pl.String) for column in columns]).drop_nulls().unique().sort()
    return pl.DataFrame({"name": names}).with_row_index("code")
