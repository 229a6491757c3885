"""The audit flow: one report of one period."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.runtime import flow_run

from fairpanel import lineage, logs
from fairpanel.config import Config, load
from fairpanel.parameters import AuditParameters
from fairpanel.pipeline.audit import audit as compute
from fairpanel.pipeline.periods import last_whole, scope_of
from fairpanel.pipeline.scope import Scope
from fairpanel.workspace import Workspace
from flows.announcing import announce_report
from flows.retry_condition import AGAIN


@task(
    name="audit one scope",
    timeout_seconds=4 * 3600,
    **AGAIN,
)
def audit_one(workspace: Workspace, scope: Scope, settings: Config) -> dict[str, Any]:
    """The whole audit of a scope."""
    progress = create_progress_artifact(progress=0.0, key="audit-progress", description="Steps of the audit")

    def show(_what: str, done: int, total: int) -> None:
        update_progress_artifact(progress, progress=100.0 * done / total)

    return compute(workspace, scope, settings, show).to_dict()


@flow(name="audit", timeout_seconds=6 * 3600)
def audit(parameters: AuditParameters) -> dict[str, Any]:
    """Compute one audit and write its report; the artifact tells the findings and where the report is.

    The same inputs under the same configuration give the same report and no second ledger entry.
    """
    logs.begin(os.environ, flow_run.get_id())
    scope = _scope(parameters)
    workspace = Workspace(Path(parameters.workspace)).existing()
    with lineage.told("audit", os.environ, logs.run_id()) as run:
        done = audit_one(workspace, scope, load(workspace.config_file))
        lineage.reported(run, workspace, [done])
    create_markdown_artifact(key="audit", markdown=_summary(workspace, done), description="Findings by state")
    counts = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in done["findings"].items())
    get_run_logger().info("report %s: %s", done["report_id"], counts)
    if not done["unchanged"]:
        announce_report(done["report_id"], done["findings"])
    return done


def _scope(parameters: AuditParameters) -> Scope:
    scope = scope_of(_iso(parameters.first_day), _iso(parameters.last_day), parameters.where)
    if parameters.previous == "none":
        return scope
    return Scope(period=last_whole(parameters.previous, datetime.now(UTC)), where=scope.where)


def _summary(workspace: Workspace, done: dict[str, Any]) -> str:
    """The report by its place in the workspace: an absolute path would tell the API how the machine is laid out."""
    rows = "\n".join(f"| {state.replace('_', ' ')} | {count} |" for state, count in done["findings"].items())
    place = Path(done["html"]).relative_to(workspace.root).as_posix()
    return f"# Report {done['report_id']}\n\n| finding | number |\n|---|---|\n{rows}\n\n`{place}` in the workspace\n"


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def run_audit(workspace: Workspace, start: str | None, end: str | None, where: Sequence[str]) -> dict[str, Any]:
    """A flow run of the configured Prefect API."""
    parameters = AuditParameters(
        workspace=str(workspace.root.resolve()),
        first_day=None if start is None else date.fromisoformat(start),
        last_day=None if end is None else date.fromisoformat(end),
        where=list(where),
    )
    told: dict[str, Any] = audit(parameters)
    return told
