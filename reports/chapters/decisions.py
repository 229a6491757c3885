"""Chapter 4, decisions: what decides beside what predicts, what use brings, and whether another panel would agree."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from reports import view
from reports.blocks import forest, heading, picture, table, text
from reports.chapters.competency_validity import score
from reports.chapters.published import in_hundred
from reports.evidence import ends, first, select, stages_of
from reports.figures import Axis, Line, lines, spanning

Entry = Mapping[str, Any]
WITHHELD = "withheld"
IN_USE = ("expectancy_table", "taylor_russell", "naylor_shine", "utility", "decision_consistency")
FIFTHS = ("Lowest fifth", "Second", "Third", "Fourth", "Highest fifth")


def weighed(report: Entry) -> list[dict[str, Any]]:
    """Implied weights beside those that predict best; and what other rules would have brought."""
    found = [e for e in select(report, "decision_weights") if e["value"] is not None and e["detail"].get("weights")]
    if not found:
        return []
    blocks: list[dict[str, Any]] = [heading("Does what decides also predict?")]
    for estimate in found:
        rows = estimate["detail"]["weights"]
        caption = f"{view.sentence(view.stages(estimate['subject']['stage']))}: weight of each score"
        entries = []
        kinds = {}
        for row in rows:
            for kind, name in (("implied", "decides"), ("optimal", "predicts")):
                limits = {"low": row[f"{kind}_low"], "high": row[f"{kind}_high"]}
                entry = {"id": f"{row['predictor']}/{kind}", "value": row[kind], "interval": limits}
                entries.append((f"{view.sentence(score(row['predictor']))}: {name}", entry))
                kinds[entry["id"]] = "muted" if kind == "implied" else "estimate"
        axis = spanning(ends(entries), always=(0.0,), limits=(-1.0, 1.0))
        blocks += [
            forest(caption, entries, axis, [(0.0, "none")], kinds=kinds),
            text(_agreement(estimate)),
            *_policies(estimate),
            *_cuts(estimate),
        ]
    return blocks


def _agreement(estimate: Entry) -> str:
    n = estimate["n"]
    return (
        "Ranked by what has decided and by what predicts best, candidates come in much the same order where this is near 1: "
        f"{view.coefficient(estimate['value'])}, {view.interval_in_words(estimate['interval'])} "
        f"({view.count(n['applicants'])} candidates, {view.count(n['selected'])} accepted, performance known for "
        f"{view.count(n['with_criterion'])})."
    )


def _policies(estimate: Entry) -> list[dict[str, Any]]:
    rows = [row for row in estimate["detail"].get("policies") or [] if row["expected"] is not None]
    rows.sort(key=lambda row: -row["expected"])
    told = [
        (
            _policy(row["policy"]),
            view.fixed(row["expected"]),
            view.interval({"low": row["low"], "high": row["high"]}),
            view.percent(row["kept"]),
        )
        for row in rows
    ]
    columns = ("Rule", "Expected performance", "Interval", "Of those accepted, kept")
    caption = (
        f"The same number accepted by another rule: expected performance of the accepted, in standard deviations of all "
        f"candidates above their mean ({view.count(estimate['n']['selected'])} accepted)"
    )
    return [table(caption, columns, told)] if told else []


def _policy(name: str) -> str:
    fixed = {
        "as decided": "As decided",
        "implied weights": "The weights that the decisions imply, kept to strictly",
        "equal weights": "Equal weights",
        "optimal weights": "The weights that predict best (optimism taken off)",
    }
    return fixed.get(name) or f"{view.sentence(score(name.removesuffix(' alone')))} alone"


def _cuts(estimate: Entry) -> list[dict[str, Any]]:
    told = [
        (
            view.percent(row["selection_ratio"]) + (" (as now)" if row["own"] else ""),
            view.fixed(row["expected"]),
            view.interval({"low": row["low"], "high": row["high"]}),
        )
        for row in estimate["detail"].get("cuts") or []
    ]
    columns = ("Share accepted", "Expected performance", "Interval")
    return [table("Another cut at the same weights", columns, told, folded=True)] if told else []


def in_use(report: Entry) -> list[dict[str, Any]]:
    """Performance by fifths of all candidates, the gain over taking people as they come, and another panel's decision."""
    blocks: list[dict[str, Any]] = []
    for stage in dict.fromkeys(stage for measure in IN_USE for stage in stages_of(report, measure)):
        estimate = first(report, "expectancy_table", stage=stage)
        if estimate is not None and estimate["detail"].get("rows"):
            blocks += _fifths(estimate, stage)
        said = [*_gains(report, stage), *_consistency(report, stage)]
        blocks += [text(*said)] if said else []
        blocks += _panels(report, stage)
    return [heading("What is the score worth in use?"), *blocks] if blocks else []


