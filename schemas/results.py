"""What an audit says, in the form in which it is stored: estimates with their subject, findings, the tests that were run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Family = Literal["reliability", "raters", "validity", "fairness", "quality"]
State = Literal["alert", "concern", "cannot_tell", "none_seen"]
Question = Literal["reliable", "predictive", "alike"]

CHOSEN_AMONG = "chosen_among"
"""Detail of a test of two groups: of how many groups the data chose the reference."""
SUBJECT_KEYS = ("stage", "competency", "job_family", "attribute", "group", "reference", "criterion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """A measure's result (`Estimate.to_dict()`) with the family it belongs to and what it is about.

    identity names it within its report: the family, the measure, its variant and its subject.
    """

    family: Family
    subject: dict[str, str | None]
    result: dict[str, Any]
    variant: str = ""

    @property
    def identity(self) -> str:
        parts = [
            self.family,
            self.result["measure"],
            self.variant,
            *(self.subject.get(key) or "" for key in SUBJECT_KEYS),
        ]
        return "/".join(parts).removesuffix("/")

    def to_dict(self) -> dict[str, Any]:
        subject = {key: self.subject.get(key) for key in SUBJECT_KEYS}
        return {"id": self.identity, "family": self.family, "variant": self.variant, "subject": subject} | self.result


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A judgement on an estimate by the policy: three-state, with what the data could have shown.

    rule: which rule of fairpanel.findings.rules spoke. reason: why the state is what it is, a word of that rule.
    evidence: identities of the estimates it rests on, the leading one first. detectable: the smallest effect these data
    could have shown (80 % power, two-sided 5 %). p, q: of the test it rests on, plain and false-discovery adjusted.
    leading: whether it is about a stage as a whole (leading score, all job families).
    """

    question: Question
    state: State
    subject: dict[str, str | None]
    rule: str
    reason: str
    evidence: tuple[str, ...]
    threshold: float | None = None
    detectable: dict[str, float] | None = None
    p: float | None = None
    q: float | None = None
    leading: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "question": self.question,
            "state": self.state,
            "subject": {key: self.subject.get(key) for key in SUBJECT_KEYS},
            "rule": self.rule,
            "reason": self.reason,
            "evidence": list(self.evidence),
            "threshold": self.threshold,
            "detectable": self.detectable,
            "p": self.p,
            "q": self.q,
            "leading": self.leading,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One significance test of the audit, what it is about (family), and the false-discovery adjusted q over all of them
    (Benjamini & Hochberg)."""

    __test__ = False  # not a test case, whatever a test runner thinks of its name

    estimate: str
    family: str
    name: str
    p: float
    q: float

    def to_dict(self) -> dict[str, Any]:
        return {"estimate": self.estimate, "family": self.family, "name": self.name, "p": self.p, "q": self.q}


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Everything computed in one audit, before findings: estimates, and subjects with too little data to be estimated.

    calibration: what interviewers are told about their own scores, by stage; for the calibration pack alone.
    """

    estimates: list[Estimated] = field(default_factory=list)
    too_small: list[dict[str, Any]] = field(default_factory=list)
    calibration: list[dict[str, Any]] = field(default_factory=list)
