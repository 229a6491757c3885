"""`fairpanel deploy` against a Prefect API with a password, and automations that tell a webhook."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from fairpanel import exit_codes
from fairpanel.automations import declared, settings
from fairpanel.config import ConfigError
from fairpanel.lost_api import why
from fairpanel.prefect_settings import standing
from fairpanel.workspace import Workspace
from tests.flows.serving import environment, free_port
from tests.flows.tls_front import tls_front

PASSWORD = "auditor:a long word for tests"  # noqa: S105  # of a server that lives as long as a test
service = pytest.mark.service


def _deploy(workspace: Path, address: str, *options: str, **more: str) -> tuple[int, dict[str, Any]]:
    command = ["deploy", "--workspace", str(workspace), "--api-url", address, "--json", *options]
    done = subprocess.run(
        [sys.executable, "-m", "fairpanel.cli", *command],
        env=environment() | {"PREFECT_HOME": str(workspace / "home"), "PREFECT_CLIENT_MAX_RETRIES": "0"} | more,
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("prefect.example.org/api", "is as https://prefect.example.org/api"),
        ("ftp://prefect.example.org/api", "is as https://prefect.example.org/api"),
        ("https://me:secret@prefect.example.org/api", "put it into PREFECT_API_AUTH_STRING"),
    ],
)
def test_an_address_that_cannot_be_one(tmp_path: Path, address: str, says: str) -> None:
    Workspace(tmp_path / "ws").create()
    code, told = _deploy(tmp_path / "ws", address)
    assert code == exit_codes.USAGE
    assert says in told["error"]
    assert "secret" not in told["error"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"FAIRPANEL_NOTIFY_URL": "mailto:me"}, "the address of a webhook"),
        ({"FAIRPANEL_NOTIFY_LEVEL": "terrible"}, "alert, concern, cannot_tell, none_seen, not 'terrible'"),
        ({"FAIRPANEL_EXPORT_DAYS": "0"}, "from 1 to 366"),
    ],
)
def test_settings_of_automations_that_cannot_be_used(given: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        settings(given)


def test_a_level_takes_what_is_graver_along() -> None:
    (trigger,) = [trigger for name, trigger in declared("concern", 2).items() if "verdict" in name]
    assert trigger.match.root == {"fairpanel.worst": ["alert", "concern"]}


def _status(code: int) -> httpx.HTTPStatusError:
    request = httpx.Request("GET", "https://prefect.example.org/api")
    reason = {401: "Unauthorized", 500: "Internal Server Error"}[code]
    return httpx.HTTPStatusError(f"Client error '{code} {reason}'", request=request, response=httpx.Response(code))


def _caused_by(cause: Exception) -> Exception:
    error = RuntimeError("the client gave up")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (_status(401), "wants a password"),
        (_caused_by(_status(401)), "wants a password"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), "certificate of the Prefect API"),
        (httpx.ConnectError("All connection attempts failed"), "does not answer"),
        (_caused_by(httpx.ReadTimeout("")), "does not answer"),
        (RuntimeError("Failed to reach API at https://prefect.example.org/api"), "does not answer"),
    ],
)
def test_what_went_wrong_on_the_way(error: Exception, says: str) -> None:
    sentence = why("https://prefect.example.org/api", error)
    assert sentence is not None
    assert says in sentence
    assert sentence[-1] in ".?"


@pytest.mark.parametrize(
    "error", [ValueError("a mistake of ours"), _status(500), OSError(28, "No space left on device")]
)
def test_another_failure_is_not_explained_away(error: Exception) -> None:
    assert why("https://prefect.example.org/api", error) is None


@contextmanager
def _webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    told: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _guarded_server(folder: Path) -> Iterator[str]:
    folder.mkdir()
    port = free_port()
    own = standing(Workspace(folder), port, environment()) | {"PREFECT_SERVER_API_AUTH_STRING": PASSWORD}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, env=own, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{port}/api/health", trust_env=False, timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/api"
    finally:
        server.terminate()
        server.wait(60)


FAILING = """
from prefect import flow, tags

@flow
def failing():
    raise ValueError("on purpose")

with tags("fairpanel"):
    failing(return_state=True)
from flows.announcing import announce_report
@flow
def telling():
    announce_report("2024-01-01_2024-02-01_0123456789ab", {"alert": 1, "concern": 2})
    announce_report("2024-02-01_2024-03-01_0123456789ab", {"concern": 2})
