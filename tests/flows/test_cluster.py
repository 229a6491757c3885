"""A backfill on Dask gives what one process gives, also when a worker is killed, and tells what was lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fairpanel import bundled, processes
from fairpanel.config import ConfigError, load
from fairpanel.pipeline.backfill import backfill, plan
from fairpanel.pipeline.periods import periods
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.store import attempts, ledger
from fairpanel.store.verification import verify
from fairpanel.workspace import Workspace
from tests.flows.serving import environment, free_port, is_loopback, sockets
from tests.workspaces import take_in, workspace

QUICK = "format = 1\n[audit]\nself_test_replicates = 0\nchain_replicates = 50\ndecision_replicates = 50\n"
RUN = """
import json, os, sys
from pathlib import Path
from fairpanel import prefect_settings
from fairpanel.workspace import Workspace
where = Workspace(Path(sys.argv[1]))
prefect_settings.adopt(prefect_settings.embedded(where) | {k: v for k, v in os.environ.items() if k.startswith("FAIR")})
from prefect.flows import load_flow_from_entrypoint
from fairpanel.parameters import BackfillParameters
backfill = load_flow_from_entrypoint(sys.argv[2])  # by its path, as a Prefect worker does
told = backfill(BackfillParameters(
    workspace=str(where.root), first_month="2024-01-01", last_month="2024-06-30", engine="dask", max_active=2))
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path]:
    """A workspace audited by one process, and a copy of it from before."""
    pytest.importorskip("prefect_dask", reason="the extra 'cluster' is not installed")
    folder = tmp_path_factory.mktemp("cluster")
    simulate(Parameters(candidates=300, interviewers=20, months=6, seed=3), "canonical", folder / "in")
    made = workspace(folder)
    made.config_file.write_text(QUICK)
    take_in(made, folder / "in")
    shutil.copytree(made.root, folder / "before")
    settings = load(made.config_file)
    backfill(made, plan(made, periods("2024-01", "2024-06", "month"), settings), settings)
    return made, folder / "before"


def _files(where: Workspace) -> dict[str, bytes]:
    return {
        path.relative_to(where.reports).as_posix(): path.read_bytes()
        for path in where.reports.rglob("*")
        if path.is_file()
    }


@contextmanager
def _backfill(where: Workspace, **more: str) -> Iterator[subprocess.Popen[str]]:
    entrypoint = f"{bundled.PACKAGE.parent / 'flows' / 'backfill.py'}:backfill"
    with (where.root / "told").open("w") as told:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(where.root), entrypoint], env=environment() | more, text=True,
            stdout=subprocess.PIPE, stderr=told,
        )  # fmt: skip
    family: set[processes.Identity] = set()
    try:
        yield process
    finally:
        family |= processes.descendants(process.pid)
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=90)
        for pid in [member[0] for member in family if processes.alive(member)]:
            os.kill(pid, signal.SIGKILL)


def _results(where: Workspace, process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    written, _ = process.communicate(timeout=600)
    assert process.returncode == 0, (where.root / "told").read_text()
    told: list[dict[str, Any]] = json.loads(written.strip().splitlines()[-1])
    return told


def _same(where: Workspace, one: Workspace, told: list[dict[str, Any]]) -> None:
    assert len(told) == 6
    assert {result["state"] for result in told} <= {"made", "unchanged"}
    assert _files(where) == _files(one)
    assert verify(where) == []
    names = {entry.manifest["report_id"] for entry in ledger.reports(where)}
    assert names == {entry.manifest["report_id"] for entry in ledger.reports(one)}


def _workers(pid: int) -> list[int]:
    found = []
    for member, _ in processes.descendants(pid):
        try:
            if b"spawn_main" in (Path("/proc") / str(member) / "cmdline").read_bytes():
                found.append(member)
        except OSError:
            continue
    return found


@pytest.mark.service
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_two_worker_processes_give_what_one_process_gives(one: tuple[Workspace, Path], tmp_path: Path) -> None:
    made, before = one
    where = Workspace(Path(shutil.copytree(before, tmp_path / "two")))
    listening: set[str] = set()
    most = 0
    over = threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.2):
            most = max(most, len(_workers(process.pid)))
            for pid in [process.pid, *_workers(process.pid)]:
                listening.update(local for local, remote in sockets(pid) if set(remote) == {"0"})

    with _backfill(where) as process:
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            told = _results(where, process)
        finally:
            over.set()
            watcher.join()
    _same(where, made, told)
    assert most >= 2
    assert listening
    assert all(map(is_loopback, listening)), listening


