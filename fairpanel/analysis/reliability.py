"""Reliability and rater effects of every slice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from fairpanel.analysis.frames import Material
from fairpanel.analysis.slices import leading, slices
from fairpanel.config import AuditConfig
from fairpanel.measures.catalogue import measure
from schemas.results import Analysis, Estimated
from schemas.vocabulary import ELEMENTS

MOST_UNITS_FOR_COMPONENTS = 2000
MOST_RATERS_FOR_COMPONENTS = 400
"""With more interviewers the two-way components of G(q,k) have to do: the three-way fit's cost is cubic in them."""
CANDIDATE_TABLES = ("fair_score", "adjusted_mean", "observed_mean", "unit_component")


def reliability(material: Material, config: AuditConfig) -> Analysis:
    """G(q,k), intraclass correlations and Krippendorff's alpha by slice; severity by stage."""
    estimates: list[Estimated] = []
    too_small: list[dict[str, Any]] = []
    for part, ratings, enough in slices(material.ratings, config.minimum_candidates):
        if not enough:
            too_small.append(part.subject | {"family": "reliability", "candidates": ratings["unit"].n_unique()})
            continue
        estimates.append(_estimated("g_coefficient", part.subject, ratings, config))
        if part.job_family is not None:
            continue
        estimates += [
            _estimated("icc", part.subject, ratings, config, variant=form, form=form) for form in ("A,1", "A,k")
        ]
        estimates.append(_estimated("krippendorff_alpha", part.subject, ratings, config, level="interval"))
        if part.competency == leading(material.ratings, part.stage):
            severity = measure(
                "rater_severity", ratings, min_units=config.minimum_candidates_per_rater, confidence=config.confidence
            )
            estimates.append(Estimated(family="raters", subject=part.subject, result=_raters_only(severity.to_dict())))
    estimates += list(_components(material, config))
    return Analysis(estimates=estimates, too_small=too_small)


def _components(material: Material, config: AuditConfig) -> Iterator[Estimated]:
    """Candidate, interviewer, competency and their interactions, over the competencies of a stage. The fit's cost grows
    fast, so that of many candidates a seeded random sample is taken; the method says so."""
    rated = material.ratings.filter(pl.col("competency").is_in(ELEMENTS) & pl.col("score").is_not_null())
    for stage in rated["stage"].unique().sort():
        ratings = rated.filter(pl.col("stage") == stage).rename({"competency": "item"})
        units = ratings["unit"].unique().sort()
        few = ratings["item"].n_unique() < 2 or units.len() < config.minimum_candidates
        if few or ratings["rater"].n_unique() > MOST_RATERS_FOR_COMPONENTS:
            continue
        sampled = units.len() > MOST_UNITS_FOR_COMPONENTS
        if sampled:
            units = units.sample(MOST_UNITS_FOR_COMPONENTS, seed=config.seed)
            ratings = ratings.filter(pl.col("unit").is_in(units.implode()))
        estimate = measure(
            "variance_components", ratings, facets=["unit", "rater", "item"], confidence=config.confidence
        ).to_dict()
        if sampled:
            estimate["method"] += f"; a random sample of {MOST_UNITS_FOR_COMPONENTS} candidates"
        subject = {"stage": stage, "competency": None, "job_family": None}
        yield Estimated(family="reliability", subject=subject, result=estimate)


def _raters_only(severity: dict[str, Any]) -> dict[str, Any]:
    """A report shows interviewers, never single candidates: their adjusted scores stay behind."""
    kept = {name: value for name, value in severity["detail"].items() if name not in CANDIDATE_TABLES}
    return severity | {"detail": kept}


def _estimated(
    name: str,
    subject: dict[str, str | None],
    ratings: pl.DataFrame,
    config: AuditConfig,
    variant: str = "",
    **options: Any,
) -> Estimated:
    estimate = measure(name, ratings, confidence=config.confidence, **options)
    return Estimated(family="reliability", subject=subject, result=estimate.to_dict(), variant=variant)
