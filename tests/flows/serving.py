"""A served workspace as tests see it: started as a user does, spoken to through the REST API, ended by process id."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from fairpanel import bundled, processes

PATIENCE = 240.0
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
LOOPBACK = re.compile(r"0100007F|00000000|0{32}|0{24}01000000|0{16}FFFF00000100007F")


@dataclass
class Served:
    """A running `fairpanel serve`."""

    workspace: Path
    port: int
    process: subprocess.Popen[str]
    api: httpx.Client
    printed: Path
    library: int = 0
    family: set[processes.Identity] = field(default_factory=set)
    remotes: set[str] = field(default_factory=set)
    listening: set[str] = field(default_factory=set)

    def watch(self, stop: threading.Event) -> None:
        """Note every process and every address it talks to, until told to stop."""
        while not stop.is_set():
            self.family |= processes.descendants(self.process.pid)
            for pid in [self.process.pid, *(pid for pid, _ in self.family)]:
                for local, remote in sockets(pid):
                    (self.listening if set(remote) == {"0"} else self.remotes).add(
                        local if set(remote) == {"0"} else remote
                    )
            stop.wait(0.1)

    def ask(self, method: str, place: str, **given: Any) -> Any:
        """The answer's document. 503 says that the database is busy and asks to try again, as Prefect's client does."""
        deadline = time.monotonic() + 60
        while True:
            answer = self.api.request(method, place, **given)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                answer.raise_for_status()
                return answer.json() if answer.content else None
            time.sleep(0.5)

    def deployment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/deployments/name/{name}")
        return found

    def start(self, name: str, **parameters: Any) -> str:
        """Start a run through the API, as a form does; returns its id."""
        deployment = self.deployment(name)
        given = deployment["parameters"]["parameters"] | parameters
        place = f"/deployments/{deployment['id']}/create_flow_run"
        return str(self.ask("POST", place, json={"parameters": {"parameters": given}})["id"])

    def run(self, name: str, **parameters: Any) -> dict[str, Any]:
        """A finished run."""
        return self.wait(self.start(name, **parameters), FINAL)

    def wait(self, run_id: str, states: set[str]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            run: dict[str, Any] = self.ask("GET", f"/flow_runs/{run_id}")
            if run["state"]["type"] in states:
                return run
            time.sleep(0.2)
        raise TimeoutError(f"run {run_id} is {run['state']} after {PATIENCE} s")

    def filtered(self, what: str, **wanted: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("POST", f"/{what}/filter", json=wanted)
        return found

    def end(self, number: int = signal.SIGTERM) -> int:
        self.family |= processes.descendants(self.process.pid)
        self.process.send_signal(number)
        return self.process.wait(90)

    def survivors(self, patience: float) -> set[int]:
        """Processes of the family that are still there after patience seconds."""
        deadline = time.monotonic() + patience
        while (
            left := {member[0] for member in self.family if processes.alive(member)}
        ) and time.monotonic() < deadline:
            time.sleep(0.2)
        return left


@contextmanager
def served(workspace: Path, port: int | None = None, more: Mapping[str, str] | None = None) -> Iterator[Served]:
    """`fairpanel serve` until the end of the block, with more environment; every process is gone afterwards."""
    port = free_port() if port is None else port
    printed = workspace.parent / f"{workspace.name}-{port}.out"
    library = free_port()
    command = [sys.executable, "-m", "fairpanel.cli", "serve", "--workspace", str(workspace)]
    with printed.open("w") as out:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--library-port", str(library)],
            stdout=out, stderr=subprocess.STDOUT, text=True, env=environment() | dict(more or {}),
            cwd=workspace.parent,
        )  # fmt: skip
    stop = threading.Event()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=60, trust_env=False) as api:
        server = Served(workspace, port, process, api, printed, library)
        watcher = threading.Thread(target=server.watch, args=(stop,))
        watcher.start()
        try:
            _wait_until_ready(server)
            yield server
        finally:
            if process.poll() is None:
                server.end()
            stop.set()
            watcher.join()
            left = server.survivors(60)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
    assert left == set(), f"serve left processes {left}"


def _wait_until_ready(server: Served) -> None:
    deadline = time.monotonic() + PATIENCE
    while "End with Ctrl-C" not in server.printed.read_text():
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"serve is not ready: {server.printed.read_text()}")
        time.sleep(0.2)


def workspace_with_samples(folder: Path) -> Path:
    """A folder to serve with the demo's exports in its inbox."""
    (folder / "inbox").mkdir(parents=True)
    for file in bundled.samples().glob("*.csv"):
        shutil.copy(file, folder / "inbox")
    return folder


def environment() -> dict[str, str]:
    """This process's environment without anything that names a Prefect."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "FAIRPANEL_"))}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def sockets(pid: int) -> Iterator[tuple[str, str]]:
    """Local and remote address, in the kernel's hexadecimal, of every internet socket that a process holds."""
    try:
        held = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
        tables = [(Path(f"/proc/{pid}/net") / kind).read_text() for kind in ("tcp", "tcp6", "udp", "udp6")]
    except OSError:
        return
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in held:
                yield fields[1].partition(":")[0], fields[2].partition(":")[0]


def is_loopback(address: str) -> bool:
    return LOOPBACK.fullmatch(address) is not None and set(address) != {"0"}
