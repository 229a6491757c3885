"""What is wrong with this installation or workspace, and how to mend it."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from fairpanel import config, migrations, secret_blocks
from fairpanel.storage import AREAS, Area
from fairpanel.store import lake_mark, objects, signing
from fairpanel.store.pseudonyms import KEY_VARIABLE, PseudonymKeyError, of_workspace
from fairpanel.workspace import Workspace, WorkspaceError

PACKAGES = ("prefect", "polars", "pandera", "deltalake", "great-expectations", "scipy", "fastapi", "sqlalchemy")


def examine(workspace: Workspace) -> list[dict[str, Any]]:
    """Checks in the order in which they matter: what, whether it is well, and a sentence."""
    return [
        _told("Python", sys.version_info >= (3, 11), platform.python_version()),
        *(_told(name, True, metadata.version(name)) for name in PACKAGES),
        _workspace(workspace),
        _format(workspace),
        _configuration(workspace),
        *(_place(workspace, area) for area in AREAS),
        _key(workspace),
        _signing(),
        _told("Prefect API", True, os.environ.get("PREFECT_API_URL", "none configured: commands run in process")),
    ]


def _told(what: str, ok: bool, told: str) -> dict[str, Any]:
    return {"what": what, "ok": ok, "told": told}


def _workspace(workspace: Workspace) -> dict[str, Any]:
    if not workspace.root.exists():
        return _told("workspace", True, f"{workspace.root} does not exist yet; 'fairpanel init' makes it")
    writable = os.access(workspace.root, os.W_OK)
    return _told("workspace", writable, str(workspace.root) if writable else f"{workspace.root} cannot be written to")


def _format(workspace: Workspace) -> dict[str, Any]:
    known = migrations.FORMAT
    if not workspace.lake.exists():
        return _told("workspace format", True, f"{known}, when it is made")
    try:
        found = migrations.require_known(workspace.root)
    except WorkspaceError as error:
        return _told("workspace format", False, str(error))
    rest = "" if found == known else f"; the next command that uses it brings it to {known}"
    return _told("workspace format", True, f"{found}{rest}")


def _configuration(workspace: Workspace) -> dict[str, Any]:
    try:
        config.load(workspace.config_file)
    except config.ConfigError as error:
        return _told("configuration", False, str(error))
    exists = workspace.config_file.exists()
    return _told("configuration", True, "fairpanel.toml is valid" if exists else "no fairpanel.toml: defaults are used")


def _place(workspace: Workspace, area: Area) -> dict[str, Any]:
    """Where tables lie, and whether that can be read."""
    try:
        place = workspace.location(area)
        if isinstance(place, str):
            objects.names(place)
        elif place.exists() and not os.access(place, os.R_OK | os.W_OK | os.X_OK):
            return _told(area, False, f"{place} cannot be read and written")
    except (WorkspaceError, OSError) as error:
        return _told(area, False, str(error))
    return _told(area, True, str(place))


def _key(workspace: Workspace) -> dict[str, Any]:
    origin = KEY_VARIABLE if KEY_VARIABLE in os.environ else secret_blocks.named(KEY_VARIABLE)
    try:
        secret_blocks.fill(KEY_VARIABLE)
        if lake_mark.read(workspace) is not None:
            of_workspace(workspace)
    except (PseudonymKeyError, config.ConfigError, WorkspaceError, OSError) as error:
        return _told("pseudonym key", False, str(error))
    if os.environ.get(KEY_VARIABLE):
        return _told("pseudonym key", True, f"from {origin}")
    path = workspace.secrets / "pseudonym.key"
    if not path.exists():
        return _told("pseudonym key", True, "none yet; the first ingest makes one in the workspace's secrets folder")
    private = path.stat().st_mode & 0o077 == 0
    return _told("pseudonym key", private, "in the secrets folder" if private else "readable by others; run chmod 600")


def _signing() -> dict[str, Any]:
    try:
        signer = signing.from_environment()
    except signing.SigningKeyError as error:
        return _told("signing key", False, str(error))
    if signer is None:
        return _told("signing key", True, f"none in {signing.SIGNING_KEY}: ledger entries are not signed")
    path = Path(os.environ[signing.SIGNING_KEY])
    if not os.environ[signing.SIGNING_KEY].startswith(signing.PEM) and path.stat().st_mode & 0o077:
        return _told("signing key", False, f"{path} is readable by others; run chmod 600")
    return _told("signing key", True, f"fingerprint {signer.fingerprint}")
