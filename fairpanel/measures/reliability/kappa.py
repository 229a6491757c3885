"""Kappa coefficients: agreement beyond the chance that raters' own distributions of ratings give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.special import ndtr, ndtri

from fairpanel.measures.estimate import Caution, CautionCode, Estimate, Interval
from fairpanel.measures.reliability.chance_corrected import (
    FEW_UNITS,
    GWET,
    Coefficient,
    IntervalKind,
    check_interval,
    corrected,
    estimate_of,
    interval_of,
    pooled_chance,
    rater_by_rater_chance,
)
from fairpanel.measures.reliability.count_table import (
    BoolArray,
    CountTable,
    FloatArray,
    IntArray,
    count_table,
    counted,
    row_of_each,
)
from fairpanel.measures.reliability.weights import Weighting, Weights
from fairpanel.measures.reliability.weights import weights as weight_scheme

COHEN = (
    "Cohen, J. (1960). Educational and Psychological Measurement, 20, 37-46; (1968). Psychological Bulletin, 70, 213-220",
    "Fleiss, J. L., Cohen, J., & Everitt, B. S. (1969). Psychological Bulletin, 72, 323-327",
)
_FLEISS = Coefficient(
    name="fleiss_kappa",
    title="Fleiss' kappa",
    chance=pooled_chance,
    references=("Fleiss, J. L. (1971). Psychological Bulletin, 76, 378-382", GWET),
)
_CONGER = Coefficient(
    name="conger_kappa",
    title="Conger's kappa",
    chance=rater_by_rater_chance,
    references=("Conger, A. J. (1980). Psychological Bulletin, 88, 322-328", GWET),
    by_rater=True,
)


def fleiss_kappa(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str | None = "rater",
    score: str = "score",
    weights: Weighting = "identity",
    categories: Sequence[float] | Sequence[str] | None = None,
    confidence: float = 0.95,
    interval: IntervalKind = "analytic",
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """How far raters agree beyond the chance agreement of raters who all share one distribution of ratings.

        kappa = (p_a − p_e) / (1 − p_e),   p_e = Σ_kl w_kl π_k π_l,   π_k = mean_i r_ik / r_i

    p_a is `percent_agreement`; π rests on all units, also those with one rating. Who gave a rating plays no part. Where
    nearly all ratings fall into one category p_e nears 1 and kappa is low although raters agree: see `gwet_ac`.

    Parameters
    ----------
    data : one rating a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names; rater may be None.
    weights : identity, linear, quadratic, ordinal, radical, ratio (scores >= 0), bipolar or circular: how far two
        different scores count as agreement. Text takes identity unless `categories` gives its order.
    categories : all points of the scale in order, also those nobody used, which stretches the weights.
        Without it: the levels of an Enum column, else the scores that occur.
    confidence : level of the interval.
    interval : "analytic", Gwet's: linearised over units, t, too wide where many units have one rating; "transformed", the
        same with se_ratio (jackknife up to 100 units) on the scale of artanh; "bootstrap" draws units (`replicates`,
        `seed`); "none".

    Returns
    -------
    Estimate
        detail percent_agreement, percent_chance, se (Gwet's, over units), se_ratio (the same where every unit
        has two ratings, smaller where many have one).

    Raises
    ------
    MeasureInputError
        A missing column, unknown weights, a score outside `categories`, weights that need an order on text without one.

    Cautions
    --------
    SINGLE_RATINGS (value None where no unit has two ratings), CONSTANT_INPUT (one category: value None), SMALL_SAMPLE,
    MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by the oracle cases `fleiss_kappa` (irrCAC, statsmodels).

    References
    ----------
    .. [1] Fleiss (1971), Psychological Bulletin 76, 378-382; with missing ratings and weights Gwet (2014), chapters 2 and 3.

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 1, 2, 2, 1, 3]})
    >>> round(fleiss_kappa(ratings).value, 4)
    0.4545
    """
    return estimate_of(
        _FLEISS,
        data,
        unit=unit,
        rater=rater,
        score=score,
        weighting=weights,
        categories=categories,
        confidence=confidence,
        interval=interval,
        replicates=replicates,
        seed=seed,
    )


def conger_kappa(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    weights: Weighting = "identity",
    categories: Sequence[float] | Sequence[str] | None = None,
    confidence: float = 0.95,
    interval: IntervalKind = "analytic",
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """How far raters agree beyond the chance agreement of raters who each keep a distribution of their own.

        kappa = (p_a − p_e) / (1 − p_e),   p_e = mean over pairs of raters g ≠ h of Σ_kl w_kl p_gk p_hl

    p_gk is the share of category k among all ratings of rater g: a rater with one rating counts as much as one with
    hundreds. With two raters who both rated every unit this is Cohen's kappa. Linear in the ratings for any number
    of raters: the mean over pairs follows from the sum of the raters' distributions.

    Parameters
    ----------
    data : one rating a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names; the rater is needed.
    weights : identity, linear, quadratic, ordinal, radical, ratio (scores >= 0), bipolar or circular: how far two
        different scores count as agreement. Text takes identity unless `categories` gives its order.
    categories : all points of the scale in order, also those nobody used, which stretches the weights.
        Without it: the levels of an Enum column, else the scores that occur.
    confidence : level of the interval.
    interval : "analytic", Gwet's: linearised over units, t, too wide where many units have one rating; "transformed", the
        same with se_ratio (jackknife up to 100 units) on the scale of artanh; "bootstrap" draws units (`replicates`,
        `seed`); "none".

    Returns
    -------
    Estimate
        detail percent_agreement, percent_chance, se (Gwet's, over units), se_ratio (the same where every unit
        has two ratings, smaller where many have one).

    Raises
    ------
    MeasureInputError
        A missing column, unknown weights, a score outside `categories`, weights that need an order on text without one.

    Cautions
    --------
    ONE_RATER, SINGLE_RATINGS (value None where no unit has two ratings), CONSTANT_INPUT (value None), SMALL_SAMPLE,
    MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by the oracle cases `conger_kappa` (irrCAC).

    References
    ----------
    .. [1] Conger (1980), Psychological Bulletin 88, 322-328; with missing ratings and weights Gwet (2014), chapters 2 and 3.

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 1, 2, 2, 1, 3]})
    >>> round(conger_kappa(ratings).value, 4)
    0.5
    """
    return estimate_of(
        _CONGER,
        data,
        unit=unit,
        rater=rater,
        score=score,
        weighting=weights,
        categories=categories,
        confidence=confidence,
        interval=interval,
        replicates=replicates,
        seed=seed,
    )


def cohen_kappa(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    weights: Weighting = "identity",
    categories: Sequence[float] | Sequence[str] | None = None,
    confidence: float = 0.95,
    interval: IntervalKind = "analytic",
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """How far two raters agree beyond the chance agreement of their own two distributions of ratings.

        kappa = (p_a − p_e) / (1 − p_e),   p_a = Σ_kl w_kl p_kl,   p_e = Σ_kl w_kl p_k. p_.l

    p_kl is the share of units that the first rater put into category k and the second into l. Only units that both
    raters scored once count, for the chance term, too. For more raters see `conger_kappa` and `light_kappa`.

    Parameters
    ----------
    data : one rating a row of exactly two raters; rows without a score or a label are left out and counted.
    unit, rater, score : column names.
    weights : identity, linear, quadratic, ordinal, radical, ratio (scores >= 0), bipolar or circular.
    categories : all points of the scale in order, also those nobody used, which stretches the weights.
    confidence : level of the interval.
    interval : "analytic", asymptotic normal (Fleiss, Cohen & Everitt); "transformed", t on the scale of artanh;
        "bootstrap" draws units (`replicates`, `seed`); "none".

    Returns
    -------
    Estimate
        detail percent_agreement, percent_chance, se (asymptotic), se_null (if there were no agreement beyond chance), z
        and p (two-sided, of that hypothesis), raters.

    Raises
    ------
    MeasureInputError
        A missing column, unknown weights, a score outside `categories`, weights that need an order on text without one.

    Cautions
    --------
    NOT_ESTIMABLE (more than two raters: value None), ONE_RATER, SINGLE_RATINGS (value None where no unit has both raters),
    INCOMPLETE_DESIGN (units left out), CONSTANT_INPUT (value None), SMALL_SAMPLE, MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by the oracle cases `cohen_kappa`, `weighted_kappa` (vcd, statsmodels, scikit-learn, psy, psych).

    References
    ----------
    .. [1] Cohen (1960), Educational and Psychological Measurement 20, 37-46; (1968), Psychological Bulletin 70, 213-220.
    .. [2] Fleiss, Cohen & Everitt (1969), Psychological Bulletin 72, 323-327 (errors).

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 1, 2, 2, 1, 3]})
    >>> round(cohen_kappa(ratings).value, 4)
    0.5
    """
    check_interval(interval, confidence, replicates)
    table = count_table(data, unit=unit, rater=rater, score=score, categories=categories)
    degrees = weight_scheme(weights, table.values, ordered=table.ordered)
    method = f"Cohen's kappa, {weights} weights"
    cautions = table.missing_caution()
    n = table.n() | {"categories": table.values.size}

    def refused(code: CautionCode, text: str) -> Estimate:
        why = [*cautions, Caution(code, text)]
        return Estimate(measure="cohen_kappa", method=method, value=None, n=n, cautions=why, references=COHEN)

    raters = [str(label) for label in table.raters.to_list()]
    if len(raters) > 2:
        return refused("NOT_ESTIMABLE", f"Cohen's kappa compares two raters, got {len(raters)}: see conger_kappa")
    if len(raters) == 1:
        return refused("ONE_RATER", "one rater gave all scores: there is nobody to agree with")
    both = _scored_once_by_both(table)
    n["paired_units"] = int(both.sum())
    if not both.any():
        return refused("SINGLE_RATINGS", "no unit has a score by each of two raters")
    if not both.all():
        text = f"{int((~both).sum())} of {both.size} units without one score by each of the two raters were left out"
        cautions.append(Caution("INCOMPLETE_DESIGN", text))
    table = table.select(both)
    units = table.size.size
    found = corrected(table, degrees, rater_by_rater_chance, np.ones(units))
    if found is None:
        return refused("CONSTANT_INPUT", "both raters use the same single category: chance agreement is complete")
    se = float(np.sqrt(np.sum((found.influence - found.value) ** 2)) / units)
    se_null = _null_error(table, degrees, found.chance)

    def value_at(weight: FloatArray) -> float | None:
        once = corrected(table, degrees, rater_by_rater_chance, weight)
        return None if once is None else once.value

    def drawn_value(drawn: IntArray) -> float | None:
        return value_at(np.bincount(drawn, minlength=units).astype(np.float64))

    between: Interval | None
    if interval == "analytic" and se > 1e-14:
        half = float(ndtri((1 + confidence) / 2)) * se
        name = "asymptotic, normal (Fleiss, Cohen & Everitt 1969), ends at most 1"
        notes: list[Caution] = []
        between = Interval(low=found.value - half, high=min(found.value + half, 1.0), level=confidence, method=name)
    else:
        between, notes = interval_of(
            found.value, se if units > 1 else None, units, drawn_value,
            kind=interval, confidence=confidence, replicates=replicates, seed=seed, without=value_at,
        )  # fmt: skip
    if units < FEW_UNITS:
        notes.append(Caution("SMALL_SAMPLE", f"{units} units are few for an asymptotic error"))
    z = found.value / se_null if se_null > 0 else None
    return Estimate(
        measure="cohen_kappa",
        method=method,
        value=found.value,
        interval=between,
        n=n,
        cautions=[*cautions, *notes],
        detail={
            "percent_agreement": found.observed,
            "percent_chance": found.chance,
            "se": se,
            "se_null": se_null,
            "z": z,
            "p": None if z is None else float(2 * ndtr(-abs(z))),
            "raters": raters,
        },
        references=COHEN,
    )


def _scored_once_by_both(table: CountTable) -> BoolArray:
    """Units with exactly one rating by each of two raters."""
    given = counted(table.unit, table.rater, (table.size.size, len(table.raters)))[0]
    single = np.bincount(row_of_each(given), weights=given.data == 1, minlength=given.shape[0])
    return np.asarray((table.size == 2) & (single == 2))


def _null_error(table: CountTable, degrees: Weights, chance: float) -> float:
    """Error if the two raters' ratings were independent (Fleiss, Cohen & Everitt 1969)."""
    q, units = degrees.q, table.size.size
    first, second = (np.bincount(table.category[table.rater == r], minlength=q) / units for r in (0, 1))
    by_first, by_second = degrees.weigh(second), degrees.weigh(first)
    total = 0.0
    for k in np.flatnonzero(first):
        row = degrees.between(np.full(q, k), np.arange(q))
        total += float(first[k] * (second @ (row - by_first[k] - by_second) ** 2))
    return float(np.sqrt(max(total - chance**2, 0.0) / units) / (1 - chance))
