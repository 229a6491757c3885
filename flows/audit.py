"""The audit flow: one report of one period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from fairpanel import config
from fairpanel.parameters import AuditParameters
from fairpanel.pipeline.audit import Scope
from fairpanel.pipeline.audit import audit as compute
from fairpanel.pipeline.periods import last_whole, scope_of
from fairpanel.workspace import Workspace


@task(name="audit one scope", retries=1, retry_delay_seconds=5, cache_policy=NO_CACHE)
def audit_one(workspace: Workspace, scope: Scope) -> dict[str, Any]:
    """The whole audit of a scope."""
    progress = create_progress_artifact(progress=0.0, key="audit-progress", description="Steps of the audit")
    settings = config.load(workspace.config_file)

    def show(_what: str, done: int, total: int) -> None:
        update_progress_artifact(progress, progress=100.0 * done / total)

    return compute(workspace, scope, settings, show).to_dict()


@flow(name="audit")
def audit(parameters: AuditParameters) -> dict[str, Any]:
    """Compute one audit and write its report; the artifact tells the findings and where the report is."""
    workspace = Workspace(Path(parameters.workspace)).existing()
    if parameters.previous != "none":
        scope = Scope(period=last_whole(parameters.previous, datetime.now(UTC)), where={})
    else:
        scope = scope_of(_iso(parameters.first_day), _iso(parameters.last_day), parameters.where)
    done = audit_one(workspace, scope)
    rows = "\n".join(f"| {state.replace('_', ' ')} | {count} |" for state, count in done["findings"].items())
    told = f"# Report {done['report_id']}\n\n| finding | number |\n|---|---|\n{rows}\n\n`{done['html']}`\n"
    create_markdown_artifact(key="audit", markdown=told, description="Findings by state")
    return done


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
