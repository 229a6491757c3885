"""`fairpanel serve` from its start to its end, and the deployments through the REST API, as forms and curl use them."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest

from fairpanel import exit_codes, processes
from fairpanel.cli import main
from fairpanel.store import ledger, tables
from fairpanel.workspace import Workspace
from tests.flows.serving import (
    FINAL,
    PATIENCE,
    Served,
    environment,
    free_port,
    is_loopback,
    served,
    workspace_with_samples,
)

pytestmark = [pytest.mark.service, pytest.mark.timeout(900)]

QUARTERS = {"first_month": "2024-01-01", "last_month": "2024-09-30", "every": "quarter"}
TRIES = """
from prefect import flow
from flows.ingest import take_in_one

def failing(failure, times):
    calls = []
    def one():
        calls.append(1)
        if len(calls) <= times:
            raise failure
    return calls, one

@flow
def tries():
    busy, passes = failing(OSError("No space left on device"), 2)
    take_in_one("a.csv", passes)
    wrong, stays = failing(ValueError("misread"), 9)
    state = take_in_one("b.csv", stays, return_state=True)
    print(f"tried {len(busy)} and {len(wrong)} {state.type.value}")

tries()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the tests of this module, with the demo's exports taken in by a run."""
    with served(workspace_with_samples(tmp_path_factory.mktemp("served") / "ws")) as running:
        assert running.run("ingest/nightly-ingest")["state"]["type"] == "COMPLETED"
        yield running


def _ledger(server: Served) -> bytes:
    path = Workspace(server.workspace).ledger
    return path.read_bytes() if path.exists() else b""


def test_a_backfill_from_the_api_ends_and_a_second_changes_nothing(server: Served) -> None:
    run = server.run("backfill/backfill", **QUARTERS)
    assert run["state"]["type"] == "COMPLETED", run["state"]
    recorded = _ledger(server)
    assert len(ledger.reports(Workspace(server.workspace))) == 3
    again = server.run("backfill/backfill", **QUARTERS)
    assert again["state"]["type"] == "COMPLETED"
    assert _ledger(server) == recorded
    assert main(["verify", "--workspace", str(server.workspace)]) == exit_codes.DONE


def test_one_failing_period_does_not_take_the_others_along(server: Served) -> None:
    server.run("backfill/backfill", **QUARTERS)
    reports = Workspace(server.workspace).reports
    first, _, third = sorted(folder for folder in reports.iterdir() if folder.name.startswith("2024-0"))
    for folder in (first, third):
        (folder / "report.json").unlink()
    blocker = reports / f".{first.name}.draft"
    blocker.write_text("in the way of the first report")
    run = server.run("backfill/backfill", **QUARTERS)
    assert run["state"]["type"] == "FAILED"
    assert "1 of 3 periods failed: 2024-01-01; the others are done" in run["state"]["message"]
    told = server.filtered("artifacts", artifacts={"key": {"any_": ["backfill"]}, "flow_run_id": {"any_": [run["id"]]}})
    assert [row["state"] for row in json.loads(told[0]["data"])] == ["failed", "unchanged", "made"]
    assert (third / "report.json").exists()
    blocker.unlink()
    assert server.run("backfill/backfill", **QUARTERS)["state"]["type"] == "COMPLETED"


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("backfill/backfill", QUARTERS | {"last_month": "2023-01-01"}, "the range ends before it begins"),
        ("backfill/backfill", QUARTERS | {"first_month": "2024-13-01"}, "valid date"),
        ("audit/monthly-audit", {"first_day": "2024-01-01"}, "choose either the last whole month or"),
        ("audit/monthly-audit", {"previous": "none", "where": ["shoe=9"]}, "got 'shoe=9'"),
        ("ingest/nightly-ingest", {"workspace": "/nowhere/at-all"}, "there is no workspace in /nowhere/at-all"),
    ],
)
def test_bad_parameters_fail_with_a_sentence(server: Served, name: str, given: dict[str, str], says: str) -> None:
    run = server.run(name, **given)
    assert run["state"]["type"] == "FAILED"
    assert says in run["state"]["message"]


def test_nothing_that_prefect_keeps_names_a_person(server: Served) -> None:
    run = server.run("audit/monthly-audit", previous="none")
    assert run["state"]["type"] == "COMPLETED", run["state"]
    known = tables.pin(Workspace(server.workspace)).read("scores", ["candidate_id", "interviewer_id"])
    people = {name for column in known.columns for name in known[column].unique()}
    for file in (server.workspace / "inbox").glob("*.csv"):
        with file.open(newline="") as lines:
            people |= {row["candidate_id"] for row in csv.DictReader(lines)} - {""}
    assert len(people) > 3000
    kept = json.dumps([server.filtered(what) for what in ("artifacts", "flow_runs", "task_runs", "logs")])
    assert "scores.csv" in kept
    assert [name for name in people if name in kept] == []
    artifacts = server.filtered("artifacts", artifacts={"key": {"any_": ["ingest", "audit", "backfill"]}})
    assert {artifact["key"] for artifact in artifacts} >= {"ingest", "audit"}
    assert str(server.workspace) not in json.dumps([artifact["data"] for artifact in artifacts])


