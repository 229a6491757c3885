"""Chapter 3, drift: does severity change over time?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import heading, picture, table, text
from reports.figures import Axis, Line, lines, spanning

Entry = Mapping[str, Any]
MOST_LINES = 6
MOST_WITH_ENDS = 2
"""With more lines their intervals would cover one another; they stay in the table."""
MOST_NAMED_PERIODS = 4


def drift(estimate: Entry | None, stage: str, report: Entry) -> list[dict[str, Any]]:
    """Interviewers who grow harsher or milder against the others, over periods."""
    if estimate is None:
        return []
    where, detail = view.stages(stage), estimate["detail"]
    title = heading(f"Drift over time, {where}")
    raters = {name: row for name, row in (detail.get("raters") or {}).items() if row}
    if estimate["value"] is None:
        return [title, text(f"Drift at {where} cannot be judged. {view.why_not(estimate)}".strip())]
    flagged = sorted(
        (name for name, row in raters.items() if row.get("flagged")),
        key=lambda name: (raters[name].get("q") or 0, name),
    )
    blocks = [title]
    said = _said(estimate, len(flagged), where, report)
    if flagged:
        blocks += _drawn(raters, flagged, list(detail.get("periods") or []), where, said)
    blocks.append(text(*said))
    cells = [_row(name, row) for name, row in sorted(raters.items(), key=_harsher_first)]
    columns = ("Interviewer (pseudonym)", "Slope", "Drawn in", "95 % interval", "q", "Candidates", "Flag")
    if cells:
        caption = f"Slopes of severity, {where}: points a period, above 0 milder"
        blocks.append(table(caption, columns, cells, words=(6,), folded=True))
    return blocks


def _harsher_first(one: tuple[str, Entry]) -> tuple[bool, float, str]:
    return (not one[1].get("flagged"), view.number(one[1].get("shrunken")) or 0.0, one[0])


def _row(name: str, row: Entry) -> tuple[str, ...]:
    flag = "" if not row.get("flagged") else "▲ harsher" if (view.number(row.get("shrunken")) or 0) < 0 else "▼ milder"
    ends = f"[{view.fixed(row.get('low'), 3)}, {view.fixed(row.get('high'), 3)}]"
    figures = (view.fixed(row.get("slope"), 3), view.fixed(row.get("shrunken"), 3), ends, view.p_value(row.get("q")))
    return (view.pseudonym(name), *figures, view.count(row.get("units")), flag)


def _drawn(raters: Entry, flagged: list[str], periods: list[Any], where: str, said: list[str]) -> list[dict[str, Any]]:
    """Lines of severity over periods of those flagged, and the figures behind them."""
    place = {period: float(number) for number, period in enumerate(periods, start=1)}
    drawn, cells = [], []
    for name in flagged:
        known = [(place[row["period"]], row) for row in raters[name].get("periods") or [] if row.get("period") in place]
        points = [(x, at) for x, row in known if (at := view.number(row.get("severity"))) is not None]
        if points and len(drawn) < MOST_LINES:
            ends = [(x, row.get("low"), row.get("high")) for x, row in known] if len(flagged) <= MOST_WITH_ENDS else []
            drawn.append(Line(view.pseudonym(name), points, len(drawn), ends=[e for e in ends if None not in e]))
        cells += [
            (
                view.pseudonym(name), view.label(row["period"]), view.fixed(row.get("severity")),
                f"[{view.fixed(row.get('low'))}, {view.fixed(row.get('high'))}]", view.count(row.get("units")),
            )
            for _, row in known
        ]  # fmt: skip
    if not drawn:
        return []
    ends = [y for line in drawn for _, y in line.points] + [y for line in drawn for _, *two in line.ends for y in two]
    ticks = _ticks(len(periods))
    title = f"Severity over time of interviewers with a flag, {where}"
    svg = lines(
        title, " ".join(said), drawn, across=Axis(1, max(len(periods), 1)),
        up=spanning(ends, always=(0.0,), limits=(-math.inf, math.inf)), levels=[(0.0, "own mean")],
        across_ticks=ticks, across_names={tick: view.label(periods[int(tick) - 1], 12) for tick in ticks},
    )  # fmt: skip
    more = "" if len(flagged) <= MOST_LINES else f"; the {MOST_LINES} surest of {view.count(len(flagged))}"
    more += ", with 95 % intervals" if any(line.ends for line in drawn) else ", intervals in the table"
    legend = [(f"style{line.style}", line.name) for line in drawn]
    columns = ("Interviewer (pseudonym)", "Period", "Severity, points", "95 % interval", "Candidates")
    return [
        picture(f"{title}{more} (up: harsher, score points)", svg, legend),
        table(f"Severity by period, {where}: periods with enough candidates", columns, cells, words=(1,), folded=True),
    ]


def _ticks(periods: int) -> list[float]:
    """The first, the last, and evenly spaced ones between."""
    if periods <= MOST_NAMED_PERIODS:
        return [float(number) for number in range(1, periods + 1)]
    step = (periods - 1) / (MOST_NAMED_PERIODS - 1)
    return sorted({float(round(1 + step * number)) for number in range(MOST_NAMED_PERIODS)})


def _said(estimate: Entry, flagged: int, where: str, report: Entry) -> list[str]:
    detail, n = estimate["detail"], estimate["n"]
    periods = detail.get("periods") or []
    span = f" ({view.label(periods[0], 20)} to {view.label(periods[-1], 20)})" if periods else ""
    rate = view.percent(report["policy"]["audit"]["false_discovery_rate"])
    grow = "grows" if flagged == 1 else "grow"
    first = (
        f"Over {view.plural(len(periods), 'period')}{span}, {view.count(flagged) if flagged else 'none'} of "
        f"{view.count(n.get('raters_judged'))} interviewers judged at {where} {grow} harsher or "
        f"milder than their colleagues of the same candidates would have it "
        f"({view.count(n.get('units'))} candidates; among such flags about {rate} at most are expected to be false). "
    )
    slope, ends = view.number(detail.get("usual_slope")), detail.get("usual_slope_interval")
    if slope is not None and ends:
        low, high = (view.number(end) for end in ends)
        holds = low is not None and high is not None and low <= 0 <= high
        first += (
            f"The usual interviewer changes by {view.fixed(slope, 3)} points a period (above 0 milder; interval "
            f"{view.fixed(low, 3)} to {view.fixed(high, 3)}){', an interval that holds zero' if holds else ''}. "
        )
    second = "Only drift against colleagues can be seen: what all interviewers do together looks like a change of candidates."
    if flagged:
        second += " Score the same examples again with those flagged, and say what each score means."
    return [first.strip(), second]
