"""A parent that is killed outright takes along what it started, and what that started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from fairpanel import processes

PARENT = """
import subprocess, sys, time
from fairpanel.guardian import guarded
child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); exec(sys.argv[1])"
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
with guarded(1.0):
    subprocess.Popen([sys.executable, "-c", child, deaf], start_new_session=True)
    time.sleep(float(sys.argv[1]))
"""

pytestmark = pytest.mark.skipif(not processes.PROC.is_dir(), reason="the system has no /proc to find descendants in")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, None])
def test_nothing_outlives_the_parent_for_long(number: signal.Signals | None) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, "2" if number is None else "600"])
    family: set[processes.Identity] = set()
    deadline = time.monotonic() + 20
    while len(family) < 3 and time.monotonic() < deadline:  # the guardian, the child and the child's own child
        family |= processes.descendants(parent.pid)
        time.sleep(0.05)
    assert len(family) == 3
    time.sleep(1)  # the guardian has looked
    if number is not None:
        os.kill(parent.pid, number)
    parent.wait(20)
    while (left := [member for member in family if processes.alive(member)]) and time.monotonic() < deadline + 20:
        time.sleep(0.1)
    assert left == []
