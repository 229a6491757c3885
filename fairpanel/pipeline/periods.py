"""Periods of an audit: from days, months and quarters as people write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from fairpanel.analysis.frames import Period
from fairpanel.pipeline.scope import SCOPE_COLUMNS, Scope

STEP = {"month": 1, "quarter": 3, "half-year": 6, "year": 12}
STEPS = ("week", *STEP, "whole")
LONGEST_RANGE = 1200


class PeriodError(ValueError):
    """A date, month or range that cannot be audited: what came and what was expected."""


def scope_of(start: str | None, end: str | None, where: Sequence[str]) -> Scope:
    """First and last day (inclusive) and COLUMN=VALUE conditions as a scope. Raises PeriodError."""
    conditions: dict[str, str] = {}
    for condition in where:
        column, equals, value = condition.partition("=")
        if not equals or column not in SCOPE_COLUMNS:
            raise PeriodError(
                f"a condition is COLUMN=VALUE with a column of {', '.join(SCOPE_COLUMNS)}; got {condition!r}"
            )
        if conditions.get(column, value) != value:
            raise PeriodError(f"two conditions on {column}: a score has one value of it. Audit one after the other")
        conditions[column] = value
    first = None if start is None else _midnight(_day(start))
    after = None if end is None else _after(_day(end))
    if first is not None and after is not None and first >= after:
        raise PeriodError(f"the period ends before it begins: from {start} to {end}")
    return Scope(period=Period(first, after), where=conditions)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise PeriodError(f"expected a date as 2026-01-31, got {text!r}") from None


def _after(day: date) -> datetime:
    if day == date.max:
        raise PeriodError(f"the period cannot end on {day}; leave its end open")
    return _midnight(day + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def periods(first: str, last: str, every: str) -> list[Period]:
    """The weeks, months, … of a range, oldest first, both ends included. Raises PeriodError.

    Any day of a month stands for the month (in a step of weeks, for its week from Monday); a quarter, half-year or year
    that the range touches counts whole. `whole` is the range itself, to the day where days are given.
    """
    if every not in STEPS:
        raise PeriodError(f"a range is cut every {', '.join(STEPS[:-1])} or taken {STEPS[-1]}, not {every!r}")
    if every in STEP:
        return _by_months(first, last, STEP[every])
    start, end = _days(first)[0], _days(last)[1]
    if start > end:
        raise PeriodError(f"the range ends before it begins: from {first} to {last}")
    if (end - start).days > LONGEST_RANGE * 31:
        raise PeriodError(f"the range from {first} to {last} is longer than a hundred years")
    if every == "whole":
        return [Period(_midnight(start), _after(end))]
    monday = start - timedelta(days=start.weekday())
    weeks = [monday + timedelta(weeks=number) for number in range((end - monday).days // 7 + 1)]
    return [Period(_midnight(week), _midnight(week + timedelta(weeks=1))) for week in weeks]


def _by_months(first: str, last: str, step: int) -> list[Period]:
    start, end = _month(first), _month(last)
    start, end = start - start % step, end - end % step
    if start > end:
        raise PeriodError(f"the range ends before it begins: from {first} to {last}")
    if end + step > date.max.year * 12 + 11:
        raise PeriodError(f"the range cannot end in {last}")
    if end - start > LONGEST_RANGE:
        raise PeriodError(f"the range from {first} to {last} is longer than a hundred years")
    return [Period(_first_of(month), _first_of(month + step)) for month in range(start, end + 1, step)]


def _days(text: str) -> tuple[date, date]:
    """First and last day of what a month or a day stands for."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return _day(text), _day(text)
    month = _month(text)
    if month == date.max.year * 12 + 11:
        raise PeriodError(f"the range cannot end in {text}")
    return _first_of(month).date(), _first_of(month + 1).date() - timedelta(days=1)


def last_whole(step: str, now: datetime) -> Period:
    """The last month, quarter, … that has ended. Raises PeriodError for another step."""
    if step not in STEP:
        raise PeriodError(f"the last whole {', '.join(STEP)} can be audited, not {step!r}")
    month = now.year * 12 + now.month - 1
    end = month - month % STEP[step]
    return Period(_first_of(end - STEP[step]), _first_of(end))


def _month(text: str) -> int:
    """Months since year 0."""
    found = re.fullmatch(r"(\d{4})-(\d{2})(-\d{2})?", text)
    if not found or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1:
        raise PeriodError(f"expected a month as 2026-01, got {text!r}")
    return int(found[1]) * 12 + int(found[2]) - 1


def _first_of(month: int) -> datetime:
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
