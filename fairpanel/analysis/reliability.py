"""Reliability of every slice."""

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

MOST_UNITS_FOR_COMPONENTS = 20_000
"""More candidates no longer change what the components say; the fit's cost grows with the pairs of interviewers."""
OVERLAPS = 10
"""Further scores that the advice on pairings plans."""


def reliability(material: Material, config: AuditConfig) -> Analysis:
    """G(q,k), intraclass correlations and agreement by slice; pairs of interviewers and components by stage."""
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
        estimates.append(
            estimated(
                "reliability",
                part.subject,
                "gwet_ac",
                ratings,
                variant="ordinal",
                weights="ordinal",
                interval="transformed",
                **level,
            )
        )
        if part.competency == leading(material.ratings, part.stage):
            estimates += _of_pairs(part.subject, ratings, config)
    estimates += list(_components(material, config))
    return Analysis(estimates=estimates, too_small=too_small)


def _of_pairs(subject: dict[str, str | None], ratings: pl.DataFrame, config: AuditConfig) -> Iterator[Estimated]:
    """How pairs of interviewers agree, and which further pairings would tell most."""
    least = config.minimum_candidates_per_rater
    yield estimated(
        "reliability", subject, "pairwise_agreement", ratings, weights="linear", coefficient="gwet_ac", min_shared=least
    )
    advice = estimated(
        "reliability", subject, "pairing_advice", ratings, overlaps=OVERLAPS, min_units=least, seed=config.seed
    )
    rows = [{k: v for k, v in row.items() if k != "unit"} for row in advice.result["detail"].get("rows", [])]
    detail = advice.result["detail"] | ({"rows": rows} if rows else {})
    yield replace(advice, result=advice.result | {"detail": detail})


def _of_competencies(subject: dict[str, str | None], forms: pl.DataFrame, config: AuditConfig) -> Iterator[Estimated]:
    """Do the competencies of a form measure one thing? A unit is one interviewer's form about one candidate."""
    table = forms.with_columns(pl.concat_str("unit", "rater", separator="|").alias("unit"))
    for name in ("cronbach_alpha", "omega_total"):
        yield estimated("reliability", subject, name, table, confidence=config.confidence)


def _components(material: Material, config: AuditConfig) -> Iterator[Estimated]:
    """Candidate, interviewer, competency and their interactions, over the competencies of a stage. Of very many
    candidates a seeded random sample is taken; the method says so."""
    rated = material.ratings.filter(pl.col("competency").is_in(ELEMENTS) & pl.col("score").is_not_null())
    for stage in rated["stage"].unique().sort():
        ratings = rated.filter(pl.col("stage") == stage).rename({"competency": "item"})
        units = ratings["unit"].unique().sort()
        if ratings["item"].n_unique() < 2 or units.len() < config.minimum_candidates:
            continue
        subject: dict[str, str | None] = {"stage": stage, "competency": None, "job_family": None}
        yield from _of_competencies(subject, ratings, config)
        sampled = units.len() > MOST_UNITS_FOR_COMPONENTS
        if sampled:
            units = units.sample(MOST_UNITS_FOR_COMPONENTS, seed=config.seed)
            ratings = ratings.filter(pl.col("unit").is_in(units.implode()))
        facets = ["unit", "rater", "item"]
        found = estimated(
            "reliability", subject, "variance_components", ratings, facets=facets, confidence=config.confidence
        )
        if sampled:
            found.result["method"] += f"; a random sample of {MOST_UNITS_FOR_COMPONENTS} candidates"
        yield found
