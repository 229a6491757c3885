"""From pinned tables to what measures take: scores in one direction on one scale, people with their outcomes and groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from fairpanel.analysis.follow_up import follow_up
from fairpanel.analysis.group_names import renamings, tidy
from fairpanel.config import AuditConfig
from fairpanel.store.tables import Pinned
from schemas.vocabulary import DECLINED, ELEMENTS

COMPOSITE = "composite"
"""Stands for `overall` where interviewers gave no overall score: the mean of the competencies on their form."""


@dataclass(frozen=True, slots=True)
class Period:
    """Interviews from `start` up to, not including, `end` (UTC); None is open."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Material:
    """Everything an audit computes from.

    ratings: one row a unit (application) × rater × stage × competency: unit, candidate, rater, role, stage, competency,
    score (higher is better), job_family, requisition, interviewed_at, submitted_at. outcomes: one row a unit and stage:
    unit, candidate, stage,
    selected (bool), job_family, requisition. performance: candidate, performance (mean of its raters), raters.
    performance_ratings: candidate, rater, score (mean over cycles), on the leading dimension. criterion, employment:
    see fairpanel.analysis.follow_up. preparation: candidate, item, provided. groups: candidate, attribute, category;
    interviewer_groups: rater, attribute, category.
    counts: what was left out, by a named rule, and how far candidates came.
    """

    ratings: pl.DataFrame
    outcomes: pl.DataFrame
    performance: pl.DataFrame
    performance_ratings: pl.DataFrame
    criterion: pl.DataFrame
    employment: pl.DataFrame
    preparation: pl.DataFrame
    groups: pl.DataFrame
    interviewer_groups: pl.DataFrame
    counts: Mapping[str, int]
    scale_notes: Sequence[str]


def gather(pinned: Pinned, period: Period, where: Mapping[str, str], config: AuditConfig) -> Material:
    """The material of one audit: a period, and rows whose columns have the values of `where`."""
    scores = _in_scope(pinned, period, where)
    ratings, notes = _ratings(scores)
    units = ratings.select("unit", "candidate", "job_family", "requisition").unique("unit", keep="first")
    decisions = pinned.read("decisions", ["application_id", "stage", "decision", "decided_on"])
    outcomes, undecided = _outcomes(ratings, units, decisions)
    met = scores.group_by(pl.col("candidate_id").alias("candidate")).agg(pl.col("interviewed_at").min().alias("met"))
    accepted = outcomes.filter((pl.col("stage") == "user") & pl.col("selected")).select("unit", "candidate")
    decided = accepted.join(decisions, left_on="unit", right_on="application_id", how="inner")
    after = follow_up(pinned, config, met, accepted, decided.select("candidate", "decided_on"))
    notes += after.notes
    performance_ratings = (
        after.criterion.filter(pl.col("dimension") == config.performance_dimension)
        .group_by("candidate", "rater", maintain_order=True)
        .agg(pl.col("score").mean())
    )
    performance = performance_ratings.group_by("candidate", maintain_order=True).agg(
        pl.col("score").mean().alias("performance"), pl.col("rater").n_unique().alias("raters")
    )
    preparation = (
        pinned.read("preparation", ["candidate_id", "item", "provided"])
        .rename({"candidate_id": "candidate"})
        .join(units.select("candidate").unique(), on="candidate", how="semi")
        .sort("candidate", "item")
    )
    stated = (
        pinned.read("demographics", ["candidate_id", "attribute", "category"])
        .rename({"candidate_id": "candidate"})
        .join(units.select("candidate").unique(), on="candidate", how="semi")
        .sort("candidate", "attribute")
    )
    groups, named = tidy(stated, config.categories)
    notes += [*named, *renamings(groups, met)]
    interviewer_groups = _interviewers(pinned, ratings, config)
    hired = accepted["candidate"].unique()
    statuses = dict(after.employment.group_by("status").len().iter_rows())
    counts = {
        "score_rows": scores.height,
        "answered": scores.height - scores["score"].null_count(),
        "unanswered": scores["score"].null_count(),
        "candidates": units["candidate"].n_unique(),
        "applications": units.height,
        "interviewers": ratings["rater"].n_unique(),
        "requisitions": units["requisition"].drop_nulls().n_unique(),
        "hr_interviewed": ratings.filter(pl.col("stage") == "hr")["unit"].n_unique(),
        "user_interviewed": ratings.filter(pl.col("stage") == "user")["unit"].n_unique(),
        "hired": hired.len(),
        "performance_known": performance.height,
        "hired_performance_known": performance.filter(pl.col("candidate").is_in(hired.implode())).height,
        "left_unrated": statuses.get("left", 0),
        "too_new": statuses.get("too_new", 0),
        "unrated": statuses.get("unrated", 0),
        "hired_twice": after.hired_twice,
        "prepared_known": preparation["candidate"].n_unique(),
        "groups_known": groups["candidate"].n_unique(),
        "declined": groups.filter(pl.col("category") == DECLINED)["candidate"].n_unique(),
        "undecided": undecided,
    }
    return Material(
        ratings=ratings,
        outcomes=outcomes,
        performance=performance,
        performance_ratings=performance_ratings,
        criterion=after.criterion,
        employment=after.employment,
        preparation=preparation,
        groups=groups,
        interviewer_groups=interviewer_groups,
        counts=counts,
        scale_notes=notes,
    )


