"""The demo: a workspace, the bundled exports taken in and audited as flows of an embedded Prefect API."""

from __future__ import annotations

import json
import signal
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from fairpanel import bundled, exit_codes, prefect_settings
from fairpanel.template import CONFIGURATION
from fairpanel.workspace import Workspace

LOGGING = {
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_LOGGERS_PREFECT_FLOW_RUNS_LEVEL": "INFO",
    "PREFECT_LOGGING_LOGGERS_PREFECT_TASK_RUNS_LEVEL": "WARNING",
    "PREFECT_LOGGING_FORMATTERS_STANDARD_FLOW_RUN_FMT": "  %(flow_name)s: %(message)s",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
}


def demo(folder: Path, as_json: bool) -> int:
    """Take in and audit the bundled exports in a workspace, and say where the report is.

    Results go to standard output (with as_json exactly one document), progress to standard error. Run twice it finds
    everything known and the report unchanged.
    """
    started = time.perf_counter()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the embedded API ends with this process
    workspace = Workspace(folder).create()
    if not workspace.config_file.exists():
        workspace.config_file.write_text(CONFIGURATION, encoding="utf-8")
    prefect_settings.adopt(prefect_settings.embedded(workspace) | LOGGING)
    with redirect_stdout(sys.stderr):
        ingested, audited = _run(workspace)
    document = {
        "workspace": str(workspace.root),
        "ingest": {name: ingested[name] for name in ("rows_read", "accepted", "quarantined", "unchanged_files")},
        "audit": audited,
        "seconds": round(time.perf_counter() - started, 1),
    }
    print(json.dumps(document, allow_nan=False) if as_json else summary(workspace, document, ingested))
    return exit_codes.DONE


def _run(workspace: Workspace) -> tuple[dict[str, Any], dict[str, Any]]:
    _tell("1/3 Loading Prefect ...")
    from flows.audit import run_audit
    from flows.ingest import run_ingest

    _tell("2/3 Taking in the bundled exports (an embedded Prefect API starts first: up to half a minute) ...")
    ingested = run_ingest(workspace, [bundled.samples()], "auto")
    _tell("3/3 Auditing all interviews ...")
    return ingested, run_audit(workspace, None, None, [])


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def summary(workspace: Workspace, document: dict[str, Any], ingested: dict[str, Any]) -> str:
    """What became of every row, what the audit found, where the report is."""
    audited = document["audit"]
    counts = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in audited["findings"].items())
    taken = (
        f"{ingested['rows_read']} rows read = {ingested['accepted']} accepted + {sum(ingested['excluded'].values())} "
        f"excluded by a named rule + {ingested['quarantined']} quarantined (broken on purpose; see them with "
        f"'fairpanel quarantine list --workspace {workspace.root}')"
        if ingested["rows_read"]
        else "The exports were taken in before: nothing has changed"
    )
    return f"{taken}.\nFindings: {counts}.\nReport: {audited['html']}\n({document['seconds']:.0f} s)"
