"""Are generating severities found as closely as standard errors say? Designs of benchmarks/recovery/rasch.py."""

from __future__ import annotations

import pytest

from benchmarks.recovery.__main__ import run
from benchmarks.recovery.rasch import PANELS, SETTINGS, recover

PANEL = {panel.name: panel for panel in PANELS}


@pytest.mark.slow
@pytest.mark.parametrize("name", PANEL)
def test_default_errors_are_as_large_as_promised(name: str) -> None:
    """Complete and sparse, skewed, steered: standardised errors of the default have a standard deviation of 1."""
    errors = recover(PANEL[name], 120 if PANEL[name].raters < 20 else 50)
    assert errors.unknown == 0
    assert errors.sd("rater") == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_joint_estimates_are_too_far_apart() -> None:
    """The known bias: with one score of each of 6 raters about 6/5, and errors larger than promised."""
    errors = recover(PANEL["complete, one score"], 40, estimation="jmle")
    assert errors.slope() == pytest.approx(6 / 5, abs=0.08)
    assert errors.sd("rater") > 1.3


@pytest.mark.slow
def test_marginal_estimates_need_candidates_met_at_random() -> None:
    """Where better candidates meet harsher raters, the normal candidates of mml take severity for merit."""
    errors = recover(PANEL["sparse, steered"], 30, estimation="mml")
    assert errors.slope() < 0.7
    assert recover(PANEL["sparse"], 30, estimation="mml").sd("rater") == pytest.approx(1, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS, ids=[setting.name for setting in SETTINGS])
def test_intervals_hold_the_truth(setting: object) -> None:
    result = run(setting, 300, 1)  # type: ignore[arg-type]
    assert 0.91 <= result.rate <= 0.985
