"""Chapter 6, the self-test: would this audit have seen it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import heading, rows, table, text
from reports.evidence import select
from reports.figures import bar

Entry = Mapping[str, Any]
MOSTLY = 0.5
ORDER = ("severity", "halo", "group")


def self_test(report: Entry) -> list[dict[str, Any]]:
    """How often planted effects were seen in draws from the design of the data, and how often seen where nothing was."""
    found = sorted(select(report, "self_test"), key=_place)
    known = [estimate for estimate in found if view.number(estimate["value"]) is not None]
    if not known:
        return []
    drawn = []
    for estimate in known:
        low, high = _ends(estimate)
        value = f"{view.percent(estimate['value'])} [{view.percent(low)}, {view.percent(high)}]"
        ends = None if low is None or high is None else (low, high)
        name = view.sentence(_what(estimate))
        svg = bar(name, value, estimate["value"], ends=ends, part=2 if _nothing(estimate) else 0)
        drawn.append((name, svg, value))
    draws = max((view.number(estimate["n"].get("draws")) or 0 for estimate in known), default=0)
    stage = view.stages(known[0]["subject"]["stage"])
    legend = [("part0", "planted, and seen"), ("part2", "false alarm: seen, and not there")]
    columns = ("Planted", "Draws", "Seen in", "Share", "95 % interval", "Interval by")
    cells = [
        (
            view.sentence(_what(estimate)), view.count(estimate["n"].get("draws")),
            view.count(estimate["detail"].get("seen")), view.coefficient(estimate["value"]),
            view.interval(estimate["interval"]), view.label((estimate["interval"] or {}).get("method", view.MISSING)),
        )
        for estimate in known
    ]  # fmt: skip
    return [
        heading("Would this audit have seen it?"),
        rows(f"Share of {view.count(draws)} draws in which it was seen, {stage}", drawn, legend=legend),
        text(*_said(known, stage, report)),
        table("Self-test", columns, cells, words=(5,), folded=True),
    ]


def _place(estimate: Entry) -> tuple[int, float, str]:
    kind = _kind(estimate)
    return (ORDER.index(kind) if kind in ORDER else len(ORDER), _size(estimate), str(estimate["variant"]))


def _kind(estimate: Entry) -> str:
    return str(estimate["detail"].get("kind") or str(estimate["variant"]).partition(" ")[0])


def _size(estimate: Entry) -> float:
    found = view.number(estimate["detail"].get("size"))
    if found is not None:
        return found
    last = str(estimate["variant"]).rpartition(" ")[2]
    return float(last) if last.replace(".", "", 1).isdigit() else 0.0


def _nothing(estimate: Entry) -> bool:
    return _size(estimate) == 0


def _ends(estimate: Entry) -> tuple[float | None, float | None]:
    interval = estimate["interval"] or {}
    return view.number(interval.get("low")), view.number(interval.get("high"))


def _what(estimate: Entry) -> str:
    kind, size = _kind(estimate), view.tick(_size(estimate))
    if _nothing(estimate):
        none = {"severity": "nobody is harsher", "halo": "nobody has more halo", "group": "groups are alike"}
        return f"false alarm: {none.get(kind, view.label(kind) + ' absent')}"
    if kind == "severity":
        return f"one interviewer harsher by {size} SD of candidates"
    if kind == "halo":
        return f"one interviewer who hardly tells competencies apart ({view.percent(_size(estimate))} of it gone)"
    if kind == "group":
        return f"one group lower by {size} SD of candidates"
    return f"{view.label(kind)} of {size}"


def _said(known: list[Entry], stage: str, report: Entry) -> list[str]:
    seen: list[str] = []
    missed: list[str] = []
    open_: list[str] = []
    for estimate in known:
        if _nothing(estimate):
            continue
        low, high = _ends(estimate)
        where = open_ if low is None or high is None else seen if low > MOSTLY else missed if high < MOSTLY else open_
        where.append(f"{_what(estimate)} ({view.percent(estimate['value'])})")
    said = (
        f"Scores were drawn anew for the very candidates, interviewers and competencies of {stage}, with one thing wrong "
        "of a known size, and the audit's own measures looked for it. "
    )
    if seen:
        said += f"Mostly seen: {view.listed(seen)}. "
    if missed:
        said += f"Mostly missed: {view.listed(missed)}; where this report sees nothing of that size, it says little. "
    if open_:
        said += f"Too few draws to tell: {view.listed(open_)}. "
    alarms = [estimate for estimate in known if _nothing(estimate)]
    if not alarms:
        return [said.strip()]
    told = [f"{_what(e).partition(': ')[2]} ({view.percent(e['value'])}, {_between(e)})" for e in alarms]
    rate = view.percent(report["policy"]["audit"]["false_discovery_rate"])
    level = view.percent(1 - report["policy"]["audit"]["confidence"])
    alarm = (
        f"False alarms, seen although not there: {view.listed(told)}. About {rate} at most among flags, and {level} for "
        "groups, is what the rules allow for; the intervals show what so few draws can tell."
    )
    return [said.strip(), alarm]


def _between(estimate: Entry) -> str:
    low, high = _ends(estimate)
    if low is None or high is None:
        return "no interval"
    return f"{view.level(estimate['interval'])} interval {view.percent(low)} to {view.percent(high)}"
