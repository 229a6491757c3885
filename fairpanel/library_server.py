"""The library of reports over HTTP, on loopback: the page, the files that the ledger names, and whether all is well.

    python -m fairpanel.library_server WORKSPACE PORT

Read-only. Nothing else of the workspace can be asked for, and no page of somebody else's can ask through a name of its own
that leads to this machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import threading
import urllib.request
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from fairpanel import __version__
from fairpanel.library import Library, files, stamp
from fairpanel.store import ledger
from fairpanel.workspace import Workspace
from reports.library import NAME, POLICY, script_source

LOOPBACK = "127.0.0.1"
OWN_NAMES = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.I)
LEAST_FREE = 100_000_000  # bytes; under it no audit of any size can be written
SILENCE = 30.0  # seconds after which a connection that says nothing is closed
PREFECT_PATIENCE = 3.0
TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json; charset=utf-8"}
WITHOUT_SCRIPT = POLICY.format(scripts="'none'")
OWN_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class Shown:
    """What the server shows, made anew only when ledger or attempts have changed."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._library = Library(workspace)
        self._lock = threading.Lock()
        self._page: tuple[Any, bytes] | None = None
        self._named: tuple[Any, dict[tuple[str, str], Path]] | None = None

    def page(self) -> bytes:
        with self._lock:
            now = self._library.stamp()
            if self._page is None or self._page[0] != now:
                self._page = (now, self._library.page().encode())
            return self._page[1]

    def file(self, report: str, name: str) -> Path | None:
        """The file of a report, if the ledger names both."""
        with self._lock:
            now = stamp(self.workspace.ledger)
            if self._named is None or self._named[0] != now:
                found = {
                    (str(entry.manifest["report_id"]), file): path
                    for entry in ledger.reports(self.workspace)
                    for file, path in files(self.workspace, entry).items()
                }
                self._named = (now, found)
            return self._named[1].get((report, name))

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether reports can be read and made, and what that was judged by. Says nothing about what is in them."""
        broken = False
        last: dict[str, Any] | None = None
        chain: list[ledger.Entry] = []
        try:
            chain = ledger.entries(self.workspace)
            lines = self.workspace.ledger.read_bytes().count(b"\n") if self.workspace.ledger.exists() else 0
            broken = lines > len(chain)
        except OSError:
            broken = True
        if chain:
            last = {"number": chain[-1].number, "hash": chain[-1].hash}
        prefect, free = prefect_state(), shutil.disk_usage(self.workspace.root).free
        well = not broken and prefect != "unreachable" and free >= LEAST_FREE
        return well, {
            "status": "ok" if well else "not ok",
            "ledger_entries": len(chain),
            "ledger": "unreadable" if broken else "ok",
            "last_entry": last,
            "prefect": prefect,
            "disk_free_bytes": free,
            "version": __version__,
        }


def prefect_state() -> str:
    """ok, unreachable, or none where no API is configured."""
    api = os.environ.get("PREFECT_API_URL", "")
    if not api.startswith(("http://", "https://")):
        return "none"
    direct = urllib.request.ProxyHandler({}) if urlsplit(api).hostname == LOOPBACK else urllib.request.ProxyHandler()
    try:
        with urllib.request.build_opener(direct).open(f"{api.rstrip('/')}/health", timeout=PREFECT_PATIENCE):
            return "ok"
    except (OSError, ValueError):
        return "unreachable"


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    server: Server
    server_version = "Fairpanel"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = SILENCE
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = "text/plain; charset=utf-8"

    def do_GET(self) -> None:
        if not OWN_NAMES.fullmatch(self.headers.get("Host", "")):
            self.close_connection = True
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "Ask for this server by 127.0.0.1 or localhost")
            return
        try:
            path = unquote(urlsplit(self.path).path, errors="strict")
        except (ValueError, UnicodeDecodeError):
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        if path in ("/", "/index.html"):
            policy = POLICY.format(scripts=script_source())
            self._answer(HTTPStatus.OK, self.server.shown.page(), TYPES[".html"], policy)
        elif path == "/health":
            well, told = self.server.shown.health()
            status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, (json.dumps(told) + "\n").encode(), TYPES[".json"])
        else:
            self._file(path)

    do_HEAD = do_GET

    def _file(self, path: str) -> None:
        parts = path.split("/")
        found = None
        if len(parts) == 3 and not parts[0] and all(NAME.fullmatch(part) for part in parts[1:]):
            found = self.server.shown.file(parts[1], parts[2])
        content = None if found is None or found.suffix not in TYPES or found.is_symlink() else _content(found)
        if found is None or content is None:
            self.send_error(HTTPStatus.NOT_FOUND, "No such report here")
            return
        self._answer(HTTPStatus.OK, content, TYPES[found.suffix])

    def _answer(self, status: HTTPStatus, content: bytes, kind: str, policy: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self._policy = policy
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    _policy = ""

    def end_headers(self) -> None:
        """Every answer, errors too, carries what a browser must not do with it."""
        for name, value in OWN_HEADERS.items():
            self.send_header(name, value)
        common = "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        self.send_header("Content-Security-Policy", f"{self._policy or WITHOUT_SCRIPT}; {common}")
        self._policy = ""
        super().end_headers()

    def _not_allowed(self) -> None:
        self.close_connection = True
        self.send_response(HTTPStatus.METHOD_NOT_ALLOWED)
        self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _not_allowed

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if not (self.path == "/health" and code == HTTPStatus.OK):  # a monitor asks every few seconds
            super().log_request(code, size)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


class Server(ThreadingHTTPServer):
    """On 127.0.0.1 only; a thread each connection."""

    daemon_threads = True

    def __init__(self, workspace: Workspace, port: int) -> None:
        self.shown = Shown(workspace)
        super().__init__((LOOPBACK, port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no news; anything else goes to the log."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def main(workspace: str, port: str) -> int:
    """Serve until SIGTERM or SIGINT."""
    with Server(Workspace(Path(workspace)), int(port)) as server:

        def stop(_number: int, _frame: object) -> None:
            threading.Thread(target=server.shutdown).start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        server.serve_forever(poll_interval=0.2)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
