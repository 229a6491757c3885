"""The fault table: every command that writes × every step it takes on disk × every fault. After each: the command once
more, then everything in the workspace is compared with what an undisturbed run leaves.

    python -m benchmarks.faults [--every N]

Fails where a row or a report is lost, doubled or different, or where a fault ended in anything but a sentence.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from tests.faults.disturbed import cases, disturbed, runner
from tests.faults.steps import FAULTS

SIZES = (0, 500, 2_000, 8_000, 30_000, 60_000, 200_000)
"""Bytes beyond which the operating system lets no file grow."""


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="only every n-th step")
    every = parser.parse_args().every
    runs, wrong = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    with tempfile.TemporaryDirectory() as folder, runner() as run:
        known = cases(run, Path(folder))
        for case in known:
            places = [(fault, at) for fault in FAULTS for at in range(0, len(case.steps), every)]
            for fault, at in [*places, *(("small files", size) for size in SIZES[::every])]:
                ended, differs = disturbed(run, case, fault, at, Path(folder) / "disturbed")
                runs[case.name, fault] += 1
                unsaid = fault != "kill" and (ended.code not in (0, 1, 2, 4) or "Traceback" in ended.printed)
                if differs or unsaid:
                    wrong[case.name, fault] += 1
                    print(f"WRONG {case.name}, {fault} at {at}: {differs or ended.printed}", flush=True)
    kinds = (*FAULTS, "small files")
    print("| command | steps | " + " | ".join(kinds) + " |\n|---|---|" + "---|" * len(kinds))
    for case in known:
        cells = [f"{runs[case.name, kind] - wrong[case.name, kind]} of {runs[case.name, kind]}" for kind in kinds]
        print(f"| {case.name} | {len(case.steps)} | {' | '.join(cells)} |")
    print(f"{runs.total()} disturbed runs, {wrong.total()} with anything lost, doubled, different or unsaid")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
