"""Chapter 4, comparisons: the own figure among published ones, and the own job families among themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import forest, heading, table, text
from reports.chapters.ladder import leading_chain, step_entry
from reports.evidence import first, select, stages_of
from reports.figures import spanning

Entry = Mapping[str, Any]
SETS = {
    "all": "160 published studies",
    "structured": "… of structured interviews",
    "unstructured": "… of unstructured interviews",
}
SOURCE = "McDaniel, Whetzel, Schmidt & Maurer (1994)"


def published(report: Entry) -> list[dict[str, Any]]:
    """Own and published distribution under the same corrections: none on both sides, or the same on both."""
    blocks: list[dict[str, Any]] = []
    for stage in stages_of(report, "published_position"):
        found = {e["variant"]: e for e in select(report, "published_position", stage=stage)}
        chain = leading_chain(report, stage)
        if "all" not in found or chain is None:
            continue
        entries = [("This audit, as observed", step_entry(chain, "observed"))]
        entries += [(name, _distribution(found[key])) for key, name in SETS.items() if key in found]
        if "all, corrected" in found:
            entries.append(("This audit, corrected (Case II)", step_entry(chain, "direct")))
            entries.append(("160 published studies, corrected alike", _distribution(found["all, corrected"])))
        kinds = {entry["id"]: "muted" for name, entry in entries if not name.startswith("This")}
        ends = [view.number((e["interval"] or {}).get(end)) for _, e in entries for end in ("low", "high")]
        axis = spanning(ends, always=(0.0, 0.5), limits=(-1.0, 1.0))
        caption = (
            f"{view.sentence(view.stages(stage))} beside published validities of employment interviews ({SOURCE}): mean, and "
            "where 95 % of studies' true validities lie"
        )
        blocks += [forest(caption, entries, axis, [(0.0, "none")], kinds=kinds), text(_reading(report, found))]
    return [heading("How does it compare with published interviews?"), *blocks] if blocks else []


def _distribution(estimate: Entry) -> Entry:
    detail = estimate["detail"]
    ends = {"low": detail["prediction_low"], "high": detail["prediction_high"], "level": 0.95}
    return {"id": estimate["id"], "value": detail["mean_r"], "interval": ends}


def _reading(report: Entry, found: Mapping[str, Entry]) -> str:
    structured = report["policy"]["audit"]["interview_structured"]
    key = "all" if structured is None else "structured" if structured else "unstructured"
    estimate = found.get(key) or found["all"]
    what = {"all": "published interviews", "structured": "published structured interviews",
            "unstructured": "published unstructured interviews"}[key]  # fmt: skip
    ends = estimate["interval"]
    span = "" if ends is None else f" ({view.count(100 * ends['low'])} to {view.count(100 * ends['high'])})"
    said = (
        f"As observed, about {view.count(100 * estimate['value'])} in 100 {what} have a lower validity than this one{span}; "
        f"{view.count(estimate['n']['studies'])} studies, {view.count(estimate['n']['people'])} people."
    )
    if structured is None:
        said += (
            " Whether this interview is structured is not configured (interview_structured), so all stand beside it."
        )
    if "all, corrected" in found:
        detail = found["all, corrected"]["detail"]
        said += (
            f" Corrected alike, by this audit's own restriction of range (u {view.coefficient(detail['u'])}) and reliability "
            f"of ratings ({view.coefficient(detail['ryy'])}), the published mean is {view.coefficient(detail['mean_r'])}."
        )
    return said + " A corrected figure must never be held against an uncorrected one."


def families(report: Entry) -> list[dict[str, Any]]:
    """Own job families put together: how far validity truly differs, and each family's shrunken estimate."""
    blocks: list[dict[str, Any]] = []
    for stage in stages_of(report, "meta_analysis"):
        hunter = first(report, "meta_analysis", "job_families", stage=stage)
        reml = first(report, "meta_analysis", "job_families_reml", stage=stage)
        if hunter is None or reml is None or reml["value"] is None:
            continue
        rows = (reml["detail"].get("studies") or []) or (hunter["detail"].get("studies") or [])
        entries = [(f"{view.family(row['study'])}, shrunken", _shrunken(row)) for row in rows]
        entries.append(("All job families (REML)", reml))
        ends = [view.number((e["interval"] or {}).get(end)) for _, e in entries for end in ("low", "high")]
        axis = spanning(ends, always=(0.0, 0.5), limits=(-1.0, 1.0))
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
        blocks += [
            forest(caption, entries, axis, [(0.0, "none")]),
            text(_spread(reml, hunter)),
            table(f"Validity by job family, {view.stages(stage)}", columns, lines, folded=True),
        ]
    return [heading("Does it predict alike in every job family?"), *blocks] if blocks else []


def _shrunken(row: Entry) -> Entry:
    return {"id": "", "value": row["shrunken"], "interval": {"low": row["low"], "high": row["high"]}}


def _spread(reml: Entry, hunter: Entry) -> str:
    detail = hunter["detail"]
    said = (
        f"Mean {view.coefficient(reml['value'])} ({view.interval_in_words(reml['interval'])}, REML, Knapp–Hartung) over "
        f"{view.count(reml['n']['studies'])} job families; Hunter–Schmidt {view.coefficient(hunter['value'])}, "
    )
    explained = detail.get("percent_error")
    if explained is not None and explained >= 100:
        return said + "and chance alone explains all of the differences between families."
    between = view.coefficient(detail["sd_rho"])
    return said + (
        f"with chance explaining {view.percent((explained or 0) / 100)} of the differences between families and a standard "
        f"deviation of {between} left between them."
    )
