"""The whole chain of validity by bootstrap, beside scipy.stats.bootstrap of one plain correlation of the same people.

    python -m benchmarks.validity_chain [--applicants 100000] [--replicates 10000]

Applicants have an HR score and three interviewers each; one in ten is hired by the interview and rated by two managers.
Timed in the same run: `validity_chain` from the long table to the estimate (reliabilities estimated anew in every
replicate); the own bootstrap of the plain correlation of HR and interview score; and scipy's of the same correlation,
same number of replicates, paired, vectorized, in batches that fit the cache best of those tried. Prints one JSON document;
at full size ends with exit code 1 when the chain takes 60 seconds or the plain correlation is not ten times as fast.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import bootstrap

from fairpanel.measures.validity.chain_bootstrap import resampled_correlation
from fairpanel.measures.validity.validity_chain import validity_chain

FULL_SIZE = 100_000
MOST_SECONDS, LEAST_RATIO = 60.0, 10.0
REPEATS = 3  # of both plain bootstraps; the fastest counts


def generated(applicants: int, seed: int = 7) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """Long ratings, and the HR and mean interview score of all applicants."""
    rng = np.random.default_rng(seed)
    true, hr_noise, merit_noise = rng.standard_normal((3, applicants))
    interviewers = max(applicants // 50, 10)
    severity = 0.4 * rng.standard_normal(interviewers)
    rater = (rng.integers(0, interviewers, applicants)[:, None] + np.array([0, 1, 7])) % interviewers
    score = true[:, None] + severity[rater] + 0.9 * rng.standard_normal(rater.shape)
    interview, hr = score.mean(axis=1), 0.5 * true + hr_noise
    hired = np.flatnonzero(interview >= np.quantile(interview, 0.9))
    merit = 0.35 * true[hired] + merit_noise[hired]
    managers = interviewers + rng.integers(0, max(hired.size // 5, 5), (hired.size, 1)) * 2 + np.arange(2)
    verdict = merit[:, None] + 0.7 * rng.standard_normal(managers.shape)
    parts = [
        ("hr", np.arange(applicants)[:, None], np.full((applicants, 1), -1), hr[:, None]),
        ("interview", np.arange(applicants)[:, None], rater, score),
        ("performance", hired[:, None], managers, verdict),
    ]
    taken = np.isin(np.arange(applicants), hired)
    frames = []
    for name, unit, who, what in parts:
        people = np.broadcast_to(unit, what.shape).ravel()
        columns = {"unit": people, "rater": who.ravel(), "score": what.ravel(), "selected": taken[people]}
        frames.append(pl.DataFrame(columns).with_columns(variable=pl.lit(name)))
    return pl.concat(frames), hr, interview


def pearson(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    """The correlation along an axis, for scipy's bootstrap."""
    x = x - x.mean(axis=axis, keepdims=True)
    y = y - y.mean(axis=axis, keepdims=True)
    return (x * y).sum(axis=axis) / np.sqrt((x * x).sum(axis=axis) * (y * y).sum(axis=axis))


def _timed(job: Any, repeats: int = 1) -> tuple[float, Any]:
    """Seconds of the fastest run, and its value."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        value = job()
        best = min(best, time.perf_counter() - start)
    return best, value


def peer(x: np.ndarray, y: np.ndarray, replicates: int, batch: int) -> Any:
    """scipy's percentile bootstrap."""
    return bootstrap(
        (x, y), pearson, paired=True, vectorized=True, method="percentile", n_resamples=replicates, batch=batch,
        rng=np.random.default_rng(1),
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--applicants", type=int, default=FULL_SIZE)
    parser.add_argument("--replicates", type=int, default=10_000)
    chosen = parser.parse_args(arguments)
    frame, hr, interview = generated(chosen.applicants)
    validity_chain(generated(500)[0], covariates=["hr"], replicates=50)
    chain_seconds, estimate = _timed(lambda: validity_chain(frame, covariates=["hr"], replicates=chosen.replicates))
    own_seconds, values = _timed(lambda: resampled_correlation(hr, interview, chosen.replicates, 1), REPEATS)
    tried = {
        batch: _timed(lambda size=batch: peer(hr, interview, 2 * size, size))[0] / batch for batch in (2, 5, 20, 100)
    }
    batch = min(tried, key=tried.__getitem__)
    peer_seconds, theirs = _timed(lambda: peer(hr, interview, chosen.replicates, batch), REPEATS)
    low, high = np.quantile(values, (0.025, 0.975))
    ends = theirs.confidence_interval
    found = {
        "applicants": chosen.applicants,
        "replicates": chosen.replicates,
        "chain_seconds": round(chain_seconds, 2),
        "value": estimate.value,
        "interval": estimate.to_dict()["interval"],
        "plain_seconds": round(own_seconds, 2),
        "plain_interval": [float(low), float(high)],
        "scipy_seconds": round(peer_seconds, 2),
        "scipy_batch": batch,
        "scipy_interval": [float(ends.low), float(ends.high)],
        "scipy_over_plain": round(peer_seconds / own_seconds, 1),
        "scipy_over_chain": round(peer_seconds / chain_seconds, 1),
    }
    print(json.dumps(found, indent=2))
    if chosen.applicants < FULL_SIZE:
        return 0
    failures = []
    if chain_seconds >= MOST_SECONDS:
        failures.append(f"the chain took {chain_seconds:.0f} s, more than {MOST_SECONDS:.0f}")
    if peer_seconds < LEAST_RATIO * own_seconds:
        failures.append(f"the plain correlation is only {peer_seconds / own_seconds:.1f} times as fast as scipy's")
    if abs(low - ends.low) > 0.1 * (ends.high - ends.low) or abs(high - ends.high) > 0.1 * (ends.high - ends.low):
        failures.append("the two bootstraps of the plain correlation disagree")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
