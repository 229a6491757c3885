"""What every part of the chapter on groups tells in the same way: findings, marks, pairs and their people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reports import sentences, view
from reports.blocks import findings
from reports.evidence import test_of

Entry = Mapping[str, Any]
STAGES = ("user", "hr", "other", None)
"""In the order of reading; the whole process last."""
CROSS = " × "


def stages_in(entries: Iterable[Entry]) -> list[str | None]:
    """The stages that estimates are about, in the order of reading."""
    found = {entry["subject"]["stage"] for entry in entries}
    return [stage for stage in STAGES if stage in found]


def said(report: Entry, rule: str, attribute: str, stage: str | None = None, **subject: Any) -> list[tuple[str, str]]:
    """Leading findings of a rule on an attribute at a stage, in sentences."""
    return [
        (f["state"], sentences.say(f, report).text)
        for f in report["findings"]
        if f["rule"] == rule
        and f["leading"]
        and f["subject"]["attribute"] == attribute
        and f["subject"]["stage"] == stage
        and all(f["subject"].get(key) == value for key, value in subject.items())
    ]


def told(report: Entry, rule: str, attribute: str, stage: str | None) -> list[dict[str, Any]]:
    """Findings of a rule: concerns in full, what was looked at without one folded away."""
    found = said(report, rule, attribute, stage)
    concerns = [(state, words) for state, words in found if state in ("alert", "concern")]
    rest = [f"{sentences.STATES[state]}: {words}" for state, words in found if state not in ("alert", "concern")]
    blocks = [findings(concerns)] if concerns else []
    if rest:
        blocks.append({"kind": "details", "summary": "Looked at, no concern or no telling", "items": rest})
    return blocks


def kinds(report: Entry) -> dict[str, str]:
    """The estimates that a concern leads with, drawn as such."""
    return {
        f["evidence"][0]: "alert" for f in report["findings"] if f["state"] in ("alert", "concern") and f["evidence"]
    }


def people(estimate: Entry) -> tuple[str, str]:
    """How many of the focal and of the reference group."""
    return view.count(estimate["n"].get("focal")), view.count(estimate["n"].get("reference"))


def q_of(report: Entry, estimate: Entry) -> str:
    run = test_of(report, estimate["id"])
    return view.p_value((run or {}).get("q"))


def known(entries: Iterable[Entry]) -> list[Entry]:
    """Those with a value."""
    return [entry for entry in entries if entry["value"] is not None]
