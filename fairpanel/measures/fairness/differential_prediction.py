"""Does the interview score predict performance by the same line in every group? Cleary's moderated regression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import stdtr, stdtrit

from fairpanel.measures.columns import (
    Floats,
    Integers,
    check_choice,
    check_confidence,
    labels,
    missing_rows,
    numbers,
    one_of,
)
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.fairness.contingency import no_value, one_group_only
from fairpanel.measures.fairness.errors_in_variables import check_reliability, true_score_lines
from fairpanel.measures.fairness.power import detectable_coefficient
from fairpanel.measures.least_squares import CovarianceKind, Fit, least_squares, wald_f

_REFERENCES = (
    "Cleary, T. A. (1968). Journal of Educational Measurement, 5, 115-124",
    "Lautenschlager, G. J., & Mendoza, J. L. (1986). Applied Psychological Measurement, 10, 133-139",
    "MacKinnon, J. G., & White, H. (1985). Journal of Econometrics, 29, 305-325 (hc3)",
    "Bell, R. M., & McCaffrey, D. F. (2002). Survey Methodology, 28, 169-181 (degrees of freedom with hc3)",
)
_ERRORS_IN_X = (
    "Linn, R. L., & Werts, C. E. (1971). Journal of Educational Measurement, 8, 1-4",
    "Fuller, W. A. (1987). Measurement Error Models. Wiley, section 1.2",
)
_FEWEST = 3  # people a group needs for a line and an error


@dataclass(frozen=True, slots=True)
class _Sample:
    """Complete rows: predictor, criterion, group code (0 is the reference), names in the order of the codes."""

    x: Floats
    y: Floats
    code: Integers
    names: list[str]
    clusters: Integers | None

    def dummies(self) -> Floats:
        columns: Floats = (self.code[:, None] == np.arange(1, len(self.names))[None, :]).astype(np.float64)
        return columns


def differential_prediction(
    data: pl.DataFrame,
    /,
    *,
    x: str = "x",
    y: str = "y",
    group: str = "group",
    reference: str | None = None,
    focal: str | None = None,
    covariance: Literal["classical", "hc3", "cluster"] = "classical",
    cluster: str | None = None,
    alpha: float = 0.05,
    reliability: float | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """Whether the same interview score promises the same performance in every group: slopes and intercepts compared.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    x, y, group : columns of the predictor (interview score), the criterion (performance) and the group.
    reference : group whose line is the baseline; the largest by default.
    focal : group whose slope difference is the value. With more than two groups and none named it is the one with
        the largest difference in size, and the interval is not widened for that choice.
    covariance : "classical" (equal error variance), "hc3" (any), or "cluster" (rows of a `cluster` belong together,
        such as candidates of one panel).
    alpha : level of the step-down's decisions.
    reliability : of x within groups, taken as known; adds what its lack does to the tests.

    Returns
    -------
    Estimate
        value: slope of the focal minus that of the reference group, in units of y per unit of x. n: people, focal,
        reference. detail: omnibus_f, omnibus_p (slopes and intercepts together, against one common line), slope_f,
        slope_p, intercept_f, intercept_p (lines of equal slope against one line), intercept_given_slopes_f and _p,
        each with df1 and df2; r2_x, r2_x_g, r2_full; coef_names, coef, se, t, p (full model: intercept, x, groups in
        alphabetical order, products), se_hc3, common_slope_coef, common_slope_se; coefficients (the same as rows);
        lines (n, intercept, slope and mean residual from the common line, by group: a negative mean residual is
        overprediction); step_down (what differs: none, intercepts, slopes, slopes and intercepts);
        minimum_detectable; with a reliability: errors_in_variables (reliability; lines, slope_difference and
        intercept_difference on true scores, the latter for equal slopes, with low, high, se, df, p; within_slope;
        observed_intercept_difference and artefact, what of it unreliability alone makes, in points of y).

    Cautions
    --------
    Little power against slope differences with small groups: read minimum_detectable beside a null result. Unreliable
    scores make intercepts differ where groups differ in mean score: give the reliability. Only the hired have a
    criterion: selection on the score narrows x, in the focal group perhaps more. Selection on x alone leaves the lines
    as they are; selection on more than x does not. ASSUMED_RELIABILITY: lines on true scores hold for the reliability
    given, one for all groups, in the people at hand; hiring by x lowers it.

    Notes
    -----
    Step-down: omnibus first; only when it rejects, slopes; then intercepts, within equal slopes if these did not
    differ. F tests compare nested models (classical) or are Wald tests. With hc3 the interval of the slope difference
    takes Satterthwaite degrees of freedom from the groups' own regressions, since the full model is one per group.
    True scores: slope b / rel; artefact = β (1 - rel) (mean x focal - mean x reference), β = b within groups / rel.

    References
    ----------
    .. [1] Cleary 1968. .. [2] Lautenschlager & Mendoza 1986. .. [3] MacKinnon & White 1985.
    .. [4] Bell & McCaffrey 2002. .. [5] Linn & Werts 1971. .. [6] Fuller 1987.

    Pinned by the oracle cleary_moderated_regression (R lm and anova, statsmodels with HC3).

    Examples
    --------
    >>> people = pl.DataFrame({
    ...     "x": [1, 2, 3, 4, 1, 2, 3, 4], "y": [1.0, 2.1, 2.9, 4.0, 1.0, 1.6, 1.9, 2.5],
    ...     "group": ["m"] * 4 + ["f"] * 4})
    >>> round(differential_prediction(people, reference="m").value, 6)
    -0.5
    """
    check_confidence(confidence)
    check_choice("covariance", covariance, ("classical", "hc3", "cluster"))
    check_choice("interval", interval, ("analytic", "none"))
    if (covariance == "cluster") != (cluster is not None):
        raise MeasureInputError("covariance='cluster' goes with the name of a column as cluster; give both or neither")
    check_reliability(reliability)
    if not 0 < alpha < 1:
        raise MeasureInputError(f"alpha must lie between 0 and 1, got {alpha!r}")
    sample, focal, rule, cautions = _sample(data, x, y, group, reference, focal, cluster)
    title = f"moderated regression with step-down, {covariance} covariance"
    if len(sample.names) < 2:
        return no_value(
            "differential_prediction", title, sample.x.size, [*cautions, one_group_only(sample.names)], {}, _REFERENCES
        )
    fits = _fits(sample, covariance)
    if fits is None:
        why = Caution(
            "CONSTANT_INPUT", "The predictor does not vary within a group, or people or clusters are too few."
        )
        return no_value("differential_prediction", title, sample.x.size, [*cautions, why], {}, _REFERENCES)
    full, common, single = fits["full"], fits["common"], fits["single"]
    spread = float(((sample.y - sample.y.mean()) ** 2).sum())
    if spread <= (1e-13 * float(np.abs(sample.y).max())) ** 2 * sample.y.size or full.rss <= 1e-22 * spread:
        why = Caution(
            "CONSTANT_INPUT", "The criterion does not vary, or lies exactly on the lines: no error to judge by."
        )
        return no_value("differential_prediction", title, sample.x.size, [*cautions, why], {}, _REFERENCES)
    others = len(sample.names) - 1
    slopes = list(range(2 + others, 2 + 2 * others))
    at = _focal_index(sample.names, focal, full.coefficients[slopes])
    chosen_by_size = focal is None and others > 1
    difference, error = float(full.coefficients[slopes[at]]), float(full.errors[slopes[at]])
    df = _satterthwaite(sample, at + 1) if covariance == "hc3" else float(full.df_test)
    detail: dict[str, Any] = {"focal": sample.names[at + 1], "reference": sample.names[0]}
    detail |= _tests(fits, others, alpha)
    detail |= {
        "r2_x": 1 - single.rss / spread,
        "r2_x_g": 1 - common.rss / spread,
        "r2_full": 1 - full.rss / spread,
        **_coefficients(sample, full, fits["hc3"], x),
        "common_slope_coef": common.coefficients.tolist(),
        "common_slope_se": common.errors.tolist(),
        "lines": _lines(sample, full, single),
        "slope_difference_se": error,
        "slope_difference_df": df,
        "minimum_detectable": detectable_coefficient(error, df),
    }
    if reliability is not None:
        detail["errors_in_variables"] = true_score_lines(
            sample.x, sample.y, sample.code, sample.names, at + 1, reliability, confidence
        )
        cautions.append(
            Caution("ASSUMED_RELIABILITY", f"Lines on true scores take x's reliability as {reliability:g}.")
        )
    picked = "; the largest of several differences, interval not widened for that choice" if chosen_by_size else ""
    made = None
    if interval == "analytic":
        half = float(stdtrit(df, (1 + confidence) / 2)) * error
        made = Interval(low=difference - half, high=difference + half, level=confidence, method=f"t, {covariance}")
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval was asked for."))
    counts = np.bincount(sample.code, minlength=len(sample.names))
    smallest = int(counts.min())
    if smallest < 20:
        cautions.append(
            Caution("SMALL_GROUP", f"The smallest group has {smallest} people: its line is hardly determined.")
        )
    if covariance == "cluster" and full.df_test < 10:
        cautions.append(
            Caution("SMALL_SAMPLE", f"Only {full.df_test + 1} clusters: cluster-robust errors are too small.")
        )
    return Estimate(
        measure="differential_prediction",
        method=f"{title}: slope of {sample.names[at + 1]} minus {sample.names[0]} ({rule}){picked}",
        value=difference,
        interval=made,
        n={"people": sample.x.size, "focal": int(counts[at + 1]), "reference": int(counts[0])},
        cautions=cautions,
        detail=detail,
        references=_REFERENCES + (() if reliability is None else _ERRORS_IN_X),
    )


def _sample(
    data: pl.DataFrame, x: str, y: str, group: str, reference: str | None, focal: str | None, cluster: str | None
) -> tuple[_Sample, str | None, str, list[Caution]]:
    """Complete rows of the groups large enough for a line, the reference first."""
    predictor, criterion, found = numbers(data, x, "x"), numbers(data, y, "y"), labels(data, group, "group")
    present = found.present & ~np.isnan(predictor) & ~np.isnan(criterion)
    roles = f"{x}, {y} or {group}"
    panels = None
    if cluster is not None:
        panels = labels(data, cluster, "cluster")
        present &= panels.present
        roles = f"{x}, {y}, {group} or {cluster}"
    cautions = missing_rows(present, roles)
    sizes = np.bincount(found.codes[present], minlength=len(found.names))
    if focal is not None:
        focal = one_of(found.names, focal, "focal", group)
    if reference is not None:
        reference = one_of(found.names, reference, "reference", group)
    if reference is not None and reference == focal:
        raise MeasureInputError(f"focal and reference are the same group {focal!r}; name two groups of {group!r}")
    kept = [name for name, size in zip(found.names, sizes, strict=True) if size >= _FEWEST]
    cautions += [
        Caution("SMALL_GROUP", f"{name}: {size} people with all values, too few for a line: left out.")
        for name, size in zip(found.names, sizes, strict=True)
        if 0 < size < _FEWEST
    ]
    rule = "reference as named" if reference is not None else "reference: the largest group"
    if reference is None:
        candidates = [name for name in kept if name != focal]
        reference = max(candidates, key=lambda name: int(sizes[found.names.index(name)]), default=None)
    names = [name for name in kept if name != reference]
    if reference not in kept or (focal is not None and focal not in kept):
        names = []  # a group that was asked for has too few people: nothing to compare
    elif reference is not None:
        names = [reference, *names]
    recode = np.full(len(found.names) + 1, -1, dtype=np.int64)
    for position, name in enumerate(names):
        recode[found.names.index(name)] = position
    code = recode[found.codes]
    used = present & (code >= 0)
    clusters = None
    if panels is not None:
        clusters = np.unique(panels.codes[used], return_inverse=True)[1].astype(np.int64)
    return _Sample(predictor[used], criterion[used], code[used], names, clusters), focal, rule, cautions


def _fits(sample: _Sample, covariance: CovarianceKind) -> dict[str, Fit] | None:
    """The step-down's models: full, equal slopes, equal intercepts, one line; and the full one with hc3 errors."""
    one = np.ones((sample.x.size, 1))
    x, dummies = sample.x[:, None], sample.dummies()
    designs = {
        "full": np.hstack((one, x, dummies, dummies * x)),
        "common": np.hstack((one, x, dummies)),
        "single": np.hstack((one, x)),
    }
    fits: dict[str, Fit] = {}
    for name, design in designs.items():
        fit = least_squares(design, sample.y, covariance, sample.clusters)
        if fit is None:
            return None
        fits[name] = fit
    robust = fits["full"] if covariance == "hc3" else least_squares(designs["full"], sample.y, "hc3")
    if robust is None:
        return None
    fits["hc3"] = robust
    return fits


