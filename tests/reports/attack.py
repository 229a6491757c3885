"""An attacker: reads published reports and works out which small cells they give away.

Written from what a reader of report.json sees, without the code of the gate. Everything published becomes a fact about
unknown counts (tests.reports.published); what such an organisation's counts have to satisfy is added here: families add
up to the whole, who passed a stage are the people of the next, who is scored is decided on, two attributes are stated by
the same people, crossed groups add up to single ones, periods to the whole, months to the quarter. Where these beliefs do
not fit what is published, the attacker gives them up one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.reports.linear import Key, System, less, total
from tests.reports.published import UNSTATED, Published, read
from tests.reports.truth import counted

Entry = Mapping[str, Any]
BELIEFS = ("months", "monitored", "flow", "stated")
"""In the order in which they are given up."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A count that nobody should learn: where it is, what it truly is, the bounds that an attacker finds."""

    place: tuple[Any, ...]
    truth: int
    low: float
    high: float


def exposed(truth: Sequence[Entry], published: Sequence[Sequence[Entry]], minimum: int) -> list[Cell]:
    """Small cells of the true reports that an attacker bounds under the minimum, or to one number.

    published: for every true report, the editions of it that the attacker has.
    """
    reports = [Published(at, edition) for at, editions in enumerate(published) for edition in editions]
    first = {report.at: report for report in reversed(reports)}
    targets: dict[tuple[Any, ...], tuple[dict[Key, float], int]] = {}
    for at, report in enumerate(truth):
        for count in counted(report):
            if 0 < count.number < minimum and at in first:
                targets.setdefault((at, *count.place), (count.terms(first[at]), count.number))
    if not targets:
        return []
    system, bare = _believed(reports)
    found: list[Cell] = []
    listed = list(targets.items())
    for at in system.under([terms for _, (terms, _) in listed], minimum):
        place, (terms, number) = listed[at]
        bounds = system.bounds(terms)
        if bounds is None:
            continue
        low, high = bounds
        anyway = bare.bounds(terms)
        if anyway is not None and anyway[1] < high + 0.5:
            continue  # the organisation's totals tell as much, without any figure on a group
        right = low - 1e-3 <= number <= high + 1e-3
        if right and high < minimum - 0.5:  # one number is always under the minimum, too
            found.append(Cell(place, number, round(low, 2), round(high, 2)))
    return found


def _believed(reports: Sequence[Published]) -> tuple[System, System]:
    """All facts under the strongest beliefs that they allow; and what would be known without figures on groups."""
    for gone in range(len(BELIEFS) + 1):
        for left in itertools.combinations(BELIEFS, len(BELIEFS) - gone):
            system, bare = System(), System()
            for report in reports:
                read(report, system)
                for knowing in (system, bare):
                    _structure(report, knowing, left)
            for knowing in (system, bare):
                _between(reports, knowing, left)
            if system.possible():
                return system, bare
    raise ValueError("no counts fit what is published")


def _structure(report: Published, system: System, beliefs: Sequence[str]) -> None:
    for attribute in report.attributes:
        for stage in report.stages:
            _totals(report, attribute, stage, system)
            for group in report.groups[attribute]:
                for family in report.families[stage]:
                    _scored(report, attribute, group, stage, family, system)
                _monitored(report, attribute, group, stage, system, exact="monitored" in beliefs)
        if "hr" in report.stages and "user" in report.stages:
            _flow(report, attribute, system, exact="flow" in beliefs)
    for crossed in report.crossed:
        for stage in (*report.stages, None):
            _crossed(report, crossed, stage, system, same="stated" in beliefs)
    if "stated" in beliefs:
        _everybody_states(report, system)
        for one, other in itertools.pairwise(report.attributes):
            for stage in report.stages:
                for kind in ("selected", "rejected"):
                    for family in report.families[stage]:
                        here = {report.key(kind, one, UNSTATED, stage, family): 1.0}
                        system.same(here, {report.key(kind, other, UNSTATED, stage, family): 1.0})


def _everybody_states(report: Published, system: System) -> None:
    """Of the counts: who stated no group is among those without any record and those who declined."""
    counts = report.counts
    if counts.get("groups_known") is None or counts.get("declined") is None:
        return
    most = counts["candidates"] - counts["groups_known"] + counts["declined"]
    for attribute in report.attributes:
        for stage in report.stages:
            nobody: dict[Key, float] = {}
            for family in report.families[stage]:
                nobody |= report.decided(attribute, UNSTATED, stage, family)
            system.add(nobody, 0, most)


