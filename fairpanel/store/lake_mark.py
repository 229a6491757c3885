"""The mark in a lake: under which pseudonym key it was filled. The workspace remembers that it left one, so an empty
lake where there should be a full one is told: a share that is not mounted, another bucket, a key that does not fit."""

from __future__ import annotations

from pathlib import Path

from fairpanel import migrations
from fairpanel.store import object_store, objects
from fairpanel.whole_file import write_whole
from fairpanel.workspace import Workspace, WorkspaceError

MARK = "pseudonym-key.fingerprint"


def read(workspace: Workspace) -> str | None:
    """The fingerprint of the key that the lake was filled with; None where there is none yet."""
    try:
        return objects.content(workspace.location("lake"), MARK).decode(errors="replace").strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def leave(workspace: Workspace, fingerprint: str) -> str:
    """Leave the mark in a lake without one; returns the mark that is there then, which may be somebody else's."""
    lake, written = workspace.location("lake"), f"{fingerprint}\n".encode()
    if isinstance(lake, Path):
        write_whole(lake / MARK, written)
    elif not object_store.put_new(lake, MARK, written):
        return read(workspace) or ""
    return fingerprint


def remember(workspace: Workspace, fingerprint: str) -> None:
    """Note in the workspace that its lake has the mark."""
    migrations.note(workspace.root, key=fingerprint)


def require_place(workspace: Workspace) -> None:
    """Raises WorkspaceError where the workspace has left a mark in its lake, and there is none: it is another lake."""
    known = migrations.record(workspace.root).get("key")
    if known is not None and read(workspace) is None:
        raise WorkspaceError(
            f"the lake of this workspace was filled under the pseudonym key with the fingerprint {known}, but "
            f"{workspace.location('lake')} holds neither tables nor that mark. Is it mounted, and is [storage] in "
            "fairpanel.toml right? Nothing was changed."
        )