def _tests(fits: dict[str, Fit], others: int, alpha: float) -> dict[str, Any]:
    groups, slopes = list(range(2, 2 + others)), list(range(2 + others, 2 + 2 * others))
    tests = {
        "omnibus": wald_f(fits["full"], groups + slopes),
        "slope": wald_f(fits["full"], slopes),
        "intercept": wald_f(fits["common"], groups),
        "intercept_given_slopes": wald_f(fits["full"], groups),
    }
    detail: dict[str, Any] = {}
    for name, test in tests.items():
        values = (None, None, None, None) if test is None else test
        detail |= dict(zip((f"{name}_f", f"{name}_df1", f"{name}_df2", f"{name}_p"), values, strict=True))

    def rejects(name: str) -> bool:
        return detail[f"{name}_p"] is not None and detail[f"{name}_p"] < alpha

    if not rejects("omnibus"):
        found = "none"
    elif rejects("slope"):
        found = "slopes and intercepts" if rejects("intercept_given_slopes") else "slopes"
    else:
        found = "intercepts" if rejects("intercept") else "none"
    return detail | {"step_down": found}


def _focal_index(names: list[str], focal: str | None, differences: Floats) -> int:
    if focal is not None:
        return names.index(focal) - 1
    return int(np.argmax(np.abs(differences)))


