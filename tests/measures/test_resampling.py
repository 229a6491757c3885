"""Cluster bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fairpanel.measures.estimate import MeasureInputError
from fairpanel.measures.resampling import bootstrap_interval, cluster_bootstrap, times_drawn

RNG = np.random.default_rng(0)
SKEWED = RNG.exponential(size=60)


def _mean(drawn: np.ndarray) -> float:
    return float(SKEWED[drawn].mean())


def test_the_seed_decides() -> None:
    one, two, other = (cluster_bootstrap(_mean, 60, replicates=200, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("units", [1, 2, 7, 60])
def test_samples_drawn_together_are_those_drawn_one_by_one(units: int) -> None:
    together, alone = np.random.default_rng(3), np.random.default_rng(3)
    found = np.concatenate([times_drawn(together, units, samples) for samples in (1, 5, 3)])
    expected = [np.bincount(alone.integers(0, units, size=units), minlength=units) for _ in range(9)]
    assert np.array_equal(found, expected)
    assert together.random() == alone.random()


def test_spread_is_the_error_of_the_mean() -> None:
    values = cluster_bootstrap(_mean, 60, replicates=4000, seed=1)
    assert values.std() == pytest.approx(SKEWED.std() / np.sqrt(60), rel=0.05)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_interval_is_scipys(method: str) -> None:
    peer = stats.bootstrap((SKEWED,), np.mean, n_resamples=2000, method=method, rng=np.random.default_rng(5))
    jackknife = np.array([np.delete(SKEWED, one).mean() for one in range(60)])
    own = bootstrap_interval(
        peer.bootstrap_distribution,
        estimate=float(SKEWED.mean()),
        method=method,  # type: ignore[arg-type]
        jackknife=jackknife,
    )
    assert own is not None
    assert own.low == pytest.approx(peer.confidence_interval.low, abs=1e-9)
    assert own.high == pytest.approx(peer.confidence_interval.high, abs=1e-9)


def test_samples_that_determine_nothing_are_left_out() -> None:
    values = cluster_bootstrap(lambda drawn: None if 0 in drawn else 1.0, 3, replicates=100, seed=0)
    assert 0 < values.size < 100
    assert bootstrap_interval(values[:10], estimate=1.0) is None


def test_misuse_is_named() -> None:
    with pytest.raises(MeasureInputError, match="replicates"):
        cluster_bootstrap(_mean, 60, replicates=3, seed=0)
    with pytest.raises(MeasureInputError, match="cluster"):
        cluster_bootstrap(_mean, 0, replicates=100, seed=0)
    with pytest.raises(MeasureInputError, match="jackknife"):
        bootstrap_interval(np.ones(60), estimate=1.0, method="bca")
