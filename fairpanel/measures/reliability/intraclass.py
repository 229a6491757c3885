"""Intraclass correlations: how alike raters' scores of the same unit are."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import chdtrc, fdtrc

from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.mixed_models.components import crossed_components, likelihood_interval
from fairpanel.measures.mixed_models.crossed import RATER, UNIT
from fairpanel.measures.mixed_models.fit import fit_crossed
from fairpanel.measures.mixed_models.linkage import Linkage, linkage, linkage_cautions, why_not_estimable
from fairpanel.measures.mixed_models.profile import ratio_target
from fairpanel.measures.mixed_models.robust import spread_factor
from fairpanel.measures.panel import Ratings, long_ratings
from fairpanel.measures.reliability.mean_squares import (
    MCGRAW_WONG,
    MeanSquares,
    agreement_interval,
    one_way_mean_squares,
    ratio_ends,
    two_way_mean_squares,
)
from fairpanel.measures.resampling import check_confidence

Form = Literal["1", "k", "C,1", "C,k", "A,1", "A,k"]
FORMS: tuple[Form, ...] = ("1", "k", "C,1", "C,k", "A,1", "A,k")
ALIASES: dict[str, Form] = {
    "ICC(1)": "1",
    "ICC(k)": "k",
    "ICC(C,1)": "C,1",
    "ICC(C,k)": "C,k",
    "ICC(A,1)": "A,1",
    "ICC(A,k)": "A,k",
    "ICC(1,1)": "1",
    "ICC(1,k)": "k",
    "ICC(2,1)": "A,1",
    "ICC(2,k)": "A,k",
    "ICC(3,1)": "C,1",
    "ICC(3,k)": "C,k",
    "ICC1": "1",
    "ICC1k": "k",
    "ICC2": "A,1",
    "ICC2k": "A,k",
    "ICC3": "C,1",
    "ICC3k": "C,k",
}
REFERENCES = (
    "McGraw, K. O., & Wong, S. P. (1996). Psychological Methods, 1, 30-46; correction 1, 390 (tables 4, 7 and 8)",
    "Shrout, P. E., & Fleiss, J. L. (1979). Psychological Bulletin, 86, 420-428",
    "Putka, D. J., Le, H., McCloy, R. A., & Diaz, T. (2008). Journal of Applied Psychology, 93, 959-981",
)


def icc(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    form: str = "A,1",
    missing: Literal["reml", "listwise"] = "reml",
    confidence: float = 0.95,
    interval: Literal["analytic", "none"] = "analytic",
) -> Estimate:
    """Which share of the differences between scores is due to the units, in the sense that the form gives to agreement.

    Forms "1" and "k" (one-way) take raters as interchangeable; "C" (consistency) forgives raters that are harsher
    throughout; "A" (absolute agreement) does not. "1" speaks of one rater's score, "k" of the mean of k.

        1:    (MSB − MSW) / (MSB + (k − 1) MSW)                     k:    (MSB − MSW) / MSB
        C,1:  (MSB − MSE) / (MSB + (k − 1) MSE)                     C,k:  (MSB − MSE) / MSB
        A,1:  (MSB − MSE) / (MSB + (k − 1) MSE + k (MSR − MSE) / n)
        A,k:  (MSB − MSE) / (MSB + (MSR − MSE) / n)

    Complete designs use these mean squares with the F intervals of McGraw & Wong (a negative value says that units
    differ less than chance would have it). Where units have different raters or numbers of scores, components come
    from REML, k is the harmonic mean of raters per unit, and the interval is profile likelihood.

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names.
    form : "1", "k", "C,1", "C,k", "A,1", "A,k", or a name of Shrout & Fleiss ("ICC(2,1)") or psych ("ICC2", "ICC3k").
    missing : in an incomplete design "reml" uses all scores, "listwise" keeps the units that every rater scored.
    confidence, interval : level; "none" for no interval.

    Returns
    -------
    Estimate
        detail form, k, var_unit, var_rater (None in one-way forms), var_residual, f, df1, df2, p (F test of no
        differences between units; under REML p from the likelihood ratio, half-weighted for the boundary, and f None).

    Raises
    ------
    MeasureInputError
        An unknown form, a missing column, scores that are not numbers.

    Cautions
    --------
    INCOMPLETE_DESIGN; SMALL_SAMPLE, CONSTANT_INPUT, ONE_RATER, SINGLE_RATINGS (value None: not estimable); BOUNDARY,
    UNLINKED_RATERS, MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by Shrout & Fleiss's table 2 and the oracle cases `icc` (psych, pingouin, psy) and `icc_nested_reml` (lme4).

    References
    ----------
    .. [1] McGraw & Wong (1996), Psychological Methods 1, 30-46, and the correction on p. 390.
    .. [2] Shrout & Fleiss (1979), Psychological Bulletin 86, 420-428.
    .. [3] Putka, Le, McCloy & Diaz (2008), Journal of Applied Psychology 93, 959-981 (incomplete designs).

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 2, 3, 3, 5, 6]})
    >>> round(icc(ratings, form="C,1").value, 4)
    0.96
    """
    check_confidence(confidence)
    chosen = _form(form)
    if missing not in ("reml", "listwise"):
        raise MeasureInputError(f"expected missing reml or listwise, got {missing!r}")
    if interval not in ("analytic", "none"):
        raise MeasureInputError(f"expected interval analytic or none, got {interval!r}")
    ratings = long_ratings(data, unit=unit, rater=rater, score=score)
    cautions = ratings.missing_caution()
    link = linkage(ratings) if ratings.score.size else None
    one_way = chosen in ("1", "k")
    if missing == "listwise" and link is not None and not link.complete:
        ratings, link, note = _complete_units(ratings, link)
        cautions.append(note)
    why_not = why_not_estimable(ratings, link)
    if one_way and link is not None and ratings.score.size > len(ratings.units):
        why_not = [caution for caution in why_not if caution.code in ("SMALL_SAMPLE", "CONSTANT_INPUT")]
    if link is None or why_not:
        return Estimate(
            measure="icc",
            method=f"ICC({chosen})",
            value=None,
            n=ratings.counts(),
            cautions=[*cautions, *why_not],
            references=REFERENCES,
        )
    per_unit = np.bincount(ratings.unit)
    balanced = bool(np.all(per_unit == per_unit[0])) if one_way else link.complete
    if balanced:
        squares = one_way_mean_squares(ratings) if one_way else two_way_mean_squares(ratings)
        return _from_mean_squares(ratings, squares, chosen, cautions, confidence, wanted=interval == "analytic")
    return _from_likelihood(ratings, link, chosen, cautions, confidence, wanted=interval == "analytic")


def _form(form: str) -> Form:
    plain = str(form).replace(" ", "")
    for known in FORMS:
        if plain == known:
            return known
    if plain in ALIASES:
        return ALIASES[plain]
    raise MeasureInputError(f"expected form {', '.join(FORMS)} or one of {', '.join(ALIASES)}, got {form!r}")


def _complete_units(ratings: Ratings, link: Linkage) -> tuple[Ratings, Linkage | None, Caution]:
    whole = (link.raters_per_unit == len(ratings.raters)) & (np.bincount(ratings.unit) == len(ratings.raters))
    kept = ratings.select(whole[ratings.unit])
    note = (
        f"{int(np.count_nonzero(~whole))} of {whole.size} units without exactly one score by every rater were left out"
    )
    return kept, linkage(kept) if kept.score.size else None, Caution("INCOMPLETE_DESIGN", note)


def _from_mean_squares(
    ratings: Ratings, squares: MeanSquares, form: Form, cautions: list[Caution], confidence: float, *, wanted: bool
) -> Estimate:
    n, k, between = squares.n, squares.k, squares.unit
    one_way = form in ("1", "k")
    error = squares.within if one_way else squares.residual
    df1, df2 = n - 1, n * (k - 1) if one_way else (n - 1) * (k - 1)
    rater = (squares.rater - error) / n if form.startswith("A") else 0.0
    single = between + (k - 1) * error + k * rater
    mean = between + rater
    divisor = mean if form.endswith("k") else single
    detail: dict[str, Any] = {
        "form": form,
        "k": k,
        "var_unit": (between - error) / k,
        "var_rater": None if one_way else (squares.rater - error) / n,
        "var_residual": error,
        "f": between / error if error > 0 else None,
        "df1": df1,
        "df2": df2,
        "p": float(fdtrc(df1, df2, between / error)) if error > 0 else None,
    }
    method = f"ICC({form}), mean squares of the complete design"
    if divisor <= 0 or (between == 0 and error == 0):
        cautions.append(
            Caution("BOUNDARY", "units differ so much less than raters do that the coefficient is undefined")
        )
        return Estimate(
            measure="icc",
            method=method,
            value=None,
            n=ratings.counts(),
            cautions=cautions,
            detail=detail,
            references=REFERENCES,
        )
    found: Interval | None = None
    if not wanted:
        cautions.append(Caution("NO_INTERVAL", "none was asked for"))
    elif error == 0:
        cautions.append(Caution("BOUNDARY", "the residual variance is zero: raters agree but for their level"))
        cautions.append(Caution("NO_INTERVAL", "without residual variance the F interval is not defined"))
    else:
        found = _f_interval(squares, form, between / error, df1, df2, confidence)
        if found is None:
            cautions.append(Caution("NO_INTERVAL", "the interval's degrees of freedom are zero in these scores"))
    if n < 10:
        cautions.append(Caution("SMALL_SAMPLE", f"{n} units: the interval rests on normal scores"))
    return Estimate(
        measure="icc",
        method=method,
        value=(between - error) / divisor,
        interval=found,
        n=ratings.counts(),
        cautions=cautions,
        detail=detail,
        references=REFERENCES,
    )


def _f_interval(squares: MeanSquares, form: Form, f: float, df1: int, df2: int, confidence: float) -> Interval | None:
    k = squares.k
    if form.startswith("A"):
        single = agreement_interval(squares, confidence=confidence)
        if single is None or form == "A,1":
            return single
        low, high = (k * end / (1 + (k - 1) * end) for end in (single.low, single.high))
    else:
        ratio_low, ratio_high = ratio_ends(f, df1, df2, confidence=confidence)
        if form.endswith("k"):
            low, high = (
                1 - 1 / ratio_low if ratio_low > 0 else -np.inf,
                1 - 1 / ratio_high if ratio_high > 0 else -np.inf,
            )
        else:
            low, high = ((ratio - 1) / (ratio + k - 1) for ratio in (ratio_low, ratio_high))
    return Interval(low=float(low), high=float(high), level=confidence, method=MCGRAW_WONG)


def _from_likelihood(
    ratings: Ratings, link: Linkage, form: Form, cautions: list[Caution], confidence: float, *, wanted: bool
) -> Estimate:
    one_way = form in ("1", "k")
    sizes = np.bincount(ratings.unit)
    k_mean = float(sizes.size / np.sum(1 / sizes)) if one_way else link.k_harmonic
    k = k_mean if form.endswith("k") else 1.0
    q = 1 / k if form.startswith("A") else 0.0
    found = crossed_components(ratings, rater_effect=not one_way)
    notes = [*cautions, *linkage_cautions(link), *found.cautions]
    between: Interval | None = None
    if wanted:
        between, why = likelihood_interval(
            found, ratio_target(q, k), confidence=confidence, spread=spread_factor(ratings, found, q=q, k=k)
        )
        notes += why
    else:
        notes.append(Caution("NO_INTERVAL", "none was asked for"))
    p = None
    if found.fit is not None and found.criterion is not None:
        free = (False, found.fit.free[RATER])
        null = fit_crossed(found.design, free=free, start=found.fit.likelihood.gamma, tolerance=1e-4)
        ratio = max(null.likelihood.criterion - found.criterion, 0.0)
        p = float(chdtrc(1, ratio)) / 2 if found.fit.likelihood.gamma[UNIT] > 0 else 1.0
    noise = q * found.var_rater + found.var_residual / k
    return Estimate(
        measure="icc",
        method=f"ICC({form}), {found.method}; k is the harmonic mean of raters per unit",
        value=found.var_unit / (found.var_unit + noise) if found.var_unit > 0 else 0.0,
        interval=between,
        n=ratings.counts(),
        cautions=notes,
        detail={
            "form": form,
            "k": k_mean,
            "var_unit": found.var_unit,
            "var_rater": None if one_way else found.var_rater,
            "var_residual": found.var_residual,
            "f": None,
            "df1": None,
            "df2": None,
            "p": p,
            "reml_criterion": found.criterion,
            "intercept": found.intercept,
            "convergence": found.convergence(),
        },
        references=REFERENCES,
    )
