"""Reliability and rater effects of every slice."""

from __future__ import annotations

from typing import Any

import polars as pl

from fairpanel.analysis.frames import Material
from fairpanel.analysis.slices import leading, slices
from fairpanel.config import AuditConfig
from fairpanel.measures.catalogue import measure
from schemas.results import Analysis, Estimated

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
    return Analysis(estimates=estimates, too_small=too_small)


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
