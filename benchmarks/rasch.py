"""The many-facet Rasch model on 100,000 ratings, beside the PyPI package raschpy where an interpreter has it.

    python -m benchmarks.rasch [--ratings 100000] [--peer-python /path/to/venv-with-raschpy/bin/python]

Each candidate is scored by 3 of ratings/100 raters, 1 to 5, one score each; and by 3 raters on 5 competencies. Both
sides get the same scores in memory, own side first; the peer fits the second design, as it needs items. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

PEER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd, raschpy
long = pd.read_csv(sys.argv[1])
long["score"] -= 1
wide = long.pivot(index=["rater", "unit"], columns="item", values="score")
wide.columns = [f"i{one}" for one in wide.columns]
start = time.perf_counter()
model = raschpy.MFRM(wide, max_score=4)
model.calibrate_global()
seconds = time.perf_counter() - start
severities = pd.Series(model.facet_effects_global)
print(json.dumps({"seconds": seconds, "severity": {str(name): float(value) for name, value in severities.items()}}))
"""


def generated(ratings: int, competencies: int, seed: int = 7) -> tuple[Any, Any]:
    """Ratings of candidates by 3 of ratings/100 raters each, and the raters' severities (SD .5, candidates' 1.2)."""
    import polars as pl

    from benchmarks.recovery.rasch import draw_scores

    rng = np.random.default_rng(seed)
    raters, units = max(ratings // 100, 6), max(ratings // (3 * competencies), 10)
    unit = np.repeat(np.arange(units), 3 * competencies)
    rater = np.repeat(np.concatenate([rng.choice(raters, 3, replace=False) for _ in range(units)]), competencies)
    item = np.tile(np.arange(competencies), 3 * units)
    severity = rng.normal(0, 0.5, raters)
    difficulty = np.linspace(-0.5, 0.5, competencies) if competencies > 1 else np.zeros(1)
    score = draw_scores(rng, 1 + rng.normal(0, 1.2, units)[unit] - severity[rater] - difficulty[item])
    return pl.DataFrame({"unit": unit, "rater": rater, "item": item, "score": score}), severity


def timed(frame: Any, severity: Any, estimation: str, repeats: int) -> dict[str, Any]:
    """Seconds by the clock and of the processor (best of `repeats`), and how near the estimates are to the truth."""
    from fairpanel.measures.catalogue import measure

    seconds, processor, found = [], [], None
    for _ in range(repeats):
        start, busy = time.perf_counter(), time.process_time()
        found = measure("many_facet_rasch", frame, estimation=estimation)
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
    if found is None:
        raise ValueError("at least one repeat")
    return {
        "estimation": estimation,
        "seconds": min(seconds),
        "processor_seconds": min(processor),
        "iterations": found.detail["convergence"]["iterations"],
        "converged": found.detail["convergence"]["converged"],
        **nearness(found.detail["measures"]["rater"], severity),
    }


def nearness(measures: dict[str, float | None], severity: Any) -> dict[str, float]:
    """Slope on the truth and root mean squared error, both centred."""
    known = [name for name, value in measures.items() if value is not None]
    true = np.array([severity[int(name)] for name in known])
    estimate = np.array([measures[name] for name in known], dtype=np.float64)
    true, estimate = true - true.mean(), estimate - estimate.mean()
    return {
        "slope": float(true @ estimate / (true @ true)),
        "rmse": float(np.sqrt(np.mean((estimate - true) ** 2))),
    }


def peer(frame: Any, severity: Any, python: str) -> dict[str, Any]:
    """raschpy's seconds and nearness for the same ratings."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ratings.csv"
        frame.write_csv(path)
        run = subprocess.run([python, "-c", PEER, str(path)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"raschpy failed: {run.stderr[-2000:]}")
    found = json.loads(run.stdout.splitlines()[-1])
    return {"package": "raschpy", "seconds": found["seconds"], **nearness(found["severity"], severity)}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--ratings", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer-python", help="interpreter that has raschpy; without it only the own side is timed")
    chosen = parser.parse_args(arguments)
    results: list[dict[str, Any]] = []
    for competencies in (1, 5):
        frame, severity = generated(chosen.ratings, competencies)
        row: dict[str, Any] = {
            "ratings": frame.height,
            "raters": int(severity.size),
            "units": frame["unit"].n_unique(),
            "competencies": competencies,
            "fairpanel": [timed(frame, severity, estimation, chosen.repeats) for estimation in ("cml", "mml", "jmle")],
        }
        if chosen.peer_python and competencies > 1:
            row["peer"] = peer(frame, severity, chosen.peer_python)
        results.append(row)
    print(json.dumps(results, indent=2))
    slow = [one for row in results for one in row["fairpanel"] if one["processor_seconds"] > 20 or not one["converged"]]
    for one in slow:
        print(
            f"{one['estimation']}: {one['processor_seconds']:.1f} s of processor time, converged {one['converged']}",
            file=sys.stderr,
        )
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
