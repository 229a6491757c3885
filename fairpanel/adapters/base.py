"""What an adapter is: something that recognises an export layout and turns it into canonical columns of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl


class ExportError(Exception):
    """A file or folder that cannot be taken in at all: what is wrong, where, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Export:
    """What was delivered as one thing: a file, or the files of one folder that belong together."""

    name: str
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One canonical table as an export states it, before any check.

    frame holds canonical columns as text and source_row (the line or record of the file, counted from 1). malformed
    holds source_row, rule, column, value of rows that could not be read as rows. excluded counts rows left out by a
    rule of schemas/rules.py. notes are sentences for whoever delivered the file; they name columns and labels, never
    people.
    """

    table: str
    frame: pl.DataFrame
    malformed: pl.DataFrame = field(default_factory=lambda: no_malformed_rows())
    excluded: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def rows_read(self) -> int:
        return self.frame.height + self.malformed.height + sum(self.excluded.values())


MALFORMED_SCHEMA = {"source_row": pl.Int64, "rule": pl.String, "column": pl.String, "value": pl.String}


def no_malformed_rows() -> pl.DataFrame:
    return pl.DataFrame(schema=MALFORMED_SCHEMA)
