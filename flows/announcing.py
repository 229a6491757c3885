"""Events that automations wait for: a report's gravest finding, and that something was taken in. Names and counts only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.events import emit_event

from fairpanel.automations import INGESTED, VERDICT
from fairpanel.findings.worst import worst


def announce_report(report_id: str, findings: Mapping[str, int]) -> None:
    """A new report; the gravest state of its findings is a label that a trigger can match."""
    resource = {
        "prefect.resource.id": f"fairpanel.report.{report_id}",
        "prefect.resource.name": f"report {report_id}",
        "fairpanel.worst": worst(findings) or "none_seen",
    }
    emit_event(VERDICT, resource=resource, payload={"findings": dict(findings)})


def announce_ingest(told: Mapping[str, Any]) -> None:
    """That exports came which were not known before."""
    if told["batches"]:
        resource = {"prefect.resource.id": "fairpanel.inbox", "prefect.resource.name": "exports"}
        emit_event(INGESTED, resource=resource, payload={"exports": len(told["batches"])})
