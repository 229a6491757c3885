"""Chapter 5, the reason behind a crossed group that departs: chance, its attributes alone, its scores, an earlier stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reports import view
from reports.blocks import heading, table, text
from reports.chapters.alike.why import CANNOT, NOT_SEEN, POINTS, UNLIKELY, Explanation, summary
from reports.evidence import by_id, select

Entry = Mapping[str, Any]


def why_crossed(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """For each crossed group that decisions of a stage single out, the explanations."""
    blocks: list[dict[str, Any]] = []
    for finding in report["findings"]:
        estimate = by_id(report, finding["evidence"][0]) if finding["evidence"] else None
        if finding["rule"] != "crossed" or finding["state"] != "concern" or estimate is None:
            continue
        if finding["subject"]["attribute"] != attribute or estimate["variant"] == "scores":
            continue
        for group in estimate["detail"].get("flagged") or []:
            found = list(crossed_explanations(report, finding, group))
            where = view.stages(finding["subject"]["stage"])
            lines = [(each.name, each.word, each.evidence) for each in found]
            caption = f"What could be behind the selection of {view.label(group)} at {where}"
            blocks += [
                text(summary(found, f"{view.label(group)} and what their two attributes say, at {where}")),
                table(caption, ("Explanation", "Data", "What they show"), lines, words=(1, 2)),
            ]
    return [heading("What is behind a crossed group?"), *blocks] if blocks else []


def crossed_explanations(report: Entry, finding: Entry, group: str) -> Iterator[Explanation]:
    """Each explanation of one crossed group that departs in the decisions of a stage."""
    subject = finding["subject"]
    row = _row(by_id(report, finding["evidence"][0]), group)
    if row is not None:
        yield Explanation(
            "Decisions on this crossed group",
            POINTS,
            f"Of {view.count(row['n'])} people {view.rough(100 * row['rate'])} of 100 were selected.",
            view.label(group),
        )
    told = f"Over all crossed groups {view.p_equals(finding['p'])}, {view.p_equals(finding['q'], 'q')} over all tests."
    yield Explanation("Chance", UNLIKELY, told)
    if row is not None:
        yield Explanation(
            "Either attribute alone",
            NOT_SEEN,
            f"Both attributes together say {view.rough(100 * row['expected'])} of 100.",
        )
    yield _elsewhere(report, subject, group, "scores", "Their scores", "scored above the median")
    if subject["stage"] == "user":
        yield _elsewhere(report, subject | {"stage": "hr"}, group, "", "An earlier stage", "passed HR interviews")


def _elsewhere(report: Entry, subject: Mapping[str, Any], group: str, variant: str, name: str, did: str) -> Explanation:
    """Whether the crossed group departs there, too: its own test, before allowing for the number of groups."""
    found = [
        e
        for e in select(report, "crossed_rates", attribute=subject["attribute"])
        if e["variant"] == variant and e["subject"]["stage"] == subject["stage"]
    ]
    row = _row(found[0], group) if found else None
    if row is None or row.get("p") is None:
        return Explanation(name, CANNOT, "It could not be looked at in these data.")
    told = (
        f"{view.rough(100 * row['rate'])} of 100 {did} where both attributes together say "
        f"{view.rough(100 * row['expected'])} ({view.p_equals(row['p'])})."
    )
    lower = row["rate"] < row["expected"] and row["p"] < report["policy"]["policy"]["significance"]
    return Explanation(name, POINTS if lower else NOT_SEEN, told)


def _row(estimate: Entry | None, group: str) -> Entry | None:
    rows = ((estimate or {}).get("detail") or {}).get("rows") or []
    return next((r for r in rows if r["group"] == group and None not in (r.get("rate"), r.get("expected"))), None)
