"""What was made of what, told to an OpenLineage collector while it happens. Off unless it is switched on twice: with
FAIRPANEL_LINEAGE=1, and with OpenLineage's own settings of where to.

A run tells START, then COMPLETE or FAIL. Datasets are files by base name with their SHA-256, tables by name with their
version, reports by id. A collector that is down costs a warning, never a run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any
from uuid import UUID, uuid4

from fairpanel import __version__
from fairpanel.config import ConfigError
from fairpanel.workspace import Workspace

LOG = logging.getLogger(__name__)
SWITCH = "FAIRPANEL_LINEAGE"
NAMESPACE = "OPENLINEAGE_NAMESPACE"
WHERE_TO = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG")
TRANSPORT = "OPENLINEAGE__TRANSPORT"
PRODUCER = f"urn:fairpanel:{__version__}"


@dataclass(slots=True)
class Lineage:
    """What a run read and made so far: names of datasets, each with its version; failed where a part of it failed and the
    rest stands. Fill it while the run goes on."""

    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    failed: bool = False


def switched_on(environment: Mapping[str, str]) -> bool:
    """Whether runs are told. Raises ConfigError where they shall be and cannot."""
    if environment.get(SWITCH) != "1":
        return False
    if not any(environment.get(name) for name in WHERE_TO) and not any(
        name.startswith(TRANSPORT) for name in environment
    ):
        return False
    if find_spec("openlineage") is None:
        raise ConfigError(f"{SWITCH}=1 needs openlineage-python: pip install 'fairpanel[lineage]', or unset it")
    return True


@contextmanager
def told(job: str, environment: Mapping[str, str], run_id: str | None = None) -> Iterator[Lineage]:
    """Tell the run of a job (ingest, audit, backfill) that the block is; an exception in it makes it a failed one.

    run_id: a UUID, as of a Prefect flow run; another text gets a new one. Raises ConfigError (see `switched_on`).
    """
    lineage = Lineage()
    if not switched_on(environment):
        yield lineage
        return
    tell = _teller(job, environment, run_id)
    tell("START", lineage)
    try:
        yield lineage
    except BaseException:
        tell("FAIL", lineage)
        raise
    tell("FAIL" if lineage.failed else "COMPLETE", lineage)


def took_in(lineage: Lineage, workspace: Workspace, batches: Sequence[Mapping[str, Any]]) -> None:
    """An ingest: export files in, tables out at the versions they have now."""
    lineage.inputs |= {f"exports/{batch['file']}": str(batch["sha256"]) for batch in batches}
    if batches:
        from fairpanel.store import tables

        lineage.outputs |= _tables(tables.pin(workspace).versions)


def reported(lineage: Lineage, workspace: Workspace, results: Sequence[Mapping[str, Any]]) -> None:
    """An audit or a backfill: tables in at the versions that the ledger has recorded, reports out."""
    from fairpanel.store import ledger

    wanted = {result.get("report_id") for result in results}
    lineage.failed = any(result.get("state") == "failed" for result in results)
    for entry in ledger.reports(workspace):
        name = str(entry.manifest["report_id"])
        if name in wanted:
            lineage.inputs |= _tables(entry.manifest.get("table_versions") or {})
            lineage.outputs[f"reports/{name}"] = entry.hash


def _tables(versions: Mapping[str, int]) -> dict[str, str]:
    return {f"tables/{table}": str(version) for table, version in versions.items()}


def _teller(job: str, environment: Mapping[str, str], run_id: str | None) -> Callable[[str, Lineage], None]:
    """Sends the events of one run, until the collector fails once: a run waits for it no second time."""
    from openlineage.client import OpenLineageClient, event_v2
    from openlineage.client.facet_v2 import dataset_version_dataset

    namespace, run = environment.get(NAMESPACE) or "fairpanel", event_v2.Run(runId=_uuid(run_id))
    client: OpenLineageClient | None = None
    broken = False

    def datasets(kind: Any, names: Mapping[str, str]) -> list[Any]:
        facet = dataset_version_dataset.DatasetVersionDatasetFacet
        return [
            kind(namespace=namespace, name=name, facets={"version": facet(datasetVersion=version, producer=PRODUCER)})
            for name, version in names.items()
        ]

    def tell(state: str, lineage: Lineage) -> None:
        nonlocal client, broken
        if broken:
            return
        try:
            client = client or OpenLineageClient()
            client.emit(
                event_v2.RunEvent(
                    eventTime=datetime.now(UTC).isoformat(),
                    producer=PRODUCER,
                    eventType=event_v2.RunState(state),
                    run=run,
                    job=event_v2.Job(namespace=namespace, name=job),
                    inputs=datasets(event_v2.InputDataset, lineage.inputs),
                    outputs=datasets(event_v2.OutputDataset, lineage.outputs),
                )
            )
        except Exception as error:  # noqa: BLE001  # whatever is wrong with the collector, the run goes on
            broken = True
            LOG.warning(
                "the lineage of this run is not told: the collector failed at %s with %s. See %s, or unset %s.",
                state, type(error).__name__, " and ".join(WHERE_TO), SWITCH,
            )  # fmt: skip
        else:
            if state != "START":
                client.close()

    return tell


def _uuid(text: str | None) -> str:
    try:
        return str(UUID(text)) if text else str(uuid4())
    except ValueError:
        return str(uuid4())
