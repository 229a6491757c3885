"""The policy as a table of worked answers: figure and interval in, finding out."""

from __future__ import annotations

from typing import Any

import pytest
from scipy.stats import false_discovery_control

from fairpanel.config import PolicyConfig
from fairpanel.findings.multiplicity import adjusted_tests
from fairpanel.findings.rules import findings
from schemas.results import Estimated

STAGE = {"stage": "user", "competency": "overall", "job_family": None}


def _estimated(
    measure: str, value: float | None, interval: tuple[Any, Any] | None, variant: str = "", **detail: Any
) -> Estimated:
    subject = {key: detail.pop(key) for key in ("attribute", "group", "reference") if key in detail}
    family: Any = {"g_coefficient": "reliability", "selection_validity": "validity"}.get(measure, "fairness")
    result = {
        "measure": measure,
        "value": value,
        "interval": None if interval is None else {"low": interval[0], "high": interval[1]},
        "detail": detail,
    }
    return Estimated(family=family, subject=STAGE | subject, result=result, variant=variant)


def _found(*estimates: Estimated) -> list[tuple[str, str]]:
    return [(f.state, f.reason) for f in findings(estimates, adjusted_tests(estimates), PolicyConfig())]


@pytest.mark.parametrize(
    ("interval", "state", "reason"),
    [
        ((0.72, 0.80), "none_seen", "acceptable"),
        ((0.70, 0.80), "none_seen", "acceptable"),
        ((0.65, 0.75), "cannot_tell", "interval_holds_threshold"),
        ((0.54, 0.62), "concern", "below_acceptable"),
        ((0.30, 0.49), "alert", "below_alert"),
        (None, "cannot_tell", "not_estimable"),
    ],
)
def test_reliability(interval: tuple[float, float] | None, state: str, reason: str) -> None:
    value = None if interval is None else sum(interval) / 2
    assert _found(_estimated("g_coefficient", value, interval)) == [(state, reason)]


@pytest.mark.parametrize(
    ("interval", "state", "reason"),
    [
        ((0.22, 0.40), "none_seen", "predicts"),
        ((-0.05, 0.30), "cannot_tell", "interval_holds_zero"),
        ((-0.05, 0.09), "concern", "below_useful"),
        ((-0.40, -0.02), "alert", "below_zero"),
        (None, "cannot_tell", "not_estimable"),
    ],
)
def test_validity(interval: tuple[float, float] | None, state: str, reason: str) -> None:
    assert _found(_estimated("selection_validity", 0.1 if interval else None, interval, "em")) == [(state, reason)]


def test_only_the_leading_method_of_validity_is_judged() -> None:
    assert _found(_estimated("selection_validity", 0.3, (0.2, 0.4), "direct")) == []


@pytest.mark.parametrize(
    ("interval", "four_fifths", "p", "state", "reason"),
    [
        ((0.60, 0.75), False, 0.001, "alert", "below_threshold"),
        ((0.68, 0.85), False, 0.002, "concern", "below_threshold"),
        ((0.40, 1.20), False, 0.30, "cannot_tell", "below_threshold_chance_possible"),
        ((0.85, 1.05), True, 0.30, "none_seen", "above_threshold"),
        ((0.75, 0.97), True, 0.01, "concern", "significant_above_threshold"),
        ((0.70, 1.20), True, 0.50, "cannot_tell", "interval_holds_threshold"),
    ],
)
def test_selection(interval: tuple[float, float], four_fifths: bool, p: float, state: str, reason: str) -> None:
    ratio = _estimated(
        "impact_ratio", 0.8, interval, attribute="gender", focal="women", four_fifths={"women": four_fifths}, p=p
    )
    assert _found(ratio) == [(state, reason)]


def test_selection_rests_on_the_test_within_requisitions_where_there_is_one() -> None:
    ratio = _estimated(
        "impact_ratio", 0.7, (0.6, 0.9), attribute="gender", focal="women", four_fifths={"women": False}, p=0.001
    )
    about = {"attribute": "gender", "group": "women", "reference": "men"}
    within = _estimated("mantel_haenszel", 0.9, (0.5, 1.5), **about, p_corrected=0.4)
    over_all = _estimated("lancaster_mid_p", 0.7, (0.5, 0.9), **about, p_two_sided=0.001)
    assert _found(ratio, over_all, within)[0] == ("cannot_tell", "below_threshold_chance_possible")
    assert _found(ratio, over_all)[0] == ("concern", "below_threshold")


@pytest.mark.parametrize(
    ("value", "interval", "p", "state"),
    [
        (-0.40, (-0.55, -0.25), 0.0001, "concern"),
        (-0.10, (-0.15, -0.05), 0.0001, "none_seen"),
        (-0.10, (-0.30, 0.10), 0.30, "cannot_tell"),
        (0.02, (-0.10, 0.14), 0.70, "none_seen"),
    ],
)
def test_score_gap(value: float, interval: tuple[float, float], p: float, state: str) -> None:
    assert _found(_estimated("standardized_difference", value, interval, p=p))[0][0] == state


def test_a_difference_must_survive_the_number_of_tests() -> None:
    one = _estimated("standardized_difference", -0.4, (-0.79, -0.01), group="A", p=0.04)
    others = [_estimated("standardized_difference", 0.0, (-0.3, 0.3), group=f"G{i}", p=0.9) for i in range(9)]
    assert _found(one)[0][0] == "concern"
    assert _found(one, *others)[0][0] == "cannot_tell"


@pytest.mark.parametrize(
    ("p", "visible", "state"), [(0.001, 0.3, "concern"), (0.5, 0.3, "none_seen"), (0.5, 3.0, "cannot_tell")]
)
def test_prediction(p: float, visible: float, state: str) -> None:
    lines = [{"term": "(Intercept)", "estimate": 3.0}, {"term": "score", "estimate": 0.4}]
    estimate = _estimated(
        "differential_prediction",
        0.1,
        (-0.2, 0.4),
        omnibus_p=p,
        coefficients=lines,
        minimum_detectable={"difference": visible},
    )
    assert _found(estimate)[0][0] == state


def test_an_unreliable_score_turns_nothing_seen_into_cannot_tell() -> None:
    gap = _estimated("standardized_difference", 0.02, (-0.10, 0.14), p=0.7)
    reliable, unreliable = ((0.72, 0.80), (0.30, 0.49))
    assert _found(_estimated("g_coefficient", 0.76, reliable), gap)[1] == ("none_seen", "smaller_than_of_interest")
    assert _found(_estimated("g_coefficient", 0.4, unreliable), gap)[1] == ("cannot_tell", "unreliable_score")


def test_the_ledger_of_tests_is_benjamini_hochberg() -> None:
    p = [0.001, 0.02, 0.03, 0.8]
    estimates = [
        _estimated("standardized_difference", 0.1, (-1, 1), group=str(i), p=value) for i, value in enumerate(p)
    ]
    tests = adjusted_tests(estimates)
    # by hand: .001·4/1, .02·4/2, .03·4/3, .8·4/4, made monotone from the largest down
    assert [test.q for test in tests] == pytest.approx([0.004, 0.04, 0.04, 0.8])
    assert [test.q for test in tests] == pytest.approx(false_discovery_control(p).tolist())
