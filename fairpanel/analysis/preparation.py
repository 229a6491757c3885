"""What preparation does to interview scores, and whether that part predicts."""

from __future__ import annotations

import polars as pl

from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.analysis.slices import leading
from fairpanel.analysis.sources import Criterion
from fairpanel.config import AuditConfig
from schemas.results import Estimated

MOST_ITEMS = 6
FEWEST = 0.02
"""An item that fewer, or all but fewer, than this share was given tells nothing apart."""


def items(material: Material) -> pl.DataFrame:
    """A row a candidate, a column an item (0/1) for the items most often stated, at most six."""
    stated = material.preparation.group_by("item").agg(
        pl.len().alias("stated"), pl.col("provided").mean().alias("share")
    )
    kept = stated.filter(pl.col("share").is_between(FEWEST, 1 - FEWEST)).sort(-pl.col("stated").cast(pl.Int64), "item")
    rows = material.preparation.filter(pl.col("item").is_in(kept["item"].head(MOST_ITEMS).implode()))
    return rows.pivot(on="item", index="candidate", values="provided", aggregate_function="max").sort("candidate")


def preparation(material: Material, criterion: Criterion, config: AuditConfig) -> list[Estimated]:
    """How much of the user interview's leading score goes with preparation, where enough candidates state it."""
    given = items(material)
    named = [name for name in given.columns if name != "candidate"]
    lead = leading(material.ratings, "user")
    here = material.ratings.filter((pl.col("stage") == "user") & (pl.col("competency") == lead)).drop_nulls("score")
    people = (
        here.group_by("candidate")
        .agg(pl.col("score").mean().alias("interview score"))
        .join(given, on="candidate", how="inner")
        .join(
            criterion.means.select("candidate", pl.col("performance").alias("later performance")),
            on="candidate",
            how="left",
        )
        .sort("candidate")
    )
    named = [name for name in named if name not in ("interview score", "later performance")]
    if not named or people.height < config.minimum_candidates:
        return []
    subject: dict[str, str | None] = {"stage": "user", "competency": lead}
    options = {
        "x": "interview score",
        "y": "later performance",
        "prepared": named,
        "replicates": 1000,
        "seed": config.seed,
    }
    return [estimated("validity", subject, "preparation_effect", people, confidence=config.confidence, **options)]
