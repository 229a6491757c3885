"""What is kept for how long: refused rows, and table files that only earlier versions need.

    delete rows -> list files -> record what goes -> remove it -> record the tables' own log

What goes is recorded before it goes: verification never takes it for lost. A run that was killed in between leaves files
that nothing records; the next one takes them along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import polars as pl
from deltalake import DeltaTable

from fairpanel.config import RetentionConfig
from fairpanel.pipeline.ingest import exclusive
from fairpanel.storage import reached
from fairpanel.store import ledger, objects, tables
from fairpanel.store.sealing import recorded, seal
from fairpanel.workspace import Workspace

QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """rows: refused rows that went. files: table files with their recorded hashes (of a dry run without those of the refused
    rows themselves). reports: those that cannot be recomputed any more from now on."""

    rows: int = 0
    files: Mapping[str, str | None] = field(default_factory=dict)
    reports: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {"quarantined_rows": self.rows, "files": sorted(self.files), "reports": list(self.reports)}


def retain(workspace: Workspace, config: RetentionConfig, now: datetime, dry_run: bool = False) -> Removed:
    """Remove what is older than it is kept; with dry_run only say what that is."""
    with exclusive(workspace):
        old = _old_batches(workspace, config, now)
        rows = tables.pin(workspace).read(QUARANTINE, ["batch_id"]) if old else pl.DataFrame({"batch_id": []})
        gone = rows.filter(pl.col("batch_id").is_in(old)) if old else rows
        if gone.height and not dry_run:
            names = ", ".join(f"'{name}'" for name in sorted(set(gone["batch_id"])))
            with reached(tables.path(workspace, QUARANTINE)):
                _opened(workspace, QUARANTINE).delete(f"batch_id in ({names})")
        if not dry_run:
            seal(workspace)
        doomed = {table: _doomed(workspace, table, hours) for table, hours in _windows(workspace, config).items()}
        doomed = {table: files for table, files in doomed.items() if files}
        known = recorded(workspace)
        names = {f"{_folder(table)}/{name}" for table, files in doomed.items() for name in files}
        removed = Removed(
            rows=gone.height,
            files={name: known.get(name) for name in sorted(names)},
            reports=tuple(_lost(workspace, doomed)),
        )
        if dry_run or not (removed.rows or removed.files):
            return removed
        ledger.append(workspace, _manifest(removed, config))
        for table in doomed:
            _vacuum(workspace, table, _windows(workspace, config)[table], dry_run=False)
        seal(workspace)
        return removed


def _manifest(removed: Removed, config: RetentionConfig) -> dict[str, Any]:
    return {
        "kind": ledger.RETENTION,
        "removed": {name: digest or "" for name, digest in removed.files.items()},
        "quarantined_rows": removed.rows,
        "reports": list(removed.reports),
        "configuration": config.model_dump(mode="json"),
    }


def _old_batches(workspace: Workspace, config: RetentionConfig, now: datetime) -> list[str]:
    """Batches whose refused rows have been kept for long enough."""
    if config.keep_quarantine_days is None:
        return []
    batches = tables.pin(workspace).read("batches", ["batch_id", "ingested_at"])
    limit = now - timedelta(days=config.keep_quarantine_days)
    return batches.filter(pl.col("ingested_at") < limit)["batch_id"].to_list()


def _windows(workspace: Workspace, config: RetentionConfig) -> dict[str, int]:
    """For how many hours each table keeps the files of earlier versions; tables that keep all of them are left out."""
    found: dict[str, int] = {}
    for table in tables.pin(workspace).versions:
        if config.table_history_days is not None:
            found[table] = config.table_history_days * 24
    if config.keep_quarantine_days is not None and QUARANTINE in tables.pin(workspace).versions:
        found[QUARANTINE] = 0  # what was deleted is not to lie there as an earlier version; no audit reads it
    return found


def _doomed(workspace: Workspace, table: str, hours: int) -> list[str]:
    """The files that would go; the log goes on naming those that went before."""
    there = set(objects.names(tables.path(workspace, table)))
    return [name for name in _vacuum(workspace, table, hours, dry_run=True) if name in there]


def _vacuum(workspace: Workspace, table: str, hours: int, *, dry_run: bool) -> list[str]:
    with reached(tables.path(workspace, table)):
        stored = _opened(workspace, table)
        files = stored.vacuum(retention_hours=hours, enforce_retention_duration=False, dry_run=dry_run)
    return [unquote(name) for name in files]


def _lost(workspace: Workspace, doomed: Mapping[str, Sequence[str]]) -> list[str]:
    """Reports that read one of these files."""
    needs: dict[tuple[str, int], bool] = {}
    found = []
    for entry in ledger.reports(workspace):
        for table, version in dict(entry.manifest.get("table_versions", {})).items():
            if table == QUARANTINE or table not in doomed:
                continue
            key = (table, int(version))
            if key not in needs:
                uris = _opened(workspace, table, key[1]).file_uris()
                needs[key] = any(unquote(uri).endswith(tuple(doomed[table])) for uri in uris)
            if needs[key]:
                found.append(str(entry.manifest["report_id"]))
                break
    return found


def _opened(workspace: Workspace, table: str, version: int | None = None) -> DeltaTable:
    found = tables.opened(workspace, table, version)
    if found is None:
        raise tables.TableDamagedError(table, tables.path(workspace, table), "it is gone")
    return found


def _folder(table: str) -> str:
    return f"{'restricted' if table in tables.RESTRICTED else 'lake'}/{table}"
