"""Any wide or long table, described by a TOML mapping: which column is what, which label means which number.

name = "recruiting"
empty = ["NA"]                                # cells that mean: nothing there
[[tables]]
table = "scores"                              # a canonical table
columns = { candidate_id = "#row" }           # canonical column = source column ("#row": the row's own number;
                                              #   a list of columns is joined: a seat within its panel)
constants = { stage = "user", interviewed_at = "2024-01-31" }
scale = { minimum = 1, maximum = 5, higher_is_better = true }
labels = { score = { "Strong yes" = 4 } }     # words on the way to values
date_format = "%d/%m/%Y"                      # when dates are not ISO 8601
unique = true                                 # the export repeats this table's facts on several rows
[[tables.wide]]                               # one source column that holds one value a row; the other keys are
column = "int1"                               #   canonical constants of the rows it becomes
interviewer_id = "int1"
competency = "overall"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fairpanel.adapters import tabular
from fairpanel.adapters.base import MALFORMED_SCHEMA, Delivered, Export, ExportError
from fairpanel.adapters.canonical import complete
from fairpanel.config import Config, ConfigError, ScaleConfig, explain
from schemas.columns import COLUMNS
from schemas.vocabulary import TableName

VERSION = "1"
ROW_NUMBER = "#row"
DATE_FORMAT = r"^([^%]|%[-]?[YmdyHMSfIpbBjeTDFRzZ:.%])+$"
TIME_IN_FORMAT = re.compile(r"%-?[HIMSTRp]")
LOCAL_TIME = r"^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2})(:\d{2})?(\.\d{1,9})?$"
VALUE = {
    "scores": "score",
    "decisions": "decision",
    "performance": "rating",
    "demographics": "category",
    "preparation": "provided",
    "interviewer_groups": "category",
}


class WideColumn(BaseModel):
    """One source column of values; every other key is a canonical constant of its rows."""

    model_config = ConfigDict(frozen=True, extra="allow")
    column: str

    @property
    def constants(self) -> dict[str, str]:
        return {name: _text(value) for name, value in (self.model_extra or {}).items()}


class TableMapping(BaseModel):
    """How one canonical table is found in the source."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    table: TableName
    columns: dict[str, str | list[str]] = {}
    constants: dict[str, Any] = {}
    scale: ScaleConfig | None = None
    labels: dict[str, dict[str, Any]] = {}
    date_format: str | None = Field(None, pattern=DATE_FORMAT)
    unique: bool = False
    wide: list[WideColumn] = []

    @model_validator(mode="after")
    def _known_columns(self) -> TableMapping:
        known = COLUMNS[self.table]
        named = {*self.columns, *self.constants, *self.labels, *(name for wide in self.wide for name in wide.constants)}
        if unknown := sorted(named - set(known)):
            raise ValueError(f"{', '.join(unknown)} is no column of {self.table}; its columns are {', '.join(known)}")
        given = {*self.columns, *self.constants, *([VALUE[self.table]] if self.wide else [])}
        for name, column in known.items():
            everywhere = bool(self.wide) and all(name in wide.constants for wide in self.wide)
            if column.required and name not in given and not everywhere:
                raise ValueError(f"{self.table} needs {name}: name its source column or give a constant")
        return self


