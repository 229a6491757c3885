"""A backfill in whole partitions, for workers on other machines: lists of scopes go out, results come back, and the
tables are read by whoever audits, from storage that all of them share."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairpanel import logs
from fairpanel.config import Config
from fairpanel.pipeline.attempting import attempt, note
from fairpanel.pipeline.audit import Source, findings_of
from fairpanel.pipeline.identity import basis, code_version
from fairpanel.pipeline.scope import Scope
from fairpanel.store import attempts
from fairpanel.store.tables import Held
from fairpanel.workspace import Workspace, WorkspaceError

PARTITIONS_A_WORKER = 4
"""So many can be lost to a killed worker one after another before half of its share is."""
PAUSES = (5.0, 30.0)
"""Seconds before the scopes of a partition whose failure may pass (a full disk, a lock) are tried again."""


class OtherCodeError(RuntimeError):
    """A worker runs other code than the one that sent it work: its reports would have other names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """All that a partition travels with: the workspace's path, table versions, what is to be said of them, configuration,
    the code that planned it, and the run that it is part of. No rows."""

    workspace: Path
    versions: Mapping[str, int]
    notes: tuple[str, ...]
    config: Config
    code: str
    run_id: str | None = None


def sent(workspace: Workspace, config: Config, read: Source) -> Sent:
    """What partitions of a plan travel with."""
    return Sent(
        workspace=workspace.root.resolve(),
        versions=dict(read.pinned.versions),
        notes=read.notes,
        config=config,
        code=code_version(),
        run_id=logs.run_id(),
    )


def partitions(numbers: Sequence[int], workers: int) -> list[list[int]]:
    """Numbers of scopes in consecutive runs of equal length, give or take one: at most four a worker, none of them empty.

    Consecutive scopes are of one period, or of neighbouring ones, and their partition is done before the next begins.
    """
    parts = min(len(numbers), PARTITIONS_A_WORKER * max(workers, 1))
    bounds = [len(numbers) * part // parts for part in range(parts + 1)] if parts else [0]
    return [list(numbers[start:end]) for start, end in itertools.pairwise(bounds)]


def audit_partition(
    given: Sent, scopes: Sequence[Scope], again: bool = False, pauses: Sequence[float] = PAUSES
) -> list[dict[str, Any]]:
    """What became of each scope (`fairpanel.pipeline.attempting.attempt`), in their order.

    Done twice, it makes nothing a second time: what a killed worker had finished comes out unchanged. Raises
    WorkspaceError where the workspace is not on this machine, OtherCodeError where the code here is another one.
    """
    logs.begin(os.environ, given.run_id)
    workspace = Workspace(given.workspace)
    here = socket.gethostname()
    if given.code != code_version():
        raise OtherCodeError(
            f"the worker on {here} runs Fairpanel {code_version()}, the backfill {given.code}: install the same version on "
            "every worker and start them again"
        )
    if not workspace.lake.is_dir():
        raise WorkspaceError(
            f"the worker on {here} finds no workspace in {given.workspace}: mount the shared storage there under this path"
        )
    read = _read(given)
    results = [attempt(workspace, scope, given.config, read, again) for scope in scopes]
    for pause in pauses:
        if not any(result.get("may_pass") for result in results):
            break
        time.sleep(pause)
        results = [
            attempt(workspace, scope, given.config, read, again) if result.get("may_pass") else result
            for scope, result in zip(scopes, results, strict=True)
        ]
    return [{name: value for name, value in result.items() if name != "may_pass"} for result in results]


_HELD: dict[tuple[Path, tuple[tuple[str, int], ...]], Held] = {}
"""In a worker: the tables it read last, kept from one partition to the next."""


def _read(given: Sent) -> Source:
    key = (given.workspace, tuple(sorted(given.versions.items())))
    if key not in _HELD:
        _HELD.clear()  # one backfill at a time in memory
        _HELD[key] = Held(Workspace(given.workspace), given.versions, recorded_only=True)
    return Source(_HELD[key], given.notes)


def lost(given: Sent, scopes: Sequence[Scope], kind: str, reason: str, again: bool = False) -> list[dict[str, Any]]:
    """The results of a partition whose workers did not come back: what the notes say is done stands (not with `again`,
    where it was to be done once more); the others are failed, with the reason, and noted so by its kind."""
    workspace, looked_at = Workspace(given.workspace), basis(given.versions, given.config)
    last = {} if again else {found.key: found for found in attempts.latest(workspace) if found.basis == looked_at}
    results = []
    for scope in scopes:
        told = scope.to_dict()
        found = last.get(attempts.key(told))
        if found is not None and found.state != "failed":
            findings = dict(findings_of(workspace, found.report_id) or {})
            known = {"report_id": found.report_id, "reason": found.reason, "findings": findings}
            results.append(told | {"state": found.state} | known)
            continue
        note(workspace, told, {"state": "failed", "kind": kind}, looked_at)
        results.append(told | {"state": "failed", "reason": reason})
    return results
