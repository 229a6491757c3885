"""The ledger: one line an audit, each chained to the one before, so that nothing can be changed or left out unseen.

A line's hash covers its manifest and the hash of the line before it. `verify` recomputes every hash, of the chain and of
the report files that it names.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairpanel.workspace import Workspace

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit: its number from 1, the hash of the entry before, its manifest, its own hash."""

    number: int
    previous: str
    manifest: Mapping[str, Any]
    hash: str

    def to_line(self) -> str:
        return canonical(
            {"number": self.number, "previous": self.previous, "manifest": self.manifest, "hash": self.hash}
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """A difference that verification found: in which report or line, and what."""

    where: str
    what: str


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal content, equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hash(number: int, previous: str, manifest: Mapping[str, Any]) -> str:
    return sha256(canonical({"number": number, "previous": previous, "manifest": manifest}).encode())


def entries(workspace: Workspace) -> list[Entry]:
    """The whole chain, oldest first. A line cut short by a killed process is no entry: its audit was never recorded."""
    return [entry for entry, problem in _lines(workspace) if entry is not None and problem is None]


def _lines(workspace: Workspace) -> Iterator[tuple[Entry | None, str | None]]:
    if not workspace.ledger.exists():
        return
    text = workspace.ledger.read_text(encoding="utf-8", errors="replace")
    for line in text.split("\n"):
        if not line:
            continue
        try:
            content = json.loads(line)
            entry = Entry(content["number"], content["previous"], content["manifest"], content["hash"])
            _check(entry)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            yield None, "a line is not readable"
            continue
        yield entry, None


def _check(entry: Entry) -> None:
    """Raises TypeError or KeyError where this is no entry, whatever its hash says."""
    texts = (entry.previous, entry.hash, entry.manifest["report_id"], *entry.manifest["files"].values())
    if type(entry.number) is not int or not all(isinstance(text, str) for text in texts):
        raise TypeError


def append(workspace: Workspace, manifest: Mapping[str, Any]) -> Entry:
    """Adds an entry and makes sure it is on disk. Call it under the workspace's lock."""
    chain = entries(workspace)
    previous = chain[-1].hash if chain else GENESIS
    number = chain[-1].number + 1 if chain else 1
    entry = Entry(number, previous, manifest, _hash(number, previous, manifest))
    workspace.ledger.parent.mkdir(parents=True, exist_ok=True)
    _drop_unfinished_line(workspace.ledger)
    with workspace.ledger.open("a", encoding="utf-8") as file:
        file.write(entry.to_line() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return entry


def _drop_unfinished_line(path: Path) -> None:
    """A process killed while writing leaves half a line at the end; it was never an entry."""
    if not path.exists():
        return
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def verify(workspace: Workspace, report_id: str | None = None) -> list[Problem]:
    """Everything that differs from what the ledger recorded; an empty list where nothing does.

    With a report_id only that report's files are read; the chain is checked whole in any case.
    """
    problems: list[Problem] = []
    previous = GENESIS
    expected = 1
    found = False
    for entry, unreadable in _lines(workspace):
        if entry is None:
            problems.append(Problem(f"ledger line {expected}", unreadable or "not readable"))
            expected += 1
            continue
        where = f"ledger entry {entry.number}"
        if entry.number != expected:
            problems.append(Problem(where, f"entry {expected} was expected here: entries are missing or out of order"))
        if entry.previous != previous:
            problems.append(Problem(where, "it does not continue the entry before it"))
        if entry.hash != _hash(entry.number, entry.previous, entry.manifest):
            problems.append(Problem(where, "its content was changed"))
        previous, expected = entry.hash, entry.number + 1
        if report_id is None or entry.manifest.get("report_id") == report_id:
            found = True
            problems += _changed_files(workspace, entry)
    if report_id is None:
        problems += _unrecorded(workspace)
    elif not found:
        problems.append(Problem(report_id, "the ledger knows no such report"))
    return problems


def _unrecorded(workspace: Workspace) -> Iterator[Problem]:
    recorded = {entry.manifest["report_id"] for entry in entries(workspace)}
    for report in sorted(workspace.reports.glob("[!.]*/report.json")):
        if report.parent.name not in recorded:
            yield Problem(f"report {report.parent.name}", "the ledger has no entry for it; audit its period again")


def _changed_files(workspace: Workspace, entry: Entry) -> Iterator[Problem]:
    folder = workspace.reports / str(entry.manifest.get("report_id"))
    for name, recorded in dict(entry.manifest.get("files", {})).items():
        path = folder / Path(name).name
        if not path.is_file():
            yield Problem(f"report {folder.name}", f"{name} is missing")
        elif sha256(path.read_bytes()) != recorded:
            yield Problem(f"report {folder.name}", f"{name} was changed")
