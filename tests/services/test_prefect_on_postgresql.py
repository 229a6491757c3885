"""`fairpanel serve` on PostgreSQL: it comes up, registers its deployments, runs a flow, and keeps its runs there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from fairpanel import exit_codes
from fairpanel.deployments import declared
from fairpanel.prefect_settings import home
from fairpanel.workspace import Workspace
from tests.flows.serving import environment, free_port, served, workspace_with_samples
from tests.services.postgresql import PASSWORD, Database, postgresql

pytestmark = [pytest.mark.service, pytest.mark.timeout(900)]

URL = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with postgresql() as running:
        yield running


def test_a_served_workspace_keeps_its_runs_in_the_database(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE DATABASE prefect")
    there = {URL: database.url("prefect", driver="+asyncpg")}
    with served(workspace_with_samples(tmp_path / "ws"), more=there) as server:
        known = {entry["name"] for entry in server.filtered("deployments")}
        assert known == {entry["name"] for entry in declared()} >= {"nightly-ingest", "monthly-audit", "backfill"}
        run = server.run("ingest/nightly-ingest")
        assert run["state"]["type"] == "COMPLETED", run["state"]

    second = Workspace(tmp_path / "second").create().root
    done = subprocess.run(
        [sys.executable, "-m", "fairpanel.cli", "serve", "--workspace", str(second), "--port", str(free_port()),
         "--library-port", "0"],
        env=environment() | there, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == exit_codes.USAGE, done.stderr
    assert f"for the workspace {tmp_path / 'ws'}, and one API serves one workspace" in done.stderr

    async def runs() -> int:
        connection = await asyncpg.connect(database.url("prefect"))
        try:
            return int(await connection.fetchval("SELECT count(*) FROM flow_run WHERE state_type = 'COMPLETED'"))
        finally:
            await connection.close()

    assert asyncio.run(runs()) == 1
    prefect = home(Workspace(tmp_path / "ws"))
    assert not (prefect / "prefect.db").exists()
    printed = server.printed.read_text() + "".join(log.read_text() for log in prefect.glob("*.log"))
    assert PASSWORD not in printed


def test_a_database_that_does_not_answer_is_a_sentence(tmp_path: Path) -> None:
    there = {URL: f"postgresql+asyncpg://postgres:{PASSWORD}@127.0.0.1:{free_port()}/prefect"}
    done = subprocess.run(
        [sys.executable, "-m", "fairpanel.cli", "serve", "--workspace", str(tmp_path), "--port", str(free_port())],
        env=environment() | there, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == exit_codes.USAGE, done.stderr
    assert "the Prefect server did not start" in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
