"""What interviewers are told about their own scores: use of the scale and surprising scores, without any candidate.

This goes into the calibration pack, an internal document, and never into report.json.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from fairpanel.config import AuditConfig
from schemas.results import Estimated

MOST_CATEGORIES = 12
"""Scales with more values are told in tenths of their range."""
MOST_MISFITS = 8


def calibration(stage: str, forms: pl.DataFrame, rasch: Estimated, config: AuditConfig) -> dict[str, Any]:
    """For the interviewers of a stage who met the minimum number of candidates.

    Parameters
    ----------
    forms : the scores the Rasch model was given: unit, rater, score, interviewed_at, and item where there are several.
    rasch : its result, with the list of unexpected scores.

    Returns
    -------
    stage, scale (value -> share of all scores) and raters: pseudonym -> units, scale (value -> share of own scores),
    misfits (rows of month, item, observed, expected, harsher: whether the score lies below the expected one).
    """
    told = forms.with_columns(_value(forms["score"]).alias("value"))
    units = told.group_by("rater").agg(pl.col("unit").n_unique().alias("units"))
    enough = units.filter(pl.col("units") >= config.minimum_candidates_per_rater).sort("rater")
    shares = told.group_by("rater", "value").agg(pl.len().alias("count")).sort("rater", "value")
    by_rater = {
        rater: {"units": count, "scale": _shares(shares.filter(pl.col("rater") == rater)), "misfits": []}
        for rater, count in enough.iter_rows()
    }
    for row in rasch.result["detail"].get("unexpected") or []:
        rows = by_rater.get(row.get("rater"))
        if rows is not None and len(rows["misfits"]) < MOST_MISFITS:
            met = forms["interviewed_at"][row["row"]]
            rows["misfits"].append(
                {
                    "month": None if met is None else f"{met:%Y-%m}",
                    "item": row.get("item"),
                    "observed": row["observed"],
                    "expected": row["expected"],
                    "harsher": row["z"] < 0,
                }
            )
    everybody = told.group_by("value").agg(pl.len().alias("count")).sort("value")
    return {"stage": stage, "scale": _shares(everybody), "raters": by_rater}


def _value(score: pl.Series) -> pl.Series:
    """The score, or on a fine scale the tenth of the range that it lies in (its lower end)."""
    if score.n_unique() <= MOST_CATEGORIES:
        return score
    low, high = float(str(score.min())), float(str(score.max()))
    width = (high - low) / 10
    return ((score - low) / width).floor().clip(0, 9) * width + low


def _shares(counted: pl.DataFrame) -> dict[str, float]:
    total = counted["count"].sum()
    return {f"{value:g}": count / total for value, count in counted.select("value", "count").iter_rows()}
