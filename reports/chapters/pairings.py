"""Chapter 2, pairs of interviewers: how they agree, and who should sit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import heading, rows, table, text
from reports.evidence import select
from reports.figures import bar

Entry = Mapping[str, Any]
ENDS = 10
LITTLE = 0.05
"""A standard error that falls by less than this share is little gained."""


def pairs(report: Entry) -> list[dict[str, Any]]:
    """How pairs who scored the same candidates agree: the middle half in a sentence, the ends in a table."""
    blocks: list[dict[str, Any]] = []
    for estimate in select(report, "pairwise_agreement"):
        stage, detail = view.stages(estimate["subject"]["stage"]), estimate["detail"]
        if estimate["value"] is None:
            said = f"How single pairs of interviewers agree at {stage} cannot be told. {view.why_not(estimate)}"
            blocks.append(text(said.strip()))
            continue
        blocks.append(text(_spread(estimate, stage)))
        listed = sorted(detail.get("rows") or [], key=_agreement)
        if listed:
            shown = listed if len(listed) <= 2 * ENDS else listed[:ENDS] + listed[-ENDS:]
            what = "all" if len(shown) == len(listed) else f"the {ENDS} lowest and the {ENDS} highest"
            columns = ("Pair (pseudonyms)", "Candidates shared", "Agreement", "Cohen's κ", "Gwet's AC")
            cells = [
                (
                    f"{view.pseudonym(row['rater_a'])} · {view.pseudonym(row['rater_b'])}",
                    view.count(row.get("shared")),
                    view.coefficient(row.get("percent_agreement")),
                    view.coefficient(row.get("kappa")),
                    view.coefficient(row.get("gwet_ac")),
                )
                for row in shown
            ]
            blocks.append(table(f"Pairs of interviewers, {stage}: {what}", columns, cells, folded=True))
    return [heading("Do single pairs agree?"), *blocks] if blocks else []


def _agreement(row: Entry) -> tuple[float, str, str]:
    found = view.number(row.get("gwet_ac"))
    return (2.0 if found is None else found, str(row.get("rater_a")), str(row.get("rater_b")))


def _spread(estimate: Entry, stage: str) -> str:
    detail = estimate["detail"]
    count, value = detail.get("pairs") or 0, view.coefficient(estimate["value"])
    scores = f"{view.count(detail.get('shared'))} pairs of scores"
    if count == 1:
        return f"One pair at {stage} shares enough candidates ({scores}); they agree at Gwet's AC {value}, without interval."
    quartiles = detail.get("quartiles") or [None] * 3
    said = (
        f"Of the {view.count(count)} pairs at {stage} who share enough candidates ({scores}), half agree at Gwet's AC "
        f"{value} or better; the middle half lies between {view.coefficient(quartiles[0])} and "
        f"{view.coefficient(quartiles[-1])}. No interval is given, as pairs share interviewers and candidates."
    )
    if any(c["code"] == "SMALL_SAMPLE" for c in estimate["cautions"]):
        said += (
            " Much of this spread is chance, as a single pair shares few candidates: a low figure is a reason to look, not a "
            "result."
        )
    return said


def advice(report: Entry) -> list[dict[str, Any]]:
    """Which further scores would tell most about who is harsher, beside the same number placed at random."""
    blocks: list[dict[str, Any]] = []
    for estimate in select(report, "pairing_advice"):
        stage, listed = view.stages(estimate["subject"]["stage"]), estimate["detail"].get("rows") or []
        if estimate["value"] is None or not listed:
            blocks.append(text(f"No pairing at {stage} can be advised. {view.why_not(estimate)}".strip()))
            continue
        longest = max((view.number(row.get("lowers")) or 0.0 for row in listed), default=0.0)
        drawn = []
        for row in listed:
            lowers = view.number(row.get("lowers")) or 0.0
            mates = [view.pseudonym(name) for name in row.get("with_raters") or []]
            name = f"{view.pseudonym(row['rater'])} with {view.listed(mates, 4) or 'somebody not shown'}"
            joins = "joins parts · " if row.get("joins_parts") else ""
            value = f"{joins}{_share(lowers)}"
            drawn.append((name, bar(name, value, lowers / longest if longest > 0 else 0.0), value))
        caption = f"{view.sentence(stage)}: one further score each, and how much it lowers the error of comparisons"
        blocks += [rows(caption, drawn, more=5), text(*_gain(estimate, stage))]
    return [heading("Who should sit together?"), *blocks] if blocks else []


def _share(value: Any) -> str:
    found = view.number(value)
    return view.MISSING if found is None else f"{view.rough(100 * found)}{view.NARROW}%"


def _gain(estimate: Entry, stage: str) -> tuple[str, str]:
    detail = estimate["detail"]
    count = len(detail["rows"])
    said = (
        f"{view.sentence(view.number_word(count))} further {'score' if count == 1 else 'scores'} at {stage}, placed where "
        f"they tell most, would lower the error variance of comparisons between interviewers by "
        f"{_share(estimate['value'])}; as many at random by {_share(detail.get('random_lowers'))} "
        f"({view.count(estimate['n'].get('raters'))} interviewers, {view.count(estimate['n'].get('scores'))} scores; no "
        "interval, as this follows from the design and the estimated components). "
    )
    before, after = (view.number(detail.get(f"se_difference_{when}")) for when in ("before", "after"))
    if before and after is not None:
        said += (
            f"The standard error of a difference between two interviewers goes from {view.fixed(before, 3)} to "
            f"{view.fixed(after, 3)} score points. "
        )
    reliability = [view.number(detail.get(f"se_logit_g_{when}")) for when in ("before", "after")]
    if None not in reliability:
        said += (
            f"That of G (on the scale of its log odds) goes from {view.fixed(reliability[0], 4)} to "
            f"{view.fixed(reliability[1], 4)}."
        )
    joined = sum(bool(row.get("joins_parts")) for row in detail["rows"])
    tiny = bool(before) and after is not None and after > (1 - LITTLE) * (before or 0)
    consequence = []
    if joined:
        are = "joins" if joined == 1 else "join"
        consequence.append(
            f"{view.sentence(view.number_word(joined))} of them {are} parts of the design that share nobody: that is worth "
            "more than the figures tell, as interviewers of different parts cannot be compared at all now."
        )
    if tiny:
        consequence.append(
            "The gain is small: whom to put together is not what limits these comparisons, the number of scores is."
        )
    elif before:
        consequence.append("This is worth planning for: a few panels put together on purpose sharpen every comparison.")
    return said.strip(), " ".join(consequence)
