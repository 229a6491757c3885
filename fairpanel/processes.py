"""Child processes that end when their parent ends, with everything they started themselves."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
PROC = Path("/proc")
Identity = tuple[int, str]
"""A process by its id and the moment of its start: ids are used again, pairs are not."""


def start(command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that a Ctrl-C in the terminal reaches only the parent.

    On Linux it is also told to end when the parent is killed outright.
    """
    with log.open("ab") as out:
        return subprocess.Popen(  # noqa: S603  # the commands are Fairpanel's own
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent(),
        )


def _end_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    control = ctypes.CDLL(None).prctl
    return lambda: control(PR_SET_PDEATHSIG, signal.SIGTERM)


def end(process: subprocess.Popen[bytes], patience: float, known: Iterable[Identity] = ()) -> None:
    """Ask a process to end; after patience seconds, or once it has ended, kill whatever is left of its descendants.

    Descendants of a process that died already have another parent: name those that were known before.
    """
    family = descendants(process.pid) | set(known)
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            family |= descendants(process.pid)
            process.kill()
            process.wait()
    remaining = {member for member in family if alive(member)}
    _signal(remaining, signal.SIGTERM)
    await_end(remaining, patience)


def await_end(members: Iterable[Identity], patience: float) -> None:
    """Wait for processes to end by themselves; after patience seconds kill the rest and what they have started."""
    remaining = {member for member in members if alive(member)}
    deadline = time.monotonic() + patience
    while remaining and time.monotonic() < deadline:
        time.sleep(0.1)
        remaining |= {child for pid, _ in remaining for child in descendants(pid)}
        remaining = {member for member in remaining if alive(member)}
    _signal(remaining, signal.SIGKILL)


def descendants(pid: int) -> set[Identity]:
    """Everything a process started, and what that started; empty where the system has no /proc."""
    children: dict[int, list[Identity]] = {}
    for entry in PROC.glob("[0-9]*"):
        fields = _stat(int(entry.name))
        if fields is not None:
            children.setdefault(int(fields[1]), []).append((int(entry.name), fields[19]))
    found: set[Identity] = set()
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            if child not in found:
                found.add(child)
                waiting.append(child[0])
    return found


def _stat(pid: int) -> list[str] | None:
    """State, parent and so on: the fields of /proc/PID/stat after the name."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def alive(member: Identity) -> bool:
    """Whether exactly this process still runs (one that ended and waits for its parent does not)."""
    fields = _stat(member[0])
    return fields is not None and fields[19] == member[1] and fields[0] != "Z"


def _signal(members: Iterable[Identity], number: int) -> None:
    for pid, _ in members:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
