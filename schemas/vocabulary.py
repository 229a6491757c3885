"""The closed sets of words in the canonical tables."""

from __future__ import annotations

from typing import Literal, get_args

Stage = Literal["hr", "user", "other"]
Role = Literal["direct_supervisor", "team_member", "recruiter", "other"]
Competency = Literal["technical", "team_compatibility", "role_specific", "overall", "other"]
Decision = Literal["accepted", "rejected", "withdrawn", "pending"]
ReviewType = Literal["manager", "peer", "self", "upward", "other"]
ReviewStatus = Literal["final", "draft", "in_progress"]
DemographicSource = Literal["self_reported", "recorded", "inferred"]
TableName = Literal["scores", "decisions", "performance", "demographics", "preparation", "interviewer_groups"]

STAGES: tuple[str, ...] = get_args(Stage)
ROLES: tuple[str, ...] = get_args(Role)
COMPETENCIES: tuple[str, ...] = get_args(Competency)
DECISIONS: tuple[str, ...] = get_args(Decision)
REVIEW_TYPES: tuple[str, ...] = get_args(ReviewType)
REVIEW_STATUSES: tuple[str, ...] = get_args(ReviewStatus)
DEMOGRAPHIC_SOURCES: tuple[str, ...] = get_args(DemographicSource)
TABLES: tuple[str, ...] = get_args(TableName)

DECLINED = "declined"
"""The category of someone who was asked and chose not to say: apart from nobody having asked."""

ELEMENTS: tuple[str, ...] = ("technical", "team_compatibility", "role_specific")
"""The three elements of a user interview."""
