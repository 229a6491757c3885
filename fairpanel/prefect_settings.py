"""Prefect's environment where Fairpanel starts it itself: loopback, no telemetry, everything inside the workspace.

Prefect reads its settings when it is first imported, so these go into the environment before that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fairpanel.workspace import Workspace

LOOPBACK = "127.0.0.1"
PATIENCE = 180  # seconds a server may take to start: 25 on an idle machine with a fresh database, 20 is Prefect's limit
FOREIGN = ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH")
DATABASE = ("PREFECT_SERVER_DATABASE_", "PREFECT_API_DATABASE_")


def home(workspace: Workspace) -> Path:
    """The folder of Prefect's database, logs and profiles: a workspace shares them with nobody."""
    return workspace.root.resolve() / ".prefect"


def embedded(workspace: Workspace, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for flows in this process with an API that lives as long as the process does.

    Settings of another Prefect API (its address, key, profile and database) are left out: a demo never runs on somebody's
    server.
    """
    found = os.environ if given is None else given
    kept = {name: value for name, value in found.items() if name not in FOREIGN and not name.startswith(DATABASE)}
    return kept | {
        "DO_NOT_TRACK": "1",
        "NO_PROXY": ",".join(filter(None, (kept.get("NO_PROXY"), LOOPBACK, "localhost"))),
        "PREFECT_HOME": str(home(workspace)),
        "PREFECT_LOCAL_STORAGE_PATH": str(home(workspace) / "storage"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_API_HOST": LOOPBACK,
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(PATIENCE),
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_UI_V2_ENABLED": "false",  # the new interface asks an analytics address, the other asks nobody
        "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    }


def standing(workspace: Workspace, port: int, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a server on a port of loopback, of its worker and of the flow runs this starts.

    A database that the environment names (PREFECT_SERVER_DATABASE_CONNECTION_URL) is kept; without one it is a file of
    SQLite in the workspace.
    """
    found = os.environ if given is None else given
    database = {name: value for name, value in found.items() if name.startswith(DATABASE)}
    return (
        embedded(workspace, given)
        | database
        | {
            "PREFECT_API_URL": f"http://{LOOPBACK}:{port}/api",
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_SERVER_API_PORT": str(port),
            "PREFECT_WORKER_QUERY_SECONDS": "5",
        }
    )


def adopt(environment: Mapping[str, str]) -> None:
    """Make this the environment of the running process. Call it before anything imports Prefect."""
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
