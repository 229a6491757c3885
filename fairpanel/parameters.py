"""Typed parameters of the flows: what the Prefect UI shows as a form. Paths and dates only, nothing about people."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class IngestParameters(BaseModel):
    """What to take in."""

    model_config = ConfigDict(extra="forbid")
    workspace: str = Field(title="Workspace", description="Folder of the workspace")
    paths: list[str] = Field(default=[], title="Files or folders", description="Empty: the workspace's inbox")
    source: str = Field(default="auto", title="Layout", description="auto, a layout's name, or a mapping file (TOML)")


class AuditParameters(BaseModel):
    """What to audit."""

    model_config = ConfigDict(extra="forbid")
    workspace: str = Field(title="Workspace", description="Folder of the workspace")
    first_day: date | None = Field(default=None, title="First day of the interviews")
    last_day: date | None = Field(default=None, title="Last day of the interviews")
    previous: Literal["none", "month", "quarter"] = Field(
        default="none", title="Or: the last whole", description="Audits the month or quarter before today"
    )
    where: list[str] = Field(
        default=[], title="Only rows with", description="COLUMN=VALUE, for example job_family=Sales"
    )


class BackfillParameters(BaseModel):
    """Which periods to audit."""

    model_config = ConfigDict(extra="forbid")
    workspace: str = Field(title="Workspace", description="Folder of the workspace")
    first_month: date = Field(title="First month", description="Any day of it")
    last_month: date = Field(title="Last month", description="Any day of it")
    every: Literal["month", "quarter"] = Field(default="month", title="One audit every")
    newest_first: bool = Field(default=False, title="Newest first")
