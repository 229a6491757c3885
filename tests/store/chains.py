"""Small ledgers with report files behind them."""

from __future__ import annotations

from pathlib import Path

from fairpanel.store import ledger
from fairpanel.workspace import Workspace
from tests.workspaces import workspace


def with_reports(path: Path, number: int = 3) -> Workspace:
    """A workspace with this many reports of one file each."""
    where = workspace(path)
    for index in range(number):
        add(where, f"report-{index}", f"the report of the number {index}, 50 years ± 2".encode())
    return where


def add(where: Workspace, name: str, content: bytes) -> ledger.Entry:
    folder = where.reports / name
    folder.mkdir()
    manifest = {"report_id": name, "files": {"report.json": ledger.sha256(content)}, "scope": {"where": {"name": "é"}}}
    (folder / "report.json").write_bytes(content)
    (folder / "manifest.json").write_bytes(ledger.canonical(manifest).encode())
    return ledger.append(where, manifest)
