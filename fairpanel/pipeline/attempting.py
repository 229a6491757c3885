"""One scope of a backfill: audited, whatever comes of it, with a note of what became of it."""

from __future__ import annotations

import logging
import time
import traceback
from datetime import UTC, datetime
from typing import Any

from fairpanel.config import Config
from fairpanel.logs import tell
from fairpanel.pipeline.audit import Source, audit
from fairpanel.pipeline.identity import basis
from fairpanel.pipeline.scope import NothingToAuditError, Scope
from fairpanel.store import attempts
from fairpanel.workspace import Workspace

LOG = logging.getLogger(__name__)


def attempt(workspace: Workspace, scope: Scope, config: Config, read: Source, again: bool = False) -> dict[str, Any]:
    """One result: state made, unchanged, empty or failed, with the report or the reason (may_pass where it was the disk
    or a lock). With `again` a report that exists is computed once more and must come out the same."""
    told, started = scope.to_dict(), time.perf_counter()
    result = _attempt(workspace, scope, config, read, again)
    days = {name: told[name] for name in ("from", "to")}
    seconds = round(time.perf_counter() - started, 3)
    tell(LOG, "scope audited", **days, state=result["state"], report_id=result.get("report_id"), seconds=seconds)
    return result


def _attempt(workspace: Workspace, scope: Scope, config: Config, read: Source, again: bool) -> dict[str, Any]:
    told = scope.to_dict()
    try:
        done = audit(workspace, scope, config, given=read, again=again)
        state = "unchanged" if done.unchanged else "made"
        return told | {"state": state, "report_id": done.report_id, "findings": dict(done.findings)}
    except NothingToAuditError as error:
        outcome = {"state": "empty", "reason": str(error)}
    except Exception as error:  # noqa: BLE001
        # Whatever it is, the other periods go on. The places are logged, not the message: it may quote a cell.
        places = "".join(traceback.format_tb(error.__traceback__))
        LOG.error("the audit from %s up to %s failed: %s\n%s", told["from"], told["to"], type(error).__name__, places)
        outcome = {"state": "failed", "reason": f"{type(error).__name__}: {error}", "kind": _kind(error)}
        outcome |= {"may_pass": True} if isinstance(error, OSError) else {}
    note(workspace, told, outcome, basis(read.pinned.versions, config))
    return told | {name: value for name, value in outcome.items() if name != "kind"}


def note(workspace: Workspace, scope: dict[str, Any], outcome: dict[str, Any], looked_at: str) -> None:
    """Write down that a scope has no report. Reasons are kept by kind: a message may quote a cell of an export."""
    reasons = {"empty": "no score in it", "failed": outcome.get("kind")}
    attempts.record(
        workspace,
        attempts.Attempt(
            scope=scope,
            state=outcome["state"],
            report_id=outcome.get("report_id"),
            reason=reasons.get(outcome["state"]),
            basis=looked_at,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
    )


def _kind(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return f"{type(error).__name__}: {strerror}" if isinstance(error, OSError) and strerror else type(error).__name__
