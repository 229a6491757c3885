"""What an earlier report shows of the same people, so that no later one gives back by subtraction what either withholds.

A quarter is the sum of its months: where two months show a group and the third withholds it, the quarter must withhold it,
too. Reports on the same period (one that supersedes another) are no such sums and are not compared: who knows which records
came in between learns about these (docs/disclosure.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.group_tables import outcome_tables, people_tables
from reports.suppression import Cells, Slice, Table

Entry = Mapping[str, Any]
Key = tuple[str, Slice, int]
Span = tuple[str, str]
BEGINNING, END = "0000-00-00", "9999-99-99"


@dataclass(frozen=True, slots=True)
class Release:
    """The period of a published report, and the cells of groups that it shows: by kind, slice and number of cells."""

    span: Span
    cells: Mapping[Key, Mapping[str, Cells]]


def released(report: Entry) -> Release:
    """What a report, as published, shows of groups."""
    told = dict(report)
    cells: dict[Key, dict[str, Cells]] = {}
    for table in (*people_tables(told), *outcome_tables(told)):
        cells.setdefault((table.kind, table.slice, len(table.totals)), {}).update(table.cells)
    return Release(span_of(report), cells)


def span_of(report: Entry) -> Span:
    """The period of a report; one without an end reaches as far as any."""
    return report["period"]["from"] or BEGINNING, report["period"]["to"] or END


def guard(tables: Sequence[Table], span: Span, earlier: Sequence[Release], minimum: int) -> None:
    """Marks groups whose figures, less those of reports on parts of the period, would leave a small rest; and those that
    would complete an earlier report on a longer period."""
    inside = _apart([one for one in earlier if _within(one.span, span)])
    around = [one for one in earlier if _within(span, one.span)]
    for table in tables:
        key = (table.kind, table.slice, len(table.totals))
        if table.kind.endswith("/periods"):
            continue  # shown in tens: no sums follow
        for group, cells in table.cells.items():
            if _leaves_little(cells, [one.cells.get(key, {}).get(group) for one in inside], minimum):
                table.hidden.add(group)
            for longer in around:
                whole = longer.cells.get(key, {}).get(group)
                beside = _apart(
                    [one for one in earlier if _within(one.span, longer.span) and not _overlap(one.span, span)]
                )
                shown = [cells, *(one.cells.get(key, {}).get(group) for one in beside)]
                if whole is not None and _leaves_little(whole, shown, minimum):
                    table.hidden.add(group)


def _leaves_little(whole: Cells, parts: Sequence[Cells | None], minimum: int) -> bool:
    """Whether the parts that are shown leave somebody, but fewer than two hidden small cells could hold together."""
    shown = [part for part in parts if part is not None]
    if not shown:
        return False
    enough = 2 * minimum - 1 if len(shown) < len(parts) else minimum
    rest = [cell - sum(part[at] for part in shown) for at, cell in enumerate(whole)]
    return any(0 < left < enough for left in rest)


def _within(part: Span, whole: Span) -> bool:
    return part != whole and whole[0] <= part[0] and part[1] <= whole[1]


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _apart(releases: Sequence[Release]) -> list[Release]:
    """Releases whose periods do not overlap, the shortest first: these can be added up. Of one period the newest counts."""
    newest = {one.span: one for one in releases}
    kept: list[Release] = []
    for one in sorted(newest.values(), key=lambda release: (_length(release.span), release.span)):
        if not any(_overlap(one.span, other.span) for other in kept):
            kept.append(one)
    return kept


def _length(span: Span) -> int:
    """About how many days; only the order matters."""
    low, high = (int(end[:4]) * 372 + int(end[5:7]) * 31 + int(end[8:10]) for end in span)
    return high - low
