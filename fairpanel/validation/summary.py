"""What is told about a batch as a whole: the figures that its expectations judge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import polars as pl

BINS = 10


def of_batch(
    table: str,
    accepted: pl.DataFrame,
    rows_read: int,
    quarantined: int,
    earlier: Sequence[Mapping[str, Any]],
    known_raters: pl.Series,
    known_people: pl.Series,
) -> dict[str, Any]:
    """Figures of one table of a batch; None where there is nothing to compare with.

    earlier holds the summaries of earlier batches of the same table; known_raters and known_people the pseudonyms in
    earlier scores and in the demographics.
    """
    sizes = [float(summary["rows"]) for summary in earlier if summary.get("rows")]
    figures: dict[str, Any] = {
        "rows": accepted.height,
        "rows_against_earlier": accepted.height / median(sizes) if sizes else None,
        "share_refused": quarantined / rows_read if rows_read else 0.0,
    }
    if table != "scores" or accepted.is_empty():
        return figures
    unanswered = accepted["score"].null_count() / accepted.height
    histogram = _histogram(accepted)
    before = [summary for summary in earlier if summary.get("histogram")]
    pooled = [sum(summary["histogram"][i] for summary in before) for i in range(BINS)]
    share_before = [float(summary["share_unanswered"]) for summary in before]
    raters = accepted["interviewer_id"].unique()
    people = accepted["candidate_id"].unique()
    return figures | {
        "share_unanswered": unanswered,
        "unanswered_against_earlier": unanswered - median(share_before) if share_before else None,
        "histogram": histogram,
        "distribution_shift": stability_index(pooled, histogram) if before else None,
        "share_at_one_value": _share_at_one_value(accepted),
        "share_known_raters": raters.is_in(known_raters.implode()).mean() if known_raters.len() else None,
        "group_coverage": people.is_in(known_people.implode()).mean() if known_people.len() else None,
    }


def _histogram(scores: pl.DataFrame) -> list[int]:
    """Counts of answered scores in ten equal parts of their own scale, low to good."""
    position = (pl.col("score") - pl.col("scale_min")) / (pl.col("scale_max") - pl.col("scale_min"))
    good = pl.when("higher_is_better").then(position).otherwise(1 - position)
    bins = scores.select((good * BINS).floor().clip(0, BINS - 1).cast(pl.Int64).alias("bin")).drop_nulls()
    counts = dict(bins["bin"].value_counts().iter_rows())
    return [counts.get(i, 0) for i in range(BINS)]


def _share_at_one_value(scores: pl.DataFrame) -> float | None:
    answered = scores.filter(pl.col("score").is_not_null())
    if answered.height < 20:
        return None
    most = answered.group_by("scale_min", "scale_max", "score").len()["len"].max()
    return float(most) / answered.height if isinstance(most, int) else None


def stability_index(before: Sequence[int], now: Sequence[int]) -> float:
    """Population stability index between two histograms, half a count added to each bin; 0 where they are the same."""
    total_before = sum(before) + 0.5 * len(before)
    total_now = sum(now) + 0.5 * len(now)
    shares = [((b + 0.5) / total_before, (n + 0.5) / total_now) for b, n in zip(before, now, strict=True)]
    return sum((n - b) * math.log(n / b) for b, n in shares)
