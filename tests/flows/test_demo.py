"""The demo in a fresh folder, as `make demo` runs it, and once more."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fairpanel import bundled, processes
from tests.flows.serving import environment

pytestmark = [pytest.mark.service, pytest.mark.timeout(900)]


def _demo(folder: Path) -> tuple[dict[str, Any], str]:
    command = [sys.executable, "-m", "fairpanel.cli", "demo", "--workspace", "ws", "--json"]
    with (folder / "told").open("w") as told:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=told, text=True
        )
        family: set[processes.Identity] = set()
        while process.poll() is None:
            family |= processes.descendants(process.pid)
            time.sleep(0.2)
    assert process.stdout is not None
    with process.stdout as stdout:
        written = stdout.read()
    assert process.returncode == 0, (folder / "told").read_text()
    assert family, "the embedded API is a process of its own"
    assert not [member for member in family if processes.alive(member)]
    document: dict[str, Any] = json.loads(written)
    return document, (folder / "told").read_text()


def test_demo_twice(tmp_path: Path) -> None:
    first, told = _demo(tmp_path)
    print(f"demo in a fresh folder: {first['seconds']} s")
    assert (tmp_path / first["audit"]["html"]).is_file()
    assert first["ingest"]["rows_read"] > 30_000
    assert first["ingest"]["quarantined"] == 6
    assert first["ingest"]["unchanged_files"] == 0
    assert "Taking in the bundled exports" in told
    assert "Traceback" not in told
    assert first["seconds"] < 240, "two minutes on two idle cores; the machine of a test may be busy"
    second, _ = _demo(tmp_path)
    files = len(list(bundled.samples().glob("*.csv")))
    assert second["ingest"] == {"rows_read": 0, "accepted": 0, "quarantined": 0, "unchanged_files": files}
    assert second["audit"]["unchanged"] is True
    assert second["audit"]["report_id"] == first["audit"]["report_id"]
