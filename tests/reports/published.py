"""What a reader finds in report.json about how many people of which group: every figure as a fact about unknown counts.

Figures that look rounded (tens of people, two decimals) are facts between two ends. A count is named by report, kind,
attribute, group, stage, job family, competency and, where there is one, period.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairpanel.measures.fairness.power import detectable_standardized_difference
from tests.reports.linear import Key, System, Terms, total

Entry = Mapping[str, Any]
UNSTATED, NOWHERE = "(not stated)", "(no family)"
CROSS, JOIN = " × ", " / "
FOURFOLD = ("fisher_exact", "lancaster_mid_p", "boschloo", "two_proportion_z")
WITHIN = ("mantel_haenszel", "breslow_day", "decision_flips", "gap_shares", "dif_mantel_haenszel", "dif_logistic",
          "selection_tradeoff")  # fmt: skip
PREDICTION = ("differential_prediction", "d_mod", "differential_validity", "prediction_at_cut")
SCORED = ("standardized_difference", "probability_of_superiority", "panel_assignment")
ELSEWHERE = "9999-99-99"


@dataclass(frozen=True, slots=True)
class Span:
    """A period of a table, and what it is called."""

    name: str
    span: tuple[str, str]


class Published:
    """A report as its reader sees it."""

    def __init__(self, at: int, report: Entry) -> None:
        self.at, self.report = at, report
        self.edition = report["edition"]
        self.counts = report["inputs"]["counts"]
        period = report["period"]
        self.span = (period["from"] or "0000-00-00", period["to"] or ELSEWHERE)
        estimates = report["estimates"]
        self.of_groups = [e for e in estimates if e["subject"].get("attribute")]
        names = {e["subject"]["attribute"] for e in self.of_groups}
        self.crossed = sorted(name for name in names if CROSS in name)
        self.attributes = sorted({part for name in names for part in name.split(CROSS)})
        self.stages = [s for s in ("hr", "user") if any(e["subject"].get("stage") == s for e in estimates)]
        self.groups = {name: self._groups(name) for name in self.attributes}
        self.families: dict[str | None, list[Any]] = {None: [None]}
        self.competencies: dict[str, list[str]] = {}
        self.periods: dict[str, list[str]] = {}
        self._units: dict[tuple[Any, ...], int] = {}
        for e in estimates:
            if e["measure"] == "g_coefficient" and e["subject"].get("stage"):
                subject = e["subject"]
                self._units[subject["stage"], subject["competency"], subject["job_family"]] = e["n"]["units"]
        for stage in self.stages:
            keys = [key for key in self._units if key[0] == stage]
            told = {e["subject"]["job_family"] for e in self.of_groups if e["subject"].get("stage") == stage}
            self.families[stage] = sorted({key[2] for key in keys} | told - {None}, key=str)
            self.families[stage] = [f for f in self.families[stage] if f is not None] + [NOWHERE]
            self.competencies[stage] = sorted({key[1] for key in keys}) or ["overall"]
            self.periods[stage] = sorted(
                {
                    row["period"]
                    for e in self.of_groups
                    if e["measure"] == "group_monitor" and e["subject"]["stage"] == stage
                    for row in e["detail"].get("periods") or []
                }
            )

    def _groups(self, attribute: str) -> list[str]:
        found: set[str] = set()
        for e in self.of_groups:
            if e["subject"]["attribute"] == attribute:
                found |= set(e["detail"].get("n") or {}) if isinstance(e["detail"].get("n"), Mapping) else set()
                found |= {e["subject"]["group"], e["subject"]["reference"]} - {None}
            if CROSS in e["subject"]["attribute"] and attribute in e["subject"]["attribute"].split(CROSS):
                side = e["subject"]["attribute"].split(CROSS).index(attribute)
                names = set(e["detail"].get("n") or {})
                found |= {name.split(JOIN)[side] for name in names if name.count(JOIN) == 1}
        return [*sorted(found), UNSTATED]

    def lead(self, stage: str) -> str:
        return "overall" if "overall" in self.competencies[stage] else self.competencies[stage][0]

    def units(self, stage: str, competency: str, family: str | None) -> int | None:
        return self._units.get((stage, competency, family))

    def parts(self, attribute: str) -> tuple[str, str]:
        first, _, second = attribute.partition(CROSS)
        return first, second

    def cross_name(self, one: str, other: str) -> str:
        return f"{one}{JOIN}{other}"

    def key(
        self,
        kind: str,
        attribute: str,
        group: str,
        stage: str | None,
        family: Any = None,
        competency: str | None = None,
    ) -> tuple[Any, ...]:
        return (self.at, kind, attribute, group, stage, family, competency)

    def over_families(
        self, kind: str, attribute: str, group: str, stage: str | None, competency: str | None = None
    ) -> dict[Key, float]:
        whole = CROSS in attribute or stage is None or kind not in ("selected", "rejected", "scored")
        families = [None] if whole else self.families[stage]
        return total(self.key(kind, attribute, group, stage, family, competency) for family in families)

    def over_groups(
        self, kind: str, attribute: str, stage: str, family: Any, competency: str | None = None
    ) -> dict[Key, float]:
        families = self.families[stage] if family is None else [family]
        return total(
            self.key(kind, attribute, g, stage, f, competency) for g in self.groups[attribute] for f in families
        )

    def people(
        self,
        kinds: Sequence[str],
        attribute: str,
        group: str,
        stage: str | None,
        family: Any,
        competency: str | None = None,
    ) -> dict[Key, float]:
        """A group's people in one family, or in all."""
        found: dict[Key, float] = {}
        for kind in kinds:
            if family is None:
                found |= self.over_families(kind, attribute, group, stage, competency)
            else:
                found[self.key(kind, attribute, group, stage, family, competency)] = 1.0
        return found

    def decided(self, attribute: str, group: str, stage: str | None, family: Any) -> dict[Key, float]:
        return self.people(("selected", "rejected"), attribute, group, stage, family)

    def cells(self) -> Iterator[tuple[str, str, str, str | None]]:
        for attribute in self.attributes:
            for group in self.groups[attribute]:
                for stage in self.stages:
                    for kind in ("selected", "rejected"):
                        yield kind, attribute, group, stage

    def inside(self, other: Published) -> bool:
        return self.span != other.span and other.span[0] <= self.span[0] and self.span[1] <= other.span[1]

    def overlaps(self, other: Published) -> bool:
        return self.span[0] < other.span[1] and other.span[0] < self.span[1]

    def filled_by(self, parts: Sequence[Published]) -> bool:
        """Whether periods follow one another from the first day to the last."""
        day = self.span[0]
        for one in sorted(parts, key=lambda part: part.span):
            if one.span[0] != day:
                return False
            day = one.span[1]
        return day == self.span[1]

    def period_spans(self) -> Iterator[Span]:
        for name in sorted({name for found in self.periods.values() for name in found}):
            year, rest = int(name[:4]), name[5:]
            first, months = (3 * int(rest[1]) - 2, 3) if rest.startswith("Q") else (int(rest), 1)
            end = (year + 1, 1) if first + months > 12 else (year, first + months)
            yield Span(name, (f"{year}-{first:02d}-01", f"{end[0]}-{end[1]:02d}-01"))


