"""The counts of people by group that a report shows, as tables for suppression: who is counted where, beside which totals.

A slice is (attribute, stage, part): part None for all, else a job family, or a period of the interview (marked, so that no
job family can be called the same).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reports.suppression import Cells, Slice, Table

Entry = dict[str, Any]
SELECTION = (
    "impact_ratio", "fisher_exact", "lancaster_mid_p", "boschloo", "two_proportion_z", "mantel_haenszel", "breslow_day",
)  # fmt: skip
PERFORMANCE = ("differential_prediction", "d_mod", "differential_validity", "prediction_at_cut")
DECISIONS = ("decision_flips", "selection_tradeoff")
OUTCOMES = (*SELECTION, *PERFORMANCE, *DECISIONS)
ACCESS, SCORING, CROSSED, MONITOR, COVERAGE = (
    "access_difference", "scoring_rate", "crossed_rates", "group_monitor", "group_coverage",
)  # fmt: skip
CROSS, JOIN = " × ", " / "
PERIOD = "\x00"
SAMPLED = "a random sample of"
"""What a method says of itself that does not count everybody."""


def slice_of(estimate: Entry) -> Slice:
    subject = estimate["subject"]
    return str(subject.get("attribute")), subject.get("stage"), subject.get("job_family")


def period_slice(estimate: Entry, period: str) -> Slice:
    attribute, stage, _ = slice_of(estimate)
    return attribute, stage, PERIOD + period


def people_tables(report: Entry) -> list[Table]:
    """How many people of each group: by slice and measure."""
    tables = [
        Table("impact_ratio", slice_of(e), {g: (n,) for g, n in _sizes(e).items()}, (_candidates(report, e),))
        for e in _of(report, "impact_ratio")
    ]
    return [*tables, *_pairs(report, outcomes=False), *_periods(report, "score")]


def outcome_tables(report: Entry) -> list[Table]:
    """How many of each group were selected and not, and how many have performance."""
    tables = []
    for estimate in _of(report, "impact_ratio"):
        sizes, selected = _sizes(estimate), estimate["detail"].get("selected", {})
        cells: dict[str, Cells] = {
            g: (n, selected[g], n - selected[g]) for g, n in sizes.items() if selected.get(g) is not None
        }
        tables.append(Table("impact_ratio", slice_of(estimate), cells, _outcome_totals(report, estimate)))
    tables += _crossed(report, "impact_ratio", "")  # rows count people even where no ratio can be estimated
    return [*tables, *_pairs(report, outcomes=True), *_periods(report, "selection")]


def scoring_tables(report: Entry) -> list[Table]:
    """How many of each group score above everyone's median, and not; half of those scored lie above, near enough."""
    tables = []
    for estimate in _of(report, SCORING):
        sizes, above = _sizes(estimate), estimate["detail"].get("above", {})
        cells: dict[str, Cells] = {g: (n, above[g], n - above[g]) for g, n in sizes.items() if above.get(g) is not None}
        scored = estimate["n"].get("scored")
        tables.append(Table(SCORING, slice_of(estimate), cells, (scored, None, None)))
    return [*tables, *_crossed(report, SCORING, "scores")]


def access_tables(report: Entry) -> list[Table]:
    """By item, a group's people, those who had it and those who had not, beside the totals of the item."""
    totals = {
        row["item"]: (estimate["n"].get("candidates"), row["n_with"], row["n_without"])
        for estimate in _of(report, "preparation_effect")
        for row in estimate["detail"].get("items") or []
    }
    prepared = (report["inputs"]["counts"].get("prepared_known"), None, None)
    tables: dict[tuple[str, Slice], Table] = {}
    for estimate in _of(report, ACCESS):
        shares = estimate["detail"].get("shares") or {}
        if not shares:
            continue
        item, key = estimate["variant"], slice_of(estimate)
        table = tables.setdefault((item, key), Table(item, key, {}, totals.get(item, prepared)))
        for side in ("focal", "reference"):
            group, n = estimate["subject"]["group" if side == "focal" else side], estimate["n"][side]
            had = round(shares[group] * n)
            table.cells[group] = (n, had, n - had)
    return list(tables.values())


def parts_of(attribute: str, tables: list[Table]) -> Mapping[str, tuple[str, str]]:
    """Crossed groups by name, with their two parts: every pair of the groups that the single attributes have."""
    first, _, second = attribute.partition(CROSS)
    names: dict[str, set[str]] = {first: set(), second: set()}
    for table in tables:
        if table.slice[0] in names:
            names[table.slice[0]] |= table.cells.keys()
    return {
        JOIN.join(part.replace(JOIN, JOIN.strip()) for part in (a, b)): (a, b)
        for a in names[first]
        for b in names[second]
    }


