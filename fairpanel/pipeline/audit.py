"""One audit of one period: pinned tables in, a report and a ledger entry out. The steps, without an orchestrator.

    pin -> gather -> estimate -> judge -> protect and draw -> write -> record

The report's identity follows from what went into it. The same inputs under the same configuration and code give the
same report, byte for byte, and no second ledger entry.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

import fairpanel
from fairpanel.analysis.fairness import fairness
from fairpanel.analysis.frames import Material, Period, gather
from fairpanel.analysis.raters import raters
from fairpanel.analysis.reliability import reliability
from fairpanel.analysis.validity import validity
from fairpanel.config import Config
from fairpanel.findings.multiplicity import adjusted_tests
from fairpanel.findings.rules import findings
from fairpanel.measures.estimate import to_json
from fairpanel.pipeline.ingest import exclusive
from fairpanel.store import ledger, tables
from fairpanel.workspace import Workspace
from reports.calibration import render_pack
from reports.disclosure import protect
from reports.html import render
from schemas.columns import COLUMNS
from schemas.results import Analysis

SCHEMA_VERSION = "1.1"
INTERNAL, PUBLIC = "report.json", "public.json"
SCOPE_COLUMNS = ("requisition_id", "job_family", "stage", "interviewer_role")
STEPS: tuple[tuple[str, Callable[[Material, Any], Analysis]], ...] = (
    ("reliability", reliability),
    ("raters", raters),
    ("validity", validity),
    ("fairness", fairness),
)


class NothingToAuditError(ValueError):
    """No score lies in the period and scope that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is audited: interviews from start up to, not including, end; rows whose columns have these values."""

    period: Period
    where: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        start, end = self.period.start, self.period.end
        return {
            "from": None if start is None else start.date().isoformat(),
            "to": None if end is None else end.date().isoformat(),
            "where": dict(self.where),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """Where the report is and what it found; unchanged where exactly this report existed already."""

    report_id: str
    directory: Path
    findings: Mapping[str, int]
    unchanged: bool
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "report_id": self.report_id,
            "directory": str(self.directory),
            "html": str(self.directory / "report.html"),
            "pdf": None,
            "json": str(self.directory / "report.json"),
            "calibration": str(self.directory / "calibration.html"),
            "public": str(public) if (public := self.directory / "public.html").is_file() else None,
            "workbook": None,
            "findings": dict(self.findings),
            "unchanged": self.unchanged,
            "seconds": self.seconds,
        }


def audit(
    workspace: Workspace,
    scope: Scope,
    config: Config,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Audited:
    """Audit one scope. Raises NothingToAuditError where there is no score in it."""
    started = time.perf_counter()
    with exclusive(workspace):  # not between two tables of a batch
        everything = tables.pin(workspace)
    pinned = replace(everything, recorded_only=True)
    material = gather(pinned, scope.period, scope.where, config.audit)
    material = replace(material, scale_notes=[*material.scale_notes, *_unfinished(everything)])
    if not material.counts["answered"]:
        raise NothingToAuditError(_why_nothing(pinned, scope))
    inputs = input_facts(pinned, material)
    report_id = identity(inputs["content"], scope, config)
    directory = workspace.reports / report_id
    known = next((e for e in ledger.entries(workspace) if e.manifest.get("report_id") == report_id), None)
    if known is not None and (directory / "report.json").is_file():
        counts = json.loads((directory / "report.json").read_text("utf-8"))["summary"]["findings"]
        return Audited(
            report_id=report_id,
            directory=directory,
            findings=counts,
            unchanged=True,
            seconds=time.perf_counter() - started,
        )
    analyses = []
    for done, (name, step) in enumerate(STEPS):
        progress(name, done, len(STEPS) + 1)
        analyses.append(step(material, config.audit))
    progress("report", len(STEPS), len(STEPS) + 1)
    with exclusive(workspace):
        whole = compose(workspace, report_id, scope, config, pinned, inputs, analyses)
        report = protect(whole, published(workspace, scope, report_id))
        public = None
        if config.disclosure.public_edition:
            public = protect(whole, published(workspace, scope, report_id, PUBLIC), "public", [report])
        told = [stage for analysis in analyses for stage in analysis.calibration if stage["raters"]]
        _publish(workspace, directory, report, told, public)
    progress("", len(STEPS) + 1, len(STEPS) + 1)
    return Audited(
        report_id=report_id,
        directory=directory,
        findings=report["summary"]["findings"],
        unchanged=False,
        seconds=time.perf_counter() - started,
    )


def _unfinished(pinned: tables.Pinned) -> list[str]:
    """A note for the files whose ingest was interrupted: they hold rows that no recorded batch stands for."""
    recorded = pinned.read("batches", ["batch_id"])["batch_id"].implode()
    found: set[str] = set()
    for table in COLUMNS:
        rows = pinned.read(table, ["batch_id", "source_file"])
        found.update(rows.filter(~pl.col("batch_id").is_in(recorded))["source_file"])
    names = ", ".join(sorted(found)[:5])
    return [f"The ingest of {names} was interrupted: its rows are left out. Ingest it again."] if found else []


def _why_nothing(pinned: tables.Pinned, scope: Scope) -> str:
    for column in scope.where:
        if column not in SCOPE_COLUMNS:
            return f"unknown column {column!r} in a condition; choose from {', '.join(SCOPE_COLUMNS)}"
    dates = pinned.read("scores", ["interviewed_at"])["interviewed_at"]
    if dates.is_empty():
        return "the workspace holds no scores yet; ingest an export first"
    for column, value in scope.where.items():
        known = pinned.read("scores", [column])[column].drop_nulls().unique().sort()
        if value not in known:
            some = "a pseudonym" if COLUMNS["scores"][column].identity else ", ".join(known[:10]) or "empty everywhere"
            return f"no score has {column} {value!r}; it is {some}"
    first, last = dates.min(), dates.max()
    asked = json.dumps(scope.to_dict())
    return f"no answered score lies in {asked}; the workspace holds interviews from {first:%Y-%m-%d} to {last:%Y-%m-%d}"


def input_facts(pinned: tables.Pinned, material: Material) -> dict[str, Any]:
    """Batches, table versions and counts behind a report; content is a fingerprint of the material itself."""
    batches = pinned.read("batches")
    shown = ["batch_id", "file", "adapter", "sha256", "rows_read", "accepted", "quarantined", "excluded"]
    told = [
        {name: row[name] for name in shown} | {"told": json.loads(row["summary"])["_batch"]}
        for row in batches.sort("file", "batch_id").iter_rows(named=True)
    ]
    return {
        "table_versions": dict(pinned.versions),
        "batches": [
            {name: entry[name] for name in shown if name != "excluded"}
            | {
                "excluded": entry["told"]["excluded"],
                "reasons": entry["told"]["reasons"],
                "expectations": entry["told"]["expectations"],
                "notes": entry["told"]["notes"],
            }
            for entry in told
        ],
        "counts": dict(material.counts),
        "scale_notes": list(material.scale_notes),
        "content": _content(material),
    }


def _content(material: Material) -> str:
    """The same for the same facts, whatever order they were ingested in."""
    digest = hashlib.sha256()
    for name in ("ratings", "outcomes", "criterion", "employment", "preparation", "groups", "interviewer_groups"):
        frame: pl.DataFrame = getattr(material, name)
        digest.update(name.encode())
        rows = frame.sort(frame.columns).select(pl.all().cast(pl.String).fill_null("\x00"))
        for column in rows.iter_columns():
            digest.update("\x1f".join(column).encode())
    return digest.hexdigest()


def identity(content: str, scope: Scope, config: Config) -> str:
    """The report's name: its period and a fingerprint of inputs, configuration, method and code."""
    settings = config.model_dump(mode="json", include={"audit", "policy", "disclosure", "profile"})
    parts = ledger.canonical([content, scope.to_dict(), settings, code_version(), SCHEMA_VERSION])
    told = scope.to_dict()
    label = f"{told['from'] or 'begin'}_{told['to'] or 'now'}"
    return f"{label}_{hashlib.blake2b(parts.encode(), digest_size=6).hexdigest()}"


