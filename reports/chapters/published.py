"""Chapter 4, comparisons: the own figure among published ones, and the own job families among themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import forest, heading, table, text
from reports.chapters.ladder import leading_chain, step_entry, steps_of
from reports.evidence import ends, first, select, stages_of
from reports.figures import spanning

Entry = Mapping[str, Any]
SETS = {
    "all": "160 published studies",
    "structured": "… of structured interviews",
    "unstructured": "… of unstructured interviews",
    "job": "… with questions about the job",
    "situational": "… with situational questions",
    "psychological": "… with psychological questions",
}
SOURCE = "McDaniel, Whetzel, Schmidt & Maurer (1994)"


def published(report: Entry) -> list[dict[str, Any]]:
    """Own and published distribution under the same corrections: none on both sides, or the same on both."""
    blocks: list[dict[str, Any]] = []
    for stage in stages_of(report, "published_position"):
        found = {e["variant"]: e for e in select(report, "published_position", stage=stage) if e["value"] is not None}
        chain = leading_chain(report, stage)
        if "all" not in found or chain is None or not steps_of(chain):
            continue
        entries = [("This audit, as observed", step_entry(chain, "observed"))]
        entries += [(name, _distribution(found[key])) for key, name in SETS.items() if key in found]
        if "all, corrected" in found:
            entries.append(("This audit, corrected (Case II)", step_entry(chain, "direct")))
            entries.append(("160 published studies, corrected alike", _distribution(found["all, corrected"])))
        kinds = {entry["id"]: "muted" for name, entry in entries if not name.startswith("This")}
        axis = spanning(ends(entries), always=(0.0, 0.5), limits=(-1.0, 1.0))
        caption = (
            f"{view.sentence(view.stages(stage))} beside published validities of employment interviews ({SOURCE}): mean, and "
            "where 95 % of studies' true validities lie"
        )
        blocks += [forest(caption, entries, axis, [(0.0, "none")], kinds=kinds), text(_reading(report, found))]
    return [heading("How does it compare with published interviews?"), *blocks] if blocks else []


def _distribution(estimate: Entry) -> Entry:
    detail = estimate["detail"]
    limits = {"low": detail.get("prediction_low"), "high": detail.get("prediction_high"), "level": 0.95}
    return {"id": estimate["id"], "value": detail.get("mean_r"), "interval": limits}


def _reading(report: Entry, found: Mapping[str, Entry]) -> str:
    structured = report["policy"]["audit"]["interview_structured"]
    key = "all" if structured is None else "structured" if structured else "unstructured"
    estimate = found.get(key) or found["all"]
    what = {"all": "published interviews", "structured": "published structured interviews",
            "unstructured": "published unstructured interviews"}[key]  # fmt: skip
    span = in_hundred(estimate["interval"])
    said = (
        f"As observed, about {view.count(100 * estimate['value'])} in 100 {what} have a lower validity than this one{span}; "
        f"{view.count(estimate['n']['studies'])} studies, {view.count(estimate['n']['people'])} people."
    )
    if structured is None:
        said += (
            " Whether this interview is structured is not configured (interview_structured), so all stand beside it."
        )
    if "all, corrected" in found and found["all, corrected"]["detail"].get("mean_r") is not None:
        detail = found["all, corrected"]["detail"]
        said += (
            f" Corrected alike, by this audit's own restriction of range (u {view.coefficient(detail['u'])}) and reliability "
            f"of ratings ({view.coefficient(detail['ryy'])}), the published mean is {view.coefficient(detail['mean_r'])}."
        )
    return said + " A corrected figure must never be held against an uncorrected one."


def in_hundred(interval: Entry | None) -> str:
    """The ends of a share's interval, of 100: (22 to 64)."""
    low, high = (view.number((interval or {}).get(end)) for end in ("low", "high"))
    return "" if low is None or high is None else f" ({view.count(100 * low)} to {view.count(100 * high)})"


def families(report: Entry) -> list[dict[str, Any]]:
    """Own job families put together: how far validity truly differs, and each family's shrunken estimate."""
    blocks: list[dict[str, Any]] = []
    for stage in stages_of(report, "meta_analysis"):
        hunter = first(report, "meta_analysis", "job_families", stage=stage)
        reml = first(report, "meta_analysis", "job_families_reml", stage=stage)
        if hunter is None or reml is None or reml["value"] is None:
            continue
        rows = reml["detail"].get("studies") or hunter["detail"].get("studies") or []
        entries = [(f"{view.family(row['study'])}, shrunken", _shrunken(row)) for row in rows]
        entries.append(("All job families (REML)", reml))
        axis = spanning(ends(entries), always=(0.0, 0.5), limits=(-1.0, 1.0))
        caption = f"{view.sentence(view.stages(stage))}: observed validity by job family, drawn to the mean by its size"
        lines = [
            (
                view.family(row["study"]),
                view.count(row["n"]),
                view.coefficient(row["r"], 3),
                view.coefficient(row["shrunken"], 3),
                view.interval({"low": row["low"], "high": row["high"]}, 3),
            )
            for row in rows
        ]
        columns = ("Job family", "People", "Observed", "Shrunken", "Interval")
        blocks += [forest(caption, entries, axis, [(0.0, "none")]), text(_spread(reml, hunter))]
        blocks += [table(f"Validity by job family, {view.stages(stage)}", columns, lines, folded=True)] if lines else []
    return [heading("Does it predict alike in every job family?"), *blocks] if blocks else []


def _shrunken(row: Entry) -> Entry:
    return {"id": "", "value": row["shrunken"], "interval": {"low": row["low"], "high": row["high"]}}


def _spread(reml: Entry, hunter: Entry) -> str:
    detail = hunter["detail"]
    said = (
        f"Mean {view.coefficient(reml['value'])} ({view.interval_in_words(reml['interval'])}, REML, Knapp–Hartung) over "
        f"{view.count(reml['n']['studies'])} job families"
    )
    explained, between = detail.get("percent_error"), detail.get("sd_rho")
    if hunter["value"] is None or explained is None or between is None:
        return said + "."
    said += f"; Hunter–Schmidt {view.coefficient(hunter['value'])}, "
    if explained >= 100:
        return said + "and chance alone explains all of the differences between families."
    return said + (
        f"with chance explaining {view.percent(explained / 100)} of the differences between families and a standard "
        f"deviation of {view.coefficient(between)} left between them."
    )
