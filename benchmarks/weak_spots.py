"""Where a usual figure fails, so that the documentation's warnings can be rerun.

    python -m benchmarks.weak_spots [--replicates 1000]

The interval of the pair with the smallest impact ratio when the pair is chosen by the data, and the chi-square p of
Tarone's test beside the drawn one when requisitions are small. True are equal rates and agreement.
"""

from __future__ import annotations

import argparse

import numpy as np
import polars as pl

from fairpanel.measures.fairness.adverse_impact import impact_ratio
from fairpanel.measures.fairness.stratified import breslow_day


def chosen_pair(groups: int, replicates: int, rng: np.random.Generator) -> float:
    """Share of intervals that hold the true ratio 1: equal groups of 100, all selected at a rate of .3."""
    names = np.repeat([f"g{index}" for index in range(groups)], 100)
    held = 0
    for _ in range(replicates):
        interval = impact_ratio(pl.DataFrame({"group": names, "selected": rng.random(names.size) < 0.3})).interval
        held += interval is not None and interval.low <= 1 <= interval.high
    return held / replicates


def small_requisitions(count: int, size: int, replicates: int, rng: np.random.Generator) -> tuple[float, float]:
    """Share of rejections at 5 % by the chi-square p and by the drawn p; selection at .3 whatever the group."""
    requisition = np.repeat(np.arange(count), size)
    rejected = np.zeros(2)
    for _ in range(replicates):
        group = np.where(rng.random(requisition.size) < 0.45, "f", "r")
        frame = pl.DataFrame({"stratum": requisition, "group": group, "selected": rng.random(requisition.size) < 0.3})
        detail = breslow_day(frame, focal="f", reference="r").detail
        rejected += np.array([detail["tarone_p"] < 0.05, detail["p_homogeneity"] < 0.05])
    return float(rejected[0] / replicates), float(rejected[1] / replicates)


def main(arguments: list[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=1000)
    replicates = parser.parse_args(arguments).replicates
    rng = np.random.default_rng(1)
    print("| equal groups of 100 | interval of the chosen pair covers |\n|---:|---:|")
    for groups in (2, 3, 4, 6):
        print(f"| {groups} | {chosen_pair(groups, replicates, rng):.1%} |", flush=True)
    print("\n| requisitions | people in each | chi-square p rejects | drawn p rejects |\n|---:|---:|---:|---:|")
    for count, size in ((300, 5), (100, 12), (40, 30)):
        chi_square, drawn = small_requisitions(count, size, replicates, rng)
        print(f"| {count} | {size} | {chi_square:.1%} | {drawn:.1%} |", flush=True)


if __name__ == "__main__":
    main()
