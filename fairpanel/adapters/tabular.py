"""Reads CSV, TSV, Parquet, XLSX and JSON Lines as text cells, row by row accountable.

Every row of the file comes out either in `frame` or in `malformed`; a row one field short is never shifted or filled.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from fairpanel.adapters.base import MALFORMED_SCHEMA, ExportError, no_malformed_rows

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".jsonl", ".ndjson")
NOT_PLAIN = (pl.List, pl.Array, pl.Struct, pl.Binary, pl.Object, pl.Duration)
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
EXCEL_DATE = r"^\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2}(\.\d+)?)?$"
VALUE = r"[+-]?\d+([.,]\d+)?|\d{4}-\d{2}-\d{2}.*|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}.*|[^@\s]+@[^@\s]+"
SLASHED_DATE = r"^\s*\d{1,2}[/.]\d{1,2}[/.]\d{2,4}"


@dataclass(frozen=True, slots=True)
class TextTable:
    """frame: text columns and source_row. notes: what had to be assumed to read the file."""

    frame: pl.DataFrame
    malformed: pl.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def columns_told(self) -> str:
        """The column names for a sentence; where the first line is a row of data, nothing of it is repeated."""
        if any(re.fullmatch(VALUE, name) for name in self.columns):
            return "not told, for the first line looks like a row of data. Put a line of column names before it"
        return ", ".join(name[:40] for name in self.columns)

    @property
    def columns(self) -> list[str]:
        return [name for name in self.frame.columns if name != "source_row"]


def read(path: Path) -> TextTable:
    """The rows of one file. Raises ExportError where it is empty, no table, or cannot be trusted as a whole."""
    suffix = path.suffix.lower()
    try:
        if path.stat().st_size == 0:
            raise ExportError(f"{path.name} is empty. Export it again; a table needs at least a header line.")
        reader = {".parquet": _parquet, ".xlsx": _excel, ".jsonl": _json_lines, ".ndjson": _json_lines}
        return reader.get(suffix, _delimited)(path)
    except ExportError:
        raise
    except OSError as error:
        raise ExportError(f"{path.name} cannot be read: {error.strerror or _first_line(error)}.") from error
    except Exception as error:  # the readers fail in kinds of their own; whichever it is, the file is no such table
        raise ExportError(f"{path.name} cannot be read as {suffix[1:] or 'text'}: {_first_line(error)}") from error


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
        text = _with_one_line_end(text)
        return _header(text, _separator(text))
    except (ExportError, OSError, csv.Error, pl.exceptions.PolarsError):
        return []


def _keep_row_numbers_apart(names: Iterable[str], file: str) -> None:
    if any(name.strip().lower() == "source_row" for name in names):
        raise ExportError(f"{file} has a column called source_row, our own word for line numbers. Rename or remove it.")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _parquet(path: Path) -> TextTable:
    return _from_frame(pl.read_parquet(path), path.name)


def _from_frame(frame: pl.DataFrame, file: str) -> TextTable:
    _keep_row_numbers_apart(frame.columns, file)
    odd = [name for name, dtype in frame.schema.items() if isinstance(dtype, NOT_PLAIN)]
    plain = {name: dtype for name, dtype in frame.schema.items() if name not in odd}
    text = frame.select(_as_text(name, dtype) for name, dtype in plain.items())
    notes = (f"{file}: left out columns of nested, binary or duration values: {', '.join(odd)}.",) if odd else ()
    rows = pl.int_range(1, frame.height + 1, dtype=pl.Int64, eager=True).alias("source_row")
    return TextTable(text.with_columns(rows), no_malformed_rows(), notes)


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return (column.dt.convert_time_zone("UTC") if dtype.time_zone else column).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")
    text = column.cast(pl.String)
    if dtype.is_float():  # 3.0 -> "3": an identifier must not depend on how the file stores it
        whole = (column == column.round()) & (column.abs() < 2**53)
        text = pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(text)
        text = pl.when(column.is_not_nan()).then(text)
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
    table = _from_frame(frame, path.name)
    blank = pl.all_horizontal(pl.col(name).is_null() for name in table.columns)
    return TextTable(table.frame.with_columns(pl.col("source_row") + 1).filter(~blank), table.malformed, table.notes)


def _json_lines(path: Path) -> TextTable:
    records: list[dict[str, str | None]] = []
    bad: list[tuple[int, str, str, str]] = []
    text, notes = _decode(path.read_bytes(), path.name)
    # A cell may hold other line separators (U+2028): only the line feed ends a record.
    for number, line in enumerate(_with_one_line_end(text).split("\n"), start=1):
        if not line.strip():
            continue
        record = _json_record(line)
        if record is None:
            bad.append((number, "not_a_record", "", f"a line of {len(line)} characters"))
        else:
            _keep_row_numbers_apart(record, path.name)
            records.append(record | {"source_row": str(number)})
    if not records:
        raise ExportError(f"{path.name} holds no JSON object a line.")
    names = {key: pl.String for record in records for key in record}
    frame = pl.DataFrame(records, schema=names).with_columns(pl.col("source_row").cast(pl.Int64))
    return TextTable(frame, pl.DataFrame(bad, schema=MALFORMED_SCHEMA, orient="row"), notes)


def _json_record(line: str) -> dict[str, str | None] | None:
    """The cells of one line as text; None where it is no object of plain values that can be written as text."""
    try:
        record = json.loads(line)
        if not isinstance(record, dict) or any(isinstance(value, dict | list) for value in record.values()):
            return None
        cells = {key: _json_text(value) for key, value in record.items()}
        for text in (*cells, *filter(None, cells.values())):
            text.encode()  # half of a character pair is no text
    except (ValueError, RecursionError):
        return None
    return cells


def _json_text(value: str | float | bool | None) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():  # 3.0 -> "3", as in the other formats
        value = int(value)
    return None if value is None else str(value).strip() or None


def _decode(raw: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    if raw.startswith(UTF_16) and not raw.startswith(b"\xff\xfe\x00\x00"):
        try:
            return raw.decode("utf-16"), (f"{name} was read as UTF-16.",)
        except UnicodeDecodeError:
            raise ExportError(f"{name} begins as UTF-16 but does not go on so. Was it copied whole?") from None
    if b"\x00" in raw[:4096] or raw.startswith((b"%PDF", b"PK\x03\x04", b"\x89PNG", b"{\\rtf")):
        raise ExportError(f"{name} is not a table of text. Deliver CSV, TSV, XLSX, Parquet or JSON Lines.")
    try:
        return raw.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace"), (
            f"{name} is not UTF-8 and was read as Windows-1252 (Latin-1): check accented letters in labels.",
        )


def _with_one_line_end(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _separator(text: str) -> str:
    first = text.lstrip("\r\n").split("\n", 1)[0]
    return max(",;\t|", key=lambda mark: (first.count(mark), mark == ","))


def _header(text: str, separator: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader(io.StringIO(text), delimiter=separator), [])]


def _delimited(path: Path) -> TextTable:
    text, notes = _decode(path.read_bytes(), path.name)
    text = _with_one_line_end(text)
    separator = _separator(text)
    names = _header(text, separator)
    if len(names) < 2 or any(not name for name in names):
        raise ExportError(
            f"{path.name} does not begin with a header line of column names. Expected one line with the names, "
            "separated by commas, semicolons or tabs."
        )
    _keep_row_numbers_apart(names, path.name)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ExportError(f"{path.name} has several columns called {', '.join(twice)}. Rename or remove all but one.")
    if separator == ";":
        notes = (*notes, f"{path.name} uses semicolons; a comma inside a number is read as the decimal point.")
    frame, malformed = (_quoted if '"' in text else _plain)(text, names, separator)
    frame = frame.with_columns(
        pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name).str.strip_chars()).alias(name) for name in names
    )
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
    """Cells may hold separators and line ends. Where a quotation mark is missing, one line is broken, not all that follow:
    reading goes on with the line after it."""
    lines = text.split("\n")
    rows: list[list[str]] = []
    numbers: list[int] = []
    bad: list[tuple[int, str]] = []
    number = 1 + _record(lines, 0, separator)[1]
    while number <= len(lines):
        cells, height = _record(lines, number - 1, separator)
        if cells is None or (height > 1 and len(cells) != len(names)):
            bad.append((number, lines[number - 1]))
            number += 1
            continue
        if any(cell.strip() for cell in cells):
            if len(cells) == len(names):
                rows.append(cells)
                numbers.append(number)
            else:
                bad.append((number, separator.join(cells)))
        number += height
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    broken = pl.DataFrame(bad, schema={"source_row": pl.Int64, "line": pl.String}, orient="row")
    return frame.with_columns(pl.Series("source_row", numbers, dtype=pl.Int64)), _malformed(broken)


def _record(lines: list[str], start: int, separator: str) -> tuple[list[str] | None, int]:
    """The cells of the record that begins at a line, None where it is none, and how many lines it takes."""
    reader = csv.reader((lines[i] + "\n" for i in range(start, len(lines))), delimiter=separator, strict=True)
    try:
        cells = next(reader, [])
    except csv.Error:
        return None, 1
    return cells, max(reader.line_num, 1)


def _malformed(lines: pl.DataFrame) -> pl.DataFrame:
    """The text of a broken line is not kept: which cell is which cannot be known, so it may hold anything."""
    return lines.select(
        "source_row",
        pl.lit("wrong_field_count").alias("rule"),
        pl.lit("").alias("column"),
        pl.format("a line of {} characters", pl.col("line").str.len_chars()).alias("value"),
    )
