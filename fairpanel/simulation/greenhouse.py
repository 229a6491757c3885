"""A simulated organisation as Greenhouse exports it: Harvest API lists (JSON) or a connector's warehouse tables (CSV)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from fairpanel.simulation.canonical import named, on_day, performance, rounded
from fairpanel.simulation.constants import ELEMENTS, GENDERS, RACES
from fairpanel.simulation.world import FAMILIES, World

OVERALL = ("definitely_not", "no", "yes", "strong_yes")
ATTRIBUTE = ("definitely_not", "no", "mixed", "yes", "strong_yes")
ATTRIBUTE_NAMES = {
    "technical": "Technical skills",
    "team_compatibility": "Team collaboration",
    "role_specific": "Role knowledge",
    "other": "Personality",
}
INTERVIEWS = {"hr": "Recruiter screen", "user": "Onsite team interview"}
BASE = 4_000_000_000
"""Greenhouse identifiers exceed 32 bits."""


def _identifier(column: str) -> pl.Expr:
    return (pl.lit(BASE, dtype=pl.Int64) + pl.col(column).cast(pl.Int64)).cast(pl.String)


def _candidate() -> pl.Expr:
    """The tracking system's candidate id is the one of the HR system, so that performance can be joined."""
    return named("C", "candidate", 6)


def _forms(world: World, start: date) -> pl.DataFrame:
    """A row a form: identifiers, times, and its ratings as Greenhouse's words (null: unanswered)."""
    context = world.candidates.select("candidate", "family", "requisition")
    forms = world.forms.join(context, on="candidate", how="left", maintain_order="left")
    words = dict(enumerate(ATTRIBUTE, start=1))
    four = dict(enumerate(OVERALL, start=1))
    items = [name for name in (*ELEMENTS, "other") if name in forms.columns]
    return forms.select(
        _identifier("form").alias("id"),
        _identifier("candidate").alias("application_id"),
        _candidate().alias("candidate_id"),
        named("I", "interviewer", 5).alias("interviewer_id"),
        _identifier("requisition").alias("job_id"),
        "family",
        "stage",
        "role",
        "deleted",
        on_day(start).dt.strftime("%Y-%m-%dT10:00:00.000Z").alias("interviewed_at"),
        on_day(start).dt.strftime("%Y-%m-%dT16:30:00Z").alias("submitted_at"),
        (on_day(start) + pl.duration(days=pl.col("edited").cast(pl.Int64)))
        .dt.strftime("%Y-%m-%dT16:30:00.000Z")
        .alias("updated_at"),
        rounded(pl.col("overall") * 0.75 + 0.25, 4).replace_strict(four, return_dtype=pl.String).alias("overall"),
        *(rounded(pl.col(name)).replace_strict(words, return_dtype=pl.String).alias(name) for name in items),
    )


def _items(form: dict[str, Any]) -> list[str]:
    return ["other"] if form["stage"] == "hr" else list(ELEMENTS)


