"""One writer of a workspace at a time."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fairpanel.workspace_error import WorkspaceError

if TYPE_CHECKING:
    from fairpanel.workspace import Workspace

LOCK_PATIENCE = 600.0


@contextmanager
def exclusive(workspace: Workspace) -> Iterator[None]:
    """Hold the workspace's lock; the operating system frees it when a process ends, however it ends."""
    try:
        lock = workspace.lock_file.open("a")
    except OSError as error:
        raise WorkspaceError(f"the workspace {workspace.root} cannot be written to ({error.strerror}).") from error
    with lock:
        deadline = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise WorkspaceError(
                        f"another process has been writing to {workspace.root} for {LOCK_PATIENCE:.0f} s. Wait for it, "
                        "or end it."
                    ) from None
                time.sleep(0.1)
        yield
