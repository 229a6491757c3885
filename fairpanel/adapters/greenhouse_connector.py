"""Greenhouse as a connector lays it out in a warehouse: one CSV a table, joined here.

scorecard says neither who interviewed nor in which interview:
scheduled_interviewer -> scheduled_interview -> interview -> job_stage, and job_application -> job -> hiring_team.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from fairpanel.adapters import tabular
from fairpanel.adapters.base import MALFORMED_SCHEMA, Delivered, Export, ExportError
from fairpanel.adapters.greenhouse_labels import RATING_COLUMNS, to_demographics, to_scores
from fairpanel.config import Config

NAME = "greenhouse-connector"
VERSION = "1"
NEEDED = ("scorecard", "scorecard_attribute")
TABLES: dict[str, tuple[str, ...]] = {
    "scorecard": (
        "id",
        "application_id",
        "candidate_id",
        "interview",
        "interviewed_at",
        "overall_recommendation",
        "submitted_at",
        "submitted_by_user_id",
        "updated_at",
    ),
    "scorecard_attribute": ("scorecard_id", "name", "rating", "type"),
    "scheduled_interviewer": ("interviewer_id", "scheduled_interview_id", "scorecard_id"),
    "scheduled_interview": ("id", "interview_id"),
    "interview": ("id", "job_stage_id", "name"),
    "job_stage": ("id", "name"),
    "job_application": ("application_id", "job_id"),
    "job": ("id", "name"),
    "job_department": ("job_id", "department_id"),
    "department": ("id", "name"),
    "hiring_team": ("job_id", "role", "user_id"),
    "application": ("id", "candidate_id", "status", "rejected_at", "last_activity_at"),
    "application_history": ("application_id", "new_status", "updated_at"),
    "eeoc": ("application_id", "gender_description", "race_description"),
}


def find(files: Sequence[Path]) -> list[Export]:
    """Folders with a scorecard and a scorecard_attribute table."""
    folders: dict[Path, dict[str, Path]] = {}
    for path in files:
        if path.suffix.lower() == ".csv" and path.stem.lower() in TABLES:
            folders.setdefault(path.parent, {})[path.stem.lower()] = path
    return [
        Export(
            f"{folder.name}/scorecard.csv (+{len(tables) - 1})",
            tuple(tables[name] for name in TABLES if name in tables),
        )
        for folder, tables in folders.items()
        if all(name in tables for name in NEEDED) and "overall_recommendation" in tabular.header(tables["scorecard"])
    ]


def read(export: Export, config: Config) -> list[Delivered]:
    """Scores, decisions and demographics. Raises ExportError where a table lacks a column."""
    sources = {path.stem.lower(): tabular.read(path) for path in export.paths}
    tables: dict[str, pl.DataFrame] = {}
    malformed = [pl.DataFrame(schema=MALFORMED_SCHEMA)]
    for name, columns in TABLES.items():
        if name not in sources:
            tables[name] = pl.DataFrame(schema={"source_row": pl.Int64} | dict.fromkeys(columns, pl.String))
            continue
        frame = sources[name].frame
        malformed.append(sources[name].malformed)
        if missing := [column for column in columns if column not in frame.columns]:
            raise ExportError(f"{name}.csv has no column {', '.join(missing)}. Export the whole table.")
        tables[name] = _alive(frame) if name != "scorecard" else frame
    absent = sorted(set(TABLES) - set(sources))
    notes = [f"Tables not delivered: {', '.join(absent)}; what they would tell is left empty."] if absent else []
    scores = _scores(tables, config, notes)
    malformed.append(_without_scorecard(tables))
    delivered = [
        Delivered(
            table="scores",
            frame=scores.frame,
            malformed=pl.concat(malformed),
            excluded=scores.excluded,
            notes=(*scores.notes, *(note for source in sources.values() for note in source.notes)),
        )
    ]
    if tables["application"].height:
        delivered.append(_decisions(tables))
    if tables["eeoc"].height:
        delivered.append(_demographics(tables))
    return delivered


def _alive(frame: pl.DataFrame) -> pl.DataFrame:
    if "_fivetran_deleted" not in frame.columns:
        return frame
    return frame.filter(pl.col("_fivetran_deleted").str.to_lowercase().fill_null("false") != "true")


def _without_scorecard(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Ratings of a form that the export does not hold: whose they are cannot be known."""
    orphans = tables["scorecard_attribute"].join(
        tables["scorecard"], left_on="scorecard_id", right_on="id", how="anti", maintain_order="left"
    )
    return orphans.select(
        "source_row",
        pl.lit("no_scorecard").alias("rule"),
        pl.lit("scorecard_id").alias("column"),
        pl.col("scorecard_id").alias("value"),
    )


