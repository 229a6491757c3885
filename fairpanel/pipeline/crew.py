"""Processes that audit side by side: each holds the tables in memory and takes one scope after another.

A process that is killed takes nothing along: what was being audited beside it cannot tell which of them it was, so each is
audited once more in a process of its own, one after another. A scope under which that one dies too is given up as failed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any

from fairpanel import logs
from fairpanel.config import Config
from fairpanel.pipeline.attempting import attempt, note
from fairpanel.pipeline.audit import Source
from fairpanel.pipeline.identity import basis
from fairpanel.pipeline.scope import Scope
from fairpanel.store.tables import Held, Pinned
from fairpanel.workspace import Workspace

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
ENVIRONMENT = ONE_THREAD | {"_RJEM_MALLOC_CONF": "dirty_decay_ms:30000,muzzy_decay_ms:30000"}
"""Of a process beside others. Polars' allocator by itself gives memory back after half a second, only to ask for it again
with the next audit."""


class Crew:
    """A number of processes, or none for the work of one at a time. Use it as a context; `audit` may be called from
    several threads at once, at most as many as there are processes."""

    def __init__(self, workspace: Workspace, config: Config, read: Source, size: int) -> None:
        self._given = (workspace, config, read)
        plain = Pinned(workspace, read.pinned.versions, recorded_only=True)
        self._sent = (workspace, config, Source(plain, read.notes))  # without what is held in memory here
        self._size = size
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._alone = threading.Lock()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def audit(self, scope: Scope, again: bool = False) -> dict[str, Any]:
        """What became of one scope (`fairpanel.pipeline.attempting.attempt`)."""
        workspace, config, read = self._given
        if self._size == 1:
            return attempt(workspace, scope, config, read, again)
        pool = self._running()
        try:
            return pool.submit(_attempt, scope, again).result()
        except BrokenProcessPool:
            self._drop(pool)
        with self._alone, self._started(1) as alone:
            try:
                return alone.submit(_attempt, scope, again).result()
            except BrokenProcessPool:
                return self._given_up(scope)

    def _given_up(self, scope: Scope) -> dict[str, Any]:
        workspace, config, read = self._given
        reason = "the process that audited it was killed, also where it was alone: is there memory enough?"
        outcome = {"state": "failed", "reason": reason, "kind": "process killed"}
        note(workspace, scope.to_dict(), outcome, basis(read.pinned.versions, config))
        return scope.to_dict() | {"state": "failed", "reason": reason}

    def _running(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = self._started(self._size)
            return self._pool

    def _started(self, size: int) -> ProcessPoolExecutor:
        with _environment(ENVIRONMENT):
            context = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(size, context, _begin, (*self._sent, logs.run_id()))
            for _ in range(size):  # started now, under this environment
                pool.submit(os.getpid)
        return pool

    def _drop(self, broken: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is broken:
                self._pool = None
                broken.shutdown(wait=False)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_GIVEN: list[tuple[Workspace, Config, Source]] = []
"""In a process of the crew: what it was given at its start."""


def _begin(workspace: Workspace, config: Config, read: Source, run_id: str | None) -> None:
    logs.begin(os.environ, run_id)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent: what is being audited is finished
    held = Held(workspace, read.pinned.versions, recorded_only=True)
    _GIVEN[:] = [(workspace, config, Source(held, read.notes))]
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed outright cannot end its processes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _attempt(scope: Scope, again: bool) -> dict[str, Any]:
    ((workspace, config, read),) = _GIVEN
    return attempt(workspace, scope, config, read, again)
