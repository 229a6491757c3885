"""The backfill flow: an audit for every period of a range, a task each."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from fairpanel.config import Config, load
from fairpanel.parameters import BackfillParameters
from fairpanel.pipeline.backfill import audit_period
from fairpanel.pipeline.periods import periods
from fairpanel.pipeline.scope import Scope
from fairpanel.workspace import Workspace

LONGEST_REASON = 300


@task(
    name="audit one period",
    task_run_name="audit from {start}",
    cache_policy=NO_CACHE,
    timeout_seconds=4 * 3600,
)
def audit_one_period(start: str, workspace: Workspace, scope: Scope, settings: Config) -> dict[str, Any]:  # noqa: ARG001  # start names the task run
    """One period; that it failed is a result, so that the others go on."""
    return audit_period(workspace, scope, settings)


@flow(name="backfill", timeout_seconds=48 * 3600)
def backfill(parameters: BackfillParameters) -> list[dict[str, Any]]:
    """Audit every month or quarter of a range. The same inputs give the same reports and no new ledger entry."""
    wanted = periods(f"{parameters.first_month:%Y-%m}", f"{parameters.last_month:%Y-%m}", parameters.every)
    workspace = Workspace(Path(parameters.workspace)).existing()
    settings = load(workspace.config_file)
    if parameters.newest_first:
        wanted = wanted[::-1]
    log = get_run_logger()
    progress = create_progress_artifact(progress=0.0, key="backfill-progress", description="Periods audited")
    results = []
    for done, period in enumerate(wanted, start=1):
        scope = Scope(period=period, where={})
        result = audit_one_period(str(scope.to_dict()["from"]), workspace, scope, settings)
        results.append(result)
        log.info("%d of %d periods: from %s %s", done, len(wanted), result["from"], result["state"])
        update_progress_artifact(progress, progress=100.0 * done / len(wanted))
    create_table_artifact(
        table=[_shown(workspace, result) for result in results],
        key="backfill",
        description="What became of every period",
    )
    failed = [result["from"] for result in results if result["state"] == "failed"]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(results)} periods failed: {', '.join(failed)}; the others are done")
    return results


def _shown(workspace: Workspace, result: dict[str, Any]) -> dict[str, Any]:
    """A result without the machine's folders: paths in a reason begin at the workspace."""
    reason = str(result.get("reason", "")).partition("\n")[0].replace(f"{workspace.root}/", "")
    return result | {"reason": reason[:LONGEST_REASON]} if reason else result


def run_backfill(workspace: Workspace, first: str, last: str, every: str, newest_first: bool) -> list[dict[str, Any]]:
    """A flow run of the configured Prefect API."""
    parameters = BackfillParameters.model_validate(
        {
            "workspace": str(workspace.root.resolve()),
            "first_month": date.fromisoformat(f"{first}-01"),
            "last_month": date.fromisoformat(f"{last}-01"),
            "every": every,
            "newest_first": newest_first,
        }
    )
    results: list[dict[str, Any]] = backfill(parameters)
    return results
