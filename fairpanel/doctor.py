"""What is wrong with this installation or workspace, and how to mend it."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from fairpanel import config, doctor_machine, doctor_workspace, migrations, secret_blocks
from fairpanel.checks import check
from fairpanel.storage import AREAS, Area
from fairpanel.store import lake_mark, objects, signing
from fairpanel.store.pseudonyms import KEY_VARIABLE, PseudonymKeyError, of_workspace
from fairpanel.workspace import Workspace, WorkspaceError

PACKAGES = ("prefect", "polars", "pandera", "deltalake", "great-expectations", "scipy", "fastapi", "sqlalchemy")


def examine(workspace: Workspace, now: datetime | None = None) -> list[dict[str, Any]]:
    """Checks in the order in which they matter: what, whether it is well, and a sentence."""
    return [
        check("Python", sys.version_info >= (3, 11), platform.python_version()),
        *(check(name, True, metadata.version(name)) for name in PACKAGES),
        _workspace(workspace),
        _format(workspace),
        _configuration(workspace),
        *(_place(workspace, area) for area in AREAS),
        _key(workspace),
        _signing(),
        doctor_machine.room(workspace),
        *(_inside(workspace, now or datetime.now(UTC)) if workspace.lake.is_dir() else ()),
        doctor_machine.fonts(),
        *doctor_machine.extras(workspace, os.environ),
        doctor_machine.prefect_api(os.environ),
    ]


def _inside(workspace: Workspace, now: datetime) -> list[dict[str, Any]]:
    """What only a workspace that exists can have."""
    inside = doctor_workspace
    return [inside.lock(workspace), inside.clock(workspace, now), inside.chain(workspace), *inside.readable(workspace)]


def _workspace(workspace: Workspace) -> dict[str, Any]:
    if not workspace.root.exists():
        return check("workspace", True, f"{workspace.root} does not exist yet; 'fairpanel init' makes it")
    writable = os.access(workspace.root, os.W_OK)
    return check("workspace", writable, str(workspace.root) if writable else f"{workspace.root} cannot be written to")


def _format(workspace: Workspace) -> dict[str, Any]:
    known = migrations.FORMAT
    if not workspace.lake.exists():
        return check("workspace format", True, f"{known}, when it is made")
    try:
        found = migrations.require_known(workspace.root)
    except WorkspaceError as error:
        return check("workspace format", False, str(error))
    rest = "" if found == known else f"; the next command that uses it brings it to {known}"
    return check("workspace format", True, f"{found}{rest}")


def _configuration(workspace: Workspace) -> dict[str, Any]:
    try:
        config.load(workspace.config_file)
    except config.ConfigError as error:
        return check("configuration", False, str(error))
    exists = workspace.config_file.exists()
    return check("configuration", True, "fairpanel.toml is valid" if exists else "no fairpanel.toml: defaults are used")


def _place(workspace: Workspace, area: Area) -> dict[str, Any]:
    """Where tables lie, and whether that can be read."""
    try:
        place = workspace.location(area)
        if isinstance(place, str):
            objects.names(place)
        elif place.exists() and not os.access(place, os.R_OK | os.W_OK | os.X_OK):
            return check(area, False, f"{place} cannot be read and written")
    except (WorkspaceError, OSError) as error:
        return check(area, False, str(error))
    return check(area, True, str(place))


def _key(workspace: Workspace) -> dict[str, Any]:
    origin = KEY_VARIABLE if KEY_VARIABLE in os.environ else secret_blocks.named(KEY_VARIABLE)
    try:
        secret_blocks.fill(KEY_VARIABLE)
        if lake_mark.read(workspace) is not None:
            of_workspace(workspace)
    except (PseudonymKeyError, config.ConfigError, WorkspaceError, OSError) as error:
        return check("pseudonym key", False, str(error))
    if os.environ.get(KEY_VARIABLE):
        return check("pseudonym key", True, f"from {origin}")
    path = workspace.secrets / "pseudonym.key"
    if not path.exists():
        return check("pseudonym key", True, "none yet; the first ingest makes one in the workspace's secrets folder")
    private = path.stat().st_mode & 0o077 == 0
    return check("pseudonym key", private, "in the secrets folder" if private else "readable by others; run chmod 600")


def _signing() -> dict[str, Any]:
    try:
        signer = signing.from_environment()
    except signing.SigningKeyError as error:
        return check("signing key", False, str(error))
    if signer is None:
        return check("signing key", True, f"none in {signing.SIGNING_KEY}: ledger entries are not signed")
    path = Path(os.environ[signing.SIGNING_KEY])
    if not os.environ[signing.SIGNING_KEY].startswith(signing.PEM) and path.stat().st_mode & 0o077:
        return check("signing key", False, f"{path} is readable by others; run chmod 600")
    return check("signing key", True, f"fingerprint {signer.fingerprint}")