def _fifths(estimate: Entry, stage: str) -> list[dict[str, Any]]:
    """Mean later performance of those rated, by fifth of everybody's score."""
    rows = estimate["detail"]["rows"]
    shown = [row for row in rows if row["value"] is not None]
    if len(shown) < 2:
        return []
    points = [(float(row["part"]), row["value"]) for row in shown]
    spans = [(float(row["part"]), view.number(row["low"]), view.number(row["high"])) for row in shown]
    finite = [
        (at, low, high) for at, low, high in spans if low is not None and high is not None and isfinite(high - low)
    ]
    values = [row["value"] for row in shown] + [end for _, *limits in finite for end in limits]
    up = spanning(values, limits=(-1e9, 1e9)) if min(values) < 0 else _above(values)
    names = {float(row["part"]): WITHHELD if row["n_rated"] is None else view.count(row["n_rated"]) for row in rows}
    description = "; ".join(
        f"{FIFTHS[row['part'] - 1] if len(rows) <= 5 else row['part']}: "
        + ("nobody rated" if row["n_rated"] == 0 else WITHHELD if row["value"] is None else view.fixed(row["value"]))
        for row in rows
    )
    caption = (
        f"{view.sentence(view.stages(stage))}: later performance of those rated, by fifth of all candidates' scores, "
        "lowest to highest; beneath, how many were rated"
    )
    drawn = lines(
        caption, description, [Line("performance", points, ends=finite)], across=Axis(0.5, 5.5), up=up,
        across_ticks=[float(row["part"]) for row in rows], across_names=names,
    )  # fmt: skip
    told = [
        (
            FIFTHS[row["part"] - 1],
            f"{view.fixed(row['from'])} to {view.fixed(row['to'])}",
            view.count(row["n"]),
            WITHHELD if row["n_rated"] is None else view.count(row["n_rated"]),
            WITHHELD if row["n_rated"] is None else view.fixed(row["value"]),
            view.interval({"low": row["low"], "high": row["high"]}),
        )
        for row in rows
    ]
    columns = ("Score", "From, to", "Candidates", "Rated", "Mean performance", "Interval")
    said = (
        "Those of the lower fifths who were accepted all the same had something else to speak for them: their ratings say "
        "little about the others of their fifth."
    )
    if any(row["n_rated"] is None for row in rows):
        said += " Fifths with few people rated, and what would give their figures away, are withheld."
    name = f"Expectancy by fifths, {view.stages(stage)}"
    return [picture(caption, drawn), text(said), table(name, columns, told, folded=True)]


def _above(values: list[float]) -> Axis:
    pad = 0.15 * (max(values) - min(values) or 1.0)
    return Axis(min(values) - pad, max(values) + pad)


def _gains(report: Entry, stage: str) -> list[str]:
    success, gain = first(report, "taylor_russell", stage=stage), first(report, "naylor_shine", stage=stage)
    money = first(report, "utility", stage=stage)
    said = []
    if success is not None and success["value"] is not None:
        said.append(
            f"{view.sentence(view.stages(stage))}: of 100 people accepted by their scores, "
            f"{view.count(100 * success['value'])} would perform above the middle of all candidates"
            f"{in_hundred(success['interval'])}; of 100 taken as they come, 50 (Taylor–Russell)."
        )
    if gain is not None and gain["value"] is not None:
        said.append(
            f"The mean performance of those accepted would lie {view.coefficient(gain['value'])} standard deviations above "
            f"that of all candidates ({view.interval_in_words(gain['interval'])}; Naylor–Shine)."
        )
    if money is not None and money["value"] is not None:
        limits = money["interval"]
        span = "" if limits is None else f" ({view.count(limits['low'])} to {view.count(limits['high'])})"
        said.append(
            f"At the configured worth of a standard deviation of performance that is {view.count(money['value'])} a year for "
            f"those accepted, costs taken off{span}. The interval holds the validity's uncertainty alone, not that of the "
            "worth (Brogden–Cronbach–Gleser)."
        )
    return [" ".join(part for part in said if part)] if said else []


def _consistency(report: Entry, stage: str) -> list[str]:
    estimate = first(report, "decision_consistency", stage=stage)
    if estimate is None or estimate["value"] is None:
        return []
    near = estimate["detail"].get("near_cut") or {}
    said = (
        f"{view.sentence(view.stages(stage))}: another panel of the same size would put "
        f"{view.count(100 * estimate['value'])} of 100 candidates on the same side of the cut "
        f"({view.interval_in_words(estimate['interval'])}, {view.count(estimate['n']['units'])} candidates)."
    )
    if None not in (near.get("flip"), near.get("share"), near.get("within")):
        said += (
            f" {view.count(100 * near['share'])} in 100 candidates lie within one standard error of it "
            f"({view.coefficient(near['within'])} points); of those, {view.count(100 * near['flip'])} in 100 would "
            "change sides."
        )
    return [said]


def _panels(report: Entry, stage: str) -> list[dict[str, Any]]:
    estimate = first(report, "decision_consistency", stage=stage)
    if estimate is None or estimate["value"] is None:
        return []
    told = [
        (view.count(row["raters"]), view.coefficient(row["reliability"]), view.percent(row["consistency"]))
        for row in estimate["detail"].get("panels") or []
    ]
    if not told:
        return []
    columns = ("Interviewers a candidate", "Reliability", "Decided alike")
    return [table(f"Panels of other sizes, {view.stages(stage)} (normal scores)", columns, told, folded=True)]
