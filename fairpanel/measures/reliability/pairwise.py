"""Agreement rater by rater: every pair of raters who scored the same units, and Light's kappa over the pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.reliability.count_table import CountTable, FloatArray, IntArray, count_table, counted
from fairpanel.measures.reliability.weights import Weighting, Weights
from fairpanel.measures.reliability.weights import weights as weight_scheme

Pairwise = Literal["kappa", "gwet_ac", "percent_agreement"]
LIGHT = "Light, R. J. (1971). Measures of response agreement for qualitative data. Psychological Bulletin, 76, 365-377"
COHEN = "Cohen, J. (1960). Educational and Psychological Measurement, 20, 37-46; (1968). Psychological Bulletin, 70, 213-220"
_CHUNK = 2_000_000


def pairwise_table(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    weights: Weighting = "identity",
    categories: Sequence[float] | Sequence[str] | None = None,
    min_shared: int = 5,
) -> pl.DataFrame:
    """Agreement of every pair of raters who share at least `min_shared` units.

    The cost is linear in the pairs of ratings of the same unit; raters with fewer ratings than `min_shared` are set
    aside first, and no table of raters by raters is made.

    Returns
    -------
    One pair a row, by label: rater_a, rater_b, shared (units), percent_agreement, kappa (null where both use the same
    single category), gwet_ac (null where there is one category).

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 1, 2, 2, 1, 3]})
    >>> pairwise_table(ratings, min_shared=3).row(0)[:3]
    ('a', 'b', 3)
    """
    _check_shared(min_shared)
    table = count_table(data, unit=unit, rater=rater, score=score, categories=categories)
    return _pairs(table, weight_scheme(weights, table.values, ordered=table.ordered), min_shared)


def pairwise_agreement(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    weights: Weighting = "identity",
    categories: Sequence[float] | Sequence[str] | None = None,
    min_shared: int = 5,
    coefficient: Pairwise = "kappa",
    max_rows: int = 1000,
) -> Estimate:
    """How far two raters who scored the same candidates typically agree: the median over all such pairs.

    For each pair, over the units that both scored:

        percent agreement p_a = mean w(x, y);   kappa = (p_a − p_e) / (1 − p_e) with Cohen's p_e = Σ_kl w_kl p_k q_l;
        gwet_ac with Gwet's p_e = Σ_kl w_kl / (q (q − 1)) · Σ_k π_k (1 − π_k), π the mean of the two distributions

    Parameters
    ----------
    data : one rating a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names.
    weights, categories : as in `conger_kappa`; all pairs use the categories of all the data.
    min_shared : pairs that share fewer units say too little and are left out.
    coefficient : which column the median is of: kappa, gwet_ac, percent_agreement.
    max_rows : how many rows the detail may hold; pairs that share most units come first.

    Returns
    -------
    Estimate
        the median; detail pairs, quartiles, shared (rating pairs in all), rows (one dictionary a pair, see
        `pairwise_table`), rows_left_out.

    Raises
    ------
    MeasureInputError
        A missing column, an unknown option, scores outside `categories`, min_shared below 1.

    Cautions
    --------
    SINGLE_RATINGS (no pair shares enough units: value None), CONSTANT_INPUT (pairs whose kappa is 0 / 0 are left out),
    SMALL_SAMPLE, MISSING_DATA, NO_INTERVAL (always: pairs share raters and units).

    Notes
    -----
    Each pair's kappa is that of `cohen_kappa`, which the oracle cases `cohen_kappa`, `weighted_kappa` pin.

    References
    ----------
    .. [1] Cohen (1960), Educational and Psychological Measurement 20, 37-46.
    .. [2] Gwet (2008), British Journal of Mathematical and Statistical Psychology 61, 29-48.

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 1, 2, 2, 1, 3]})
    >>> round(pairwise_agreement(ratings, min_shared=3).value, 4)
    0.5
    """
    if coefficient not in ("kappa", "gwet_ac", "percent_agreement"):
        raise MeasureInputError(f"expected coefficient kappa, gwet_ac or percent_agreement, got {coefficient!r}")
    _check_shared(min_shared)
    table = count_table(data, unit=unit, rater=rater, score=score, categories=categories)
    rows = _pairs(table, weight_scheme(weights, table.values, ordered=table.ordered), min_shared)
    return _over_pairs(
        "pairwise_agreement",
        f"median {coefficient} over pairs of raters who share {min_shared} or more units, {weights} weights",
        table,
        rows,
        coefficient,
        mean=False,
        max_rows=max_rows,
        references=(COHEN,),
    )


def light_kappa(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    weights: Weighting = "identity",
    categories: Sequence[float] | Sequence[str] | None = None,
    min_shared: int = 2,
    max_rows: int = 1000,
) -> Estimate:
    """How far raters agree beyond chance, pair by pair: the mean of Cohen's kappa over all pairs of raters.

    Each pair is judged on the units that both scored; pairs that share fewer than `min_shared` are left out. Every pair
    counts the same, whatever it shares.

    Parameters
    ----------
    data : one rating a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names.
    weights, categories : as in `cohen_kappa`.
    min_shared : pairs that share fewer units are left out.
    max_rows : how many rows the detail may hold; pairs that share most units come first.

    Returns
    -------
    Estimate
        detail as in `pairwise_agreement`.

    Raises
    ------
    MeasureInputError
        A missing column, unknown weights, scores outside `categories`, min_shared below 1.

    Cautions
    --------
    SINGLE_RATINGS (no pair shares enough units: value None), CONSTANT_INPUT, SMALL_SAMPLE, MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by the oracle cases `light_kappa`, `light_weighted_kappa` (psy).

    References
    ----------
    .. [1] Light (1971), Psychological Bulletin 76, 365-377.

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 1, 2, 2, 1, 3]})
    >>> round(light_kappa(ratings).value, 4)
    0.5
    """
    _check_shared(min_shared)
    table = count_table(data, unit=unit, rater=rater, score=score, categories=categories)
    rows = _pairs(table, weight_scheme(weights, table.values, ordered=table.ordered), min_shared)
    method = f"Light's kappa: mean of Cohen's over pairs of raters, {weights} weights"
    return _over_pairs(
        "light_kappa", method, table, rows, "kappa", mean=True, max_rows=max_rows, references=(LIGHT, COHEN)
    )


def _check_shared(min_shared: int) -> None:
    if isinstance(min_shared, bool) or not isinstance(min_shared, int) or min_shared < 1:
        raise MeasureInputError(f"expected min_shared to be a whole number of at least 1, got {min_shared!r}")


def _over_pairs(
    name: str,
    method: str,
    table: CountTable,
    rows: pl.DataFrame,
    column: Pairwise,
    *,
    mean: bool,
    max_rows: int,
    references: tuple[str, ...],
) -> Estimate:
    cautions = table.missing_caution()
    values = rows[column].drop_nulls().to_numpy()
    n: dict[str, Any] = table.n() | {"pairs": rows.height}
    if rows.height == 0:
        cautions.append(Caution("SINGLE_RATINGS", "no two raters share enough units"))
    elif values.size < rows.height:
        text = f"{rows.height - values.size} of {rows.height} pairs use one and the same category: no {column} for them"
        cautions.append(Caution("CONSTANT_INPUT", text))
    if not values.size:
        return Estimate(measure=name, method=method, value=None, n=n, cautions=cautions, references=references)
    fewest = int(rows["shared"].min())  # type: ignore[arg-type]
    if fewest < 20:
        cautions.append(Caution("SMALL_SAMPLE", f"a pair shares as few as {fewest} units: single pairs say little"))
    cautions.append(Caution("NO_INTERVAL", "pairs share raters and units, so their spread is no error of the whole"))
    shown = rows.sort("shared", "rater_a", "rater_b", descending=[True, False, False]).head(max_rows)
    return Estimate(
        measure=name,
        method=method,
        value=float(np.mean(values)) if mean else float(np.median(values)),
        n=n,
        cautions=cautions,
        detail={
            "pairs": rows.height,
            "quartiles": [float(each) for each in np.quantile(values, [0.25, 0.5, 0.75])],
            "shared": int(rows["shared"].sum()),
            "rows": shown.to_dicts(),
            "rows_left_out": rows.height - shown.height,
        },
        references=references,
    )


def _pairs(table: CountTable, degrees: Weights, min_shared: int) -> pl.DataFrame:
    """The rows of `pairwise_table`."""
    raters, q = len(table.raters), table.values.size
    first, second, one, other = _shared_ratings(table, min_shared)
    key, pair = np.unique(first * raters + second, return_inverse=True)
    shared = np.bincount(pair, minlength=key.size).astype(np.float64)
    enough = shared >= min_shared
    keep = enough[pair]
    key, shared, pair = key[enough], shared[enough], (np.cumsum(enough) - 1)[pair[keep]]
    one, other = one[keep], other[keep]
    agreement = np.bincount(pair, weights=degrees.between(one, other), minlength=key.size) / shared
    by_first, by_second = (counted(pair, each, (key.size, q))[0] for each in (one, other))
    both = counted(np.concatenate([pair, pair]), np.concatenate([one, other]), (key.size, q))[0]
    # for symmetric weights a'Wb = ((a + b)'W(a + b) − a'Wa − b'Wb) / 2
    crossed = (degrees.within(both) - degrees.within(by_first) - degrees.within(by_second)) / 2
    cohen = crossed / shared**2
    squares = np.asarray(both.power(2).sum(axis=1)).ravel() / (2 * shared) ** 2
    gwet = degrees.total / (q * (q - 1)) * (1 - squares) if q > 1 else np.ones(key.size)
    labels = table.raters.cast(pl.String)
    return pl.DataFrame(
        {
            "rater_a": labels.gather(key // max(raters, 1)),
            "rater_b": labels.gather(key % max(raters, 1)),
            "shared": shared.astype(np.int64),
            "percent_agreement": agreement,
            "kappa": _beyond(agreement, cohen),
            "gwet_ac": _beyond(agreement, gwet),
        }
    )


def _beyond(agreement: FloatArray, chance: FloatArray) -> pl.Series:
    room = 1 - chance
    value = (agreement - chance) / np.where(room > 1e-12, room, np.nan)
    return pl.Series(value, nan_to_null=True)


def _shared_ratings(table: CountTable, min_shared: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """All pairs of ratings of one unit by two raters: rater and category of the one and of the other.

    A rater with several ratings of a unit has none here that could be compared.
    """
    seen, cell = counted(table.unit, table.rater, (table.size.size, len(table.raters)))
    usable = seen.data[cell] == 1
    usable &= (np.bincount(table.rater[usable], minlength=len(table.raters)) >= min_shared)[table.rater]
    rows = np.flatnonzero(usable)
    rows = rows[np.lexsort((table.rater[rows], table.unit[rows]))]
    size = np.bincount(table.unit[rows], minlength=table.size.size)
    start = np.cumsum(size) - size
    left: list[IntArray] = [np.empty(0, dtype=np.int64)]
    right: list[IntArray] = [np.empty(0, dtype=np.int64)]
    for one, other in _places(start, size):
        left.append(rows[one])
        right.append(rows[other])
    a, b = np.concatenate(left), np.concatenate(right)
    return table.rater[a], table.rater[b], table.category[a], table.category[b]


def _places(start: IntArray, size: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """Places of all pairs within runs that begin at `start` and have `size` members, runs of one size together."""
    for width in np.unique(size[size > 1]):
        one, other = np.triu_indices(int(width), k=1)
        begins = start[size == width]
        step = max(1, _CHUNK // one.size)
        for first in range(0, begins.size, step):
            here = begins[first : first + step, None]
            yield (here + one).ravel(), (here + other).ravel()
