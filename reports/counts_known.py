"""What the figures of a report tell together about the counts behind them: as linear facts.

A count is named by report, kind, attribute, stage, part and group. A fact is a weighted sum of counts between two ends; it
carries the group and slice whose figures tell it, so that one can ask which figure to withhold. What always holds beside
the figures is here, too: job families and periods add up to the whole, who passed the HR interview meets the manager, who
is scored is decided on but for a few, the same people state two attributes. Of several reports: reports.counts_between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from reports.group_tables import CROSS, JOIN, MONITOR, PERFORMANCE, PERIOD, SCORING
from reports.suppression import Cells, Slice, Table, rough_count, rough_decimals

Entry = Mapping[str, Any]
Key = tuple[Any, ...]
Terms = Mapping[Key, float]
Source = tuple[str, Slice, str]
"""Which map of hidden groups withholds it (people, outcomes, scoring, coverage), slice and group."""
UNSTATED, NO_FAMILY = "\x00unstated", "\x00no family"
ANY = float("inf")
SKIPPED = 10
"""So many of a group may have skipped the first stage where not everybody went through both."""


class Fact(NamedTuple):
    """low <= sum of weight × count <= high, told by the figures of `source`; always, where it is None.

    belief: what an outsider has to believe for it, where it need not be so.
    """

    terms: Terms
    low: float
    high: float
    source: Source | None = None
    belief: str | None = None


BELIEFS = ("periods", "flow", "nearly", "stated")
"""Reports and periods add up; nobody skips a stage, or next to nobody; the same people state every attribute."""


def by_period(table: Table) -> bool:
    """Whether a table counts people period by period: these are shown in tens, without how many were selected."""
    return table.kind.startswith(f"{MONITOR}/") and table.kind.endswith("/periods")


def summed(keys: Iterable[Key], weight: float = 1.0) -> dict[Key, float]:
    return dict.fromkeys(keys, weight)


def minus(one: Terms, *others: Terms) -> dict[Key, float]:
    found = dict(one)
    for other in others:
        for key, weight in other.items():
            found[key] = found.get(key, 0.0) - weight
    return found


@dataclass
class Layer:
    """The counts of one report. level and tables: the tables of a map of hidden groups."""

    tag: int
    report: Entry
    tables: Mapping[str, Sequence[Table]]
    rough: set[str] = field(default_factory=set)
    published: bool = False

    def __post_init__(self) -> None:
        self.counts = self.report["inputs"]["counts"]
        period = self.report["period"]
        self.span = (period["from"] or "0000-00-00", period["to"] or "9999-99-99")
        self.units: dict[tuple[Any, Any, Any], int] = {}
        for e in self.report["estimates"]:
            if e["measure"] == "g_coefficient" and e["n"].get("units"):
                about = e["subject"]
                self.units[about["stage"], about["competency"], about["job_family"]] = e["n"]["units"]
        every = [table for tables in self.tables.values() for table in tables]
        groups: dict[str, set[str]] = {}
        families: dict[str, set[str]] = {"hr": set(), "user": set()}
        periods: dict[tuple[str, str | None], set[str]] = {}
        for table in every:
            attribute, stage, part = table.slice
            groups.setdefault(attribute, set()).update(table.cells)
            if part is not None and part.startswith(PERIOD):
                periods.setdefault((attribute, stage), set()).add(part)
            elif part is not None and stage in families:
                families[stage].add(part)
        for stage, _, family in self.units:
            if stage in families and family is not None:
                families[stage].add(family)
        for e in self.report["estimates"]:
            about = e["subject"]
            if about.get("attribute") in groups or (about.get("attribute") and e["measure"] == "impact_ratio"):
                names = e["detail"].get("n") if e["measure"] == "impact_ratio" else {}
                groups.setdefault(about["attribute"], set()).update(names or {})
                if e["measure"] == MONITOR:
                    here = periods.setdefault((about["attribute"], about["stage"]), set())
                    here |= {PERIOD + str(row["period"]) for row in e["detail"].get("periods") or []}
        # in an order that is the same in every process: of equally good programs the first one answers
        self.groups = {name: sorted(found) for name, found in sorted(groups.items())}
        self.families = {stage: sorted(found) for stage, found in families.items()}
        self.periods = {place: sorted(periods[place]) for place in sorted(periods, key=str)}
        self.stages = [s for s in ("hr", "user") if any(table.slice[1] == s for table in every)]
        self.single = sorted(name for name in self.groups if CROSS not in name)

    def key(self, kind: str, attribute: str, stage: str | None, part: str | None, group: str) -> Key:
        return (self.tag, kind, attribute, stage, part, group)

    def sum(
        self, kinds: Sequence[str], attribute: str, stage: str | None, part: str | None, group: str
    ) -> dict[Key, float]:
        """A group's people of these kinds: in one part, or in all job families."""
        parts: list[str | None] = [part]
        if part is None and CROSS not in attribute and stage in self.families:
            parts = [*self.families[stage], NO_FAMILY]
        found: dict[Key, float] = {}
        for kind in kinds:
            split = kind in ("selected", "rejected") or kind.startswith("scored")
            found |= summed(self.key(kind, attribute, stage, p, group) for p in (parts if split else [part]))
        return found

    def everybody(self, kinds: Sequence[str], attribute: str, stage: str | None, part: str | None) -> dict[Key, float]:
        found: dict[Key, float] = {}
        for group in (*self.groups[attribute], UNSTATED):
            found |= self.sum(kinds, attribute, stage, part, group)
        return found

    def lead(self, stage: str) -> str:
        known = sorted({str(key[1]) for key in self.units if key[0] == stage})
        return "overall" if "overall" in known or not known else known[0]

    def cells(self) -> Iterator[tuple[str, Table, str, tuple[str, ...], Cells]]:
        """Every count of a group: its level, table, group, the kinds that its people are of, and its cells."""
        for level, tables in self.tables.items():
            for table in tables:
                if level == "people" and table.kind == "impact_ratio" and not self.published:
                    continue  # shown with the outcomes only
                kinds = self._kinds(table)
                for group, cells in table.cells.items() if kinds else ():
                    yield level, table, group, kinds, cells

    def _kinds(self, table: Table) -> tuple[str, ...]:
        """The kinds of people whom a table counts; of those that only some tables count nothing is asked."""
        stage = table.slice[1]
        measure, _, rest = table.kind.partition("/")
        if measure == SCORING:
            return ("above", "below")
        if measure in ("impact_ratio", "fisher_exact", "lancaster_mid_p", "boschloo", "two_proportion_z"):
            return ("selected", "rejected")
        if measure == MONITOR and rest.endswith("/periods") and table.slice[2] is not None:
            return ("scored",) if rest.startswith("score") else ("selected", "rejected")
        if measure in PERFORMANCE:
            return ("known",)
        if measure in ("standardized_difference", "probability_of_superiority", "panel_assignment") and stage:
            competency = rest.partition("/")[2]
            return ("scored" if competency == self.lead(stage) else f"scored {competency}",)
        return ()

    def unseen(self) -> Iterator[Terms]:
        """Counts of selection that a published report withholds: people, selected and rejected."""
        for e in self.report["estimates"]:
            about, told = e["subject"], e["detail"].get("n")
            place = (about.get("attribute"), about.get("stage"), about.get("job_family"))
            if e["measure"] == "impact_ratio" and isinstance(told, Mapping):
                for group in (group for group, n in told.items() if n is None):
                    for kinds in (("selected", "rejected"), ("selected",), ("rejected",)):
                        yield self.sum(kinds, *place, group)
            if e["measure"] == MONITOR and e["variant"] == "selection":
                for row in e["detail"].get("periods") or []:
                    if row.get("n_focal") is None:
                        for group in (about["group"], about["reference"]):
                            part = PERIOD + str(row["period"])
                            for kinds in (("selected", "rejected"), ("selected",), ("rejected",)):
                                yield self.sum(kinds, place[0], place[1], part, group)

    def facts(self) -> Iterator[Fact]:
        """What the figures tell, and what holds for all."""
        for level, table, group, kinds, cells in self.cells():
            source = (level, table.slice, group)
            everybody = self.sum(kinds, *table.slice, group)
            chosen = self.sum(kinds[:1], *table.slice, group) if len(kinds) > 1 else {}
            rough = table.slice[0] in self.rough or by_period(table)
            if table.sampled:
                yield Fact(everybody, max(rough_count(cells[0]) - 5, 0) if rough else cells[0], ANY, source)
            else:
                yield from self._told(everybody, chosen if not by_period(table) else {}, cells, rough, source)
        yield from self._totals()
        for attribute in self.single:
            for group in (*self.groups[attribute], UNSTATED):
                yield from self._same_people(attribute, group)
        for attribute in (name for name in self.groups if CROSS in name):
            yield from self._crossed(attribute)
        yield from self._stated()

    def _told(self, everybody: Terms, chosen: Terms, cells: Cells, rough: bool, source: Source) -> Iterator[Fact]:
        n = cells[0]
        if not rough:
            yield Fact(everybody, n, n, source)
            if chosen and len(cells) > 1:
                yield Fact(chosen, cells[1], cells[1], source)
            return
        about = rough_count(n)
        yield Fact(everybody, max(about - 5, 0), about + 4, source)
        if chosen and len(cells) > 1 and n:
            step = 0.501 * 10.0 ** -rough_decimals(about)
            rate = round(cells[1] / n, rough_decimals(about))
            least = dict.fromkeys(everybody, -(rate - step))
            most = dict.fromkeys(everybody, -(rate + step))
            yield Fact({key: least.get(key, 0.0) + chosen.get(key, 0.0) for key in everybody}, 0, ANY, source)
            yield Fact({key: most.get(key, 0.0) + chosen.get(key, 0.0) for key in everybody}, -ANY, 0, source)

    def _totals(self) -> Iterator[Fact]:
        """Published totals of people, and how far those scored and those decided on can differ."""
        undecided = self.counts.get("undecided") or 0
        for attribute in self.single:
            for (stage, competency, family), units in self.units.items():
                if stage in self.stages:
                    kind = "scored" if competency == self.lead(stage) else f"scored {competency}"
                    yield Fact(self.everybody((kind,), attribute, stage, family), units, units)
            for stage in self.stages:
                waiting, met = undecided if stage == "user" else 0, self.counts.get(f"{stage}_interviewed")
                decided = self.everybody(("selected", "rejected"), attribute, stage, None)
                units = self.units.get((stage, self.lead(stage), None))
                if not met:
                    continue
                yield Fact(decided, met - waiting, met)
                if stage == "user" and self.counts.get("hired") is not None:
                    hired = self.counts["hired"]
                    yield Fact(self.everybody(("selected",), attribute, stage, None), hired, hired)
                if units is not None:
                    for kind, most in (("unscored", max(0, met - units) + waiting), ("waiting", waiting)):
                        sides = summed(
                            self.key(kind, attribute, stage, part, group)
                            for part in (*self.families[stage], NO_FAMILY)
                            for group in (*self.groups[attribute], UNSTATED)
                        )
                        yield Fact(sides, 0, most)

    def _same_people(self, attribute: str, group: str) -> Iterator[Fact]:
        """Scored and decided on; above and below the median; period by period; from stage to stage."""
        late = self.counts.get("undecided") or 0
        for stage in self.stages:
            scored = self.sum(("scored",), attribute, stage, None, group)
            if (stage, self.lead(stage), None) in self.units and self.counts.get(f"{stage}_interviewed"):
                for part in (*self.families[stage], NO_FAMILY):
                    gap = minus(
                        self.sum(("selected", "rejected"), attribute, stage, part, group),
                        {self.key("scored", attribute, stage, part, group): 1.0},
                        {self.key("unscored", attribute, stage, part, group): 1.0},
                    )
                    yield Fact(gap | {self.key("waiting", attribute, stage, part, group): 1.0}, 0, 0)
            yield Fact(minus(scored, self.sum(("above", "below"), attribute, stage, None, group)), 0, 0)
            yield Fact(minus(scored, {self.key("known", attribute, stage, None, group): 1.0}), 0, ANY)
            if stage == "user":
                hired = self.sum(("selected",), attribute, stage, None, group)
                yield Fact(minus(hired, {self.key("known", attribute, stage, None, group): 1.0}), 0, ANY)
            periods = self.periods.get((attribute, stage), [])
            if periods:
                for kind, whole in (("selected", None), ("rejected", None), ("scored", scored)):
                    whole = whole or self.sum((kind,), attribute, stage, None, group)
                    dated = summed(self.key(kind, attribute, stage, p, group) for p in periods)
                    yield Fact(minus(whole, dated), 0, ANY)
                    yield Fact(minus(whole, dated), 0, 0, belief="periods")
                for period in periods:
                    apart = minus(
                        {self.key("scored", attribute, stage, period, group): 1.0},
                        self.sum(("selected", "rejected"), attribute, stage, period, group),
                    )
                    if self._all_scored(stage):
                        yield Fact(apart, 0, late, belief="periods")
        if len(self.stages) == 2:
            yield from self._flow(attribute, group, late)

    def _all_scored(self, stage: str) -> bool:
        return self.units.get((stage, self.lead(stage), None)) == self.counts.get(f"{stage}_interviewed")

    def _flow(self, attribute: str, group: str, late: int) -> Iterator[Fact]:
        """From stage to stage: all that passed, but for those not decided on; at worst a few more or fewer."""
        for family in (*sorted({*self.families["hr"]} & {*self.families["user"]}), NO_FAMILY):
            passed = {self.key("selected", attribute, "hr", family, group): 1.0}
            onward = minus(passed, self.sum(("selected", "rejected"), attribute, "user", family, group))
            yield Fact(onward, -SKIPPED, late, belief="nearly")
            yield Fact(onward, 0, late, belief="flow")
        both = self.sum(("selected", "rejected"), attribute, None, None, group)
        yield Fact(
            minus(self.sum(("selected", "rejected"), attribute, "hr", None, group), both), 0, late, belief="nearly"
        )
        accepted = self.sum(("selected",), attribute, None, None, group)
        apart = minus(self.sum(("selected",), attribute, "user", None, group), accepted)
        yield Fact(apart, 0, SKIPPED, belief="nearly")
        yield Fact(apart, 0, 0, belief="flow")

    def _crossed(self, attribute: str) -> Iterator[Fact]:
        first, _, second = attribute.partition(CROSS)
        sides = {name: (*self.groups.get(name, ()), UNSTATED) for name in (first, second)}
        for stage in (*self.stages, None):
            for kind in ("selected", "rejected", "above", "below"):
                for one, names in sides.items():
                    others = sides[second if one == first else first]
                    for name in names:
                        if stage is None and kind in ("above", "below"):
                            continue
                        pairs = [(name, other) if one == first else (other, name) for other in others]
                        stated = [pair for pair in pairs if (pair[0] == UNSTATED) == (pair[1] == UNSTATED)]
                        whole = self.sum((kind,), one, stage, None, name)
                        for among, belief in ((pairs, None), (stated, "stated")):
                            inside = summed(self.key(kind, attribute, stage, None, JOIN.join(pair)) for pair in among)
                            yield Fact(minus(whole, inside), 0, 0, belief=belief)

    def _stated(self) -> Iterator[Fact]:
        """Who states one attribute states the others, it may be believed; and coverage says how many do."""
        for one, other in pairwise(self.single):
            for stage in self.stages:
                for kind in ("selected", "rejected"):
                    for part in (*self.families[stage], NO_FAMILY):
                        here = self.sum((kind,), one, stage, part, UNSTATED)
                        apart = minus(here, self.sum((kind,), other, stage, part, UNSTATED))
                        yield Fact(apart, 0, 0, belief="stated")
        for e in self.report["estimates"]:
            attribute, stage = e["subject"].get("attribute"), e["subject"].get("stage")
            if e["measure"] == "group_coverage" and attribute in self.single:
                nobody = sum(e["n"].get(name) or 0 for name in ("declined", "unknown"))
                chosen = e["detail"].get("selected") or {}
                source = ("coverage", (attribute, stage, None), UNSTATED)
                yield Fact(self.sum(("selected", "rejected"), attribute, stage, None, UNSTATED), nobody, nobody, source)
                selected = sum(chosen.get(name) or 0 for name in ("declined", "unknown"))
                yield Fact(self.sum(("selected",), attribute, stage, None, UNSTATED), selected, selected, source)
