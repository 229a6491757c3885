"""The command that removes what need not be kept any longer."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from fairpanel import config, exit_codes
from fairpanel.outcome import refuse, say
from fairpanel.workspace import Workspace


def remove_old(options: argparse.Namespace) -> int:
    """Refused rows and table files older than [retention] keeps them."""
    from fairpanel.pipeline.retention import retain

    workspace = Workspace(options.workspace).existing()
    settings = config.load(workspace.config_file).retention
    if settings.keep_quarantine_days is None and settings.table_history_days is None:
        told = "everything is kept: set keep_quarantine_days or table_history_days under [retention] in fairpanel.toml"
        return refuse(options, told, exit_codes.USAGE)
    removed = retain(workspace, settings, datetime.now(UTC), options.dry_run)
    would = "would go" if options.dry_run else "removed"
    lines = [f"{removed.rows} refused rows and {len(removed.files)} files of earlier table versions {would}."]
    if removed.reports:
        lines.append(f"{len(removed.reports)} reports cannot be recomputed after that: {', '.join(removed.reports)}")
    say(options, {"dry_run": options.dry_run} | removed.to_dict(), "\n".join(lines))
    return exit_codes.DONE
