"""Ends what a killed parent leaves behind.

A process that dies by SIGKILL cannot end its children, and a child that is asked to end while it starts others may
leave those. So the parent starts this guardian, which notes the parent's descendants and waits on a pipe that closes
when the parent is gone, however it went.

    python -m fairpanel.guardian PARENT PATIENCE
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fairpanel import processes

LOOK = 0.5  # seconds between two looks at what the parent has started


@contextmanager
def guarded(patience: float) -> Iterator[None]:
    """Within the block, whatever this process starts outlives it by at most patience seconds."""
    command = [sys.executable, "-m", "fairpanel.guardian", str(os.getpid()), str(patience)]
    guardian = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603  # our own
    try:
        yield
    finally:
        if guardian.stdin is not None:
            guardian.stdin.close()
        guardian.wait()


def guard(parent: int, patience: float) -> None:
    """Wait until standard input closes, then end the parent's descendants."""
    own = os.getpid()
    known: set[processes.Identity] = set()
    gone = False
    while not gone:
        gone = bool(select.select([sys.stdin], [], [], LOOK)[0])
        for pid in [parent, *(pid for pid, _ in known)]:
            known |= {member for member in processes.descendants(pid) if member[0] != own}
        known = {member for member in known if processes.alive(member)}
    processes.await_end(known, patience)


if __name__ == "__main__":
    guard(int(sys.argv[1]), float(sys.argv[2]))
