"""Audits, backfills and ingests at once in one workspace: what each leaves is what they leave one after another."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.writers import write_side_by_side
from tests.faults.disturbed import Case, Runner, cases, holds, runner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks a process that holds polars, as Linux lets it")


@pytest.fixture(scope="module")
def runners() -> Iterator[list[Runner]]:
    with ExitStack() as stack:
        yield [stack.enter_context(runner()) for _ in range(3)]


@pytest.fixture(scope="module")
def newer(runners: list[Runner], tmp_path_factory: pytest.TempPathFactory) -> Case:
    (case,) = cases(runners[0], tmp_path_factory.mktemp("side"), ["newer versions"])
    return case


def test_two_audits_and_an_ingest_at_once(runners: list[Runner], newer: Case, tmp_path: Path) -> None:
    audits = [("audit", "--from", "2024-01-01", "--to", "2024-03-31"), ("audit", "--where", "stage=hr")]
    commands = [newer.argv, *audits]
    calm, busy = tmp_path / "calm", tmp_path / "busy"
    shutil.copytree(newer.start, calm)
    for command in (*audits, newer.argv, *audits):
        assert runners[0].run(calm, *command).code == 0
    for attempt in range(2):
        shutil.rmtree(busy, ignore_errors=True)
        shutil.copytree(newer.start, busy)
        with ThreadPoolExecutor(3) as threads:
            order = [(n + attempt) % 3 for n in range(3)]
            ended = [*threads.map(lambda n: runners[n].run(busy, *commands[n]), order)]
        assert [one.code for one in ended] == [0, 0, 0], [one.printed for one in ended]
        for command in audits:
            assert runners[0].run(busy, *command).code == 0
        expected, found = holds(calm), holds(busy)
        assert found["problems"] == []
        assert set(found["recorded"]) <= set(
            expected["recorded"]
        )  # an audit saw the tables before the ingest, or after
        assert {name: found[name] for name in newer.undisturbed if name not in ("recorded", "problems")} == {
            name: expected[name] for name in newer.undisturbed if name not in ("recorded", "problems")
        }


def test_writers_side_by_side_lose_and_double_nothing(tmp_path: Path) -> None:
    told = write_side_by_side(tmp_path, writers=3, batches=18, rows=40)
    assert told.recorded == 18
    assert told.differing == []
    assert told.problems == []
