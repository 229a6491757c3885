"""Splits a delivered table into accepted and refused rows: nothing is dropped, filled or clipped on the way.

Text cells are cast first (a cell that cannot be cast is a failure with rule, column and value), then the row contract of
the table (pandera) is checked. Rows in = accepted + refused, asserted here.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from pandera.errors import SchemaErrors

from schemas.columns import COLUMNS
from schemas.decisions import Decisions
from schemas.demographics import Demographics
from schemas.interviewer_groups import InterviewerGroups
from schemas.performance import Performance
from schemas.preparation import Preparation
from schemas.rules import rule_of_check
from schemas.scores import Scores

CONTRACTS = {
    "scores": Scores,
    "decisions": Decisions,
    "performance": Performance,
    "demographics": Demographics,
    "preparation": Preparation,
    "interviewer_groups": InterviewerGroups,
}
FAILURE_SCHEMA = {"row": pl.UInt32, "rule": pl.String, "column": pl.String, "value": pl.String}
COLUMN_OF_RULE = {
    "score_outside_scale": "score",
    "rating_outside_scale": "rating",
    "scale_upside_down": "scale_min",
}
LONGEST_VALUE = 80
TRUE_WORDS = ("true", "yes", "y", "1", "t")
FALSE_WORDS = ("false", "no", "n", "0", "f")


@dataclass(frozen=True, slots=True)
class Split:
    """accepted: typed rows. failures: one row per failed rule (row is the position in the delivered frame)."""

    accepted: pl.DataFrame
    failures: pl.DataFrame

    @property
    def refused_rows(self) -> int:
        return self.failures["row"].n_unique()

    def reasons(self) -> dict[str, int]:
        """Refused rows by the first rule they failed."""
        first = self.failures.unique("row", keep="first", maintain_order=True)
        return dict(first["rule"].value_counts(sort=True).iter_rows())


def split(table: str, delivered: pl.DataFrame) -> Split:
    """Cast and check the rows of one canonical table.

    delivered holds the table's columns as text (missing ones are added empty and given their default), other columns
    pass untouched.
    """
    complete = _with_all_columns(table, delivered)
    typed, cast_failures = _cast(table, complete)
    failures = pl.concat([cast_failures, _contract_failures(table, typed)])
    # A cell that could not be cast is empty afterwards: the contract's complaint about that emptiness is an echo.
    failures = failures.unique(["row", "column"], keep="first", maintain_order=True).sort("row", maintain_order=True)
    refused = failures["row"].unique()
    rows = typed.with_row_index("row")
    accepted = rows.join(refused.to_frame(), on="row", how="anti", maintain_order="left").drop("row")
    if accepted.height + refused.len() != delivered.height:
        raise RuntimeError(
            f"{delivered.height} rows in, {accepted.height} accepted and {refused.len()} refused: rows were lost"
        )
    return Split(accepted, failures)


def _with_all_columns(table: str, delivered: pl.DataFrame) -> pl.DataFrame:
    columns = COLUMNS[table]
    missing = [pl.lit(None, dtype=pl.String).alias(name) for name in columns if name not in delivered.columns]
    defaults = [
        pl.col(name).fill_null(column.default) for name, column in columns.items() if column.default is not None
    ]
    return delivered.with_columns(missing).with_columns(defaults)


def _cast(table: str, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    rules = {"number": "not_a_number", "moment": "not_a_moment", "boolean": "not_a_boolean"}
    casts = {"number": _number, "moment": _moment, "boolean": _boolean}
    typed = frame
    failures = [pl.DataFrame(schema=FAILURE_SCHEMA)]
    for name, column in COLUMNS[table].items():
        if column.kind == "text" or frame[name].dtype != pl.String:
            continue
        typed = typed.with_columns(casts[column.kind](pl.col(name)).alias(name))
        if typed[name].null_count() == frame[name].null_count():
            continue
        failed = pl.select(pl.lit(frame[name].is_not_null() & typed[name].is_null()).arg_true().alias("row"))
        failures.append(
            failed.select(
                pl.col("row").cast(pl.UInt32),
                pl.lit(rules[column.kind]).alias("rule"),
                pl.lit(name).alias("column"),
                frame[name].gather(failed["row"]).str.slice(0, LONGEST_VALUE).alias("value"),
            )
        )
    return typed, pl.concat(failures)


def _number(text: pl.Expr) -> pl.Expr:
    number = text.str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _boolean(text: pl.Expr) -> pl.Expr:
    word = text.str.strip_chars().str.to_lowercase()
    return pl.when(word.is_in(TRUE_WORDS)).then(True).when(word.is_in(FALSE_WORDS)).then(False)


def _moment(text: pl.Expr) -> pl.Expr:
    """ISO 8601 dates and times; without an offset they are taken as UTC (a mapping may name a time zone instead)."""
    clean = text.str.strip_chars().str.replace(" ", "T", literal=True).str.replace(r"(Z|[+-]00:?00)$", "")
    shaped = clean.str.contains(r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([+-]\d{2}:?\d{2})?)?$")
    date = clean.str.to_datetime("%Y-%m-%d", strict=False, time_unit="us", time_zone="UTC")
    minutes = clean.str.to_datetime("%Y-%m-%dT%H:%M", strict=False, time_unit="us", time_zone="UTC")
    seconds = clean.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False, time_unit="us", time_zone="UTC")
    offset = clean.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", strict=False, time_unit="us", time_zone="UTC")
    return pl.when(shaped).then(pl.coalesce(date, minutes, seconds, offset))


def _contract_failures(table: str, typed: pl.DataFrame) -> pl.DataFrame:
    try:
        CONTRACTS[table].validate(typed, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        return pl.DataFrame(schema=FAILURE_SCHEMA)
    if cases["index"].null_count():
        broken = cases.filter(pl.col("index").is_null())
        raise RuntimeError(f"the {table} contract failed as a whole: {broken.to_dicts()}")
    rules = {check: rule_of_check(check) for check in cases["check"].unique()}
    named = cases.select(
        pl.col("index").cast(pl.UInt32).alias("row"),
        pl.col("check").replace_strict(rules, return_dtype=pl.String).alias("rule"),
        pl.col("column"),
    ).with_columns(pl.col("rule").replace_strict(COLUMN_OF_RULE, default=pl.col("column")).alias("column"))
    values = [
        part.with_columns(typed[column].gather(part["row"]).cast(pl.String).str.slice(0, LONGEST_VALUE).alias("value"))
        for (column,), part in named.group_by(["column"], maintain_order=True)
    ]
    return pl.concat(values).select(*FAILURE_SCHEMA)
