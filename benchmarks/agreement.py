"""Coefficients of agreement side by side with the PyPI packages krippendorff, irrCAC and pingouin.

    python -m benchmarks.agreement [--ratings 1000000] --peer-python /path/to/venv-with-peers/bin/python

Each candidate is scored 1 to 5 by 3 of ratings/100 raters. Both sides get the same long table, in memory, and are timed in
the same run from there to the number, own side first, imports and a first small call done; the best of `--repeats`. What
the peers need first is timed with them: krippendorff the counts of units by values (by pandas.crosstab, and by hand with
numpy, the fastest way known), irrCAC one column per seat, pingouin (kappa it has none: one-way intraclass correlation)
complete rows (the first 30,000
ratings only: it takes minutes for more). Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

PEER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy, pandas, krippendorff, pingouin
from irrCAC.raw import CAC
data = pandas.read_csv(sys.argv[1])
repeats, slow = int(sys.argv[2]), sys.argv[3] == "1"

def counts_by_hand(frame):
    unit, units = pandas.factorize(frame["unit"])
    value, values = pandas.factorize(frame["score"], sort=True)
    table = numpy.bincount(unit * len(values) + value, minlength=len(units) * len(values))
    return table.reshape(len(units), len(values)), numpy.asarray(values)

def counts_by_crosstab(frame):
    table = pandas.crosstab(frame["unit"], frame["score"])
    return table.to_numpy(), table.columns.to_numpy()

def alpha(prepare, level):
    def run(frame):
        table, values = prepare(frame)
        return float(krippendorff.alpha(value_counts=table, value_domain=values, level_of_measurement=level))
    return run

def seats(frame):
    return frame.assign(seat=frame.groupby("unit").cumcount()).pivot(index="unit", columns="seat", values="score")

def by_seat(method, weights):
    return lambda frame: float(getattr(CAC(seats(frame), weights=weights, digits=15), method)()["est"]["coefficient_value"])

def one_way(frame):
    numbered = frame.assign(seat=frame.groupby("unit").cumcount())
    found = pingouin.intraclass_corr(numbered, targets="unit", raters="seat", ratings="score")
    return float(found["ICC"].iloc[0])

jobs = {f"krippendorff {level}, counts by hand": alpha(counts_by_hand, level) for level in ("nominal", "ordinal", "interval")}
if slow:
    jobs["krippendorff ordinal, counts by crosstab"] = alpha(counts_by_crosstab, "ordinal")
jobs |= {
    "irrCAC fleiss identity": by_seat("fleiss", "identity"),
    "irrCAC gwet quadratic": by_seat("gwet", "quadratic"),
    "irrCAC brennan-prediger linear": by_seat("bp", "linear"),
    "pingouin one-way ICC, first 30,000 ratings": lambda frame: one_way(frame.head(30_000)),
}
small, found = data.head(3000), {}
for name, job in jobs.items():
    job(small)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        value = job(data)
        times.append(time.perf_counter() - start)
    found[name] = {"seconds": min(times), "value": value}
print(json.dumps(found))
"""
FIRST = "pingouin one-way ICC, first 30,000 ratings"
PAIRS = {
    "krippendorff nominal, counts by hand": ("krippendorff_alpha", {"level": "nominal"}),
    "krippendorff ordinal, counts by hand": ("krippendorff_alpha", {"level": "ordinal"}),
    "krippendorff interval, counts by hand": ("krippendorff_alpha", {"level": "interval"}),
    "krippendorff ordinal, counts by crosstab": ("krippendorff_alpha", {"level": "ordinal"}),
    "irrCAC fleiss identity": ("fleiss_kappa", {}),
    "irrCAC gwet quadratic": ("gwet_ac", {"weights": "quadratic"}),
    "irrCAC brennan-prediger linear": ("brennan_prediger", {"weights": "linear"}),
    FIRST: ("icc", {"form": "1"}),
}
"""Which of the own measures gives the peer's number."""


def generated(ratings: int, seed: int = 11) -> Any:
    """Five-point scores; each candidate met 3 of ratings / 100 raters."""
    import polars as pl

    rng = np.random.default_rng(seed)
    units, raters = ratings // 3, max(ratings // 100, 10)
    unit = np.repeat(np.arange(units), 3)
    rater = (rng.integers(0, raters, units)[:, None] + np.array([0, 1, 7])).ravel() % raters
    latent = 3.5 + rng.normal(0, 1, units)[unit] + rng.normal(0, 0.8, unit.size)
    return pl.DataFrame({"unit": unit, "rater": rater, "score": np.clip(np.round(latent), 1, 5).astype(np.int64)})


def own(frame: Any, repeats: int) -> dict[str, dict[str, Any]]:
    """Seconds and values of the own measures, interval included."""
    from fairpanel.measures.catalogue import measure

    small = frame.head(3000)
    found = {}
    more = {"conger": ("conger_kappa", {}), "pairs of raters": ("pairwise_agreement", {})}
    for label, (name, options) in (PAIRS | more).items():
        measure(name, small, **options)
        rows = frame.head(30_000) if label == FIRST else frame
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            value = measure(name, rows, **options).value
            seconds.append(time.perf_counter() - start)
        found[label] = {"measure": name, "options": options, "seconds": min(seconds), "value": value}
    return found


def memory(ratings: int) -> float:
    """Bytes per rating at the peak of Fleiss' kappa, the largest intermediate arrays of the family."""
    from fairpanel.measures.catalogue import measure

    frame = generated(ratings)
    measure("fleiss_kappa", frame.head(3000))
    tracemalloc.start()
    measure("fleiss_kappa", frame, weights="linear")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / frame.height


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--ratings", type=int, default=1_000_000)
    parser.add_argument("--peer-python", help="interpreter that has the peers; without it only the own side is timed")
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args(arguments)
    frame = generated(chosen.ratings)
    rows = own(frame, chosen.repeats)
    if chosen.peer_python:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ratings.csv"
            frame.write_csv(path)
            command = [chosen.peer_python, "-c", PEER, str(path), str(chosen.repeats), "1"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the peers failed: {done.stderr[-2000:]}")
        for label, peer in json.loads(done.stdout.splitlines()[-1]).items():
            row = rows[label]
            row |= {"peer_seconds": peer["seconds"], "peer_value": peer["value"]}
            row["ratio"] = peer["seconds"] / row["seconds"]
    sizes = [chosen.ratings // 10, chosen.ratings]
    bytes_per_rating = {size: round(memory(size)) for size in sizes}
    print(json.dumps({"ratings": frame.height, "rows": rows, "peak_bytes_per_rating": bytes_per_rating}, indent=2))
    failures = []
    for label, row in rows.items():
        if "peer_value" in row and abs(row["value"] - row["peer_value"]) > 1e-6:
            failures.append(f"{label}: {row['value']} against the peer's {row['peer_value']}")
        if label.startswith("irrCAC") and chosen.ratings >= 1_000_000 and row.get("ratio", np.inf) < 1.5:
            failures.append(f"{label}: only {row['ratio']:.1f} times as fast")
    if bytes_per_rating[sizes[1]] > 2 * bytes_per_rating[sizes[0]]:
        failures.append(f"memory grows faster than the ratings: {bytes_per_rating} bytes a rating")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