def _crossed(report: Entry, kind: str, variant: str) -> Iterator[Table]:
    """Rows of crossed groups: selected and not, or (variant scores) above everyone's median and not."""
    for estimate in _of(report, CROSSED):
        if estimate["variant"] == variant:
            rows = {row["group"]: (row.get("n"), row.get("selected")) for row in estimate["detail"].get("rows") or []}
            cells: dict[str, Cells] = {
                g: (n, yes, n - yes) for g, (n, yes) in rows.items() if n is not None and yes is not None
            }
            yield Table(kind, slice_of(estimate), cells, (None, None, None))


def _of(report: Entry, measure: str) -> Iterator[Entry]:
    return (estimate for estimate in report["estimates"] if estimate["measure"] == measure)


def _sizes(estimate: Entry) -> dict[str, int]:
    return {group: n for group, n in estimate["detail"].get("n", {}).items() if n is not None}


def _pairs(report: Entry, *, outcomes: bool) -> Iterator[Table]:
    """Measures of two groups: what they compare adds up to a table of groups by measure."""
    pairs: dict[tuple[str, Slice], Table] = {}
    for estimate in report["estimates"]:
        measure, n = estimate["measure"], estimate["n"]
        if "focal" not in n or measure in ("impact_ratio", ACCESS, SCORING) or (measure in OUTCOMES) != outcomes:
            continue
        if estimate["subject"].get("group") is None or n["focal"] is None or n["reference"] is None:
            continue
        if measure == MONITOR and (estimate["variant"] == "selection") != outcomes:
            continue
        kind = f"{measure}/{estimate['variant']}/{estimate['subject'].get('competency')}"
        key = (kind, slice_of(estimate))
        if key not in pairs:
            counted = _rated if measure in PERFORMANCE else _candidates
            total = None if outcomes and counted is _candidates else counted(report, estimate)
            pairs[key] = Table(*key, {}, (total,), sampled=SAMPLED in estimate["method"])
        table = pairs[key]
        table.cells[estimate["subject"]["group"]] = (n["focal"],)
        table.cells[estimate["subject"]["reference"]] = (n["reference"],)
    yield from pairs.values()


def _periods(report: Entry, variant: str) -> Iterator[Table]:
    """A group's people (and its selected and rejected) period by period, and over all of them."""
    tables: dict[Slice, Table] = {}
    kind = f"{MONITOR}/{variant}/periods"
    for estimate in _of(report, MONITOR):
        if estimate["variant"] != variant:
            continue
        whole: dict[str, list[int]] = {}
        for row in estimate["detail"].get("periods") or []:
            for side in ("focal", "reference"):
                group = estimate["subject"]["group" if side == "focal" else side]
                n, chosen = row.get(f"n_{side}"), row.get(f"selected_{side}")
                if n is None:
                    continue
                cells = (n,) if variant == "score" or chosen is None else (n, chosen, n - chosen)
                key = period_slice(estimate, str(row["period"]))
                tables.setdefault(key, Table(kind, key, {}, (None,) * len(cells))).cells[group] = cells
                so_far = whole.setdefault(group, [0] * len(cells))
                whole[group] = [a + b for a, b in zip(so_far, cells, strict=True)]
        key = slice_of(estimate)
        for group, sums in whole.items():
            table = tables.setdefault(key, Table(kind, key, {}, (None,) * len(sums)))
            table.cells[group] = tuple(sums)
    yield from tables.values()


def _total(report: Entry, estimate: Entry, measure: str, key: str) -> int | None:
    """The largest number of people that the report publishes for a slice; for the whole process, that of its first stage."""
    subject = estimate["subject"]
    stages = (subject.get("stage"),) if subject.get("stage") is not None else ("hr", "user", "other")
    same = [
        other["n"].get(key) or 0
        for other in report["estimates"]
        if other["measure"] == measure
        and other["subject"].get("stage") in stages
        and other["subject"].get("job_family") == subject.get("job_family")
        and subject.get("competency") in (None, other["subject"].get("competency"))
    ]
    return max(same, default=None)


def _candidates(report: Entry, estimate: Entry) -> int | None:
    return _total(report, estimate, "g_coefficient", "units")


def _rated(report: Entry, estimate: Entry) -> int | None:
    return _total(report, estimate, "pearson", "people")


def _outcome_totals(report: Entry, estimate: Entry) -> tuple[int | None, ...]:
    """Candidates, selected and rejected: the selected of a stage are in the report's counts."""
    counts, candidates = report["inputs"]["counts"], _candidates(report, estimate)
    if estimate["subject"]["job_family"] is not None:
        return candidates, None, None
    selected = counts.get(
        {"user": "hired", "hr": "user_interviewed", None: "hired"}.get(estimate["subject"]["stage"], "")
    )
    return candidates, selected, None if candidates is None or selected is None else candidates - selected
