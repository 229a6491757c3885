"""How much the criterion rises with the score, others held constant, and whether it goes on rising at the top."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import stdtr, stdtrit

from fairpanel.measures.columns import (
    Booleans,
    Floats,
    Integers,
    check_choice,
    check_confidence,
    labels,
    missing_rows,
    numbers,
)
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.least_squares import CovarianceKind, Fit, least_squares, wald_f

_REFERENCES = (
    "MacKinnon, J. G., & White, H. (1985). Journal of Econometrics, 29, 305-325 (HC3)",
    "Cameron, A. C., & Miller, D. L. (2015). Journal of Human Resources, 50, 317-372 (clusters)",
    "Jones, J. A., & Waller, N. G. (2015). Psychometrika, 80, 365-378 (standardized slopes)",
    "Ramsey, J. B. (1969). Journal of the Royal Statistical Society B, 31, 350-371 (RESET)",
)
_TITLE = "standardized slope, least squares"
_FEW_CLUSTERS = 20
_EXACT = 1e-18


def criterion_regression(
    data: pl.DataFrame,
    /,
    *,
    x: list[str] | str = "x",
    y: str = "y",
    covariance: CovarianceKind = "hc3",
    cluster: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """How many standard deviations the criterion rises with one of the score, the other scores held constant.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    x : the score, or a list: the slope of the first is the value, the others are held constant.
    y : the criterion, a number.
    covariance : "classical" (even spread), "hc3" (any spread) or "cluster" (rows of one cluster belong together).
    cluster : column of the clusters, such as the manager who rates; needed by and only used with "cluster".

    Returns
    -------
    Estimate
        value: standardized slope b · SD(x) / SD(y). n: people, clusters (with "cluster"). detail: slope, se, t, df, p
        (raw units; two-sided), intercept, r2, adjusted_r2, covariance, standardized (by score), curvature: quadratic
        (standardized slope of the squared first score, t, df, p), bend (slope below and above the median of the first
        score, each with low and high, in raw units, and p of their difference), reset (f, df1, df2, p).

    Cautions
    --------
    Under 20 clusters p is too small in spite of its t with clusters - 1 degrees of freedom, and the interval, on the
    same degrees of freedom, is rough (SMALL_GROUP). Among the hired only, a raw slope suffers less from selection on x
    than a correlation or a standardized slope does.

    Notes
    -----
    With hc3 and cluster the interval is the jackknife's, leaving out one person or cluster at a time: it counts that
    SD(x) and SD(y) are estimates, too, and is wider with few clusters than the usual robust error, which se, t and p
    take. It is made on Fisher's scale where all these slopes lie within ±1 (with one score the slope is r). classical:
    raw limits times SD(x) / SD(y), a little wide for strong relations. RESET adds the squared and cubed fitted values
    and tests them by Wald's F with the chosen covariance.

    References
    ----------
    .. [1] MacKinnon & White 1985. .. [2] Cameron & Miller 2015. .. [3] Jones & Waller 2015. .. [4] Ramsey 1969.

    No oracle: pinned to statsmodels' OLS.

    Examples
    --------
    >>> people = pl.DataFrame({"x": [1, 2, 3, 4, 5, 6], "y": [2, 1, 4, 3, 6, 5]})
    >>> round(criterion_regression(people).value, 6)
    0.828571
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    check_choice("covariance", covariance, ("classical", "hc3", "cluster"))
    if (covariance == "cluster") != (cluster is not None):
        raise MeasureInputError(f"cluster goes with covariance='cluster', got cluster={cluster!r} and {covariance!r}")
    scores, outcomes, groups, cautions = complete_rows(data, x, {"y": y}, cluster)
    criterion = outcomes[:, 0]
    n: dict[str, int] = {"people": len(criterion)}
    if groups is not None:
        n["clusters"] = int(groups.max(initial=-1)) + 1
    why = _unfit(scores, criterion)
    spreads = scores.std(axis=0, ddof=1) if why is None else np.ones(scores.shape[1])
    centred = (scores - scores.mean(axis=0)) / spreads if why is None else scores
    spread_y = float(criterion.std(ddof=1)) if why is None else 1.0
    target = (criterion - criterion.mean()) / spread_y if why is None else criterion
    X = np.column_stack((np.ones(len(scores)), centred))
    fit = None if why else _fit(X, target, covariance, groups)
    if fit is None:
        text = "The scores are collinear, or rows or clusters too few, or the fit is exact: slopes have no error."
        why = why or Caution("NOT_ESTIMABLE", text)
        return Estimate(
            measure="criterion_regression", method=_TITLE, value=None, n=n, cautions=[*cautions, why],
            references=_REFERENCES,
        )  # fmt: skip
    standardized = fit.coefficients[1:]
    value, scale = float(standardized[0]), spread_y / float(spreads[0])
    quantile = float(stdtrit(fit.df_test, (1 + confidence) / 2))
    without = None
    if covariance != "classical":
        without = _leave_out(X, target, np.arange(len(target)) if groups is None else groups)
    error = _error(fit, 1) if without is None else _jackknife_error(without)
    t = float(fit.coefficients[1] / _error(fit, 1))
    r2 = 1 - fit.rss / float(target @ target)
    detail: dict[str, Any] = {
        "slope": value * scale, "se": _error(fit, 1) * scale, "t": t,
        "df": fit.df_test, "p": _p(t, fit.df_test), "se_standardized": error,
        "intercept": float(criterion.mean() - (scores.mean(axis=0) / spreads) @ standardized * spread_y),
        "r2": r2, "adjusted_r2": 1 - (1 - r2) * (len(criterion) - 1) / fit.df_residual, "covariance": covariance,
        "standardized": dict(zip([x] if isinstance(x, str) else x, standardized.tolist(), strict=True)),
        "curvature": {
            "quadratic": _quadratic(X, target, covariance, groups),
            "bend": _bend(X, target, covariance, groups, scale, quantile),
            "reset": _reset(X, target, fit, covariance, groups),
        },
    }  # fmt: skip
    if groups is not None and n["clusters"] < _FEW_CLUSTERS:
        text = f"{n['clusters']} clusters: interval and p take t with {fit.df_test} degrees of freedom and are rough."
        cautions.append(Caution("SMALL_GROUP", text))
    if fit.df_residual < 10:
        cautions.append(Caution("SMALL_SAMPLE", f"{len(criterion)} people for {scores.shape[1]} scores."))
    made = None
    if interval == "analytic":
        low, high = _limits(value, error, without, quantile)
        kind = (
            "classical covariance" if without is None else "jackknife by " + ("person" if groups is None else "cluster")
        )
        made = Interval(low=low, high=high, level=confidence, method=f"{kind}, t with {fit.df_test} df")
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    return Estimate(
        measure="criterion_regression", method=_TITLE, value=value, interval=made, n=n, cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


def complete_rows(
    data: pl.DataFrame, x: list[str] | str, outcomes: dict[str, str], cluster: str | None
) -> tuple[Floats, Floats, Integers | None, list[Caution]]:
    """Scores, outcomes (rows by columns; roles with their columns) and cluster numbers of the rows that have them all."""
    names = [x] if isinstance(x, str) else x
    if not isinstance(names, list) or not names or len(set(names)) < len(names):
        raise MeasureInputError(f"x takes a column or a list of different columns, got {x!r}")
    scores = np.column_stack([numbers(data, name, "x") for name in names])
    criteria = np.column_stack([numbers(data, name, role) for role, name in outcomes.items()])
    present: Booleans = np.isfinite(np.column_stack((scores, criteria)).sum(axis=1))
    needed = [*names, *outcomes.values()]
    groups: Integers | None = None
    if cluster is not None:
        codes = labels(data, cluster, "cluster")
        present &= codes.present
        groups = np.unique(codes.codes[present], return_inverse=True)[1]
        needed.append(cluster)
    cautions = missing_rows(present, f"{', '.join(needed[:-1])} or {needed[-1]}")
    return scores[present], criteria[present], groups, cautions


def _unfit(scores: Floats, criterion: Floats) -> Caution | None:
    if len(criterion) < scores.shape[1] + 3:
        text = f"{len(criterion)} complete rows: {scores.shape[1]} scores need at least {scores.shape[1] + 3}."
        return Caution("SMALL_SAMPLE", text)
    if min(float(np.ptp(each)) for each in (*scores.T, criterion)) == 0:
        return Caution("CONSTANT_INPUT", "A score or the criterion does not vary: there is no slope.")
    return None


def _fit(X: Floats, y: Floats, covariance: CovarianceKind, groups: Integers | None) -> Fit | None:
    """Least squares; None also where the fit is exact to rounding or an error is not a positive number."""
    fit = least_squares(X, y, covariance, groups)
    if fit is None or fit.rss <= _EXACT * float(y @ y):
        return None
    return fit if bool(np.all(np.diag(fit.covariance)[1:] > 0)) else None


def _error(fit: Fit, at: int) -> float:
    return math.sqrt(float(fit.covariance[at, at]))


def _limits(value: float, error: float, without: Floats | None, quantile: float) -> tuple[float, float]:
    """On Fisher's scale where the jackknife ran and every slope lies within ±1, on the slope's own scale otherwise."""
    if without is None or max(abs(value), float(np.abs(without).max())) >= 1:
        return value - quantile * error, value + quantile * error
    half = quantile * _jackknife_error(np.arctanh(without))
    return math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half)


