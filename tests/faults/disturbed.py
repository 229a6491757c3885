"""Commands run in a workspace under a fault, and what the workspace then holds."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.store import ledger, tables
from fairpanel.store.verification import verify
from fairpanel.workspace import Workspace
from schemas.columns import COLUMNS

CONFIGURATION = """
[ingest]
batch_checks = false
[audit]
self_test_replicates = 0
minimum_candidates = 100000
chain_replicates = 50
decision_replicates = 50
"""
KEY = "a key for tests of faults only"
VERSIONS = re.compile(rb'"table_versions": \{[^}]*\}')


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code (negative: the signal), what it printed, the steps it took."""

    code: int
    printed: str
    steps: Sequence[str]


class Runner:
    """Speaks to the process that forks."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, folder: Path, *argv: str, fault: str = "none", at: int = -1) -> Ended:
        """One command with the fault at one of its steps."""
        job = {"folder": str(folder), "argv": [*argv, "--workspace", str(folder)], "fault": fault, "at": at}
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process that forks has no pipes")
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Ended(answer["code"], answer["printed"], answer["steps"])


@contextmanager
def runner() -> Iterator[Runner]:
    """The process that forks, until the end of the block."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "FAIRPANEL_"))}
    environment = own | {"FAIRPANEL_KEY": KEY, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "2"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.zygote"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment, cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    try:
        yield Runner(process)
    finally:
        process.kill()
        process.communicate()


@dataclass(frozen=True, slots=True)
class Case:
    """A command, the workspace that it starts from, and what an undisturbed run makes of it."""

    name: str
    argv: tuple[str, ...]
    start: Path
    steps: tuple[str, ...]
    undisturbed: dict[str, Any]


def cases(run: Runner, folder: Path, names: Sequence[str] | None = None) -> list[Case]:
    """Every command that writes: a first ingest, one with newer versions of known rows, an audit, a backfill,
    the removal of what only earlier versions need."""
    first, newer = _exports(folder)
    empty = folder / "empty"
    Workspace(empty).create().config_file.write_text(CONFIGURATION)
    filled, audited, replaced = folder / "filled", folder / "audited", folder / "replaced"
    shutil.copytree(empty, filled)
    run.run(filled, "ingest", str(first))
    shutil.copytree(filled, audited)
    run.run(audited, "audit", "--where", "stage=user")
    shutil.copytree(audited, replaced)
    run.run(replaced, "ingest", str(newer))
    with Workspace(replaced).config_file.open("a") as configuration:
        configuration.write("[retention]\ntable_history_days = 0\n")
    backfill = ("backfill", "--from", "2024-01", "--to", "2024-03", "--every", "quarter", "--max-active", "1")
    commands = {
        "first ingest": (empty, ("ingest", str(first))),
        "newer versions": (audited, ("ingest", str(newer))),
        "audit": (filled, ("audit", "--where", "stage=user")),
        "backfill": (audited, (*backfill, "--each", "stage")),
        "retention": (replaced, ("retention",)),
    }
    return [_case(run, folder, name, *commands[name]) for name in names or commands]


def _case(run: Runner, folder: Path, name: str, start: Path, argv: tuple[str, ...]) -> Case:
    calm = folder / f"calm {name}"
    shutil.copytree(start, calm)
    ended = run.run(calm, *argv)
    if ended.code:
        raise RuntimeError(f"{name} ended with {ended.code} undisturbed: {ended.printed}")
    return Case(name, argv, start, tuple(ended.steps), holds(calm))


def _exports(folder: Path) -> tuple[Path, Path]:
    first, newer = folder / "first", folder / "newer"
    simulate(Parameters(candidates=120, interviewers=12, months=3, seed=5), "canonical", first)
    (first / "truth.json").unlink()
    lines = (first / "scores.csv").read_text().splitlines()
    column = lines[0].split(",").index("updated_at")
    rows = [line.split(",") for line in lines[1:400]]
    changed = [",".join([*row[:column], "2026-01-01", *row[column + 1 :]]) for row in rows]
    newer.mkdir()
    broken = "C000001,R01001,Sales,user,I00001,team_member,technical,no number,F9,2024-01-05,2024-01-05,false"
    (newer / "scores.csv").write_text("\n".join([lines[0], *changed, broken, ""]))
    return first, newer


def holds(folder: Path) -> dict[str, Any]:
    """Everything that counts: rows of every table, what became of every batch, every byte of every report (but for the
    numbers of table versions: what is repeated makes another version of the same rows), and what verification says."""
    where = Workspace(folder)
    pinned = tables.pin(where)
    found: dict[str, Any] = {}
    for table in (*COLUMNS, "batches", "quarantine"):
        frame = pinned.read(table)
        frame = frame.drop("ingested_at") if table == "batches" else frame
        found[table] = sorted(json.dumps([str(cell) for cell in row]) for row in frame.iter_rows())
    reports = sorted(path for path in where.reports.glob("*/*") if path.name not in ("manifest.json", "index.html"))
    for path in reports:
        found[f"{path.parent.name}/{path.name}"] = _without_versions(path)
    recorded = [e.manifest for e in ledger.entries(where) if e.manifest.get("kind", "report") == "report"]
    found["recorded"] = sorted(manifest["report_id"] for manifest in recorded)
    found["problems"] = [(problem.where, problem.what) for problem in verify(where)]
    return found


def _without_versions(path: Path) -> bytes:
    content = path.read_bytes()
    return VERSIONS.sub(b"", content) if path.suffix == ".json" else content


def disturbed(run: Runner, case: Case, fault: str, at: int, folder: Path) -> tuple[Ended, list[str]]:
    """The command under the fault, then once more without; what then differs from an undisturbed run."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(case.start, folder)
    ended = run.run(folder, *case.argv, fault=fault, at=at)
    again = run.run(folder, *case.argv)
    if again.code:
        return ended, [f"the rerun ended with {again.code}: {again.printed}"]
    now = holds(folder)
    names = sorted(set(now) | set(case.undisturbed))
    return ended, [name for name in names if now.get(name) != case.undisturbed.get(name)]
