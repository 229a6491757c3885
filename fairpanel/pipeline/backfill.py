"""All audits of a range of periods: idempotent, and one that fails does not take the others along."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from fairpanel.analysis.frames import Period
from fairpanel.config import Config
from fairpanel.pipeline.audit import audit
from fairpanel.pipeline.scope import NothingToAuditError, Scope
from fairpanel.workspace import Workspace

LOG = logging.getLogger(__name__)


def backfill(
    workspace: Workspace,
    wanted: Sequence[Period],
    config: Config,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> list[dict[str, Any]]:
    """One result a period: state made, unchanged, empty or failed, with the report or the reason."""
    results = []
    for done, period in enumerate(wanted):
        scope = Scope(period=period, where={})
        progress(f"{scope.to_dict()['from']}", done, len(wanted))
        results.append(audit_period(workspace, scope, config))
    progress("", len(wanted), len(wanted))
    return results


def audit_period(workspace: Workspace, scope: Scope, config: Config) -> dict[str, Any]:
    """One period of a backfill; a failure is a result, told with its reason."""
    told = scope.to_dict()
    named = {"from": told["from"], "to": told["to"]}
    try:
        done = audit(workspace, scope, config)
    except NothingToAuditError as error:
        return named | {"state": "empty", "reason": str(error)}
    except Exception as error:  # noqa: BLE001
        # Whatever it is, the other periods go on. The places are logged, not the message: it may quote a cell.
        places = "".join(traceback.format_tb(error.__traceback__))
        LOG.error("the audit from %s up to %s failed: %s\n%s", *named.values(), type(error).__name__, places)
        return named | {"state": "failed", "reason": f"{type(error).__name__}: {error}"}
    return named | {"state": "unchanged" if done.unchanged else "made", "report_id": done.report_id}
