"""Two conditions of the same candidates (stages of interview, roles of interviewers): severity, and what they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import stdtrit

from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.mixed_models.components import crossed_components
from fairpanel.measures.mixed_models.linkage import linkage, why_not_estimable
from fairpanel.measures.panel import Ratings
from fairpanel.measures.reliability.paired import Pair, pair_conditions, unit_means, unit_weights
from fairpanel.measures.resampling import check_confidence

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

GROUPS = 40
"""Groups of units that the jackknife leaves out in turn."""
FEWEST = 10
"""Units that must have been scored in both conditions."""
REFERENCES = (
    "Brennan, R. L. (2001). Generalizability Theory. Springer (multivariate components, universe-score correlation)",
    "Satterthwaite, F. E. (1946). An approximate distribution of estimates of variance components. Biometrics, 2, 110-114",
)
JACKKNIFE = "Kott, P. S. (2001). The delete-a-group jackknife. Journal of Official Statistics, 17, 521-526"


def condition_difference(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    condition: str = "condition",
    first: str | None = None,
    second: str | None = None,
    confidence: float = 0.95,
    interval: Literal["analytic", "none"] = "analytic",
) -> Estimate:
    """How much higher the same units score in one condition than in another: user against HR interview, for example.

        D = mean over units of (mean score in first − mean score in second)

    Above 0 the first condition is the more lenient. Units scored in one condition only are left out and counted.

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    unit, rater, score, condition : column names; condition holds what is contrasted (a stage, a role of raters).
    first, second : the two conditions; by default the two that the column holds, in alphabetical order.
    confidence, interval : "analytic" allows for the units and for the raters as samples of more (t with Satterthwaite's
        degrees of freedom); "none".

    Returns
    -------
    Estimate
        value D in score units; detail first, second, mean_first, mean_second, sd_first, sd_second (of single scores of
        the units compared), standardized (D over the root mean square of these), se, df, var_rater and counts by condition.

    Raises
    ------
    MeasureInputError
        A missing column, scores that are not numbers, more than two conditions without a choice, an unknown one.

    Cautions
    --------
    RANGE_RESTRICTED (units in one condition only), SMALL_SAMPLE (fewer than ten units: value None), CONSTANT_INPUT,
    ONE_RATER (a condition with one rater: their severity is part of the difference), MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    var(D) = s²(d)/N + Σ_c σ²_c Σ_r [(Σ_o a_o)² − Σ_o a_o²]: the scatter of the units' differences d, and what raters
    who scored several units add to it, a_o being the weight of score o in D. Rater variances by REML, in each condition
    by itself. Pinned by simulation and by the paired t interval, which it is where nobody scores two units.

    References
    ----------
    .. [1] Brennan (2001), Generalizability Theory, chapter 9.
    .. [2] Satterthwaite (1946), Biometrics Bulletin 2, 110-114.

    Examples
    --------
    >>> frame = pl.DataFrame({"unit": list(range(12)) * 2, "condition": ["hr"] * 12 + ["user"] * 12})
    >>> frame = frame.with_columns(rater=pl.int_range(24), score=pl.Series([3.0, 4, 5] * 4 + [2.0, 4, 4] * 4))
    >>> round(condition_difference(frame).value, 3)
    0.667
    """
    _check(confidence, interval)
    pair = pair_conditions(data, unit, rater, score, condition, first, second)
    cautions = pair.cautions()
    method = f"mean of paired differences, {pair.names[0]} minus {pair.names[1]}; units and raters random"
    if pair.units < FEWEST:
        return _none("condition_difference", method, pair, cautions)
    weights = [unit_weights(part) / pair.units for part in (pair.first, pair.second)]
    means = [unit_means(part) for part in (pair.first, pair.second)]
    differences = means[0] - means[1]
    value = float(differences.mean())
    parts, degrees, variances = [float(differences.var(ddof=1)) / pair.units], [pair.units - 1], []
    for name, part, weight in zip(pair.names, (pair.first, pair.second), weights, strict=True):
        if len(part.raters) == 1:
            cautions.append(Caution("ONE_RATER", f"{name}: one rater, whose severity is part of the difference"))
        variance = _rater_variance(part)
        together = np.bincount(part.rater, weight, len(part.raters))
        parts.append(variance * float(together @ together - weight @ weight))
        degrees.append(max(len(part.raters) - 1, 1))
        variances.append(variance)
    variance_of_mean = float(sum(parts))
    df = variance_of_mean**2 / float(sum(p**2 / d for p, d in zip(parts, degrees, strict=True)) or np.inf)
    spreads = [float(part.score.std(ddof=1)) for part in (pair.first, pair.second)]
    pooled = float(np.sqrt(np.mean(np.square(spreads))))
    between: Interval | None = None
    if interval == "none":
        cautions.append(Caution("NO_INTERVAL", "none was asked for"))
    elif variance_of_mean <= 0:
        cautions.append(Caution("CONSTANT_INPUT", "all units differ by the same amount"))
        cautions.append(Caution("NO_INTERVAL", "differences without scatter: nothing to take an interval from"))
    else:
        half = float(stdtrit(df, (1 + confidence) / 2)) * variance_of_mean**0.5
        between = Interval(
            low=value - half,
            high=value + half,
            level=confidence,
            method="t, units and raters random, Satterthwaite degrees of freedom",
        )
    return Estimate(
        measure="condition_difference",
        method=method,
        value=value,
        interval=between,
        n=pair.counts(),
        cautions=cautions,
        detail={
            "first": pair.names[0],
            "second": pair.names[1],
            "mean_first": float(means[0].mean()),
            "mean_second": float(means[1].mean()),
            "sd_first": spreads[0],
            "sd_second": spreads[1],
            "standardized": value / pooled if pooled > 0 else None,
            "se": variance_of_mean**0.5,
            "df": df if variance_of_mean > 0 else None,
            "var_rater": dict(zip(pair.names, variances, strict=True)),
            "counts": pair.counts_by_condition(),
        },
        references=REFERENCES,
    )


def condition_correlation(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    condition: str = "condition",
    first: str | None = None,
    second: str | None = None,
    confidence: float = 0.95,
    interval: Literal["analytic", "none"] = "analytic",
    seed: int = 0,
) -> Estimate:
    """How far two conditions tell the same units apart: the correlation of what each would say with endless raters.

        ρ = cov(mean first, mean second) / sqrt(var_unit(first) · var_unit(second))

    1: both rank the units alike, and what differs is chance and severity; 0: they see different things. Unit variances
    are REML components of each condition; the covariance is free of rater error, as the scores of someone who scored a
    unit in both conditions are left out of the second.

    Parameters
    ----------
    data, unit, rater, score, condition, first, second : as in `condition_difference`.
    confidence, interval : "analytic" is a delete-a-group jackknife over units (40 groups drawn with `seed`, t); "none".

    Returns
    -------
    Estimate
        value ρ, which may leave [−1, 1] by chance (BOUNDARY); detail first, second, observed (correlation of the
        units' mean scores), observed_interval, covariance, components by condition (unit, rater, residual, reliability
        of the units' mean scores), se, groups, shared_scores_left_out,
        counts by condition.

    Raises
    ------
    MeasureInputError
        As `condition_difference`.

    Cautions
    --------
    SINGLE_RATINGS (a condition with one rater a unit: value None, the observed correlation stands in detail),
    BOUNDARY, RANGE_RESTRICTED, SMALL_SAMPLE, CONSTANT_INPUT, ONE_RATER, DEPENDENT_SCORES, MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by the correlation of true scores in simulated designs and, in complete ones, by the classical correction
    for attenuation.

    References
    ----------
    .. [1] Brennan (2001), Generalizability Theory, sections 9.1 and 9.2.
    .. [2] Kott (2001), Journal of Official Statistics 17, 521-526.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> true = np.repeat(rng.normal(size=60), 4)
    >>> frame = pl.DataFrame(
    ...     {
    ...         "unit": np.repeat(np.arange(60), 4),
    ...         "rater": np.tile(["a", "b", "c", "d"], 60),
    ...         "condition": np.tile(["hr", "hr", "user", "user"], 60),
    ...         "score": true + rng.normal(size=240),
    ...     }
    ... )
    >>> condition_correlation(frame).interval.low > 0.5
    True
    """
    _check(confidence, interval)
    pair = pair_conditions(data, unit, rater, score, condition, first, second)
    cautions = pair.cautions()
    method = f"universe-score correlation of {pair.names[0]} and {pair.names[1]}, REML components and moments"
    if pair.units < FEWEST:
        return _none("condition_correlation", method, pair, cautions)
    detail: dict[str, Any] = {"first": pair.names[0], "second": pair.names[1]}
    detail |= _observed(pair, confidence)
    hindrances = [
        Caution(one.code, f"{name}: {one.text}")
        for name, part in zip(pair.names, (pair.first, pair.second), strict=True)
        for one in why_not_estimable(part, linkage(part))
    ]
    cautions += hindrances
    dropped = int(pair.shared.sum())
    if dropped:
        text = (
            f"{dropped} scores by raters who had scored the unit in the other condition are left out of the covariance"
        )
        cautions.append(Caution("DEPENDENT_SCORES", text))
    whole = None if hindrances else _correlation(pair)
    if whole is None:
        if not hindrances:
            cautions.append(Caution("BOUNDARY", "a condition's unit variance is estimated as zero"))
        return _none("condition_correlation", method, pair, cautions, detail)
    if abs(whole.value) > 1:
        cautions.append(Caution("BOUNDARY", "the estimate passes 1 in size, which by chance it may: read it as 1"))
    between: Interval | None = None
    if interval == "none":
        cautions.append(Caution("NO_INTERVAL", "none was asked for"))
    else:
        values = _jackknife(pair, seed)
        if values is None:
            cautions.append(Caution("NO_INTERVAL", "components of some jackknife samples lie on their boundary"))
        else:
            size = values.size
            se = float(np.sqrt((size - 1) / size * np.sum((values - values.mean()) ** 2)))
            detail |= {"se": se, "groups": size}
            half = float(stdtrit(size - 1, (1 + confidence) / 2)) * se
            between = Interval(
                low=whole.value - half,
                high=whole.value + half,
                level=confidence,
                method=f"delete-a-group jackknife over units, {size} groups, t",
            )
    return Estimate(
        measure="condition_correlation",
        method=method,
        value=whole.value,
        interval=between,
        n=pair.counts(),
        cautions=cautions,
        detail=detail
        | {
            "covariance": whole.covariance,
            "components": whole.components,
            "shared_scores_left_out": dropped,
            "counts": pair.counts_by_condition(),
        },
        references=[*REFERENCES[:1], JACKKNIFE],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Correlation:
    value: float
    covariance: float
    components: dict[str, dict[str, float]]


def _correlation(pair: Pair) -> _Correlation | None:
    """None where a unit variance is zero or nothing is left of the second condition."""
    components = {}
    for name, part in zip(pair.names, (pair.first, pair.second), strict=True):
        found = crossed_components(part)
        error = (found.var_rater + found.var_residual) * float(np.mean(1 / np.bincount(part.unit)))
        components[name] = {
            "unit": found.var_unit,
            "rater": found.var_rater,
            "residual": found.var_residual,
            "reliability": found.var_unit / (found.var_unit + error) if found.var_unit > 0 else 0.0,
        }
    variances = [components[name]["unit"] for name in pair.names]
    kept = ~pair.shared
    if min(variances) <= 0 or not kept.any():
        return None
    size = np.bincount(pair.second.unit[kept], minlength=pair.units)
    second = np.bincount(pair.second.unit[kept], pair.second.score[kept], pair.units) / np.maximum(size, 1)
    both = size > 0
    if np.count_nonzero(both) < FEWEST:
        return None
    covariance = float(np.cov(unit_means(pair.first)[both], second[both])[0, 1])
    return _Correlation(
        value=covariance / float(np.sqrt(variances[0] * variances[1])), covariance=covariance, components=components
    )


def _jackknife(pair: Pair, seed: int) -> FloatArray | None:
    """The correlation without each group of units in turn."""
    groups = min(GROUPS, pair.units)
    group = np.random.default_rng(seed).permutation(pair.units) % groups
    values = []
    for left_out in range(groups):
        kept = group != left_out
        first, second = kept[pair.first.unit], kept[pair.second.unit]
        part = Pair(
            first=pair.first.select(first),
            second=pair.second.select(second),
            names=pair.names,
            left_out=0,
            missing=0,
            shared=pair.shared[second],
        )
        if any(why_not_estimable(one, linkage(one)) for one in (part.first, part.second)):
            return None
        found = _correlation(part)
        if found is None:
            return None
        values.append(found.value)
    return np.array(values)


def _observed(pair: Pair, confidence: float) -> dict[str, Any]:
    """Correlation of the units' mean scores, with Fisher's interval."""
    means = [unit_means(part) for part in (pair.first, pair.second)]
    if min(np.ptp(one) for one in means) == 0:
        return {"observed": None, "observed_interval": None}
    r = float(np.corrcoef(means[0], means[1])[0, 1])
    if abs(r) >= 1:
        return {"observed": r, "observed_interval": None}
    half = float(stdtrit(np.inf, (1 + confidence) / 2)) / (pair.units - 3) ** 0.5
    return {"observed": r, "observed_interval": [float(np.tanh(np.arctanh(r) + sign * half)) for sign in (-1, 1)]}


def _rater_variance(part: Ratings) -> float:
    """By REML with units and raters, or with raters alone where every unit has one score."""
    link = linkage(part)
    if not why_not_estimable(part, link):
        return crossed_components(part).var_rater
    if len(part.raters) < 2 or len(part.raters) == part.score.size or np.ptp(part.score) == 0:
        return 0.0
    turned = Ratings(
        score=part.score,
        unit=part.rater,
        rater=part.unit,
        item=part.item,
        units=part.raters,
        raters=part.units,
        items=(),
        missing=0,
    )
    return crossed_components(turned, rater_effect=False).var_unit


def _check(confidence: float, interval: str) -> None:
    check_confidence(confidence)
    if interval not in ("analytic", "none"):
        raise MeasureInputError(f"expected interval analytic or none, got {interval!r}")


def _none(
    measure: str, method: str, pair: Pair, cautions: Sequence[Caution], detail: dict[str, Any] | None = None
) -> Estimate:
    few = [Caution("SMALL_SAMPLE", f"{pair.units} units were scored in both conditions, under {FEWEST}")]
    return Estimate(
        measure=measure,
        method=method,
        value=None,
        n=pair.counts(),
        cautions=[*cautions, *(few if pair.units < FEWEST else [])],
        detail=detail or {},
        references=REFERENCES,
    )
