"""Any CSV, TSV, Parquet, XLSX or JSON Lines file as a typed frame, for one measure on one file."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from fairpanel.adapters import tabular
from fairpanel.adapters.base import ExportError

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
MISSING = ("NA", "NaN", "nan", "null", "None")


def _parquet(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ExportError(f"{path.name} cannot be read as parquet: {str(error).splitlines()[0][:200]}") from error
    return frame.select(name for name, dtype in frame.schema.items() if not isinstance(dtype, tabular.NOT_PLAIN))


def read_table(path: Path) -> pl.DataFrame:
    """A column whose every filled cell is a number becomes numbers, the others stay text; NA and the like are missing.

    Raises ExportError where the file does not exist, is no table, or holds a line with another number of cells.
    """
    if not path.exists():
        raise ExportError(f"there is no file {path}")
    if path.suffix.lower() == ".parquet":
        return _parquet(path)
    table = tabular.read(path)
    if table.malformed.height:
        rows = ", ".join(str(row) for row in table.malformed["source_row"][:5])
        raise ExportError(f"{path.name}: row {rows} has not as many cells as the header; a measure needs whole rows.")
    frame = table.frame.drop("source_row").with_columns(
        pl.when(~pl.col(name).is_in(MISSING)).then(pl.col(name)).alias(name) for name in table.columns
    )
    numeric = [name for name in table.columns if frame[name].drop_nulls().str.contains(NUMBER).all()]
    return frame.with_columns(pl.col(name).cast(pl.Float64) for name in numeric)
