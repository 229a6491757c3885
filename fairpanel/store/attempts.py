"""What became of the last try at every scope: a working note, not a proof. Deleting the file loses nothing but the note
that a period failed, and the time it takes to look at every scope once more."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fairpanel.store.ledger import canonical
from fairpanel.whole_file import write_whole
from fairpanel.workspace import Workspace

STATES = ("made", "unchanged", "empty", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """scope: from, to, where. state: one of STATES. report_id where there is a report, reason where there is none.
    basis: the tables, configuration and code that were looked at (`fairpanel.pipeline.identity.basis`). at: when, UTC."""

    scope: Mapping[str, Any]
    state: str
    report_id: str | None = None
    reason: str | None = None
    basis: str | None = None
    at: str = ""

    @property
    def key(self) -> str:
        return key(self.scope)


def key(scope: Mapping[str, Any]) -> str:
    """The same text for the same period and conditions."""
    return canonical({name: scope.get(name) for name in ("from", "to")} | {"where": dict(scope.get("where") or {})})


def latest(workspace: Workspace) -> list[Attempt]:
    """The last attempt at every scope, in the order of the first ones."""
    found: dict[str, Attempt] = {}
    for attempt in _read(workspace):
        found[attempt.key] = attempt
    return [*found.values()]


def record(workspace: Workspace, attempt: Attempt) -> None:
    """Add a note: one line in one write, so that processes side by side do not mix theirs."""
    workspace.attempts.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(workspace.attempts, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(handle).st_size
        cut_short = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        os.write(handle, b"\n" * cut_short + canonical(asdict(attempt)).encode() + b"\n")
    finally:
        os.close(handle)


def compact(workspace: Workspace, longest: int = 5000) -> None:
    """Keep the last note of every scope where many have gathered. A note that is added meanwhile may get lost."""
    notes = [*_read(workspace)]
    last = latest(workspace)
    if len(notes) > max(longest, 4 * len(last)):
        write_whole(workspace.attempts, b"".join(canonical(asdict(note)).encode() + b"\n" for note in last))


def _read(workspace: Workspace) -> Iterator[Attempt]:
    if not workspace.attempts.exists():
        return
    for line in workspace.attempts.read_text("utf-8", errors="replace").split("\n"):
        try:
            attempt = Attempt(**json.loads(line))
            known = attempt.state in STATES and bool(attempt.key)
        except (ValueError, TypeError, AttributeError, RecursionError):
            continue  # half a line of a killed process
        if known:
            yield attempt
