"""Periods as people write them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from fairpanel.pipeline.periods import PeriodError, last_whole, periods, scope_of


def test_the_last_day_is_inside() -> None:
    scope = scope_of("2026-01-01", "2026-01-31", ["job_family=Sales"])
    assert scope.to_dict() == {"from": "2026-01-01", "to": "2026-02-01", "where": {"job_family": "Sales"}}


@pytest.mark.parametrize(
    ("first", "last", "every", "starts"),
    [
        ("2024-11", "2025-02", "month", ["2024-11", "2024-12", "2025-01", "2025-02"]),
        ("2024-02", "2024-07", "quarter", ["2024-01", "2024-04", "2024-07"]),
        ("2024-05", "2024-05", "month", ["2024-05"]),
        ("2024-05", "2025-02", "half-year", ["2024-01", "2024-07", "2025-01"]),
        ("2023-12", "2024-02", "year", ["2023-01", "2024-01"]),
    ],
)
def test_ranges(first: str, last: str, every: str, starts: list[str]) -> None:
    found = periods(first, last, every)
    assert [f"{period.start:%Y-%m}" for period in found] == starts
    assert all(one.end == two.start for one, two in pairwise(found))


@pytest.mark.parametrize(
    ("first", "last", "every", "says"),
    [
        ("2024-13", "2025-01", "month", "expected a month"),
        ("January", "2025-01", "month", "expected a month"),
        ("2025-02", "2025-01", "month", "ends before it begins"),
        ("0001-01", "2025-01", "month", "longer than a hundred years"),
        ("9999-01", "9999-12", "month", "cannot end in 9999-12"),
        ("2024-01", "2025-01", "day", "not 'day'"),
    ],
)
def test_mistaken_ranges(first: str, last: str, every: str, says: str) -> None:
    with pytest.raises(PeriodError, match=says):
        periods(first, last, every)


@pytest.mark.parametrize(
    ("start", "end", "where", "says"),
    [
        ("2026-02-30", None, [], "expected a date"),
        ("2026-02-02", "2026-02-01", [], "ends before it begins"),
        (None, None, ["salary=1"], "a condition is COLUMN=VALUE"),
        (None, "9999-12-31", [], "cannot end on 9999-12-31"),
        (None, None, ["stage=hr", "stage=user"], "two conditions on stage"),
        (None, None, ["job_family"], "a condition is COLUMN=VALUE"),
    ],
)
def test_mistaken_scopes(start: str | None, end: str | None, where: list[str], says: str) -> None:
    with pytest.raises(PeriodError, match=says):
        scope_of(start, end, where)


def test_the_last_whole_month_and_quarter() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    assert last_whole("month", now).start == datetime(2026, 4, 1, tzinfo=UTC)
    quarter = last_whole("quarter", now)
    assert (quarter.start, quarter.end) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def test_weeks_begin_on_monday_and_cover_the_range() -> None:
    found = periods("2024-02-28", "2024-03-12", "week")
    assert [f"{period.start:%a %Y-%m-%d}" for period in found] == ["Mon 2024-02-26", "Mon 2024-03-04", "Mon 2024-03-11"]
    assert all(one.end == two.start for one, two in pairwise(found))
    assert [f"{period.start:%m-%d}" for period in periods("2024-01", "2024-01", "week")] == [
        "01-01", "01-08", "01-15", "01-22", "01-29",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "start", "end"),
    [
        ("2024-02", "2024-03", "2024-02-01", "2024-04-01"),
        ("2024-02-10", "2024-02-10", "2024-02-10", "2024-02-11"),
        ("2023-12-31", "2024-02", "2023-12-31", "2024-03-01"),
    ],
)
def test_the_whole_range_is_one_period_to_the_day(first: str, last: str, start: str, end: str) -> None:
    (only,) = periods(first, last, "whole")
    assert (f"{only.start:%Y-%m-%d}", f"{only.end:%Y-%m-%d}") == (start, end)
    with pytest.raises(PeriodError, match="ends before it begins"):
        periods("2024-03", "2024-02", "whole")
