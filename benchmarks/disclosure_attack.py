"""How many small cells an attacker with linear programs finds in reports that passed disclosure control.

    python -m benchmarks.disclosure_attack [--reports 300] [--rows 24]

Random organisations (tests.reports.random_tables), with one report each, then with reports on nested periods.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from reports.disclosure import protect
from tests.reports import random_tables
from tests.reports.attack import exposed
from tests.reports.truth import counted

Entry = dict[str, Any]
PAIRS = (((0, 12), (0, 6)), ((0, 6), (0, 3)), ((0, 12), (3, 6)), ((0, 3), (0, 6)), ((3, 6), (0, 6)))
THREES = (((0, 12), (0, 6), (0, 3)), ((0, 3), (3, 6), (0, 6)))


def shown(report: Entry) -> int:
    """Counts of groups in a report."""
    return sum(1 for _ in counted(report))


def nested(seed: int, months: tuple[tuple[int, int], ...]) -> bool | None:
    """Whether a row of reports gives a cell away; None where no counts at all fit what an attacker believes."""
    made, published = random_tables.nested(seed, months)
    try:
        return bool(exposed(made, [[one] for one in published], 5))
    except ValueError:
        return None


def main(arguments: list[str] | None = None) -> None:
    """Prints a row an edition."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=300)
    parser.add_argument("--first-seed", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=24, help="organisations with reports on nested periods")
    told = parser.parse_args(arguments)
    names = ("nothing withheld", "internal", "public", "internal and public")
    rows = {name: [0, 0] for name in names}
    small = 0
    for seed in range(told.first_seed, told.first_seed + told.reports):
        rng = np.random.default_rng(seed)
        people, stages = random_tables.draw(rng), int(rng.integers(1, 3))
        made = random_tables.report(people, stages=stages)
        internal = protect(made)
        public = protect(made, (), "public", [internal])
        small += len({count.place for count in counted(made) if 0 < count.number < 5})
        for name, editions, minimum in zip(
            names, ([made], [internal], [public], [internal, public]), (5, 5, 10, 5), strict=True
        ):
            found = exposed([made], [editions], minimum)
            rows[name][0] += bool(found)
            rows[name][1] += len(found)
    print(f"{told.reports} random reports with {small} counts of 1 to 4 people\n")
    print("| what the attacker has | reports that give a cell away | cells |\n|---|---:|---:|")
    for name, (reports, cells) in rows.items():
        print(f"| {name} | {reports} | {cells} |")
    print("\n| internal reports on nested periods | rows of reports | give a cell away |\n|---|---:|---:|")
    for name, spans in (("two", PAIRS), ("three", THREES)):
        found = [nested(seed, months) for seed in range(20, 20 + told.rows) for months in spans]
        judged = [one for one in found if one is not None]
        print(f"| {name} | {len(judged)} | {sum(judged)} |")


if __name__ == "__main__":
    main()
