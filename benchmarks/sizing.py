"""What a workspace costs, by how many scores and interviewers it has: the constants behind docs/sizing.md.

    python -m benchmarks.sizing [--candidates 2000 10000 40000] [--interviewers 100 400] [--months 24]

For each pair a workspace is simulated and taken in through the command line, audited as a whole, and backfilled by month
in one process. Seconds are of a core (user and system), as the operating system counts them, so that a busy machine
tells about the same; memory is the largest resident set. Straight lines through the pairs give constants and a table
of larger workspaces, each row marked measured or extrapolated.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WRITE = """
import sys
from pathlib import Path
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
candidates, interviewers, months = map(int, sys.argv[1:4])
simulate(Parameters(candidates=candidates, interviewers=interviewers, months=months), "canonical", Path(sys.argv[4]))
"""
READ = """
import json, sys
from pathlib import Path
from fairpanel.store import tables
from fairpanel.workspace import Workspace
where = Workspace(Path(sys.argv[1]))
scores = tables.pin(where).read("scores")
kept = [path.stat().st_size for path in tables.path(where, "scores").rglob("*") if path.is_file()]
print(json.dumps([scores.height, sum(kept), scores.estimated_size()]))
"""
ON_PAPER = (100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)


@dataclass(frozen=True, slots=True)
class Cost:
    """Core-seconds and the largest resident set of a command's own process, in bytes."""

    seconds: float
    peak: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A measured workspace: rows of scores, bytes of them on disk and in memory, and what each command cost."""

    candidates: int
    interviewers: int
    rows: int
    rows_read: int
    disk: int
    memory: int
    ingest: Cost
    audit: Cost
    backfill: Cost
    scopes: int


def run(*arguments: str, told: Path) -> Cost:
    """`fairpanel` with these arguments as a process of its own, its document in a file."""
    with told.open("w") as out:
        child = subprocess.Popen([sys.executable, "-m", "fairpanel.cli", *arguments, "--json"], stdout=out)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"fairpanel {arguments[0]} ended with {child.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def point(candidates: int, interviewers: int, months: int, folder: Path) -> Point:
    """Measure one workspace."""
    export, where, told = folder / "in", str(folder / "workspace"), folder / "told"
    given = [str(number) for number in (candidates, interviewers, months)]
    subprocess.run([sys.executable, "-c", WRITE, *given, str(export)], check=True)
    ingest = run("ingest", str(export), "--workspace", where, told=told)
    rows_read = json.loads(told.read_text())["rows_read"]
    seen = subprocess.run([sys.executable, "-c", READ, where], check=True, capture_output=True, text=True).stdout
    rows, disk, memory = json.loads(seen)
    audit = run("audit", "--workspace", where, told=told)
    last = f"{2024 + (months - 1) // 12}-{(months - 1) % 12 + 1:02}"
    backfill = run(
        "backfill", "--workspace", where, "--from", "2024-01", "--to", last, "--max-active", "1", told=told
    )  # fmt: skip
    made = json.loads(told.read_text())["counts"].get("made", 0)
    return Point(
        candidates=candidates, interviewers=interviewers, rows=rows, rows_read=rows_read, disk=disk, memory=memory,
        ingest=ingest, audit=audit, backfill=backfill, scopes=made,
    )  # fmt: skip


def line(points: Sequence[Point], costs: Sequence[float]) -> tuple[float, float]:
    """Intercept and slope by rows of scores, neither below 0."""
    rows = np.array([each.rows for each in points], dtype=float)
    if len({*rows}) < 2:
        return 0.0, float(np.mean(np.array(costs) / rows))
    slope, start = np.polyfit(rows, costs, 1)
    return max(float(start), 0.0), max(float(slope), 0.0)


def table(points: Sequence[Point]) -> str:
    """What was measured, a row a workspace."""
    lines = [
        "| scores | interviewers | rows read | ingest rows/s | disk B/row | memory B/row | audit s | audit peak MB "
        "| months | backfill months/s | backfill peak MB |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {p.rows:,} | {p.interviewers:,} | {p.rows_read:,} | {p.rows_read / p.ingest.seconds:,.0f} "
        f"| {p.disk / p.rows:.0f} | {p.memory / p.rows:.0f} | {p.audit.seconds:.1f} | {p.audit.peak / 1e6:,.0f} | {p.scopes} "
        f"| {p.scopes / p.backfill.seconds:.2f} | {p.backfill.peak / 1e6:,.0f} |"
        for p in points
    ]
    return "\n".join(lines)


def paper(points: Sequence[Point], price: float) -> str:
    """Constants, and the same lines drawn out to larger workspaces."""
    ingest = line(points, [p.ingest.seconds for p in points])
    audit = line(points, [p.audit.seconds for p in points])
    peak = line(points, [p.audit.peak for p in points])
    disk = float(np.median([p.disk / p.rows for p in points]))
    measured = max(p.rows for p in points)
    lines = [
        f"ingest of an export, all its tables: {ingest[0]:.1f} s + {ingest[1] * 1e6:.1f} s a million scores",
        f"audit of everything: {audit[0]:.1f} s + {audit[1] * 1e6:.1f} s a million scores",
        f"memory of a process: {peak[0] / 1e6:,.0f} MB + {peak[1] * 1e6 / 1e6:,.0f} MB a million scores",
        "",
        "| scores | disk GB | memory of a process GB | ingest core-hours | one audit core-hours | cost | |",
        "|---:|---:|---:|---:|---:|---:|---|",
    ]
    for rows in ON_PAPER:
        hours = [(start + slope * rows) / 3600 for start, slope in (ingest, audit)]
        how = "within what was measured" if rows <= measured else f"extrapolated {rows / measured:,.0f} times"
        lines.append(
            f"| {rows:,} | {rows * disk / 1e9:,.2f} | {(peak[0] + peak[1] * rows) / 1e9:,.1f} | {hours[0]:,.2f} "
            f"| {hours[1]:,.2f} | {sum(hours) * price:,.2f} | {how} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, nargs="+", default=[2000, 10_000, 40_000])
    parser.add_argument("--interviewers", type=int, nargs="+", default=[100, 400])
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--price", type=float, default=0.05, help="money a core-hour (default: 0.05)")
    options = parser.parse_args(arguments)
    points = []
    for candidates in options.candidates:
        for interviewers in options.interviewers:
            with tempfile.TemporaryDirectory() as folder:
                points.append(point(candidates, interviewers, options.months, Path(folder)))
            print(table(points[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print(table(points), paper(points, options.price), sep="\n\n")


if __name__ == "__main__":
    main()
