"""Periods as the library names them, as a table with worked answers."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from reports.spans import Span, filled, span_of

S = "\u00a0"


@pytest.mark.parametrize(
    ("start", "end", "step", "name"),
    [
        ("2024-01-01", "2024-02-01", "month", f"Jan{S}2024"),
        ("2024-12-01", "2025-01-01", "month", f"Dec{S}2024"),
        ("2024-10-01", "2025-01-01", "quarter", f"Q4{S}2024"),
        ("2024-02-01", "2024-05-01", "other", f"1{S}February{S}2024 to 30{S}April{S}2024"),
        ("2024-07-01", "2025-01-01", "half-year", f"H2{S}2024"),
        ("2024-01-01", "2025-01-01", "year", "2024"),
        ("2024-01-01", "2024-01-08", "week", f"Week{S}of 1{S}Jan{S}2024"),
        ("2024-01-02", "2024-01-09", "other", f"2{S}January{S}2024 to 8{S}January{S}2024"),
        (None, None, "other", "All dates"),
        (None, "2024-03-01", "other", f"Up to 29{S}February{S}2024"),
        ("2024-03-01", None, "other", f"From 1{S}March{S}2024"),
        ("soon", 7, "other", "All dates"),
    ],
)
def test_a_span_knows_its_step_and_its_name(start: Any, end: Any, step: str, name: str) -> None:
    span = span_of({"from": start, "to": end})
    assert (span.step, str(span)) == (step, name)


def test_gaps_between_periods_become_columns() -> None:
    ends = [Span(date(2023, 10, 1), date(2024, 1, 1)), Span(date(2024, 7, 1), date(2024, 10, 1))]
    assert [str(span) for span in filled(ends[::-1], "quarter")] == [
        f"Q4{S}2023",
        f"Q1{S}2024",
        f"Q2{S}2024",
        f"Q3{S}2024",
    ]


def test_weeks_are_filled_across_a_new_year() -> None:
    ends = [Span(date(2024, 12, 23), date(2024, 12, 30)), Span(date(2025, 1, 6), date(2025, 1, 13))]
    assert [span.start for span in filled(ends, "week")] == [date(2024, 12, 23), date(2024, 12, 30), date(2025, 1, 6)]


def test_a_range_of_centuries_keeps_only_what_occurs() -> None:
    ends = [Span(date(1, 1, 1), date(1, 2, 1)), Span(date(9999, 1, 1), date(9999, 2, 1))]
    assert filled(ends, "month") == ends
