"""Chance-corrected agreement between any number of raters, missing scores allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse
from scipy.special import stdtrit

from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.panel import Ratings, long_ratings
from fairpanel.measures.resampling import bootstrap_interval, check_confidence, cluster_bootstrap

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Level = Literal["nominal", "ordinal", "interval", "ratio"]
REFERENCES = (
    "Krippendorff, K. (2011). Computing Krippendorff's alpha-reliability. University of Pennsylvania",
    "Gwet, K. L. (2014). Handbook of Inter-Rater Reliability, 4th ed. Advanced Analytics (errors over units)",
)


def krippendorff_alpha(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str | None = "rater",
    score: str = "score",
    level: Level = "interval",
    confidence: float = 0.95,
    interval: Literal["analytic", "bootstrap", "none"] = "analytic",
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """How far raters agree beyond chance: 1 is perfect agreement, 0 what scores dealt out at random would show.

        alpha = 1 − D_o / D_e

    D_o is the mean squared distance of scores of the same unit, D_e that of scores taken from all units. The level of
    measurement sets the distance δ(x, y)²: nominal 0 or 1; ordinal by how many scores lie between; interval (x − y)²;
    ratio ((x − y) / (x + y))². Units with one score cannot be paired and are left out. The cost is linear in the
    scores (the ratio level: in the distinct scores squared).

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names; rater may be None, as alpha does not ask who gave a score.
    level : "nominal" (scores may be text), "ordinal", "interval", "ratio" (scores >= 0).
    confidence : level of the interval.
    interval : "analytic" is linearised over units with a t quantile, on the scale of artanh(alpha); "bootstrap" draws
        units (`replicates`, `seed`); "none".

    Returns
    -------
    Estimate
        detail observed_disagreement, expected_disagreement (in the units of δ²), pairable_values, pairable_units, se.

    Raises
    ------
    MeasureInputError
        A missing column, an unknown level, text scores above the nominal level, negative scores at the ratio level.

    Cautions
    --------
    SINGLE_RATINGS (no unit, or some units, cannot be paired), CONSTANT_INPUT (all pairable scores are the same: value
    None), SMALL_SAMPLE, MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by Krippendorff's (2011) four observers and the oracle cases `krippendorff_alpha` (krippendorff, irrCAC).

    References
    ----------
    .. [1] Krippendorff (2011), Computing Krippendorff's alpha-reliability, sections C and D.
    .. [2] Gwet (2014), Handbook of Inter-Rater Reliability, 4th ed., chapter 5.

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 1, 2, 2, 3, 4]})
    >>> round(krippendorff_alpha(ratings).value, 4)
    0.878
    """
    check_confidence(confidence)
    if level not in ("nominal", "ordinal", "interval", "ratio"):
        raise MeasureInputError(f"expected level nominal, ordinal, interval or ratio, got {level!r}")
    if interval not in ("analytic", "bootstrap", "none"):
        raise MeasureInputError(f"expected interval analytic, bootstrap or none, got {interval!r}")
    ratings = long_ratings(data, unit=unit, rater=rater, score=score, categories=level == "nominal")
    if level == "ratio" and ratings.score.size and ratings.score.min() < 0:
        raise MeasureInputError(f"expected scores of at least 0 for the ratio level, got {ratings.score.min()}")
    counts = np.bincount(ratings.unit, minlength=len(ratings.units))
    pairable = counts >= 2
    cautions = ratings.missing_caution()
    n = ratings.counts() | {"pairable_units": int(pairable.sum()), "pairable_values": int(counts[pairable].sum())}
    method = f"Krippendorff's alpha, {level} level"
    if not pairable.all() or not pairable.any():
        text = f"{int((~pairable).sum())} of {pairable.size} units have one score and cannot be paired"
        cautions.append(Caution("SINGLE_RATINGS", text))
    if not pairable.any():
        return _none(method, n, cautions)
    paired = ratings.select(pairable[ratings.unit])
    if np.ptp(paired.score) == 0:
        cautions.append(Caution("CONSTANT_INPUT", "all pairable scores are the same: chance agreement is complete"))
        return _none(method, n, cautions)
    table = _table(paired)
    found = _alpha(table, level, np.ones(table.counts.shape[0]))
    if found.expected == 0:
        cautions.append(Caution("CONSTANT_INPUT", "the expected disagreement is zero"))
        return _none(method, n, cautions)
    influence = _influence(table, level, found)
    units = influence.size
    se = float(np.sqrt(units / (units - 1) * np.sum(influence**2))) if units > 1 else None
    between: Interval | None = None
    if interval == "none":
        cautions.append(Caution("NO_INTERVAL", "none was asked for"))
    elif se is None or found.value == 1:
        why = "one pairable unit" if se is None else "observed agreement is perfect"
        cautions.append(Caution("NO_INTERVAL", f"{why}: the spread over units is unknown"))
    elif interval == "analytic":
        between = _fisher_interval(found.value, se, units, confidence)
    else:
        values = cluster_bootstrap(
            lambda drawn: _alpha(table, level, np.bincount(drawn, minlength=units).astype(np.float64)).value,
            units,
            replicates=replicates,
            seed=seed,
        )
        between = bootstrap_interval(values, estimate=found.value, confidence=confidence)
        if between is None:
            cautions.append(Caution("NO_INTERVAL", "too few bootstrap samples determined alpha"))
    if units < 20:
        cautions.append(Caution("SMALL_SAMPLE", f"{units} pairable units are few for the interval's approximation"))
    return Estimate(
        measure="krippendorff_alpha",
        method=method,
        value=found.value,
        interval=between,
        n=n,
        cautions=cautions,
        detail={
            "observed_disagreement": found.observed,
            "expected_disagreement": found.expected,
            "pairable_values": n["pairable_values"],
            "pairable_units": units,
            "se": se,
        },
        references=REFERENCES,
    )


def _none(method: str, n: dict[str, int], cautions: list[Caution]) -> Estimate:
    return Estimate(
        measure="krippendorff_alpha", method=method, value=None, n=n, cautions=cautions, references=REFERENCES
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """counts : sparse units × distinct values. size : scores per unit. values : the distinct values, ascending."""

    counts: sparse.csr_array
    size: FloatArray
    values: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Alpha with its parts. axis : places of the values on the line that distances are taken on (None: not on a line).
    marginal : scores per value. cross : Σ_k marginal_k δ²(value, k). per_unit : disagreement summed over each unit's
    pairs / (size − 1)."""

    value: float
    observed: float
    expected: float
    axis: FloatArray | None
    marginal: FloatArray
    cross: FloatArray
    per_unit: FloatArray


