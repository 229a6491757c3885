"""Damaged tables, exports that still grow, a clock that goes back: a sentence, or what an undisturbed run gives."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from fairpanel import exit_codes
from fairpanel.store import tables
from fairpanel.workspace import Workspace
from tests.faults.disturbed import Case, Runner, cases, holds, runner
from tests.workspaces import NOW, take_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks a process that holds polars, as Linux lets it")

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def run() -> Iterator[Runner]:
    with runner() as running:
        yield running


@pytest.fixture(scope="module")
def newer(run: Runner, tmp_path_factory: pytest.TempPathFactory) -> Case:
    (case,) = cases(run, tmp_path_factory.mktemp("damage"), ["newer versions"])
    return case


def _last_log(table: Path) -> Path:
    return sorted((table / "_delta_log").glob("*.json"))[-1]


def _data(table: Path) -> Path:
    return sorted(table.glob("*.parquet"))[0]


DAMAGES: dict[str, Damage] = {
    "an entry of the log is no JSON": lambda table: void(_last_log(table).write_text('{"add": nonsense')),
    "an entry of the log is empty": lambda table: void(_last_log(table).write_text("")),
    "the log is gone": lambda table: shutil.rmtree(table / "_delta_log"),
    "the table is gone": lambda table: shutil.rmtree(table),
    "a file of rows is gone": lambda table: _data(table).unlink(),
    "a file of rows is cut short": lambda table: void(_data(table).write_bytes(_data(table).read_bytes()[:-9])),
}


def void(_: object) -> None:
    """What was returned does not matter."""


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("command", ["ingest", "audit"])
def test_a_damaged_table_is_a_sentence_and_put_back_all_is_well(
    run: Runner, newer: Case, damage: str, command: str, tmp_path: Path
) -> None:
    folder = tmp_path / "workspace"
    shutil.copytree(newer.start, folder)
    scores = folder / "lake" / "scores"
    shutil.copytree(scores, tmp_path / "backup")
    DAMAGES[damage](scores)
    ended = run.run(folder, *(newer.argv if command == "ingest" else ("audit",)))
    assert ended.code == exit_codes.FAILED, ended.printed
    assert "the table scores in" in ended.printed
    assert "put those back from a backup" in ended.printed
    shutil.rmtree(scores, ignore_errors=True)
    shutil.copytree(tmp_path / "backup", scores)
    assert run.run(folder, *newer.argv).code == 0
    assert holds(folder) == newer.undisturbed


def test_an_export_that_still_grows_is_taken_in_when_it_is_complete(run: Runner, newer: Case, tmp_path: Path) -> None:
    folder, export = tmp_path / "workspace", tmp_path / "scores.csv"
    shutil.copytree(newer.start, folder)
    lines = (Path(newer.argv[1]) / "scores.csv").read_text().splitlines(keepends=True)
    export.write_text("".join(lines[:100]))
    over = threading.Event()

    def copy() -> None:
        rest = iter(lines[100:])
        with export.open("a") as file:
            while not over.wait(0.05):
                file.write(next(rest, ""))
                file.flush()
            file.writelines(rest)

    copying = threading.Thread(target=copy)
    copying.start()
    time.sleep(0.2)
    before = holds(folder)
    ended = run.run(folder, "ingest", str(export))
    over.set()
    copying.join()
    assert ended.code == exit_codes.REFUSED
    assert "scores.csv is still being written. Take it in when it is complete." in ended.printed
    assert holds(folder) == before
    assert run.run(folder, "ingest", str(export)).code == 0
    assert holds(folder) == newer.undisturbed


def test_a_half_copied_export_and_the_whole_one_later_give_what_the_whole_one_gives(
    run: Runner, newer: Case, tmp_path: Path
) -> None:
    """A copy that stood still for a night: what was cut off is taken in with the whole export, nothing counts twice."""
    folder, export = tmp_path / "workspace", tmp_path / "scores.csv"
    shutil.copytree(newer.start, folder)
    whole = (Path(newer.argv[1]) / "scores.csv").read_bytes()
    export.write_bytes(whole[: len(whole) // 2])
    run.run(folder, "ingest", str(export))
    export.write_bytes(whole)
    assert run.run(folder, "ingest", str(export)).code == 0
    with_batches = ("batches", "quarantine", "scores")
    now = holds(folder)
    assert {name: now[name] for name in now if name not in with_batches} == {
        name: newer.undisturbed[name] for name in newer.undisturbed if name not in with_batches
    }
    assert facts(folder) == facts(newer.start.parent / "calm newer versions")


def facts(folder: Path) -> list[tuple[object, ...]]:
    """What the scores state, whichever batch and row they came from."""
    frame = tables.pin(Workspace(folder)).read("scores").drop("batch_id", "source_row")
    return sorted(tuple(str(cell) for cell in row) for row in frame.iter_rows())


def test_a_clock_that_goes_back_changes_no_number(newer: Case, tmp_path: Path) -> None:
    for name, times in {"forth": (NOW, NOW + timedelta(days=1)), "back": (NOW, NOW - timedelta(days=400))}.items():
        where = Workspace(tmp_path / name).create()
        for moment, export in zip(times, (newer.start.parent / "first", Path(newer.argv[1])), strict=True):
            take_in(where, export, now=moment)
    assert holds(tmp_path / "back") == holds(tmp_path / "forth")
