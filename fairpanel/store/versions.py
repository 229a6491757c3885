"""Which rows of a batch are new, which are versions of something known: the newest version counts, the older is kept
in the table's history, and what cannot be ordered is refused, not guessed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from fairpanel.store.tables import content


@dataclass(frozen=True, slots=True)
class Settled:
    """fresh: rows to write. replacing: whether some of them stand for rows already stored. kept: how many of the
    batch's rows count as accepted. excluded: the others by rule. conflicting: rows that contradict one another."""

    fresh: pl.DataFrame
    replacing: bool
    kept: int
    excluded: dict[str, int]
    conflicting: pl.DataFrame


def settle(
    table: str, rows: pl.DataFrame, stored: pl.DataFrame, batch_id: str, recorded: Iterable[str] | None = None
) -> Settled:
    """Order the versions among a batch's rows and against the stored ones (both with record_key).

    Stored rows of a batch that is not among the recorded ones were left by an interrupted run: where this batch states
    the same, it takes them over.
    """
    unique, excluded, conflicting = _within(table, rows)
    stamps = [name for name in ("updated_at", "submitted_at") if name in rows.columns]
    origin = ["source_system", "batch_id", "source_file", "source_row"]
    names = [*content(table), *stamps, *origin]
    known = stored.select("record_key", *(pl.col(name).alias(f"stored_{name}") for name in names))
    joined = unique.join(known, on="record_key", how="left", maintain_order="left")
    is_known = pl.col("stored_batch_id").is_not_null()
    same = is_known & pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"stored_{name}")) for name in content(table))
    orphans = pl.lit(value=False)
    if recorded is not None:
        orphans = ~pl.col("stored_batch_id").is_in(pl.Series([*recorded], dtype=pl.String).implode())
    own = same & (pl.col("stored_batch_id") == batch_id)
    newer, older = _stamp(stamps), _stamp([f"stored_{name}" for name in stamps])
    outdated = is_known & ~same & (newer < older).fill_null(value=False)
    deleted = pl.col("is_deleted") if "is_deleted" in rows.columns else pl.lit(value=False)
    verdict = (
        pl.when(own & ~deleted)
        .then(pl.lit("own"))
        .when(
            deleted & ~same & ~outdated
        )  # stored also where the row is not known yet: an older version may still come
        .then(pl.lit("withdrawn"))
        .when(deleted)
        .then(pl.lit("deleted"))
        .when(same & orphans)
        .then(pl.lit("fresh"))
        .when(same & (newer > older).fill_null(value=False))
        .then(pl.lit("confirmed"))
        .when(same)
        .then(pl.lit("duplicate"))
        .when(outdated)
        .then(pl.lit("older_version"))
        .otherwise(pl.lit("fresh"))
    )
    judged = joined.with_columns(verdict.alias("_verdict"), is_known.alias("_known"))
    counts = dict(judged["_verdict"].value_counts().iter_rows())
    for rule, verdicts in (
        ("deleted", ("deleted", "withdrawn")),
        ("duplicate", ("duplicate", "confirmed")),
        ("older_version", ("older_version",)),
    ):
        if total := sum(counts.get(name, 0) for name in verdicts):
            excluded[rule] = excluded.get(rule, 0) + total
    fresh = judged.filter(pl.col("_verdict").is_in(["fresh", "withdrawn", "confirmed"]))
    # What is only confirmed gets the newer time, and stays the row of the file that it came from.
    confirmed = pl.col("_verdict") == "confirmed"
    fresh = fresh.with_columns(
        pl.when(confirmed).then(f"stored_{name}").otherwise(name).alias(name) for name in origin if name in rows.columns
    )
    return Settled(
        fresh=fresh.select(rows.columns),
        replacing=bool(fresh["_known"].any()),
        kept=counts.get("fresh", 0) + counts.get("own", 0),
        excluded=excluded,
        conflicting=conflicting,
    )


def _stamp(names: list[str]) -> pl.Expr:
    return pl.coalesce(names) if names else pl.lit(None, dtype=pl.Datetime("us", "UTC"))


def _within(table: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int], pl.DataFrame]:
    """One version of each fact; what was left out by rule; rows that contradict one another with nothing to order them."""
    if rows["record_key"].n_unique() == rows.height:
        return rows, {}, rows.clear()
    distinct = rows.unique(["record_key", *content(table)], keep="first", maintain_order=True)
    excluded = {"duplicate": rows.height - distinct.height} if distinct.height < rows.height else {}
    stamps = [name for name in ("updated_at", "submitted_at") if name in rows.columns]
    stamped = distinct.with_columns(_stamp(stamps).alias("_stamp")).with_columns(
        pl.col("_stamp").max().over("record_key").alias("_newest"), pl.len().over("record_key").alias("_versions")
    )
    newest = (pl.col("_versions") == 1) | (pl.col("_stamp") == pl.col("_newest")).fill_null(pl.col("_newest").is_null())
    latest = stamped.filter(newest).with_columns(pl.len().over("record_key").alias("_versions"))
    if older := stamped.height - latest.height:
        excluded["older_version"] = older
    single = latest.filter(pl.col("_versions") == 1).select(rows.columns)
    return single, excluded, latest.filter(pl.col("_versions") > 1).select(rows.columns)
