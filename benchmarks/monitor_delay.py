"""How often, and how soon, group_monitor raises its alarm after a gap has changed; and what monthly tests would do.

    python -m benchmarks.monitor_delay --replicates 500

Prints Markdown tables: the share of false and of true alarms with the median delay in months, beside naive tests of
every month's table at 5 % (Lancaster's mid-p) and of the pooled table of all months so far, looked at every month.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl
from scipy.stats import hypergeom

from benchmarks.recovery.monitoring import MONTHS, months_of_scores, months_of_selections
from fairpanel.measures.estimate import Estimate
from fairpanel.measures.fairness.monitoring import group_monitor

_AT = 12


def _mid_p(a: int, focal: int, reference: int, c: int) -> float:
    """Two-sided mid-p of one month's table: twice the smaller tail."""
    law = hypergeom(focal + reference, focal, a + c)
    low, same = float(law.cdf(a - 1)), float(law.pmf(a))
    return 2 * min(low + same / 2, 1 - low - same / 2)


def naive(replicates: int, seed: int) -> str:
    """Any p under .05 in 24 months without a gap."""
    lines = [
        "| people a group and month | any of 24 monthly tests | all months so far, tested every month | gap_alarm | alarm |",
        "|---|---:|---:|---:|---:|",
    ]
    for fewest, most in ((10, 10), (10, 60), (60, 60)):
        rng = np.random.default_rng(seed)
        simulate = months_of_selections(fewest, most, 0.25, 0.0)
        hits = np.zeros(4)
        for _ in range(replicates):
            found = group_monitor(simulate(rng), focal="f", reference="r")
            monthly = [
                _mid_p(row["selected_focal"], row["n_focal"], row["n_reference"], row["selected_reference"])
                for row in found.detail["periods"]
            ]
            running = [abs(row["statistic"]) for row in found.detail["gap_alarm"]["by_period"]]
            raised = [found.detail[alarm]["alarm_at"] is not None for alarm in ("gap_alarm", "alarm")]
            hits += [min(monthly) < 0.05, max(running) > 1.96, *raised]
        cells = " | ".join(f"{share:.0%}" for share in hits / replicates)
        lines.append(f"| {fewest if fewest == most else f'{fewest} to {most}'} | {cells} |")
    return "\n".join(lines)


def _planted(jump: float, at: int) -> list[tuple[str, Callable[[np.random.Generator], pl.DataFrame], str | None]]:
    """Selections with a log odds ratio that jumps, scores with a jump half as large in standard deviations."""
    rows: list[tuple[str, Callable[[np.random.Generator], pl.DataFrame], str | None]] = []
    for size in (10, 30, 60):
        simulate = months_of_selections(size, size, 0.25, 0.0, jump=-jump, at=at)
        rows.append((f"selection, {size} a group, rates near .25, odds ratio to {np.exp(-jump):.2f}", simulate, None))
    for size in (10, 30):
        simulate = months_of_scores(size, size, -0.2, jump=-jump / 2, at=at)
        rows.append((f"scores, {size} a group, gap from -.20 to {-0.2 - jump / 2:.2f}", simulate, "score"))
    return rows


def delays(replicates: int, seed: int) -> str:
    lines = [
        f"| change in month {_AT + 1} of {MONTHS} | false alarm before | alarm after | median delay | change p < .05 |",
        "|---|---:|---:|---:|---:|",
    ]
    for jump in (0.7, 1.2):
        for name, simulate, score in _planted(jump, _AT):
            rng = np.random.default_rng(seed)
            estimate: Callable[[pl.DataFrame], Estimate] = partial(group_monitor, focal="f", reference="r", score=score)
            early, late, seen = 0, [], 0
            for _ in range(replicates):
                detail = estimate(simulate(rng)).detail
                at = detail["alarm"]["alarm_at"]
                early += at is not None and int(at) < _AT
                if at is not None and int(at) >= _AT:
                    late.append(int(at) - _AT + 1)
                seen += detail["change"] is not None and detail["change"]["p"] < 0.05
            delay = f"{np.median(late):.0f}" if late else ""
            lines.append(
                f"| {name} | {early / replicates:.0%} | {len(late) / replicates:.0%} | {delay} | {seen / replicates:.0%} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitor_delay", description=__doc__.split("\n")[0])
    parser.add_argument("--replicates", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(naive(options.replicates, options.seed), delays(options.replicates, options.seed), sep="\n\n")


if __name__ == "__main__":
    main()
