"""Do scores go with later performance: among those hired as observed, and among all applicants as estimated."""

from __future__ import annotations

from typing import Any

import polars as pl

from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.analysis.slices import Slice, leading, slices
from fairpanel.config import AuditConfig
from schemas.results import Analysis, Estimated


def validity(material: Material, config: AuditConfig) -> Analysis:
    """Observed, applicant-pool and operational validity by slice, where enough people have performance ratings."""
    estimates: list[Estimated] = []
    too_small: list[dict[str, Any]] = []
    for part, ratings, enough in slices(material.ratings, config.minimum_candidates):
        people = paired(ratings, material.performance)
        known = people["performance"].count()
        if not enough or known < config.minimum_hired:
            too_small.append(part.subject | {"family": "validity", "performance_known": known})
            continue
        estimates += _chain(part, ratings, people, material, config)
    return Analysis(estimates=estimates, too_small=too_small)


def paired(ratings: pl.DataFrame, performance: pl.DataFrame) -> pl.DataFrame:
    """A row a candidate: mean interview score, performance (null where unknown), and whether performance is known."""
    return (
        ratings.group_by("candidate")
        .agg(pl.col("score").mean(), pl.col("job_family").first())
        .join(performance, on="candidate", how="left")
        .with_columns(pl.col("performance").is_not_null().alias("known"))
        .sort("candidate")
    )


def _chain(
    part: Slice, ratings: pl.DataFrame, people: pl.DataFrame, material: Material, config: AuditConfig
) -> list[Estimated]:
    """From the observed correlation to the operational one, each beside the others."""
    known = people.filter("known")
    level: dict[str, Any] = {"confidence": config.confidence}
    roles: dict[str, Any] = {"x": "score", "y": "performance"}
    chain = [
        estimated("validity", part.subject, "pearson", known, **roles, **level),
        estimated("validity", part.subject, "spearman", known, **roles, **level),
    ]
    other = _other_stage(part, people, material)
    covariates = ["other_stage"] if other is not None else None
    pool = people if other is None else other
    chain.append(
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
            **level,
        )
    )
    if part.job_family is None:
        chain.append(
            estimated(
                "validity",
                part.subject,
                "selection_validity",
                people,
                "direct",
                **roles,
                selected="known",
                method="direct",
                **level,
            )
        )
        chain += _corrected(part, ratings, people, config)
        chain += _by_source(part, people, material, config)
    return chain


def _by_source(part: Slice, people: pl.DataFrame, material: Material, config: AuditConfig) -> list[Estimated]:
    """The observed correlation apart for performance ratings by someone who had interviewed the person (whose own
    impression is then in both) and by someone who had not, where there are enough of each to be told."""
    met = material.ratings.select("candidate", "rater").unique()
    by = {
        "same_source": material.performance_ratings.join(met, on=["candidate", "rater"], how="semi"),
        "other_source": material.performance_ratings.join(met, on=["candidate", "rater"], how="anti"),
    }
    found = []
    for variant, rows in by.items():
        mean = rows.group_by("candidate").agg(pl.col("score").mean().alias("performance"))
        pairs = people.select("candidate", "score").join(mean, on="candidate", how="inner", maintain_order="left")
        if pairs.height >= config.minimum_hired:
            options = {"x": "score", "y": "performance", "confidence": config.confidence}
            found.append(estimated("validity", part.subject, "pearson", pairs, variant, **options))
    return found


def _corrected(part: Slice, ratings: pl.DataFrame, people: pl.DataFrame, config: AuditConfig) -> list[Estimated]:
    """Operational validity under an assumed criterion reliability: by attenuation alone (the score stays fallible: a
    decision is made on it), and by indirect range restriction with the score's reliability among those known."""
    if config.criterion_reliability is None:
        return []
    known = people.filter("known")
    options: dict[str, Any] = {"x": "score", "y": "performance", "ryy": config.criterion_reliability}
    options |= {"confidence": config.confidence}
    found = [
        estimated(
            "validity", part.subject, "corrected_validity", known, "attenuation", correction="attenuation", **options
        )
    ]
    among_known = ratings.join(known.select("candidate"), on="candidate", how="semi")
    reliable = estimated("validity", part.subject, "g_coefficient", among_known, interval="none")
    rxx = reliable.result["value"]
    if rxx is not None and 0 < rxx <= 1:
        found.append(
            estimated(
                "validity",
                part.subject,
                "selection_validity",
                people,
                "indirect",
                selected="known",
                method="indirect",
                rxx=rxx,
                **options,
            )
        )
    return found


def _other_stage(part: Slice, people: pl.DataFrame, material: Material) -> pl.DataFrame | None:
    """The people with their leading score at the other stage, where nearly everyone has one: it too decided who stayed."""
    for stage in ("hr", "user"):
        if stage == part.stage:
            continue
        lead = leading(material.ratings, stage)
        rows = material.ratings.filter((pl.col("stage") == stage) & (pl.col("competency") == lead))
        mean = rows.group_by("candidate").agg(pl.col("score").mean().alias("other_stage"))
        joined = people.join(mean, on="candidate", how="left", maintain_order="left")
        complete = joined.drop_nulls("other_stage")
        if complete.height >= 0.95 * people.height and complete["other_stage"].n_unique() > 1:
            return complete
    return None