def write_harvest(world: World, start: date, out: Path) -> list[Path]:
    """scorecards, scheduled_interviews, applications, jobs and eeoc lists; performance.csv in the canonical layout."""
    forms = _forms(world, start).filter(~pl.col("deleted")).to_dicts()
    scorecards = [
        {
            "id": int(form["id"]),
            "updated_at": form["updated_at"],
            "created_at": form["submitted_at"],
            "interview": INTERVIEWS[form["stage"]],
            "interview_step": {"id": 1 if form["stage"] == "hr" else 2, "name": INTERVIEWS[form["stage"]]},
            "candidate_id": form["candidate_id"],
            "application_id": int(form["application_id"]),
            "interviewed_at": form["interviewed_at"],
            "submitted_by": {"id": form["interviewer_id"]},
            "interviewer": {"id": form["interviewer_id"]},
            "submitted_at": form["submitted_at"],
            "overall_recommendation": form["overall"] or "no_decision",
            "attributes": [
                {"name": ATTRIBUTE_NAMES[name], "type": "Skills", "note": None, "rating": form[name] or "no_decision"}
                for name in _items(form)
            ],
            "ratings": {
                word: [ATTRIBUTE_NAMES[name] for name in _items(form) if form[name] == word] for word in ATTRIBUTE
            },
            "questions": [],
        }
        for form in forms
    ]
    meetings = [
        {
            "id": int(form["id"]) + BASE,
            "application_id": int(form["application_id"]),
            "start": {"date_time": form["interviewed_at"]},
            "interview": {"id": 1, "name": INTERVIEWS[form["stage"]]},
            "status": "complete",
            "organizer": {"id": "organizer"},
            "interviewers": [{"id": form["interviewer_id"], "scorecard_id": int(form["id"])}],
        }
        for form in forms
    ]
    people = _people(world, start)
    applications = [
        {
            "id": int(person["application_id"]),
            "candidate_id": person["candidate_id"],
            "prospect": False,
            "applied_at": person["applied_at"],
            "rejected_at": None if person["hired"] else person["decided_at"],
            "last_activity_at": person["decided_at"],
            "status": "hired" if person["hired"] else "rejected",
            "jobs": [{"id": int(person["job_id"]), "name": person["family_name"]}],
        }
        for person in people
    ]
    eeoc = [
        {
            "application_id": int(person["application_id"]),
            "candidate_id": person["candidate_id"],
            "race": {"id": 1, "description": person["race_name"]},
            "gender": {"id": 1, "description": person["gender_name"]},
            "veteran_status": None,
            "disability_status": None,
            "submitted_at": person["applied_at"],
        }
        for person in people
    ]
    supervisors = _supervisors(forms)
    jobs = [
        {
            "id": int(job),
            "name": family,
            "requisition_id": job,
            "departments": [{"id": 1, "name": family}],
            "hiring_team": {
                "hiring_managers": [{"id": person} for person in sorted(supervisors.get(job, set()))],
                "recruiters": [],
                "coordinators": [],
                "sourcers": [],
            },
        }
        for job, family in sorted({(person["job_id"], person["family_name"]) for person in people})
    ]
    lists = {
        "scorecards": scorecards,
        "scheduled_interviews": meetings,
        "applications": applications,
        "jobs": jobs,
        "eeoc": eeoc,
    }
    paths = []
    for name, content in lists.items():
        paths.append(out / f"{name}.json")
        paths[-1].write_text(json.dumps(content), encoding="utf-8")
    return [*paths, _write_performance(world, start, out)]


