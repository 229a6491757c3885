"""Chapter 4, the ladder: from the correlation that was seen to the one that a decision can count on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import forest, heading, table, text
from reports.evidence import LEADS, ends, first, select, stages_of
from reports.figures import Axis, spanning

Entry = Mapping[str, Any]
SOURCES = ("other_source", "all_sources")
STEPS = {
    "observed": "Observed, among those with ratings",
    "criterion_corrected": "… ratings freed of the managers' disagreement",
    "direct": "Among all candidates, had hiring looked at this score alone (Case II)",
    "indirect": "Among all candidates, had hiring gone with what the score stands for (Case IV)",
    "applicant_pool": "Among all candidates, by every recorded score (maximum likelihood)",
    "operational": "Operational validity: the same, ratings freed of disagreement",
    "true_score": "Were the score free of error, too",
}
WHOSE = {
    "other_source": "performance as rated by people who had not interviewed the person",
    "all_sources": "all performance ratings",
}


def leading_chain(report: Entry, stage: str) -> Entry | None:
    """The chain that leads: on ratings by others where there are enough of them, else on all."""
    for source in SOURCES:
        for estimate in select(report, "validity_chain", source, stage=stage, competency=LEADS, job_family=None):
            return estimate
    return None


def ladder(report: Entry) -> list[dict[str, Any]]:
    """A forest a stage, the sentence that reads it, and what would have to hold for each step."""
    blocks: list[dict[str, Any]] = []
    for stage in stages_of(report, "validity_chain"):
        chain = leading_chain(report, stage)
        if chain is None:
            continue
        if not steps_of(chain):
            why = view.why_not(chain) or "the corrected correlation cannot be told."
            blocks.append(text(f"{view.sentence(view.stages(stage))}: {why}"))
            continue
        entries = [(name, step_entry(chain, step)) for step, name in STEPS.items()]
        entries += _others(report, stage, chain)
        kinds = {f"{chain['id']}#{step}": "muted" for step in STEPS if step not in ("observed", "operational")}
        kinds |= {entry["id"]: "muted" for _, entry in entries[len(STEPS) :]}
        caption = (
            f"{view.sentence(view.stages(stage))}: from the observed to the corrected correlation with performance "
            f"({WHOSE[chain['variant']]})"
        )
        blocks += [
            forest(caption, entries, _axis(entries), [(0.0, "none")], kinds=kinds),
            text(_reading(report, chain)),
        ]
    return blocks + _needs(report)


def steps_of(chain: Entry) -> Mapping[str, Entry]:
    """The rungs of a chain by name; none where not even the observed correlation has a value."""
    rows = {row["step"]: row for row in chain["detail"].get("steps") or []}
    return rows if rows.get("observed", {}).get("value") is not None else {}


def step_entry(chain: Entry, step: str) -> Entry:
    """A step of the chain as an estimate with its interval."""
    row = steps_of(chain)[step]
    interval = None if row["low"] is None else {"low": row["low"], "high": row["high"], "level": _level(chain)}
    return {"id": f"{chain['id']}#{step}", "value": row["value"], "interval": interval}


def _level(chain: Entry) -> float:
    return float((chain["interval"] or {}).get("level", 0.95))


def _others(report: Entry, stage: str, chain: Entry) -> list[tuple[str, Entry]]:
    """The operational validity on other ratings and in the wider pool."""
    names = {
        "all_sources": "Operational validity, counting interviewers' own later ratings",
        "all_applicants": "Operational validity, had everybody who applied been interviewed",
    }
    return [
        (name, estimate)
        for variant, name in names.items()
        for estimate in select(report, "validity_chain", variant, stage=stage)
        if variant != chain["variant"]
    ]


def _axis(entries: list[tuple[str, Entry]]) -> Axis:
    return spanning(
        [*ends(entries), *(view.number(e["value"]) for _, e in entries)], always=(0.0, 0.6), limits=(-1.0, 1.0)
    )


def _reading(report: Entry, chain: Entry) -> str:
    observed, final = step_entry(chain, "observed"), step_entry(chain, "operational")
    n, detail, criterion = chain["n"], chain["detail"], chain["detail"].get("criterion") or {}
    said = (
        f"Among the {view.count(n['known'])} people with ratings the correlation is {view.coefficient(observed['value'])} "
        f"({view.interval_in_words(observed['interval'])}). They were chosen out of {view.count(n['applicants'])} "
        f"candidates, and their scores spread {view.coefficient(detail.get('u'))} times as much"
    )
    if chain["value"] is None:
        return f"{said}. {view.why_not(chain) or 'What that comes to among all candidates, these data cannot tell.'}"
    said += (
        ": among all candidates, and against performance as managers would agree on it, "
        f"{view.coefficient(final['value'])} ({view.interval_in_words(final['interval'])}) is to be expected."
    )
    if _own_judges(report, chain):
        return said + (
            " But most of these ratings come from people who had interviewed the person: what they saw in the interview is "
            "in both scores, so that the observed figure is too large and freeing the ratings of disagreement overcorrects."
        )
    reliability = criterion.get("reliability")
    if any(caution["code"] == "ASSUMED_RELIABILITY" for caution in chain["cautions"]):
        said += f" The ratings' reliability is assumed to be {view.coefficient(criterion.get('assumed_reliability'))}"
        return said + ": too few people were rated by two managers to estimate it."
    if reliability is not None:
        said += f" The managers' own agreement gives their mean rating a reliability of {view.coefficient(reliability)}"
        ends = {"low": criterion.get("low"), "high": criterion.get("high")}
        said += f" {view.interval(ends)}." if ends["low"] is not None else "."
    return said


def _own_judges(report: Entry, chain: Entry) -> bool:
    """Whether most ratings behind the chain are those of the interviewers themselves."""
    found = first(report, "same_source_validity", "panel", stage=chain["subject"]["stage"])
    share = None if found is None else found["detail"].get("same_share")
    return chain["variant"] == "all_sources" and share is not None and share > 0.5


def _needs(report: Entry) -> list[dict[str, Any]]:
    lines = []
    for stage in stages_of(report, "validity_chain"):
        chain = leading_chain(report, stage)
        for step, row in {} if chain is None else steps_of(chain).items():
            entry = step_entry(chain, step)
            lines.append(
                (
                    view.sentence(view.stage(stage)),
                    STEPS[step],
                    view.coefficient(row["value"], 3),
                    view.interval(entry["interval"], 3),
                    view.coefficient(row["plain"], 3),
                    view.count(row.get("n")),
                    _must_hold(row["why"] or row["needs"]),
                )
            )
    columns = ("Interview", "Step", "Value", "Interval", "Before bias was taken out", "People", "What must hold")
    return [table("Each step, and what must hold for it", columns, lines, words=(1, 6), folded=True)] if lines else []


def _must_hold(text: str) -> str:
    """In the words of a reader: those who rate performance are managers, and the predictor is a score."""
    for theirs, ours in {"raters": "managers", "predictor": "score", "criterion": "performance"}.items():
        text = text.replace(theirs, ours)
    return view.sentence(view.label(text, 300))


def sensitivity(report: Entry) -> list[dict[str, Any]]:
    """How far selection on something nobody recorded would move the figure."""
    chains = [(stage, leading_chain(report, stage)) for stage in stages_of(report, "validity_chain")]
    found = [(stage, chain) for stage, chain in chains if chain is not None and _assumed(chain)]
    if not found:
        return []
    columns = ["Hidden selection (partial correlation)", *(view.sentence(view.stages(stage)) for stage, _ in found)]
    steps = sorted({row["partial_r"] for _, chain in found for row in _assumed(chain)})
    by_stage = [{row["partial_r"]: row["r"] for row in _assumed(chain)} for _, chain in found]
    lines = [(view.coefficient(step, 1), *(view.coefficient(rows.get(step)) for rows in by_stage)) for step in steps]
    spans = [(min(rows.values()), max(rows.values())) for rows in by_stage]
    said = "; ".join(
        f"{view.stages(stage)} from {view.coefficient(low)} to {view.coefficient(high)}"
        for (stage, _), (low, high) in zip(found, spans, strict=True)
    )
    return [
        heading("What if people were selected on something the scores do not hold?"),
        text(
            "Each row supposes that hiring also went by something nobody recorded, which goes with performance as strongly "
            f"as the row says, and estimates the operational validity anew: {said}. The data cannot tell which row is true."
        ),
        table("Operational validity under hidden selection", columns, lines),
    ]


def _assumed(chain: Entry) -> list[Entry]:
    return [row for row in chain["detail"].get("sensitivity") or [] if row["r"] is not None]
