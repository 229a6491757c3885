"""Greenhouse Harvest API lists saved as JSON: scorecards, scheduled interviews, applications, jobs, EEOC answers.

Only what a canonical table needs is taken from a record: names, addresses, notes and answers to questions are not read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from fairpanel.adapters.base import MALFORMED_SCHEMA, Delivered, Export, ExportError
from fairpanel.adapters.greenhouse_labels import RATING_COLUMNS, to_demographics, to_scores
from fairpanel.config import Config

NAME = "greenhouse-harvest"
VERSION = "1"
Record = Mapping[str, Any]

# The keys that tell one list from another.
MARKS = {
    "scorecards": {"overall_recommendation", "attributes"},
    "scheduled_interviews": {"interviewers", "organizer"},
    "eeoc": {"application_id", "race", "gender"},
    "applications": {"applied_at", "status", "jobs"},
    "jobs": {"requisition_id", "hiring_team"},
}
DECISION_OF_STATUS = {"hired": "accepted", "rejected": "rejected", "active": "pending"}


def find(files: Sequence[Path]) -> list[Export]:
    """The Harvest lists of each folder, together: they refer to one another."""
    folders: dict[Path, list[Path]] = {}
    for path in sorted(files):
        if path.suffix.lower() == ".json" and _kind(path) is not None:
            folders.setdefault(path.parent, []).append(path)
    order = list(MARKS)
    for paths in folders.values():
        paths.sort(key=lambda path: order.index(str(_kind(path))))
    return [
        Export(f"{paths[0].name} (+{len(paths) - 1})" if len(paths) > 1 else paths[0].name, tuple(paths))
        for paths in folders.values()
    ]


def _kind(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(1 << 16).decode("utf-8-sig", errors="replace")
    if not start.lstrip().startswith("["):
        return None
    for kind, keys in MARKS.items():
        if all(f'"{key}"' in start for key in keys):
            return kind
    return None


def read(export: Export, config: Config) -> list[Delivered]:
    """Scores, decisions and demographics of a set of lists. Raises ExportError where a file is not valid JSON."""
    lists: dict[str, list[Record]] = {}
    for path in export.paths:
        lists.setdefault(str(_kind(path)), []).extend(_records(path))
    applications = {_id(entry): entry for entry in lists.get("applications", [])}
    jobs = {_id(entry): entry for entry in lists.get("jobs", [])}
    delivered: list[Delivered] = []
    if "scorecards" in lists:
        delivered.append(_scores(lists, applications, jobs, config))
    if applications:
        delivered.append(_decisions(lists["applications"]))
    if "eeoc" in lists:
        delivered.append(_demographics(lists["eeoc"]))
    if not delivered:
        raise ExportError(f"{export.name} holds no scorecards, applications or EEOC answers.")
    return delivered


def _records(path: Path) -> list[Record]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, UnicodeDecodeError) as error:
        raise ExportError(f"{path.name} is not valid JSON: {str(error)[:120]}. Was it copied whole?") from error
    if not isinstance(content, list):
        raise ExportError(f"{path.name} is not a list of records, as the Harvest API returns it.")
    return [entry if isinstance(entry, dict) else {} for entry in content]


def _id(record: Any, *keys: str) -> str | None:
    value = record.get(keys[0] if keys else "id") if isinstance(record, dict) else None
    for key in keys[1:]:
        value = value.get(key) if isinstance(value, dict) else None
    return None if value is None or value == "" or isinstance(value, dict | list) else str(value)


def _word(record: Any, key: str) -> str | None:
    return _id(record, key)


def _list(record: Any, key: str) -> list[Any]:
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, list) else []


def _scores(
    lists: Mapping[str, list[Record]],
    applications: Mapping[str | None, Record],
    jobs: Mapping[str | None, Record],
    config: Config,
) -> Delivered:
    scheduled = {
        _id(interviewer, "scorecard_id"): _id(meeting)
        for meeting in lists.get("scheduled_interviews", [])
        for interviewer in _list(meeting, "interviewers")
    }
    rows: list[tuple[Any, ...]] = []
    bad: list[tuple[int, str, str, str]] = []
    for number, card in enumerate(lists["scorecards"], start=1):
        missing = next((key for key in ("id", "candidate_id", "application_id") if _id(card, key) is None), None)
        interviewer = _id(card, "interviewer", "id") or _id(card, "submitted_by", "id")
        if missing is not None or interviewer is None:
            bad.append((number, "missing_value", missing or "interviewer", ""))
            continue
        job = next((_id(entry) for entry in _list(applications.get(_id(card, "application_id")), "jobs")), None)
        shared = (
            number,
            _id(card),
            _id(card, "application_id"),
            _id(card, "candidate_id"),
            job,
            next((_word(entry, "name") for entry in _list(jobs.get(job), "departments")), None),
            scheduled.get(_id(card)),
            _word(card, "interview"),
            interviewer,
            _role(interviewer, jobs.get(job)),
            _word(card, "submitted_at"),
            _word(card, "updated_at"),
            _word(card, "interviewed_at"),
            None,
        )
        rows.append((*shared, None, None, _word(card, "overall_recommendation")))
        # ratings{} says the same again: attributes[] alone is read.
        rows.extend(
            (*shared, _word(entry, "name"), _word(entry, "type"), _word(entry, "rating"))
            for entry in _list(card, "attributes")
            if _word(entry, "name") is not None
        )
    schema = {name: pl.Int64 if name == "source_row" else pl.String for name in RATING_COLUMNS}
    scores = to_scores(pl.DataFrame(rows, schema=schema, orient="row"), config)
    return Delivered(
        table="scores",
        frame=scores.frame,
        malformed=pl.DataFrame(bad, schema=MALFORMED_SCHEMA, orient="row"),
        excluded=scores.excluded,
        notes=scores.notes,
    )


def _role(interviewer: str, job: Record | None) -> str | None:
    """A tracking system knows a hiring manager, not a supervisor: the role is an assumption and is marked as one."""
    team = job.get("hiring_team") if isinstance(job, dict) else None
    if interviewer in {_id(member) for member in _list(team, "hiring_managers")}:
        return "direct_supervisor"
    if interviewer in {
        _id(member) for key in ("recruiters", "coordinators", "sourcers") for member in _list(team, key)
    }:
        return "recruiter"
    return None if job is None else "team_member"


def _decisions(applications: Sequence[Record]) -> Delivered:
    rows = [
        (
            number,
            _id(entry, "candidate_id"),
            _id(entry),
            next((_id(job) for job in _list(entry, "jobs")), None),
            DECISION_OF_STATUS.get(_word(entry, "status") or "", _word(entry, "status")),
            _word(entry, "rejected_at") or _word(entry, "last_activity_at") or _word(entry, "applied_at"),
        )
        for number, entry in enumerate(applications, start=1)
    ]
    names = ("source_row", "candidate_id", "application_id", "requisition_id", "decision", "decided_on")
    schema = {name: pl.Int64 if name == "source_row" else pl.String for name in names}
    return Delivered(table="decisions", frame=pl.DataFrame(rows, schema=schema, orient="row"))


def _demographics(answers: Sequence[Record]) -> Delivered:
    rows = [
        (
            number,
            _id(entry, "candidate_id"),
            _id(entry, "gender", "description") or _id(entry, "gender", "message"),
            _id(entry, "race", "description") or _id(entry, "race", "message"),
            _id(entry, "veteran_status", "description") or _id(entry, "veteran_status", "message"),
            _id(entry, "disability_status", "description") or _id(entry, "disability_status", "message"),
        )
        for number, entry in enumerate(answers, start=1)
    ]
    names = ("source_row", "candidate_id", "gender", "race", "veteran_status", "disability_status")
    schema = {name: pl.Int64 if name == "source_row" else pl.String for name in names}
    return to_demographics(pl.DataFrame(rows, schema=schema, orient="row"))
