"""Finding estimates in a report by what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reports import view

Entry = Mapping[str, Any]
LEADS = ("overall", "composite")


def select(
    report: Entry, measure: str, variant: str | None = None, *, family: str | None = None, **subject: Any
) -> list[Entry]:
    """The estimates of a measure whose subject has these values; a collection admits any of its members."""
    return [
        estimate
        for estimate in report["estimates"]
        if estimate["measure"] == measure
        and (variant is None or estimate["variant"] == variant)
        and (family is None or estimate["family"] == family)
        and all(_admits(wanted, estimate["subject"].get(key)) for key, wanted in subject.items())
    ]


def _admits(wanted: Any, found: str | None) -> bool:
    return found in wanted if isinstance(wanted, tuple) else found == wanted


def wholes_first(entries: list[Entry]) -> list[Entry]:
    """All job families together before single ones, each in the order of the report."""
    return sorted(entries, key=lambda estimate: estimate["subject"]["job_family"] is not None)


def first(report: Entry, measure: str, variant: str | None = None, **subject: Any) -> Entry | None:
    return next(iter(select(report, measure, variant, **subject)), None)


def by_id(report: Entry, identity: str) -> Entry | None:
    return next((estimate for estimate in report["estimates"] if estimate["id"] == identity), None)


def stages_of(report: Entry, measure: str) -> list[str]:
    """Stages a measure was taken at, the user interview first."""
    found = {estimate["subject"]["stage"] for estimate in select(report, measure)}
    return [stage for stage in ("user", "hr", "other") if stage in found]


def attributes_of(report: Entry) -> list[str]:
    return sorted({e["subject"]["attribute"] for e in report["estimates"] if e["subject"].get("attribute")})


def leading_findings(report: Entry, question: str) -> list[Entry]:
    return [f for f in report["findings"] if f["question"] == question and f["leading"]]


def beyond(estimate: Entry, value: float = 0.0) -> int:
    """1 where the interval lies above a value, -1 where it lies below, 0 where it holds it or is not known."""
    low, high = (view.number((estimate["interval"] or {}).get(end)) for end in ("low", "high"))
    return int(low is not None and low > value) - int(high is not None and high < value)


def ends(entries: Iterable[tuple[str, Entry]]) -> list[float | None]:
    """Both ends of every interval, for an axis that holds them."""
    return [view.number((entry["interval"] or {}).get(end)) for _, entry in entries for end in ("low", "high")]


def test_of(report: Entry, identity: str) -> Entry | None:
    return next((test for test in report["tests_run"] if test["estimate"] == identity), None)
