"""Severity of raters, and what candidates' scores would be before an average panel."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtri

from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.mixed_models.components import Components, crossed_components, likelihood_interval
from fairpanel.measures.mixed_models.crossed import RATER, UNIT, prediction_variance
from fairpanel.measures.mixed_models.linkage import Linkage, linkage, linkage_cautions, why_not_estimable
from fairpanel.measures.mixed_models.profile import rater_sd_target
from fairpanel.measures.panel import Ratings, long_ratings
from fairpanel.measures.resampling import check_confidence

FloatArray = npt.NDArray[np.float64]
REFERENCES = (
    "Robinson, G. K. (1991). That BLUP is a good thing. Statistical Science, 6, 15-32",
    "Putka, D. J., Le, H., McCloy, R. A., & Diaz, T. (2008). Journal of Applied Psychology, 93, 959-981",
    "Venzon, D. J., & Moolgavkar, S. H. (1988). Applied Statistics, 37, 87-94",
)


def rater_severity(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    min_units: int = 1,
    confidence: float = 0.95,
    interval: Literal["analytic", "none"] = "analytic",
) -> Estimate:
    """How much raters differ in severity, each rater's severity, and each unit's score before an average panel.

    The value is the standard deviation of severity among raters, in score points. A positive severity is a harsher
    rater: one who gives lower scores than an average rater would give the same units.

        score = intercept + unit effect − severity of the rater + residual,   all effects random

    Severities are shrunken (best linear unbiased predictions): the fewer scores a rater gave, the nearer to 0. Where
    the design falls into parts that share neither units nor raters, severities are centred within each part, because
    a harsh panel and weak units cannot be told apart there; never compare raters of different parts.

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names.
    min_units : raters who scored fewer units are counted but left out of the tables; their scores are used.
    confidence, interval : level; profile likelihood for the SD, normal prediction intervals per rater; "none".

    Returns
    -------
    Estimate
        detail tables keyed by rater: severity, se (prediction error), severity_interval ([low, high]), units_scored,
        component (part of the design, from 0); keyed by unit: fair_score (expected score before an average panel,
        shrunken towards the mean as far as one panel is unreliable), adjusted_mean (mean score plus the mean severity
        of the unit's own raters, not shrunken), observed_mean, unit_component. Also components, raters_left_out,
        min_units, var_unit, var_rater, var_residual, intercept, reliability (of severities: 1 − mean se² / variance,
        at least 0), convergence.

    Raises
    ------
    MeasureInputError
        A missing column, scores that are not numbers, min_units under 1.

    Cautions
    --------
    UNLINKED_RATERS, SMALL_GROUP (raters left out), BOUNDARY (severities do not differ beyond chance: all 0);
    SMALL_SAMPLE, CONSTANT_INPUT, ONE_RATER, SINGLE_RATINGS (value None: not estimable); INCOMPLETE_DESIGN,
    NOT_CONVERGED, MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Variances are pinned by the oracle cases `g_theory_reml_crossed` (lme4); severities by the mixed-model equations
    solved directly and by a balanced design, where they are the raters' mean deviations times a known factor.

    References
    ----------
    .. [1] Robinson (1991), Statistical Science 6, 15-32, equations 1.1 to 1.3.
    .. [2] Putka, Le, McCloy & Diaz (2008), Journal of Applied Psychology 93, 959-981.

    Examples
    --------
    >>> ratings = pl.DataFrame(
    ...     {"unit": [1, 1, 2, 2, 3, 3, 4, 4], "rater": list("abababab"), "score": [5, 3, 3, 1, 4, 3, 6, 3]}
    ... )
    >>> found = rater_severity(ratings)
    >>> found.detail["severity"]["b"] > 0 > found.detail["severity"]["a"]
    True
    """
    check_confidence(confidence)
    if isinstance(min_units, bool) or not isinstance(min_units, int) or min_units < 1:
        raise MeasureInputError(f"expected min_units, a whole number of at least 1, got {min_units!r}")
    if interval not in ("analytic", "none"):
        raise MeasureInputError(f"expected interval analytic or none, got {interval!r}")
    ratings = long_ratings(data, unit=unit, rater=rater, score=score)
    link = linkage(ratings) if ratings.score.size else None
    cautions = ratings.missing_caution()
    why_not = why_not_estimable(ratings, link)
    if link is not None and not why_not and len(ratings.raters) == ratings.score.size:
        why_not = [Caution("INCOMPLETE_DESIGN", "every rater gave one score: severity cannot be told from chance")]
    if link is None or why_not:
        return _none(ratings, [*cautions, *why_not])
    found = crossed_components(ratings)
    cautions += [*linkage_cautions(link), *found.cautions]
    if found.fit is None and found.var_residual > 0:
        cautions.append(Caution("NOT_CONVERGED", "the design is too large for predictions of single raters"))
        return _none(ratings, cautions)
    between: Interval | None = None
    if interval == "analytic":
        between, why = likelihood_interval(found, rater_sd_target(), confidence=confidence)
        cautions += why
    else:
        cautions.append(Caution("NO_INTERVAL", "none was asked for"))
    tables, left_out = _tables(ratings, link, found, min_units, confidence)
    if left_out:
        cautions.append(
            Caution("SMALL_GROUP", f"raters who scored fewer than {min_units} units, not in the tables: {left_out}")
        )
    return Estimate(
        measure="rater_severity",
        method=f"SD of rater effects, {found.method}; severities predicted (BLUP), positive = harsher (lower scores)",
        value=float(np.sqrt(found.var_rater)),
        interval=between,
        n=ratings.counts(),
        cautions=cautions,
        detail=tables
        | {
            "components": link.parts,
            "raters_left_out": left_out,
            "min_units": min_units,
            "var_unit": found.var_unit,
            "var_rater": found.var_rater,
            "var_residual": found.var_residual,
            "intercept": found.intercept,
            "convergence": found.convergence(),
        },
        references=REFERENCES,
    )


def _tables(
    ratings: Ratings, link: Linkage, found: Components, min_units: int, confidence: float
) -> tuple[dict[str, Any], int]:
    size = np.bincount(ratings.unit)
    observed = np.bincount(ratings.unit, ratings.score) / size
    if found.fit is None:
        severity = variance = np.zeros(len(ratings.raters))
        fair = observed
    else:
        likelihood = found.fit.likelihood
        severity = -float(likelihood.gamma[RATER]) * likelihood.effects[RATER]
        fair = likelihood.intercept + float(likelihood.gamma[UNIT]) * likelihood.effects[UNIT]
        variance = prediction_variance(found.design, likelihood, RATER)
    if link.parts > 1:
        severity = _centred(severity, link.part_of_rater)
    se = np.sqrt(np.maximum(variance, 0))
    half = float(ndtri((1 + confidence) / 2)) * se
    adjusted = observed + np.bincount(ratings.unit, severity[ratings.rater]) / size
    shown = np.flatnonzero(link.units_per_rater >= min_units)
    raters = [ratings.raters[code] for code in shown]

    def by_rater(values: npt.NDArray[Any]) -> dict[str, Any]:
        return dict(zip(raters, values[shown].tolist(), strict=True))

    def by_unit(values: npt.NDArray[Any]) -> dict[str, Any]:
        return dict(zip(ratings.units, values.tolist(), strict=True))

    tables = {
        "severity": by_rater(severity),
        "se": by_rater(se),
        "severity_interval": by_rater(np.column_stack([severity - half, severity + half])),
        "units_scored": by_rater(link.units_per_rater.astype(np.int64)),
        "component": by_rater(link.part_of_rater),
        "fair_score": by_unit(fair),
        "adjusted_mean": by_unit(adjusted),
        "observed_mean": by_unit(observed),
        "unit_component": by_unit(link.part_of_unit),
        "reliability": max(0.0, 1 - float(variance.mean()) / found.var_rater) if found.var_rater > 0 else 0.0,
    }
    return tables, int(severity.size - shown.size)


def _centred(values: FloatArray, part: npt.NDArray[np.int64]) -> FloatArray:
    """Values less the mean of their part."""
    return np.asarray(values - (np.bincount(part, values) / np.bincount(part))[part])


def _none(ratings: Ratings, cautions: list[Caution]) -> Estimate:
    return Estimate(
        measure="rater_severity",
        method="SD of rater effects",
        value=None,
        n=ratings.counts(),
        cautions=cautions,
        references=REFERENCES,
    )