def code_version() -> str:
    """The version, and a fingerprint of the code that computes and words a report."""
    digest = hashlib.blake2b(digest_size=8)
    for package in ("fairpanel", "reports", "schemas"):
        root = Path(str(files(package)))
        for path in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".j2", ".css", ".json", ".woff2")):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return f"{fairpanel.__version__}+{digest.hexdigest()}"


def compose(
    workspace: Workspace,
    report_id: str,
    scope: Scope,
    config: Config,
    pinned: tables.Pinned,
    inputs: Mapping[str, Any],
    analyses: Sequence[Analysis],
) -> dict[str, Any]:
    """The content of report.json before disclosure control: it never leaves this process."""
    estimates = [estimate for analysis in analyses for estimate in analysis.estimates]
    tests = adjusted_tests(estimates)
    judged = findings(estimates, tests, config.policy)
    counts = {
        state: sum(f.state == state for f in judged) for state in ("alert", "concern", "cannot_tell", "none_seen")
    }
    dates = pinned.read("scores", ["interviewed_at"])["interviewed_at"]
    first, last = _covered(dates, scope.period)
    policy = config.model_dump(mode="json", include={"audit", "policy", "disclosure", "scale", "profile"})
    report = {
        "schema_version": SCHEMA_VERSION,
        "edition": "internal",
        "report_id": report_id,
        "supersedes": _superseded(workspace, report_id, scope),
        "period": {"from": scope.to_dict()["from"], "to": scope.to_dict()["to"], "first": first, "last": last},
        "scope": {"where": dict(scope.where)},
        "inputs": dict(inputs),
        "policy": policy,
        "estimates": [estimate.to_dict() for estimate in estimates],
        "findings": [finding.to_dict() for finding in judged],
        "tests_run": [test.to_dict() for test in tests],
        "too_small": [entry for analysis in analyses for entry in analysis.too_small],
        "suppressed": [],
        "summary": {"findings": counts},
        "manifest": {
            "report_id": report_id,
            "scope": scope.to_dict(),
            "content": inputs["content"],
            "inputs": {entry["batch_id"]: entry["sha256"] for entry in inputs["batches"]},
            "table_versions": dict(inputs["table_versions"]),
            "configuration": policy,
            "code": code_version(),
            "seed": config.audit.seed,
        },
    }
    plain: dict[str, Any] = to_json(report)
    return plain


