"""The ingest flow: a task for each export, tried again where the disk or a lock may come free."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.runtime import flow_run
from prefect.states import Completed, Failed, State

from fairpanel import config, lineage, logs, secret_blocks
from fairpanel.adapters import postgresql
from fairpanel.parameters import IngestParameters
from fairpanel.pipeline import extracting
from fairpanel.pipeline.growing import SETTLE
from fairpanel.pipeline.ingest import Outcome, conclude, plan, step
from fairpanel.store.pseudonyms import of_workspace
from fairpanel.validation.batch import Judge
from fairpanel.workspace import Workspace
from flows.announcing import announce_ingest
from flows.retry_condition import AGAIN


@task(
    name="take in one export",
    task_run_name="take in {file}",
    timeout_seconds=2 * 3600,
    **AGAIN,
)
def take_in_one(file: str, one: Callable[[], Outcome]) -> Outcome:  # noqa: ARG001  # named in the task run
    """One export of the plan."""
    return one()


@task(
    name="read one source",
    task_run_name="read {name}",
    timeout_seconds=2 * 3600,
    **AGAIN,
)
def read_one_source(name: str, one: Callable[[], list[Path]]) -> list[Path]:  # noqa: ARG001  # named in the task run
    """One database of a source file."""
    return one()


def _read(name: str, source: postgresql.Source, url: str, folder: Path) -> list[Path]:
    return read_one_source(name, partial(extracting.read, name, source, url, folder))


@flow(name="ingest", timeout_seconds=6 * 3600)
def ingest(parameters: IngestParameters) -> State[dict[str, Any]]:
    """Take exports in: accepted rows to the lake, refused rows to quarantine, a verdict on each batch.

    What was taken in before is recognised and left alone. The run fails where an export was refused or more rows were
    quarantined than allowed; everything else is taken in nonetheless.
    """
    logs.begin(os.environ, flow_run.get_id())
    workspace = Workspace(Path(parameters.workspace)).existing()
    settings = config.load(workspace.config_file)
    paths = [Path(path) for path in parameters.paths] or [workspace.inbox]
    found = extracting.sources(paths, parameters.source)
    secret_blocks.fill(secret_blocks.KEY)
    pseudonyms = of_workspace(workspace)
    log = get_run_logger()
    progress = create_progress_artifact(progress=0.0, key="ingest-progress", description="Exports taken in")
    with (
        lineage.told("ingest", os.environ, logs.run_id()) as run,
        extracting.extracted(paths, found, secret_blocks.address, _read) as given,
        Judge() if settings.ingest.batch_checks else nullcontext() as judge,
    ):
        now = datetime.now(UTC)
        planned = plan(workspace, given.paths, settings, pseudonyms, judge, now, parameters.source, SETTLE)
        planned = extracting.with_failed(planned, given.failed)
        outcomes = []
        for done, reading in enumerate(planned.readings, start=1):
            outcomes.append(take_in_one(reading.export.name, partial(step, planned, reading)))
            log.info("%d of %d exports: %s", done, len(planned.readings), reading.export.name)
            update_progress_artifact(progress, progress=100.0 * done / len(planned.readings))
        told = conclude(planned, outcomes).to_dict()
        lineage.took_in(run, workspace, told["batches"])
    announce_ingest(told)
    columns = ("file", "adapter", "rows_read", "accepted", "quarantined")
    rows = [
        {name: batch[name] for name in columns}
        | {"excluded": sum(batch["excluded"].values()), "batch": batch["batch_id"]}
        for batch in told["batches"]
    ]
    create_table_artifact(
        table=rows, key="ingest", description="Rows by batch: read = accepted + quarantined + excluded"
    )
    numbers = (
        "{rows_read} rows read, {accepted} accepted, {quarantined} quarantined; {unchanged_files} exports known before"
    )
    log.info(numbers.format(**told))
    return _state(told, settings.ingest.max_quarantine)


def _state(told: dict[str, Any], limit: float) -> State[dict[str, Any]]:
    """Failed where somebody has to look: the sentence names the files."""
    if told["refused"]:
        names = ", ".join(entry["file"] for entry in told["refused"])
        return Failed(
            data=told, message=f"refused: {names}. 'fairpanel ingest FILE' says why; the others are taken in."
        )
    if told["rows_read"] and told["quarantined"] > limit * told["rows_read"]:
        share = told["quarantined"] / told["rows_read"]
        return Failed(
            data=told,
            message=f"{share:.1%} of the rows were quarantined, more than {limit:.1%}. See 'fairpanel quarantine list'.",
        )
    return Completed(data=told)


def run_ingest(workspace: Workspace, paths: Sequence[Path], source: str) -> dict[str, Any]:
    """A flow run of the configured Prefect API."""
    named = [str(path.resolve()) for path in paths]
    parameters = IngestParameters(workspace=str(workspace.root.resolve()), paths=named, source=source)
    state: State[Any] = ingest(parameters, return_state=True)
    told = getattr(state.data, "result", None)
    if not isinstance(told, dict):
        raise state.data if isinstance(state.data, Exception) else RuntimeError(state.message or "the ingest failed")
    return told