telling()
"""


@service
@pytest.mark.timeout(600)
def test_deployed_with_a_password_and_the_automations_tell(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "ws").create().root
    with _guarded_server(tmp_path / "server") as address, _webhook() as (hook, told):
        code, refused = _deploy(workspace, address)
        assert code == exit_codes.USAGE
        assert "wants a password" in refused["error"]
        known = {"PREFECT_API_AUTH_STRING": PASSWORD, "PREFECT_CLIENT_MAX_RETRIES": "5"}  # its database may be busy
        code, quiet = _deploy(workspace, address, **known)
        assert "automations" in quiet, quiet
        assert (code, quiet["automations"]) == (exit_codes.DONE, [])
        assert len(quiet["deployments"]) == 6
        code, loud = _deploy(workspace, address, FAIRPANEL_NOTIFY_URL=hook, **known)
        assert code == exit_codes.DONE
        assert len(loud["automations"]) == 3
        second = Workspace(tmp_path / "second").create().root
        code, claimed = _deploy(second, address, **known)
        assert code == exit_codes.USAGE
        assert f"for the workspace {workspace}" in claimed["error"]
        assert _deploy(second, address, "--take-over", **known)[0] == exit_codes.DONE
        assert _deploy(workspace, address, **known)[0] == exit_codes.USAGE
        assert _deploy(workspace, address, "--take-over", **known)[0] == exit_codes.DONE
        again = _deploy(workspace, address, FAIRPANEL_NOTIFY_URL=hook, **known)[1]
        assert again["automations"] == loud["automations"]
        with httpx.Client(base_url=address, auth=tuple(PASSWORD.split(":")), trust_env=False) as api:  # type: ignore[arg-type]
            assert api.post("/automations/count").json() == 3
        time.sleep(5)  # the server looks for new triggers every few seconds
        own = environment() | known | {"PREFECT_API_URL": address, "PREFECT_HOME": str(tmp_path / "home")}
        subprocess.run(
            [sys.executable, "-c", FAILING], env=own, cwd=Path.cwd(), timeout=180, check=True, capture_output=True
        )
        deadline = time.monotonic() + 60
        while len(told) < 2 and time.monotonic() < deadline:
            time.sleep(0.5)
    names = sorted(entry["automation"] for entry in told)
    assert names == ["Fairpanel: a run failed", "Fairpanel: a verdict of alert or graver"]
    (verdict,) = [entry for entry in told if "verdict" in entry["automation"]]
    assert verdict["resource"] == "fairpanel.report.2024-01-01_2024-02-01_0123456789ab"


LATE = """
import asyncio, sys
from datetime import timedelta
from prefect.client.orchestration import get_client
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import AutomationCore
from fairpanel import automations

async def register():
    (trigger,) = [each for name, each in automations.declared("alert", 2).items() if name.endswith("late")]
    soon = trigger.model_copy(update={"within": timedelta(seconds=10)})  # days in use
    async with get_client() as client:
        block = await automations._block(client, sys.argv[1])
        action = CallWebhook(block_document_id=block, payload='{"automation": "{{ automation.name }}"}')
        await client.create_automation(AutomationCore(name="late", trigger=soon, actions=[action]))

asyncio.run(register())
"""


@service
@pytest.mark.timeout(300)
def test_an_export_that_does_not_come_is_told(tmp_path: Path) -> None:
    with _guarded_server(tmp_path / "server") as address, _webhook() as (hook, told):
        own = environment() | {"PREFECT_API_AUTH_STRING": PASSWORD, "PREFECT_API_URL": address}
        own |= {"PREFECT_HOME": str(tmp_path / "home")}
        command = [sys.executable, "-c", LATE, hook]
        subprocess.run(command, env=own, cwd=Path.cwd(), timeout=180, check=True, capture_output=True)
        deadline = time.monotonic() + 90
        while not told and time.monotonic() < deadline:
            time.sleep(0.5)
    assert told[:1] == [{"automation": "late"}]


@service
@pytest.mark.timeout(300)
def test_prefect_itself_takes_the_declarations(tmp_path: Path) -> None:
    """As the documentation says for those who edit prefect.yaml themselves."""
    root = Path(__file__).resolve().parents[2]
    with _guarded_server(tmp_path / "server") as address:
        own = environment() | {"PREFECT_API_AUTH_STRING": PASSWORD, "PREFECT_API_URL": address}
        own |= {"PREFECT_HOME": str(tmp_path / "home"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        for command in (["work-pool", "create", "fairpanel", "--type", "process"], ["--no-prompt", "deploy", "--all"]):
            done = subprocess.run(
                [sys.executable, "-m", "prefect", *command], env=own, cwd=root, timeout=180, check=False,
                capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
        with httpx.Client(base_url=address, auth=tuple(PASSWORD.split(":")), trust_env=False) as api:  # type: ignore[arg-type]
            found = {entry["name"]: entry for entry in api.post("/deployments/filter", json={}).json()}
    assert len(found) == 6
    assert all(entry["concurrency_options"]["collision_strategy"] == "ENQUEUE" for entry in found.values())


@service
@pytest.mark.timeout(300)
def test_deployed_through_a_proxy_that_speaks_tls(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "ws").create().root
    with _guarded_server(tmp_path / "server") as plain:
        port = int(plain.removesuffix("/api").rpartition(":")[2])
        with tls_front(tmp_path, port) as (address, certificate):
            password = {"PREFECT_API_AUTH_STRING": PASSWORD}
            code, unknown = _deploy(workspace, address, **password)
            assert code == exit_codes.USAGE
            assert "certificate of the Prefect API" in unknown["error"]
            trusted = {"PREFECT_API_SSL_CERT_FILE": str(certificate)}
            code, nobody = _deploy(workspace, address, **trusted)
            assert code == exit_codes.USAGE
            assert "wants a password" in nobody["error"]
            code, done = _deploy(workspace, address, **password, **trusted)
            assert code == exit_codes.DONE, done
            assert len(done["deployments"]) == 6
        with httpx.Client(base_url=plain, auth=tuple(PASSWORD.split(":")), trust_env=False) as api:  # type: ignore[arg-type]
            assert api.post("/deployments/count").json() == 6


@service
def test_an_api_that_is_not_there(tmp_path: Path) -> None:
    Workspace(tmp_path / "ws").create()
    code, told = _deploy(tmp_path / "ws", f"http://127.0.0.1:{free_port()}/api")
    assert code == exit_codes.USAGE
    assert "does not answer" in told["error"]
