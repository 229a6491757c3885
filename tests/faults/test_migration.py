"""A fault at every step of bringing an older workspace up to date: the next command does what is missing."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from fairpanel import migrations
from fairpanel.store.lake_mark import MARK
from tests.faults.disturbed import cases, disturbed, holds, runner
from tests.faults.steps import FAULTS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks a process that holds polars, as Linux lets it")


def test_a_fault_at_any_step_of_a_migration(tmp_path: Path) -> None:
    with runner() as run:
        (case,) = cases(run, tmp_path, ["audit"])
        older = tmp_path / "older"
        shutil.copytree(case.start, older)
        (older / migrations.RECORD).unlink()
        before = holds(older)
        calm = tmp_path / "calm"
        shutil.copytree(older, calm)
        ended = run.run(calm, "report", "list")
        assert ended.code == 0, ended.printed
        known = migrations.record(calm)
        assert known["format"] == migrations.FORMAT
        assert known["key"] == (calm / "lake" / MARK).read_text().strip()
        assert [step for step in ended.steps if migrations.RECORD in step]
        changed = type(case)("migration", ("report", "list"), older, tuple(ended.steps), before)
        for fault in FAULTS:
            for at in range(len(ended.steps)):
                folder = tmp_path / "disturbed"
                cut, differs = disturbed(run, changed, fault, at, folder)
                assert not differs, f"{fault} at step {at}, {ended.steps[at]}"
                assert cut.code in ((-9,) if fault == "kill" else (1, 2)), cut.printed
                assert "Traceback" not in cut.printed
                assert migrations.record(folder) == known
