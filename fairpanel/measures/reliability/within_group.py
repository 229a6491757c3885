"""Agreement within each unit on the scale's own terms: rwg, rwg(J) and the average deviation."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from scipy.special import stdtrit

from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.panel import Ratings, long_ratings
from fairpanel.measures.reliability.count_table import BoolArray, FloatArray, IntArray
from fairpanel.measures.reliability.null_distributions import LEBRETON, Null, expected_variance
from fairpanel.measures.reliability.score_cards import ScoreCards, score_cards
from fairpanel.measures.resampling import bootstrap_interval, check_confidence, check_replicates, cluster_bootstrap

Form = Literal["james", "lindell"]
Kind = Literal["analytic", "bootstrap", "none"]
JAMES = "James, L. R., Demaree, R. G., & Wolf, G. (1984). Journal of Applied Psychology, 69, 85-98"
LINDELL = "Lindell, M. K., Brandt, C. J., & Whitney, D. J. (1999). Applied Psychological Measurement, 23, 127-135"
BURKE = (
    "Burke, M. J., Finkelstein, L. M., & Dusig, M. S. (1999). Organizational Research Methods, 2, 49-68",
    "Burke, M. J., & Dunlap, W. P. (2002). Organizational Research Methods, 5, 159-172 (the limit categories / 6)",
)


def rwg(
    data: pl.DataFrame,
    /,
    *,
    categories: int,
    unit: str = "unit",
    rater: str | None = None,
    score: str = "score",
    null: Null | float = "uniform",
    confidence: float = 0.95,
    interval: Kind = "analytic",
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """How closely the raters of one unit agree: 1 is one voice, 0 what raters without any agreement would show.

        rwg = 1 − s² / σ²

    s² is the variance of the unit's scores (divisor n − 1), σ² that of the null distribution. A negative value means
    more spread than the null's and is set to 0, as is usual; `below_zero` counts them.

    Parameters
    ----------
    data : one score a row; rows without a score or unit are left out and counted.
    categories : points of the scale, one apart, never read off the scores.
    unit, rater, score : column names; rater may be None, as rwg does not ask who gave a score.
    null : uniform, slight_skew, moderate_skew, heavy_skew, triangular, normal (LeBreton & Senter's table), or σ².
    confidence : level of the interval.
    interval : "analytic" t over units, "bootstrap" draws units (`replicates`, `seed`), "none".

    Returns
    -------
    Estimate
        the mean over units with two or more scores; detail groups, values, sizes (a list each, one entry a unit), median,
        null_variance, below_zero.

    Raises
    ------
    MeasureInputError
        A missing column, text scores, categories under 2, a null that is not tabled for that many categories.

    Cautions
    --------
    SINGLE_RATINGS (units with one score are left out; value None where there is no other), SMALL_SAMPLE, MISSING_DATA,
    NO_INTERVAL.

    Notes
    -----
    Pinned by the oracle cases `rwg_single` (multilevel); five categories and s² = .5 give .75.

    References
    ----------
    .. [1] James, Demaree & Wolf (1984), Journal of Applied Psychology 69, 85-98.
    .. [2] LeBreton & Senter (2008), Organizational Research Methods 11, 815-852, table 2 (null distributions).

    Examples
    --------
    >>> rwg(pl.DataFrame({"unit": [1, 1, 2, 2], "score": [4, 4, 3, 4]}), categories=5).value
    0.875
    """
    sigma2 = expected_variance(categories, null)
    ratings = long_ratings(data, unit=unit, rater=rater, score=score)
    size = np.bincount(ratings.unit, minlength=len(ratings.units)).astype(np.float64)
    variance = _variances(ratings.score, ratings.unit, size)
    raw = 1 - variance / sigma2
    return _over_units(
        "rwg",
        f"mean rwg over units, {_named(null)} null",
        ratings,
        size >= 2,
        np.maximum(raw, 0.0),
        size,
        {"null_variance": sigma2, "below_zero": int(np.count_nonzero(raw[size >= 2] < 0))},
        (JAMES, LEBRETON),
        (confidence, interval, replicates, seed),
    )


def rwg_j(
    data: pl.DataFrame,
    /,
    *,
    categories: int,
    unit: str = "unit",
    rater: str = "rater",
    item: str = "item",
    score: str = "score",
    null: Null | float = "uniform",
    form: Form = "james",
    confidence: float = 0.95,
    interval: Kind = "analytic",
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """How closely the raters of one unit agree on a scale of several items.

        james:    J (1 − s̄²/σ²) / (J (1 − s̄²/σ²) + s̄²/σ²)        lindell:  r*wg(J) = 1 − s̄²/σ²

    s̄² is the mean over the J items of the variance between the unit's raters. James's form rises with J even where
    agreement does not (it is a reliability stepped up to J items); Lindell's does not. A value where s̄² exceeds σ² is
    set to 0. Raters who left one of the items open are left out, and counted.

    Parameters
    ----------
    data : one score of one item a row; rows without a score or a label are left out and counted.
    categories : points of the scale, one apart, never read off the scores.
    unit, rater, item, score : column names.
    null : uniform, slight_skew, moderate_skew, heavy_skew, triangular, normal (LeBreton & Senter's table), or σ².
    form : "james" or "lindell".
    confidence, interval, replicates, seed : as in `rwg`.

    Returns
    -------
    Estimate
        the mean over units with two or more complete raters; detail groups, values, sizes, median, items, null_variance,
        below_zero, james_mean, lindell_mean.

    Raises
    ------
    MeasureInputError
        A missing column, text scores, an unknown form or null.

    Cautions
    --------
    SINGLE_RATINGS, INCOMPLETE_DESIGN (raters left out), DEPENDENT_SCORES (repeated scores were averaged), SMALL_SAMPLE,
    MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by the oracle cases `rwg_j`, `rwg_j_lindell` (multilevel); five categories, three items and s̄² = .5 give .90.

    References
    ----------
    .. [1] James, Demaree & Wolf (1984), Journal of Applied Psychology 69, 85-98.
    .. [2] Lindell, Brandt & Whitney (1999), Applied Psychological Measurement 23, 127-135.

    Examples
    --------
    >>> scores = pl.DataFrame({"unit": 1, "rater": list("aabb"), "item": [1, 2, 1, 2], "score": [4, 4, 5, 3]})
    >>> round(rwg_j(scores, categories=5).value, 4)
    0.8571
    """
    if form not in ("james", "lindell"):
        raise MeasureInputError(f"expected form james or lindell, got {form!r}")
    sigma2 = expected_variance(categories, null)
    ratings, cards, size, notes = _complete_cards(data, unit=unit, rater=rater, item=item, score=score)
    items = cards.scores.shape[1]
    variance = np.mean([_variances(column, cards.unit, size) for column in cards.scores.T], axis=0)
    lindell = 1 - variance / sigma2
    agreeing = np.maximum(lindell, 0.0)
    james = items * agreeing / (items * agreeing + 1 - agreeing)
    enough = size >= 2
    return _over_units(
        "rwg_j",
        f"mean {'rwg(J)' if form == 'james' else 'r*wg(J)'} over units, {items} items, {_named(null)} null",
        ratings,
        enough,
        james if form == "james" else agreeing,
        size,
        {
            "items": len(ratings.items),
            "null_variance": sigma2,
            "below_zero": int(np.count_nonzero(lindell[enough] < 0)),
            "james_mean": float(james[enough].mean()) if enough.any() else None,
            "lindell_mean": float(agreeing[enough].mean()) if enough.any() else None,
        },
        (JAMES, LINDELL, LEBRETON),
        (confidence, interval, replicates, seed),
        notes,
    )


def ad_m(
    data: pl.DataFrame,
    /,
    *,
    categories: int | None = None,
    unit: str = "unit",
    rater: str = "rater",
    item: str | None = "item",
    score: str = "score",
    null: Null | float = "uniform",
    confidence: float = 0.95,
    interval: Kind = "analytic",
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """By how many points of the scale a unit's raters deviate from their mean, on average.

        AD_M = mean over items of mean over raters of |x − mean of the unit's raters|

    0 is perfect agreement. On a scale of c points up to c / 6 is taken as agreement (Burke & Dunlap): `limit`, and
    `within_limit` is the share of units that keep it. Raters who left one of the items open are left out, and counted.

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    categories : points of the scale, for the limit; None for no limit.
    unit, rater, item, score : column names; item may be None, and counts as None where there is no such column.
    null : with another null than uniform the limit shrinks as the null's standard deviation does.
    confidence, interval, replicates, seed : as in `rwg`.

    Returns
    -------
    Estimate
        the mean over units with two or more complete raters; detail groups, values, sizes, median, items, limit,
        within_limit.

    Raises
    ------
    MeasureInputError
        A missing column, text scores, an unknown null.

    Cautions
    --------
    SINGLE_RATINGS, INCOMPLETE_DESIGN (raters left out), DEPENDENT_SCORES (repeated scores were averaged), SMALL_SAMPLE,
    MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by the oracle cases `ad_m` (multilevel).

    References
    ----------
    .. [1] Burke, Finkelstein & Dusig (1999), Organizational Research Methods 2, 49-68.
    .. [2] Burke & Dunlap (2002), Organizational Research Methods 5, 159-172.

    Examples
    --------
    >>> ad_m(pl.DataFrame({"unit": [1, 1, 2, 2], "rater": list("abab"), "score": [4, 4, 3, 4]}), categories=5).value
    0.25
    """
    limit = None
    if categories is not None:
        spread = expected_variance(categories, null) / expected_variance(categories, "uniform")
        limit = categories / 6 * float(np.sqrt(spread))
    if item is not None and item not in data.columns and item == "item":
        item = None
    ratings, cards, size, notes = _complete_cards(data, unit=unit, rater=rater, item=item, score=score)
    deviation = np.zeros(size.size)
    for column in cards.scores.T:
        mean = np.bincount(cards.unit, weights=column, minlength=size.size) / np.maximum(size, 1)
        off = np.bincount(cards.unit, weights=np.abs(column - mean[cards.unit]), minlength=size.size)
        deviation += off / np.maximum(size, 1) / cards.scores.shape[1]
    enough = size >= 2
    kept = None if limit is None or not enough.any() else float(np.mean(deviation[enough] <= limit))
    return _over_units(
        "ad_m",
        "mean over units of the average deviation from the mean",
        ratings,
        enough,
        deviation,
        size,
        {"items": cards.scores.shape[1], "limit": limit, "within_limit": kept},
        BURKE,
        (confidence, interval, replicates, seed),
        notes,
    )


def _named(null: Null | float) -> str:
    return null if isinstance(null, str) else f"variance {null:g}"


def _variances(score: FloatArray, unit: IntArray, size: FloatArray) -> FloatArray:
    """Variance of each unit's scores, 0 where there are fewer than two."""
    mean = np.bincount(unit, weights=score, minlength=size.size) / np.maximum(size, 1)
    squares = np.bincount(unit, weights=(score - mean[unit]) ** 2, minlength=size.size)
    return np.asarray(squares / np.maximum(size - 1, 1))


def _complete_cards(
    data: pl.DataFrame, *, unit: str, rater: str, item: str | None, score: str
) -> tuple[Ratings, ScoreCards, FloatArray, list[Caution]]:
    """Cards that answer every item, how many each unit has, and what was left out."""
    ratings = long_ratings(data, unit=unit, rater=rater, score=score, item=item)
    cards = score_cards(ratings)
    whole, notes = cards.complete, cards.repeated_caution()
    if not whole.all():
        text = f"{int((~whole).sum())} of {whole.size} raters' cards lack an item and were left out"
        notes.append(Caution("INCOMPLETE_DESIGN", text))
    kept = cards.select(whole)
    return ratings, kept, np.bincount(kept.unit, minlength=kept.units).astype(np.float64), notes


def _over_units(
    name: str,
    method: str,
    ratings: Ratings,
    enough: BoolArray,
    values: FloatArray,
    size: FloatArray,
    more: dict[str, object],
    references: tuple[str, ...],
    wanted: tuple[float, Kind, int, int],
    notes: list[Caution] | None = None,
) -> Estimate:
    """The mean over units that have two or more raters, and what is known of each."""
    confidence, interval, replicates, seed = wanted
    check_confidence(confidence)
    if interval not in ("analytic", "bootstrap", "none"):
        raise MeasureInputError(f"expected interval analytic, bootstrap or none, got {interval!r}")
    cautions = [*ratings.missing_caution(), *(notes or [])]
    if not enough.all() or not enough.any():
        text = f"{int((~enough).sum())} of {enough.size} units have fewer than two scores and were left out"
        cautions.append(Caution("SINGLE_RATINGS", text))
    n = ratings.counts() | {"groups": int(enough.sum())}
    if not enough.any():
        return Estimate(measure=name, method=method, value=None, n=n, cautions=cautions, references=references)
    kept = values[enough]
    mean, units = float(kept.mean()), kept.size
    spread = float(kept.std(ddof=1)) if units > 1 else 0.0
    between: Interval | None = None
    if interval == "none":
        cautions.append(Caution("NO_INTERVAL", "none was asked for"))
    elif spread == 0:
        why = "one unit" if units == 1 else "all units show the same"
        cautions.append(Caution("NO_INTERVAL", f"{why}: the spread over units is unknown"))
    elif interval == "bootstrap":
        check_replicates(replicates)
        drawn = cluster_bootstrap(lambda u: float(kept[u].mean()), units, replicates=replicates, seed=seed)
        between = bootstrap_interval(drawn, estimate=mean, confidence=confidence)
    else:
        half = float(stdtrit(units - 1, (1 + confidence) / 2) * spread / np.sqrt(units))
        high = 1.0 if name != "ad_m" else np.inf
        between = Interval(
            low=max(mean - half, 0.0), high=min(mean + half, high), level=confidence, method="mean over units, t"
        )
    if units < 20:
        cautions.append(Caution("SMALL_SAMPLE", f"{units} units are few for the interval of their mean"))
    detail = {
        "groups": [label for label, one in zip(ratings.units, enough, strict=True) if one],
        "values": kept.tolist(),
        "sizes": size[enough].astype(int).tolist(),
        "median": float(np.median(kept)),
        **more,
    }
    return Estimate(
        measure=name,
        method=method,
        value=mean,
        interval=between,
        n=n,
        cautions=cautions,
        detail=detail,
        references=references,
    )