def _first(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    return frame.filter(pl.col(key).is_not_null()).unique(key, keep="first", maintain_order=True)


def _scores(tables: dict[str, pl.DataFrame], config: Config, notes: Sequence[str]) -> Delivered:
    seats = (
        _first(tables["scheduled_interviewer"], "scorecard_id")
        .select("scorecard_id", "interviewer_id", "scheduled_interview_id")
        .join(
            _first(tables["scheduled_interview"], "id").select("id", pl.col("interview_id").alias("kind")),
            left_on="scheduled_interview_id",
            right_on="id",
            how="left",
        )
        .join(
            _first(tables["interview"], "id").select("id", "job_stage_id", pl.col("name").alias("kind_name")),
            left_on="kind",
            right_on="id",
            how="left",
        )
        .join(
            _first(tables["job_stage"], "id").select("id", pl.col("name").alias("stage_name")),
            left_on="job_stage_id",
            right_on="id",
            how="left",
        )
    )
    jobs = (
        _first(tables["job_application"], "application_id")
        .select("application_id", "job_id")
        .join(_first(tables["job_department"], "job_id").select("job_id", "department_id"), on="job_id", how="left")
        .join(
            _first(tables["department"], "id").select("id", pl.col("name").alias("job_family")),
            left_on="department_id",
            right_on="id",
            how="left",
        )
    )
    team = tables["hiring_team"].select("job_id", pl.col("user_id").alias("person"), "role")
    roles = (
        team.with_columns(
            pl.when(pl.col("role") == "hiring_managers")
            .then(pl.lit("direct_supervisor"))
            .otherwise(pl.lit("recruiter"))
            .alias("role")
        )
        .sort("role")  # direct_supervisor before recruiter where someone is both
        .unique(["job_id", "person"], keep="first", maintain_order=True)
    )
    card = tables["scorecard"]
    deleted = pl.col("_fivetran_deleted").str.to_lowercase() if "_fivetran_deleted" in card.columns else pl.lit("false")
    cards = (
        card.with_columns(deleted.alias("is_deleted"), pl.col("id").alias("scorecard_id"))
        .join(seats, on="scorecard_id", how="left", maintain_order="left")
        .join(jobs, on="application_id", how="left", maintain_order="left")
        .with_columns(pl.coalesce("interviewer_id", "submitted_by_user_id").alias("interviewer_id"))
        .join(
            roles,
            left_on=["job_id", "interviewer_id"],
            right_on=["job_id", "person"],
            how="left",
            maintain_order="left",
        )
        .select(
            "source_row",
            "scorecard_id",
            "application_id",
            "candidate_id",
            pl.col("job_id").alias("requisition_id"),
            "job_family",
            pl.col("scheduled_interview_id").alias("interview_id"),
            pl.coalesce("interview", "kind_name", "stage_name").alias("interview_name"),
            "interviewer_id",
            pl.when(pl.col("role").is_null() & pl.col("job_id").is_not_null())
            .then(pl.lit("team_member"))
            .otherwise("role")
            .alias("interviewer_role"),
            "submitted_at",
            "updated_at",
            "interviewed_at",
            "is_deleted",
            "overall_recommendation",
        )
    )
    attributes = tables["scorecard_attribute"].select(
        "scorecard_id", pl.col("name").alias("attribute"), pl.col("type").alias("attribute_type"), "rating"
    )
    overall = cards.with_columns(
        pl.lit(None, dtype=pl.String).alias("attribute"),
        pl.lit(None, dtype=pl.String).alias("attribute_type"),
        pl.col("overall_recommendation").alias("rating"),
    )
    rated = cards.join(attributes, on="scorecard_id", how="inner", maintain_order="left_right")
    ratings = pl.concat([frame.select(RATING_COLUMNS) for frame in (overall, rated)])
    return to_scores(ratings.sort("source_row", maintain_order=True), config, notes)


def _decisions(tables: dict[str, pl.DataFrame]) -> Delivered:
    hired = (
        tables["application_history"]
        .filter(pl.col("new_status") == "hired")
        .group_by("application_id")
        .agg(pl.col("updated_at").max().alias("hired_at"))
    )
    meaning = {"hired": "accepted", "rejected": "rejected", "active": "pending"}
    frame = (
        tables["application"]
        .join(hired, left_on="id", right_on="application_id", how="left", maintain_order="left")
        .join(
            _first(tables["job_application"], "application_id").select("application_id", "job_id"),
            left_on="id",
            right_on="application_id",
            how="left",
            maintain_order="left",
        )
        .select(
            "source_row",
            "candidate_id",
            pl.col("id").alias("application_id"),
            pl.col("job_id").alias("requisition_id"),
            pl.col("status").replace(meaning).alias("decision"),
            pl.coalesce("hired_at", "rejected_at", "last_activity_at").alias("decided_on"),
        )
    )
    return Delivered(table="decisions", frame=frame)


def _demographics(tables: dict[str, pl.DataFrame]) -> Delivered:
    optional = {"disability_status": "disability_status_description", "veteran_status": "veteran_status_description"}
    answers = tables["eeoc"].join(
        _first(tables["application"], "id").select("id", "candidate_id"),
        left_on="application_id",
        right_on="id",
        how="left",
        maintain_order="left",
    )
    return to_demographics(
        answers.select(
            "source_row",
            "candidate_id",
            pl.col("gender_description").alias("gender"),
            pl.col("race_description").alias("race"),
            *(pl.col(source).alias(name) for name, source in optional.items() if source in answers.columns),
        )
    )
