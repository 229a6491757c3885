"""Which groups a report may not show where: small cells, their guards by subtraction, and what linear programs still find.

Rules of subtraction come first (reports.suppression, reports.releases); they leave nothing to be had from a single row or
column of figures. Then all figures together are asked for every small cell (reports.exposure), and what gives one away is
taken out, the group with fewest people first, until nothing does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from reports.counts_between import between
from reports.counts_known import UNSTATED, Layer, Source
from reports.exposure import Knowledge, Target
from reports.group_tables import CROSS, outcome_tables, parts_of, people_tables, scoring_tables
from reports.releases import guard, released, span_of
from reports.suppression import Slice, Table, hide, hide_crossed, merged

Entry = dict[str, Any]
Hidden = dict[Slice, set[str]]
COARSE_GROUP = 20
"""Roughness protects a group of this many minimum cells and more; smaller ones are left out of a rough attribute."""


@dataclass(slots=True)
class Withheld:
    """Groups hidden by their people, by outcomes too, by the median too; rough attributes; stages without coverage."""

    people: Hidden
    outcomes: Hidden
    scoring: Hidden
    rough: set[str]
    coverage: set[str | None]


@dataclass(slots=True)
class Tables:
    """The tables of a report by which map of hidden groups they follow."""

    people: list[Table]
    outcomes: list[Table]
    scoring: list[Table]
    rough: set[str] = field(default_factory=set)
    crossed: set[str] = field(default_factory=set)
    coverage: set[str | None] = field(default_factory=set)

    @property
    def every(self) -> list[Table]:
        return [*self.people, *self.outcomes, *self.scoring]

    def maps(self) -> dict[str, Hidden]:
        return {
            "people": _by_slice(self.people),
            "outcomes": _by_slice([*self.people, *self.outcomes]),
            "scoring": _by_slice([*self.people, *self.scoring]),
        }

    def withheld(self) -> set[Source]:
        """The figures that are not shown, as the facts name them."""
        maps = self.maps()
        gone = {
            (level, place, group)
            for level, hidden in maps.items()
            for place, groups in hidden.items()
            for group in groups
        }
        names = {table.slice[0] for table in self.every}
        hidden = {place[:2] for place, groups in maps["outcomes"].items() if groups and place[2] is None}
        for attribute, stage in hidden | {(name, stage) for name in names for stage in self.coverage}:
            gone.add(("coverage", (attribute, stage, None), UNSTATED))
        return gone


def withheld(
    report: Entry,
    minimum: int,
    earlier: Sequence[Entry],
    *,
    rough_throughout: bool,
    beside: Sequence[Entry] = (),
    least: int | None = None,
) -> Withheld:
    """What may not be shown of groups, beside earlier reports as they went out. beside: other editions of this one; least:
    their smaller minimum, which holds against readers of both."""
    tables = Tables(people_tables(report), outcome_tables(report), scoring_tables(report))
    releases = [released(one) for one in earlier]
    span = span_of(report)
    guard(tables.people, span, releases, minimum)
    guard(tables.outcomes, span, releases, minimum)
    _by_subtraction(tables, minimum)
    related = _related(span, earlier)
    if not beside:
        _by_programs(report, tables, minimum, related, rough_throughout=rough_throughout)
    elif not _harmless(report, tables, minimum, related, rough_throughout=rough_throughout, beside=beside):
        _by_programs(report, tables, minimum, related, rough_throughout=rough_throughout)
        _by_programs(report, tables, least or minimum, related, rough_throughout=rough_throughout, beside=beside)
    maps = tables.maps()
    return Withheld(maps["people"], maps["outcomes"], maps["scoring"], tables.rough | tables.crossed, tables.coverage)


def _by_subtraction(tables: Tables, minimum: int) -> None:
    """Rules that look at one row or column of figures, and those that link tables, until none hides anything more."""
    before = -1
    while (now := sum(len(table.hidden) for table in tables.every)) != before:
        before = now
        tables.rough |= hide(tables.people, minimum)
        tables.crossed |= _cross(tables.people, minimum)
        _carry(tables.people, tables.outcomes)
        tables.rough |= hide(tables.outcomes, minimum)
        tables.crossed |= _cross(tables.outcomes, minimum)
        _link_stages(tables.people, tables.outcomes)
        _carry(tables.people, tables.scoring)
        hide(tables.scoring, minimum)
        tables.crossed |= _cross(tables.scoring, minimum)
        for table in tables.every:
            if table.slice[0] in tables.rough:
                _only_large(table, COARSE_GROUP * minimum)


def _only_large(table: Table, least: int) -> None:
    """In a rough attribute job families go, and groups too small for roughness to protect them."""
    part = table.slice[2] is not None
    table.hidden |= {group for group, cells in table.cells.items() if part or cells[0] < least}


def _by_programs(
    report: Entry,
    tables: Tables,
    minimum: int,
    earlier: Sequence[Entry],
    *,
    rough_throughout: bool,
    beside: Sequence[Entry] = (),
) -> None:
    """What all figures together still give away, taken out figure by figure."""
    before: set[str] | None = None
    while before != (before := tables.rough | tables.crossed):
        known = _knowledge(report, tables, minimum, earlier, rough_throughout=rough_throughout, beside=beside)
        while figures := known.giving_away(tables.withheld()):
            _withhold(tables, min(figures, key=lambda source: _cost(tables, source)))
            _by_subtraction(tables, minimum)


def _harmless(
    report: Entry,
    tables: Tables,
    minimum: int,
    earlier: Sequence[Entry],
    *,
    rough_throughout: bool,
    beside: Sequence[Entry],
) -> bool:
    """Whether nothing needs to be taken out, neither for readers of this edition nor for those of the others, too: who has
    only this one knows less than they do."""
    known = _knowledge(report, tables, minimum, earlier, rough_throughout=rough_throughout, beside=beside)
    return known.harmless(tables.withheld())


def _knowledge(
    report: Entry,
    tables: Tables,
    minimum: int,
    earlier: Sequence[Entry],
    *,
    rough_throughout: bool,
    beside: Sequence[Entry],
) -> Knowledge:
    own = {"people": tables.people, "outcomes": tables.outcomes, "scoring": tables.scoring}
    names = {table.slice[0] for table in tables.every}
    first = Layer(0, report, own, names if rough_throughout else tables.rough | tables.crossed)
    editions = [_as_published(0, one) for one in beside]
    others = [_as_published(at, one) for at, one in enumerate(earlier, 1)]
    facts = [
        *first.facts(),
        *(fact._replace(source=None) for other in (*editions, *others) for fact in other.facts()),
        *between([first, *others]),
    ]
    targets = []
    for _, table, group, kinds, cells in first.cells():
        for at, cell in enumerate(cells):
            if 0 < cell < minimum:
                counted = kinds if at == 0 else kinds[at - 1 : at]
                targets.append(Target(first.sum(counted, *table.slice, group), cell, minimum))
    for other in others:
        targets += [Target(terms, None, minimum) for terms in other.unseen()]
    return Knowledge(facts, targets)


def _as_published(tag: int, report: Entry) -> Layer:
    tables = {"people": people_tables(report), "outcomes": outcome_tables(report), "scoring": scoring_tables(report)}
    return Layer(tag, report, tables, _rough_in(report), published=True)


def _rough_in(report: Entry) -> set[str]:
    """Attributes that a published report shows roughly: without counts of those selected."""
    return {
        e["subject"]["attribute"]
        for e in report["estimates"]
        if e["subject"].get("attribute") and (report["edition"] == "public" or "selected" not in e["detail"])
        and (report["edition"] == "public" or e["measure"] == "impact_ratio")
    }  # fmt: skip


def _withhold(tables: Tables, source: Source) -> None:
    level, place, group = source
    if level == "coverage":
        tables.coverage.add(place[1])
    for table in {"people": tables.people, "outcomes": tables.outcomes, "scoring": tables.scoring}.get(level, []):
        if table.slice == place and group in table.cells:
            table.hidden.add(group)


def _cost(tables: Tables, source: Source) -> tuple[int, str]:
    """How much is lost: people behind the figures, more of them where the parts of a whole go, too."""
    level, place, group = source
    if level == "coverage":
        return 0, str(source)
    known = {"people": tables.people, "outcomes": tables.outcomes, "scoring": tables.scoring}[level]
    people = max((table.cells[group][0] for table in known if table.slice == place and group in table.cells), default=0)
    weight = {"people": 2, "outcomes": 1, "scoring": 1}[level] * (3 if place[2] is None else 1)
    return weight * people, str(source)


def _related(span: tuple[str, str], earlier: Sequence[Entry]) -> list[Entry]:
    """Earlier reports on parts of the period, on longer ones, and on parts of these; of one period the newest."""
    spans = {span_of(one): one for one in earlier}
    wide = [other for other in spans if other[0] <= span[0] and span[1] <= other[1]] or [span]
    return [
        one
        for other, one in sorted(spans.items())
        if other != span and any(w[0] <= other[0] and other[1] <= w[1] for w in [*wide, span])
    ]


def _by_slice(tables: Sequence[Table]) -> Hidden:
    return {key: set(groups) for key, groups in merged(tables).items()}


def _carry(source: Sequence[Table], target: Sequence[Table]) -> None:
    hidden = merged(source)
    for table in target:
        table.hidden |= hidden.get(table.slice, set()) & table.cells.keys()


def _cross(tables: Sequence[Table], minimum: int) -> set[str]:
    """Crossed attributes beside their two single ones; returned are those that only rough figures protect."""
    exposed = set()
    for attribute in {table.slice[0] for table in tables if CROSS in table.slice[0]}:
        first, _, second = attribute.partition(CROSS)
        crossed = [table for table in tables if table.slice[0] == attribute]
        singles = [table for table in tables if table.slice[0] in (first, second)]
        if hide_crossed(crossed, singles, parts_of(attribute, singles), minimum):
            exposed.add(attribute)
    return exposed


def _link_stages(people: Sequence[Table], outcomes: Sequence[Table]) -> None:
    """Who passed the first stage are the people of the second: what is hidden in one must not follow from the other.

    Where a group's outcome at the HR stage is hidden, its people there are, too; in the whole process whatever is hidden at
    a stage is.
    """
    hidden = merged([*people, *outcomes])
    for table in people:
        attribute, stage, part = table.slice
        if stage == "hr":
            table.hidden |= hidden.get((attribute, "hr", part), set()) & table.cells.keys()
    for table in (*people, *outcomes):
        attribute, stage, part = table.slice
        if stage is None:
            both = hidden.get((attribute, "hr", part), set()) | hidden.get((attribute, "user", part), set())
            table.hidden |= both & table.cells.keys()