def _totals(report: Published, attribute: str, stage: str, system: System) -> None:
    """Everybody is in one group or in none: of those scored, those decided on, those selected."""
    counts = report.counts
    undecided = counts.get("undecided") or 0
    everybody = counts.get(f"{stage}_interviewed")
    for competency in report.competencies[stage]:
        for family in (*report.families[stage], None):
            units = report.units(stage, competency, family)
            if units is not None:
                scored = report.over_groups("scored", attribute, stage, family, competency)
                system.add(scored, units, units)
    decided = {
        **report.over_groups("selected", attribute, stage, None),
        **report.over_groups("rejected", attribute, stage, None),
    }
    if everybody:
        system.add(decided, everybody - (undecided if stage == "user" else 0), everybody)
    passed = counts.get("hired") if stage == "user" else None
    if passed is not None:
        system.add(report.over_groups("selected", attribute, stage, None), passed, passed)
    lead = report.lead(stage)
    units = report.units(stage, lead, None)
    if units is not None and everybody:
        pending = undecided if stage == "user" else 0
        missing = max(0, everybody - units)
        families = report.families[stage]
        pairs = [(g, f) for g in report.groups[attribute] for f in families]
        system.add(total(report.key("unscored", attribute, g, stage, f) for g, f in pairs), 0, missing + pending)
        system.add(total(report.key("pending", attribute, g, stage, f) for g, f in pairs), 0, pending)


def _scored(report: Published, attribute: str, group: str, stage: str, family: str | None, system: System) -> None:
    """Who is scored is decided on, but for a few; who has performance is scored and hired."""
    lead = report.lead(stage)
    decided = report.decided(attribute, group, stage, family)
    scored = {report.key("scored", attribute, group, stage, family, lead): 1.0}
    slack = {
        report.key("unscored", attribute, group, stage, family): 1.0,
        report.key("pending", attribute, group, stage, family): -1.0,
    }
    if report.units(stage, lead, None) is not None and report.counts.get(f"{stage}_interviewed"):
        system.same(less(decided, scored), slack)
    if family == report.families[stage][0]:
        known = {report.key("known", attribute, group, stage): 1.0}
        system.add(less(report.over_families("scored", attribute, group, stage, lead), known))
        sides = [report.over_families(kind, attribute, group, stage) for kind in ("above", "below")]
        system.same(report.over_families("scored", attribute, group, stage, lead), sides[0] | sides[1])
        if stage == "user" and report.counts.get("performance_known") == report.counts.get("hired_performance_known"):
            system.add(less(report.over_families("selected", attribute, group, stage), known))


def _monitored(report: Published, attribute: str, group: str, stage: str, system: System, *, exact: bool) -> None:
    """Periods add up to the whole, or to less where an interview has no date."""
    if not report.periods[stage]:
        return
    high = 0.0 if exact else float("inf")
    for kind in ("selected", "rejected"):
        whole = report.over_families(kind, attribute, group, stage)
        parts = total((*report.key(kind, attribute, group, stage, None), period) for period in report.periods[stage])
        system.add(less(whole, parts), 0, high)
    whole = report.over_families("scored", attribute, group, stage, report.lead(stage))
    dated = [(*report.key("scored", attribute, group, stage, None), period) for period in report.periods[stage]]
    system.add(less(whole, total(dated)), 0, high)
    if exact:
        for period in report.periods[stage]:
            decided = total(
                (*report.key(kind, attribute, group, stage, None), period) for kind in ("selected", "rejected")
            )
            if report.units(stage, report.lead(stage), None) == report.counts.get(f"{stage}_interviewed"):
                slack = report.counts.get("undecided") or 0
                scored = {(*report.key("scored", attribute, group, stage, None), period): 1.0}
                system.add(less(scored, decided), 0, slack)


