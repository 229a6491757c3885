"""The backfill flow: a task for every period and scope, several at a time, each computed in a process of its own."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from fairpanel import lineage, logs
from fairpanel.config import Config, ConfigError
from fairpanel.parameters import BackfillParameters
from fairpanel.pipeline.backfill import Plan, counted, left_alone, looked_into
from fairpanel.pipeline.crew import Crew
from fairpanel.pipeline.time_left import time_left
from fairpanel.workspace import Workspace
from flows.announcing import announce_report
from flows.cluster import on_dask
from flows.planning import planned
from flows.retry_condition import AGAIN

LONGEST_REASON = 300
ENGINE = "FAIRPANEL_ENGINE"


@task(
    name="audit one scope of the range",
    task_run_name="audit from {start}",
    timeout_seconds=4 * 3600,
    **AGAIN,
)
def audit_one_scope(start: str, one: Callable[[], dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG001  # start names the task run
    """One scope; that it failed is a result, so that the others go on. A full disk or a lock may come free: again."""
    result = one()
    if result.get("may_pass"):
        raise OSError(result["reason"])
    return result


@flow(name="backfill", timeout_seconds=48 * 3600, task_runner=ThreadPoolTaskRunner(max_workers=64))
def backfill(parameters: BackfillParameters) -> list[dict[str, Any]]:
    """Audit every period of a range, for one scope or each of many.

    The same inputs, configuration and code give the same reports and no new ledger entry.
    """
    logs.begin(os.environ, flow_run.get_id())
    if parameters.engine == "dask" and not parameters.dry_run:
        workspace, compute = Workspace(Path(parameters.workspace)).existing(), partial(on_dask, parameters)
    else:
        workspace, settings, found = planned(parameters)
        if parameters.dry_run:
            return _told(looked_into(workspace, found, settings))
        compute = partial(_run, workspace, settings, found, parameters.max_active)
    with lineage.told("backfill", os.environ, logs.run_id()) as run:
        results = compute()
        lineage.reported(run, workspace, results)
    for result in results:
        if result["state"] == "made":
            announce_report(result["report_id"], result["findings"])
    create_table_artifact(
        table=[_shown(workspace, result) for result in results],
        key="backfill",
        description="What became of every period and scope",
    )
    failed = [
        f"{result['from']} {' '.join(result['where'].values())}".strip()
        for result in results
        if result["state"] == "failed"
    ]
    if failed:
        some = ", ".join(failed[:10]) + (" …" if len(failed) > 10 else "")
        raise RuntimeError(f"{len(failed)} of {len(results)} periods failed: {some}; the others are done")
    return results


def _run(workspace: Workspace, settings: Config, plan: Plan, max_active: int) -> list[dict[str, Any]]:
    """At most max_active tasks at a time; results in the order of the plan."""
    log = get_run_logger()
    results = {n: left_alone(s) for n, s in enumerate(plan.standings) if not plan.runs(s)}
    waiting = [n for n, s in enumerate(plan.standings) if plan.runs(s)][::-1]
    log.info("%d of %d periods and scopes are to be made", len(waiting), len(plan.standings))
    progress = create_progress_artifact(progress=0.0, key="backfill-progress", description="Periods audited")
    total, started = len(waiting), time.monotonic()
    running: dict[PrefectFuture[Any], int] = {}
    ended: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
    with Crew(workspace, settings, plan.read, min(max_active, max(total, 1))) as crew:
        while waiting or running:
            while waiting and len(running) < max_active:
                number = waiting.pop()
                scope = plan.standings[number].scope
                future = audit_one_scope.submit(str(scope.to_dict()["from"]), partial(crew.audit, scope, plan.again))
                running[future] = number
                future.add_done_callback(ended.put)
            future = ended.get()
            number = running.pop(future)
            results[number] = _result(future, plan.standings[number].scope.to_dict())
            done = total - len(waiting) - len(running)
            left = time_left(done, total, time.monotonic() - started)
            log.info("%d of %d: from %s %s; %s", done, total, results[number]["from"], results[number]["state"], left)
            update_progress_artifact(progress, progress=100.0 * done / total)
    counts = ", ".join(f"{count} {state}" for state, count in counted([*results.values()]).items())
    log.info("%s", counts)
    return [results[number] for number in range(len(plan.standings))]


def _result(future: PrefectFuture[Any], scope: dict[str, Any]) -> dict[str, Any]:
    found = future.result(raise_on_failure=False)
    return (
        found if isinstance(found, dict) else scope | {"state": "failed", "reason": f"{type(found).__name__}: {found}"}
    )


def _told(plan: Plan) -> list[dict[str, Any]]:
    entries = plan.to_dict()
    shown = ("runs", "from", "to", "where", "says")
    table = [{name: entry[name] for name in shown} for entry in entries]
    create_table_artifact(table=table, key="backfill-plan", description="What would run, and why")
    get_run_logger().info("%d of %d would run", sum(entry["runs"] for entry in entries), len(entries))
    return entries


def _shown(workspace: Workspace, result: dict[str, Any]) -> dict[str, Any]:
    """A result without the machine's folders: paths in a reason begin at the workspace."""
    reason = str(result.get("reason", "")).partition("\n")[0].replace(f"{workspace.root}/", "")
    shown = {name: result.get(name) for name in ("from", "to", "where", "state", "report_id")}
    return shown | ({"reason": reason[:LONGEST_REASON]} if reason else {})


def run_backfill(workspace: Workspace, options: argparse.Namespace) -> list[dict[str, Any]]:
    """A flow run of the configured Prefect API, from the options of the command."""
    engine = os.environ.get(ENGINE) or "processes"
    if engine not in ("processes", "dask"):
        raise ConfigError(f"{ENGINE} is processes or dask, not {engine!r}")
    parameters = BackfillParameters(
        workspace=str(workspace.root.resolve()),
        first_month=_day(options.start),
        last_month=_day(options.end),
        every=options.every,
        where=options.where,
        each=options.each or "none",
        reprocess=options.reprocess,
        newest_first=options.newest_first,
        max_active=options.max_active or 2,
        engine=engine,
    )
    results: list[dict[str, Any]] = backfill(parameters)
    return results


def _day(text: str) -> date:
    return date.fromisoformat(text if text.count("-") == 2 else f"{text}-01")
