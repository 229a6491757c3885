"""The retention flow: what [retention] in fairpanel.toml keeps for so long only, and the ledger's word for what went."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact

from fairpanel.config import RetentionConfig, load
from fairpanel.parameters import RetentionParameters
from fairpanel.pipeline.retention import retain
from fairpanel.workspace import Workspace
from flows.retry_condition import AGAIN


@task(
    name="remove what is older than it is kept",
    timeout_seconds=4 * 3600,
    **AGAIN,
)
def remove(workspace: Workspace, settings: RetentionConfig, dry_run: bool) -> dict[str, Any]:
    """Refused rows and table files, by the configuration."""
    return retain(workspace, settings, datetime.now(UTC), dry_run).to_dict()


@flow(name="retention", timeout_seconds=6 * 3600)
def retention(parameters: RetentionParameters) -> dict[str, Any]:
    """Remove what [retention] keeps for so long only. Without that section nothing goes."""
    workspace = Workspace(Path(parameters.workspace)).existing()
    done = remove(workspace, load(workspace.config_file).retention, parameters.dry_run)
    rows = [
        {"what": "refused rows", "number": done["quarantined_rows"]},
        {"what": "table files", "number": len(done["files"])},
        {"what": "reports that cannot be recomputed from now on", "number": len(done["reports"])},
    ]
    create_table_artifact(table=rows, key="retention", description="Would go" if parameters.dry_run else "Removed")
    get_run_logger().info("%s", ", ".join(f"{row['number']} {row['what']}" for row in rows))
    return done
