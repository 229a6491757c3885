"""How gaps between groups move over the periods of an audit."""

from __future__ import annotations

from typing import Any

import polars as pl

from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.analysis.groups.grouping import Grouping, focal_groups, thin
from fairpanel.analysis.slices import leading
from fairpanel.config import AuditConfig
from schemas.results import Estimated

FEWEST_PERIODS = 3
Subject = dict[str, str | None]


def periods(stage: str, grouping: Grouping, reference: str, material: Material, config: AuditConfig) -> list[Estimated]:
    """Selection and leading score of a stage, each group against the reference, by month or quarter of the interview."""
    lead = leading(material.ratings, stage)
    here = material.ratings.filter(
        (pl.col("stage") == stage) & (pl.col("competency") == lead) & pl.col("score").is_not_null()
    )
    units = here.group_by("unit", maintain_order=True).agg(
        pl.col("candidate").first(), pl.col("score").mean(), pl.col("interviewed_at").min()
    )
    dated = (
        units.drop_nulls("interviewed_at")
        .with_columns(_period(config.monitoring_period).alias("period"))
        .join(grouping.people, on="candidate", how="inner", maintain_order="left")
    )
    outcomes = material.outcomes.filter(pl.col("stage") == stage).select("unit", "selected")
    decided = dated.join(outcomes, on="unit", how="inner", maintain_order="left")
    base: Subject = {"stage": stage, "job_family": None, "attribute": grouping.attribute}
    found: list[Estimated] = []
    for variant, people, competency in (("selection", decided, None), ("score", dated, lead)):
        if thin(people, config) or reference not in people["group"] or people["period"].n_unique() < FEWEST_PERIODS:
            continue
        outcome: dict[str, Any] = {"selected": None, "score": "score"} if competency else {"selected": "selected"}
        for focal in focal_groups(people, reference, config):
            pair = people.filter(pl.col("group").is_in([focal, reference]))
            about = base | {"competency": competency, "group": focal, "reference": reference}
            options: dict[str, Any] = {"period": "period", "focal": focal, "reference": reference, "seed": config.seed}
            found.append(
                estimated(
                    "fairness",
                    about,
                    "group_monitor",
                    pair,
                    variant,
                    confidence=config.confidence,
                    **outcome,
                    **options,
                )
            )
    return found


def _period(kind: str) -> pl.Expr:
    day = pl.col("interviewed_at")
    if kind == "month":
        return day.dt.strftime("%Y-%m")
    return pl.format("{}-Q{}", day.dt.year(), day.dt.quarter())
