"""Do scores go with later performance: among those hired as observed, and among all candidates as estimated."""

from __future__ import annotations

from typing import Any

import polars as pl

from fairpanel.analysis.benchmarks import job_families, published
from fairpanel.analysis.chain import chains, related_scores
from fairpanel.analysis.competencies import competencies
from fairpanel.analysis.criterion import criterion_quality, retention
from fairpanel.analysis.decision_use import decision_use
from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.analysis.preparation import preparation
from fairpanel.analysis.slices import Slice, leading, slices
from fairpanel.analysis.sources import Criterion, leading_criterion, same_source
from fairpanel.config import AuditConfig
from schemas.results import Analysis, Estimated


def validity(material: Material, config: AuditConfig) -> Analysis:
    """Observed and estimated validity by slice where enough people have performance ratings; and, for each stage's
    leading score, the whole chain, what decides, what it is worth; and what the criterion itself is worth."""
    criterion = leading_criterion(material, config)
    everybody = Criterion(material.performance_ratings, material.performance, "all_sources")
    criteria = [criterion] if criterion.source == "all_sources" else [criterion, everybody]
    estimates: list[Estimated] = []
    too_small: list[dict[str, Any]] = []
    stages: dict[str, list[Estimated]] = {}
    for part, ratings, enough in slices(material.ratings, config.minimum_candidates):
        people = paired(ratings, criterion.means)
        known = people["performance"].count()
        if not enough or known < config.minimum_hired:
            too_small.append(part.subject | {"family": "validity", "performance_known": known})
            continue
        found = _correlations(part, people, paired(ratings, material.performance), material, config)
        if part.job_family is None and part.competency == leading(material.ratings, part.stage):
            found += _of_the_stage(part, ratings, people, criteria, material, config)
        stages.setdefault(part.stage, []).extend(found)
        estimates += found
    for stage, found in stages.items():
        estimates += job_families(stage, found, config)
        estimates += competencies(stage, material, criterion, config)
    if stages:
        estimates += criterion_quality(material, config)
    return Analysis(estimates=estimates + preparation(material, criterion, config), too_small=too_small)


def paired(ratings: pl.DataFrame, performance: pl.DataFrame) -> pl.DataFrame:
    """A row a candidate: mean interview score, performance (null where unknown), and whether performance is known."""
    return (
        ratings.group_by("candidate")
        .agg(pl.col("score").mean(), pl.col("job_family").first())
        .join(performance, on="candidate", how="left")
        .with_columns(pl.col("performance").is_not_null().alias("known"))
        .sort("candidate")
    )


def _correlations(
    part: Slice, people: pl.DataFrame, by_all: pl.DataFrame, material: Material, config: AuditConfig
) -> list[Estimated]:
    """As observed among those with any rating; and among all candidates of the slice, on the ratings that lead."""
    level: dict[str, Any] = {"confidence": config.confidence}
    roles: dict[str, Any] = {"x": "score", "y": "performance"}
    rated = by_all.filter("known")
    pool, covariates = _with_other_stage(part, people, material)
    return [
        estimated("validity", part.subject, "pearson", rated, **roles, **level),
        estimated("validity", part.subject, "spearman", rated, **roles, **level),
        estimated(
            "validity",
            part.subject,
            "selection_validity",
            pool,
            "em",
            **roles,
            selected="known",
            method="em",
            covariates=covariates,
            bias_corrected=True,
            **level,
        ),
    ]


def _with_other_stage(part: Slice, people: pl.DataFrame, material: Material) -> tuple[pl.DataFrame, list[str] | None]:
    """The people with their leading score at the other stage, where hiring looked at it too."""
    found = related_scores(part.stage, people, material)
    if found is None:
        return people, None
    mean = found[1].group_by("candidate").agg(pl.col("score").mean().alias("other_stage"))
    return people.join(mean, on="candidate", how="left", maintain_order="left"), ["other_stage"]


def _of_the_stage(
    part: Slice,
    ratings: pl.DataFrame,
    people: pl.DataFrame,
    criteria: list[Criterion],
    material: Material,
    config: AuditConfig,
) -> list[Estimated]:
    """All that is asked of a stage's leading score over all job families."""
    scores = ratings.select("candidate", "rater", "score")
    found = chains(part.subject, scores, criteria, material, config)
    found += same_source(part.subject, scores, material, config)
    found += _robust(part, people, scores, criteria[0], config)
    found += decision_use(part.subject, ratings, people, found, material, config)
    found += retention(part.subject, people, material, config)
    return found + published(part.subject, found, config)


def _robust(
    part: Slice, people: pl.DataFrame, scores: pl.DataFrame, criterion: Criterion, config: AuditConfig
) -> list[Estimated]:
    """The slope with errors that allow for uneven spread, and for managers who rate several people; the correlation with
    the quality behind a rating of few points; whether the line bends."""
    known = people.filter("known")
    level: dict[str, Any] = {"confidence": config.confidence}
    roles: dict[str, Any] = {"x": "score", "y": "performance"}
    found = [estimated("validity", part.subject, "criterion_regression", known, "uneven_spread", **roles, **level)]
    mean = scores.group_by("candidate").agg(pl.col("score").mean())
    rows = mean.join(criterion.ratings.rename({"score": "performance"}), on="candidate").drop_nulls("rater")
    rows = rows.sort("candidate", "rater")
    if rows["rater"].n_unique() < rows.height:
        clustered = {"covariance": "cluster", "cluster": "rater"}
        found.append(
            estimated(
                "validity", part.subject, "criterion_regression", rows, "by_manager", **roles, **clustered, **level
            )
        )
    if 2 <= known["performance"].n_unique() <= 10:
        found.append(estimated("validity", part.subject, "polyserial", known, **roles, **level))
    return found
