"""Which groups may not be shown where: small cells, and what would give them away by subtraction.

Pure arithmetic on counts. A slice is (attribute, stage, part): a job family or period, or None for all. A group's cells in
a slice are its
people and, where there was a selection, its selected and rejected. What an outsider can subtract: over groups, a slice's
published candidates minus the groups shown (those who did not state a group are never counted in a report that hides
something, so they stand as the second hidden cell); over job families, a group's figure for all minus its families.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Slice = tuple[str, str | None, str | None]
Cells = tuple[int, ...]


@dataclass(slots=True)
class Table:
    """Groups of one slice with their cells, and the totals that the report publishes beside them (None: unpublished).

    kind: what was counted; job families are subtracted from all families within a kind. sampled: whether a random sample was
    counted, so that there are more.
    """

    kind: str
    slice: Slice
    cells: dict[str, Cells]
    totals: tuple[int | None, ...]
    hidden: set[str] = field(default_factory=set)
    sampled: bool = False

    def residuals(self) -> list[int]:
        """What is left of each published total when the groups shown are taken off."""
        shown = [cells for group, cells in self.cells.items() if group not in self.hidden]
        return [
            total - sum(cells[i] for cells in shown) for i, total in enumerate(self.totals) if total is not None
        ]  # fmt: skip


def small(cells: Cells, minimum: int) -> bool:
    """Whether a cell holds somebody, but fewer than the minimum. Empty cells are shown: they are an audit's business."""
    return any(0 < cell < minimum for cell in cells)


def hide(tables: Sequence[Table], minimum: int) -> set[str]:
    """Marks hidden groups in every table. Returns the attributes that remain exposed and must be shown coarsely.

    Two small cells together hold at most 2 (minimum - 1) people: a remainder of 2 minimum - 1 or more leaves every
    value of a small cell possible. A group hidden in one table of a slice is hidden in all of them.
    """
    while True:
        before = sum(len(table.hidden) for table in tables)
        exposed = _hide_once(tables, minimum)
        found = merged(tables)
        for table in tables:
            table.hidden |= found[table.slice]
        if sum(len(table.hidden) for table in tables) == before:
            return exposed


def _hide_once(tables: Sequence[Table], minimum: int) -> set[str]:
    enough = 2 * minimum - 1
    exposed: set[str] = set()
    strands: dict[tuple[str, str, str | None], list[Table]] = {}
    for table in tables:
        table.hidden |= {group for group, cells in table.cells.items() if small(cells, minimum)}
        strands.setdefault((table.kind, *table.slice[:2]), []).append(table)
    for (_, attribute, _), strand in strands.items():
        whole = next((table for table in strand if table.slice[2] is None), None)
        parts = sorted((table for table in strand if table.slice[2] is not None), key=_people)
        if whole is not None:
            for table in parts:
                table.hidden |= whole.hidden
        _hide_parts(parts, enough)
        if whole is not None:
            for group in sorted(whole.cells.keys() - whole.hidden):
                _hide_over_parts(group, whole.cells[group], parts, minimum, enough)
            if whole.hidden and min(whole.residuals(), default=enough) < enough:
                exposed.add(attribute)
    return exposed


def _people(table: Table) -> tuple[int, str]:
    return sum(cells[0] for cells in table.cells.values()), str(table.slice[2])


def _hide_parts(parts: list[Table], enough: int) -> None:
    """Whole job families go where a hidden group stands alone against the family's total."""
    gone = [table for table in parts if table.hidden and min(table.residuals(), default=enough) < enough]
    waiting = [table for table in parts if table not in gone]
    for table in gone:
        table.hidden |= table.cells.keys()
    while gone and waiting and sum(min(table.residuals(), default=0) for table in gone) < enough:
        table = waiting.pop(0)
        table.hidden |= table.cells.keys()
        gone.append(table)


def _hide_over_parts(group: str, whole: Cells, parts: list[Table], minimum: int, enough: int) -> None:
    """A group's families: what is hidden must not follow from its figure for all families."""
    while True:
        shown = [table for table in parts if group in table.cells and group not in table.hidden]
        left = [cell - sum(table.cells[group][i] for table in shown) for i, cell in enumerate(whole)]
        secret = any(small(table.cells[group], minimum) for table in parts if group in table.cells)
        if not shown or not any(0 < rest < (enough if secret else minimum) for rest in left):
            return
        min(shown, key=lambda table: (table.cells[group], str(table.slice[2]))).hidden.add(group)


LARGE_ROUGH = 100
"""From so many people on a rough rate has two decimals, under them one."""


def rough_decimals(n: int) -> int:
    return 2 if n >= LARGE_ROUGH else 1


def rough_count(n: int) -> int:
    """To tens."""
    return 10 * int(n / 10 + 0.5)


def least_behind(cells: Cells) -> Cells:
    """The smallest counts that a rough number of people and a rough rate could stand for: people, selected, rejected."""
    n = rough_count(cells[0])
    fewest, most = max(n - 5, 0), n + 4
    if len(cells) == 1:
        return (fewest,)
    step = 0.5 * 10.0 ** -rough_decimals(n)
    rate = round(cells[1] / cells[0], rough_decimals(n)) if cells[0] else 0.0
    selected = max(0, math.ceil((rate - step) * fewest))
    rejected = max(0, math.ceil((1 - rate - step) * fewest))
    return (min(fewest, most), selected, rejected)


def hide_crossed(
    crossed: Sequence[Table], singles: Sequence[Table], parts: Mapping[str, tuple[str, str]], minimum: int
) -> bool:
    """Marks crossed groups that go with either of their parts. Returns whether exact figures of the others would give a
    small one back beside the single attributes; rough ones may then be shown, and what even these give back is marked."""
    exposed = False
    for table in crossed:
        margins = [one for one in singles if one.kind == table.kind and one.slice[1:] == table.slice[1:]]
        gone = {group for one in margins for group in one.hidden}
        table.hidden |= {name for name in table.cells if gone & set(parts.get(name, ()))}
        for margin in margins:
            for group in sorted(margin.cells.keys() - margin.hidden):
                inside = [name for name in table.cells if group in parts.get(name, ())]
                exposed |= _hide_inside(table, inside, margin.cells[group], minimum)
    return exposed


def _hide_inside(table: Table, inside: Sequence[str], whole: Cells, minimum: int) -> bool:
    """Whether the crossed groups of one group must be rough; of these the smallest go while they still leave too little."""
    enough = 2 * minimum - 1

    def left(found: Sequence[Cells]) -> list[int]:
        return [cell - sum(cells[i] for cells in found) for i, cell in enumerate(whole)]

    shown = [name for name in inside if name not in table.hidden]
    secret = any(small(table.cells[name], minimum) for name in inside if name in table.hidden)
    if not shown or len(shown) == len(inside):
        return False
    if not any(0 < rest < (enough if secret else minimum) for rest in left([table.cells[name] for name in shown])):
        return False
    while shown:
        exact = left([table.cells[name] for name in shown])
        most = left([least_behind(table.cells[name]) for name in shown])
        if not any(rest > 0 and upper < minimum for rest, upper in zip(exact, most, strict=True)):
            return True
        smallest = min(shown, key=lambda name: (table.cells[name], name))
        table.hidden.add(smallest)
        shown.remove(smallest)
    return True


def merged(tables: Iterable[Table]) -> Mapping[Slice, set[str]]:
    """Hidden groups by slice, over all tables of it."""
    found: dict[Slice, set[str]] = {}
    for table in tables:
        found.setdefault(table.slice, set()).update(table.hidden)
    return found
