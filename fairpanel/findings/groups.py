"""Rules on where a gap between groups arises: crossed groups, panels, interviewers, single competencies, time.

All ask the same two questions: does a test speak after allowing for the number of tests; and if not, could an effect of a
size that matters have been seen?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fairpanel.config import PolicyConfig
from schemas.results import Estimated, Finding, State, Test

LARGE_DELTA = 1.5
"""The ETS limit of a large difference (class C)."""
LARGE_LOG_ODDS = 0.7
"""About a doubling of the odds: a shift of selection that should not go unnoticed."""
CROSSED_SPREAD = 0.4
"""SD of crossed groups' departures in log odds under which they hardly matter."""


def _made(estimate: Estimated, rule: str, state: State, reason: str, test: Test | None = None, **rest: Any) -> Finding:
    return Finding(
        question="alike",
        state=state,
        subject=estimate.subject,
        rule=rule,
        reason=reason,
        evidence=(estimate.identity,),
        p=None if test is None else test.p,
        q=None if test is None else test.q,
        leading=estimate.subject.get("job_family") is None,
        **rest,
    )


def _detectable(estimate: Estimated, *names: str) -> dict[str, float] | None:
    found: Mapping[str, Any] = estimate.result["detail"].get("minimum_detectable") or {}
    kept = {name: float(found[name]) for name in names if isinstance(found.get(name), int | float)}
    return kept or None


def crossed(estimate: Estimated, test: Test | None, policy: PolicyConfig, others: Sequence[Estimated]) -> Finding:
    """A crossed group that departs from what its two attributes say."""
    del others
    detail, interval = estimate.result["detail"], estimate.result["interval"]
    flagged = detail.get("flagged") or []
    level = {"detectable": _detectable(estimate, "sd")}
    if estimate.result["value"] is None:
        return _made(estimate, "crossed", "cannot_tell", "not_estimable")
    if flagged and test is not None and test.q < policy.significance:
        return _made(estimate, "crossed", "concern", "departs", test, **level)
    if interval is not None and float(interval["high"]) <= CROSSED_SPREAD:
        return _made(estimate, "crossed", "none_seen", "additive", test, **level)
    return _made(estimate, "crossed", "cannot_tell", "interval_too_wide", test, **level)


def panels(estimate: Estimated, test: Test | None, policy: PolicyConfig, others: Sequence[Estimated]) -> Finding:
    """Whether groups met panels of unlike severity: the part of the gap that came with them, in SDs of candidates."""
    del others
    detail = estimate.result["detail"]
    between, ends, variance = detail.get("between"), detail.get("between_interval"), detail.get("var_unit")
    if between is None or not ends or not variance:
        return _made(estimate, "panels", "cannot_tell", "not_estimable")
    worth = policy.difference_of_interest * float(variance) ** 0.5
    level: dict[str, Any] = {"threshold": worth, "detectable": _detectable(estimate, "difference")}
    if test is not None and test.q < policy.significance:
        return _made(estimate, "panels", "concern", "harsher" if between < 0 else "milder", test, **level)
    if -worth < ends[0] and ends[1] < worth:
        return _made(estimate, "panels", "none_seen", "alike", test, **level)
    return _made(estimate, "panels", "cannot_tell", "interval_too_wide", test, **level)


def interviewers(estimate: Estimated, test: Test | None, policy: PolicyConfig, others: Sequence[Estimated]) -> Finding:
    """Whether interviewers differ in the gap they see; never about one of them from a handful of scores."""
    del others
    detail = estimate.result["detail"]
    visible = _detectable(estimate, "sd")
    if estimate.result["value"] is None:
        return _made(estimate, "interviewers", "cannot_tell", "not_estimable")
    if test is not None and test.q < policy.significance:
        return _made(estimate, "interviewers", "concern", "differ", test, detectable=visible)
    spread = float(detail.get("var_unit") or 0.0) ** 0.5
    if visible and spread and visible["sd"] <= 2 * policy.difference_of_interest * spread:
        return _made(estimate, "interviewers", "none_seen", "alike", test, detectable=visible)
    return _made(estimate, "interviewers", "cannot_tell", "few_interviewers", test, detectable=visible)


def item_bias(estimate: Estimated, test: Test | None, policy: PolicyConfig, others: Sequence[Estimated]) -> Finding:
    """Whether a competency is scored apart among people of the same standing: the test, and a class beyond negligible."""
    del others
    interval, kind = estimate.result["interval"], estimate.result["detail"].get("ets_class")
    if estimate.result["value"] is None or interval is None:
        return _made(estimate, "item_bias", "cannot_tell", "not_estimable")
    visible = _detectable(estimate, "delta")
    if test is not None and test.q < policy.significance and kind in ("B", "C"):
        return _made(estimate, "item_bias", "concern", f"class_{kind}", test, detectable=visible)
    if max(abs(float(interval["low"])), abs(float(interval["high"]))) < LARGE_DELTA:
        return _made(estimate, "item_bias", "none_seen", "not_large", test, detectable=visible)
    return _made(estimate, "item_bias", "cannot_tell", "interval_too_wide", test, detectable=visible)


def movement(estimate: Estimated, test: Test | None, policy: PolicyConfig, others: Sequence[Estimated]) -> Finding:
    """Whether the gap moved: at an audit all periods are looked at once, so that the test of a change decides.

    The watch, which may be looked at every period, keeps its level for one gap; an audit watches dozens.
    """
    del others
    detail = estimate.result["detail"]
    alarm = detail.get("alarm") or {}
    visible = _detectable(estimate, "shift", "log_odds_ratio", "d")
    limit = LARGE_LOG_ODDS if estimate.variant == "selection" else 2.5 * policy.difference_of_interest
    if not alarm.get("looks"):
        return _made(estimate, "movement", "cannot_tell", "not_estimable")
    change = detail.get("change") or {}
    if test is not None and test.q < policy.significance:
        return _made(estimate, "movement", "concern", _direction(change), test, detectable=visible)
    if alarm.get("alarm_at") is not None:
        return _made(estimate, "movement", "cannot_tell", "alarm_alone", test, detectable=visible)
    if visible and min(abs(value) for value in visible.values()) <= limit:
        return _made(estimate, "movement", "none_seen", "steady", test, detectable=visible)
    return _made(estimate, "movement", "cannot_tell", "few_in_periods", test, detectable=visible)


def _direction(change: Mapping[str, Any]) -> str:
    """Against the focal group is down."""
    before, after = change.get("before"), change.get("after")
    if before is None or after is None:
        return "moved"
    return "down" if float(after) < float(before) else "up"
