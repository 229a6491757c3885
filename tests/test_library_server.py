"""The library's server as a browser, a monitor and an attacker meet it: in this process, on a free port of loopback."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fairpanel import __version__, library_server
from fairpanel.library_server import Server
from fairpanel.store import attempts, ledger
from fairpanel.store.attempts import Attempt
from fairpanel.workspace import Workspace
from tests.test_library import JANUARY, put
from tests.workspaces import workspace

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    found = workspace(tmp_path)
    put(found, "first")
    return found


@pytest.fixture
def port(where: Workspace) -> Iterator[int]:
    with Server(where, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_the_page_and_the_files_that_the_ledger_names(port: int) -> None:
    status, headers, page = ask(port, "/")
    assert status == 200
    assert b"./first/report.html" in page
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    status, headers, report = ask(port, "/first/report.html")
    assert (status, report) == (200, b"<title>first</title>")
    assert ask(port, "/first/report.json")[1]["Content-Type"].startswith("application/json")


def test_every_answer_forbids_the_browser_what_reports_do_not_need(port: int) -> None:
    for path in ("/", "/first/report.html", "/nothing", "/health"):
        headers = ask(port, path)[1]
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert ("script-src 'sha256-" in policy) is (path == "/")
        assert "frame-ancestors 'none'" in policy
        assert "Python" not in headers["Server"]


@pytest.mark.parametrize(
    "path",
    [
        "/first/manifest.json", "/first/other.html", "/first/", "/first", "/second/report.html", "/first/.hidden",
        "/../fairpanel.toml", "/first/../../ledger/ledger.jsonl", "/first/%2e%2e%2f%2e%2e%2ffairpanel.toml",
        "/%2e%2e/fairpanel.toml", "/first//report.html", "/./first/report.html",
        "/first/report.html/", "/first\\report.html", "/first/report.html%00", "/index.html/..", "/secrets/pseudonym.key",
        "/first/report.html%0d%0aX:y", "/%ff", "/first/link.html",
    ],
)  # fmt: skip
def test_nothing_else_can_be_asked_for(where: Workspace, port: int, path: str) -> None:
    for name in ("manifest.json", "other.html", ".hidden"):
        (where.reports / "first" / name).write_text("not named")
    (where.reports / "second").mkdir()
    (where.reports / "second" / "report.html").write_text("not in the ledger")
    status, _, content = ask(port, path)
    assert status in (400, 404)
    assert b"not " not in content.replace(b"Not Found", b"")


def test_a_link_out_of_the_folder_is_not_followed(where: Workspace, port: int) -> None:
    (where.reports / "first" / "public.html").unlink()
    (where.reports / "first" / "public.html").symlink_to(where.ledger)
    assert ask(port, "/first/public.html")[0] == 404
    (where.reports / "first" / "report.html").unlink()
    assert ask(port, "/first/report.html")[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4201", "127.0.0.1.evil.example", "", "localhost@evil"])
def test_a_name_that_leads_here_from_elsewhere_is_refused(port: int, host: str) -> None:
    status, _, content = ask(port, "/", Host=host)
    assert status == 421
    assert b"first" not in content


@pytest.mark.parametrize("host", ["localhost", "localhost:9", "127.0.0.1:80", "[::1]:4201"])
def test_a_tunnel_may_have_another_port(port: int, host: str) -> None:
    assert ask(port, "/health", Host=host)[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_only_reading_is_possible(port: int, method: str) -> None:
    status, headers, _ = ask(port, "/first/report.html", method)
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"
    status, headers, content = ask(port, "/first/report.html", "HEAD")
    assert (status, headers["Content-Length"], content) == (200, "20", b"")


def test_the_page_is_fresh_when_ledger_or_attempts_changed(where: Workspace, port: int) -> None:
    assert b"./second/" not in ask(port, "/")[2]
    assert ask(port, "/second/report.html")[0] == 404
    put(where, "second")
    assert b"./second/report.html" in ask(port, "/")[2]
    assert ask(port, "/second/report.html")[0] == 200
    attempts.record(where, Attempt(scope=JANUARY, state="failed", reason="full disk"))
    assert b"full disk" in ask(port, "/")[2]


def test_health_tells_what_a_monitor_needs_and_no_more(where: Workspace, port: int) -> None:
    status, _, content = ask(port, "/health")
    told = json.loads(content)
    last = ledger.entries(where)[-1]
    assert status == 200
    assert told.pop("disk_free_bytes") > 0
    assert told == {
        "status": "ok", "ledger_entries": 1, "ledger": "ok", "last_entry": {"number": 1, "hash": last.hash},
        "prefect": "none", "version": __version__,
    }  # fmt: skip


def test_health_is_503_where_something_is_wrong(where: Workspace, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free.getsockname()[1]}/api")
    status, _, content = ask(port, "/health")
    assert (status, json.loads(content)["prefect"]) == (503, "unreachable")
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.setattr(library_server, "LEAST_FREE", 10**18)
    status, _, content = ask(port, "/health")
    assert (status, json.loads(content)["status"]) == (503, "not ok")
    monkeypatch.undo()
    with where.ledger.open("a") as chain:
        chain.write("not an entry\n")
    status, _, content = ask(port, "/health")
    assert (status, json.loads(content)["ledger"]) == (503, "unreadable")


def test_health_asks_the_prefect_api(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/health" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name that it has
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as api:
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{api.server_address[1]}/api")
        status, _, content = ask(port, "/health")
        api.shutdown()
        thread.join()
    assert (status, json.loads(content)["prefect"]) == (200, "ok")


def test_it_ends_when_told_to(where: Workspace, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    command = [sys.executable, "-m", "fairpanel.library_server", str(where.root), str(free)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PREFECT_API_URL": ""})
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                assert ask(free, "/health")[0] == 200
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert (tmp_path / "log").read_text() == ""
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
