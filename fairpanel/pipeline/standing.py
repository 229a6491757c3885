"""How every scope of a backfill stands before it runs: never made, failed, made of something else, or as it would be
made today."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairpanel.analysis.frames import Period
from fairpanel.config import Config
from fairpanel.pipeline.audit import Source
from fairpanel.pipeline.drafting import subject
from fairpanel.pipeline.identity import basis, code_version, settings
from fairpanel.pipeline.periods import PeriodError
from fairpanel.pipeline.scope import SCOPE_COLUMNS, NothingToAuditError, Scope
from fairpanel.store import attempts, ledger
from fairpanel.workspace import Workspace

REPROCESS = ("missing", "failed", "changed", "all")
"""Each takes what the one before takes, and more."""
RUNS = {
    "missing": ("missing",),
    "failed": ("missing", "failed"),
    "changed": ("missing", "failed", "unsure", "changed"),
    "all": ("missing", "failed", "unsure", "changed", "same", "empty"),
}
SAYS = {
    "missing": "no report yet",
    "failed": "the last try failed",
    "unsure": "to be compared",
    "changed": "made of something else",
    "same": "as it would be made today",
    "empty": "no score in it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One scope before a backfill. state: a key of SAYS. report_id: its newest report. changes: what is different since:
    inputs, configuration, code (`unsure` until the material is looked at)."""

    scope: Scope
    state: str
    report_id: str | None = None
    changes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        why = f": {', '.join(self.changes)}" if self.changes else ""
        return self.scope.to_dict() | {
            "standing": self.state,
            "says": SAYS[self.state] + why,
            "report_id": self.report_id,
        }


def scopes(read: Source, periods: Sequence[Period], where: Mapping[str, str], each: str | None) -> list[Scope]:
    """Every period under the conditions; with `each`, under each value that this column has in the range besides.

    Period by period, values in order. Raises PeriodError for a column that cannot be a condition.
    """
    if each is None:
        return [Scope(period=period, where=dict(where)) for period in periods]
    if each not in SCOPE_COLUMNS or each in where:
        raise PeriodError(f"one audit for each value of a column: {', '.join(SCOPE_COLUMNS)}, not among the conditions")
    names = [*dict.fromkeys(("interviewed_at", each, *where))]
    rows = read.pinned.read("scores", names).drop_nulls(each)
    for column, value in where.items():
        rows = rows.filter(rows[column] == value)
    starts, ends = [p.start for p in periods if p.start], [p.end for p in periods if p.end]
    if starts and ends:
        rows = rows.filter((rows["interviewed_at"] >= min(starts)) & (rows["interviewed_at"] < max(ends)))
    values = rows[each].unique().sort()
    return [Scope(period=period, where={**where, each: value}) for period in periods for value in values]


@dataclass(frozen=True, slots=True)
class Known:
    """What ledger and notes tell, read once: manifests by report, the newest report and the last try by scope."""

    manifests: Mapping[str, Mapping[str, Any]]
    newest: Mapping[str, str]
    last: Mapping[str, attempts.Attempt]


def known(workspace: Workspace) -> Known:
    """Reports whose files are gone do not count."""
    manifests = {
        str(entry.manifest["report_id"]): entry.manifest
        for entry in ledger.entries(workspace)
        if entry.manifest.get("kind", "report") == "report"
        and (workspace.reports / str(entry.manifest["report_id"]) / "report.json").is_file()
    }
    newest = {attempts.key(manifest.get("scope") or {}): name for name, manifest in manifests.items()}
    return Known(manifests, newest, {attempt.key: attempt for attempt in attempts.latest(workspace)})


def standings(records: Known, wanted: Sequence[Scope], read: Source, config: Config) -> Iterator[Standing]:
    """How every scope stands, from the ledger and the notes alone: no score is read."""
    today = basis(read.pinned.versions, config)
    for scope in wanted:
        key = attempts.key(scope.to_dict())
        attempt, report_id = records.last.get(key), records.newest.get(key)
        looked_at = attempt is not None and attempt.basis == today
        if attempt is not None and attempt.state == "failed":
            state = "failed"
        elif attempt is not None and looked_at and attempt.state == "empty":
            state = "empty"
        elif report_id is None:
            state = "missing"
        elif attempt is not None and looked_at and attempt.report_id in records.manifests:
            state, report_id = "same", attempt.report_id
        else:
            state = "unsure"
        yield Standing(scope=scope, state=state, report_id=report_id)


def compared(records: Known, unsure: Standing, read: Source, config: Config) -> Standing:
    """The same, after its material was looked at: `same`, or `changed` with what is different."""
    scope = unsure.scope
    try:
        about = subject(read.pinned, scope, config, read.notes)
    except NothingToAuditError:
        return Standing(scope=scope, state="changed", report_id=unsure.report_id, changes=("inputs",))
    if about.report_id in records.manifests:
        return Standing(scope=scope, state="same", report_id=about.report_id)
    made, today = records.manifests[str(unsure.report_id)], settings(config)
    before = made.get("configuration") or {}
    differs = {
        "inputs": made.get("content") != about.inputs["content"],
        "configuration": {name: before.get(name) for name in today} != today,
        "code": made.get("code") != code_version(),
    }
    changes = tuple(name for name, different in differs.items() if different)
    return Standing(scope=scope, state="changed", report_id=unsure.report_id, changes=changes)
