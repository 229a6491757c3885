"""Interviewers: severity, habits, drift, what links them; contrasts of stages and of roles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl

from fairpanel.analysis.calibration import calibration
from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.analysis.self_test import self_test
from fairpanel.analysis.slices import STAGES, leading
from fairpanel.config import AuditConfig
from fairpanel.measures.estimate import Caution, Estimate
from schemas.results import Analysis, Estimated
from schemas.vocabulary import ELEMENTS

MOST_CANDIDATES = 20_000
"""Beyond them the Rasch model and the habits are estimated on a seeded random sample of candidates; the method says so."""
MOST_RATERS_FOR_RASCH = 1500
"""The Rasch model's cost grows with the cube of the interviewers."""
OF_CANDIDATES = (
    "fair_score", "adjusted_mean", "observed_mean", "unit_component", "linking_units", "single_units",
)  # fmt: skip
"""Tables whose keys are candidates: a report shows interviewers, never single candidates."""

BY_FACET = {
    "measures", "se", "infit", "outfit", "infit_z", "outfit_z", "infit_expected", "outfit_expected", "observed_average",
    "fair_average", "count", "subset", "extreme",
}  # fmt: skip
"""Tables of the Rasch model by facet, of which the candidates' goes."""


def raters(material: Material, config: AuditConfig) -> Analysis:
    """Rater measures of every stage with enough candidates, the self-test of the first; contrasts of stages and roles."""
    estimates: list[Estimated] = []
    told: list[dict[str, Any]] = []
    for stage in STAGES:
        here = material.ratings.filter((pl.col("stage") == stage) & pl.col("score").is_not_null())
        if here["unit"].n_unique() >= config.minimum_candidates:
            tested = config.self_test_replicates > 0 and not any(e.result["measure"] == "self_test" for e in estimates)
            estimates += _of_stage(stage, here, material, config, told, tested=tested)
    estimates += _contrasts(material, config)
    return Analysis(estimates=estimates, calibration=told)


def _of_stage(
    stage: str,
    here: pl.DataFrame,
    material: Material,
    config: AuditConfig,
    told: list[dict[str, Any]],
    *,
    tested: bool,
) -> Iterator[Estimated]:
    """The estimates of a stage; what its interviewers are told is added to `told`."""
    least = config.minimum_candidates_per_rater
    lead = leading(material.ratings, stage)
    subject: dict[str, str | None] = {"stage": stage, "competency": lead, "job_family": None}
    whole = here.filter(pl.col("competency") == lead)
    yield _shown(estimated("raters", subject, "rater_severity", whole, min_units=least, confidence=config.confidence))
    yield _shown(estimated("raters", subject, "rater_linkage", whole, min_units=least))
    sampled, note = _sample(here, config)
    elements = sampled.filter(pl.col("competency").is_in(ELEMENTS)).rename({"competency": "item"})
    several = elements["item"].n_unique() > 1
    forms = elements if several else sampled.filter(pl.col("competency") == lead).drop("competency")
    about = subject | {"competency": None} if several else subject
    common: dict[str, Any] = {"false_discovery_rate": config.false_discovery_rate, "confidence": config.confidence}
    yield _noted(estimated("raters", about, "rater_habits", forms, min_units=least, **common), note)
    quarters = whole.with_columns(
        pl.format("{}-Q{}", pl.col("interviewed_at").dt.year(), pl.col("interviewed_at").dt.quarter()).alias("period")
    )
    yield estimated("raters", subject, "rater_drift", quarters, min_units=max(least, 12), **common)
    rasch = _rasch(about, forms, config)
    told.append(calibration(stage, forms, rasch, config))
    yield _noted(_shown(rasch), note)
    if tested:
        groups = material.groups.filter(pl.col("attribute") == config.attributes[0]) if config.attributes else None
        yield from self_test(about, forms, groups, config)


def _rasch(subject: dict[str, str | None], forms: pl.DataFrame, config: AuditConfig) -> Estimated:
    raters = forms["rater"].n_unique()
    if raters > MOST_RATERS_FOR_RASCH:
        why = f"{raters} raters are too many for the Rasch model in an audit (up to {MOST_RATERS_FOR_RASCH}): audit a part"
        refused = Estimate(
            measure="many_facet_rasch", method="not computed", value=None, cautions=[Caution("NOT_ESTIMABLE", why)]
        )
        return Estimated(family="raters", subject=subject, result=refused.to_dict())
    least = config.minimum_candidates_per_rater
    return estimated(
        "raters", subject, "many_facet_rasch", forms, min_units=least, unexpected=200, confidence=config.confidence
    )


def _sample(here: pl.DataFrame, config: AuditConfig) -> tuple[pl.DataFrame, str]:
    units = here["unit"].unique().sort()
    if units.len() <= MOST_CANDIDATES:
        return here, ""
    drawn = units.sample(MOST_CANDIDATES, seed=config.seed)
    return here.filter(pl.col("unit").is_in(drawn.implode())), f"; a random sample of {MOST_CANDIDATES} candidates"


def _noted(found: Estimated, note: str) -> Estimated:
    return replace(found, result=found.result | {"method": found.result["method"] + note}) if note else found


def _shown(found: Estimated) -> Estimated:
    """Without what is about single candidates: tables by candidate, and surprising scores."""
    detail = {name: value for name, value in found.result["detail"].items() if name not in OF_CANDIDATES}
    for name in BY_FACET & set(detail):
        detail[name] = {facet: table for facet, table in detail[name].items() if facet != "unit"}
    detail.pop("unexpected", None)
    return replace(found, result=found.result | {"detail": detail})


def _contrasts(material: Material, config: AuditConfig) -> Iterator[Estimated]:
    """User against HR interview, direct supervisor against team member, on the stages' leading scores."""
    scored = material.ratings.filter(pl.col("score").is_not_null())
    leads = {stage: leading(material.ratings, stage) for stage in ("user", "hr")}
    stages = pl.concat(
        [scored.filter((pl.col("stage") == stage) & (pl.col("competency") == lead)) for stage, lead in leads.items()]
    )
    base: dict[str, str | None] = {"stage": None, "competency": leads["user"], "job_family": None}
    if leads["user"] == leads["hr"]:
        yield from _contrast(base, stages, "stage", ("user", "hr"), config)
    roles = stages.filter(pl.col("stage") == "user")
    yield from _contrast(base | {"stage": "user"}, roles, "role", ("direct_supervisor", "team_member"), config)


def _contrast(
    subject: dict[str, str | None], scored: pl.DataFrame, column: str, pair: tuple[str, str], config: AuditConfig
) -> Iterator[Estimated]:
    present = [scored.filter(pl.col(column) == one)["unit"].unique() for one in pair]
    if present[0].is_in(present[1].implode()).sum() < config.minimum_candidates:
        return
    options: dict[str, Any] = {
        "condition": column,
        "first": pair[0],
        "second": pair[1],
        "confidence": config.confidence,
    }
    variant = f"{pair[0]} against {pair[1]}"
    yield estimated("raters", subject, "condition_difference", scored, variant=variant, **options)
    sampled, note = _sample(scored, config)
    found = estimated(
        "reliability", subject, "condition_correlation", sampled, variant=variant, seed=config.seed, **options
    )
    yield _noted(found, note)
