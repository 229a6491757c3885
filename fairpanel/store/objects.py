"""Files of a table, wherever they lie: their names and their bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from fairpanel.store import object_store


def names(location: str | Path) -> list[str]:
    """The names of all files under a location, relative to it, in order; none where there is no such folder."""
    if object_store.is_address(location):
        return object_store.names(str(location))
    return sorted(_walk(os.fspath(location), ""))


def content(location: str | Path, name: str) -> bytes:
    """The bytes of one of these files. Raises OSError where it cannot be read."""
    if object_store.is_address(location):
        return object_store.content(str(location), name)
    return (Path(location) / name).read_bytes()


def _walk(folder: str, under: str) -> Iterator[str]:
    try:
        found = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{under}{entry.name}/")
            else:
                yield under + entry.name
