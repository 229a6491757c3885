"""Rules on groups as worked answers: pairs that the data chose, job families, changes over time, panels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fairpanel.config import PolicyConfig
from fairpanel.findings.multiplicity import adjusted_tests, allowing_for_choice
from fairpanel.findings.rules import TWO_DF, findings
from schemas.results import CHOSEN_AMONG, Estimated, Finding
from tests.findings.test_rules import _estimated

POLICY = PolicyConfig()


def _judged(*estimates: Estimated) -> list[Finding]:
    return findings(estimates, adjusted_tests(estimates), POLICY)


def _ratio(**more: Any) -> Estimated:
    base: dict[str, Any] = {"attribute": "race", "focal": "a", "four_fifths": {"a": False}, "p": 0.5}
    return _estimated("impact_ratio", 0.6, (0.4, 0.78), **base | more)


def _mid_p(p: float, **more: Any) -> Estimated:
    return _estimated("lancaster_mid_p", 0.6, None, attribute="race", group="a", reference="b", p_two_sided=p, **more)


@pytest.mark.parametrize(("p", "state"), [(0.004, "alert"), (0.006, "cannot_tell")])
def test_a_pair_that_the_data_chose_has_to_stand_over_all_pairs(p: float, state: str) -> None:
    wide = {"pairs": 10, "low": 0.3, "high": 0.79}
    (finding,) = _judged(_ratio(over_all_pairs=wide), _mid_p(p))
    assert finding.state == state
    assert finding.p == pytest.approx(10 * p)


def test_an_alert_needs_the_wide_interval_under_the_mark() -> None:
    wide = {"pairs": 3, "low": 0.3, "high": 0.95}
    (finding,) = _judged(_ratio(over_all_pairs=wide), _mid_p(0.001))
    assert finding.state == "concern"


@pytest.mark.parametrize(("others", "state"), [(0, "alert"), (40, "cannot_tell")])
def test_a_job_family_has_to_stand_over_all_tests(others: int, state: str) -> None:
    in_sales = [replace(e, subject=e.subject | {"job_family": "Sales"}) for e in (_ratio(), _mid_p(0.01))]
    rest = [_estimated("standardized_difference", 0.0, (-0.1, 0.1), group=f"g{at}", p=0.8) for at in range(others)]
    found = [f for f in _judged(*in_sales, *rest) if f.rule == "selection"]
    assert [f.state for f in found] == [state]
    assert found[0].p == 0.01


def test_a_job_family_with_a_group_too_small_for_a_test_is_not_accused() -> None:
    alone = _ratio(p=0.001)
    (finding,) = _judged(replace(alone, subject=alone.subject | {"job_family": "Sales"}))
    assert finding.state == "cannot_tell"


def test_the_ledger_raises_p_where_the_data_chose_the_reference() -> None:
    assert allowing_for_choice(0.01, _mid_p(0.01)) == 0.01
    assert allowing_for_choice(0.01, _mid_p(0.01, **{CHOSEN_AMONG: 2})) == 0.01
    assert allowing_for_choice(0.01, _mid_p(0.01, **{CHOSEN_AMONG: 5})) == pytest.approx(0.025)
    assert allowing_for_choice(0.9, _mid_p(0.9, **{CHOSEN_AMONG: 5})) == 1.0


@pytest.mark.parametrize(
    ("p", "alarm_at", "state", "reason"),
    [
        (0.001, None, "concern", "down"),
        (0.001, "2025-Q1", "concern", "down"),
        (0.4, "2025-Q1", "cannot_tell", "alarm_alone"),
        (0.4, None, "none_seen", "steady"),
    ],
)
def test_a_change_is_judged_by_its_test_and_not_by_a_watch_alone(
    p: float, alarm_at: str | None, state: str, reason: str
) -> None:
    watched = _estimated(
        "group_monitor", 0.8, (0.6, 1.0), "selection", attribute="gender", group="women", reference="men",
        alarm={"looks": 8, "alarm_at": alarm_at, "direction": "down"}, change={"p": p, "before": 1.0, "after": 0.5},
        minimum_detectable={"log_odds_ratio": 0.5},
    )  # fmt: skip
    (finding,) = _judged(watched)
    assert (finding.state, finding.reason) == (state, reason)
    assert finding.p == p


def test_what_panels_and_lines_state_as_visible_is_what_their_tests_find() -> None:
    panels = _estimated(
        "panel_assignment", 0.1, None, attribute="gender", group="women", reference="men", between=0.01,
        between_interval=[-0.02, 0.03], var_unit=1.0, between_p=0.5, minimum_detectable={"difference": 0.05},
    )  # fmt: skip
    lines = _estimated(
        "differential_prediction", 0.1, (-0.1, 0.3), attribute="gender", group="women", reference="men", omnibus_p=0.5,
        coefficients=[{"estimate": 0.0}, {"estimate": 0.5}], minimum_detectable={"difference": 0.4},
    )  # fmt: skip
    shown = {f.rule: f.detectable for f in _judged(panels, lines)}
    assert shown["panels"] == {"difference": 0.05}
    assert shown["prediction"] == {"difference": pytest.approx(0.4 * TWO_DF)}
