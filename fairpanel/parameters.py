"""Typed parameters of the flows: what the Prefect UI shows as a form. Paths and dates only, nothing about people."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

EARLIEST = date(1950, 1, 1)
LATEST = date(2199, 12, 31)

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Day = Annotated[date, Field(ge=EARLIEST, le=LATEST)]


class FlowParameters(BaseModel):
    """What every flow is told."""

    model_config = ConfigDict(extra="forbid")
    workspace: Text = Field(
        title="Workspace", description="Folder of the workspace on the machine where the worker runs"
    )


class IngestParameters(FlowParameters):
    """What to take in."""

    paths: list[Text] = Field(
        default=[],
        title="Files or folders",
        description="On the machine where the worker runs; also source files (TOML). Empty: the workspace's inbox",
        max_length=1000,
    )
    source: Text = Field(
        default="auto", title="Layout", description="auto, the name of a layout, or a mapping file (TOML)"
    )


class AuditParameters(FlowParameters):
    """What to audit: all interviews, those between two days, or those of the last whole month or quarter."""

    previous: Literal["none", "month", "quarter", "half-year", "year"] = Field(
        default="none",
        title="Last whole",
        description="month, quarter, … before today. none: the days below",
    )
    first_day: Day | None = Field(
        default=None, title="First day of the interviews", description="None: from the first interview on"
    )
    last_day: Day | None = Field(
        default=None, title="Last day of the interviews", description="Included. None: up to the last interview"
    )
    where: list[Text] = Field(
        default=[],
        title="Only rows with",
        description="COLUMN=VALUE, for example job_family=Sales. Columns: requisition_id, job_family, stage, "
        "interviewer_role",
        max_length=20,
    )

    @model_validator(mode="after")
    def _one_period(self) -> AuditParameters:
        if self.previous != "none" and (self.first_day or self.last_day):
            raise ValueError(f"choose either the last whole {self.previous} or a first and last day, not both")
        if self.first_day and self.last_day and self.first_day > self.last_day:
            raise ValueError(f"the period ends before it begins: from {self.first_day} to {self.last_day}")
        return self


class BackfillParameters(FlowParameters):
    """Which periods and scopes to audit, and which of them to make again."""

    first_month: Day = Field(title="First month", description="Any day of it")
    last_month: Day = Field(title="Last month", description="Any day of it; included")
    every: Literal["week", "month", "quarter", "half-year", "year", "whole"] = Field(
        default="month", title="One audit every", description="whole: one for the range itself, to the day"
    )
    where: list[Text] = Field(
        default=[], title="Only rows with", description="COLUMN=VALUE, for example job_family=Sales", max_length=20
    )
    each: Literal["none", "job_family", "requisition_id", "stage", "interviewer_role"] = Field(
        default="none", title="One audit for each", description="value of this column in the range"
    )
    reprocess: Literal["missing", "failed", "changed", "all"] = Field(
        default="changed",
        title="Make again",
        description="missing: what has no report. failed: that and what failed. changed: that and what would be made of "
        "other inputs, configuration or code today. all: everything once more",
    )
    newest_first: bool = Field(default=False, title="Newest first")
    max_active: int = Field(default=2, ge=1, le=64, title="At a time", description="Audits computed side by side")
    engine: Literal["processes", "dask"] = Field(
        default="processes",
        title="Computed by",
        description="processes: of the worker's machine. dask: Dask workers, of the scheduler in FAIRPANEL_DASK_ADDRESS "
        "or else of this machine (needs the extra 'cluster' and storage that all of them share)",
    )
    dry_run: bool = Field(default=False, title="Dry run", description="Only say what would run, and why")

    @model_validator(mode="after")
    def _in_order(self) -> BackfillParameters:
        if self.first_month > self.last_month:
            raise ValueError(f"the range ends before it begins: from {self.first_month} to {self.last_month}")
        return self


class VerifyParameters(FlowParameters):
    """What to compare with the ledger."""

    report: str = Field(
        default="",
        title="Report",
        description="Only the files of this report. Empty: everything",
        max_length=200,
    )


class RetentionParameters(FlowParameters):
    """What to remove is in [retention] of fairpanel.toml."""

    dry_run: bool = Field(default=False, title="Dry run", description="Only say what would go")
