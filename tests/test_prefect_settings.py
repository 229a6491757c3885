"""Whose database Prefect uses: a demo's is its own, a server's may be one that the environment names."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairpanel.prefect_settings import embedded, standing
from fairpanel.workspace import Workspace

URL = "postgresql+asyncpg://user:password@127.0.0.1/prefect"


@pytest.mark.parametrize("name", ["PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL"])
def test_a_server_keeps_the_database_that_is_set_and_a_demo_does_not(tmp_path: Path, name: str) -> None:
    given = {name: URL, "PATH": "/bin", "PREFECT_API_KEY": "foreign"}
    workspace = Workspace(tmp_path)
    assert standing(workspace, 4200, given)[name] == URL
    assert name not in embedded(workspace, given)
    for environment in (standing(workspace, 4200, given), embedded(workspace, given)):
        assert environment["PATH"] == "/bin"
        assert "PREFECT_API_KEY" not in environment
