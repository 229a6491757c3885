"""One command for operation on one machine: a Prefect server, the deployments, a worker and the library of reports, all on
loopback."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from fairpanel import exit_codes, prefect_settings, processes
from fairpanel.config import ConfigError
from fairpanel.guardian import guarded
from fairpanel.prefect_settings import LOOPBACK, PATIENCE
from fairpanel.store.pseudonyms import KEY_VARIABLE
from fairpanel.workspace import Workspace, WorkspaceError

RUNS_AT_ONCE = 2
ENDING = 20.0  # seconds a process is given to end by itself


def serve(folder: Path, port: int, library_port: int | None = None, *, take_over: bool = False) -> int:
    """Start everything, say where it is, and end everything on Ctrl-C, SIGTERM or when one part dies.

    The library of reports stands on library_port: port + 1 if None, nowhere if 0. take_over : whether deployments in a
    database that the environment names may be another workspace's: they are this one's from now on.
    Raises ConfigError where a port is taken, WorkspaceError where the workspace is served already.
    """
    workspace = Workspace(folder).create()
    shelf = port + 1 if library_port is None else library_port
    _require_free(port, "--port")
    if shelf:
        if shelf == port:
            raise ConfigError(f"the server and the library cannot both have port {port}; choose another --library-port")
        _require_free(shelf, "--library-port")
    prefect_settings.adopt(prefect_settings.standing(workspace, port))
    home = prefect_settings.home(workspace)
    home.mkdir(mode=0o700, exist_ok=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    children: dict[str, subprocess.Popen[bytes]] = {}
    runs: set[processes.Identity] = set()
    with _only_one(home), guarded(ENDING):
        try:
            _start(workspace, port, shelf, children, take_over=take_over)
            return _watch(children, runs, home)
        except KeyboardInterrupt:
            _tell("Ending the worker, the library and the server ...")
            return exit_codes.DONE
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            for process in reversed(children.values()):  # the worker before the server it talks to
                processes.end(process, ENDING, runs if process is children.get("worker") else ())


def _start(
    workspace: Workspace, port: int, shelf: int, children: dict[str, subprocess.Popen[bytes]], *, take_over: bool
) -> None:
    home = prefect_settings.home(workspace)
    prefect = [sys.executable, "-m", "prefect"]
    address = f"http://{LOOPBACK}:{port}"
    _tell("Starting the Prefect server (half a minute in a new workspace) ...")
    server = [*prefect, "server", "start", "--host", LOOPBACK, "--port", str(port)]
    children["server"] = processes.start(server, os.environ, home, home / "server.log")
    if shelf:
        library = [sys.executable, "-m", "fairpanel.library_server", str(workspace.root.resolve()), str(shelf)]
        children["library"] = processes.start(library, _without_secrets(KEY_VARIABLE), home, home / "library.log")
    _wait_until(
        "the Prefect server", partial(_healthy, f"{address}/api/health"), children["server"], home / "server.log"
    )
    if shelf:
        _wait_until("the library", partial(_listening, shelf), children["library"], home / "library.log")
    from fairpanel import automations, deployments

    if not take_over and any(name.startswith(prefect_settings.DATABASE) for name in os.environ):
        asyncio.run(deployments.require_unclaimed(workspace, f"{address}/api"))
    interrupted = asyncio.run(deployments.close_interrupted())
    if interrupted:
        _tell(f"{interrupted} runs were cut off when the server last ended; they are marked as crashed.")
    names = asyncio.run(deployments.register(workspace))
    telling = asyncio.run(automations.register(os.environ))
    worker = [*prefect, "worker", "start", "--pool", deployments.POOL, "--type", "process"]
    worker += ["--name", "fairpanel", "--limit", str(RUNS_AT_ONCE)]
    children["worker"] = processes.start(worker, _without_secrets(), home, home / "worker.log")
    _tell(f"User interface  {address}\nAPI             {address}/api\nAPI docs        {address}/docs")
    if shelf:
        _tell(f"Reports         http://{LOOPBACK}:{shelf}\nHealth          http://{LOOPBACK}:{shelf}/health")
    _tell(
        f"Automations     {', '.join(telling) or 'switched off; ' + automations.URL + ' names where they tell people'}"
    )
    logs = ", ".join(str(home / f"{name}.log") for name in children)
    _tell(f"Deployments     {', '.join(names)}\nLogs            {logs}")
    _tell("End with Ctrl-C.")


def _watch(children: dict[str, subprocess.Popen[bytes]], runs: set[processes.Identity], home: Path) -> int:
    """Wait until a child dies (a signal ends the wait as KeyboardInterrupt), and keep track of the worker's runs."""
    while True:
        runs -= {run for run in runs if not processes.alive(run)}
        runs |= processes.descendants(children["worker"].pid)
        for name, process in children.items():
            if process.poll() is not None:
                log = home / f"{name}.log"
                print(f"fairpanel: the {name} ended by itself; {log} says why:\n{_tail(log)}", file=sys.stderr)
                return exit_codes.FAILED
        time.sleep(0.5)


def _wait_until(what: str, ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ConfigError(f"{what} did not start; {log} says why:\n{_tail(log)}")
        if ready():
            return
        time.sleep(0.3)
    raise ConfigError(f"{what} did not answer within {PATIENCE} s; see {log}")


def _healthy(address: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(address, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _listening(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=5):
            return True
    except OSError:
        return False


def _without_secrets(*others: str) -> dict[str, str]:
    """The environment of a process that does not need the server's database, nor these other variables: one that shows
    reports has no business with the pseudonym key."""
    left_out = (*prefect_settings.DATABASE, *others)
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def _require_free(port: int, option: str) -> None:
    if not 1 <= port <= 65535:
        raise ConfigError(f"a port is a number from 1 to 65535, not {port}; choose another with {option}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise ConfigError(
                f"port {port} on {LOOPBACK} cannot be used ({error.strerror}). Choose another with {option}, or end what "
                "uses it."
            ) from None


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Two servers on one database would start every scheduled run twice."""
    with (home / "serve.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorkspaceError(f"'fairpanel serve' runs already for {home.parent}. End it first.") from None
        yield


def _tail(log: Path, lines: int = 5) -> str:
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-lines:])


def _tell(sentence: str) -> None:
    print(sentence, flush=True)
