"""The form of what is said of a finding, and the words that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports import marks, view

Entry = Mapping[str, Any]

CANNOT_TELL = {
    "not_estimable": "These data do not determine it",
    "interval_holds_threshold": "The interval holds values on both sides of the threshold",
    "interval_holds_zero": "The interval holds zero",
    "below_threshold_chance_possible": "The ratio lies below {mark}, but chance remains a possible explanation",
    "interval_too_wide": "The interval is too wide",
    "too_few": "Too few people with performance ratings",
    "few_interviewers": "Too few interviewers met enough of both groups",
    "few_in_periods": "Too few people in each period",
    "alarm_alone": "One watch among many goes off by chance now and then, and over all tests no change stands",
    "unreliable_score": "The score itself is unreliable: nothing seen through it is no sight of nothing",
    "suppressed": "The figures rest on a group too small to be shown",
}


@dataclass(frozen=True, slots=True)
class Said:
    """A finding in sentences; step and who are empty where nothing is to be done."""

    effect: str
    uncertainty: str
    consequence: str
    step: str = ""
    who: str = ""

    @property
    def text(self) -> str:
        return " ".join(part for part in (self.effect, self.uncertainty, self.consequence) if part)


def about(subject: Entry) -> str:
    """overall score at user interviews in Sales; in the whole process"""
    words = [] if subject.get("competency") is None else [view.competency(subject["competency"])]
    if subject.get("stage"):
        words.append(f"at {view.stages(subject['stage'])}")
    elif not words:
        words.append("in the whole process")
    if subject.get("job_family"):
        words.append(f"in {view.family(subject['job_family'])}")
    return " ".join(words)


def pair(subject: Entry) -> str:
    """women : men"""
    return f"{view.label(subject['group'])} : {view.label(subject['reference'])}"


def undecided(finding: Entry, report: Entry) -> str:
    why = CANNOT_TELL.get(finding["reason"], "The evidence points neither way").replace("{mark}", marks.mark(report))
    return why + ": these data cannot tell."


def unestimated(finding: Entry, estimate: Entry, what: str) -> Said:
    cautions = estimate.get("cautions", [])
    why = view.caution(cautions[0]["text"]) if cautions else CANNOT_TELL.get(finding["reason"], "")
    return Said(f"{what} cannot be estimated.", f"{why.rstrip('.')}." if why else "", "These data cannot tell.")
