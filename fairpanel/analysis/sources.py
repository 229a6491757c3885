"""Whose performance ratings lead: those of people who had not interviewed the person, where there are enough of them.

An interviewer who later rates the person carries the first impression along. It would then stand in both scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.config import AuditConfig
from schemas.results import Estimated

Source = Literal["other_source", "all_sources"]
ENOUGH = 0.5
"""Share of the people with ratings that those rated by somebody else must reach to lead."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """The ratings that lead (candidate, rater, score), their means (candidate, performance, raters), and whose they are."""

    ratings: pl.DataFrame
    means: pl.DataFrame
    source: Source


def leading_criterion(material: Material, config: AuditConfig) -> Criterion:
    """Ratings by others where they cover enough people and at least half of those rated at all, else all ratings."""
    others = by_others(material.performance_ratings, material)
    people, everyone = others["candidate"].n_unique(), material.performance.height
    if people >= config.minimum_hired and people >= ENOUGH * everyone:
        return Criterion(others, means(others), "other_source")
    return Criterion(material.performance_ratings, material.performance, "all_sources")


def by_others(ratings: pl.DataFrame, material: Material) -> pl.DataFrame:
    """Performance ratings by people who had not interviewed the person; without a name nobody can tell."""
    met = material.ratings.select("candidate", "rater").unique()
    return ratings.drop_nulls("rater").join(met, on=["candidate", "rater"], how="anti", maintain_order="left")


def means(ratings: pl.DataFrame) -> pl.DataFrame:
    return ratings.group_by("candidate", maintain_order=True).agg(
        pl.col("score").mean().alias("performance"), pl.col("rater").n_unique().alias("raters")
    )


def same_source(
    subject: dict[str, str | None], scores: pl.DataFrame, material: Material, config: AuditConfig
) -> list[Estimated]:
    """Whether ratings by people who interviewed the person go more closely with the score than ratings by others do: of
    the panel's mean score (variant "panel"), and of each interviewer's own score with own and others' ratings (variant
    "own_score"). Where too few were rated by an interviewer there is nothing to compare. scores: candidate, rater, score.
    """
    ratings = material.performance_ratings.drop_nulls("rater").rename({"rater": "criterion_rater", "score": "y"})
    pairs = scores.rename({"rater": "interviewer", "score": "x"}).join(ratings, on="candidate", how="inner")
    own = pairs.filter(pl.col("interviewer") == pl.col("criterion_rater"))["candidate"].n_unique()
    if own < config.minimum_hired:
        return []
    seats = scores.select("candidate", pl.col("rater").alias("criterion_rater"), pl.col("rater").alias("interviewer"))
    panel = (
        scores.group_by("candidate")
        .agg(pl.col("score").mean().alias("x"))
        .join(ratings, on="candidate", how="inner")
        .join(seats.unique(), on=["candidate", "criterion_rater"], how="left")
        .with_columns(pl.col("interviewer").fill_null("somebody else"))
    )
    roles = {"interviewer": "interviewer", "criterion_rater": "criterion_rater", "unit": "candidate"}
    options = roles | {"confidence": config.confidence}
    return [
        estimated("validity", subject, "same_source_validity", table.sort(pl.all()), variant, **options)
        for variant, table in (("panel", panel), ("own_score", pairs))
    ]
