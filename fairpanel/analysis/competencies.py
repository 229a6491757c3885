"""Competency by dimension of performance; what each adds to the others; what decides beside what predicts."""

from __future__ import annotations

from typing import Any

import polars as pl

from fairpanel.analysis.criterion import dimensions
from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.analysis.slices import leading
from fairpanel.analysis.sources import Criterion, by_others
from fairpanel.config import AuditConfig
from schemas.results import Estimated
from schemas.vocabulary import ELEMENTS

SIDE = "performance: "
"""Before the dimensions' names, as a competency and a dimension may be called the same."""


def competencies(stage: str, material: Material, criterion: Criterion, config: AuditConfig) -> list[Estimated]:
    """All of a stage's elements, where it has at least two with enough people."""
    subject: dict[str, str | None] = {"stage": stage}
    wide = element_means(stage, material)
    elements = [name for name in ELEMENTS if name in wide.columns]
    people = wide.join(criterion.means.select("candidate", "performance"), on="candidate", how="left").sort("candidate")
    known = people.drop_nulls("performance")
    level: dict[str, Any] = {"confidence": config.confidence}
    found = []
    if elements and known.height >= config.minimum_hired:
        found += _matrix(subject, wide, [*elements, "overall"], material, criterion, config)
    scores = [*elements, *(name for name in ("hr",) if name in wide.columns)]
    full = known.drop_nulls(scores)
    if len(elements) < 2 or full.height < config.minimum_hired:
        return found + _over_hr(subject, wide, known, config)
    resampled = level | {"replicates": 1000, "seed": config.seed}
    found += [
        estimated("validity", subject, "relative_weights", full, predictors=scores, y="performance", **resampled),
        estimated("validity", subject, "general_dominance", full, predictors=scores, y="performance", **resampled),
    ]
    for name in elements:
        rest = [other for other in elements if other != name]
        about = subject | {"competency": name}
        roles = {"base": rest, "added": [name], "y": "performance"}
        found.append(estimated("validity", about, "incremental_validity", full, "over_the_others", **roles, **level))
    found += _over_hr(subject, wide, known, config)
    decided = material.outcomes.filter(pl.col("stage") == stage).group_by("candidate").agg(pl.col("selected").max())
    judged = people.join(decided, on="candidate", how="inner", maintain_order="left")
    if stage == "user" and judged.height >= config.minimum_candidates:
        options = {
            "predictors": scores,
            "y": "performance",
            "replicates": config.decision_replicates,
            "seed": config.seed,
        }
        found.append(estimated("validity", subject, "decision_weights", judged, **options, **level))
    return found


def element_means(stage: str, material: Material) -> pl.DataFrame:
    """A row a candidate of a stage: the mean of each element and of the leading score (as overall), and of the HR
    interview's leading score where the stage is another and there was one (as hr)."""
    here = material.ratings.filter((pl.col("stage") == stage) & pl.col("score").is_not_null())
    lead = leading(material.ratings, stage)
    named = here.with_columns(
        pl.when(pl.col("competency") == lead).then(pl.lit("overall")).otherwise("competency").alias("competency")
    )
    wide = named.pivot(on="competency", index="candidate", values="score", aggregate_function="mean").sort("candidate")
    kept = wide.select("candidate", *(name for name in (*ELEMENTS, "overall") if name in wide.columns))
    hr = material.ratings.filter(
        (pl.col("stage") == "hr") & (pl.col("competency") == leading(material.ratings, "hr"))
    ).drop_nulls("score")
    if stage == "hr" or hr.is_empty():
        return kept
    return kept.join(hr.group_by("candidate").agg(pl.col("score").mean().alias("hr")), on="candidate", how="left")


def _matrix(
    subject: dict[str, str | None],
    wide: pl.DataFrame,
    names: list[str],
    material: Material,
    criterion: Criterion,
    config: AuditConfig,
) -> list[Estimated]:
    """Competencies by dimensions of performance; those of the same name mean the same."""
    sides = dimensions(material, config)
    ratings = material.criterion.filter(pl.col("dimension").is_in(sides))
    if criterion.source == "other_source":
        ratings = by_others(ratings, material)
    by_rater = ratings.group_by("candidate", "dimension", "rater").agg(pl.col("score").mean())
    means = by_rater.group_by("candidate", "dimension").agg(pl.col("score").mean())
    across = means.with_columns((SIDE + pl.col("dimension")).alias("dimension")).pivot(
        on="dimension", index="candidate", values="score"
    )
    people = wide.join(across, on="candidate", how="inner").sort("candidate")
    criteria = [SIDE + side for side in sides if SIDE + side in people.columns]
    predictors = [name for name in names if name in people.columns]
    matched = [
        f"{name}={SIDE}{side}" for name in predictors for side in sides if _same(name, side) and name != "overall"
    ]
    if len(criteria) < 2 or len(predictors) < 2 or people.height < config.minimum_hired:
        return []
    options = {
        "predictors": predictors,
        "criteria": criteria,
        "matched": matched,
        "replicates": 1000,
        "seed": config.seed,
    }
    return [estimated("validity", subject, "convergent_discriminant", people, confidence=config.confidence, **options)]


def _same(competency: str, dimension: str) -> bool:
    return dimension.strip().casefold().replace(" ", "_").replace("-", "_") == competency


def _over_hr(
    subject: dict[str, str | None], wide: pl.DataFrame, known: pl.DataFrame, config: AuditConfig
) -> list[Estimated]:
    """What the user interview adds to the HR interview, and the reverse, among those with performance."""
    if "hr" not in wide.columns or "overall" not in wide.columns:
        return []
    rows = known.drop_nulls(["hr", "overall"])
    if rows.height < config.minimum_hired:
        return []
    found = []
    for variant, base, added in (("user_over_hr", "hr", "overall"), ("hr_over_user", "overall", "hr")):
        roles = {"base": [base], "added": [added], "y": "performance", "confidence": config.confidence}
        found.append(estimated("validity", subject, "incremental_validity", rows, variant, **roles))
    return found