def _jackknife_error(without: Floats) -> float:
    return math.sqrt((without.size - 1) / without.size * float(((without - without.mean()) ** 2).sum()))


def _leave_out(X: Floats, y: Floats, groups: Integers) -> Floats | None:
    """Standardized first slopes without each group in turn, by sums of products.

    None where the rest without some group does not determine the slopes.
    """
    columns = np.column_stack((X, y))
    count, k = int(groups.max()) + 1, columns.shape[1]
    sums = np.stack([
        np.bincount(groups, columns[:, i] * columns[:, j], minlength=count) for i in range(k) for j in range(k)
    ], axis=1).reshape(count, k, k)  # fmt: skip
    rest = sums.sum(axis=0) - sums
    people = rest[:, 0, 0]
    spread = rest[:, range(k), range(k)] - rest[:, 0] ** 2 / np.maximum(people, 1)[:, None]
    scale = np.sqrt(rest[:, range(k - 1), range(k - 1)])
    if people.min() < k or scale.min() <= 0:
        return None
    scaled = rest[:, :-1, :-1] / (scale[:, :, None] * scale[:, None, :])
    if spread[:, 1:].min() <= _EXACT * len(y) or np.linalg.cond(scaled).max() > 1e10:
        return None
    slopes = np.linalg.solve(scaled, (rest[:, :-1, -1] / scale)[:, :, None])[:, 1, 0] / scale[:, 1]
    standardized: Floats = slopes * np.sqrt(spread[:, 1] / spread[:, -1])
    return standardized


