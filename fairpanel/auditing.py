"""The commands that audit: one scope, or a range of periods and scopes."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from fairpanel import config, exit_codes, lineage, logs
from fairpanel.outcome import progress, say
from fairpanel.workspace import Workspace

if TYPE_CHECKING:
    from fairpanel.pipeline.backfill import Plan

PREFECT_API = "PREFECT_API_URL"
LEVELS = {"concern": ("concern", "alert"), "alert": ("alert",)}
FEW = 8
"""So few scopes are audited in this process: others would have to start first."""


def audit_one(options: argparse.Namespace) -> int:
    """One audit, one report."""
    from fairpanel.pipeline.audit import audit
    from fairpanel.pipeline.periods import scope_of

    workspace = Workspace(options.workspace).existing()
    settings = config.load(workspace.config_file)
    scope = scope_of(options.start, options.end, options.where)
    if os.environ.get(PREFECT_API):
        from flows.audit import run_audit

        done = run_audit(workspace, options.start, options.end, options.where)
    else:
        with lineage.told("audit", os.environ, logs.run_id()) as run:
            done = audit(workspace, scope, settings, progress("audit")).to_dict()
            lineage.reported(run, workspace, [done])
    counts = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in done["findings"].items())
    again = " (it existed already: nothing has changed)" if done["unchanged"] else ""
    say(options, done, f"{done['html']}{again}\nFindings: {counts}.")
    if options.fail_on and any(done["findings"].get(state, 0) for state in LEVELS[options.fail_on]):
        return exit_codes.FINDING
    return exit_codes.DONE


def backfill_range(options: argparse.Namespace) -> int:
    """All audits of a range; with --dry-run what they would be, and why."""
    from fairpanel.pipeline.backfill import backfill, counted, looked_into, plan
    from fairpanel.pipeline.periods import periods, scope_of

    workspace = Workspace(options.workspace).existing()
    settings = config.load(workspace.config_file)
    wanted = periods(options.start, options.end, options.every)
    where = scope_of(None, None, options.where).where
    if options.reingest:
        _take_in_again(workspace, settings)
    if os.environ.get(PREFECT_API) and not options.dry_run:
        from flows.backfill import run_backfill

        results = run_backfill(workspace, options)
    else:
        planned = plan(
            workspace, wanted, settings, where=where, each=options.each, reprocess=options.reprocess,
            newest_first=options.newest_first,
        )  # fmt: skip
        if options.dry_run:
            return _told(options, looked_into(workspace, planned, settings, progress("compare")))
        at_once = options.max_active or _at_once(sum(map(planned.runs, planned.standings)))
        with lineage.told("backfill", os.environ, logs.run_id()) as run:
            results = backfill(workspace, planned, settings, at_once, progress("backfill"))
            lineage.reported(run, workspace, results)
    counts = counted(results)
    lines = [
        _line(result) + f": {result['state']} {result.get('report_id') or result.get('reason')}" for result in results
    ]
    lines.append(", ".join(f"{count} {state}" for state, count in counts.items()) + ".")
    failed = counts.get("failed", 0)
    say(options, {"periods": results, "counts": counts, "failed": failed}, "\n".join(lines))
    return exit_codes.FAILED if failed else exit_codes.DONE


def _at_once(scopes: int) -> int:
    return 1 if scopes < FEW else min(os.cpu_count() or 1, FEW)


def _told(options: argparse.Namespace, planned: Plan) -> int:
    entries = planned.to_dict()
    runs = sum(entry["runs"] for entry in entries)
    lines = [f"{'run ' if entry['runs'] else 'skip'}  {_line(entry)}: {entry['says']}" for entry in entries]
    lines.append(f"{runs} of {len(entries)} would run.")
    say(options, {"dry_run": True, "periods": entries, "runs": runs}, "\n".join(lines))
    return exit_codes.DONE


def _line(entry: dict[str, Any]) -> str:
    conditions = ", ".join(f"{column}={value}" for column, value in entry["where"].items())
    return f"{entry['from']} up to {entry['to']}" + (f", {conditions}" if conditions else "")


def _take_in_again(workspace: Workspace, settings: config.Config) -> None:
    """What is new or changed in the inbox, before its periods are audited."""
    from contextlib import nullcontext
    from datetime import UTC, datetime

    from fairpanel import secret_blocks
    from fairpanel.pipeline.growing import SETTLE
    from fairpanel.pipeline.ingest import ingest, plan
    from fairpanel.store.pseudonyms import of_workspace
    from fairpanel.validation.batch import Judge

    secret_blocks.fill(secret_blocks.KEY)
    with Judge() if settings.ingest.batch_checks else nullcontext() as judge:
        now = datetime.now(UTC)
        planned = plan(workspace, [workspace.inbox], settings, of_workspace(workspace), judge, now, settle=SETTLE)
        done = ingest(planned, progress("ingest")).to_dict()
    print(
        f"{done['rows_read']} rows read from the inbox, {done['accepted']} accepted, {done['quarantined']} quarantined; "
        f"{done['unchanged_files']} exports known before, {len(done['refused'])} refused.",
        file=sys.stderr,
    )
