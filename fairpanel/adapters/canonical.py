"""The canonical layout: any file whose columns are those of one of our tables, whatever it is called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from fairpanel.adapters import tabular
from fairpanel.adapters.base import Delivered, Export, ExportError
from fairpanel.config import Config
from schemas.columns import COLUMNS

NAME = "canonical"
VERSION = "1"

# The columns that tell the tables apart: no other table has them.
MARKS = {
    "scores": {"interviewer_id", "competency", "score"},
    "decisions": {"decision"},
    "performance": {"rating"},
    "demographics": {"attribute", "category"},
    "preparation": {"item", "provided"},
    "interviewer_groups": {"interviewer_id", "attribute", "category"},
}


def find(files: Sequence[Path]) -> list[Export]:
    """Every file with the columns of a canonical table."""
    tables = [path for path in files if path.suffix.lower() in tabular.SUFFIXES]
    return [Export(path.name, (path,)) for path in tables if _recognise(tabular.header(path)) is not None]


def _recognise(columns: Sequence[str]) -> str | None:
    """The table whose columns these are nearest to; None where no two of its own columns are there."""
    names = {column.strip().lower() for column in columns}
    best = max(
        MARKS, key=lambda table: (len(MARKS[table] & names) / len(MARKS[table]), len(COLUMNS[table].keys() & names))
    )
    return best if MARKS[best] & names and len(COLUMNS[best].keys() & names) >= 2 else None


def read(export: Export, config: Config) -> list[Delivered]:
    """One canonical table. Raises ExportError where a required column is missing."""
    path = export.paths[0]
    source = tabular.read(path)
    renamed = {name: name.strip().lower() for name in source.columns}
    if twice := sorted({name for name in renamed.values() if list(renamed.values()).count(name) > 1}):
        raise ExportError(
            f"{path.name} has several columns called {', '.join(twice)} but for case and spaces. Keep one of them."
        )
    frame = source.frame.rename(renamed)
    table = _recognise(frame.columns)
    if table is None:
        raise ExportError(f"{path.name} is no export that Fairpanel knows. Its columns are: {source.columns_told}.")
    columns = COLUMNS[table]
    missing = [name for name, column in columns.items() if column.required and name not in frame.columns]
    if missing:
        raise ExportError(
            f"{path.name} looks like a {table} table but has no column {', '.join(missing)}. Add it, or describe the file "
            f"in a mapping. Columns found: {source.columns_told}."
        )
    unknown = [name for name in source.columns if renamed[name] not in columns]
    notes = [*source.notes]
    if unknown:
        notes.append(f"{path.name}: ignored columns that are not part of the {table} table: {', '.join(unknown)}.")
    kept = frame.select("source_row", *(name for name in columns if name in frame.columns))
    return [complete(table, kept, config, malformed=source.malformed, notes=notes)]


def complete(
    table: str, frame: pl.DataFrame, config: Config, *, malformed: pl.DataFrame, notes: Sequence[str]
) -> Delivered:
    """Adds what the canonical layout leaves optional: application, raw score, the workspace's scale."""
    columns = COLUMNS[table]
    frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(n) for n in columns if n not in frame.columns)
    if "application_id" in columns:
        frame = frame.with_columns(pl.coalesce("application_id", "candidate_id").alias("application_id"))
    if table == "scores":
        scale = config.scale
        # A scale is stated whole, by the row or by the workspace, never half by each.
        stated = pl.col("scale_min").is_not_null() | pl.col("scale_max").is_not_null()
        frame = frame.with_columns(
            pl.coalesce("competency_label", "competency").str.slice(0, 80).alias("competency_label"),
            pl.coalesce("score_raw", "score").alias("score_raw"),
            pl.when(stated).then("scale_min").otherwise(pl.lit(str(scale.minimum))).alias("scale_min"),
            pl.when(stated).then("scale_max").otherwise(pl.lit(str(scale.maximum))).alias("scale_max"),
            pl.coalesce("higher_is_better", pl.lit(str(scale.higher_is_better).lower())).alias("higher_is_better"),
        )
    return Delivered(table=table, frame=frame, malformed=malformed, notes=tuple(notes))
