"""Files in, accepted rows in the lake, refused rows in quarantine: the steps, without an orchestrator.

    find -> read -> split -> pseudonyms -> settle versions -> write -> judge -> record the batch

The batch's own row is written last: it is what makes the batch count. A run that was killed before leaves tables that
the next run completes to what an undisturbed run would have made.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from fairpanel.adapters.base import Delivered, ExportError
from fairpanel.adapters.registry import Reading, find, labels
from fairpanel.config import Config
from fairpanel.locking import exclusive as exclusive
from fairpanel.logs import tell
from fairpanel.pipeline.growing import still_growing
from fairpanel.store import tables
from fairpanel.store.pseudonyms import Pseudonyms
from fairpanel.store.sealing import seal
from fairpanel.store.versions import settle
from fairpanel.validation import summary
from fairpanel.validation.split import split
from fairpanel.workspace import Workspace
from schemas.columns import COLUMNS

LOG = logging.getLogger(__name__)
LONGEST_CELL = 80
# Scores come last: their batch is judged against who is known from the other tables.
ORDER = {"demographics": 0, "interviewer_groups": 0, "preparation": 1, "decisions": 2, "performance": 3, "scores": 4}


class Judging(Protocol):
    """Whoever gives a verdict on a batch's summary (`fairpanel.validation.batch.Judge`)."""

    def verdict(self, suite: str, summary: Mapping[str, float | None]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One export taken in: rows_read = accepted + quarantined + the sum of excluded."""

    batch_id: str
    file: str
    adapter: str
    sha256: str
    rows_read: int
    accepted: int
    quarantined: int
    excluded: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    expectations: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        total = self.accepted + self.quarantined + sum(self.excluded.values())
        if self.rows_read != total:
            raise RuntimeError(f"{self.file}: {self.rows_read} rows read, {total} accounted for")

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "notes"} | {"notes": list(self.notes)}


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest did with everything it was given."""

    batches: tuple[Batch, ...]
    unchanged: tuple[str, ...]
    refused: Mapping[str, str]
    skipped: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        excluded: dict[str, int] = {}
        for batch in self.batches:
            for rule, count in batch.excluded.items():
                excluded[rule] = excluded.get(rule, 0) + count
        return {
            "files": len(self.batches) + len(self.unchanged) + len(self.refused),
            "rows_read": sum(batch.rows_read for batch in self.batches),
            "accepted": sum(batch.accepted for batch in self.batches),
            "quarantined": sum(batch.quarantined for batch in self.batches),
            "excluded": excluded,
            "unchanged_files": len(self.unchanged),
            "batches": [batch.to_dict() for batch in self.batches],
            "refused": [{"file": name, "error": why} for name, why in self.refused.items()],
            "skipped": [{"file": name, "reason": why} for name, why in self.skipped.items()],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a step of an ingest needs."""

    workspace: Workspace
    config: Config
    pseudonyms: Pseudonyms
    judge: Judging | None
    now: datetime
    readings: Sequence[Reading]
    unrecognised: Mapping[Path, str]
    named: frozenset[Path]
    growing: frozenset[str] = frozenset()


Outcome = Batch | ExportError | None
"""A batch; why the export was refused; None where exactly this was taken in before."""


def plan(
    workspace: Workspace,
    paths: Sequence[Path],
    config: Config,
    pseudonyms: Pseudonyms,
    judge: Judging | None,
    now: datetime,
    source: str = "auto",
    settle: float = 0.0,
) -> Plan:
    """Find the exports among the paths. Raises ConfigError for an unknown source or a mistaken mapping.

    A file that was written in the last `settle` seconds is looked at once more after as many: what has grown since is
    still being copied, and will be refused.
    """
    readings, unrecognised = find(paths, source)
    named = frozenset(path for path in paths if not path.is_dir())
    growing = still_growing(readings, settle)
    return Plan(workspace, config, pseudonyms, judge, now, readings, unrecognised, named, growing)


def step(planned: Plan, reading: Reading) -> Outcome:
    """Take one export in; an export that cannot be read is an outcome, so that the others go on."""
    try:
        if reading.export.name in planned.growing:
            raise ExportError(f"{reading.export.name} is still being written. Take it in when it is complete.")
        done = take_in(planned.workspace, reading, planned.config, planned.pseudonyms, planned.judge, planned.now)
    except ExportError as error:
        tell(LOG, "export refused", adapter=reading.adapter)
        return error
    if done is None:
        tell(LOG, "export known before", adapter=reading.adapter)
        return None
    counts = {name: getattr(done, name) for name in ("rows_read", "accepted", "quarantined")}
    tell(LOG, "batch taken in", batch_id=done.batch_id, **counts, excluded=sum(done.excluded.values()))
    return done


def conclude(planned: Plan, outcomes: Sequence[Outcome]) -> Ingested:
    """What became of every file, from the outcomes in the order of the plan's readings."""
    named = [(reading.export.name, outcome) for reading, outcome in zip(planned.readings, outcomes, strict=True)]
    left = dict(zip(planned.unrecognised, labels([*planned.unrecognised]), strict=True))
    unread = {left[path] for path in left if path in planned.named or not planned.readings}
    why_not = {left[path]: why for path, why in planned.unrecognised.items()}
    return Ingested(
        batches=tuple(outcome for outcome in outcomes if isinstance(outcome, Batch)),
        unchanged=tuple(name for name, outcome in named if outcome is None),
        refused={name: why for name, why in why_not.items() if name in unread}
        | {name: str(outcome) for name, outcome in named if isinstance(outcome, ExportError)},
        skipped={name: why for name, why in why_not.items() if name not in unread},
    )


def ingest(planned: Plan, progress: Callable[[str, int, int], None] = lambda *_: None) -> Ingested:
    """All steps of a plan, one after another, in this process."""
    outcomes: list[Outcome] = []
    for done, reading in enumerate(planned.readings):
        progress(reading.export.name, done, len(planned.readings))
        outcomes.append(step(planned, reading))
    progress("", len(planned.readings), len(planned.readings))
    return conclude(planned, outcomes)


def take_in(
    workspace: Workspace, reading: Reading, config: Config, pseudonyms: Pseudonyms, judge: Judging | None, now: datetime
) -> Batch | None:
    """One export: its batch, or None where exactly this has been taken in before. Raises ExportError."""
    sha256 = fingerprint(reading.export.paths)
    batch_id = _identity(sha256, reading, config, pseudonyms)
    with exclusive(workspace):
        pinned = tables.pin(workspace)
        known = pinned.read("batches", ["batch_id", "summary"])
        if batch_id in known["batch_id"]:
            seal(workspace)  # a run may have been killed just before it did
            return None
        delivered = sorted(reading.read(config), key=lambda part: ORDER[part.table])
        if fingerprint(reading.export.paths) != sha256:
            raise ExportError(f"{reading.export.name} changed while it was read. Ingest it again when it is complete.")
        parts = [_store(workspace, part, batch_id, reading, pseudonyms) for part in delivered]
        refused = pl.concat([part.refused for part in parts])
        tables.replace_batch(workspace, "quarantine", refused, batch_id)
        earlier = [json.loads(text) for text in known["summary"]]
        figures = {part.table: _figures(part, earlier, pinned, batch_id) for part in parts}
        batch = Batch(
            batch_id=batch_id,
            file=reading.export.name,
            adapter=reading.adapter,
            sha256=sha256,
            rows_read=sum(part.rows_read for part in parts),
            accepted=sum(part.accepted for part in parts),
            quarantined=sum(part.quarantined for part in parts),
            excluded=_total([part.excluded for part in parts]),
            reasons=_total([part.reasons for part in parts]),
            expectations=_verdict(judge, figures),
            tables={part.table: part.accepted for part in parts},
            notes=tuple(note for part in delivered for note in part.notes),
        )
        _record(workspace, batch, figures, now)
        seal(workspace)
    return batch


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One table of a batch after its rows are written."""

    table: str
    rows: pl.DataFrame
    rows_read: int
    accepted: int
    quarantined: int
    excluded: dict[str, int]
    reasons: dict[str, int]
    refused: pl.DataFrame


def _store(workspace: Workspace, part: Delivered, batch_id: str, reading: Reading, pseudonyms: Pseudonyms) -> _Part:
    columns = COLUMNS[part.table]
    divided = split(part.table, part.frame)
    file = reading.export.name
    provenance = [
        pl.lit(value).alias(name)
        for name, value in (("source_system", reading.adapter), ("batch_id", batch_id), ("source_file", file))
    ]
    words = [name for name, column in columns.items() if column.kind == "text" and column.identity is None]
    short = divided.accepted.with_columns(pl.col(words).str.slice(0, LONGEST_CELL))
    accepted = pseudonyms.replace(short, columns).with_columns(provenance)
    accepted = tables.with_record_key(part.table, accepted).select(tables.schema(part.table).keys())
    # Read under the lock: an earlier table of the same batch may have been written since the pin.
    pinned = tables.pin(workspace)
    recorded = pinned.read("batches", ["batch_id"])["batch_id"]
    settled = settle(part.table, accepted, pinned.read(part.table), batch_id, recorded)
    if settled.fresh.height:
        tables.upsert(workspace, part.table, settled.fresh, settled.replacing)
    failing = pseudonyms.replace(part.frame.with_row_index("row"), columns)
    refused = pl.concat(
        [
            _refused(divided.failures.join(failing, on="row", how="left", maintain_order="left"), part.table),
            _refused(part.malformed, part.table),
            _refused(
                settled.conflicting.with_columns(
                    pl.lit("conflicting_duplicate").alias("rule"),
                    pl.lit("record_key").alias("column"),
                    pl.col("record_key").alias("value"),
                ).cast({name: pl.String for name, column in columns.items() if column.kind != "text"}),
                part.table,
            ),
        ]
    ).with_columns(pl.lit(batch_id).alias("batch_id"), pl.lit(file).alias("source_file"))
    reasons = [divided.reasons(), dict(part.malformed["rule"].value_counts().iter_rows())]
    if settled.conflicting.height:
        reasons.append({"conflicting_duplicate": settled.conflicting.height})
    return _Part(
        table=part.table,
        rows=accepted,
        rows_read=part.rows_read,
        accepted=settled.kept,
        quarantined=divided.refused_rows + part.malformed.height + settled.conflicting.height,
        excluded=_total([dict(part.excluded), settled.excluded]),
        reasons=_total(reasons),
        refused=refused.select(tables.QUARANTINE.keys()),
    )


def _refused(failures: pl.DataFrame, table: str) -> pl.DataFrame:
    """Quarantine rows: the record with its identifiers already replaced, every cell cut short."""
    cells = [name for name in COLUMNS[table] if name in failures.columns and name != "column"]
    record = (
        pl.struct(pl.col(name).cast(pl.String).str.slice(0, LONGEST_CELL) for name in cells).struct.json_encode()
        if cells
        else pl.lit("{}")
    )
    return failures.select(
        pl.col("source_row").cast(pl.Int64),
        pl.lit(table).alias("table"),
        "rule",
        "column",
        pl.col("value").cast(pl.String),
        record.alias("record"),
        pl.lit("quarantined").alias("verdict"),
    )


def _figures(part: _Part, earlier: Sequence[Mapping[str, Any]], pinned: tables.Pinned, batch_id: str) -> dict[str, Any]:
    before = [entry[part.table] for entry in earlier if part.table in entry]
    raters = pl.Series(dtype=pl.String)
    people = pl.Series(dtype=pl.String)
    if part.table == "scores":
        # An interrupted run may have left rows of this very batch: they are not earlier ones.
        earlier_rows = pinned.read("scores", ["interviewer_id", "batch_id"]).filter(pl.col("batch_id") != batch_id)
        raters = earlier_rows["interviewer_id"].unique()
        people = tables.pin(pinned.workspace).read("demographics", ["candidate_id"])["candidate_id"].unique()
    return summary.of_batch(part.table, part.rows, part.rows_read, part.quarantined, before, raters, people)


def _verdict(judge: Judging | None, figures: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The verdicts by table; {"judged": false} where batch checks are switched off."""
    if judge is None:
        return {"judged": False}
    verdicts = {
        table: judge.verdict(
            "scores" if table == "scores" else "other",
            {name: value for name, value in numbers.items() if name != "histogram"},
        )
        for table, numbers in figures.items()
    }
    return {"judged": True, "success": all(verdict["success"] for verdict in verdicts.values()), "tables": verdicts}


def _record(workspace: Workspace, batch: Batch, figures: Mapping[str, Mapping[str, Any]], now: datetime) -> None:
    told = {**figures, "_batch": batch.to_dict()}
    row = pl.DataFrame(
        {
            "batch_id": [batch.batch_id],
            "file": [batch.file],
            "adapter": [batch.adapter],
            "sha256": [batch.sha256],
            "ingested_at": [now],
            "rows_read": [batch.rows_read],
            "accepted": [batch.accepted],
            "quarantined": [batch.quarantined],
            "excluded": [sum(batch.excluded.values())],
            "summary": [json.dumps(told, sort_keys=True)],
        }
    )
    tables.upsert(workspace, "batches", row, replacing=False)


def _total(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in counts:
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return total


def fingerprint(paths: Sequence[Path]) -> str:
    """SHA-256 of a file; of the sorted names and hashes where an export has several."""
    try:
        hashes = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in sorted(paths)]
    except OSError as error:
        raise ExportError(f"{Path(str(error.filename)).name} cannot be read: {error.strerror}.") from error
    if len(hashes) == 1:
        return hashes[0][1]
    return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()


def _identity(sha256: str, reading: Reading, config: Config, pseudonyms: Pseudonyms) -> str:
    """The same bytes, read the same way under the same key: the same batch."""
    settings = config.model_dump_json(include={"scale", "greenhouse"})
    parts = json.dumps([sha256, reading.identity, settings, pseudonyms.fingerprint])
    return hashlib.blake2b(parts.encode(), digest_size=12).hexdigest()
