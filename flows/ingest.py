"""The ingest flow: a task for each export, tried again where the disk or a lock may come free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from fairpanel import config
from fairpanel.parameters import IngestParameters
from fairpanel.pipeline.ingest import Outcome, conclude, plan, step
from fairpanel.store.pseudonyms import from_environment_or_file
from fairpanel.validation.batch import Judge
from fairpanel.workspace import Workspace


def may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """A full disk or a busy file may come free; any other failure would come again."""
    return isinstance(state.data, OSError) or isinstance(getattr(state.data, "exception", None), OSError)


@task(
    name="take in one export",
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
)
def take_in_one(one: Callable[[], Outcome]) -> Outcome:
    """One export of the plan."""
    return one()


@flow(name="ingest")
def ingest(parameters: IngestParameters) -> dict[str, Any]:
    """Take exports in: accepted rows to the lake, refused rows to quarantine, a verdict on each batch."""
    workspace = Workspace(Path(parameters.workspace)).create()
    settings = config.load(workspace.config_file)
    paths = [Path(path) for path in parameters.paths] or [workspace.inbox]
    pseudonyms = from_environment_or_file(workspace.secrets)
    progress = create_progress_artifact(progress=0.0, key="ingest-progress", description="Exports taken in")
    with Judge() if settings.ingest.batch_checks else nullcontext() as judge:
        planned = plan(workspace, paths, settings, pseudonyms, judge, datetime.now(UTC), parameters.source)
        outcomes = []
        for done, reading in enumerate(planned.readings, start=1):
            outcomes.append(take_in_one(partial(step, planned, reading)))
            update_progress_artifact(progress, progress=100.0 * done / len(planned.readings))
    told = conclude(planned, outcomes).to_dict()
    columns = ("adapter", "rows_read", "accepted", "quarantined")
    rows = [{name: batch[name] for name in columns} | {"batch": batch["batch_id"]} for batch in told["batches"]]
    create_table_artifact(
        table=rows, key="ingest", description="Rows by batch: read = accepted + quarantined + excluded"
    )
    return told


def run_ingest(workspace: Workspace, paths: Sequence[Path], source: str) -> dict[str, Any]:
    """A flow run of the configured Prefect API."""
    named = [str(path.resolve()) for path in paths]
    parameters = IngestParameters(workspace=str(workspace.root.resolve()), paths=named, source=source)
    told: dict[str, Any] = ingest(parameters)
    return told
