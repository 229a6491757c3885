"""Intervals and tests on simulated data with a known truth: the same settings as benchmarks/recovery, fewer samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import bdtrik

from benchmarks.recovery.__main__ import run
from benchmarks.recovery.setting import Setting
from benchmarks.recovery.validity import CONSERVATIVE, SETTINGS

TINY = ("pearson", "selection_validity, 60 of 600 by two stages", "selection_validity, two gates")


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


def test_every_conservative_name_is_a_setting() -> None:
    assert set(CONSERVATIVE) <= {setting.name for setting in SETTINGS}
    assert set(TINY) <= {setting.name for setting in SETTINGS}
