"""Measures of a whole population from what its parts counted and summed: exact, whichever way the people were cut.

Each part is reduced to sufficient statistics, which add up; rows need not come together. `docs/sizing.md` says which
measures combine like this and which do not.

- counts: selected and not by group and stratum (`selection_counts`, `added`). The sum is a table with a row for so many
  people, which `impact_ratio`, `fisher_exact`, `mantel_haenszel` and the other tests of selection take as it is
  (`count="people"`): the same integers, the same estimate to the last digit.
- moments: number, means and sums of squares and products (`moments`, `together`), for means, deviations,
  covariances, correlations and standardized differences: the same up to rounding, 1e-12.
- coincidences of scores (`coincidences`), for Krippendorff's alpha: up to rounding, where no unit is cut in two.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from fairpanel.measures.columns import Floats
from fairpanel.measures.estimate import MeasureInputError


def selection_counts(data: pl.DataFrame, /, *, by: Sequence[str], selected: str = "selected") -> pl.DataFrame:
    """How many people of each group (and stratum, …: the columns of `by`) were selected and were not.

    A row a combination that occurs, with `people` besides the columns given; missing values are combinations, too, so
    that the measures count them as missing. Raises MeasureInputError for a column that is not there.
    """
    columns = [*by, selected]
    if absent := [name for name in columns if name not in data.columns]:
        raise MeasureInputError(f"expected the columns {', '.join(columns)}, found no {', '.join(absent)}")
    return data.group_by(columns).agg(pl.len().cast(pl.Int64).alias("people")).sort(columns)


def added(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The counts of all parts together. Raises MeasureInputError without any, or where their columns differ."""
    tables = [*parts]
    if not tables:
        raise MeasureInputError("expected the counts of at least one part, got none")
    if any(table.columns != tables[0].columns for table in tables):
        raise MeasureInputError("expected the same columns in the counts of every part")
    columns = [name for name in tables[0].columns if name != "people"]
    return pl.concat(tables).group_by(columns).agg(pl.col("people").sum()).sort(columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """n people; mean of each of k scores; products: k × k sums of products of deviations from those means."""

    n: int
    mean: Floats
    products: Floats

    def covariance(self) -> Floats | None:
        """Sample covariances (over n - 1); None of fewer than two people."""
        return self.products / (self.n - 1) if self.n > 1 else None

    def correlation(self, first: int = 0, second: int = 1) -> float | None:
        """Pearson's r of two of the scores; None where one does not vary."""
        spread = math.sqrt(self.products[first, first]) * math.sqrt(self.products[second, second])
        return float(np.clip(self.products[first, second] / spread, -1, 1)) if spread > 0 else None


def moments(values: Floats) -> Moments:
    """Of people × scores (or of one score, a vector), none missing. Raises MeasureInputError for NaN or infinity."""
    table = np.asarray(values, dtype=np.float64)
    table = table[:, np.newaxis] if table.ndim == 1 else table
    if not np.isfinite(table).all():
        raise MeasureInputError("expected finite scores; leave people with a missing one out before they are summed")
    mean = table.mean(axis=0) if len(table) else np.zeros(table.shape[1])
    apart = table - mean
    return Moments(n=len(table), mean=mean, products=apart.T @ apart)


def together(parts: Iterable[Moments]) -> Moments:
    """The moments of everybody. Raises MeasureInputError without any part.

    Notes
    -----
    Two parts a and b, delta = mean_b - mean_a: mean = mean_a + delta n_b / n, and the sums of products add up with
    delta delta' n_a n_b / n besides (Chan, Golub & LeVeque 1983, American Statistician 37, 242-247, eq. 2.1; no sum
    of squares is ever taken from another, so nothing cancels).
    """
    found = [*parts]
    if not found:
        raise MeasureInputError("expected the moments of at least one part, got none")
    return functools.reduce(_both, found)


def _both(a: Moments, b: Moments) -> Moments:
    if not a.n or not b.n:
        return a if a.n else b
    n, delta = a.n + b.n, b.mean - a.mean
    return Moments(
        n=n,
        mean=a.mean + delta * (b.n / n),
        products=a.products + b.products + np.outer(delta, delta) * (a.n * (b.n / n)),
    )


def standardized_gap(focal: Moments, reference: Moments, score: int = 0) -> float | None:
    """Cohen's d, focal minus reference over the pooled deviation, as `standardized_difference` has it; None of a group of
    one, or where no score varies."""
    if focal.n < 2 or reference.n < 2:
        return None
    pooled = (focal.products[score, score] + reference.products[score, score]) / (focal.n + reference.n - 2)
    return float((focal.mean[score] - reference.mean[score]) / math.sqrt(pooled)) if pooled > 0 else None


def coincidences(
    data: pl.DataFrame, categories: Sequence[float], /, *, unit: str = "unit", score: str = "score"
) -> Floats:
    """How often two scores of the same unit came together: categories × categories, each unit with its number of scores.

    Add the tables of parts with `sum`; every unit's scores must lie in one part. Units with one score count for nothing.
    Raises MeasureInputError for a score that is no category.
    """
    rated = data.select(unit, score).drop_nulls()
    places = {float(value): place for place, value in enumerate(categories)}
    found = rated[score].cast(pl.Float64).replace_strict(places, default=None, return_dtype=pl.Int64)
    if found.null_count():
        raise MeasureInputError(f"expected scores among {list(categories)}, got others")
    size = len(categories)
    codes = rated[unit].rank("dense").cast(pl.Int64).to_numpy() - 1
    units = int(codes.max()) + 1 if codes.size else 0
    counts = np.bincount(codes * size + found.to_numpy(), minlength=units * size).reshape(units, size).astype(float)
    counts = counts[counts.sum(axis=1) > 1]
    weighted = counts / (counts.sum(axis=1, keepdims=True) - 1)
    pairs: Floats = weighted.T @ counts - np.diag(weighted.sum(axis=0))
    return pairs


def alpha(
    table: Floats, categories: Sequence[float], level: Literal["nominal", "interval"] = "interval"
) -> float | None:
    """Krippendorff's alpha of a table of coincidences (1 - D_o / D_e); None where all scores are the same."""
    totals, values = table.sum(axis=1), np.asarray(categories, dtype=np.float64)
    apart = np.subtract.outer(values, values)
    distance = (apart != 0).astype(float) if level == "nominal" else apart**2
    n = float(totals.sum())
    expected = float(totals @ distance @ totals)
    return 1 - (n - 1) * float((table * distance).sum()) / expected if expected > 0 else None
