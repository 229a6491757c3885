"""The doctor on a workspace that exists: lock, clock, ledger and tables. Nothing is changed."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from fairpanel.checks import check
from fairpanel.store import attempts, ledger, tables, verification
from fairpanel.workspace import Workspace
from fairpanel.workspace_error import WorkspaceError
from schemas.columns import COLUMNS

SLACK = timedelta(minutes=2)
"""Clocks of machines that share a workspace may differ by so much."""


def lock(workspace: Workspace) -> dict[str, Any]:
    """Whether one writer at a time is kept here."""
    try:
        with workspace.lock_file.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return check("lock", True, "held: another process is writing to the workspace at the moment")
    except OSError as error:
        return check(
            "lock", False,
            f"{workspace.lock_file} cannot be locked ({error.strerror}): give write access, or move the workspace to a file "
            "system with locks (a local disk, NFS 4); without them two writers would damage the ledger",
        )  # fmt: skip
    return check("lock", True, "free")


def chain(workspace: Workspace) -> dict[str, Any]:
    """Whether every entry of the ledger continues the one before; files of reports and tables are left to 'verify'."""
    try:
        entries, problems = verification.whole(*ledger.lines(workspace))
        problems += verification.ended(workspace, entries)
    except OSError as error:
        return check("ledger", False, f"{workspace.ledger} cannot be read ({error.strerror}): give read access")
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return check("ledger", False, f"{problems[0].where}: {problems[0].what}{more}; see 'fairpanel verify'")
    return check("ledger", True, f"{len(entries)} entries, each continues the one before")


def readable(workspace: Workspace) -> Iterator[dict[str, Any]]:
    """Every table that is there opened: one check for all that are well, one for each that is not."""
    well: list[str] = []
    for name in (*COLUMNS, "batches", "quarantine"):
        try:
            found = tables.opened(workspace, name)
        except (tables.TableDamagedError, WorkspaceError, OSError) as error:
            yield check(f"table {name}", False, str(error))
            continue
        if found is not None:
            well.append(f"{name} at version {found.version()}")
    yield check("tables", True, ", ".join(well) or "none yet; 'fairpanel ingest' makes them")


def clock(workspace: Workspace, now: datetime) -> dict[str, Any]:
    """Whether it is later now than anything that is recorded."""
    found = [moment for moment in (_last_ingest(workspace), _last_attempt(workspace)) if moment is not None]
    newest = max(found, default=None)
    if newest is not None and now + SLACK < newest:
        return check(
            "clock", False,
            f"it says {now:%Y-%m-%d %H:%M} UTC, but something was recorded at {newest:%Y-%m-%d %H:%M}: set the clock here "
            "(timedatectl), or on the machine that recorded it",
        )  # fmt: skip
    return check("clock", True, f"{now:%Y-%m-%d %H:%M} UTC")


def _last_ingest(workspace: Workspace) -> datetime | None:
    try:
        found = tables.opened(workspace, "batches")
        if found is None:
            return None
        versions = {"batches": found.version()}
        newest = tables.Pinned(workspace, versions).read("batches", ["ingested_at"])["ingested_at"].max()
    except (tables.TableDamagedError, WorkspaceError, OSError):
        return None  # told with the tables
    return newest if isinstance(newest, datetime) else None


def _last_attempt(workspace: Workspace) -> datetime | None:
    try:
        moments = [datetime.fromisoformat(found.at) for found in attempts.latest(workspace) if found.at]
    except (ValueError, OSError):
        return None
    return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments), default=None)