def looks_rough(report: Published, estimate: Entry) -> bool:
    """The public edition, or counts in tens and figures with two decimals."""
    if report.edition == "public":
        return True
    sizes = [n for n in [*estimate["n"].values(), *_values(estimate["detail"].get("n"))] if isinstance(n, int)]
    if not sizes or any(n % 10 for n in sizes):
        return False
    figures = [v for v in [*_values(estimate["detail"].get("rates")), estimate["value"]] if isinstance(v, float)]
    return all(round(v, 2) == v for v in figures)


def _values(table: Any) -> list[Any]:
    return list(table.values()) if isinstance(table, Mapping) else []


@dataclass
class _Reader:
    system: System
    rough: bool

    def people(self, terms: Terms, n: Any) -> None:
        if isinstance(n, int | float):
            self.system.add(terms, *((max(n - 5, 0), n + 4) if self.rough else (n, n)))

    def rate(self, chosen: Terms, everybody: Terms, rate: Any, n: Any) -> None:
        if not isinstance(rate, int | float):
            return
        step = 1e-7 if not self.rough else 0.00501 if isinstance(n, int | float) and n >= 100 else 0.0501
        for sign in (1.0, -1.0):
            share = dict.fromkeys(everybody, sign * (rate + sign * step))
            terms = dict(share)
            for key, weight in chosen.items():
                terms[key] = terms.get(key, 0.0) - sign * weight
            self.system.add(terms, -1e-5, float("inf"))


