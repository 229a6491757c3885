"""Reads CSV, TSV, Parquet, XLSX and JSON Lines as text cells, row by row accountable.

Every row of the file comes out either in `frame` or in `malformed`; a row one field short is never shifted or filled.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from fairpanel.adapters.base import MALFORMED_SCHEMA, ExportError, no_malformed_rows

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".jsonl", ".ndjson")
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
EXCEL_DATE = r"^\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2}(\.\d+)?)?$"
SLASHED_DATE = r"^\s*\d{1,2}[/.]\d{1,2}[/.]\d{2,4}"


@dataclass(frozen=True, slots=True)
class TextTable:
    """frame: text columns and source_row. notes: what had to be assumed to read the file."""

    frame: pl.DataFrame
    malformed: pl.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        return [name for name in self.frame.columns if name != "source_row"]


def read(path: Path) -> TextTable:
    """The rows of one file. Raises ExportError where it is empty, no table, or cannot be trusted as a whole."""
    if path.stat().st_size == 0:
        raise ExportError(f"{path.name} is empty. Export it again; a table needs at least a header line.")
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            return _from_frame(pl.read_parquet(path))
        if suffix == ".xlsx":
            return _excel(path)
        if suffix in (".jsonl", ".ndjson"):
            return _json_lines(path)
    except ExportError:
        raise
    except Exception as error:  # the readers fail in kinds of their own; whichever it is, the file is no such table
        raise ExportError(f"{path.name} cannot be read as {suffix[1:]}: {_first_line(error)}") from error
    return _delimited(path)


def header(path: Path) -> list[str]:
    """The column names of a file, without reading its rows; an empty list where it is no table."""
    try:
        if path.suffix.lower() == ".parquet":
            return list(pl.read_parquet_schema(path))
        if path.suffix.lower() in (".xlsx", ".jsonl", ".ndjson"):
            return read(path).columns
        with path.open("rb") as file:
            start = file.read(1 << 16)
        whole_lines = start[: start.rfind(b"\n") + 1] or start
        if start.startswith(UTF_16):
            text = start.decode("utf-16", errors="ignore")
        else:
            text, _ = _decode(whole_lines, path.name)
        return _header(text, _separator(text))
    except (ExportError, OSError, pl.exceptions.PolarsError):
        return []


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _from_frame(frame: pl.DataFrame, notes: tuple[str, ...] = ()) -> TextTable:
    text = frame.select(_as_text(name, dtype) for name, dtype in frame.schema.items())
    return TextTable(
        text.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("source_row")), no_malformed_rows(), notes
    )


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return (column.dt.convert_time_zone("UTC") if dtype.time_zone else column).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")
    if isinstance(dtype, pl.List | pl.Array | pl.Struct | pl.Binary | pl.Object):
        raise ExportError(f"column {name} holds nested or binary values; deliver one plain value a cell.")
    text = column.cast(pl.String)
    if dtype.is_float():  # 3.0 -> "3": an identifier must not depend on how the file stores it
        text = text.str.replace(r"\.0$", "")
    return pl.when(text.str.strip_chars() != "").then(text.str.strip_chars())


def _excel(path: Path) -> TextTable:
    frame = pl.read_excel(path, infer_schema_length=0, raise_if_empty=False)
    if frame.width == 0:
        raise ExportError(f"{path.name} has an empty first sheet. Put the table on the first sheet.")
    for name in frame.columns:
        if frame[name].dtype != pl.String:
            continue
        real = frame[name].str.contains(EXCEL_DATE).fill_null(value=False)
        slashed = frame[name].str.contains(SLASHED_DATE).fill_null(value=False)
        if real.any() and slashed.any():
            rows = ", ".join(str(row + 2) for row in slashed.arg_true()[:5].to_list())
            raise ExportError(
                f"{path.name}: column {name} is half dates and half text (text in row {rows}). A spreadsheet program has "
                "swapped day and month in the others: nobody can tell which. Export the column again as ISO dates."
            )
    table = _from_frame(frame)
    blank = pl.all_horizontal(pl.col(name).is_null() for name in frame.columns)
    return TextTable(table.frame.with_columns(pl.col("source_row") + 1).filter(~blank), table.malformed, table.notes)


def _json_lines(path: Path) -> TextTable:
    records: list[dict[str, str | None]] = []
    bad: list[tuple[int, str, str, str]] = []
    text, notes = _decode(path.read_bytes(), path.name)
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            bad.append((number, "not_a_record", "", f"a line of {len(line)} characters"))
            continue
        if not isinstance(record, dict) or any(isinstance(value, dict | list) for value in record.values()):
            bad.append((number, "not_a_record", "", f"a line of {len(line)} characters"))
            continue
        records.append({"source_row": str(number)} | {key: _json_text(value) for key, value in record.items()})
    if not records:
        raise ExportError(f"{path.name} holds no JSON object a line.")
    names = {key: pl.String for record in records for key in record}
    frame = pl.DataFrame(records, schema=names).with_columns(pl.col("source_row").cast(pl.Int64))
    return TextTable(frame, pl.DataFrame(bad, schema=MALFORMED_SCHEMA, orient="row"), notes)


def _json_text(value: str | float | bool | None) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()


def _decode(raw: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    if raw.startswith(UTF_16):
        return raw.decode("utf-16"), (f"{name} was read as UTF-16.",)
    if b"\x00" in raw[:4096] or raw.startswith((b"%PDF", b"PK\x03\x04", b"\x89PNG")):
        raise ExportError(f"{name} is not a table of text. Deliver CSV, TSV, XLSX, Parquet or JSON Lines.")
    try:
        return raw.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace"), (
            f"{name} is not UTF-8 and was read as Windows-1252 (Latin-1): check accented letters in labels.",
        )


def _separator(text: str) -> str:
    first = text.lstrip("\r\n").split("\n", 1)[0]
    return max(",;\t|", key=lambda mark: (first.count(mark), mark == ","))


def _header(text: str, separator: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader(io.StringIO(text), delimiter=separator), [])]


def _delimited(path: Path) -> TextTable:
    text, notes = _decode(path.read_bytes(), path.name)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    separator = _separator(text)
    names = _header(text, separator)
    if len(names) < 2 or any(not name for name in names):
        raise ExportError(
            f"{path.name} does not begin with a header line of column names. Expected one line with the names, "
            "separated by commas, semicolons or tabs."
        )
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ExportError(f"{path.name} has several columns called {', '.join(twice)}. Rename or remove all but one.")
    if separator == ";":
        notes = (*notes, f"{path.name} uses semicolons; a comma inside a number is read as the decimal point.")
    frame, malformed = (_quoted if '"' in text else _plain)(text, names, separator)
    frame = frame.select(
        pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name).str.strip_chars()).alias(name) for name in names
    ).with_columns(frame["source_row"])
    if separator == ";":
        frame = frame.with_columns(
            pl.when(pl.col(name).str.contains(r"^[+-]?\d+,\d+$"))
            .then(pl.col(name).str.replace(",", ".", literal=True))
            .otherwise(pl.col(name))
            .alias(name)
            for name in names
        )
    return TextTable(frame, malformed, notes)


def _plain(text: str, names: list[str], separator: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """No quotation mark anywhere: a row is a line, a cell is what lies between separators."""
    lines = pl.Series("line", text.split("\n")).to_frame().with_row_index("source_row", offset=1).slice(1)
    lines = lines.with_columns(pl.col("source_row").cast(pl.Int64)).filter(
        pl.col("line").str.strip_chars(separator + " \t") != ""
    )
    whole = pl.col("line").str.count_matches(separator, literal=True) == len(names) - 1
    good = lines.filter(whole)
    cells = good["line"].str.split_exact(separator, len(names) - 1).struct.rename_fields(names).struct.unnest()
    return cells.with_columns(good["source_row"]), _malformed(lines.filter(~whole))


def _quoted(text: str, names: list[str], separator: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    next(reader)
    rows: list[list[str]] = []
    numbers: list[int] = []
    bad: list[tuple[int, str]] = []
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            bad.append((number, str(error)))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) == len(names):
            rows.append(cells)
            numbers.append(number)
        else:
            bad.append((number, separator.join(cells)))
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    lines = pl.DataFrame(bad, schema={"source_row": pl.Int64, "line": pl.String}, orient="row")
    return frame.with_columns(pl.Series("source_row", numbers, dtype=pl.Int64)), _malformed(lines)


def _malformed(lines: pl.DataFrame) -> pl.DataFrame:
    """The text of a broken line is not kept: which cell is which cannot be known, so it may hold anything."""
    return lines.select(
        "source_row",
        pl.lit("wrong_field_count").alias("rule"),
        pl.lit("").alias("column"),
        pl.format("a line of {} characters", pl.col("line").str.len_chars()).alias("value"),
    )
