"""Whether verification catches every changed byte: one at a time, in files chosen at random.

    python -m benchmarks.verify_changes [--changes 1000] [--candidates 400]

A workspace with signatures, two exports' worth of tables and two reports. Each change flips one bit of one file, or one
whole byte, and is undone afterwards. Exits with 1 where one of them was not caught.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fairpanel.config import Config
from fairpanel.pipeline.audit import audit
from fairpanel.pipeline.ingest import ingest, plan
from fairpanel.pipeline.periods import scope_of
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.store import signing
from fairpanel.store.recorded_files import locations
from fairpanel.store.verification import verify
from fairpanel.workspace import Workspace
from tests.workspaces import KEY, NOW


def made(folder: Path, candidates: int) -> Workspace:
    """The workspace that is tampered with."""
    workspace = Workspace(folder / "workspace").create()
    signing.new(folder / "key.pem", workspace.root)
    os.environ[signing.SIGNING_KEY] = str(folder / "key.pem")
    exports = simulate(Parameters(candidates=candidates, interviewers=30, months=6), "canonical", folder / "exports")
    config = Config.model_validate(
        {"audit": {"chain_replicates": 50, "decision_replicates": 50, "self_test_replicates": 0}}
    )
    ingest(plan(workspace, [path for path in exports if path.suffix != ".json"], config, KEY, None, NOW))
    for end in ("2024-03-31", "2024-06-30"):
        audit(workspace, scope_of("2024-01-01", end, []), config)
    return workspace


def files(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    """Every file that counts, with its kind."""
    for path in sorted(workspace.reports.glob("*/*")):
        yield "manifest" if path.name == "manifest.json" else "report", path
    for place in locations(workspace).values():
        for path in sorted(p for p in Path(place).rglob("*") if p.is_file()):
            yield "table log" if path.parent.name == "_delta_log" else "table data", path
    yield "ledger", workspace.ledger
    yield "ledger head", workspace.head


def changed(content: bytes, chance: random.Random) -> bytes:
    """One bit of one byte, or all of the byte, is another."""
    place = chance.randrange(len(content))
    mask = chance.choice((1 << chance.randrange(8), chance.randrange(1, 256)))
    return content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :]


def main(arguments: list[str] | None = None) -> int:
    """Prints a row a kind of file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--candidates", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args(arguments)
    chance = random.Random(told.seed)
    tried, caught = Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        workspace = made(Path(folder), told.candidates)
        key = signing.public_key(Path(folder) / "key.pem.pub")
        by_kind: dict[str, list[Path]] = {}
        for kind, path in files(workspace):
            if path.stat().st_size:
                by_kind.setdefault(kind, []).append(path)
        started = time.perf_counter()
        if problems := verify(workspace, keys=[key]):
            print(f"before any change: {problems}")
            return 1
        once = time.perf_counter() - started
        for _ in range(told.changes):
            kind = chance.choice([*by_kind])
            path = chance.choice(by_kind[kind])
            content = path.read_bytes()
            path.write_bytes(changed(content, chance))
            tried[kind] += 1
            caught[kind] += bool(verify(workspace, keys=[key]))
            path.write_bytes(content)
        left = verify(workspace, keys=[key])
        number = sum(len(paths) for paths in by_kind.values())
    print("| kind of file | files | changes | caught |\n|---|---|---|---|")
    for kind, paths in by_kind.items():
        print(f"| {kind} | {len(paths)} | {tried[kind]} | {caught[kind]} |")
    print(f"| all | {number} | {tried.total()} | {caught.total()} |\n\nOne verification takes {once * 1000:.0f} ms.")
    return 0 if caught == tried and not left else 1


if __name__ == "__main__":
    sys.exit(main())
