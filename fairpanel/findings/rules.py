"""Where a number becomes a finding. Four states: alert, concern, cannot tell, none seen.

A figure alone never makes a finding: its interval must lie on one side of the policy's threshold, or a test must speak;
otherwise the honest answer is that these data cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fairpanel.config import PolicyConfig
from fairpanel.findings import groups
from schemas.results import Estimated, Finding, State, Test

Interval = tuple[float, float]
WELL_POWERED = 2.0
TWO_DF = 1.108
"""The test of both lines has two degrees of freedom: for 80 % power at 5 % it needs a slope difference larger by the root of
9.63 / 7.85 (noncentral chi-squares) than the test of slopes alone, whose smallest visible difference an estimate states."""


def findings(estimates: Sequence[Estimated], tests: Sequence[Test], policy: PolicyConfig) -> list[Finding]:
    """Every finding of an audit, in the order of the estimates. Unreliable scores make null results uncertain."""
    by_estimate = {test.estimate: test for test in tests}
    found = [
        finding
        for estimate in estimates
        if (rule := RULES.get(estimate.result["measure"])) is not None
        and (finding := rule(estimate, by_estimate.get(_tested_by(estimate, estimates)), policy, estimates)) is not None
    ]
    unreliable = {
        finding.subject["stage"]
        for finding in found
        if finding.question == "reliable" and finding.leading and finding.state == "alert"
    }
    return [_doubted(finding) if finding.subject.get("stage") in unreliable else finding for finding in found]


def _doubted(finding: Finding) -> Finding:
    """Nothing seen through an unreliable score is no sight of nothing."""
    if finding.question == "reliable" or finding.state != "none_seen":
        return finding
    return _with_state(finding, "cannot_tell", "unreliable_score")


def _with_state(finding: Finding, state: State, reason: str) -> Finding:
    values = {name: getattr(finding, name) for name in Finding.__slots__}
    return Finding(**(values | {"state": state, "reason": reason}))


def _interval(estimate: Estimated) -> Interval | None:
    interval = estimate.result["interval"]
    if interval is None:
        return None
    return float(interval["low"]), float(interval["high"])  # an infinite end is the word "Infinity"


def _leads(estimate: Estimated) -> bool:
    subject = estimate.subject
    return subject.get("job_family") is None and subject.get("competency") in ("overall", "composite", None)


def _detectable(estimate: Estimated) -> dict[str, float] | None:
    found: Mapping[str, Any] | None = estimate.result["detail"].get("minimum_detectable")
    if not found:
        return None
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def reliability(
    estimate: Estimated, test: Test | None, policy: PolicyConfig, others: Sequence[Estimated]
) -> Finding | None:
    """The interval of G(q,k) against the reliability that a decision should rest on."""
    del test, others
    if estimate.family != "reliability":  # that of performance ratings decides nothing about interviews
        return None
    interval = _interval(estimate)
    state: State
    if interval is None:
        state, reason = "cannot_tell", "not_estimable"
    elif interval[1] < policy.reliability_alert:
        state, reason = "alert", "below_alert"
    elif interval[1] < policy.reliability_acceptable:
        state, reason = "concern", "below_acceptable"
    elif interval[0] >= policy.reliability_acceptable:
        state, reason = "none_seen", "acceptable"
    else:
        state, reason = "cannot_tell", "interval_holds_threshold"
    return Finding(
        question="reliable",
        state=state,
        subject=estimate.subject,
        rule="reliability",
        reason=reason,
        evidence=(estimate.identity,),
        threshold=policy.reliability_acceptable,
        leading=_leads(estimate),
    )


def validity(
    estimate: Estimated, test: Test | None, policy: PolicyConfig, others: Sequence[Estimated]
) -> Finding | None:
    """The applicant-pool correlation: is it there, and could it be useful?"""
    del test
    if estimate.variant != "em":
        return None
    interval = _interval(estimate)
    state: State
    if interval is None:
        state, reason = "cannot_tell", "not_estimable"
    elif interval[1] < policy.validity_useful:
        state, reason = ("alert", "below_zero") if interval[1] < 0 else ("concern", "below_useful")
    elif interval[0] > 0:
        state, reason = "none_seen", "predicts"
    else:
        state, reason = "cannot_tell", "interval_holds_zero"
    same = [
        other.identity
        for other in others
        if other.subject == estimate.subject and other.family == "validity" and other is not estimate
    ]
    return Finding(
        question="predictive",
        state=state,
        subject=estimate.subject,
        rule="validity",
        reason=reason,
        evidence=(estimate.identity, *same),
        threshold=policy.validity_useful,
        detectable=_detectable(estimate),
        leading=_leads(estimate),
    )


FOUR_FIFTHS = 0.8
CROSS = " × "


def _below(estimate: Estimated, focal: str, policy: PolicyConfig) -> bool:
    """Under the policy's ratio; four fifths in whole numbers, so that 48 of 100 against 60 of 100 is not below."""
    if policy.impact_ratio == FOUR_FIFTHS:
        return (estimate.result["detail"].get("four_fifths") or {}).get(focal) is False
    value = estimate.result["value"]
    return value is not None and float(value) < policy.impact_ratio


