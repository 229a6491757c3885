"""A Prefect API that is not there, or ends while a command runs: a sentence, and the rerun gives what was asked for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fairpanel import exit_codes, processes
from fairpanel.cli import main
from fairpanel.workspace import Workspace
from tests.faults.disturbed import CONFIGURATION
from tests.flows.serving import environment, free_port, served, workspace_with_samples
from tests.workspaces import take_in

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

BACKFILL = ("backfill", "--from", "2024-01", "--to", "2024-12", "--max-active", "1")


def _command(folder: Path, address: str) -> subprocess.Popen[str]:
    settings = {"PREFECT_API_URL": address, "PREFECT_CLIENT_MAX_RETRIES": "1", "PREFECT_HOME": str(folder / "home")}
    return subprocess.Popen(
        [sys.executable, "-m", "fairpanel.cli", *BACKFILL, "--workspace", str(folder), "--json"],
        env=environment() | settings,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    where = Workspace(workspace_with_samples(tmp_path / "ws")).create()
    where.config_file.write_text(CONFIGURATION)
    take_in(where, where.inbox)
    return where.root


def test_an_api_that_is_not_there(filled: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}/api"
    out, told = (running := _command(filled, address)).communicate(timeout=300)
    assert running.returncode == exit_codes.FAILED
    assert f"the Prefect API at {address} does not answer" in told
    assert json.loads(out)["exit_code"] == exit_codes.FAILED


def test_an_api_that_ends_meanwhile(filled: Path, tmp_path: Path) -> None:
    calm = tmp_path / "calm"
    shutil.copytree(filled, calm)
    assert main([*BACKFILL, "--workspace", str(calm)]) == exit_codes.DONE
    with served(tmp_path / "server") as server:
        running = _command(filled, f"http://127.0.0.1:{server.port}/api")
        reports = Workspace(filled).reports
        while not [*reports.glob("2*/report.json")]:
            assert running.poll() is None, running.communicate()
            time.sleep(0.1)
        (api,) = [pid for pid, _ in processes.descendants(server.process.pid) if _is_server(pid)][:1]
        os.kill(api, signal.SIGKILL)
        _, told = running.communicate(timeout=300)
        server.process.wait(90)
    assert running.returncode == exit_codes.FAILED, told
    assert "Traceback" not in told.splitlines()[-1]
    assert main([*BACKFILL, "--workspace", str(filled)]) == exit_codes.DONE
    assert main(["verify", "--workspace", str(filled)]) == exit_codes.DONE
    assert _content(filled) == _content(calm)


def _content(folder: Path) -> dict[str, bytes]:
    reports = Workspace(folder).reports
    found = [path for path in reports.glob("2*/*") if path.name != "manifest.json"]
    return {path.relative_to(reports).as_posix(): path.read_bytes() for path in found}


def _is_server(pid: int) -> bool:
    return b"server" in (Path("/proc") / str(pid) / "cmdline").read_bytes()
