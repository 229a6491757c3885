"""What a command does to a workspace, step by step, and a fault at any one of the steps.

A step is whatever leaves a trace on disk: a file opened for writing, renamed, removed, a folder made (Python reports these
itself, through its audit hooks), and a commit to a table (before and after it). So no list of steps can fall behind the
code: a dry count names every one of them.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATHS = {"open": 1, "os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.mkdir": 1, "os.truncate": 1, "os.link": 2}
WRITING = os.O_WRONLY | os.O_RDWR
FAULTS = ("kill", "full disk", "read-only")


class Disturbance:
    """Counts the steps of this process in one folder, and brings the fault at step `at` (none where it is negative)."""

    def __init__(self, folder: Path, fault: str, at: int) -> None:
        self.folder = str(folder)
        self.fault = fault
        self.at = at
        self.steps: list[str] = []
        self.busy = False

    def step(self, what: str) -> None:
        number = len(self.steps)
        self.steps.append(what)
        if number != self.at:
            return
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        code = errno.ENOSPC if self.fault == "full disk" else errno.EROFS
        raise OSError(code, os.strerror(code))

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in PATHS or self.busy:
            return
        if event == "open" and not _writes(arguments):
            return
        named = [str(path) for path in arguments[: PATHS[event]] if isinstance(path, str | os.PathLike)]
        inside = [path for path in named if path.startswith(self.folder)]
        if inside:
            self.busy = True
            try:
                self.step(f"{event} {_label(inside[-1][len(self.folder) + 1 :])}")
            finally:
                self.busy = False

    def around(self, what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with a step before and one after it."""

        def stepped(*args: Any, **named: Any) -> Any:
            self.step(f"before {what}")
            result = function(*args, **named)
            self.step(f"after {what}")
            return result

        return stepped

    def install(self) -> None:
        """For the rest of this process."""
        from deltalake.table import TableMerger

        from fairpanel.store import tables

        tables.write_deltalake = self.around("table commit", tables.write_deltalake)
        TableMerger.execute = self.around("table merge", TableMerger.execute)  # type: ignore[method-assign]
        sys.addaudithook(self.hook)


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    return bool(isinstance(mode, str) and set(mode) & set("wax+")) or bool(isinstance(flags, int) and flags & WRITING)


def _label(place: str) -> str:
    """A place without what differs from run to run."""
    return re.sub(r"\.?(begin|\d{4}-\d\d-\d\d)_[0-9a-z-]+_[0-9a-f]{12}(\.draft)?", "REPORT", place)
