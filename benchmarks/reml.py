"""Crossed REML side by side with the PyPI package mixedlm: real course ratings (InstEval) and a generated design.

    python -m benchmarks.reml [INSTEVAL_FOLDER] --peer-python /path/to/venv-with-mixedlm/bin/python

Both sides get the same arrays from the same file and are timed in the same run, own side first, data in memory, imports
and a first small fit done. The peer runs in a process of its own, as its dependencies differ. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

PEER = """
import json, sys, time
import pandas
from mixedlm import lmer
data = pandas.read_csv(sys.argv[1], dtype={"unit": str, "rater": str, "score": float})
lmer("score ~ 1 + (1|unit) + (1|rater)", data.head(200), REML=True)
best, found = float("inf"), None
for _ in range(int(sys.argv[2])):
    start = time.perf_counter()
    found = lmer("score ~ 1 + (1|unit) + (1|rater)", data, REML=True)
    best = min(best, time.perf_counter() - start)
print(json.dumps({"seconds": best, "summary": str(found.summary())}))
"""


def generated(ratings: int = 100_000, per_unit: int = 3, seed: int = 7, *, cyclic: bool = False) -> Any:
    """Each candidate scored by 3 of ratings/100 raters; variances .5, .2, .6.

    Panels are drawn at random, or cyclic: neighbours in a ring, where a sparse factorisation is at its best and the
    peer about as fast.
    """
    import polars as pl

    rng = np.random.default_rng(seed)
    units, raters = ratings // per_unit + 1, ratings // 100
    unit = np.repeat(np.arange(units), per_unit)[:ratings]
    if cyclic:
        rater = (unit + np.tile(np.arange(per_unit), units)[:ratings]) % raters
    else:
        rater = np.concatenate([rng.choice(raters, per_unit, replace=False) for _ in range(units)])[:ratings]
    score = rng.normal(0, 0.5**0.5, units)[unit] + rng.normal(0, 0.2**0.5, raters)[rater]
    return pl.DataFrame({"unit": unit, "rater": rater, "score": score + rng.normal(0, 0.6**0.5, ratings)})


def insteval(folder: Path) -> tuple[Any, dict[str, float]]:
    """The ratings and the components that lme4 finds."""
    import polars as pl

    checks = json.loads((folder / "case.json").read_text())["checks"]
    expected = next(check["expected"] for check in checks if check["statistic"] == "g_theory_reml_crossed")
    return pl.read_csv(io.BytesIO(gzip.decompress((folder / "data.csv.gz").read_bytes()))), expected


def compare(name: str, frame: Any, repeats: int, peer_python: str | None) -> dict[str, Any]:
    """Seconds of both sides for the same fit; the best of `repeats`."""
    from fairpanel.measures.catalogue import measure

    measure("variance_components", frame.head(200), interval="none")
    seconds, found = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        found = measure("variance_components", frame, interval="none")
        seconds.append(time.perf_counter() - start)
    if found is None:
        raise ValueError("at least one repeat")
    own = {key: found.detail[key] for key in ("unit", "rater", "residual", "reml_criterion")}
    result: dict[str, Any] = {
        "design": name,
        "ratings": found.n["scores"],
        "units": found.n["units"],
        "raters": found.n["raters"],
        "fairpanel_seconds": min(seconds),
        "components": own,
        "convergence": found.detail["convergence"],
    }
    if peer_python:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ratings.csv"
            frame.write_csv(path)
            run = subprocess.run(
                [peer_python, "-c", PEER, str(path), str(repeats)], capture_output=True, text=True, check=False
            )
        if run.returncode:
            raise RuntimeError(f"mixedlm failed on {name}: {run.stderr[-2000:]}")
        peer = json.loads(run.stdout.splitlines()[-1])
        result |= {"mixedlm_seconds": peer["seconds"], "ratio": peer["seconds"] / min(seconds)}
        result["mixedlm_summary"] = peer["summary"]
    return result


def large(ratings: int = 1_000_000) -> dict[str, Any]:
    """A design beyond a dense matrix: seconds, memory, and how far random probes move the optimum."""
    from fairpanel.measures.catalogue import measure

    frame = generated(ratings)
    start = time.perf_counter()
    found = measure("g_coefficient", frame)
    seconds = time.perf_counter() - start
    return {
        "design": f"generated, {ratings:,} ratings, exact where traces are exact, else probed",
        "ratings": found.n["scores"],
        "units": found.n["units"],
        "raters": found.n["raters"],
        "fairpanel_seconds": seconds,
        "process_gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "value": found.value,
        "components": {key: found.detail[key] for key in ("var_unit", "var_rater", "var_residual")},
        "convergence": found.detail["convergence"],
    }


def probed_against_exact(ratings: int = 100_000) -> dict[str, Any]:
    """Both ways of fitting the same data: seconds, and their distance in standard errors of the estimates."""
    from fairpanel.measures.mixed_models.crossed import crossed_design
    from fairpanel.measures.mixed_models.fit import fit_crossed
    from fairpanel.measures.mixed_models.probed import fit_probed
    from fairpanel.measures.panel import long_ratings

    data = long_ratings(generated(ratings), unit="unit", rater="rater", score="score")
    design = crossed_design(data.unit, data.rater, data.score)
    start = time.perf_counter()
    exact = fit_crossed(design)
    between = time.perf_counter()
    probed = fit_probed(design)
    end = time.perf_counter()
    moved = probed.likelihood.gamma - exact.likelihood.gamma
    return {
        "design": f"generated, {ratings:,} ratings: random probes against the exact optimum",
        "exact_seconds": between - start,
        "probed_seconds": end - between,
        "distance_in_standard_errors": float(np.sqrt(moved @ exact.likelihood.average_information() @ moved)),
        "monte_carlo_error_stated": probed.convergence.monte_carlo_error,
        "exact": exact.likelihood.gamma.tolist(),
        "probed": probed.likelihood.gamma.tolist(),
    }


def main(arguments: list[str] | None = None) -> int:
    beside = Path(__file__).resolve().parents[2] / "shared" / "oracles" / "insteval"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "insteval", nargs="?", type=Path, default=beside, help="folder with InstEval's data and lme4's fit"
    )
    parser.add_argument("--peer-python", help="interpreter that has mixedlm; without it only the own side is timed")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--large", type=int, default=1_000_000, help="ratings of the largest design")
    chosen = parser.parse_args(arguments)
    results = []
    failures = []
    if chosen.insteval.is_dir():
        frame, expected = insteval(chosen.insteval)
        row = compare("InstEval", frame, chosen.repeats, chosen.peer_python)
        deviation = max(
            abs(row["components"][name] / expected[f"var_{name}"] - 1) for name in ("unit", "rater", "residual")
        )
        row["largest_relative_deviation_from_lme4"] = deviation
        if deviation > 1e-4:
            failures.append(f"InstEval components deviate by {deviation:.2g} from lme4's")
        if row.get("ratio", np.inf) < 5:
            failures.append(f"only {row['ratio']:.1f} times as fast as mixedlm on InstEval")
        results.append(row)
    else:
        print(f"no InstEval data in {chosen.insteval}: left out", file=sys.stderr)
    results.append(compare("generated, 100,000 ratings", generated(), chosen.repeats, chosen.peer_python))
    ring = generated(cyclic=True)
    results.append(compare("generated, cyclic panels, 100,000 ratings", ring, chosen.repeats, chosen.peer_python))
    results += [probed_against_exact(), large(chosen.large)]
    print(json.dumps(results, indent=2))
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
