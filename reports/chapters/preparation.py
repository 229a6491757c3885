"""Chapter 4, preparation: who was given help before the interview, what it moves, and whether that predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import forest, heading, text
from reports.evidence import ends, select
from reports.figures import spanning

Entry = Mapping[str, Any]
READINGS = {
    "predicts": "The part of the score that goes with preparation predicts performance, too.",
    "does_not_predict": "The part of the score that goes with preparation does not predict performance as the rest does: it "
    "lifts the score without lifting what the score is for.",
    "cannot_tell": "Whether the part of the score that goes with preparation predicts performance, these data cannot tell.",
}


def preparation(report: Entry) -> list[dict[str, Any]]:
    """Effect of each item on the score, the reading of what it foretells, and access by group."""
    blocks: list[dict[str, Any]] = []
    for estimate in select(report, "preparation_effect"):
        items = [(view.sentence(_item(row["item"])), _row(row)) for row in estimate["detail"].get("items") or []]
        if estimate["value"] is None or not items:
            continue
        axis = spanning(ends(items), always=(0.0, 0.5), limits=(-3.0, 3.0))
        caption = (
            "Interview score of those given an item against those not, in standard deviations, beside the other items"
        )
        blocks += [forest(caption, items, axis, [(0.0, "nothing")]), text(_moved(estimate), _predicts(estimate))]
    moved = [heading("Does preparation move the score, and does that part predict?"), *blocks] if blocks else []
    return moved + _access(report)


def _item(name: str) -> str:
    return view.label(name.replace("_", " "))


def _row(row: Entry) -> Entry:
    return {
        "id": row["item"],
        "value": row["effect"],
        "interval": {"low": row["low"], "high": row["high"], "level": 0.95},
    }


def _moved(estimate: Entry) -> str:
    p = estimate["detail"].get("p")
    return (
        f"Preparation goes with {view.rough(100 * estimate['value'])} parts in 100 of the differences between candidates' "
        f"scores ({view.interval_in_words(estimate['interval'])}, {view.p_equals(p)}, "
        f"{view.count(estimate['n']['candidates'])} candidates). Who prepares may differ in other ways, too."
    )


def _predicts(estimate: Entry) -> str:
    detail = estimate["detail"]
    said = READINGS[detail.get("reading") or "cannot_tell"]
    part, rest = detail.get("slope_prepared"), detail.get("slope_rest")
    if part is None or rest is None or part["low"] is None:
        return said
    return (
        f"{said} A point of score from preparation goes with {view.coefficient(part['value'])} standard deviations of "
        f"performance ({view.coefficient(part['low'])} to {view.coefficient(part['high'])}), a point of the rest with "
        f"{view.coefficient(rest['value'])} ({view.coefficient(rest['low'])} to {view.coefficient(rest['high'])}; "
        f"{view.count(estimate['n']['with_criterion'])} people with performance)."
    )


def _access(report: Entry) -> list[dict[str, Any]]:
    told = [e for e in select(report, "access_difference") if e["value"] is not None]
    entries = [(f"{view.sentence(_item(e['variant']))}, {_pair(e)}", e) for e in told]
    if not entries:
        return []
    axis = spanning(ends(entries), always=(-0.1, 0.1), limits=(-1.0, 1.0))
    found = {test["estimate"]: test["q"] for test in report["tests_run"] if test["q"] is not None}
    apart = [
        f"{_pair(e)} ({_item(e['variant'])}: {view.coefficient(e['value'])}, {view.p_equals(found[e['id']], 'q')}, "
        f"{view.count(e['n']['focal'])} and {view.count(e['n']['reference'])} people)"
        for e in told
        if found.get(e["id"], 1.0) < report["policy"]["policy"]["significance"]
    ]
    said = (
        f"Access differs beyond chance between {view.listed(apart, 4)}."
        if apart
        else "No difference in access beyond chance was seen; the intervals show how large one could be."
    )
    caption = "Share of a group that was given an item, minus that of the group it is compared with"
    drawn = forest(caption, entries, axis, [(0.0, "alike")], more=8)
    return [heading("Were groups prepared alike?"), drawn, text(said)]


def _pair(estimate: Entry) -> str:
    subject = estimate["subject"]
    return f"{view.label(subject['group'])} : {view.label(subject['reference'])}"