def read(report: Published, system: System) -> None:
    """Adds everything that a report publishes on groups."""
    for e in report.of_groups:
        reader = _Reader(system, looks_rough(report, e))
        measure = e["measure"]
        if measure in ("impact_ratio", "scoring_rate", "crossed_rates"):
            _table(report, e, reader)
        elif measure == "group_coverage":
            _coverage(report, e, reader)
        elif measure == "group_monitor":
            _monitor(report, e, reader)
        elif e["subject"].get("group"):
            _pair(report, e, reader)
    for entry in report.report["too_small"]:
        if entry.get("attribute") in report.attributes and entry.get("candidates") is not None and entry["stage"]:
            lead = entry.get("competency")
            kinds = ("scored",) if lead else ("selected", "rejected")
            for_all: dict[Key, float] = {}
            for group in report.groups[entry["attribute"]][:-1]:
                for_all |= report.people(kinds, entry["attribute"], group, entry["stage"], entry["job_family"], lead)
            system.add(for_all, entry["candidates"], entry["candidates"])


def _kinds(e: Entry) -> tuple[str, str]:
    scores = e["measure"] == "scoring_rate" or (e["measure"] == "crossed_rates" and e["variant"] == "scores")
    return ("above", "below") if scores else ("selected", "rejected")


def _table(report: Published, e: Entry, reader: _Reader) -> None:
    """Tables of all groups: people, selected, rates, ratios; and the texts beside them."""
    about, detail = e["subject"], e["detail"]
    place = (about["attribute"], about["stage"], about["job_family"])
    kinds = _kinds(e)
    yes = "above" if e["measure"] == "scoring_rate" else "selected"
    rates, reference = detail.get("rates") or {}, detail.get("reference")
    for row in detail.get("rows") or []:
        _group(report, place, kinds, row["group"], row.get("n"), row.get(yes), row.get("rate"), reader)
    sizes = detail.get("n") if isinstance(detail.get("n"), Mapping) else {}
    for group in {*sizes, *rates}:
        rate = rates.get(group)
        ratio = (detail.get("ratios") or {}).get(group)
        if rate is None and ratio is not None and rates.get(reference) is not None:
            rate = ratio * rates[reference]
        _group(report, place, kinds, group, sizes.get(group), (detail.get(yes) or {}).get(group), rate, reader)
    for column, names in (detail.get("by_column") or {}).items():
        single = report.parts(place[0])[int(column[-1])] if CROSS in place[0] else place[0]
        for group, row in names.items():
            _group(report, (single, place[1], place[2]), kinds, group, row["n"], row.get(yes), row.get("rate"), reader)
    people = e["n"].get("people")
    if people is not None and CROSS not in place[0]:
        known: dict[Key, float] = {}
        for group in report.groups[place[0]][:-1]:
            known |= report.people(kinds, place[0], group, place[1], place[2])
        reader.people(known, people)
    for caution in e["cautions"]:
        for group, n in re.findall(r"(?:^|\. |; )([^.:;]+): (\d+) of \d+ people", caution["text"]):
            _Reader(reader.system, rough=False).people(report.people(kinds, place[0], group, *place[1:]), int(n))


def _group(
    report: Published, place: tuple[Any, Any, Any], kinds: tuple[str, str], group: str, n: Any, yes: Any, rate: Any,
    reader: _Reader,
) -> None:  # fmt: skip
    attribute, stage, family = place
    everybody = report.people(kinds, attribute, group, stage, family)
    chosen = report.people(kinds[:1], attribute, group, stage, family)
    reader.people(everybody, n)
    if yes is not None:
        reader.system.add(chosen, yes, yes)
    reader.rate(chosen, everybody, rate, n)


