"""Intervals and tests on simulated data with a known truth: the same settings as benchmarks/recovery, fewer samples."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy.special import bdtrik

from benchmarks.recovery.__main__ import run
from benchmarks.recovery.fairness import CONSERVATIVE, SETTINGS
from benchmarks.recovery.setting import Setting
from fairpanel.measures.fairness.adverse_impact import impact_ratio
from fairpanel.measures.fairness.contingency import Table
from fairpanel.measures.fairness.ratio_interval import koopman_interval

TINY = (
    "impact_ratio, small",
    "lancaster_mid_p",
    "differential_prediction, hc3 small",
    "welch t",
    "gap_shares, adjusted test",
    "group_monitor, alarm, scores",
)


def _plausible(setting: Setting, replicates: int) -> None:
    """The count lies within what a binomial with 93-97 % (3-7 %) would give but once in 10,000 times on each side."""
    result = run(setting, replicates, seed=2, conservative=CONSERVATIVE.get(setting.name))
    low, high = (0.93, 0.97) if setting.kind == "coverage" else (0.03, 0.07)
    if setting.name in CONSERVATIVE:
        low, high = (low, 1.0) if setting.kind == "coverage" else (0.0, high)
    fewest = float(np.floor(bdtrik(1e-4, replicates, low))) if low > 0 else 0.0
    most = float(np.ceil(bdtrik(1 - 1e-4, replicates, high))) if high < 1 else float(replicates)
    count = result.rate * replicates
    assert fewest <= count <= most, f"{setting.name}: {result.rate:.3f} of {replicates}"
    assert result.unknown <= replicates * 0.01


@pytest.mark.parametrize("setting", [each for each in SETTINGS if each.name in TINY], ids=lambda each: each.name)
def test_recovery_in_brief(setting: Setting) -> None:
    _plausible(setting, 60)


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.name)
def test_recovery(setting: Setting) -> None:
    _plausible(setting, 200)


@pytest.mark.parametrize(("focal_rate", "reference_rate"), [(0.1, 0.2), (0.3, 0.3), (0.3, 0.6), (0.6, 0.6)])
def test_koopman_coverage_exactly(focal_rate: float, reference_rate: float) -> None:
    """The probability of every table of 30 and 40 people, summed over those whose interval holds the ratio."""
    n, m = 30, 40
    focal, reference = binom(np.arange(n + 1), n, focal_rate), binom(np.arange(m + 1), m, reference_rate)
    coverage = 0.0
    for a in range(n + 1):
        for c in range(m + 1):
            interval = koopman_interval(Table(a, n - a, c, m - c), 0.95) if a + c else None
            if interval is not None and interval.low <= focal_rate / reference_rate <= interval.high:
                coverage += focal[a] * reference[c]
    assert 0.94 <= coverage <= 0.96


def binom(counts: np.ndarray, n: int, rate: float) -> np.ndarray:
    return np.array([math.comb(n, int(k)) * rate**k * (1 - rate) ** (n - k) for k in counts])


def test_interval_over_all_pairs_allows_for_the_choice() -> None:
    """Four groups with equal rates: the pair's own interval misses the truth often, the one over all pairs rarely."""
    rng = np.random.default_rng(1)
    plain = over_all = 0
    for _ in range(200):
        people = pl.DataFrame({"group": np.repeat(["a", "b", "c", "d"], 100), "selected": rng.random(400) < 0.4})
        estimate = impact_ratio(people)
        assert estimate.interval is not None
        plain += estimate.interval.high >= 1
        over_all += estimate.detail["over_all_pairs"]["high"] >= 1
    assert plain < 180 < 184 <= over_all


def test_every_conservative_name_is_a_setting() -> None:
    assert set(CONSERVATIVE) <= {setting.name for setting in SETTINGS}
    assert set(TINY) <= {setting.name for setting in SETTINGS}
