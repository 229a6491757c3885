"""Every count of people of a group in a report before protection: what an attacker would like to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.reports.linear import Key, total
from tests.reports.published import FOURFOLD, PREDICTION, SCORED, Published

Entry = Mapping[str, Any]
DECIDED = ("selected", "rejected")


@dataclass(frozen=True, slots=True)
class Count:
    """How many, of which group and where; kinds: the unknowns whose sum it is."""

    kinds: tuple[str, ...]
    attribute: str
    group: str
    stage: str | None
    family: str | None
    competency: str | None
    period: str | None
    number: int

    @property
    def place(self) -> tuple[Any, ...]:
        return (self.kinds, self.attribute, self.group, self.stage, self.family, self.competency, self.period)

    def terms(self, seen: Published) -> dict[Key, float]:
        """The unknowns of the attacker that it is the sum of."""
        if self.period is not None:
            keys = [seen.key(kind, self.attribute, self.group, self.stage) for kind in self.kinds]
            return total((*key, self.period) for key in keys)
        return seen.people(self.kinds, self.attribute, self.group, self.stage, self.family, self.competency)


def counted(report: Entry) -> Iterator[Count]:
    """All of them; the same count may come several times."""
    for estimate in report["estimates"]:
        if estimate["subject"].get("attribute"):
            yield from _of(estimate)


def _of(e: Entry) -> Iterator[Count]:
    about, detail, measure = e["subject"], e["detail"], e["measure"]
    attribute, stage, family = about["attribute"], about["stage"], about["job_family"]
    if measure in ("impact_ratio", "scoring_rate", "crossed_rates"):
        kinds = ("above", "below") if measure == "scoring_rate" else DECIDED
        for row in detail.get("rows") or []:
            yes = row.get("above" if measure == "scoring_rate" else "selected")
            yield from _fourfold(kinds, (attribute, row["group"], stage, family, None, None), row["n"], yes)
    elif measure == "group_monitor":
        kinds = ("scored",) if e["variant"] == "score" else DECIDED
        for row in detail.get("periods") or []:
            for side in ("focal", "reference"):
                place = (attribute, about[_name(side)], stage, None, None, str(row["period"]))
                yield from _fourfold(kinds, place, row.get(f"n_{side}"), row.get(f"selected_{side}"))
    elif about.get("group"):
        for side in ("focal", "reference"):
            group, n = about[_name(side)], e["n"].get(side)
            if measure in FOURFOLD:
                place = (attribute, group, stage, family, None, None)
                yield from _fourfold(DECIDED, place, n, detail.get(f"{side}_selected"))
            elif measure in SCORED and n is not None:
                yield Count(("scored",), attribute, group, stage, family, about["competency"], None, n)
            elif measure in PREDICTION and n is not None:
                yield Count(("known",), attribute, group, stage, None, None, None, n)
            elif measure == "access_difference" and n is not None:
                had = round((detail.get("shares") or {}).get(group, 0) * n)
                kinds = (f"had {e['variant']}", f"lacked {e['variant']}")
                yield from _fourfold(kinds, (attribute, group, stage, None, None, None), n, had)


def _name(side: str) -> str:
    return "group" if side == "focal" else side


def _fourfold(kinds: tuple[str, ...], place: tuple[Any, ...], n: int | None, yes: int | None) -> Iterator[Count]:
    if n is None:
        return
    yield Count(kinds, *place, n)
    if yes is not None and len(kinds) == 2:
        yield Count(kinds[:1], *place, yes)
        yield Count(kinds[1:], *place, n - yes)
