"""Steps that claim the applicants' correlation hold it in simulations: the designs of benchmarks/recovery, fewer samples."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from benchmarks.recovery.chain import DESIGNS, SEED, SETTINGS, Design, Row, rows, table
from benchmarks.recovery.setting import Setting
from tests.measures.validity.test_recovery import _plausible

DATA_SETS = 300
BRIEF = "validity_chain, two gates, true_score"


def _holds(row: Row, data_sets: int) -> None:
    """Bias under .01 and 93-97 % coverage, as far as this many data sets can tell (once in 10,000 on each side)."""
    assert abs(row.bias) < 0.01 + 3.7 * row.error, row
    made = round(data_sets * (1 - row.unknown))
    fewest, most = binom.ppf(1e-4, made, 0.93), binom.ppf(1 - 1e-4, made, 0.97)
    assert fewest <= round(row.coverage * made) <= most, row
    assert row.unknown < 0.02, row


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS, ids=lambda each: each.name)
def test_what_a_step_claims_it_holds(design: Design) -> None:
    found = rows(design, DATA_SETS, SEED + 1, 500)
    for row in found:
        if row.claims:
            _holds(row, DATA_SETS)
    assert table(found).count("\n") == len(found) + 1


@pytest.mark.slow
def test_where_nothing_claims_everything_fails() -> None:
    """Hiring by something unrecorded that goes with performance: every step is far off, and none says otherwise."""
    design = DESIGNS[-1]
    assert not design.claims
    for row in rows(design, 60, SEED + 2, 200):
        assert row.bias < -0.1


@pytest.mark.parametrize("setting", [each for each in SETTINGS if each.name == BRIEF], ids=lambda each: each.name)
def test_recovery_in_brief(setting: Setting) -> None:
    _plausible(setting, 20)