def _table(ratings: Ratings) -> _Table:
    values, place = np.unique(ratings.score, return_inverse=True)
    shape = (len(ratings.units), values.size)
    counts = sparse.csr_array((np.ones(place.size), (ratings.unit, place)), shape=shape)
    counts.sum_duplicates()
    return _Table(counts=counts, size=np.asarray(counts.sum(axis=1)).ravel(), values=values)


def _alpha(table: _Table, level: Level, weight: FloatArray) -> _Found:
    """Alpha with each unit counted `weight` times."""
    marginal = np.asarray(table.counts.T @ weight)
    total = float(marginal.sum())
    axis: FloatArray | None = None
    if level == "ordinal":
        axis = np.cumsum(marginal) - marginal / 2
    elif level == "interval":
        axis = table.values
    if axis is not None:
        axis = axis - float(marginal @ axis) / total
        cross = total * axis**2 + float(marginal @ axis**2)
        pairs = 2 * (table.size * (table.counts @ axis**2) - (table.counts @ axis) ** 2)
    elif level == "nominal":
        cross = total - marginal
        pairs = table.size**2 - table.counts.power(2).sum(axis=1)
    else:
        cross, pairs = _ratio_distances(table, marginal)
    per_unit = np.asarray(pairs / (table.size - 1), dtype=np.float64)
    observed = float(weight @ per_unit) / total
    expected = float(marginal @ cross) / (total * (total - 1))
    return _Found(
        value=1 - observed / expected if expected > 0 else np.nan,
        observed=observed,
        expected=expected,
        axis=axis,
        marginal=marginal,
        cross=cross,
        per_unit=per_unit,
    )