def _coverage(report: Published, e: Entry, reader: _Reader) -> None:
    about, n, chosen = e["subject"], e["n"], e["detail"].get("selected") or {}
    if CROSS in about["attribute"]:
        return
    nobody = ("declined", "unknown")
    place = (about["attribute"], UNSTATED, about["stage"], None)
    if all(n.get(status) is not None for status in nobody):
        reader.people(report.decided(*place), sum(n[status] for status in nobody))
    if all(chosen.get(status) is not None for status in nobody):
        selected = sum(chosen[status] for status in nobody)
        reader.system.add(report.over_families("selected", *place[:3]), selected, selected)


def _pair(report: Published, e: Entry, reader: _Reader) -> None:
    """A comparison of two groups: how many of each it rests on, and for tests of a fourfold table all four counts."""
    about, detail, measure = e["subject"], e["detail"], e["measure"]
    attribute, stage, family = about["attribute"], about["stage"], about["job_family"]
    for side in ("focal", "reference"):
        group, n = about["group" if side == "focal" else "reference"], e["n"].get(side)
        where = (attribute, group, stage, family)
        if measure in FOURFOLD:
            reader.people(report.decided(*where), n)
            for kind in ("selected", "rejected"):
                found = detail.get(f"{side}_{kind}")
                if found is not None:
                    reader.system.add(report.people((kind,), *where), found, found)
        elif measure in SCORED:
            reader.people(report.people(("scored",), *where, about["competency"]), n)
        elif measure in PREDICTION:
            reader.people({report.key("known", attribute, group, stage): 1.0}, n)
        elif measure in WITHIN and n is not None and stage in report.stages:
            waiting = report.counts.get("undecided") or 0
            reader.system.add(report.decided(*where), max(0, n - (5 if reader.rough else 0) - waiting))
        elif measure == "access_difference":
            had, share = _access_keys(report, e, group), (detail.get("shares") or {}).get(group)
            reader.people(total(had), n)
            reader.rate({had[0]: 1.0}, total(had), share, n)
    if measure == "standardized_difference" and reader.rough:
        _inverted(report, e, reader)


def _access_keys(report: Published, e: Entry, group: str) -> list[tuple[Any, ...]]:
    about = e["subject"]
    return [
        report.key(f"{kind} {e['variant']}", about["attribute"], group, about["stage"], None)
        for kind in ("had", "lacked")
    ]


def _inverted(report: Published, e: Entry, reader: _Reader) -> None:
    """The smallest detectable difference depends on both sizes: those that round to what is published remain."""
    about, told = e["subject"], (e["detail"].get("minimum_detectable") or {}).get("d")
    sizes = [e["n"].get(side) for side in ("focal", "reference")]
    if told is None or None in sizes:
        return
    if min(sizes) < 100 and round(told, 1) != told:
        raise ValueError("more decimals than such few people admit")
    found = [
        (one, other)
        for one in range(max(2, sizes[0] - 5), sizes[0] + 5)
        for other in range(max(2, sizes[1] - 5), sizes[1] + 5)
        if abs(round(detectable_standardized_difference(one, other)["d"], 2 if min(sizes) >= 100 else 1) - told) < 1e-9
    ]
    for side, name in enumerate(("group", "reference")):
        where = (about["attribute"], about[name], about["stage"], about["job_family"], about["competency"])
        if found:
            ends = [pair[side] for pair in found]
            reader.system.add(report.people(("scored",), *where), min(ends), max(ends))


def _monitor(report: Published, e: Entry, reader: _Reader) -> None:
    about = e["subject"]
    by_score = e["variant"] == "score"
    rows = e["detail"].get("periods") or []
    sizes = [row.get(f"n_{side}") for row in rows for side in ("focal", "reference")]
    if all(n is None or n % 10 == 0 for n in sizes) and not any("selected_focal" in row for row in rows):
        reader = _Reader(reader.system, rough=True)
    for row in rows:
        for side in ("focal", "reference"):
            group = about["group" if side == "focal" else "reference"]
            kinds = ("scored",) if by_score else ("selected", "rejected")
            keys = [(*report.key(kind, about["attribute"], group, about["stage"]), row["period"]) for kind in kinds]
            reader.people(total(keys), row.get(f"n_{side}"))
            if not by_score:
                chosen = row.get(f"selected_{side}")
                if chosen is not None:
                    reader.system.add({keys[0]: 1.0}, chosen, chosen)
                reader.rate({keys[0]: 1.0}, total(keys), row.get(f"rate_{side}"), row.get(f"n_{side}"))