def _supervisors(forms: list[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for form in forms:
        if form["role"] == "direct_supervisor":
            found.setdefault(form["job_id"], set()).add(form["interviewer_id"])
    return found


def _people(world: World, start: date) -> list[dict[str, Any]]:
    decline = pl.lit("I don't wish to answer")
    return world.candidates.select(
        _identifier("candidate").alias("application_id"),
        _candidate().alias("candidate_id"),
        _identifier("requisition").alias("job_id"),
        pl.col("family").replace_strict(dict(enumerate(FAMILIES)), return_dtype=pl.String).alias("family_name"),
        "hired",
        on_day(start).dt.strftime("%Y-%m-%dT08:00:00.000Z").alias("applied_at"),
        (on_day(start) + pl.duration(days=21)).dt.strftime("%Y-%m-%dT18:00:00.000Z").alias("decided_at"),
        pl.when("declined")
        .then(decline)
        .otherwise(pl.col("gender").replace_strict(dict(enumerate(GENDERS)), return_dtype=pl.String))
        .alias("gender_name"),
        pl.when("declined")
        .then(decline)
        .otherwise(pl.col("race").replace_strict(dict(enumerate(RACES)), return_dtype=pl.String))
        .alias("race_name"),
    ).to_dicts()


def _write_performance(world: World, start: date, out: Path) -> Path:
    path = out / "performance.csv"
    performance(world, start).write_csv(path)
    return path


def write_connector(world: World, start: date, out: Path) -> list[Path]:
    """scorecard, scorecard_attribute and the tables that say who, where and for which job; performance.csv beside them."""
    forms = _forms(world, start)
    people = pl.DataFrame(_people(world, start))
    kind = pl.when(pl.col("stage") == "hr").then(pl.lit("1")).otherwise(pl.lit("2"))
    name = pl.col("stage").replace_strict(INTERVIEWS, return_dtype=pl.String)
    items = [column for column in (*ELEMENTS, "other") if column in forms.columns]
    attributes = (
        forms.unpivot(items, index=["id", "stage"], variable_name="item", value_name="rating")
        .filter((pl.col("item") == "other") == (pl.col("stage") == "hr"))
        .select(
            pl.int_range(pl.len()).over("id").alias("index"),
            pl.col("id").alias("scorecard_id"),
            pl.col("item").replace_strict(ATTRIBUTE_NAMES, return_dtype=pl.String).alias("name"),
            pl.lit("").alias("note"),
            "rating",
            pl.lit("Skills").alias("type"),
        )
    )
    families = people.select("job_id", "family_name").unique().sort("job_id")
    department = pl.DataFrame({"id": [str(i) for i in range(len(FAMILIES))], "name": list(FAMILIES)})
    managers = forms.filter(pl.col("role") == "direct_supervisor").select("job_id", "interviewer_id").unique()
    tables = {
        "scorecard": forms.select(
            "id",
            pl.col("deleted").cast(pl.String).alias("_fivetran_deleted"),
            "application_id",
            "candidate_id",
            name.alias("interview"),
            "interviewed_at",
            pl.col("overall").alias("overall_recommendation"),
            "submitted_at",
            pl.col("interviewer_id").alias("submitted_by_user_id"),
            "updated_at",
        ),
        "scorecard_attribute": attributes,
        "scheduled_interviewer": forms.select(
            "interviewer_id",
            pl.format("9{}", "id").alias("scheduled_interview_id"),
            pl.col("id").alias("scorecard_id"),
        ),
        "scheduled_interview": forms.select(pl.format("9{}", "id").alias("id"), kind.alias("interview_id")),
        "interview": pl.DataFrame({"id": ["1", "2"], "job_stage_id": ["1", "2"], "name": list(INTERVIEWS.values())}),
        "job_stage": pl.DataFrame({"id": ["1", "2"], "name": list(INTERVIEWS.values())}),
        "job_application": people.select("application_id", "job_id"),
        "job": families.select(pl.col("job_id").alias("id"), pl.col("family_name").alias("name")),
        "job_department": families.join(department, left_on="family_name", right_on="name").select(
            "job_id", pl.col("id").alias("department_id")
        ),
        "department": department,
        "hiring_team": managers.sort("job_id", "interviewer_id").select(
            "job_id", pl.lit("hiring_managers").alias("role"), pl.col("interviewer_id").alias("user_id")
        ),
        "application": people.select(
            pl.col("application_id").alias("id"),
            "candidate_id",
            pl.when("hired").then(pl.lit("hired")).otherwise(pl.lit("rejected")).alias("status"),
            pl.when(~pl.col("hired")).then("decided_at").alias("rejected_at"),
            pl.col("decided_at").alias("last_activity_at"),
        ),
        "application_history": people.filter("hired").select(
            "application_id", pl.lit("hired").alias("new_status"), pl.col("decided_at").alias("updated_at")
        ),
        "eeoc": people.select(
            "application_id",
            pl.col("gender_name").alias("gender_description"),
            pl.col("race_name").alias("race_description"),
        ),
    }
    paths = []
    for table, frame in tables.items():
        paths.append(out / f"{table}.csv")
        frame.write_csv(paths[-1])
    return [*paths, _write_performance(world, start, out)]
