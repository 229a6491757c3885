"""A PostgreSQL database as a source: queries whose columns are those of the canonical layout, described in a TOML file.

[postgresql]
url_from = "HR_DATABASE_URL"       # the environment variable that holds postgresql://user:password@host:port/database
# url_block = "hr-database"        # or the Prefect Secret block that does
[tables.scores]
query = "SELECT candidate, rater AS interviewer_id, ... FROM interview_scores"

All queries of a file are read in one read-only transaction, so that they tell of the same moment. Each becomes a Parquet
file of text cells with its rows in a fixed order: the same rows make the same file, which is taken in once.
"""

from __future__ import annotations

import asyncio
import difflib
import re
import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fairpanel.adapters.base import ExportError
from fairpanel.config import ConfigError, explain
from schemas.columns import COLUMNS
from schemas.vocabulary import TableName

PATIENCE = 20.0
"""Seconds that a server may take to answer."""
AT_ONCE = 20_000
"""Rows that are in memory at a time."""
COMMENT = re.compile(r"\s+|--[^\n]*(\n|$)|/\*.*?\*/", re.DOTALL)
PLAIN = (str, int, float, bool, Decimal, UUID, date)
NOT_PLAIN = ("json", "jsonb", "bytea", "interval", "xml", "time", "timetz")
DATA_EXCEPTION = "22"
"""Class of the SQLSTATE whose messages quote values."""


class UnavailableError(ExportError, OSError):
    """The database does not answer; it may later."""


class Connection(BaseModel):
    """Where the address of the database stands: never in the file itself, for it holds a password."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    url_from: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    url_block: str | None = Field(None, pattern=r"^[a-z0-9-]+$")

    @model_validator(mode="after")
    def _one(self) -> Connection:
        if (self.url_from is None) == (self.url_block is None):
            raise ValueError("name either url_from (an environment variable) or url_block (a Prefect Secret block)")
        return self


class Query(BaseModel):
    """What is read as one canonical table."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    query: str

    @field_validator("query")
    @classmethod
    def _reads(cls, text: str) -> str:
        rest = text
        while match := COMMENT.match(rest):
            rest = rest[match.end() :]
        if not re.match(r"(select|with|values|table)\b", rest, re.IGNORECASE):
            raise ValueError("expected a query that reads: it begins with SELECT or WITH")
        return text.strip().rstrip(";")


