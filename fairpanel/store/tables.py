"""Delta Lake tables of a workspace: the newest version of every fact, the older ones in the table's history.

A batch enters a table in one commit (an append, or a merge where it brings newer versions), so a killed process leaves a
table either without the batch or with all of it, and running it again changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import polars as pl
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from fairpanel import __version__
from fairpanel.storage import joined, reached
from fairpanel.store import lake_mark, objects
from fairpanel.workspace import Workspace, WorkspaceError
from schemas.columns import COLUMNS, KEYS

RESTRICTED = ("demographics", "interviewer_groups", "quarantine")
PARTITIONED = ("quarantine",)
KEPT = {"delta.logRetentionDuration": "interval 3650 days"}
"""A table's log is not shortened behind anybody's back: audits are recomputed from it."""
UNTOLD = {"delta.dataSkippingNumIndexedCols": "0"}
"""Without statistics: a table's log is kept for good, and would keep cells of refused rows that were removed."""
KINDS = {
    "text": pl.String(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "moment": pl.Datetime("us", "UTC"),
}
STORED = {
    pl.String(): "string",
    pl.Float64(): "double",
    pl.Boolean(): "boolean",
    pl.Int64(): "long",
    pl.Datetime("us", "UTC"): "timestamp",
}
"""What Delta Lake calls a kind."""
PROVENANCE = {
    "record_key": pl.String(),
    "source_system": pl.String(),
    "batch_id": pl.String(),
    "source_file": pl.String(),
    "source_row": pl.Int64(),
}
BATCHES: dict[str, pl.DataType] = {
    "batch_id": pl.String(),
    "file": pl.String(),
    "adapter": pl.String(),
    "sha256": pl.String(),
    "ingested_at": pl.Datetime("us", "UTC"),
    "rows_read": pl.Int64(),
    "accepted": pl.Int64(),
    "quarantined": pl.Int64(),
    "excluded": pl.Int64(),
    "summary": pl.String(),
}
QUARANTINE: dict[str, pl.DataType] = {
    "batch_id": pl.String(),
    "source_file": pl.String(),
    "source_row": pl.Int64(),
    "table": pl.String(),
    "rule": pl.String(),
    "column": pl.String(),
    "value": pl.String(),
    "record": pl.String(),
    "verdict": pl.String(),
}


def schema(table: str) -> dict[str, pl.DataType]:
    """The stored columns of a table."""
    if table == "batches":
        return BATCHES
    if table == "quarantine":
        return QUARANTINE
    return {name: KINDS[column.kind] for name, column in COLUMNS[table].items()} | PROVENANCE


class TableDamagedError(Exception):
    """A table's files cannot be read, or are not all there: which table, what is wrong, and how to mend it."""

    def __init__(self, table: str, place: str | Path, why: str) -> None:
        super().__init__(
            f"the table {table} in {place} cannot be read ({why}). Nothing was changed. 'fairpanel verify' names the files "
            "that are not as they were; put those back from a backup, then run the same command again."
        )


def opened(workspace: Workspace, table: str, version: int | None = None) -> DeltaTable | None:
    """The table at a version (the newest); None where it was never begun. Raises TableDamagedError where there is more
    than can be read: a table that lost the beginning of its log is not a new one."""
    place = path(workspace, table)
    try:
        with reached(place):
            found = DeltaTable(place, version=version)
        _require_columns(found, table, place)
        return found
    except TableNotFoundError:
        if any(name[:1].isdigit() for name in objects.names(joined(place, "_delta_log"))):
            raise TableDamagedError(table, place, "the beginning of its log is missing") from None
        return None
    except DeltaError as error:
        raise TableDamagedError(table, place, str(error).splitlines()[0][:200]) from error


def _require_columns(found: DeltaTable, table: str, place: str | Path) -> None:
    """Raises WorkspaceError where the columns are not those that this version writes: they could only be misread."""
    stored = {field.name: str(getattr(field.type, "type", field.type)) for field in found.schema().fields}
    wanted = {name: STORED[kind] for name, kind in schema(table).items()}
    if stored == wanted:
        return
    ways = {
        "unknown": [name for name in stored if name not in wanted],
        "missing": [name for name in wanted if name not in stored],
        "of another type": [name for name in wanted if name in stored and stored[name] != wanted[name]],
    }
    told = "; ".join(f"{way}: {', '.join(names)}" for way, names in ways.items() if names)
    raise WorkspaceError(
        f"the table {table} in {place} has other columns than Fairpanel {__version__} writes ({told}). Another version, or "
        "another program, wrote it; use that version. Nothing was changed."
    )


def path(workspace: Workspace, table: str) -> str | Path:
    """Where a table lies: a folder, or an address as s3://bucket/prefix/table."""
    return joined(workspace.location("restricted" if table in RESTRICTED else "lake"), table)


@dataclass(frozen=True, slots=True)
class Pinned:
    """One version of every table: whatever is written meanwhile, an audit reads these; with recorded_only without the
    rows of a batch that an interrupted ingest has not recorded."""

    workspace: Workspace
    versions: Mapping[str, int]
    recorded_only: bool = False

    def read(self, table: str, columns: list[str] | None = None) -> pl.DataFrame:
        """The table at its pinned version; an empty frame with its columns where it does not exist yet."""
        if table not in self.versions:
            empty = pl.DataFrame(schema=schema(table))
            return empty if columns is None else empty.select(columns)
        wanted = schema(table)
        stored = opened(self.workspace, table, self.versions[table])
        if stored is None:
            raise TableDamagedError(table, path(self.workspace, table), "it is gone")
        # The table names its files as URIs: a space or an accent in the workspace's path is escaped there.
        uris = [unquote(uri) for uri in stored.file_uris()]
        if not uris:
            return pl.DataFrame(schema=wanted).select(columns or wanted.keys())
        scan = pl.scan_parquet(uris, glob=False, hive_partitioning=table in PARTITIONED)
        if self.recorded_only and table in COLUMNS:
            scan = scan.filter(pl.col("batch_id").is_in(self.read("batches", ["batch_id"])["batch_id"].implode()))
        try:
            with reached(path(self.workspace, table)):
                frame = scan.select(columns or wanted.keys()).collect()
        except (pl.exceptions.PolarsError, FileNotFoundError) as error:
            raise TableDamagedError(table, path(self.workspace, table), str(error).splitlines()[0][:200]) from error
        return frame.cast({name: wanted[name] for name in frame.columns})


@dataclass(frozen=True, slots=True)
class Held(Pinned):
    """The same, every selection of columns read once and kept in memory: for many audits of the same versions."""

    kept: dict[tuple[str, tuple[str, ...]], pl.DataFrame] = field(default_factory=dict, compare=False, repr=False)

    def read(self, table: str, columns: list[str] | None = None) -> pl.DataFrame:
        """As Pinned.read."""
        key = (table, tuple(columns or ()))
        if key not in self.kept:
            self.kept[key] = Pinned.read(self, table, columns)
        return self.kept[key]


def pin(workspace: Workspace) -> Pinned:
    """The newest version of every table that exists."""
    versions = {}
    for table in (*COLUMNS, "batches", "quarantine"):
        if (found := opened(workspace, table)) is not None:
            versions[table] = found.version()
    if "batches" not in versions:
        lake_mark.require_place(workspace)
    pinned = Pinned(workspace, versions)
    _require_what_is_recorded(pinned)
    return pinned


def _require_what_is_recorded(pinned: Pinned) -> None:
    """Raises TableDamagedError where batches went into a table that is not there: it was lost, not never begun."""
    absent = [table for table in COLUMNS if table not in pinned.versions]
    if not absent or "batches" not in pinned.versions:
        return
    filled = {
        table
        for summary in pinned.read("batches", ["summary"])["summary"]
        for table, accepted in json.loads(summary)["_batch"]["tables"].items()
        if accepted
    }
    for table in absent:
        if table in filled:
            place = path(pinned.workspace, table)
            raise TableDamagedError(table, place, "it is gone, and batches that went into it are recorded")


def with_record_key(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Adds record_key: rows with the same one are versions of the same fact."""
    if table == "scores":
        day = pl.col("interviewed_at").dt.strftime("%Y-%m-%d")
        unnamed = pl.concat_str(pl.coalesce("interview_id", day), pl.lit("/"), pl.col("stage"))
        frame = frame.with_columns(pl.coalesce("scorecard_id", unnamed).alias("form"))
    parts = pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in KEYS[table]], separator="\x1f")
    keys = frame.select(parts.alias("key"))["key"]
    digests = [hashlib.blake2b(key.encode(), digest_size=12).hexdigest() for key in keys]
    frame = frame.with_columns(pl.Series("record_key", digests, dtype=pl.String))
    return frame.drop("form") if "form" in frame.columns else frame


def content(table: str) -> list[str]:
    """The columns that make one version of a fact differ from another; where it was read from is not one of them."""
    return [name for name in COLUMNS[table] if name not in ("updated_at", "submitted_at")]


def upsert(workspace: Workspace, table: str, rows: pl.DataFrame, replacing: bool) -> None:
    """Writes accepted rows in one commit; `replacing` where some of them are newer versions of rows already there."""
    wanted = schema(table)
    typed = rows.select(pl.col(name).cast(kind) for name, kind in wanted.items())
    target = path(workspace, table)
    with reached(target):
        if replacing:
            merge = DeltaTable(target).merge(typed, "stored.record_key = new.record_key", "new", "stored")
            merge.when_matched_update_all().when_not_matched_insert_all().execute()
        else:
            _make_room(target)
            write_deltalake(target, typed, mode="append", configuration=KEPT)


def _make_room(target: str | Path) -> None:
    if isinstance(target, Path):
        target.parent.mkdir(parents=True, exist_ok=True)


def replace_batch(workspace: Workspace, table: str, rows: pl.DataFrame, batch_id: str) -> None:
    """Writes a batch's rows of a table that has no record_key, in place of what an interrupted run left of the batch."""
    wanted = schema(table)
    typed = rows.select(pl.col(name).cast(kind) for name, kind in wanted.items())
    target = path(workspace, table)
    with reached(target):
        if not DeltaTable.is_deltatable(str(target)):
            _make_room(target)
            partitions = ["batch_id"] if table in PARTITIONED else None
            write_deltalake(target, typed, mode="append", partition_by=partitions, configuration=KEPT | UNTOLD)
            return
        if not rows.height and not pin(workspace).read(table).filter(pl.col("batch_id") == batch_id).height:
            return
        write_deltalake(target, typed, mode="overwrite", predicate=f"batch_id = '{batch_id}'")