def _ratio_distances(table: _Table, marginal: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distances ((x − y) / (x + y))², a strip of rows at a time."""
    values, counts = table.values, table.counts
    cross, pairs = np.empty(values.size), np.zeros(counts.shape[0])
    strip = max(1, 4_000_000 // values.size)
    for start in range(0, values.size, strip):
        rows = slice(start, start + strip)
        sums = values[rows, None] + values
        distance = ((values[rows, None] - values) / np.where(sums == 0, 1, sums)) ** 2
        cross[rows] = distance @ marginal
        part = counts[:, rows].tocoo()
        weighted = sparse.csr_array((part.data, (part.row, part.col)), shape=part.shape)
        if values.size <= 64:
            pairs += np.asarray((weighted @ distance) * counts.toarray()).sum(axis=1)
        else:
            pairs += _sparse_pairs(weighted, distance, counts)
    return cross, pairs


def _sparse_pairs(left: sparse.csr_array, distance: FloatArray, right: sparse.csr_array) -> FloatArray:
    """Σ_ck left_uc distance_ck right_uk per unit u, visiting only the values that a unit has."""
    sums = np.zeros(left.shape[0])
    for one in np.flatnonzero(np.diff(left.indptr)):
        a, b = slice(*left.indptr[one : one + 2]), slice(*right.indptr[one : one + 2])
        sums[one] = left.data[a] @ distance[np.ix_(left.indices[a], right.indices[b])] @ right.data[b]
    return sums


def _influence(table: _Table, level: Level, found: _Found) -> FloatArray:
    """How far alpha moves with each unit: its derivative in the unit's weight."""
    total = float(found.marginal.sum())
    observed = (found.per_unit - found.observed * table.size) / total
    scale = total * (total - 1)
    change = 2 * np.asarray(table.counts @ found.cross)
    if level == "ordinal" and found.axis is not None:
        # the ordinal axis itself moves with the marginals: d axis_c = scores below c and half of those at c
        ones = 1 / (table.size - 1)
        paired = np.asarray(table.counts.T @ (ones * table.size)) * found.axis
        paired -= np.asarray(table.counts.T @ (ones * (table.counts @ found.axis)))
        observed += 4 * _moved(table, paired) / total
        change += 4 * _moved(table, total * found.marginal * found.axis)
    expected = change / scale - found.expected * table.size * (2 * total - 1) / scale
    return np.asarray(-observed / found.expected + found.observed / found.expected**2 * expected)


def _moved(table: _Table, weight: FloatArray) -> FloatArray:
    """Σ_c weight_c d axis_c for each unit's scores added to the marginals."""
    after = weight.sum() - np.cumsum(weight) + weight / 2
    return np.asarray(table.counts @ after)


def _fisher_interval(value: float, se: float, units: int, confidence: float) -> Interval:
    """t interval over units on the scale of artanh(alpha), which cannot pass 1."""
    half = float(stdtrit(units - 1, (1 + confidence) / 2)) * se
    if value <= -0.99:
        return Interval(low=value - half, high=value + half, level=confidence, method="linearised over units, t")
    centre, half = float(np.arctanh(value)), half / (1 - value**2)
    return Interval(
        low=float(np.tanh(centre - half)),
        high=float(np.tanh(centre + half)),
        level=confidence,
        method="linearised over units, t on the scale of artanh(alpha)",
    )
