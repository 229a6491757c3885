"""Reliability and rater effects of every slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl

from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.analysis.slices import leading, slices
from fairpanel.config import AuditConfig
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
    level: dict[str, Any] = {"confidence": config.confidence}
    for part, ratings, enough in slices(material.ratings, config.minimum_candidates):
        if not enough:
            too_small.append(part.subject | {"family": "reliability", "candidates": ratings["unit"].n_unique()})
            continue
        estimates.append(estimated("reliability", part.subject, "g_coefficient", ratings, **level))
        if part.job_family is not None:
            continue
        estimates += [
            estimated("reliability", part.subject, "icc", ratings, variant=form, form=form, **level)
            for form in ("A,1", "A,k")
        ]
        estimates.append(
            estimated("reliability", part.subject, "krippendorff_alpha", ratings, level="interval", **level)
        )
        if part.competency == leading(material.ratings, part.stage):
            least = config.minimum_candidates_per_rater
            severity = estimated("raters", part.subject, "rater_severity", ratings, min_units=least, **level)
            estimates.append(replace(severity, result=_raters_only(severity.result)))
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
        subject = {"stage": stage, "competency": None, "job_family": None}
        facets = ["unit", "rater", "item"]
        found = estimated(
            "reliability", subject, "variance_components", ratings, facets=facets, confidence=config.confidence
        )
        if sampled:
            found.result["method"] += f"; a random sample of {MOST_UNITS_FOR_COMPONENTS} candidates"
        yield found


def _raters_only(severity: dict[str, Any]) -> dict[str, Any]:
    """A report shows interviewers, never single candidates: their adjusted scores stay behind."""
    kept = {name: value for name, value in severity["detail"].items() if name not in CANDIDATE_TABLES}
    return severity | {"detail": kept}