class Source(BaseModel):
    """A source file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    postgresql: Connection
    tables: dict[TableName, Query] = Field(min_length=1)


def is_source(path: Path) -> bool:
    """Whether this is a source file: a TOML file with a [postgresql] table."""
    if path.suffix.lower() != ".toml" or not path.is_file():
        return False
    try:
        return "postgresql" in tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return False


def load(path: Path) -> Source:
    """A source from a TOML file. Raises ConfigError naming the file and the key; what may be an address is not repeated."""
    try:
        return Source.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise ConfigError(f"the source file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise ConfigError("; ".join(_explained(path.name, problem) for problem in error.errors())) from None


def _explained(name: str, problem: Any) -> str:
    if problem["loc"][:1] != ("postgresql",):
        return explain(name, problem, Source)
    where = ".".join(str(part) for part in problem["loc"])
    hint = (
        f"{name}: {where}: expected the name of an environment variable (url_from) or of a Prefect Secret block (url_block), "
        "never the address itself, which holds a password"
    )
    return f"{name}: {where}: {problem['msg']}" if problem["type"] == "value_error" else hint


def extract(source: Source, url: str, folder: Path, name: str) -> list[Path]:
    """Read every query into a Parquet file NAME.TABLE.parquet of a folder.

    Raises UnavailableError where the database does not answer, ExportError where it refuses or a query does not give
    the columns of its table. Neither repeats the address or its password.
    """
    place = _place(url, name)
    return asyncio.run(_extract(source, url, folder, name, place))


def _place(url: str, name: str) -> str:
    """The server and database of an address, for sentences."""
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
        raise ExportError(
            f"{name}: the address of the database is not of the form postgresql://user:password@host:port/database. In a "
            "password, write @ : / # ? as %40 %3A %2F %23 %3F."
        )
    return f"{parts.hostname}:{port}{parts.path}"


async def _extract(source: Source, url: str, folder: Path, name: str, place: str) -> list[Path]:
    import asyncpg

    try:
        connection = await asyncpg.connect(url, timeout=PATIENCE, server_settings={"application_name": "fairpanel"})
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise ExportError(f"{name}: the database {place} refused the user or the password.") from error
    except asyncpg.InvalidCatalogNameError as error:
        raise ExportError(f"{name}: there is no such database on the server: {place}.") from error
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        why = "not within 20 s" if isinstance(error, TimeoutError) else type(error).__name__
        raise UnavailableError(
            f"{name}: the database {place} does not answer ({why}). Check the host, the port and the network, and try again."
        ) from None
    try:
        written = []
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for table, query in source.tables.items():
                target = folder / f"{name}.{table}.parquet"
                await _read(connection, table, query.query, target, f"{name}: tables.{table}")
                written.append(target)
        return written
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
        if isinstance(error, ExportError):
            raise
        raise UnavailableError(
            f"{name}: the connection to {place} was lost while it was read ({type(error).__name__}). Try again."
        ) from None
    finally:
        await connection.close(timeout=PATIENCE)


async def _read(connection: Any, table: TableName, query: str, target: Path, where: str) -> None:
    import asyncpg

    chunks: list[Path] = []
    try:
        prepared = await connection.prepare(query)
        attributes = prepared.get_attributes()
        names = _columns(table, [(a.name, a.type.name, a.type.kind) for a in attributes], where)
        rows: list[Sequence[Any]] = []
        async for record in prepared.cursor(prefetch=AT_ONCE):
            rows.append(record)
            if len(rows) == AT_ONCE:
                chunks.append(_written(rows, names, target, len(chunks)))
                rows = []
        chunks.append(_written(rows, names, target, len(chunks)))
    except asyncpg.PostgresConnectionError:
        raise
    except asyncpg.PostgresError as error:
        raise ExportError(f"{where}: {_refusal(error)}") from None
    whole = pl.scan_parquet(chunks).sort(names, nulls_last=True).collect()
    whole.write_parquet(target)
    for chunk in chunks:
        chunk.unlink()


def _refusal(error: Any) -> str:
    """What the server said, without what stands in a cell."""
    state = str(error.sqlstate or "")
    if state == "25006":
        return "the query writes. Only what reads is taken: SELECT … or WITH … SELECT …"
    if state.startswith(DATA_EXCEPTION):
        return f"the query fails on the data ({type(error).__name__}, SQLSTATE {state}). Run it in psql to see where."
    return f"the database refuses the query: {str(error).splitlines()[0][:200]} (SQLSTATE {state})."


def _columns(table: TableName, found: Sequence[tuple[str, str, str]], where: str) -> list[str]:
    """The names of a query's columns. Raises ExportError where they are not those of the table, or not plain values."""
    known, names = COLUMNS[table], [name for name, _, _ in found]
    if not names:
        raise ExportError(f"{where}: the query gives no columns. Only what reads is taken: SELECT … or WITH … SELECT …")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ExportError(f"{where}: several columns are called {', '.join(twice)}. Keep one of them.")
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Call it {close[0]} (AS {close[0]}), or leave" if close else "Leave"
            raise ExportError(
                f"{where}: the column {name[:60]} is none of the {table} table. {hint} it out of the query."
            )
    if missing := [name for name, column in known.items() if column.required and name not in names]:
        raise ExportError(f"{where}: the query has no column {', '.join(missing)}, which the {table} table needs.")
    for name, kind, sort in found:
        if sort in ("array", "composite", "range", "multirange") or kind in NOT_PLAIN:
            raise ExportError(f"{where}: the column {name} is of type {kind}. Cast it in the query: {name}::text.")
    return names


def _written(rows: Sequence[Sequence[Any]], names: Sequence[str], target: Path, number: int) -> Path:
    path = target.with_name(f".{target.name}.{number}")
    columns = {name: [_text(row[place]) for row in rows] for place, name in enumerate(names)}
    pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String)).write_parquet(path)
    return path


def _text(value: Any) -> str | None:
    """A value as the cell of an export: numbers without trailing zeros, moments in UTC, nothing for an empty text."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) and value.is_finite():
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, datetime):
        return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat(
            timespec="microseconds"
        )
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, PLAIN):
        raise ExportError(
            f"a value of type {type(value).__name__} is no cell of an export: cast it to text in the query."
        )
    return str(value).strip() or None