@pytest.mark.service
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_a_killed_worker_costs_its_partition_only(one: tuple[Workspace, Path], tmp_path: Path) -> None:
    made, before = one
    where = Workspace(Path(shutil.copytree(before, tmp_path / "killed")))
    killed: list[int] = []
    with _backfill(where) as process:
        while process.poll() is None and not ledger.reports(where):
            time.sleep(0.1)
        for pid in _workers(process.pid)[:1]:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        assert len(ledger.reports(where)) < 6
        told = _results(where, process)
    assert killed
    _same(where, made, told)


@pytest.mark.service
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_a_partition_whose_workers_die_again_and_again_is_given_up(one: tuple[Workspace, Path], tmp_path: Path) -> None:
    made, before = one
    where = Workspace(Path(shutil.copytree(before, tmp_path / "again")))
    with _backfill(where, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1") as process:
        while process.poll() is None and not ledger.reports(where):
            time.sleep(0.1)
        while process.poll() is None and not any(each.reason == "process killed" for each in attempts.latest(where)):
            for pid in _workers(process.pid):
                os.kill(pid, signal.SIGKILL)
            time.sleep(4)  # a new worker has the next partition by then, and is not done with it
        process.communicate(timeout=600)
    assert process.returncode == 1
    lost = [each for each in attempts.latest(where) if each.reason == "process killed"]
    assert lost
    assert f"{len(lost)} of 6 periods failed" in (where.root / "told").read_text()
    assert len(lost) + len(ledger.reports(where)) == 6
    with _backfill(where) as process:
        told = _results(where, process)
    _same(where, made, told)


@pytest.mark.service
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="ends processes by what /proc says")
def test_workers_of_a_scheduler_that_is_there(one: tuple[Workspace, Path], tmp_path: Path) -> None:
    made, before = one
    where = Workspace(Path(shutil.copytree(before, tmp_path / "external")))
    address = f"tcp://127.0.0.1:{free_port()}"
    port, quiet = address.rpartition(":")[2], {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--host", "127.0.0.1"]
    alone = ["--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--no-dashboard"]
    environ = environment() | {"PREFECT_HOME": str(tmp_path / "prefect")}
    started = [subprocess.Popen([*scheduler, "--no-dashboard"], cwd=tmp_path, env=environ, **quiet)]
    try:
        started += [subprocess.Popen([*worker, *alone], cwd=tmp_path, env=environ, **quiet) for _ in range(2)]
        with _backfill(where, FAIRPANEL_DASK_ADDRESS=address) as process:
            told = _results(where, process)
        assert all(process.poll() is None for process in started), (
            "the scheduler and its workers are not the flow's to end"
        )
    finally:
        for process in started:
            process.kill()  # by SIGTERM a worker was seen to take over a minute
            process.wait(60)
    _same(where, made, told)


def test_what_killed_workers_had_finished_stands(one: tuple[Workspace, Path]) -> None:
    from distributed import KilledWorker

    from fairpanel.pipeline.audit import source
    from fairpanel.pipeline.partitions import sent
    from fairpanel.pipeline.scope import Scope
    from flows.cluster import KILLED, _result

    made, _ = one

    class Lost:
        def result(self, **_: Any) -> Any:
            raise KilledWorker("audit", None, 3)

    spans = [*periods("2024-06", "2024-06", "month"), *periods("2025-01", "2025-01", "month")]
    scopes = [Scope(period=span, where={}) for span in spans]
    given = sent(made, load(made.config_file), source(made))
    finished, failed = _result(Lost(), given, scopes, False)  # type: ignore[arg-type]
    assert finished["state"] == "made"
    assert sum(finished["findings"].values()) > 0, "they are announced"
    assert (made.reports / finished["report_id"]).is_dir()
    assert (failed["state"], failed["reason"]) == ("failed", KILLED)
    assert [(a.state, a.reason) for a in attempts.latest(made)][-1] == ("failed", "process killed")
    again = _result(Lost(), given, scopes[:1], True)  # type: ignore[arg-type]
    assert [result["state"] for result in again] == ["failed"], "it was to be computed once more"


def test_without_dask_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import cluster

    monkeypatch.setattr(cluster, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"needs distributed and prefect_dask: pip install 'fairpanel\[cluster\]'"):
        cluster._runner(2)
