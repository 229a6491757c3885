"""Periods of reports as a reader names them: a month, a quarter, a year, or any other span of days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from reports import view

MONTHS = {"month": 1, "quarter": 3, "half-year": 6, "year": 12}
"""How many months a step of the calendar has."""
WEEK, OTHER = "week", "other"
STEPS = (WEEK, *MONTHS, OTHER)
MOST_FILLED = 240  # a range longer than this keeps only the periods that occur


@dataclass(frozen=True, slots=True)
class Span:
    """From start up to, not including, end; None where that side is open."""

    start: date | None
    end: date | None

    @property
    def step(self) -> str:
        """week (from Monday), month, quarter, half-year or year where the span is exactly one of them; else other."""
        if self.start is None or self.end is None:
            return OTHER
        if self.start.weekday() == 0 and self.end - self.start == timedelta(weeks=1):
            return WEEK
        if self.start.day != 1 or self.end.day != 1:
            return OTHER
        first, months = _month(self.start), _month(self.end) - _month(self.start)
        return next((name for name, long in MONTHS.items() if long == months and first % long == 0), OTHER)

    @property
    def order(self) -> tuple[date, date]:
        """Earlier spans first; open sides lie farthest out."""
        return self.start or date.min, self.end or date.max

    def __str__(self) -> str:
        if self.start is None and self.end is None:
            return "All dates"
        if self.end is None:
            return f"From {view.day(str(self.start))}"
        last = view.day(str(self.end - timedelta(days=1)))
        if self.start is None:
            return f"Up to {last}"
        return self._named() or f"{view.day(str(self.start))} to {last}"

    def _named(self) -> str | None:
        start = self.start or date.min
        month, space = start.month - 1, view.HARD
        return {
            "week": f"Week{space}of {start.day}{space}{view.MONTHS[month][:3]}{space}{start.year}",
            "month": f"{view.MONTHS[month][:3]}{space}{start.year}",
            "quarter": f"Q{month // 3 + 1}{space}{start.year}",
            "half-year": f"H{month // 6 + 1}{space}{start.year}",
            "year": f"{start.year}",
        }.get(self.step)


def span_of(scope: Mapping[str, Any]) -> Span:
    """The period of a scope; an end that cannot be read counts as open."""
    return Span(_day(scope.get("from")), _day(scope.get("to")))


def filled(spans: Sequence[Span], step: str) -> list[Span]:
    """Every period of this step from the earliest to the latest of spans, so that a gap is seen; sorted."""
    found = sorted(set(spans), key=lambda span: span.order)
    if step == OTHER or not found or found[0].start is None or found[-1].start is None:
        return found
    if step == WEEK:
        weeks = (found[-1].start - found[0].start).days // 7
        starts = (
            [found[0].start + timedelta(weeks=number) for number in range(weeks + 1)] if weeks < MOST_FILLED else []
        )
        return [Span(start, start + timedelta(weeks=1)) for start in starts] or found
    first, last, long = _month(found[0].start), _month(found[-1].start), MONTHS[step]
    if (last - first) // long >= MOST_FILLED:
        return found
    return [*_steps(first, last, long)]


def _steps(first: int, last: int, long: int) -> Iterator[Span]:
    for month in range(first, last + 1, long):
        yield Span(_first_of(month), _first_of(month + long))


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _month(day: date) -> int:
    """Months since year 0."""
    return day.year * 12 + day.month - 1


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)
