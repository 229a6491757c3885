"""A report before it is anywhere: computed, judged, protected and drawn in memory. Nothing is written here."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from fairpanel.analysis.fairness import fairness
from fairpanel.analysis.frames import Material, Period, gather
from fairpanel.analysis.raters import raters
from fairpanel.analysis.reliability import reliability
from fairpanel.analysis.validity import validity
from fairpanel.config import Config
from fairpanel.findings.multiplicity import adjusted_tests
from fairpanel.findings.rules import findings
from fairpanel.measures.estimate import to_json
from fairpanel.pipeline.history import INTERNAL, PUBLIC
from fairpanel.pipeline.identity import SCHEMA_VERSION, code_version, identity, input_facts
from fairpanel.pipeline.scope import NothingToAuditError, Scope, why_nothing
from fairpanel.store import ledger
from fairpanel.store.tables import Pinned
from reports.calibration import render_pack
from reports.disclosure import protect
from reports.html import render
from schemas.results import Analysis

STEPS: tuple[tuple[str, Callable[[Material, Any], Analysis]], ...] = (
    ("reliability", reliability),
    ("raters", raters),
    ("validity", validity),
    ("fairness", fairness),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What one report is about, and the name that it will have."""

    scope: Scope
    config: Config
    pinned: Pinned
    material: Material
    inputs: Mapping[str, Any]
    report_id: str


@dataclass(frozen=True, slots=True)
class Edited:
    """The internal report and the bytes of every file, the manifest last."""

    report: Mapping[str, Any]
    files: Mapping[str, bytes]
    manifest: Mapping[str, Any]


def subject(pinned: Pinned, scope: Scope, config: Config, notes: Sequence[str] = ()) -> Subject:
    """Gather the material of a scope and name the report. Raises NothingToAuditError where there is no score in it."""
    material = gather(pinned, scope.period, scope.where, config.audit)
    if notes:
        material = dataclasses.replace(material, scale_notes=[*material.scale_notes, *notes])
    if not material.counts["answered"]:
        raise NothingToAuditError(why_nothing(pinned, scope))
    inputs = input_facts(pinned, material)
    return Subject(
        scope=scope, config=config, pinned=pinned, material=material, inputs=inputs,
        report_id=identity(inputs["content"], scope, config),
    )  # fmt: skip


def analysed(about: Subject, progress: Callable[[str, int, int], None] = lambda *_: None) -> list[Analysis]:
    """Every estimate of the report."""
    analyses = []
    for done, (name, step) in enumerate(STEPS):
        progress(name, done, len(STEPS) + 1)
        analyses.append(step(about.material, about.config.audit))
    progress("report", len(STEPS), len(STEPS) + 1)
    return analyses


def edited(
    about: Subject,
    analyses: Sequence[Analysis],
    supersedes: str | None,
    published: Callable[[str], Sequence[Mapping[str, Any]]],
) -> Edited:
    """The report's files as they go out; `published` gives the earlier reports of an edition (report.json, public.json)."""
    whole = compose(about.report_id, about.scope, about.config, about.pinned, about.inputs, analyses, supersedes)
    report = protect(whole, published(INTERNAL))
    written = {INTERNAL: as_json(report), "report.html": render(report).encode()}
    if about.config.disclosure.public_edition:
        public = protect(whole, published(PUBLIC), "public", [report])
        written |= {PUBLIC: as_json(public), "public.html": render(public).encode()}
    told = [stage for analysis in analyses for stage in analysis.calibration if stage["raters"]]
    if told:
        written["calibration.html"] = render_pack(report, told).encode()
    manifest = report["manifest"] | {"files": {name: ledger.sha256(content) for name, content in written.items()}}
    return Edited(report, written | {"manifest.json": ledger.canonical(manifest).encode()}, manifest)


def compose(
    report_id: str,
    scope: Scope,
    config: Config,
    pinned: Pinned,
    inputs: Mapping[str, Any],
    analyses: Sequence[Analysis],
    supersedes: str | None = None,
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
        "supersedes": supersedes,
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


def as_json(report: Mapping[str, Any]) -> bytes:
    """The bytes of report.json: the same for the same report."""
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
