"""One million scores of 200,000 candidates through the command line: ingest, audit, and what each costs.

    python -m benchmarks.scale [--candidates N]

Prints seconds and peak memory of each command's process, as the operating system counts them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

WRITE = """
import sys
from pathlib import Path
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
candidates = int(sys.argv[1])
parameters = Parameters(candidates=candidates, interviewers=max(20, candidates // 100), pass_hr=0.21)
simulate(parameters, "canonical", Path(sys.argv[2]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall-clock seconds and the largest resident set of a command, in megabytes."""

    command: str
    seconds: float
    megabytes: float


def run(*arguments: str) -> Cost:
    """Run `fairpanel` with these arguments as a process of its own."""
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "fairpanel.cli", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"fairpanel {arguments[0]} ended with {child.returncode}")
    return Cost(arguments[0], time.perf_counter() - started, usage.ru_maxrss / 1024)


def measure_scale(candidates: int, folder: Path) -> tuple[int, list[Cost]]:
    """Scores written, and the cost of ingesting and auditing them."""
    # Simulated in a process of its own: a child's peak memory counts from what its parent held.
    subprocess.run([sys.executable, "-c", WRITE, str(candidates), str(folder / "in")], check=True)
    rows = (folder / "in" / "scores.csv").read_bytes().count(b"\n") - 1
    where = str(folder / "workspace")
    costs = [run("ingest", str(folder / "in"), "--workspace", where), run("audit", "--workspace", where)]
    costs.append(run("--help"))
    return rows, costs


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=200_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows, costs = measure_scale(options.candidates, Path(folder))
    print(f"{options.candidates:,} candidates, {rows:,} scores, {os.cpu_count()} cores\n")
    print("| command | seconds | peak MB |\n|---|---:|---:|")
    for cost in costs:
        print(f"| fairpanel {cost.command} | {cost.seconds:.2f} | {cost.megabytes:,.0f} |")


if __name__ == "__main__":
    main()
