"""What Greenhouse's words mean: two scales, two sets of names, and forms turned into canonical scores.

The overall recommendation has four points (definitely_not, no, yes, strong_yes); attribute ratings have five, with
`mixed` in the middle: `yes` is 3 on the one and 4 on the other, so each score carries its own scale.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from fairpanel.adapters.base import Delivered, no_malformed_rows
from fairpanel.config import Config
from schemas.columns import COLUMNS

OVERALL = {"definitely_not": 1, "no": 2, "yes": 3, "strong_yes": 4}
ATTRIBUTE = {"definitely_not": 1, "no": 2, "mixed": 3, "yes": 4, "strong_yes": 5}
UNANSWERED = ("", "no_decision", "null", "none")
OVERALL_LABEL = "overall recommendation"

# What a form must bring: one row a rating; attribute is null for the overall recommendation.
RATING_COLUMNS = (
    "source_row",
    "scorecard_id",
    "application_id",
    "candidate_id",
    "requisition_id",
    "job_family",
    "interview_id",
    "interview_name",
    "interviewer_id",
    "interviewer_role",
    "submitted_at",
    "updated_at",
    "interviewed_at",
    "is_deleted",
    "attribute",
    "attribute_type",
    "rating",
)


def first_match(name: str | None, patterns: Mapping[str, str]) -> str:
    """The meaning of the first pattern that occurs in a name; `other` where none does."""
    lowered = f"{name or ''} ".lower()
    return next((meaning for pattern, meaning in patterns.items() if pattern.lower() in lowered), "other")


def to_scores(ratings: pl.DataFrame, config: Config, notes: Sequence[str] = ()) -> Delivered:
    """Ratings as canonical scores; unsubmitted forms are excluded by name, unknown labels kept without a score."""
    unsubmitted = ratings["submitted_at"].is_null()
    ratings = ratings.filter(~unsubmitted)
    overall = pl.col("attribute").is_null()
    label = pl.when(overall).then(pl.lit(OVERALL_LABEL)).otherwise(pl.col("attribute")).str.slice(0, 80)
    word = pl.col("rating").str.strip_chars().str.to_lowercase()
    clean = pl.when(~word.is_in(list(UNANSWERED))).then(word)
    stage_of = {name: first_match(name, config.greenhouse.stages) for name in ratings["interview_name"].unique()}
    pairs = ratings.filter(~overall).select("attribute", "attribute_type").unique()
    element_of = {
        attribute: first_match(f"{attribute} {kind or ''}", config.greenhouse.competencies)
        for attribute, kind in pairs.sort("attribute", "attribute_type", nulls_last=True).iter_rows()
    }
    frame = ratings.select(
        "source_row",
        *(pl.col(name) for name in RATING_COLUMNS[1:7]),
        _renamed("interview_name", stage_of, "other").alias("stage"),
        "interviewer_id",
        pl.coalesce("interviewer_role", pl.lit("other")).alias("interviewer_role"),
        pl.when(pl.col("interviewer_role") == "direct_supervisor")
        .then(pl.lit("true"))
        .otherwise(pl.lit("false"))
        .alias("role_assumed"),
        pl.when(overall)
        .then(pl.lit("overall"))
        .otherwise(_renamed("attribute", element_of, "other"))
        .alias("competency"),
        label.alias("competency_label"),
        pl.col("rating").str.slice(0, 80).alias("score_raw"),
        pl.when(overall)
        .then(clean.replace_strict(OVERALL, default=None, return_dtype=pl.Int64))
        .otherwise(clean.replace_strict(ATTRIBUTE, default=None, return_dtype=pl.Int64))
        .cast(pl.String)
        .alias("score"),
        pl.lit("1").alias("scale_min"),
        pl.when(overall).then(pl.lit("4")).otherwise(pl.lit("5")).alias("scale_max"),
        pl.when(overall).then(pl.lit("4")).otherwise(pl.lit("5")).alias("scale_points"),
        pl.lit("true").alias("higher_is_better"),
        *(pl.col(name) for name in ("submitted_at", "updated_at")),
        pl.coalesce("interviewed_at", "submitted_at").alias("interviewed_at"),
        pl.coalesce("is_deleted", pl.lit("false")).alias("is_deleted"),
    )
    unknown = ratings.filter(clean.is_not_null() & frame["score"].is_null())["rating"].to_list()
    sentences = [*notes, *_about_labels(unknown), *_about_names(stage_of, element_of)]
    early = (frame["submitted_at"] < frame["interviewed_at"]).sum()
    if early:
        sentences.append(f"{early} ratings were submitted before the interview they belong to; they were kept.")
    excluded = {"unsubmitted": int(unsubmitted.sum())} if unsubmitted.any() else {}
    missing = [pl.lit(None, dtype=pl.String).alias(name) for name in COLUMNS["scores"] if name not in frame.columns]
    return Delivered(
        table="scores",
        frame=frame.with_columns(missing),
        malformed=no_malformed_rows(),
        excluded=excluded,
        notes=tuple(sentences),
    )


def _renamed(column: str, meaning: Mapping[str | None, str], default: str) -> pl.Expr:
    known = {name: word for name, word in meaning.items() if name is not None}
    if not known:
        return pl.lit(default)
    return pl.col(column).replace_strict(known, default=default, return_dtype=pl.String)


def _about_labels(unknown: Sequence[str]) -> list[str]:
    counts = Counter(label[:40] for label in unknown).most_common(10)
    return [
        f"unknown_label: {count} ratings say {label!r}, which is on no Greenhouse scale; kept without a score."
        for label, count in counts
    ]


def _about_names(stage_of: Mapping[str | None, str], element_of: Mapping[str, str]) -> list[str]:
    stages = sorted(str(name) for name, stage in stage_of.items() if stage == "other" and name)
    elements = sorted(name for name, element in element_of.items() if element == "other")
    notes = []
    if stages:
        notes.append(
            f"Interviews of no known stage, taken as 'other': {'; '.join(stages[:10])}. See greenhouse.stages."
        )
    if elements:
        notes.append(
            f"Attributes of no known competency, taken as 'other': {'; '.join(elements[:10])}. See greenhouse.competencies."
        )
    return notes


def to_demographics(answers: pl.DataFrame) -> Delivered:
    """EEOC answers (source_row, candidate_id, and a column an attribute) as long demographics; refusals as `declined`."""
    attributes = [name for name in answers.columns if name not in ("source_row", "candidate_id")]
    long = answers.unpivot(
        attributes, index=["source_row", "candidate_id"], variable_name="attribute", value_name="category"
    )
    declined = (
        pl.col("category").str.to_lowercase().str.contains(r"decline|don.t wish|do not wish|prefer not|not to answer")
    )
    frame = long.filter(pl.col("category").is_not_null()).with_columns(
        pl.when(declined).then(pl.lit("declined")).otherwise(pl.col("category")).alias("category"),
        pl.lit("self_reported").alias("source"),
    )
    return Delivered(table="demographics", frame=frame.sort("source_row", "attribute"))