def _quadratic(X: Floats, y: Floats, covariance: CovarianceKind, groups: Integers | None) -> dict[str, float] | None:
    fit = _fit(np.column_stack((X, X[:, 1] ** 2)), y, covariance, groups)
    if fit is None:
        return None
    t = float(fit.coefficients[-1] / _error(fit, -1))
    return {"slope": float(fit.coefficients[-1]), "t": t, "df": fit.df_test, "p": _p(t, fit.df_test)}


def _bend(
    X: Floats, y: Floats, covariance: CovarianceKind, groups: Integers | None, scale: float, quantile: float
) -> dict[str, Any] | None:
    """Slopes of a line that may bend at the median of the first score."""
    median = float(np.median(X[:, 1]))
    below, above = np.minimum(X[:, 1] - median, 0), np.maximum(X[:, 1] - median, 0)
    fit = _fit(np.column_stack((X[:, :1], below, above, X[:, 2:])), y, covariance, groups)
    if fit is None:
        return None
    variance = float(fit.covariance[1, 1] + fit.covariance[2, 2] - 2 * fit.covariance[1, 2])
    if variance <= 0:
        return None
    sides = {
        name: {
            "slope": float(fit.coefficients[at]) * scale,
            "low": float(fit.coefficients[at] - quantile * _error(fit, at)) * scale,
            "high": float(fit.coefficients[at] + quantile * _error(fit, at)) * scale,
        }
        for name, at in (("below", 1), ("above", 2))
    }
    t = float(fit.coefficients[2] - fit.coefficients[1]) / math.sqrt(variance)
    return sides | {"t": t, "df": fit.df_test, "p": _p(t, fit.df_test)}


def _reset(
    X: Floats, y: Floats, fit: Fit, covariance: CovarianceKind, groups: Integers | None
) -> dict[str, float] | None:
    fitted = y - fit.residuals
    spread = float(fitted.std())
    if spread <= 1e-9 * float(y.std()):
        return None
    fitted = (fitted - fitted.mean()) / spread
    more = _fit(np.column_stack((X, fitted**2, fitted**3)), y, covariance, groups)
    tested = None if more is None else wald_f(more, [X.shape[1], X.shape[1] + 1])
    if tested is None or not 0 <= tested[0] < math.inf:
        return None
    return dict(zip(("f", "df1", "df2", "p"), tested, strict=True))


def _p(t: float, df: int) -> float:
    return min(1.0, 2 * float(stdtr(df, -abs(t))))