def _coefficients(sample: _Sample, full: Fit, robust: Fit, x: str) -> dict[str, Any]:
    names = ["(Intercept)", x, *sample.names[1:], *(f"{x}:{name}" for name in sample.names[1:])]
    t = full.coefficients / full.errors
    p = 2 * stdtr(full.df_test, -np.abs(t))
    columns = (full.coefficients.tolist(), full.errors.tolist(), t.tolist(), p.tolist(), robust.errors.tolist())
    return {
        "coef_names": names,
        **dict(zip(("coef", "se", "t", "p", "se_hc3"), columns, strict=True)),
        "coefficients": [
            dict(zip(("term", "estimate", "se", "t", "p", "se_hc3"), row, strict=True))
            for row in zip(names, *columns, strict=True)
        ],
    }


def _lines(sample: _Sample, full: Fit, single: Fit) -> list[dict[str, Any]]:
    count = len(sample.names)
    sizes = np.bincount(sample.code, minlength=count)
    residuals = np.bincount(sample.code, single.residuals, minlength=count) / sizes
    intercepts = full.coefficients[0] + np.concatenate(([0.0], full.coefficients[2 : 1 + count]))
    slopes = full.coefficients[1] + np.concatenate(([0.0], full.coefficients[1 + count :]))
    return [
        {"group": name, "n": int(n), "intercept": float(a), "slope": float(b), "mean_residual": float(e)}
        for name, n, a, b, e in zip(sample.names, sizes, intercepts, slopes, residuals, strict=True)
    ]


def _satterthwaite(sample: _Sample, focal_code: int) -> float:
    """Degrees of freedom of the difference of two slopes with hc3 errors, each from its own group's regression."""
    total, parts = 0.0, 0.0
    for code in (0, focal_code):
        mine = sample.code == code
        x = sample.x[mine] - sample.x[mine].mean()
        fit = least_squares(np.column_stack((np.ones(x.size), x)), sample.y[mine], "hc3")
        if fit is None:
            return 1.0
        variance = float(fit.covariance[1, 1])
        total += variance
        parts += variance**2 / fit.df_residual
    return total**2 / parts if parts > 0 and math.isfinite(parts) else 1.0
