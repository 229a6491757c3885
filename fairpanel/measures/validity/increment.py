"""What one interview or score adds to the prediction of performance by what is known already."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import fdtrc

from fairpanel.measures.columns import Floats, check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.resampling import bootstrap_interval, cluster_bootstrap
from fairpanel.measures.validity.criterion import fisher_interval
from fairpanel.measures.validity.multiple_correlation import (
    collinear,
    column_names,
    complete_rows,
    correlations,
    r_squared,
    r_squared_limits,
)

_REFERENCES = (
    "Cohen, J., Cohen, P., West, S. G., & Aiken, L. S. (2003). Applied Multiple Regression (3rd ed.), ch. 5",
    "Fisher, R. A. (1928). Proceedings of the Royal Society A, 121, 654-673 (distribution of R²)",
    "Zou, G. Y., & Donner, A. (2008). Statistics in Medicine, 27, 1693-1702 (interval of a product)",
)
_TITLE = "increment of R² by least squares"


def incremental_validity(
    data: pl.DataFrame,
    /,
    *,
    base: list[str] | str | None = None,
    added: list[str] | str | None = None,
    y: str = "y",
    interval: Literal["analytic", "bootstrap", "none"] = "analytic",
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 1,
) -> Estimate:
    """How much more of the differences in performance added scores explain, over and above the scores known before.

    Parameters
    ----------
    data : one row a person; rows with a missing value in any column are left out and counted.
    base : columns of the scores known before, such as the HR interview.
    added : columns of the scores added, such as the user interview.
    y : column of the criterion.
    interval : "analytic" (jointly normal scores), "bootstrap" (percentile, by person: too high where little is added,
        since R² never falls) or "none".

    Returns
    -------
    Estimate
        value: delta R², from 0 to 1. n: people. detail: r2_base, r2_full, adjusted_r2_base, adjusted_r2_full,
        adjusted_delta_r2, f, df1, df2, p (of nothing added in the population), partial_r2 (delta R² over what the base
        left unexplained), semipartial_r (one added score: signed).

    Raises
    ------
    MeasureInputError
        base or added is missing, or a column plays two roles.

    Cautions
    --------
    Delta R² of a sample is above 0 even where nothing is added: read f and p, or adjusted_delta_r2. Among the hired
    alone both steps are subject to range restriction, the score that decided more than the others.

    Notes
    -----
    F = (delta R² / df1) / ((1 - R²_full) / df2), df1 added columns, df2 = n - 1 - all columns. Interval: limits of
    the partial R² (one added score: Fisher z of the partial correlation, squared; several: the exact distribution
    for jointly normal scores) times 1 - R²_base, the two errors joined by Zou & Donner's rule for products.

    References
    ----------
    .. [1] Cohen et al. 2003. .. [2] Fisher 1928. .. [3] Zou & Donner 2008.

    Pinned by the oracle incremental_validity (R lm and anova).

    Examples
    --------
    >>> people = pl.DataFrame({"hr": [1, 2, 3, 4, 1, 2, 3, 4], "user": [1, 1, 1, 1, 2, 2, 2, 2],
    ...                        "y": [1.0, 2.0, 3.0, 4.0, 2.0, 3.0, 4.0, 5.5]})
    >>> estimate = incremental_validity(people, base=["hr"], added=["user"])
    >>> round(estimate.value, 4), round(estimate.detail["r2_base"], 4)
    (0.178, 0.8127)
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "bootstrap", "none"))
    before, after = column_names(base, "base"), column_names(added, "added")
    twice = sorted(set(before) & set(after) | ({y} & {*before, *after}))
    if twice:
        raise MeasureInputError(f"base, added and y must be different columns, got {', '.join(twice)} twice")
    roles = ["base"] * len(before) + ["added"] * len(after) + ["y"]
    values, cautions = complete_rows(data, [*before, *after, y], roles)
    n, k_base, k_added = len(values), len(before), len(after)
    found = _increment(values, k_base) if n > k_base + k_added + 1 else None
    if found is None:
        return Estimate(
            measure="incremental_validity", method=_TITLE, value=None, n={"people": n},
            cautions=[*cautions, _why_none(values, k_base + k_added)], references=_REFERENCES,
        )  # fmt: skip
    r2_base, r2_full = found
    delta, df2 = r2_full - r2_base, n - 1 - k_base - k_added
    left = 1 - r2_base
    exact = r2_full > 1 - 1e-12
    f = math.inf if exact else delta / k_added / ((1 - r2_full) / df2)
    adjusted = [1 - (1 - each) * (n - 1) / (n - 1 - k) for each, k in ((r2_base, k_base), (r2_full, k_base + k_added))]
    partial = min(1.0, delta / left) if left > 1e-12 else 0.0
    detail: dict[str, Any] = {
        "r2_base": r2_base, "r2_full": r2_full, "adjusted_r2_base": adjusted[0], "adjusted_r2_full": adjusted[1],
        "adjusted_delta_r2": adjusted[1] - adjusted[0], "f": f, "df1": k_added, "df2": df2,
        "p": 0.0 if exact else float(fdtrc(k_added, df2, f)), "partial_r2": partial,
    }  # fmt: skip
    if k_added == 1:
        detail["semipartial_r"] = math.copysign(math.sqrt(delta), _last_slope_sign(values))
    if exact:
        cautions.append(Caution("BOUNDARY", "The scores give the criterion exactly: there is no error to judge by."))
    made = None
    if interval == "bootstrap":

        def replicate(rows: Any) -> float | None:
            drawn = _increment(values[rows], k_base)
            return None if drawn is None else drawn[1] - drawn[0]

        draws = cluster_bootstrap(replicate, n, replicates=replicates, seed=seed)
        made = bootstrap_interval(draws, estimate=delta, confidence=confidence)
    elif interval == "analytic" and df2 > 2 and not exact:
        made = _analytic(delta, r2_base, partial, n, k_base, k_added, confidence)
    if made is None:
        why_not = "none was asked for" if interval == "none" else "too few people, or no error in the criterion"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    if df2 < 10 * (k_base + k_added):
        cautions.append(Caution("SMALL_SAMPLE", f"{n} people for {k_base + k_added} scores: R² is too high by chance."))
    return Estimate(
        measure="incremental_validity", method=_TITLE, value=delta, interval=made, n={"people": n}, cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _increment(values: Floats, k_base: int) -> tuple[float, float] | None:
    """R² of the base and of all; None where a column is constant or the predictors are collinear."""
    matrix = correlations(values)
    if matrix is None or collinear(matrix[:-1, :-1]):
        return None
    last = matrix.shape[0] - 1
    r2_base = r_squared(matrix, range(k_base), last)
    return r2_base, max(r2_base, r_squared(matrix, range(last), last))


def _last_slope_sign(values: Floats) -> float:
    centred = values - values.mean(axis=0)
    before, added, y = centred[:, :-2], centred[:, -2], centred[:, -1]
    return float(y @ added - (before.T @ y) @ np.linalg.solve(before.T @ before, before.T @ added))


def _analytic(
    delta: float, r2_base: float, partial: float, n: int, k_base: int, k_added: int, confidence: float
) -> Interval:
    if k_added == 1:
        ends = fisher_interval(math.sqrt(partial), 1 / math.sqrt(n - 3 - k_base), confidence, "")
        low, high = max(0.0, ends.low) ** 2, max(ends.low**2, ends.high**2)
        method = "Fisher z of the partial correlation"
    else:
        low, high = r_squared_limits(partial, k_added, n - 1 - k_base, confidence)
        method = "exact for the partial R² of normal scores"
    base_low, base_high = r_squared_limits(r2_base, k_base, n - 1, confidence)
    left = 1 - r2_base
    below = math.hypot((partial - low) * left, partial * (base_high - r2_base))
    above = math.hypot((high - partial) * left, partial * (r2_base - base_low))
    return Interval(
        low=max(0.0, delta - below),
        high=min(1.0, delta + above),
        level=confidence,
        method=f"{method}, joined with R² of the base",
    )


def _why_none(values: Floats, predictors: int) -> Caution:
    if len(values) <= predictors + 1:
        return Caution(
            "SMALL_SAMPLE", f"{len(values)} complete rows: {predictors} scores need at least {predictors + 2}."
        )
    if correlations(values) is None:
        return Caution("CONSTANT_INPUT", "A score or the criterion does not vary.")
    return Caution("NOT_ESTIMABLE", "The scores are collinear: what one adds to the others is not determined.")
