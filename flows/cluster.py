"""A backfill on Dask: whole partitions of scopes to worker processes on this machine, or on others.

In a module of its own because its functions travel by name: a worker imports `flows.cluster`.
"""

from __future__ import annotations

import logging
import os
import time
from importlib.util import find_spec
from queue import SimpleQueue
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import TaskRunner

from fairpanel.config import ConfigError
from fairpanel.parameters import BackfillParameters
from fairpanel.pipeline.backfill import counted, left_alone
from fairpanel.pipeline.crew import ENVIRONMENT
from fairpanel.pipeline.partitions import Sent, audit_partition, lost, partitions, sent
from fairpanel.pipeline.scope import Scope
from fairpanel.pipeline.time_left import time_left
from flows.planning import planned

ADDRESS = "FAIRPANEL_DASK_ADDRESS"
LOOPBACK = "127.0.0.1"
KILLED = (
    "the workers that audited it were killed, one after another: is there memory enough on them? See the sizing guide; the "
    "same backfill again makes what is missing"
)


@task(
    name="audit a partition of the range",
    task_run_name="audit from {start}",
    cache_policy=NO_CACHE,  # no timeout: Dask's workers run it in a thread, which a timeout does not interrupt
)
def audit_one_partition(start: str, given: Sent, scopes: list[Scope], again: bool) -> list[dict[str, Any]]:  # noqa: ARG001  # start names the task run
    """Runs on a worker; what may pass is tried again there."""
    return audit_partition(given, scopes, again)


def on_dask(parameters: BackfillParameters) -> list[dict[str, Any]]:
    """The results of a backfill whose partitions are audited by Dask workers, in the order of the plan.

    With FAIRPANEL_DASK_ADDRESS by those of that scheduler, else by max_active processes of this machine. Raises
    ConfigError where Dask is not installed. Call it in a flow run.
    """
    runner = _runner(parameters.max_active)
    logging.getLogger("distributed").setLevel(logging.WARNING)
    context = FlowRunContext.get()
    api = None if context is None else str(context.client.api_url)
    # An embedded API has its address in no setting; workers need it, or each would start an API of its own.
    with temporary_settings({PREFECT_API_URL: PREFECT_API_URL.value() or api}):
        results: list[dict[str, Any]] = audit_partitions.with_options(task_runner=runner)(parameters)
    return results


def _runner(max_active: int) -> TaskRunner[Any]:
    missing = [name for name in ("distributed", "prefect_dask") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"engine dask needs {' and '.join(missing)}: pip install 'fairpanel[cluster]', or leave the engine at processes"
        )
    import dask
    from prefect_dask import DaskTaskRunner

    if address := os.environ.get(ADDRESS):
        return DaskTaskRunner(address=address)
    # A worker that nears a memory limit of Dask's would pause for good: what it holds are tables, not Dask's results.
    dask.config.set({"distributed.nanny.pre-spawn-environ": ENVIRONMENT})
    return DaskTaskRunner(
        cluster_kwargs={
            "n_workers": max_active,
            "threads_per_worker": 1,
            "host": LOOPBACK,
            "dashboard_address": None,
            "memory_limit": 0,
        }
    )


@flow(name="backfill on Dask", timeout_seconds=48 * 3600)
def audit_partitions(parameters: BackfillParameters) -> list[dict[str, Any]]:
    """One result a scope, in the order of the plan."""
    log = get_run_logger()
    workspace, settings, plan = planned(parameters)
    scopes = [standing.scope for standing in plan.standings]
    results = {n: left_alone(s) for n, s in enumerate(plan.standings) if not plan.runs(s)}
    waiting = [n for n in range(len(scopes)) if n not in results]
    cut = partitions(waiting, _workers(parameters.max_active))
    log.info("%d of %d periods and scopes are to be made, in %d partitions", len(waiting), len(scopes), len(cut))
    progress = create_progress_artifact(progress=0.0, key="backfill-progress", description="Periods audited")
    given, started, done = sent(workspace, settings, plan.read), time.monotonic(), 0
    ended: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
    running: dict[PrefectFuture[Any], list[int]] = {}
    for numbers in cut:
        mine = [scopes[number] for number in numbers]
        future = audit_one_partition.submit(str(mine[0].to_dict()["from"]), given, mine, plan.again)
        running[future] = numbers
        future.add_done_callback(ended.put)
    while running:
        future = ended.get()
        numbers = running.pop(future)
        mine = [scopes[number] for number in numbers]
        told = _result(future, given, mine, plan.again)
        results |= dict(zip(numbers, told, strict=True))
        done += len(numbers)
        left = time_left(done, len(waiting), time.monotonic() - started)
        counts = ", ".join(f"{count} {state}" for state, count in counted(told).items())
        log.info("%d of %d: from %s %s; %s", done, len(waiting), told[0]["from"], counts, left)
        update_progress_artifact(progress, progress=100.0 * done / len(waiting))
    return [results[number] for number in range(len(scopes))]


def _workers(max_active: int) -> int:
    """How many audit at a time: threads of a scheduler that is there, else max_active."""
    context = FlowRunContext.get()
    client = getattr(None if context is None else context.task_runner, "client", None)
    if client is None or not os.environ.get(ADDRESS):
        return max_active
    return sum(client.nthreads().values()) or max_active


def _result(future: PrefectFuture[Any], given: Sent, scopes: list[Scope], again: bool) -> list[dict[str, Any]]:
    """What became of a partition; of one that came to nothing, what the notes know."""
    from distributed import KilledWorker

    try:
        found = future.result(raise_on_failure=False)
    except KilledWorker:
        return lost(given, scopes, "process killed", KILLED, again)
    except Exception as error:  # noqa: BLE001  # whatever became of one partition, the others stand
        found = error
    if isinstance(found, list):
        return found
    return lost(given, scopes, type(found).__name__, f"{type(found).__name__}: {found}", again)