def published(workspace: Workspace, scope: Scope, report_id: str, edition: str = INTERNAL) -> list[dict[str, Any]]:
    """Earlier reports on parts of the period, or on a longer one, under the same conditions: as they went out."""
    found = []
    before = itertools.takewhile(lambda e: e.manifest.get("report_id") != report_id, ledger.entries(workspace))
    for entry in before:
        other, name = entry.manifest.get("scope") or {}, str(entry.manifest.get("report_id"))
        path = workspace.reports / name / edition
        if _one_in_the_other(scope.to_dict(), other) and path.is_file():
            found.append(json.loads(path.read_text("utf-8")))
    return found


def _one_in_the_other(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two different periods under the same conditions lie one inside the other."""
    if one.get("where") != other.get("where"):
        return False
    spans = [(scope.get("from") or "0", scope.get("to") or "9999") for scope in (one, other)]
    (start, end), (other_start, other_end) = spans
    inside = start <= other_start and other_end <= end
    return spans[0] != spans[1] and (inside or (other_start <= start and end <= other_end))


def _as_json(report: Mapping[str, Any]) -> bytes:
    return json.dumps(report, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()


def _covered(dates: pl.Series, period: Period) -> tuple[str | None, str | None]:
    inside = dates
    if period.start is not None:
        inside = inside.filter(inside >= period.start)
    if period.end is not None:
        inside = inside.filter(inside < period.end)
    first, last = inside.min(), inside.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return None, None
    return first.date().isoformat(), last.date().isoformat()


def _superseded(workspace: Workspace, report_id: str, scope: Scope) -> str | None:
    """The newest report on the same scope before this one."""
    before = itertools.takewhile(lambda e: e.manifest.get("report_id") != report_id, ledger.entries(workspace))
    same = [str(e.manifest["report_id"]) for e in before if e.manifest.get("scope") == scope.to_dict()]
    return same[-1] if same else None


def _publish(
    workspace: Workspace,
    directory: Path,
    report: dict[str, Any],
    told: Sequence[Mapping[str, Any]] = (),
    public: dict[str, Any] | None = None,
) -> None:
    """Files first, under another name, then the folder, then the ledger: a killed run leaves no half report."""
    written = {INTERNAL: _as_json(report), "report.html": render(report).encode()}
    if public is not None:
        written |= {PUBLIC: _as_json(public), "public.html": render(public).encode()}
    if told:
        written["calibration.html"] = render_pack(report, told).encode()
    workspace.reports.mkdir(parents=True, exist_ok=True)
    draft = workspace.reports / f".{directory.name}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    manifest = report["manifest"] | {"files": {name: ledger.sha256(content) for name, content in written.items()}}
    for name, content in (written | {"manifest.json": ledger.canonical(manifest).encode()}).items():
        with (draft / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    shutil.rmtree(directory, ignore_errors=True)
    draft.rename(directory)
    recorded = any(e.manifest.get("report_id") == directory.name for e in ledger.entries(workspace))
    if not recorded:
        ledger.append(workspace, manifest)
