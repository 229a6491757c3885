"""Components of three and four facets: seconds, memory, and random probes against the exact optimum.

    python -m benchmarks.reml_facets [--candidates N] [--interviewers N]

Every design is fitted in a process of its own, so that its peak memory is its own. Designs are like an interview audit:
two to four interviewers a candidate, every competency scored by each of them, a tenth of the scores missing. Prints one
JSON document; fails where the probes' optimum is more than four stated Monte Carlo errors from the exact one.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

FACETS = ("unit", "rater", "item", "occasion")


def generated(candidates: int, interviewers: int, competencies: int, occasions: int = 1, seed: int = 11) -> Any:
    """Scores with an effect of every facet and of every pair of facets but those with occasions."""
    import polars as pl

    rng = np.random.default_rng(seed)
    panel = rng.integers(2, 5, candidates)
    rater = np.concatenate([rng.choice(interviewers, size, replace=False) for size in panel])
    unit, shape = np.repeat(np.arange(candidates), panel), (rater.size, competencies, occasions)
    pair, item, occasion = (axis.ravel() for axis in np.indices(shape))
    unit, rater = unit[pair], rater[pair]
    score = rng.normal(0, 0.7, candidates)[unit] + rng.normal(0, 0.4, interviewers)[rater]
    score += rng.normal(0, 0.2, competencies)[item] + rng.normal(0, 0.1, occasions)[occasion]
    score += rng.normal(0, 0.3, shape[0])[pair] + rng.normal(0, 0.3, (candidates, competencies))[unit, item]
    score += rng.normal(0, 0.15, (interviewers, competencies))[rater, item] + rng.normal(0, 0.6, score.size)
    table = pl.DataFrame({"unit": unit, "rater": rater, "item": item, "occasion": occasion, "score": score})
    return table.filter(pl.Series(rng.random(score.size) > 0.1))


def fitted(candidates: int, interviewers: int, competencies: int, occasions: int) -> dict[str, Any]:
    """The measure as an audit calls it."""
    from fairpanel.measures.catalogue import measure

    facets = list(FACETS[: 3 + (occasions > 1)])
    frame = generated(candidates, interviewers, competencies, occasions)
    measure("variance_components", generated(20, 5, 2), facets=["unit", "rater", "item"])
    start = time.perf_counter()
    found = measure("variance_components", frame, facets=facets)
    seconds = time.perf_counter() - start
    return {
        "ratings": found.n["scores"],
        "units": found.n["units"],
        "raters": found.n["raters"],
        "facets": facets,
        "fairpanel_seconds": seconds,
        "process_gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "method": found.method,
        "components": {
            name: value for name, value in found.detail.items() if name.split(":")[0] in (*facets, "residual")
        },
        "convergence": found.detail["convergence"],
    }


def compared(candidates: int, interviewers: int, competencies: int, occasions: int) -> dict[str, Any]:
    """Both ways of fitting the same data: seconds, and their distance in standard errors of the estimates."""
    from fairpanel.measures.mixed_models.blocks import fit_blocks
    from fairpanel.measures.mixed_models.blocks_design import block_design
    from fairpanel.measures.mixed_models.blocks_probed import fit_blocks_probed

    frame = generated(candidates, interviewers, competencies, occasions)

    def codes(*names: str) -> Any:
        return np.unique(frame.select(names).to_numpy(), axis=0, return_inverse=True)[1]

    more = (["occasion"], ["rater", "occasion"]) if occasions > 1 else ()
    design = block_design(
        codes("unit"),
        frame["score"].to_numpy(),
        {":".join(names): codes(*names) for names in (["unit"], ["unit", "rater"], ["unit", "item"])},
        {":".join(names): codes(*names) for names in (["rater"], ["item"], ["rater", "item"], *more)},
    )
    start = time.perf_counter()
    exact, _ = fit_blocks(design)
    between = time.perf_counter()
    probed, record = fit_blocks_probed(design)
    end = time.perf_counter()
    moved = probed.gamma - exact.gamma
    return {
        "ratings": frame.height,
        "units": candidates,
        "raters": interviewers,
        "levels_across_units": int(design.level_effect.size),
        "exact_seconds": between - start,
        "probed_seconds": end - between,
        "distance_in_standard_errors": float(np.sqrt(moved @ exact.average_information() @ moved)),
        "monte_carlo_error_stated": record.monte_carlo_error,
        "exact": exact.gamma.tolist(),
        "probed": probed.gamma.tolist(),
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=60_000, help="of the largest design")
    parser.add_argument("--interviewers", type=int, default=1000, help="of the largest design")
    parser.add_argument("--one", nargs=5, metavar="DESIGN", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.one:
        kind, *sizes = chosen.one
        print(json.dumps((compared if kind == "compared" else fitted)(*map(int, sizes))))
        return 0
    candidates, interviewers = chosen.candidates, chosen.interviewers
    designs = [
        ("fitted", candidates // 20, max(20, interviewers // 8), 5, 1),
        ("fitted", max(40, candidates // 400), max(12, interviewers // 50), 3, 3),
        ("fitted", candidates // 3, interviewers, 5, 1),
        ("fitted", candidates, interviewers, 5, 1),
        ("compared", candidates // 20, max(20, interviewers // 3), 5, 1),
        ("compared", candidates // 60, max(40, interviewers // 5), 4, 3),
    ]
    results = []
    for design in designs:
        command = [sys.executable, "-m", "benchmarks.reml_facets", "--one", *map(str, design)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            raise RuntimeError(f"{design} failed: {run.stderr[-2000:]}")
        results.append(json.loads(run.stdout.splitlines()[-1]))
    print(json.dumps(results, indent=2))
    failures = [
        f"probes {row['distance_in_standard_errors']:.2g} standard errors off, {row['monte_carlo_error_stated']:.2g} stated"
        for row in results
        if row.get("distance_in_standard_errors", 0.0) > 4 * row.get("monte_carlo_error_stated", 0.0) + 1e-3
    ]
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
