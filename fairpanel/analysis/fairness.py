"""Groups: selection, scores, prediction, panels, and all of it over time, for every attribute of the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.analysis.groups.coded import coded
from fairpanel.analysis.groups.grouping import Grouping, benchmark, focal_groups, groupings, thin
from fairpanel.analysis.groups.panels import MOST_CANDIDATES, panel_ratings, panels
from fairpanel.analysis.groups.periods import periods
from fairpanel.analysis.groups.prediction import prediction
from fairpanel.analysis.groups.scores import by_competency, score_gaps, whole_scores
from fairpanel.analysis.groups.selection import coverage, crossed_rates, crossed_scores, families, selection, stages
from fairpanel.analysis.preparation import items
from fairpanel.analysis.slices import Slice, leading, slices
from fairpanel.analysis.validity import paired
from fairpanel.config import AuditConfig
from fairpanel.measures.mixed_models.threads import with_one_blas_thread
from schemas.results import Analysis, Estimated

STAGES = ("user", "hr")


@with_one_blas_thread
def fairness(material: Material, config: AuditConfig) -> Analysis:
    """Everything about groups, single attributes first, then crossed ones (selection and scoring rates only)."""
    estimates: list[Estimated] = []
    too_small: list[dict[str, Any]] = []
    material = coded(material)
    scored = list(_scored(material, config))
    met = {stage: panel_ratings(stage, material, config) for stage in STAGES}
    decided = list(stages(material))
    for grouping in groupings(material, config):
        reference = benchmark(grouping, config)
        estimates += _selections(grouping, decided, material, config, too_small)
        estimates += _scores(grouping, reference, scored, material, config, too_small)
        if not grouping.crossed:
            for stage in STAGES:
                estimates += by_competency(stage, grouping, reference, material, config)
                estimates += panels(stage, grouping, reference, met[stage], material, config)
                estimates += periods(stage, grouping, reference, material, config)
            estimates += _access(grouping, reference, material, config)
    return Analysis(estimates=estimates, too_small=too_small)


@dataclass(frozen=True, slots=True)
class Scored:
    """People of a slice with their mean score and performance; whether they are enough; of a stage's leading score, how
    reliable that mean is."""

    part: Slice
    people: pl.DataFrame
    enough: bool
    leads: bool
    reliability: float | None


def _scored(material: Material, config: AuditConfig) -> Iterator[Scored]:
    for part, ratings, enough in slices(material.ratings, config.minimum_candidates):
        leads = part.job_family is None and part.competency == leading(material.ratings, part.stage)
        people = paired(ratings, material.performance)
        yield Scored(part, people, enough, leads, _reliability(ratings, config) if leads and enough else None)


def _reliability(ratings: pl.DataFrame, config: AuditConfig) -> float | None:
    """G(q,k) of the mean score, of a sample where there are many: what the lines of groups owe to disagreement."""
    units = ratings["unit"].unique().sort()
    if units.len() > MOST_CANDIDATES:
        ratings = ratings.filter(pl.col("unit").is_in(units.sample(MOST_CANDIDATES, seed=config.seed).implode()))
    found = estimated("reliability", {}, "g_coefficient", ratings, interval="none").result["value"]
    return None if found is None else float(found)


def _selections(
    grouping: Grouping,
    decided: Sequence[tuple[str | None, pl.DataFrame]],
    material: Material,
    config: AuditConfig,
    too_small: list[dict[str, Any]],
) -> list[Estimated]:
    found: list[Estimated] = []
    for stage, outcomes in decided:
        known = outcomes.join(grouping.people, on="candidate", how="inner", maintain_order="left")
        for part, people in families(stage, known):
            subject = part | {"attribute": grouping.attribute}
            if grouping.crossed and part["job_family"] is not None:
                continue
            if thin(people, config):
                too_small.append(subject | {"family": "fairness", "candidates": people.height})
                continue
            found += selection(subject, people, grouping, config)
            if part["job_family"] is None:
                found.append(coverage(subject, outcomes, grouping, material))
                if grouping.crossed:
                    found += crossed_rates(subject, people, grouping, config)
    return found


def _scores(
    grouping: Grouping,
    reference: str,
    scored: Sequence[Scored],
    material: Material,
    config: AuditConfig,
    too_small: list[dict[str, Any]],
) -> list[Estimated]:
    found: list[Estimated] = []
    for each in scored:
        subject = each.part.subject | {"attribute": grouping.attribute}
        if grouping.crossed and not each.leads:
            continue
        people = each.people.join(grouping.people, on="candidate", how="inner", maintain_order="left")
        if not each.enough or thin(people, config):
            too_small.append(subject | {"family": "fairness", "candidates": people.height})
            continue
        if not grouping.crossed:
            found += score_gaps(subject, people, reference, config)
        if each.leads:
            found += whole_scores(subject, people, grouping, reference, config)
            found += crossed_scores(subject, people, grouping, config)
        if each.leads and not grouping.crossed:
            found += prediction(subject, people, reference, material, each.reliability, config)
    return found


def _access(grouping: Grouping, reference: str, material: Material, config: AuditConfig) -> list[Estimated]:
    """Whether each group had the same help before the user interview: one figure an item and group."""
    given = items(material).join(grouping.people, on="candidate", how="inner")
    if given.height < config.minimum_candidates or reference not in given["group"]:
        return []
    subject: dict[str, str | None] = {"stage": "user", "attribute": grouping.attribute, "reference": reference}
    return [
        estimated(
            "fairness",
            subject | {"group": focal},
            "access_difference",
            given.filter(pl.col("group").is_in([focal, reference])),
            item,
            provided=item,
            focal=focal,
            reference=reference,
            confidence=config.confidence,
        )
        for item in given.columns
        if item not in ("candidate", "group")
        for focal in focal_groups(given, reference, config)
    ]
