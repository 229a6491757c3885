"""A recorded report computed once more from what its ledger entry names: table versions, scope, configuration, and the
reports that had gone out before it. Nothing is written."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from fairpanel.analysis.frames import Period
from fairpanel.config import Config
from fairpanel.pipeline.audit import unfinished
from fairpanel.pipeline.differences import Difference, differences, numbers
from fairpanel.pipeline.drafting import Edited, Subject, analysed, edited, subject
from fairpanel.pipeline.history import INTERNAL, PUBLIC, history
from fairpanel.pipeline.identity import code_version
from fairpanel.pipeline.scope import NothingToAuditError, Scope
from fairpanel.store.ledger import Entry, sha256
from fairpanel.store.tables import Pinned, TableDamagedError
from fairpanel.workspace import Workspace

BY_CODE = ("manifest.code",)
"""What differs under another code whatever it computes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """state: same, different, by code (other code than the recorded, and other numbers), impossible.

    files: each of the report's files, same or different. differences: within report.json and public.json, beyond the
    tolerance. near: how many lie within it. reasons: sentences on what stands in the way or beside the numbers.
    """

    report_id: str
    state: str
    recorded_code: str
    inputs: bool | None = None
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    compared: int = 0
    near: int = 0
    reasons: tuple[str, ...] = ()

    def by_measure(self) -> list[str]:
        """One line a measure: in how many places it differs, and how far at most."""
        found: dict[str, list[Difference]] = {}
        for difference in self.differences:
            found.setdefault(difference.measure, []).append(difference)
        lines = []
        for measure, differing in sorted(found.items()):
            shares = [d.relative for d in differing if d.relative is not None]
            most = f", relative difference up to {max(shares):.2g}" if shares else ""
            lines.append(f"{measure}: {len(differing)} {'place' if len(differing) == 1 else 'places'}{most}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        return {
            "report_id": self.report_id,
            "state": self.state,
            "code": {"recorded": self.recorded_code, "present": code_version()},
            "inputs": self.inputs,
            "files": dict(self.files),
            "numbers": self.compared,
            "differences": [difference.to_dict() for difference in self.differences],
            "within_tolerance": self.near,
            "reasons": list(self.reasons),
        }


def reproduce(
    workspace: Workspace,
    entry: Entry,
    tolerance: float = 0.0,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Reproduction:
    """Compute a report's entry once more and compare. tolerance: largest relative difference of a number that is let pass."""
    manifest = entry.manifest
    report_id, code = str(manifest["report_id"]), str(manifest.get("code"))
    try:
        about = _subject(workspace, manifest)
        known = history(workspace, about.scope, report_id)
        done = edited(
            about, analysed(about, progress), known.superseded, lambda edition: known.published(workspace, edition)
        )
    except (TableDamagedError, NothingToAuditError) as error:
        return Reproduction(report_id=report_id, state="impossible", recorded_code=code, reasons=(str(error),))
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        told = f"this version cannot read what was recorded ({type(error).__name__}); install the recorded one, {code}"
        return Reproduction(report_id=report_id, state="impossible", recorded_code=code, reasons=(told,))
    return _compared(workspace, entry, about, done, tolerance)


def _subject(workspace: Workspace, manifest: Mapping[str, Any]) -> Subject:
    config = Config.model_validate(manifest["configuration"])
    told = manifest["scope"]
    scope = Scope(period=Period(_midnight(told["from"]), _midnight(told["to"])), where=dict(told["where"]))
    versions = dict(manifest["table_versions"])
    notes = unfinished(Pinned(workspace, versions))
    about = subject(Pinned(workspace, versions, recorded_only=True), scope, config, notes)
    return dataclasses.replace(about, report_id=str(manifest["report_id"]))


def _midnight(day: str | None) -> datetime | None:
    return None if day is None else datetime.fromisoformat(day).replace(tzinfo=UTC)


def _compared(workspace: Workspace, entry: Entry, about: Subject, done: Edited, tolerance: float) -> Reproduction:
    recorded: Mapping[str, str] = entry.manifest["files"]
    code = str(entry.manifest.get("code"))
    same_code = code == code_version()
    inputs = about.inputs["content"] == entry.manifest["content"]
    reasons = [] if inputs else ["the scores, groups and outcomes that were gathered are not those that were recorded"]
    found: list[Difference] = []
    files, near, compared = {}, 0, 0
    for name in sorted({*recorded, *done.manifest["files"]}):
        same = recorded.get(name) == done.manifest["files"].get(name)
        if name in (INTERNAL, PUBLIC) and name in done.files:
            here, count, kept = _numbers(workspace, about.report_id, name, done.files[name], recorded.get(name))
            reasons += kept
            compared += count
            beyond = [d for d in here if (same_code or d.path not in BY_CODE) and not _within(d, tolerance)]
            near += sum(_within(d, tolerance) for d in here)
            found += [dataclasses.replace(d, path=f"{name}: {d.path}") for d in beyond]
            same = same or (bool(here) and not beyond and not kept)
        files[name] = "same" if same else "different"
    if not same_code:
        reasons.append(f"it was computed by {code}, and is recomputed by {code_version()}")
    alike = inputs and not found and not (same_code and "different" in files.values())
    state = "same" if alike else "different" if same_code else "by code"
    return Reproduction(
        report_id=about.report_id, state=state, recorded_code=code, inputs=inputs, files=files,
        differences=tuple(found), compared=compared, near=near, reasons=tuple(reasons),
    )  # fmt: skip


def _numbers(
    workspace: Workspace, report_id: str, name: str, made: bytes, recorded: str | None
) -> tuple[list[Difference], int, list[str]]:
    """The differences of one edition as it lies there, how many numbers were compared, and what is wrong with the file."""
    try:
        kept = (workspace.reports / report_id / name).read_bytes()
        content = json.loads(kept)
    except (OSError, ValueError):
        return [], 0, [f"{name} is missing or not readable: only its recorded hash was compared"]
    again = json.loads(made)
    wrong = [] if sha256(kept) == recorded else [f"{name} is not the file that was recorded"]
    return [*differences(content, again)], numbers(content), wrong


def _within(difference: Difference, tolerance: float) -> bool:
    return difference.relative is not None and difference.relative <= tolerance
