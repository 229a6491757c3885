"""One audit of one scope: pinned tables in, a report and a ledger entry out. The steps, without an orchestrator.

    pin -> gather -> estimate -> judge -> protect and draw -> write -> record

The report's identity follows from what went into it. The same inputs under the same configuration and code give the
same report, byte for byte, and no second ledger entry.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from fairpanel.config import Config
from fairpanel.logs import tell
from fairpanel.pipeline.drafting import Edited, Subject, analysed, edited, subject
from fairpanel.pipeline.history import History, history
from fairpanel.pipeline.identity import basis
from fairpanel.pipeline.ingest import exclusive
from fairpanel.pipeline.scope import Scope
from fairpanel.store import attempts, ledger, tables
from fairpanel.store.sealing import seal
from fairpanel.workspace import Workspace
from schemas.columns import COLUMNS
from schemas.results import Analysis

LOG = logging.getLogger(__name__)


class NotReproducedError(RuntimeError):
    """The same inputs, configuration and code gave another report than the recorded one."""


@dataclass(frozen=True, slots=True)
class Source:
    """The tables that an audit reads, at one version each, and what is to be said of them."""

    pinned: tables.Pinned
    notes: tuple[str, ...]


def source(workspace: Workspace, held: bool = False) -> Source:
    """The newest version of every table; not between two tables of a batch. `held` keeps what is read in memory, for
    many audits of the same versions."""
    with exclusive(workspace):
        everything = tables.pin(workspace)
        seal(workspace)
    kind = tables.Held if held else tables.Pinned
    return Source(kind(workspace, everything.versions, recorded_only=True), tuple(unfinished(everything)))


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
    given: Source | None = None,
    again: bool = False,
) -> Audited:
    """Audit one scope, of the tables given or of the newest. Raises NothingToAuditError where there is no score in it.

    With `again` a report that exists is computed once more all the same; raises NotReproducedError where it comes out
    another way than the ledger has it.
    """
    started = time.perf_counter()
    read = given or source(workspace)
    looked_at = basis(read.pinned.versions, config)
    report_id = None if again else _looked_at_before(workspace, scope, looked_at)
    findings, unchanged = findings_of(workspace, report_id), True
    if report_id is None or findings is None:
        about = subject(read.pinned, scope, config, read.notes)
        report_id = about.report_id
        recorded = history(workspace, scope, report_id).recorded
        findings = findings_of(workspace, report_id) if recorded and not again else None
        if findings is None:
            findings, unchanged = _made(workspace, about, analysed(about, progress)), again and recorded
        state = "unchanged" if unchanged else "made"
        _note(workspace, attempts.Attempt(scope=scope.to_dict(), state=state, report_id=report_id, basis=looked_at))
    progress("", 1, 1)
    seconds, state = time.perf_counter() - started, "unchanged" if unchanged else "made"
    tell(LOG, f"report {state}", report_id=report_id, seconds=round(seconds, 3), findings=dict(findings))
    return Audited(
        report_id=report_id,
        directory=workspace.reports / report_id,
        findings=findings,
        unchanged=unchanged,
        seconds=seconds,
    )


def _looked_at_before(workspace: Workspace, scope: Scope, looked_at: str) -> str | None:
    """The report of a scope that was looked at with these tables, this configuration and this code: nothing that it
    would be made of can have changed, so nothing is read."""
    key = attempts.key(scope.to_dict())
    found = next((attempt for attempt in attempts.latest(workspace) if attempt.key == key), None)
    if found is None or found.basis != looked_at or found.report_id is None:
        return None
    return found.report_id if history(workspace, scope, found.report_id).recorded else None


def findings_of(workspace: Workspace, report_id: str | None) -> Mapping[str, int] | None:
    """What a report that is there found."""
    path = workspace.reports / (report_id or "") / "report.json"
    if report_id is None or not path.is_file():
        return None
    counts: Mapping[str, int] = json.loads(path.read_text("utf-8"))["summary"]["findings"]
    return counts


def _note(workspace: Workspace, attempt: attempts.Attempt) -> None:
    attempts.record(workspace, replace(attempt, at=datetime.now(UTC).isoformat(timespec="seconds")))


def _made(workspace: Workspace, about: Subject, analyses: list[Analysis]) -> Mapping[str, int]:
    """Protect, draw and publish. What other audits publish meanwhile counts as published before: the drawing is done
    without the lock, and again under it where that happened."""
    known = history(workspace, about.scope, about.report_id)
    done = _edited(workspace, about, analyses, known)
    with exclusive(workspace):
        now = history(workspace, about.scope, about.report_id)
        if now != known:
            done = _edited(workspace, about, analyses, now)
        if now.recorded:
            _require_the_same(workspace, about.report_id, done)
        _publish(workspace, about.report_id, done, now.recorded)
    counts: Mapping[str, int] = done.report["summary"]["findings"]
    return counts


def _edited(workspace: Workspace, about: Subject, analyses: list[Analysis], known: History) -> Edited:
    return edited(about, analyses, known.superseded, lambda edition: known.published(workspace, edition))


def _require_the_same(workspace: Workspace, report_id: str, done: Edited) -> None:
    """What the ledger has recorded is never overwritten with something else."""
    (entry,) = [e for e in ledger.reports(workspace) if e.manifest.get("report_id") == report_id]
    changed = [name for name, digest in done.manifest["files"].items() if entry.manifest["files"].get(name) != digest]
    if changed:
        raise NotReproducedError(
            f"report {report_id} came out another way than it was recorded ({', '.join(changed)}); the recorded one is kept. "
            "'fairpanel verify' says whether earlier reports were changed."
        )


def unfinished(pinned: tables.Pinned) -> list[str]:
    """A note for the files whose ingest was interrupted: they hold rows that no recorded batch stands for."""
    recorded = pinned.read("batches", ["batch_id"])["batch_id"].implode()
    found: set[str] = set()
    for table in COLUMNS:
        rows = pinned.read(table, ["batch_id", "source_file"])
        found.update(rows.filter(~pl.col("batch_id").is_in(recorded))["source_file"])
    names = ", ".join(sorted(found)[:5])
    return [f"The ingest of {names} was interrupted: its rows are left out. Ingest it again."] if found else []


def _publish(workspace: Workspace, report_id: str, done: Edited, recorded: bool) -> None:
    """Files first, under another name, then the folder, then the ledger: a killed run leaves no half report."""
    workspace.reports.mkdir(parents=True, exist_ok=True)
    directory, draft = workspace.reports / report_id, workspace.reports / f".{report_id}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for name, content in done.files.items():
        with (draft / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    shutil.rmtree(directory, ignore_errors=True)
    draft.rename(directory)
    if not recorded:
        ledger.append(workspace, done.manifest)