def _interviewers(pinned: Pinned, ratings: pl.DataFrame, config: AuditConfig) -> pl.DataFrame:
    """Groups of those who scored in this audit, under the names that candidates' groups have."""
    stated = pinned.read("interviewer_groups", ["interviewer_id", "attribute", "category"])
    present = stated.rename({"interviewer_id": "candidate"}).join(
        ratings.select(pl.col("rater").alias("candidate")).unique(), on="candidate", how="semi"
    )
    tidied, _ = tidy(present.sort("candidate", "attribute"), config.categories)
    return tidied.rename({"candidate": "rater"})


def _in_scope(pinned: Pinned, period: Period, where: Mapping[str, str]) -> pl.DataFrame:
    names = [
        "candidate_id", "application_id", "requisition_id", "job_family", "stage", "interviewer_id", "interviewer_role",
        "competency", "score", "scale_min", "scale_max", "higher_is_better", "interviewed_at", "submitted_at", "is_deleted",
    ]  # fmt: skip
    scores = pinned.read("scores", names).filter(~pl.col("is_deleted").fill_null(value=False))
    if period.start is not None:
        scores = scores.filter(pl.col("interviewed_at") >= period.start)
    if period.end is not None:
        scores = scores.filter(pl.col("interviewed_at") < period.end)
    for column, value in where.items():
        scores = scores.filter(pl.col(column) == value)
    return scores


