"""Agreement of any number of raters, missing ratings allowed: as it is, and beyond a chance that knows no raters."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from fairpanel.measures.estimate import Estimate
from fairpanel.measures.reliability.chance_corrected import (
    GWET,
    Coefficient,
    IntervalKind,
    equal_chance,
    estimate_of,
    hard_to_score_chance,
    no_chance,
)
from fairpanel.measures.reliability.weights import Weighting

_PERCENT = Coefficient(name="percent_agreement", title="percent agreement", chance=no_chance, references=(GWET,))
_BRENNAN = Coefficient(
    name="brennan_prediger",
    title="Brennan-Prediger coefficient",
    chance=equal_chance,
    references=(
        "Brennan, R. L., & Prediger, D. J. (1981). Educational and Psychological Measurement, 41, 687-699",
        "Randolph, J. J. (2005). Free-marginal multirater kappa. ERIC ED490661",
        GWET,
    ),
    needs_categories=True,
)
_GWET = Coefficient(
    name="gwet_ac",
    title="Gwet's AC1/AC2",
    chance=hard_to_score_chance,
    references=(
        "Gwet, K. L. (2008). British Journal of Mathematical and Statistical Psychology, 61, 29-48",
        GWET,
    ),
    needs_categories=True,
)


def percent_agreement(
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
    """Which share of pairs of ratings of the same unit agree; nothing is taken off for agreement by chance.

    The mean over units with at least two ratings of the mean weight of the unit's pairs:

        p_a = mean_i Σ_kl r_ik (w_kl r_il − [k = l]) / (r_i (r_i − 1))

    r_ik counts the ratings of unit i in category k, r_i all of the unit's ratings.

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
        detail percent_agreement (the value), percent_chance 0, se (Gwet's, over units), se_ratio (the same where every unit
        has two ratings, smaller where many have one).

    Raises
    ------
    MeasureInputError
        A missing column, unknown weights, a score outside `categories`, weights that need an order on text without one.

    Cautions
    --------
    SINGLE_RATINGS (value None where no unit has two ratings), SMALL_SAMPLE, MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by the oracle cases of the coefficients below, whose percent_agreement it is (irrCAC, vcd).

    References
    ----------
    .. [1] Gwet (2014), Handbook of Inter-Rater Reliability, 4th ed., chapter 2, and section 5.3 for the error.

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 1, 2, 2, 1, 3]})
    >>> round(percent_agreement(ratings).value, 4)
    0.6667
    """
    return estimate_of(
        _PERCENT,
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


def brennan_prediger(
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
    """How far raters agree beyond raters who throw a die with one side per point of the scale.

        (p_a − p_e) / (1 − p_e),   p_e = Σ_kl w_kl / q²

    q is the number of categories, so it matters whether points that nobody used are counted: give `categories`. With
    identity weights p_e = 1/q; the coefficient is also known as Randolph's free-marginal kappa.

    Parameters
    ----------
    data : one rating a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names; rater may be None.
    weights : identity, linear, quadratic, ordinal, radical, ratio (scores >= 0), bipolar or circular: how far two
        different scores count as agreement. Text takes identity unless `categories` gives its order.
    categories : all points of the scale in order, also those nobody used: they count in q.
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
    Pinned by the oracle cases `brennan_prediger` (irrCAC) and `randolph_kappa` (statsmodels).

    References
    ----------
    .. [1] Brennan & Prediger (1981), Educational and Psychological Measurement 41, 687-699; Gwet (2014), chapters 2 and 3.

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 1, 2, 2, 1, 3]})
    >>> round(brennan_prediger(ratings).value, 4)
    0.5
    """
    return estimate_of(
        _BRENNAN,
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


def gwet_ac(
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
    """How far raters agree beyond chance, where chance is guessing on the units that are hard to score: Gwet's AC1 and AC2.

        (p_a − p_e) / (1 − p_e),   p_e = Σ_kl w_kl / (q (q − 1)) · Σ_k π_k (1 − π_k),   π_k = mean_i r_ik / r_i

    AC1 with identity weights, AC2 with others. Where nearly all ratings fall into one category p_e nears 0, so that high
    agreement stays high, unlike kappa. q counts the categories: give `categories` where some may be unused.

    Parameters
    ----------
    data : one rating a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names; rater may be None.
    weights : identity, linear, quadratic, ordinal, radical, ratio (scores >= 0), bipolar or circular: how far two
        different scores count as agreement. Text takes identity unless `categories` gives its order.
    categories : all points of the scale in order, also those nobody used: they count in q.
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
    Pinned by Gwet's four raters (AC1 .77544, error .14295) and the oracle cases `gwet_ac1`, `gwet_ac2` (irrCAC).

    References
    ----------
    .. [1] Gwet (2008), British Journal of Mathematical and Statistical Psychology 61, 29-48; Gwet (2014), chapters 2 and 3.

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 1, 2, 2, 1, 3]})
    >>> round(gwet_ac(ratings).value, 4)
    0.52
    """
    return estimate_of(
        _GWET,
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