def selection(
    estimate: Estimated, test: Test | None, policy: PolicyConfig, others: Sequence[Estimated]
) -> Finding | None:
    """The impact ratio with its interval, and the test within requisitions (else over all) for the group it is about.

    Where the data chose the pair, p and interval allow for all pairs of groups; a job family is one of many looks, so that
    its test has to stand over all tests; where a group is too small for one, nothing is said. Of crossed groups the smallest
    of many ratios means little: they are judged by their departures (groups.crossed).
    """
    if CROSS in str(estimate.subject.get("attribute")):
        return None
    interval = _interval(estimate)
    detail = estimate.result["detail"]
    focal, reference = detail.get("focal"), detail.get("reference")
    rests_on = _test_of_pair(estimate, others, str(focal))
    p = rests_on.result["detail"][_P_KEY[rests_on.result["measure"]]] if rests_on is not None else detail.get("p")
    over_all = detail.get("over_all_pairs") or {}
    p = None if p is None else min(1.0, p * over_all.get("pairs", 1))
    below = _below(estimate, str(focal), policy)
    stands = _leads(estimate) or (test is not None and test.q < policy.significance)
    significant = p is not None and p < policy.significance and stands
    state: State
    if interval is None or estimate.result["value"] is None:
        state, reason = "cannot_tell", "not_estimable"
    elif below and significant:
        high = over_all.get("high")
        state = "alert" if (interval[1] if high is None else float(high)) < policy.impact_ratio else "concern"
        reason = "below_threshold"
    elif below:
        state, reason = "cannot_tell", "below_threshold_chance_possible"
    elif interval[0] >= policy.impact_ratio:
        state, reason = "none_seen", "above_threshold"
    elif significant:
        state, reason = "concern", "significant_above_threshold"
    else:
        state, reason = "cannot_tell", "interval_holds_threshold"
    evidence = (estimate.identity,) if rests_on is None else (estimate.identity, rests_on.identity)
    return Finding(
        question="alike",
        state=state,
        subject=estimate.subject | {"group": focal, "reference": reference},
        rule="selection",
        reason=reason,
        evidence=evidence,
        threshold=policy.impact_ratio,
        detectable=_detectable(estimate),
        p=p,
        q=None if test is None else test.q,
        leading=_leads(estimate),
    )


_P_KEY = {"mantel_haenszel": "p_corrected", "lancaster_mid_p": "p_two_sided"}


def _tested_by(estimate: Estimated, others: Sequence[Estimated]) -> str:
    """The estimate whose test speaks for another: an impact ratio has none of its own."""
    if estimate.result["measure"] != "impact_ratio":
        return estimate.identity
    found = _test_of_pair(estimate, others, str(estimate.result["detail"].get("focal")))
    return estimate.identity if found is None else found.identity


def _test_of_pair(estimate: Estimated, others: Sequence[Estimated], focal: str) -> Estimated | None:
    """Mantel–Haenszel within requisitions where there is one, else Lancaster's mid-p over all."""
    about = {key: value for key, value in estimate.subject.items() if key not in ("group", "reference")}
    for name in _P_KEY:
        for other in others:
            same = {key: value for key, value in other.subject.items() if key not in ("group", "reference")} == about
            speaks = other.result["measure"] == name and other.result["detail"].get(_P_KEY[name]) is not None
            if same and speaks and other.subject.get("group") == focal:
                return other
    return None


def score_gap(estimate: Estimated, test: Test | None, policy: PolicyConfig, others: Sequence[Estimated]) -> Finding:
    """The standardized difference against the difference that an audit should be able to see."""
    del others
    interval = _interval(estimate)
    worth = policy.difference_of_interest
    value = estimate.result["value"]
    state: State
    if interval is None:
        state, reason = "cannot_tell", "not_estimable"
    elif test is not None and test.q < policy.significance and abs(value) >= worth:
        state, reason = "concern", "difference"
    elif -worth < interval[0] and interval[1] < worth:
        state, reason = "none_seen", "smaller_than_of_interest"
    else:
        state, reason = "cannot_tell", "interval_too_wide"
    return Finding(
        question="alike",
        state=state,
        subject=estimate.subject,
        rule="score_gap",
        reason=reason,
        evidence=(estimate.identity,),
        threshold=worth,
        detectable=_detectable(estimate),
        p=None if test is None else test.p,
        q=None if test is None else test.q,
        leading=_leads(estimate),
    )


def prediction(estimate: Estimated, test: Test | None, policy: PolicyConfig, others: Sequence[Estimated]) -> Finding:
    """Do the groups' prediction lines differ? A null result counts only where a differing slope could have been seen."""
    del others
    detectable = _detectable(estimate)
    if detectable and "difference" in detectable:
        detectable["difference"] *= TWO_DF
    detail = estimate.result["detail"]
    rows = detail.get("coefficients", [])  # intercept, slope of the reference group, then what differs by group
    slope = rows[1]["estimate"] if len(rows) > 1 else None
    visible = (detectable or {}).get("difference")
    state: State
    if test is None or estimate.result["value"] is None:
        state, reason = "cannot_tell", "not_estimable"
    elif test.q < policy.significance:
        state, reason = "concern", str(detail.get("step_down") or "lines_differ")
    elif visible is not None and slope and abs(visible) <= WELL_POWERED * abs(slope):
        state, reason = "none_seen", "lines_alike"
    else:
        state, reason = "cannot_tell", "too_few"
    return Finding(
        question="alike",
        state=state,
        subject=estimate.subject,
        rule="prediction",
        reason=reason,
        evidence=(estimate.identity,),
        detectable=detectable,
        p=None if test is None else test.p,
        q=None if test is None else test.q,
        leading=_leads(estimate),
    )


Rule = Callable[[Estimated, Test | None, PolicyConfig, Sequence[Estimated]], Finding | None]
RULES: dict[str, Rule] = {
    "g_coefficient": reliability,
    "selection_validity": validity,
    "impact_ratio": selection,
    "standardized_difference": score_gap,
    "differential_prediction": prediction,
    "crossed_rates": groups.crossed,
    "panel_assignment": groups.panels,
    "rater_group_interaction": groups.interviewers,
    "dif_mantel_haenszel": groups.item_bias,
    "group_monitor": groups.movement,
}
