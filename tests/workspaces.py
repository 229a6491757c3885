"""Workspaces and small exports for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from fairpanel.config import Config
from fairpanel.pipeline.ingest import Ingested, ingest, plan
from fairpanel.store import tables
from fairpanel.store.pseudonyms import Pseudonyms
from fairpanel.workspace import Workspace

KEY = Pseudonyms(b"a key for tests only, never in use")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
HEADER = "candidate_id,interviewer_id,competency,score,interviewed_at"
SHARED = Path(__file__).resolve().parents[2] / "shared"
SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples"


def workspace(path: Path) -> Workspace:
    return Workspace(path / "workspace").create()


def take_in(
    where: Workspace, *paths: Path, config: Config | None = None, source: str = "auto", now: datetime = NOW
) -> Ingested:
    """Ingest without the batch judge, which is a process of its own and tested by itself."""
    return ingest(plan(where, paths, config or Config(), KEY, None, now, source))


def write(path: Path, rows: Sequence[str], header: str = HEADER, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
    return path


def stored(where: Workspace, table: str) -> pl.DataFrame:
    """A table's rows in a fixed order, without what differs between two equal runs."""
    frame = tables.pin(where).read(table)
    return frame.sort([name for name in frame.columns if frame[name].dtype != pl.Null])