def _flow(report: Published, attribute: str, system: System, *, exact: bool) -> None:
    """Who passed the HR interview met the manager; who is accepted there is accepted by the whole process."""
    most = 0 if exact else 10
    late = report.counts.get("undecided") or 0
    for family in {*report.families["hr"]} & {*report.families["user"]}:
        for group in report.groups[attribute]:
            passed = {report.key("selected", attribute, group, "hr", family): 1.0}
            system.add(less(passed, report.decided(attribute, group, "user", family)), -most, late)
    for group in report.groups[attribute]:
        first = {
            key: weight
            for kind in ("selected", "rejected")
            for key, weight in report.over_families(kind, attribute, group, "hr").items()
        }
        both = total(report.key(kind, attribute, group, None, None) for kind in ("selected", "rejected"))
        system.add(less(first, both), 0, late)
        accepted = {report.key("selected", attribute, group, None, None): 1.0}
        system.add(less(report.over_families("selected", attribute, group, "user"), accepted), 0, most)


def _crossed(report: Published, attribute: str, stage: str | None, system: System, *, same: bool) -> None:
    """Crossed groups add up to the groups of either attribute; nobody states only one of the two, it is believed."""
    first, second = report.parts(attribute)
    left, right = report.groups[first], report.groups[second]
    names = {(a, b): report.cross_name(a, b) for a in left for b in right}
    for kind in ("selected", "rejected", "above", "below"):
        if stage is None and kind in ("above", "below"):
            continue
        if same:
            for (a, b), name in names.items():
                if (a == UNSTATED) != (b == UNSTATED):
                    system.add({report.key(kind, attribute, name, stage, None): 1.0}, 0, 0)
        for single, members in ((first, left), (second, right)):
            for group in members:
                inside = [name for pair, name in names.items() if pair[single == second] == group]
                whole = report.over_families(kind, single, group, stage)
                system.same(whole, total(report.key(kind, attribute, name, stage, None) for name in inside))


def _between(reports: Sequence[Published], system: System, beliefs: Sequence[str]) -> None:
    """Reports on parts of a period add up to that on the whole; a rerun on the same period only adds people."""
    for whole in reports:
        parts = [one for one in reports if one.inside(whole)]
        for chosen in _tilings(parts):
            fills = whole.filled_by(chosen) and "months" in beliefs
            for kind, attribute, group, stage in whole.cells():
                sides = [one.over_families(kind, attribute, group, stage) for one in chosen]
                summed = {key: weight for side in sides for key, weight in side.items()}
                rest = less(whole.over_families(kind, attribute, group, stage), summed)
                system.add(rest, 0, 0 if fills else float("inf"))
        for one in (one for one in reports if one is not whole and one.at != whole.at):
            if "months" in beliefs:
                _periods_fill(whole, one, system)
    for old, new in itertools.pairwise(reports):
        if old.span == new.span and old.edition == new.edition and "months" in beliefs:
            for kind, attribute, group, stage in new.cells():
                grown = less(
                    new.over_families(kind, attribute, group, stage), old.over_families(kind, attribute, group, stage)
                )
                system.add(grown)


def _periods_fill(monitor: Published, one: Published, system: System) -> None:
    """Periods that a report shows are other reports' whole periods, or add up to them, or are periods of theirs, too."""
    for stage, names in monitor.periods.items():
        spans = sorted((s for s in monitor.period_spans() if s.name in names), key=lambda s: s.span)
        inside = [s for s in spans if one.span[0] <= s.span[0] and s.span[1] <= one.span[1]]
        fills = inside and (inside[0].span[0], inside[-1].span[1]) == one.span
        fills = fills and all(a.span[1] == b.span[0] for a, b in itertools.pairwise(inside))
        for attribute in monitor.attributes:
            for group in monitor.groups[attribute]:
                for kind in ("selected", "rejected", "scored"):
                    competency = monitor.lead(stage) if kind == "scored" else None
                    keys = {s.name: (*monitor.key(kind, attribute, group, stage), s.name) for s in spans}
                    if fills and stage in one.stages:
                        whole = one.over_families(kind, attribute, group, stage, competency)
                        system.same(whole, total(keys[s.name] for s in inside))
                    for name in set(names) & set(one.periods.get(stage, [])):
                        system.same({keys[name]: 1.0}, {(*one.key(kind, attribute, group, stage), name): 1.0})


def _tilings(parts: Sequence[Published]) -> Iterator[Sequence[Published]]:
    """Sets of reports whose periods do not overlap, as large as they can be."""
    found: list[list[Published]] = []
    for one in sorted(parts, key=lambda part: part.span):
        for kept in found:
            if all(not one.overlaps(other) for other in kept):
                kept.append(one)
                break
        else:
            found.append([one])
    yield from found
