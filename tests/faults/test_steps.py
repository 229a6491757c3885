"""A fault at the steps of every command that writes: after one more run nothing is lost, doubled or different."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.disturbed import Case, Runner, cases, disturbed, runner
from tests.faults.steps import FAULTS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks a process that holds polars, as Linux lets it")

NAMES = ("first ingest", "newer versions", "audit", "backfill", "retention")
EVERY = 6
"""Of the steps every sixth here, the first at another place for each fault; every one in benchmarks/faults.py."""


@pytest.fixture(scope="module")
def run() -> Iterator[Runner]:
    with runner() as running:
        yield running


@pytest.fixture(scope="module")
def known(run: Runner, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    return {case.name: case for case in cases(run, tmp_path_factory.mktemp("faults"))}


def test_the_steps_of_every_command_are_known(known: dict[str, Case]) -> None:
    """What a command leaves on disk goes through steps that a fault can meet."""
    told = {name: " ".join(case.steps) for name, case in known.items()}
    assert told["first ingest"].count("after table commit") == 11  # five exports with a batch each, quarantine
    assert told["newer versions"].count("after table merge") == 1
    for name in ("audit", "backfill"):
        for step in ("os.mkdir reports/REPORT", "open reports/REPORT/report.json", "os.rename reports/REPORT"):
            assert step in told[name]
        assert "open ledger/ledger.jsonl" in told[name]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_fault_at_a_step_changes_nothing_in_the_end(
    run: Runner, known: dict[str, Case], name: str, fault: str, tmp_path: Path
) -> None:
    case = known[name]
    for at in range(FAULTS.index(fault), len(case.steps), EVERY):
        ended, differs = disturbed(run, case, fault, at, tmp_path / "workspace")
        assert not differs, f"{fault} at step {at}, {case.steps[at]}"
        if fault == "kill":
            assert ended.code == -9
        else:
            assert ended.code in (0, 1, 2), ended.printed
            assert "Traceback" not in ended.printed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0, 2_000, 60_000])
def test_files_that_cannot_grow_are_a_sentence(
    run: Runner, known: dict[str, Case], name: str, size: int, tmp_path: Path
) -> None:
    """The operating system refuses what is written beyond so many bytes of a file, to every library alike."""
    ended, differs = disturbed(run, known[name], "small files", size, tmp_path / "workspace")
    assert not differs
    assert ended.code in (0, 1, 2, 4), ended.printed
    assert "Traceback" not in ended.printed
    assert "panicked" not in ended.printed