class Mapping(BaseModel):
    """A mapping file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=r"^[a-z0-9_-]{1,40}$")
    empty: list[str] = []
    timezone: str = "UTC"
    tables: list[TableMapping] = Field(min_length=1)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise ValueError("expected a time zone such as UTC or Europe/Berlin") from None
        return name


def load(path: Path) -> Mapping:
    """A mapping from a TOML file. Raises ConfigError naming the file, the key and what was expected."""
    try:
        return Mapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError as error:
        raise ConfigError(f"there is no mapping file {path}") from error
    except OSError as error:
        raise ConfigError(f"the mapping file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise ConfigError("; ".join(explain(path.name, problem, Mapping) for problem in error.errors())) from error


def find(files: Sequence[Path]) -> list[Export]:
    """Every table among the files: a mapping is applied to what it is given for."""
    return [Export(path.name, (path,)) for path in files if path.suffix.lower() in tabular.SUFFIXES]


def read(export: Export, config: Config, mapping: Mapping) -> list[Delivered]:
    """The canonical tables that a mapping finds in a file. Raises ExportError where a named column is missing."""
    path = export.paths[0]
    source = tabular.read(path)
    wanted = {name for table in mapping.tables for name in _source_columns(table)}
    if missing := sorted(wanted - set(source.columns)):
        raise ExportError(
            f"{path.name} has no column {', '.join(missing)}, which the mapping {mapping.name} names. Columns found: "
            f"{source.columns_told}."
        )
    empty = pl.Series(mapping.empty, dtype=pl.String)
    frame = source.frame.with_columns(
        pl.when(~pl.col(name).is_in(empty.implode())).then(pl.col(name)).alias(name) for name in source.columns
    )
    delivered: list[Delivered] = []
    for number, table in enumerate(mapping.tables):
        # A line that could not be read is one refused row, of the first table only.
        malformed = source.malformed if number == 0 else source.malformed.clear()
        delivered.append(_apply(table, mapping, frame, malformed, source.notes if number == 0 else (), config))
    return delivered


def _source_columns(table: TableMapping) -> set[str]:
    named = [name for value in table.columns.values() for name in ([value] if isinstance(value, str) else value)]
    return {name for name in [*named, *(wide.column for wide in table.wide)] if name != ROW_NUMBER}


def _apply(
    table: TableMapping,
    mapping: Mapping,
    source: pl.DataFrame,
    malformed: pl.DataFrame,
    notes: Sequence[str],
    config: Config,
) -> Delivered:
    base = [pl.col("source_row"), *(_column(value).alias(name) for name, value in table.columns.items())]
    fixed = {name: _text(value) for name, value in table.constants.items()}
    if table.scale is not None:
        fixed |= {"scale_min": str(table.scale.minimum), "scale_max": str(table.scale.maximum)}
        if "higher_is_better" in COLUMNS[table.table]:
            fixed["higher_is_better"] = _text(table.scale.higher_is_better)
    if table.wide:
        frame = pl.concat(
            [
                source.select(
                    *base,
                    pl.col(wide.column).alias(VALUE[table.table]),
                    *_literals(fixed | _labelled(table.table, wide)),
                )
                for wide in table.wide
            ],
            how="diagonal",
        )
    else:
        frame = source.select(*base, *_literals(fixed))
    if table.table == "scores" and "score_raw" not in frame.columns:
        frame = frame.with_columns(pl.col("score").alias("score_raw"))
    frame, unknown = _translate(frame, table)
    frame = _moments(frame, table, mapping.timezone)
    if table.unique:
        frame = frame.unique(
            [name for name in frame.columns if name != "source_row"], keep="first", maintain_order=True
        )
    if table.table in ("demographics", "performance", "decisions"):
        # In a table that lists everybody, an empty cell is the absence of the fact, not an unanswered question.
        frame = frame.filter(pl.col(VALUE[table.table]).is_not_null())
    return complete(table.table, frame, config, malformed=pl.concat([malformed, unknown]), notes=notes)


def _labelled(table: str, wide: WideColumn) -> dict[str, str]:
    """A wide score column keeps its own name as the export's word for the competency."""
    return ({"competency_label": wide.column} if table == "scores" else {}) | wide.constants


def _column(value: str | list[str]) -> pl.Expr:
    if value == ROW_NUMBER:
        return pl.format("row {}", "source_row")
    return pl.col(value) if isinstance(value, str) else pl.concat_str(value, separator="/")


def _literals(values: dict[str, str]) -> list[pl.Expr]:
    return [pl.lit(value, dtype=pl.String).alias(name) for name, value in values.items()]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _translate(frame: pl.DataFrame, table: TableMapping) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Labels to values; a word that is neither mapped nor a number where numbers are due is set aside, never guessed."""
    refused = [pl.DataFrame(schema=MALFORMED_SCHEMA)]
    for name, labels in table.labels.items():
        if name not in frame.columns:
            continue
        words = {str(label): _text(value) or None for label, value in labels.items()}
        numeric = COLUMNS[table.table][name].kind == "number"
        plain = pl.col(name).str.contains(r"^[+-]?\d*\.?\d+$") if numeric else pl.lit(value=False)
        unknown = pl.col(name).is_not_null() & ~pl.col(name).is_in(list(words)) & ~plain
        refused.append(
            frame.filter(unknown).select(
                "source_row",
                pl.lit("unknown_label").alias("rule"),
                pl.lit(name).alias("column"),
                pl.col(name).str.slice(0, 80).alias("value"),
            )
        )
        frame = frame.filter(~unknown).with_columns(pl.col(name).replace(words))
    return frame, pl.concat(refused)


def _moments(frame: pl.DataFrame, table: TableMapping, timezone: str) -> pl.DataFrame:
    """Dates in the stated format and zone, as ISO 8601 in UTC; what does not fit stays as it is and is refused later.

    A zone is for times: a date without one stays the same date everywhere. A time that a zone left out when its clocks
    went forward is marked, so that it is refused and not read as UTC.
    """
    names = [name for name, column in COLUMNS[table.table].items() if column.kind == "moment" and name in frame.columns]
    if table.date_format is None and timezone == "UTC":
        return frame
    for name in (name for name in names if name not in table.constants):
        text = pl.col(name)
        if table.date_format is not None:
            local = text.str.to_datetime(table.date_format, strict=False, time_unit="us", ambiguous="earliest")
            zone = timezone if TIME_IN_FORMAT.search(table.date_format) else "UTC"
        else:
            whole = pl.format("{}T{}{}{}", *(_part(text, number) for number in (1, 2, 3, 4)))
            local = whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False, time_unit="us")
            zone = timezone
        if frame.select(local.alias("moment"))["moment"].dtype.time_zone is None:  # type: ignore[attr-defined]
            zoned = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        else:  # the format holds an offset
            zoned = local
        utc = zoned.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        skipped = pl.when(local.is_not_null()).then(pl.format("{} does not exist in {}", text, pl.lit(zone)))
        frame = frame.with_columns(pl.coalesce(utc, skipped, text).alias(name))
    return frame


def _part(text: pl.Expr, number: int) -> pl.Expr:
    found = text.str.strip_chars().str.extract(LOCAL_TIME, number)
    return found if number < 3 else found.fill_null(":00" if number == 3 else "")
