"""Which groups may not be shown where: small cells, and what would give them away by subtraction.

Pure arithmetic on counts. A slice is (attribute, stage, job family or None for all). A group's cells in a slice are its
people and, where there was a selection, its selected and rejected. What an outsider can subtract: over groups, a slice's
published candidates minus the groups shown (those who did not state a group are never counted in a report that hides
something, so they stand as the second hidden cell); over job families, a group's figure for all minus its families.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Slice = tuple[str, str | None, str | None]
Cells = tuple[int, ...]


@dataclass(slots=True)
class Table:
    """Groups of one slice with their cells, and the totals that the report publishes beside them (None: unpublished).

    kind: what was counted; job families are subtracted from all families within a kind.
    """

    kind: str
    slice: Slice
    cells: dict[str, Cells]
    totals: tuple[int | None, ...]
    hidden: set[str] = field(default_factory=set)

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


def merged(tables: Iterable[Table]) -> Mapping[Slice, set[str]]:
    """Hidden groups by slice, over all tables of it."""
    found: dict[Slice, set[str]] = {}
    for table in tables:
        found.setdefault(table.slice, set()).update(table.hidden)
    return found
