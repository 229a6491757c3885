"""What the criterion is worth: do managers agree, is the scale used, do ratings last; and staying as a second criterion."""

from __future__ import annotations

from typing import Any

import polars as pl

from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.config import AuditConfig
from schemas.results import Estimated

MOST_DIMENSIONS = 8


def dimensions(material: Material, config: AuditConfig) -> list[str]:
    """Dimensions of performance with enough people, the leading one first, then by people; at most eight."""
    people = material.criterion.group_by("dimension").agg(pl.col("candidate").n_unique().alias("people"))
    enough = people.filter(pl.col("people") >= config.minimum_hired).sort(
        pl.col("dimension") != config.performance_dimension, -pl.col("people").cast(pl.Int64), "dimension"
    )
    return enough["dimension"].head(MOST_DIMENSIONS).to_list()


def criterion_quality(material: Material, config: AuditConfig) -> list[Estimated]:
    """By dimension: inter-rater reliability, place and spread on the scale, stability over cycles, time since hire."""
    found = []
    level: dict[str, Any] = {"confidence": config.confidence}
    for dimension in dimensions(material, config):
        rows = material.criterion.filter(pl.col("dimension") == dimension)
        subject: dict[str, str | None] = {"criterion": dimension}
        by_rater = (
            rows.drop_nulls("rater").group_by("candidate", "rater", maintain_order=True).agg(pl.col("score").mean())
        )
        if by_rater.height:
            roles = {"unit": "candidate", "rater": "rater", "score": "score"}
            found.append(estimated("quality", subject, "g_coefficient", by_rater, **roles, **level))
        ends = rows.select("scale_min", "scale_max").unique().drop_nulls()
        if ends.height == 1 and rows["scale_min"].null_count() == 0:
            low, high = ends.row(0)
            scale = {"scale_min": low, "scale_max": high}
            found.append(
                estimated(
                    "quality", subject, "rating_distribution", rows, y="score", unit="candidate", **scale, **level
                )
            )
        cycles = rows.with_columns(pl.col("rated_on").rank("dense").over("candidate").alias("cycle"))
        if cycles["cycle"].max() != 1:
            roles = {"unit": "candidate", "y": "score", "cycle": "cycle"}
            found.append(estimated("quality", subject, "rating_stability", cycles, **roles, **level))
        timed = rows.drop_nulls("months")
        if timed["months"].n_unique() > 1:
            roles = {"x": "months", "y": "score", "covariance": "cluster", "cluster": "candidate"}
            found.append(
                estimated("quality", subject, "criterion_regression", timed, "time_since_hire", **roles, **level)
            )
    return found


def retention(
    subject: dict[str, str | None], people: pl.DataFrame, material: Material, config: AuditConfig
) -> list[Estimated]:
    """Staying as the criterion: odds of having stayed `retention_months` among those hired that long ago, and the rate of
    leaving over time with everyone hired, those still there censored. Only where somebody is known to have left."""
    careers = people.select("candidate", "score").join(material.employment, on="candidate").drop_nulls("months")
    careers = careers.filter(pl.col("months") > 0).sort("candidate")
    if careers.height < config.minimum_hired or not careers["left"].any():
        return []
    least = float(config.retention_months)
    told = careers.filter((pl.col("months") >= least) | pl.col("left")).with_columns(
        (pl.col("months") >= least).cast(pl.Int8).alias("stayed")
    )
    level: dict[str, Any] = {"x": "score", "confidence": config.confidence}
    found = []
    if told.height >= config.minimum_hired:
        found.append(estimated("validity", subject, "logistic_validity", told, "retention", y="stayed", **level))
    return [*found, estimated("validity", subject, "retention_hazard", careers, time="months", event="left", **level)]
