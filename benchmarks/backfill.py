"""A backfill of every month and job family: the first time, again with nothing changed, and as a flow of Prefect.

    python -m benchmarks.backfill [--scores 1000000 --families 10 --months 24 --at-once 2 --prefect]

Every job family has its own interviewers. Prints seconds as processes take them, starts and imports included, and with
--prefect which share of the flow's time is Prefect's: what the flow takes longer than the command alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from fairpanel import prefect_settings
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.workspace import Workspace

SCORES_A_CANDIDATE = 9.43
INTERVIEWERS = 100


def organisation(folder: Path, scores: int, families: int, months: int) -> Path:
    """Exports of an organisation whose families each have interviewers of their own."""
    parts: dict[str, list[pl.DataFrame]] = {}
    candidates = max(60, round(scores / SCORES_A_CANDIDATE / families))
    for family in range(families):
        part = folder / f"part{family}"
        given = Parameters(candidates=candidates, interviewers=INTERVIEWERS, months=months, seed=family + 1)
        for path in simulate(given, "canonical", part):
            if path.suffix == ".csv":
                parts.setdefault(path.name, []).append(_of_family(pl.read_csv(path, infer_schema=False), family))
        shutil.rmtree(part)
    out = folder / "exports"
    out.mkdir()
    for name, frames in parts.items():
        pl.concat(frames).write_csv(out / name)
    return out


def _of_family(frame: pl.DataFrame, family: int) -> pl.DataFrame:
    own = frame.with_columns(
        (pl.lit(f"F{family}-") + pl.col(name)).alias(name) for name in frame.columns if name.endswith("_id")
    )
    named = pl.lit(f"Family {family:02}").alias("job_family")
    return own.with_columns(named) if "job_family" in own.columns else own


def timed(
    workspace: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[float, dict[str, Any]]:
    """Seconds of one command as a process, and its document."""
    command = [sys.executable, "-m", "fairpanel.cli", *arguments, "--workspace", str(workspace), "--json"]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"fairpanel {arguments[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return seconds, json.loads(done.stdout.splitlines()[-1])


@contextmanager
def prefect_server(folder: Path) -> Iterator[dict[str, str]]:
    """A Prefect server on loopback; yields the environment of commands that speak to it."""
    with socket.socket() as probe:
        probe.bind((prefect_settings.LOOPBACK, 0))
        port = probe.getsockname()[1]
    folder.mkdir()
    environment = prefect_settings.standing(Workspace(folder), port)
    command = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        prefect_settings.LOOPBACK,
        "--port",
        str(port),
    ]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(600):
            try:
                direct.open(f"{environment['PREFECT_API_URL']}/health", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        yield environment
    finally:
        server.terminate()
        server.wait(60)


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scores", type=int, default=1_000_000)
    parser.add_argument("--families", type=int, default=10)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--prefect", action="store_true")
    given = parser.parse_args()
    last = f"{2024 + (given.months - 1) // 12}-{(given.months - 1) % 12 + 1:02}"
    backfill = (
        "backfill",
        "--from",
        "2024-01",
        "--to",
        last,
        "--each",
        "job_family",
        "--max-active",
        str(given.at_once),
    )
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        exports = organisation(folder, given.scores, given.families, given.months)
        rows = (exports / "scores.csv").read_bytes().count(b"\n") - 1
        plain = folder / "plain"
        taken, _ = timed(plain, "ingest", str(exports))
        if given.prefect:
            shutil.copytree(plain, folder / "flow")
        first, told = timed(plain, *backfill)
        again, nothing = timed(plain, *backfill)
        print(
            f"{rows:,} scores, {len(told['periods'])} scopes, {given.at_once} at a time: ingest {taken:.0f} s, backfill "
            f"{first:.1f} s ({told['counts']}), again {again:.1f} s ({nothing['counts']})",
            flush=True,
        )
        if given.prefect:
            with prefect_server(folder / "server") as environment:
                flow, ran = timed(folder / "flow", *backfill, environment=environment)
            share = (flow - first) / flow
            print(f"as a flow of Prefect {flow:.1f} s ({ran['counts']}): Prefect's share {share:.1%}")
    return 1 if set(nothing["counts"]) - {"unchanged", "empty"} else 0


if __name__ == "__main__":
    raise SystemExit(main())
