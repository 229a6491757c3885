"""Each thing that can be wrong with a machine or a workspace is told with how to mend it, and no secret with it."""

from __future__ import annotations

import fcntl
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from fairpanel import doctor, doctor_machine, doctor_workspace, exit_codes
from fairpanel.cli import main
from fairpanel.store import attempts, tables
from fairpanel.workspace import Workspace
from tests.flows.serving import free_port
from tests.workspaces import NOW, take_in, workspace, write

LOGIN = "auditor:not-to-be-seen"


@pytest.fixture
def filled(tmp_path: Path) -> Workspace:
    where = workspace(tmp_path)
    take_in(where, write(tmp_path / "scores.csv", ["C1,R1,technical,4,2024-05-05"]))
    return where


@contextmanager
def api(code: int = 200, version: str = "", seen: list[str] | None = None) -> Iterator[str]:
    """A loopback address that answers as a Prefect API would."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if seen is not None:
                seen.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(version).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def test_a_workspace_in_order_is_well(filled: Workspace) -> None:
    found = {entry["what"]: entry for entry in doctor.examine(filled, NOW + timedelta(days=1))}
    assert [what for what, told in found.items() if not told["ok"]] == []
    wanted = {"room", "lock", "clock", "ledger", "tables", "fonts", "extra cluster", "signing key", "Prefect API"}
    assert wanted <= set(found)
    assert "scores at version 0" in found["tables"]["told"]


def test_before_there_is_a_workspace_nothing_in_it_is_looked_for(tmp_path: Path) -> None:
    found = {entry["what"] for entry in doctor.examine(Workspace(tmp_path / "a" / "b"))}
    assert "room" in found
    assert not found & {"lock", "clock", "ledger", "tables"}


def test_too_little_room_is_told(tmp_path: Path) -> None:
    where = Workspace(tmp_path / "none" / "yet")
    assert doctor_machine.room(where, 1, 1)["ok"]
    little = doctor_machine.room(where, least=10**18)
    assert not little["ok"]
    assert "make room, or move the workspace" in little["told"]


def test_too_few_files_are_told(tmp_path: Path) -> None:
    few = doctor_machine.room(Workspace(tmp_path), least_files=10**18)
    if "more files" not in few["told"]:
        pytest.skip("this file system counts no inodes")
    assert not few["ok"]
    assert "tables are many files" in few["told"]


def test_a_lock_that_is_held_is_no_fault_and_one_that_cannot_be_is(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled.lock_file.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert doctor_workspace.lock(filled) == {
            "what": "lock", "ok": True, "told": "held: another process is writing to the workspace at the moment",
        }  # fmt: skip

    def refuse(*_: Any) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(doctor_workspace.fcntl, "flock", refuse)
    told = doctor_workspace.lock(filled)
    assert not told["ok"]
    assert "No locks available" in told["told"]
    assert "NFS 4" in told["told"]


def test_a_clock_behind_what_is_recorded_is_told(filled: Workspace) -> None:
    assert doctor_workspace.clock(filled, NOW)["ok"]
    assert doctor_workspace.clock(filled, NOW - timedelta(minutes=1))["ok"], "machines differ by a little"
    behind = doctor_workspace.clock(filled, NOW - timedelta(days=400))
    assert not behind["ok"]
    assert f"recorded at {NOW:%Y-%m-%d %H:%M}: set the clock here" in behind["told"]
    later = (NOW + timedelta(days=30)).isoformat()
    attempts.record(filled, attempts.Attempt(scope={"from": None, "to": None, "where": {}}, state="empty", at=later))
    assert not doctor_workspace.clock(filled, NOW)["ok"]


def test_a_changed_chain_is_told(filled: Workspace) -> None:
    assert doctor_workspace.chain(filled)["ok"]
    lines = filled.ledger.read_text().splitlines()
    assert lines, "the ingest has its entry"
    filled.ledger.write_text(lines[0].replace('"number":1', '"number":7') + "\n")
    told = doctor_workspace.chain(filled)
    assert not told["ok"]
    assert "see 'fairpanel verify'" in told["told"]


def test_a_table_that_cannot_be_opened_is_told_and_the_others_are_looked_at(filled: Workspace) -> None:
    shutil.rmtree(Path(tables.path(filled, "scores")) / "_delta_log")
    Path(tables.path(filled, "scores"), "_delta_log").mkdir()
    (Path(tables.path(filled, "scores")) / "_delta_log" / "00000000000000000003.json").write_text("{")
    broken, rest = doctor_workspace.readable(filled)
    assert (broken["what"], broken["ok"]) == ("table scores", False)
    assert "from a backup" in broken["told"]
    assert "batches at version" in rest["told"]


def test_an_extra_is_missed_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor_machine, "find_spec", lambda _: None)
    where = Workspace(tmp_path)
    assert all(told["ok"] for told in doctor_machine.extras(where, {}))
    asked = {"FAIRPANEL_ENGINE": "dask", "FAIRPANEL_LINEAGE": "1"}
    missed = [told["told"] for told in doctor_machine.extras(where, asked) if not told["ok"]]
    assert missed == [
        "FAIRPANEL_ENGINE=dask needs it: pip install 'fairpanel[cluster]'",
        "FAIRPANEL_LINEAGE=1 needs it: pip install 'fairpanel[lineage]'",
    ]
    where.config_file.write_text('format = 1\n[storage]\nlake = "s3://bucket/lake"\n')
    missed = [told["told"] for told in doctor_machine.extras(where, {}) if not told["ok"]]
    assert missed == ["lake in object storage needs it: pip install 'fairpanel[s3]'"]


def test_a_prefect_api_that_fits_is_well_and_gets_the_password() -> None:
    seen: list[str] = []
    ours = metadata.version("prefect")
    with api(version=ours, seen=seen) as url:
        told = doctor_machine.prefect_api({"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": LOGIN})
    assert told == {"what": "Prefect API", "ok": True, "told": f"{url}, Prefect {ours}"}
    assert seen == ["/api/admin/version Basic YXVkaXRvcjpub3QtdG8tYmUtc2Vlbg=="]


@pytest.mark.parametrize(
    ("code", "version", "given", "says"),
    [
        (401, "", {}, "asks for a password (401): set PREFECT_API_AUTH_STRING=user:password"),
        (401, "", {"PREFECT_API_AUTH_STRING": LOGIN}, "PREFECT_API_AUTH_STRING is not what it expects"),
        (403, "", {"PREFECT_API_KEY": LOGIN}, "PREFECT_API_KEY is not what it expects"),
        (404, "", {}, "answers 404: is that the API's address, ending in /api?"),
        (200, "2.20.1", {}, "runs Prefect 2.20.1, here is"),
    ],
)
def test_what_a_prefect_api_answers_is_told(code: int, version: str, given: dict[str, str], says: str) -> None:
    with api(code, version) as url:
        told = doctor_machine.prefect_api({"PREFECT_API_URL": url, **given})
    assert not told["ok"]
    assert says in told["told"]
    assert "not-to-be-seen" not in told["told"]


def test_an_api_that_is_not_there_and_an_address_that_is_none() -> None:
    gone = doctor_machine.prefect_api({"PREFECT_API_URL": f"http://{LOGIN}@127.0.0.1:{free_port()}/api"})
    assert not gone["ok"]
    assert "does not answer (Connection refused): start the server, or unset PREFECT_API_URL" in gone["told"]
    assert "not-to-be-seen" not in gone["told"]
    for wrong in ("file:///etc/hostname", "127.0.0.1:4200", "http://[half"):
        told = doctor_machine.prefect_api({"PREFECT_API_URL": wrong})
        assert not told["ok"]
        assert "is like http://127.0.0.1:4200/api" in told["told"]


def test_the_command_prints_no_secret(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with api(401) as url:
        monkeypatch.setenv("PREFECT_API_URL", url.replace("http://", f"http://{LOGIN}@"))
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", LOGIN)
        assert main(["doctor", "--workspace", str(filled.root), "--json"]) == exit_codes.FAILED
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert [entry["what"] for entry in told["checks"] if not entry["ok"]] == ["Prefect API"]
    assert "not-to-be-seen" not in said.out + said.err


def test_now_is_later_than_anything_recorded_now(filled: Workspace) -> None:
    assert doctor_workspace.clock(filled, datetime.now(UTC))["ok"]
