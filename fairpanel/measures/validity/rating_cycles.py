"""How far a person's performance rating of one cycle goes with that of the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.special import stdtrit

from fairpanel.measures.columns import (
    Floats,
    Integers,
    check_choice,
    check_confidence,
    column,
    labels,
    missing_rows,
    numbers,
)
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.resampling import bootstrap_interval
from fairpanel.measures.validity.clustered_correlation import (
    centred_and_scaled,
    clustered_correlation,
    correlations,
    person_sums,
    resampled_sums,
)
from fairpanel.measures.validity.criterion import IntervalKind

_REFERENCES = (
    "Sturman, M. C., Cheramie, R. A., & Cashen, L. H. (2005). Journal of Applied Psychology, 90, 269-283",
    "Fisher, R. A. (1921). Metron, 1, 3-32",
)
_TITLE = "correlation of ratings one cycle apart"
_FEWEST = 5


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Ratings of one person some cycles apart; level: both centred at the mean of their pair of cycles."""

    earlier: Floats
    later: Floats
    level: tuple[Floats, Floats]
    people: Integers


def rating_stability(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    y: str = "y",
    cycle: str = "cycle",
    max_lag: int = 4,
    interval: IntervalKind = "analytic",
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 1,
) -> Estimate:
    """How well a person's rating of one cycle foretells that of the next: an upper bound to what any score can foretell.

    Parameters
    ----------
    data : one row a rating; several of a person in one cycle are averaged; rows with a missing value are left out and
        counted.
    unit : the person rated. y : the rating, a number. cycle : when, a date or a number; cycles in the order found in
        the data are one apart.
    max_lag : how many cycles apart are looked at, 1 to 20.
    interval : of the value: "analytic" (Fisher z, jackknife by person), "bootstrap" (percentile, people drawn with
        replacement) or "none".

    Returns
    -------
    Estimate
        value: r of ratings one cycle apart, each centred at the mean of its pair of cycles, pairs of all cycles
        together; None with under five people. n: people, pairs, cycles, ratings. detail: by_lag (lag, pairs, people,
        r, low, high), pooled_r (without centring), change (mean of later minus earlier one cycle apart, se, low, high:
        drift of the level), averaged (ratings that share person and cycle with another).

    Cautions
    --------
    Stability holds what stays in the person and what stays in the rater's eye: the same manager twice looks more
    stable. People who leave after a low rating have no next one (the range is restricted).

    Notes
    -----
    Fisher's z without each person in turn gives the jackknife variance; t has people - 1 degrees of freedom.

    References
    ----------
    .. [1] Sturman, Cheramie & Cashen 2005. .. [2] Fisher 1921.

    No oracle: two cycles equal `pearson`; coverage by simulation.

    Examples
    --------
    >>> ratings = pl.DataFrame({
    ...     "unit": list("abcde") * 2, "cycle": [2023] * 5 + [2024] * 5, "y": [1, 2, 3, 4, 5, 2, 1, 4, 3, 5]})
    >>> round(rating_stability(ratings).value, 6)
    0.8
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "bootstrap", "none"))
    if isinstance(max_lag, bool) or not isinstance(max_lag, int) or not 1 <= max_lag <= 20:
        raise MeasureInputError(f"max_lag is a whole number from 1 to 20, got {max_lag!r}")
    ratings, who, when = numbers(data, y, "y"), labels(data, unit, "unit"), _order(data, cycle)
    present = ~np.isnan(ratings) & who.present & ~np.isnan(when)
    cautions = missing_rows(present, f"{unit}, {y} or {cycle}")
    people = np.unique(who.codes[present], return_inverse=True)[1]
    cycles = np.unique(when[present], return_inverse=True)[1]
    people_count, cycle_count = int(people.max(initial=-1)) + 1, int(cycles.max(initial=-1)) + 1
    cells, means = _means(people * (cycle_count + max_lag) + cycles, centred_and_scaled(ratings[present]))
    pairs = {lag: _apart(cells, means, lag, cycle_count + max_lag) for lag in range(1, max_lag + 1)}
    sums = {
        lag: person_sums(*each.level, np.ones(each.people.size, dtype=bool), each.people, people_count)
        for lag, each in pairs.items()
    }
    n = {
        "people": int(np.count_nonzero(sums[1][:, 0])), "pairs": pairs[1].people.size, "cycles": cycle_count,
        "ratings": int(present.sum()),
    }  # fmt: skip
    found = {lag: clustered_correlation(each, _FEWEST) for lag, each in sums.items()}
    rows = []
    for lag, each in found.items():
        limits = None if each is None else each.interval(confidence)
        if pairs[lag].people.size:
            rows.append({
                "lag": lag, "pairs": pairs[lag].people.size, "people": int(np.count_nonzero(sums[lag][:, 0])),
                "r": None if each is None else each.r,
                "low": None if limits is None else limits.low, "high": None if limits is None else limits.high,
            })  # fmt: skip
    unscaled = float(np.abs(ratings[present] - np.sort(ratings[present]).mean()).max()) if present.any() else 1.0
    detail: dict[str, Any] = {
        "by_lag": rows, "change": _change(pairs[1], unscaled, confidence), "averaged": int(present.sum()) - cells.size
    }  # fmt: skip
    first = found[1]
    if first is None:
        return Estimate(
            measure="rating_stability", method=_TITLE, value=None, n=n,
            cautions=[*cautions, _why_none(n)], detail=detail, references=_REFERENCES,
        )  # fmt: skip
    raw = clustered_correlation(
        person_sums(pairs[1].earlier, pairs[1].later, np.ones(n["pairs"], dtype=bool), pairs[1].people, people_count), 4
    )
    detail["pooled_r"] = None if raw is None else raw.r
    if n["people"] < 30:
        cautions.append(Caution("SMALL_SAMPLE", f"{n['people']} people have ratings one cycle apart."))
    if abs(first.r) == 1:
        cautions.append(Caution("BOUNDARY", "The points lie on one line: the interval has no width."))
    made: Interval | None = None
    if interval == "analytic":
        made = first.interval(confidence)
    elif interval == "bootstrap":
        values = correlations(resampled_sums(sums[1], replicates, seed))
        made = bootstrap_interval(values[np.isfinite(values)], estimate=first.r, confidence=confidence)
    if made is None:
        why_not = "none was asked for" if interval == "none" else "too few samples determine the correlation"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    return Estimate(
        measure="rating_stability", method=_TITLE, value=first.r, interval=made, n=n, cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _order(data: pl.DataFrame, cycle: str) -> Floats:
    """Dates and times as numbers, numbers as they are; NaN where missing."""
    series = column(data, cycle, "cycle")
    if series.dtype.is_temporal():
        return series.to_physical().cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
    return numbers(data, cycle, "cycle")


def _means(cells: Integers, ratings: Floats) -> tuple[Integers, Floats]:
    """Person-and-cycle numbers in ascending order with their mean rating."""
    order = np.lexsort((ratings, cells))
    numbers_, codes = np.unique(cells[order], return_inverse=True)
    counts = np.bincount(codes, minlength=numbers_.size)
    return numbers_, np.bincount(codes, ratings[order], minlength=numbers_.size) / np.maximum(counts, 1)


def _apart(cells: Integers, means: Floats, lag: int, width: int) -> _Pairs:
    """Pairs of a person's ratings this many cycles apart; width leaves room so that no lag runs into the next person."""
    at = np.searchsorted(cells, cells + lag)
    matched = np.append(cells, -1)[at] == cells + lag
    earlier, later = means[matched], means[at[matched]]
    people, starts = np.divmod(cells[matched], width)
    level = []
    for side in (earlier, later):
        counts = np.bincount(starts)
        sums = np.bincount(starts, side)
        level.append(side - (sums / np.maximum(counts, 1))[starts] if starts.size else side)
    return _Pairs(earlier, later, (level[0], level[1]), people)


def _change(pairs: _Pairs, unscaled: float, confidence: float) -> dict[str, float | None]:
    """Mean change from one cycle to the next with its clustered error, in the ratings' own points."""
    if not pairs.people.size:
        return {"mean": None, "se": None, "low": None, "high": None}
    change = (pairs.later - pairs.earlier) * unscaled
    mean = float(change.mean())
    people, codes = np.unique(pairs.people, return_inverse=True)
    if people.size < 2:
        return {"mean": mean, "se": None, "low": None, "high": None}
    sums = np.bincount(codes, change - mean)
    error = math.sqrt(float(sums @ sums) * people.size / (people.size - 1)) / change.size
    half = float(stdtrit(people.size - 1, (1 + confidence) / 2)) * error
    return {"mean": mean, "se": error, "low": mean - half, "high": mean + half}


def _why_none(n: dict[str, int]) -> Caution:
    if n["people"] < _FEWEST:
        return Caution("SMALL_SAMPLE", f"{n['people']} people have ratings one cycle apart: at least {_FEWEST} needed.")
    return Caution("CONSTANT_INPUT", "The ratings of a cycle do not vary: there is no correlation.")
