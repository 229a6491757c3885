"""What a delivered table looks like: its columns, which are required, their kinds and defaults.

A cell is text when it comes in. The kind says how it is read; an empty cell is null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "boolean", "moment"]
Identity = Literal["candidate", "application", "requisition", "interview", "scorecard", "staff"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a canonical table.

    identity names the kind of thing an identifier points at: such columns are replaced by pseudonyms on the way in, and
    the same identifier of the same kind always gets the same pseudonym, whichever export it stands in.
    """

    kind: Kind = "text"
    required: bool = False
    default: str | None = None
    identity: Identity | None = None


SCORES = {
    "candidate_id": Column(required=True, identity="candidate"),
    "application_id": Column(identity="application"),
    "requisition_id": Column(identity="requisition"),
    "job_family": Column(),
    "interview_id": Column(identity="interview"),
    "stage": Column(default="user"),
    "interviewer_id": Column(required=True, identity="staff"),
    "interviewer_role": Column(default="other"),
    "role_assumed": Column(kind="boolean", default="false"),
    "competency": Column(required=True),
    "competency_label": Column(),
    "score_raw": Column(),
    "score": Column(kind="number", required=True),
    "scale_min": Column(kind="number"),
    "scale_max": Column(kind="number"),
    "scale_points": Column(kind="number"),
    "higher_is_better": Column(kind="boolean"),
    "scorecard_id": Column(identity="scorecard"),
    "submitted_at": Column(kind="moment"),
    "updated_at": Column(kind="moment"),
    "interviewed_at": Column(kind="moment", required=True),
    "is_deleted": Column(kind="boolean", default="false"),
}
DECISIONS = {
    "candidate_id": Column(required=True, identity="candidate"),
    "application_id": Column(identity="application"),
    "requisition_id": Column(identity="requisition"),
    "stage": Column(),
    "decision": Column(required=True),
    "decided_on": Column(kind="moment", required=True),
}
PERFORMANCE = {
    "candidate_id": Column(required=True, identity="candidate"),
    "performance_rater_id": Column(identity="staff"),
    "dimension": Column(default="overall"),
    "rating": Column(kind="number", required=True),
    "higher_is_better": Column(kind="boolean", default="true"),
    "scale_min": Column(kind="number"),
    "scale_max": Column(kind="number"),
    "review_type": Column(default="manager"),
    "status": Column(default="final"),
    "rated_on": Column(kind="moment", required=True),
    "hired_on": Column(kind="moment"),
    "left_on": Column(kind="moment"),
    "leaving_reason": Column(),
}
DEMOGRAPHICS = {
    "candidate_id": Column(required=True, identity="candidate"),
    "attribute": Column(required=True),
    "category": Column(required=True),
    "source": Column(default="self_reported"),
}
INTERVIEWER_GROUPS = {
    "interviewer_id": Column(required=True, identity="staff"),
    "attribute": Column(required=True),
    "category": Column(required=True),
    "source": Column(default="self_reported"),
}
PREPARATION = {
    "candidate_id": Column(required=True, identity="candidate"),
    "item": Column(required=True),
    "provided": Column(kind="boolean", required=True),
    "provided_on": Column(kind="moment"),
}

COLUMNS: dict[str, dict[str, Column]] = {
    "scores": SCORES,
    "decisions": DECISIONS,
    "performance": PERFORMANCE,
    "demographics": DEMOGRAPHICS,
    "preparation": PREPARATION,
    "interviewer_groups": INTERVIEWER_GROUPS,
}

# Which rows are versions of the same fact: the newest of them counts. A form is known by its scorecard_id; without
# one by its interview_id, else by the day of the interview, each together with the stage.
KEYS: dict[str, tuple[str, ...]] = {
    "scores": ("application_id", "form", "interviewer_id", "competency_label"),
    "decisions": ("application_id", "stage"),
    "performance": ("candidate_id", "performance_rater_id", "dimension", "review_type", "rated_on"),
    "demographics": ("candidate_id", "attribute"),
    "preparation": ("candidate_id", "item"),
    "interviewer_groups": ("interviewer_id", "attribute"),
}