def _ratings(scores: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """One score a unit, rater, stage and competency; where forms have no overall score, the form's mean as composite."""
    low_is_good = ~pl.col("higher_is_better")
    directed = scores.with_columns(
        pl.when(low_is_good)
        .then(pl.col("scale_min") + pl.col("scale_max") - pl.col("score"))
        .otherwise("score")
        .alias("score")
    )
    scales = directed.group_by("competency").agg(pl.struct("scale_min", "scale_max").n_unique().alias("scales"))
    mixed = sorted(scales.filter(pl.col("scales") > 1)["competency"])
    notes = [
        f"{competency}: scores come on several scales and were put on 0–1, their position on their own scale."
        for competency in mixed
    ]
    position = (pl.col("score") - pl.col("scale_min")) / (pl.col("scale_max") - pl.col("scale_min"))
    directed = directed.with_columns(
        pl.when(pl.col("competency").is_in(mixed)).then(position).otherwise("score").alias("score"),
        position.alias("position"),
    )
    if scores["higher_is_better"].not_().any():
        notes.append("Low is good on some scales: those scores were turned round (minimum + maximum − score).")
    key = ["application_id", "interviewer_id", "stage"]
    facts = [
        pl.col("candidate_id").first(), pl.col("interviewer_role").first(),
        pl.col("job_family").first(), pl.col("requisition_id").first(),
        pl.col("interviewed_at").min(), pl.col("submitted_at").max(),
    ]  # fmt: skip
    ratings = directed.group_by(*key, "competency", maintain_order=True).agg(pl.col("score").mean(), *facts)
    rated = set(directed.filter((pl.col("competency") == "overall") & pl.col("score").is_not_null())["stage"].unique())
    without = [stage for stage in directed["stage"].unique().sort() if stage not in rated]
    composite = (
        directed.filter(pl.col("stage").is_in(without) & pl.col("competency").is_in(ELEMENTS))
        .group_by(*key, maintain_order=True)
        .agg(pl.col("position").mean().alias("score"), *facts)
        .with_columns(pl.lit(COMPOSITE).alias("competency"))
    )
    if composite.height:
        notes.append(
            f"{', '.join(without)}: interviewers gave no overall score; the composite is the mean of a form's competencies, "
            "each on 0–1."
        )
    together = pl.concat([ratings, composite.select(ratings.columns)]) if composite.height else ratings
    names = {
        "application_id": "unit",
        "candidate_id": "candidate",
        "interviewer_id": "rater",
        "interviewer_role": "role",
        "requisition_id": "requisition",
    }
    return together.rename(names).sort("stage", "competency", "unit", "rater"), notes


def _outcomes(ratings: pl.DataFrame, units: pl.DataFrame, decisions: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Who was selected at each stage. HR: a decision at that stage, else whether a user interview followed. User: the
    decision at that stage or the final one. Pending and withdrawn applications have no outcome and are counted."""
    final = decisions.filter(pl.col("stage").is_null() | (pl.col("stage") != "hr")).sort("decided_on")
    last = final.group_by("application_id", maintain_order=True).agg(pl.col("decision").last())
    at_hr = (
        decisions.filter(pl.col("stage") == "hr")
        .sort("decided_on")
        .group_by("application_id", maintain_order=True)
        .agg(pl.col("decision").last().alias("at_hr"))
    )
    stages = ratings.select("unit", "stage").unique()
    met_user = stages.filter(pl.col("stage") == "user").select("unit", pl.lit(value=True).alias("met_user"))
    known = (
        stages.filter(pl.col("stage").is_in(["hr", "user"]))
        .join(units, on="unit", how="left")
        .join(last, left_on="unit", right_on="application_id", how="left")
        .join(at_hr, left_on="unit", right_on="application_id", how="left")
        .join(met_user, on="unit", how="left")
    )
    any_user = bool(met_user.height)
    accepted = pl.col("decision") == "accepted"
    decided = pl.col("decision").is_in(["accepted", "rejected"])
    passed_hr = (
        pl.when(pl.col("at_hr").is_in(["accepted", "rejected"]))
        .then(pl.col("at_hr") == "accepted")
        .when(pl.lit(any_user) & pl.col("met_user").fill_null(value=False))
        .then(pl.lit(value=True))
        .when(decided)
        .then(accepted & pl.lit(value=not any_user))
    )
    # Where everybody met both stages, going on to the user interview was no selection.
    hr = known.filter(pl.col("stage") == "hr")
    everybody = bool(hr.height) and hr["met_user"].null_count() == 0 and hr["at_hr"].null_count() == hr.height
    if everybody:
        known = known.filter(pl.col("stage") != "hr")
    selected = pl.when(pl.col("stage") == "hr").then(passed_hr).when(decided).then(accepted)
    judged = known.with_columns(selected.alias("selected"))
    undecided = judged.filter((pl.col("stage") == "user") & pl.col("selected").is_null()).height
    names = ("unit", "candidate", "stage", "selected", "job_family", "requisition")
    return judged.drop_nulls("selected").select(names).sort("stage", "unit"), undecided
