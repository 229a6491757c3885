"""Whether people with higher scores stay longer."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from fairpanel.measures.columns import Booleans, Floats, check_choice, check_confidence, numbers
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.validity.criterion_regression import complete_rows
from fairpanel.measures.validity.proportional_hazards import (
    fit_hazards,
    proportionality,
    risk_sets,
    robust_covariance,
)
from fairpanel.measures.validity.rank_order import lower_in_both

_REFERENCES = (
    "Cox, D. R. (1972). Journal of the Royal Statistical Society B, 34, 187-220",
    "Efron, B. (1977). Journal of the American Statistical Association, 72, 557-565",
    "Lin, D. Y., & Wei, L. J. (1989). Journal of the American Statistical Association, 84, 1074-1078",
    "Grambsch, P. M., & Therneau, T. M. (1994). Biometrika, 81, 515-526",
    "Kaplan, E. L., & Meier, P. (1958). Journal of the American Statistical Association, 53, 457-481",
    "Harrell, F. E., Califf, R. M., Pryor, D. B., Lee, K. L., & Rosati, R. A. (1982). JAMA, 247, 2543-2546",
)
_TITLE = "Cox proportional hazards, Efron ties"
_MARKS = (6, 12, 24)  # months
_UNITS = {"months": 1.0, "days": 365.25 / 12, "weeks": 365.25 / 84, "years": 1 / 12}  # of these make a month
_FEW_EVENTS = 10
_FEW_CLUSTERS = 40  # with 30 teams and a score alike within them the robust interval covered 91 %
_LARGEST = 700.0  # a log hazard above has no exponential among the floating-point numbers


def retention_hazard(
    data: pl.DataFrame,
    /,
    *,
    x: list[str] | str = "x",
    time: str = "time",
    event: str = "event",
    time_unit: Literal["months", "days", "weeks", "years"] = "months",
    cluster: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """By what factor the rate of leaving changes with one standard deviation of the score: under 1, higher scores stay.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    x : the score, or a list: the hazard ratio of the first is the value, the others are held constant.
    time : how long the person has stayed, to leaving or to the last day looked at; over 0.
    event : 1 or true where the person left, 0 or false where they are still there (censored: too new to tell).
    time_unit : of `time`.
    cluster : column of the clusters, such as the team; with it the errors are robust and t has clusters - 1 degrees of
        freedom.

    Returns
    -------
    Estimate
        value: hazard ratio per SD of the first score. n: people, events, censored, clusters (with cluster). detail:
        log_hazard, se, p (Wald), sd_x, concordance (of pairs whose order of leaving is known, the share in which the
        higher first score stayed longer; equal scores count a half), retention (by half of the first score and
        month: retention by Kaplan-Meier, low, high, at_risk; None past the last time looked at), proportional
        (chi2, p: score test of a trend of the log hazard in log time).

    Cautions
    --------
    Leaving for good and for bad reasons counts alike. Under ten leavers the figures are rough (SMALL_SAMPLE); where the
    score orders all who leave there is no finite answer (NOT_CONVERGED). A small p of `proportional` says that one
    ratio for all times misleads: read `retention`. Under 40 clusters the robust interval is too short (SMALL_GROUP).

    Notes
    -----
    Interval: Wald on the log hazard. Kaplan-Meier limits: Greenwood on log(-log). The lower half is at or below the
    median.

    References
    ----------
    .. [1] Cox 1972. .. [2] Efron 1977. .. [3] Lin & Wei 1989. .. [4] Grambsch & Therneau 1994.
    .. [5] Kaplan & Meier 1958. .. [6] Harrell et al. 1982.

    No oracle: pinned to statsmodels' PHReg, lifelines and the partial likelihood by hand.

    Examples
    --------
    >>> people = pl.DataFrame({
    ...     "x": [1, 2, 3, 4, 5, 6], "time": [3, 9, 5, 20, 14, 20], "event": [1, 1, 1, 0, 1, 0]})
    >>> retention_hazard(people).detail["concordance"]
    0.8571428571428571
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    check_choice("time_unit", time_unit, tuple(_UNITS))
    _check_times(data, time, event)
    scores, outcomes, clusters, cautions = complete_rows(data, x, {"time": time, "event": event}, cluster)
    stayed, left = outcomes[:, 0], outcomes[:, 1] == 1
    events = int(left.sum())
    n = {"people": stayed.size, "events": events, "censored": stayed.size - events}
    if clusters is not None:
        n["clusters"] = int(clusters.max(initial=-1)) + 1
    why = _why_none(scores, events, n.get("clusters"))
    spreads = scores.std(axis=0, ddof=1) if why is None else np.ones(scores.shape[1])
    X = (scores - scores.mean(axis=0)) / spreads if why is None else scores
    sets = risk_sets(stayed, left) if why is None else None
    fit = None if sets is None or _collinear(X) else fit_hazards(X, sets)
    if sets is None or fit is None:
        if why is None:
            text = "No finite maximum: the scores order all who left, or cannot be told apart among those at risk."
            why = Caution("NOT_CONVERGED", text)
        return Estimate(
            measure="retention_hazard", method=_TITLE, value=None, n=n, cautions=[*cautions, why],
            references=_REFERENCES,
        )  # fmt: skip
    covariance = fit.covariance if clusters is None else robust_covariance(X, sets, fit, clusters)
    log_hazard, error = float(fit.coefficients[0]), math.sqrt(float(covariance[0, 0]))
    level = (1 + confidence) / 2
    df = None if clusters is None else n["clusters"] - 1
    quantile = float(ndtri(level)) if df is None else float(stdtrit(df, level))
    wald = -abs(log_hazard) / error if error > 0 else -math.inf
    tested = proportionality(X, stayed, sets, fit, 0)
    detail: dict[str, Any] = {
        "log_hazard": log_hazard, "se": error, "p": min(1.0, 2 * float(ndtr(wald) if df is None else stdtr(df, wald))),
        "sd_x": float(spreads[0]), "concordance": _concordance(scores[:, 0], stayed, left),
        "retention": _retention(scores[:, 0], stayed, left, _UNITS[time_unit], confidence),
        "proportional": None if tested is None else {"chi2": tested[0], "p": tested[1]},
    }  # fmt: skip
    if events < _FEW_EVENTS:
        cautions.append(Caution("SMALL_SAMPLE", f"{events} people left: the figures are rough."))
    if df is not None and n["clusters"] < _FEW_CLUSTERS:
        text = f"{n['clusters']} clusters: interval and p take t with {df} degrees of freedom, still too sure."
        cautions.append(Caution("SMALL_GROUP", text))
    made = None
    if interval == "analytic":
        low, high = (math.exp(min(log_hazard + end * quantile * error, _LARGEST)) for end in (-1, 1))
        method = "Wald on the log hazard" if df is None else f"Wald, robust by cluster, t with {df} df"
        made = Interval(low=low, high=high, level=confidence, method=method)
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    return Estimate(
        measure="retention_hazard", method=_TITLE, value=math.exp(log_hazard), interval=made, n=n, cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _check_times(data: pl.DataFrame, time: str, event: str) -> None:
    """Refuse times at or below 0 and events other than 0 and 1, naming the row."""
    duration, whether = numbers(data, time, "time"), numbers(data, event, "event")
    for wrong, name, role, expected in (
        (duration <= 0, time, "time", "times over 0"),
        (~np.isnan(whether) & (whether != 0) & (whether != 1), event, "event", "0 (still there) or 1 (left)"),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise MeasureInputError(
                f"column {name!r} ({role}) must hold {expected}; row {row + 1} holds {data[name][row]!r}"
            )


def _why_none(scores: Floats, events: int, clusters: int | None) -> Caution | None:
    n, k = scores.shape
    if n < k + 3:
        return Caution("SMALL_SAMPLE", f"{n} complete rows: {k} scores need at least {k + 3}.")
    if not events:
        return Caution("CONSTANT_INPUT", "Nobody has left yet: there is no rate of leaving to compare.")
    if np.any(np.ptp(scores, axis=0) == 0):
        return Caution("CONSTANT_INPUT", "A score does not vary: there is no relation to estimate.")
    if clusters is not None and clusters <= k:
        return Caution("SMALL_GROUP", f"{clusters} clusters: robust errors of {k} scores need more.")
    return None


def _collinear(X: Floats) -> bool:
    return bool(np.abs(np.diag(np.linalg.qr(X / math.sqrt(len(X)), mode="r"))).min() <= 1e-10)


def _concordance(score: Floats, stayed: Floats, left: Booleans) -> float | None:
    """Harrell's C of the score with staying: n log² n, no pair is written down."""
    order = np.lexsort((~left, stayed))
    ranked = np.empty(score.size)
    change = np.ones(score.size, dtype=bool)
    change[1:] = (np.diff(stayed[order]) != 0) | (np.diff(left[order].astype(np.int64)) != 0)
    ranked[order] = np.cumsum(change)
    later = (score.size - np.searchsorted(np.sort(ranked), ranked, side="right"))[left]
    lower, higher = (lower_in_both(-ranked, sign * score)[left] for sign in (1, -1))
    pairs = int(later.sum())
    return None if not pairs else float(higher.sum() + (later - lower - higher).sum() / 2) / pairs


def _retention(score: Floats, stayed: Floats, left: Booleans, month: float, confidence: float) -> list[dict[str, Any]]:
    """Kaplan-Meier shares still there after 6, 12 and 24 months, by half of the score."""
    median = float(np.median(score))
    low_half = score <= median if np.any(score > median) else score < median
    rows = []
    for half, chosen in (("lower", low_half), ("upper", ~low_half)):
        for mark in _MARKS:
            row = _still_there(stayed[chosen], left[chosen], mark * month, confidence)
            rows.append({"half": half, "months": mark, **row})
    return rows


def _still_there(stayed: Floats, left: Booleans, mark: float, confidence: float) -> dict[str, Any]:
    at_risk = int(np.count_nonzero(stayed >= mark))
    if not stayed.size or (stayed.max() < mark and not left[stayed == stayed.max()].all()):
        return {"retention": None, "low": None, "high": None, "at_risk": at_risk}
    moments, gone = np.unique(stayed[left & (stayed <= mark)], return_counts=True)
    present = stayed.size - np.searchsorted(np.sort(stayed), moments, side="left")
    share = float(np.prod(1 - gone / present))
    if not 0 < share < 1:
        return {"retention": share, "low": None, "high": None, "at_risk": at_risk}
    greenwood = math.sqrt(float((gone / (present * (present - gone))).sum()))
    half = float(ndtri((1 + confidence) / 2)) * greenwood / abs(math.log(share))
    low, high = (share ** math.exp(end) for end in (half, -half))
    return {"retention": share, "low": low, "high": high, "at_risk": at_risk}
