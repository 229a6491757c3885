"""Whether files are as they were recorded: those of reports and those of tables. What the record says comes from the
ledger; nothing here knows its chain."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairpanel.store import objects, tables
from fairpanel.workspace import Workspace
from schemas.columns import COLUMNS

REWRITTEN = "_delta_log/_last_checkpoint"
"""The one file of a table that is not written once: which checkpoint to read first."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Problem:
    """A difference that verification found: in which report, table or line, and what."""

    where: str
    what: str


def locations(workspace: Workspace) -> dict[str, str | Path]:
    """Where the files of each table lie, by the folder that their recorded names begin with (lake/scores)."""
    names = (*COLUMNS, "batches", "quarantine")
    return {
        f"{'restricted' if name in tables.RESTRICTED else 'lake'}/{name}": tables.path(workspace, name)
        for name in names
    }


def listed(workspace: Workspace) -> list[str]:
    """The names of all table files, as they are recorded."""
    return [f"{folder}/{name}" for folder, place in locations(workspace).items() for name in objects.names(place)]


def digests(workspace: Workspace, names: list[str]) -> dict[str, str | None]:
    """SHA-256 of table files by name, None where one is missing; several are read at a time."""
    places = locations(workspace)

    def digest(name: str) -> str | None:
        folder, _, rest = _split(name)
        try:
            return hashlib.sha256(objects.content(places[folder], rest)).hexdigest()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, KeyError):
            return None

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        return dict(zip(names, threads.map(digest, names), strict=True))


def changed_tables(workspace: Workspace, recorded: Mapping[str, str], present: list[str]) -> Iterator[Problem]:
    """Table files that are missing, changed or not recorded; `present` was listed before the record was read, so that a
    file recorded meanwhile is not taken for one that is not."""
    found = digests(workspace, [*recorded])
    for name, digest in found.items():
        if digest != recorded[name]:
            yield Problem(_table(name), f"{name} {'is missing' if digest is None else 'was changed'}")
    for name in present:
        if name not in recorded:
            yield Problem(
                _table(name),
                f"{name} is not recorded; after an interrupted ingest the next one records it, else something else wrote it",
            )


def changed_report(reports: Path, report_id: str, manifest: Mapping[str, Any], written: bytes) -> Iterator[Problem]:
    """Files of one report that are missing, changed or not recorded; `written` is what its manifest.json holds."""
    folder, where = reports / report_id, f"report {report_id}"
    recorded = {Path(name).name: digest for name, digest in dict(manifest.get("files", {})).items()}
    recorded[MANIFEST] = hashlib.sha256(written).hexdigest()
    for name, digest in recorded.items():
        try:
            content = objects.content(folder, name)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            yield Problem(where, f"{name} is missing")
            continue
        if hashlib.sha256(content).hexdigest() != digest:
            yield Problem(where, f"{name} was changed")
    for name in objects.names(folder):
        if name not in recorded:
            yield Problem(where, f"{name} is not recorded: it was put there afterwards")


def unrecorded_reports(reports: Path, recorded: set[str]) -> Iterator[Problem]:
    """Reports that nothing stands for."""
    for report in sorted(reports.glob("[!.]*/report.json")):
        if report.parent.name not in recorded:
            yield Problem(f"report {report.parent.name}", "the ledger has no entry for it; audit its period again")


def _split(name: str) -> tuple[str, str, str]:
    """lake/scores, scores, and the name within the table."""
    area, table, rest = name.split("/", 2) if name.count("/") >= 2 else (name, name, name)
    return f"{area}/{table}", table, rest


def _table(name: str) -> str:
    return f"table {_split(name)[1]}"
