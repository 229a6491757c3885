"""Writers side by side: exports taken into one workspace by several processes, against one after another.

    python -m benchmarks.writers [--writers 4 --batches 200]

Half of the batches bring newer versions of rows that another batch brought. Fails where a row or a batch is lost, doubled
or different, or verification finds a problem.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fairpanel.config import Config
from fairpanel.pipeline.ingest import ingest, plan
from fairpanel.store import tables
from fairpanel.store.pseudonyms import Pseudonyms
from fairpanel.store.verification import verify
from fairpanel.workspace import Workspace

KEY = Pseudonyms(b"a key for this benchmark alone")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = "candidate_id,interviewer_id,competency,score,interviewed_at,updated_at"


@dataclass(frozen=True, slots=True)
class Told:
    """seconds of all writers; recorded batches; tables that differ from one writer's; problems that verify found."""

    seconds: float
    recorded: int
    differing: list[str]
    problems: list[str]


def write_side_by_side(folder: Path, writers: int, batches: int, rows: int) -> Told:
    """Take the same exports in by several processes and by one, and compare."""
    exports = [_export(folder / "in" / f"{number:04}.csv", number, rows) for number in range(batches)]
    one, many = Workspace(folder / "one").create(), Workspace(folder / "many").create()
    _take_in(one.root, exports)
    started = time.perf_counter()
    with ProcessPoolExecutor(writers, multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(_take_in, many.root, exports[n::writers]) for n in range(writers)]:
            done.result()
    seconds = time.perf_counter() - started
    recorded = tables.pin(many).read("batches")
    return Told(
        seconds=seconds,
        recorded=recorded["batch_id"].n_unique() if recorded.height == recorded["batch_id"].n_unique() else -1,
        differing=[table for table in ("scores", "quarantine") if _rows(one, table) != _rows(many, table)],
        problems=[f"{problem.where}: {problem.what}" for problem in verify(many)],
    )


def _export(path: Path, number: int, rows: int) -> Path:
    """Odd ones bring newer versions of half of the rows of the one before; the newest version wins in any order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = [_row(number, row, 1 + row % 5, "2024-02-01") for row in range(rows)]
    newer = [_row(number - 1, row, 1 + (row + 1) % 5, "2024-03-01") for row in range(0, rows, 2)]
    wrong = [f"C{number:04}9999,R1,overall,ninety,2024-01-01,2024-02-01"]
    path.write_text("\n".join([HEADER, *own, *(newer if number % 2 else []), *wrong, ""]))
    return path


def _row(export: int, row: int, score: int, updated: str) -> str:
    return f"C{export:04}{row:04},R{row % 7},overall,{score},2024-01-{1 + row % 28:02},{updated}"


def _take_in(root: Path, exports: Sequence[Path]) -> None:
    for export in exports:
        done = ingest(plan(Workspace(root), [export], Config(), KEY, None, NOW))
        if done.refused:
            raise RuntimeError(f"refused: {done.refused}")


def _rows(workspace: Workspace, table: str) -> list[tuple[str, ...]]:
    frame = tables.pin(workspace).read(table)
    return sorted(tuple(str(cell) for cell in row) for row in frame.iter_rows())


def main() -> int:
    """Print what came of it; 1 where anything is lost, doubled or different."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--rows", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        told = write_side_by_side(Path(folder), given.writers, given.batches, given.rows)
    wrong = told.recorded != given.batches or told.differing or told.problems
    print(
        f"{given.writers} writers, {given.batches} batches of {given.rows} rows in {told.seconds:.1f} s: {told.recorded} "
        f"recorded; tables that differ: {', '.join(told.differing) or 'none'}; problems: {', '.join(told.problems) or 'none'}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
