"""A file that is there whole or not at all, whenever the process or the machine ends."""

from __future__ import annotations

import errno
import os
from pathlib import Path

WITHOUT_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""How file systems that know no hard links (SMB, FAT, some FUSE) say so."""


def write_whole(path: Path, content: bytes, mode: int = 0o644, replacing: bool = True) -> bool:
    """Write beside it, bring to disk, then give it its name. Where it exists already and is not to be replaced it stays
    as it is; returns whether this call wrote it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replacing:
            draft.replace(path)
            return True
        return _named_first(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _named_first(draft: Path, path: Path) -> bool:
    """Give the draft its name unless there is such a file; on a file system without hard links two may both think so."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
        if path.exists():
            return False
        draft.replace(path)
    return True
