"""Do scores go with later performance: among those hired as observed, and among all applicants as estimated."""

from __future__ import annotations

from typing import Any

import polars as pl

from fairpanel.analysis.frames import Material
from fairpanel.analysis.slices import Slice, leading, slices
from fairpanel.config import AuditConfig
from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
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
        estimates += _chain(part, people, material, config)
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


def _chain(part: Slice, people: pl.DataFrame, material: Material, config: AuditConfig) -> list[Estimated]:
    """From the observed correlation to the operational one, each beside the others."""
    known = people.filter("known")
    level: dict[str, Any] = {"confidence": config.confidence}
    roles: dict[str, Any] = {"x": "score", "y": "performance"}
    chain = [
        _estimated(part, "pearson", known, **roles, **level),
        _estimated(part, "spearman", known, **roles, **level),
    ]
    other = _other_stage(part, people, material)
    covariates = ["other_stage"] if other is not None else None
    pool = people if other is None else other
    chain.append(
        _estimated(
            part,
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
            _estimated(
                part, "selection_validity", people, "direct", **roles, selected="known", method="direct", **level
            )
        )
        if config.criterion_reliability is not None:
            chain.append(_operational(part, known, config.criterion_reliability, config.confidence))
    return chain


def _operational(part: Slice, known: pl.DataFrame, reliability: float, confidence: float) -> Estimated:
    """Corrected for the criterion's unreliability only: a decision is made on the fallible interview score."""
    try:
        estimate = measure(
            "corrected_validity",
            known,
            x="score",
            y="performance",
            correction="attenuation",
            ryy=reliability,
            confidence=confidence,
        )
    except MeasureInputError as error:
        # The assumed reliability cannot be true of these ratings; that is a result, not a failure of the audit.
        estimate = Estimate(
            measure="corrected_validity",
            method="attenuation, criterion only",
            value=None,
            n={"people": known.height},
            cautions=(Caution("ASSUMED_RELIABILITY", f"Not possible: {error}."),),
        )
    return Estimated(family="validity", subject=part.subject, result=estimate.to_dict(), variant="attenuation")


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


def _estimated(part: Slice, name: str, people: pl.DataFrame, variant: str = "", **options: Any) -> Estimated:
    estimate = measure(name, people, **options)
    return Estimated(family="validity", subject=part.subject, result=estimate.to_dict(), variant=variant)