def test_a_refused_export_fails_the_run_and_the_rest_is_taken_in(server: Served, tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text("")
    before = tables.pin(Workspace(server.workspace)).read("batches").height
    header = "candidate_id,requisition_id,decision,stage,decided_on\n"
    (tmp_path / "more.csv").write_text(header + "C900000,R00001,rejected,user,2024-01-22\n")
    run = server.run("ingest/nightly-ingest", paths=[str(tmp_path / "broken.csv"), str(tmp_path / "more.csv")])
    assert run["state"]["type"] == "FAILED"
    assert "refused: broken.csv" in run["state"]["message"]
    assert tables.pin(Workspace(server.workspace)).read("batches").height == before + 1


def test_a_schedule_fires(server: Served) -> None:
    deployment = server.deployment("ingest/nightly-ingest")
    assert [entry["schedule"]["cron"] for entry in deployment["schedules"]] == ["15 2 * * *"]
    place = f"/deployments/{deployment['id']}/schedules"
    made = server.ask("POST", place, json=[{"active": True, "schedule": {"interval": 15}}])
    try:
        fired: list[dict[str, object]] = []
        deadline = time.monotonic() + PATIENCE
        while not fired and time.monotonic() < deadline:
            time.sleep(1)
            done = server.filtered("flow_runs", flow_runs={"state": {"type": {"any_": ["COMPLETED", "FAILED"]}}})
            fired = [run for run in done if run["auto_scheduled"]]
        assert [run["state_type"] for run in fired] == ["COMPLETED"]
    finally:
        server.ask("DELETE", f"{place}/{made[0]['id']}")


def test_a_full_disk_is_tried_again_and_a_mistake_is_not(server: Served, tmp_path: Path) -> None:
    script = tmp_path / "tries.py"
    script.write_text(TRIES)
    there = {
        "PREFECT_API_URL": str(server.api.base_url).rstrip("/"),
        "PREFECT_HOME": str(tmp_path),
        "DO_NOT_TRACK": "1",
    }
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment() | there,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "tried 3 and 1 FAILED" in done.stdout, done.stderr


def test_a_second_server_is_refused_with_a_sentence(server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--workspace", str(server.workspace), "--port", str(server.port)]) == exit_codes.USAGE
    assert f"port {server.port} on 127.0.0.1 cannot be used" in capsys.readouterr().err
    taken = ["--port", str(free_port()), "--library-port", str(server.library)]
    assert main(["serve", "--workspace", str(server.workspace), *taken]) == exit_codes.USAGE
    assert f"port {server.library} on 127.0.0.1 cannot be used" in capsys.readouterr().err
    same = ["--port", taken[1], "--library-port", taken[1]]
    assert main(["serve", "--workspace", str(server.workspace), *same]) == exit_codes.USAGE
    assert "cannot both have port" in capsys.readouterr().err
    done = subprocess.run(
        [sys.executable, "-m", "fairpanel.cli", "serve", "--workspace", str(server.workspace), "--port", "0"],
        env=environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == exit_codes.USAGE
    assert "a port is a number from 1 to 65535" in done.stderr


def test_the_library_shows_what_was_audited_and_all_is_well(server: Served) -> None:
    run = server.run("audit/monthly-audit", previous="none", first_day="2024-03-01", last_day="2024-03-31")
    assert run["state"]["type"] == "COMPLETED", run["state"]
    report = Workspace(server.workspace).reports
    newest = max(report.glob("2024-03-01_*"), key=lambda folder: folder.stat().st_mtime).name
    address = f"http://127.0.0.1:{server.library}"
    assert f"./{newest}/report.html" in httpx.get(address, trust_env=False).text
    assert httpx.get(f"{address}/{newest}/report.html", trust_env=False).status_code == httpx.codes.OK
    health = httpx.get(f"{address}/health", trust_env=False, timeout=30)
    assert health.status_code == httpx.codes.OK
    assert health.json()["prefect"] == "ok"
    assert health.json()["ledger_entries"] == _ledger(server).count(b"\n")


def test_only_loopback_was_spoken_to(server: Served) -> None:
    """Of everything the module's tests made the server, the worker and the runs do."""
    assert server.remotes
    assert [address for address in server.remotes if not is_loopback(address)] == []
    assert [address for address in server.listening if not is_loopback(address)] == []
    assert json.loads(server.api.get("/admin/settings").text)["server"]["analytics_enabled"] is False


def test_killed_outright_it_leaves_nothing_and_starts_again(tmp_path: Path) -> None:
    """After SIGKILL no process stays; the next start marks the cut-off run and keeps a schedule that was paused."""
    workspace = workspace_with_samples(tmp_path / "ws")
    with served(workspace) as first:
        schedule = first.deployment("audit/monthly-audit")
        place = f"/deployments/{schedule['id']}/schedules/{schedule['schedules'][0]['id']}"
        first.ask("PATCH", place, json={"active": False})
        cut = first.start("ingest/nightly-ingest")
        first.wait(cut, {"RUNNING"})
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
        assert first.survivors(60) == set()
    with served(workspace) as second:
        assert "1 runs were cut off" in second.printed.read_text()
        assert second.wait(cut, FINAL)["state"]["type"] == "CRASHED"
        assert [entry["active"] for entry in second.deployment("audit/monthly-audit")["schedules"]] == [False]
        assert second.run("ingest/nightly-ingest")["state"]["type"] == "COMPLETED"
        rows = tables.pin(Workspace(workspace)).read("scores")
        assert rows.height == rows.select(pl.col("record_key").n_unique()).item() > 20_000
        children = processes.descendants(second.process.pid)
        worker = next(pid for pid, _ in children if b"worker\0start" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(worker, signal.SIGKILL)
        assert second.process.wait(90) == exit_codes.FAILED
        assert "the worker ended by itself" in second.printed.read_text()
        assert second.survivors(30) == set()
