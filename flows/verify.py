"""The verification flow: ledger, tables and reports as they were recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact

from fairpanel.parameters import VerifyParameters
from fairpanel.store import ledger, verification
from fairpanel.workspace import Workspace
from flows.retry_condition import AGAIN

SHOWN = 1000


@task(
    name="compare with the ledger",
    timeout_seconds=4 * 3600,
    **AGAIN,
)
def compare(workspace: Workspace, report: str | None) -> list[verification.Problem]:
    """Every difference from what was recorded."""
    return verification.verify(workspace, report)


@flow(name="verify", timeout_seconds=6 * 3600)
def verify(parameters: VerifyParameters) -> dict[str, Any]:
    """Check the ledger's chain, and every file of a table or a report that it names. Fails where anything differs."""
    workspace = Workspace(Path(parameters.workspace)).existing()
    problems = compare(workspace, parameters.report or None)
    entries = len(ledger.entries(workspace))
    rows = [{"where": problem.where, "what": problem.what} for problem in problems[:SHOWN]]
    description = f"Differences from the ledger ({entries} entries): {len(problems)}"
    create_table_artifact(table=rows, key="verify", description=description)
    if problems:
        first = problems[0]
        raise RuntimeError(f"{len(problems)} differences from the ledger, the first: {first.where}: {first.what}")
    get_run_logger().info("%d ledger entries and their files are as they were recorded", entries)
    return {"entries": entries, "problems": 0}
