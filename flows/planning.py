"""From the parameters of a backfill to its plan."""

from __future__ import annotations

from pathlib import Path

from fairpanel.config import Config, load
from fairpanel.parameters import BackfillParameters
from fairpanel.pipeline.backfill import Plan, plan
from fairpanel.pipeline.periods import periods, scope_of
from fairpanel.workspace import Workspace


def planned(parameters: BackfillParameters) -> tuple[Workspace, Config, Plan]:
    """The workspace, its configuration, and every period and scope in the order in which they run."""
    style = "%Y-%m-%d" if parameters.every in ("week", "whole") else "%Y-%m"
    wanted = periods(f"{parameters.first_month:{style}}", f"{parameters.last_month:{style}}", parameters.every)
    where = scope_of(None, None, parameters.where).where
    workspace = Workspace(Path(parameters.workspace)).existing()
    settings = load(workspace.config_file)
    each = None if parameters.each == "none" else parameters.each
    found = plan(
        workspace, wanted, settings, where=where, each=each, reprocess=parameters.reprocess,
        newest_first=parameters.newest_first,
    )  # fmt: skip
    return workspace, settings, found
