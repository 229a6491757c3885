"""A simulated organisation in the canonical layout: five CSV files."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from fairpanel.simulation.constants import ELEMENTS, GENDERS, RACES
from fairpanel.simulation.world import FAMILIES, World

ITEMS = (*ELEMENTS, "overall", "other")


def write_canonical(world: World, start: date, out: Path) -> list[Path]:
    """scores.csv, decisions.csv, performance.csv, demographics.csv, preparation.csv."""
    tables = {
        "scores": scores(world, start),
        "decisions": decisions(world, start),
        "performance": performance(world, start),
        "demographics": demographics(world),
        "preparation": preparation(world),
    }
    paths = []
    for name, frame in tables.items():
        paths.append(out / f"{name}.csv")
        frame.write_csv(paths[-1])
    return paths


def named(prefix: str, column: str, width: int) -> pl.Expr:
    """Identifiers as a system gives them out: a letter and digits."""
    return pl.format(f"{prefix}{{}}", pl.col(column).cast(pl.String).str.zfill(width))


def on_day(start: date, column: str = "day") -> pl.Expr:
    return (pl.lit(start) + pl.duration(days=pl.col(column))).cast(pl.Date)


def rounded(column: pl.Expr, points: int = 5) -> pl.Expr:
    """A continuous score as a category of a scale from 1."""
    return column.round().clip(1, points).cast(pl.Int64)


def scores(world: World, start: date) -> pl.DataFrame:
    """One row an item; an edited form stands twice, its older version with other scores."""
    context = world.candidates.select("candidate", "family", "requisition")
    forms = world.forms.join(context, on="candidate", how="left", maintain_order="left")
    long = forms.unpivot(
        [name for name in ITEMS if name in forms.columns],
        index=[
            "form",
            "candidate",
            "interviewer",
            "day",
            "stage",
            "role",
            "edited",
            "deleted",
            "family",
            "requisition",
        ],
        variable_name="competency",
        value_name="value",
    )
    asked = (pl.col("stage") == "user") & (pl.col("competency") != "other") | (pl.col("stage") == "hr") & pl.col(
        "competency"
    ).is_in(["overall", "other"])
    long = long.filter(asked).with_columns(rounded(pl.col("value")).alias("score"), pl.lit(1).alias("version"))
    before = long.filter("edited").with_columns(
        (pl.col("score") % 5 + 1).alias("score"), pl.lit(0).alias("version"), pl.lit(value=False).alias("deleted")
    )
    both = pl.concat([before, long]).sort("form", "version", "competency")
    return both.select(
        named("C", "candidate", 6).alias("candidate_id"),
        named("R", "requisition", 5).alias("requisition_id"),
        pl.col("family").replace_strict(dict(enumerate(FAMILIES)), return_dtype=pl.String).alias("job_family"),
        "stage",
        named("I", "interviewer", 5).alias("interviewer_id"),
        pl.col("role").alias("interviewer_role"),
        "competency",
        "score",
        named("F", "form", 7).alias("scorecard_id"),
        on_day(start).alias("interviewed_at"),
        (on_day(start) + pl.duration(days=pl.col("version"))).alias("updated_at"),
        pl.when("deleted").then(pl.lit("true")).otherwise(pl.lit("false")).alias("is_deleted"),
    )


def decisions(world: World, start: date) -> pl.DataFrame:
    """The outcome of every application: after the HR interview for those who went no further."""
    return world.candidates.select(
        named("C", "candidate", 6).alias("candidate_id"),
        named("R", "requisition", 5).alias("requisition_id"),
        pl.when("hired").then(pl.lit("accepted")).otherwise(pl.lit("rejected")).alias("decision"),
        pl.when("met_user").then(pl.lit("user")).otherwise(pl.lit("hr")).alias("stage"),
        (on_day(start) + pl.duration(days=pl.when("met_user").then(21).otherwise(7))).alias("decided_on"),
    )


def performance(world: World, start: date) -> pl.DataFrame:
    """A row a review; who was hired and has none yet, or left before it, stands with an empty rating."""
    rows = world.performance.join(world.employment, on="candidate", how="left", maintain_order="left")
    return rows.select(
        named("C", "candidate", 6).alias("candidate_id"),
        named("I", "rater", 5).alias("performance_rater_id"),
        "dimension",
        pl.col("rating").cast(pl.Int64),
        pl.lit(1).alias("scale_min"),
        pl.lit(5).alias("scale_max"),
        pl.lit("manager").alias("review_type"),
        pl.when(pl.col("rating").is_null()).then(pl.lit("in_progress")).otherwise(pl.lit("final")).alias("status"),
        on_day(start).alias("rated_on"),
        on_day(start, "started").alias("hired_on"),
        on_day(start, "left").alias("left_on"),
    )


def preparation(world: World) -> pl.DataFrame:
    """A row a candidate and item: whether it was provided before the user interview."""
    provided = pl.when("provided").then(pl.lit("true")).otherwise(pl.lit("false")).alias("provided")
    return world.preparation.select(named("C", "candidate", 6).alias("candidate_id"), "item", provided)


def demographics(world: World) -> pl.DataFrame:
    """Gender and race as reported; who declined says so for both."""
    person = world.candidates.select(
        named("C", "candidate", 6).alias("candidate_id"),
        "declined",
        pl.col("gender").replace_strict(dict(enumerate(GENDERS)), return_dtype=pl.String),
        pl.col("race").replace_strict(dict(enumerate(RACES)), return_dtype=pl.String),
    )
    long = person.unpivot(
        ["gender", "race"], index=["candidate_id", "declined"], variable_name="attribute", value_name="category"
    )
    return long.select(
        "candidate_id",
        "attribute",
        pl.when("declined").then(pl.lit("declined")).otherwise("category").alias("category"),
        pl.lit("self_reported").alias("source"),
    ).sort("candidate_id", "attribute")
