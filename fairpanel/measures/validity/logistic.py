"""How the odds of a good outcome (stayed, top performer) change with the score, rare outcomes included."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.special import chdtrc, expit, logit, ndtri

from fairpanel.measures.columns import Floats, check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.validity.criterion_regression import complete_rows
from fairpanel.measures.validity.penalised_likelihood import LogisticFit, fit_logistic, profile_limits

_REFERENCES = (
    "Firth, D. (1993). Biometrika, 80, 27-38",
    "Heinze, G., & Schemper, M. (2002). Statistics in Medicine, 21, 2409-2419",
    "DeLong, E. R., DeLong, D. M., & Clarke-Pearson, D. L. (1988). Biometrics, 44, 837-845",
    "Puhr, R., Heinze, G., Nold, M., Lusa, L., & Geroldinger, A. (2017). Statistics in Medicine, 36, 2302-2317",
)
_FEW_EVENTS = 10
_COLLINEAR = 1e-10


def logistic_validity(
    data: pl.DataFrame,
    /,
    *,
    x: list[str] | str = "x",
    y: str = "y",
    success: float | None = None,
    penalty: Literal["firth", "none"] = "firth",
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """By what factor the odds of a yes-or-no outcome rise with one standard deviation of the score: 1 for no relation.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    x : the score, or a list: the odds ratio of the first is the value, the others are held constant.
    y : the outcome, 0 and 1; or any number with `success`, the lowest that counts as 1.
    penalty : "firth" (finite even where the score separates the outcomes, less biased with few of them) or "none"
        (maximum likelihood).

    Returns
    -------
    Estimate
        value: odds ratio per SD of the first score. n: people, events. detail: log_odds, se, p (likelihood ratio,
        penalised as the fit), base_rate, sd_x, auc (value, low, high: share of pairs of a person with and one without
        the outcome in which the first has the higher first score; limits None where no pair overlaps), expected_rate
        (at -1, 0 and +1 SD of the first score, the others at their mean), penalty.

    Cautions
    --------
    Under ten events, or ten people without one, the figures are rough (SMALL_SAMPLE). Without penalty, complete
    separation has no finite answer (NOT_CONVERGED). Among the hired only, the range of x is restricted.

    Notes
    -----
    Interval: profile of the (penalised) likelihood. Firth's fit draws rates towards one half; expected_rate takes the
    intercept that restores the mean rate (FLIC, Puhr et al. 2017). AUC: DeLong on the logit scale.

    References
    ----------
    .. [1] Firth 1993. .. [2] Heinze & Schemper 2002. .. [3] DeLong et al. 1988. .. [4] Puhr et al. 2017.

    No oracle: pinned to statsmodels' Logit without penalty and to the closed form of the two-by-two table with it.

    Examples
    --------
    >>> people = pl.DataFrame({"x": [0, 0, 0, 0, 1, 1, 1, 1], "y": [0, 0, 0, 1, 0, 1, 1, 1]})
    >>> estimate = logistic_validity(people)
    >>> round(estimate.value ** (1 / estimate.detail["sd_x"]), 6)  # (3.5 / 1.5)² of the table with 1/2 added
    5.444444
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    check_choice("penalty", penalty, ("firth", "none"))
    scores, criterion, _, cautions = complete_rows(data, x, {"y": y}, None)
    outcome = _binary(criterion[:, 0], y, success)
    firth = penalty == "firth"
    title = "logistic regression, " + ("Firth's penalised likelihood" if firth else "maximum likelihood")
    events = int(outcome.sum())
    n = {"people": len(outcome), "events": events}
    why, X, spread = _design(scores, events)
    fit = None if X is None else fit_logistic(X, outcome, firth=firth)
    if why is None and (fit is None or not fit.converged):
        what = "the scores separate the outcomes" if _separated(X, outcome) else "the iteration did not end"
        why = Caution("NOT_CONVERGED", f"No finite maximum was found ({what}): penalty='firth' gives a finite answer.")
    if why is not None or X is None or fit is None:
        return Estimate(
            measure="logistic_validity", method=title, value=None, n=n,
            cautions=[*cautions, *([why] if why else [])], references=_REFERENCES,
        )  # fmt: skip
    without = fit_logistic(X, outcome, firth=firth, held=(1, 0.0))
    log_odds = float(fit.coefficients[1])
    detail: dict[str, Any] = {
        "log_odds": log_odds, "se": math.sqrt(float(fit.covariance[1, 1])),
        "p": float(chdtrc(1, max(0.0, 2 * (fit.likelihood - without.likelihood)))),
        "base_rate": events / len(outcome), "sd_x": spread, "auc": _auc(scores[:, 0], outcome == 1, confidence),
        "expected_rate": _rates(X, outcome, fit, firth), "penalty": penalty,
    }  # fmt: skip
    fewer = min(events, len(outcome) - events)
    if fewer < _FEW_EVENTS:
        cautions.append(
            Caution("SMALL_SAMPLE", f"{events} events and {len(outcome) - events} others: the figures are rough.")
        )
    made = None
    if interval == "analytic":
        low, high = profile_limits(X, outcome, fit, 1, firth=firth, confidence=confidence)
        name = "profile penalised likelihood" if firth else "profile likelihood"
        made = Interval(low=math.exp(low), high=math.exp(high), level=confidence, method=name)
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    return Estimate(
        measure="logistic_validity", method=title, value=math.exp(log_odds), interval=made, n=n, cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _binary(criterion: Floats, y: str, success: float | None) -> Floats:
    if success is not None:
        return (criterion >= success).astype(np.float64)
    wrong = criterion[(criterion != 0) & (criterion != 1)]
    if wrong.size:
        raise MeasureInputError(
            f"column {y!r} (y) must hold 0 and 1, found {wrong.min():g}; for other numbers give success, the lowest "
            f"that counts as 1"
        )
    return criterion


def _design(scores: Floats, events: int) -> tuple[Caution | None, Floats | None, float]:
    """Intercept and standardized scores, and the first score's SD."""
    n, k = scores.shape
    if n < k + 3:
        return Caution("SMALL_SAMPLE", f"{n} complete rows: {k} scores need at least {k + 3}."), None, 0.0
    if events in (0, n):
        what = "Nobody" if not events else "Everybody"
        return Caution("CONSTANT_INPUT", f"{what} has the outcome: nothing can be compared."), None, 0.0
    if np.any(np.ptp(scores, axis=0) == 0):
        return Caution("CONSTANT_INPUT", "A score does not vary: there is no relation to estimate."), None, 0.0
    spreads = scores.std(axis=0, ddof=1)
    X = np.column_stack((np.ones(n), (scores - scores.mean(axis=0)) / spreads))
    if np.abs(np.diag(np.linalg.qr(X / math.sqrt(n), mode="r"))).min() <= _COLLINEAR:
        return Caution("NOT_ESTIMABLE", "The scores are collinear: their parts cannot be told apart."), None, 0.0
    return None, X, float(spreads[0])


def _separated(X: Floats | None, outcome: Floats) -> bool:
    """Whether the fitted direction (one score: the score) leaves the outcomes without overlap."""
    if X is None or X.shape[1] != 2:
        return False
    yes, no = X[outcome == 1, 1], X[outcome == 0, 1]
    return bool(yes.min() >= no.max() or no.min() >= yes.max())


def _rates(X: Floats, outcome: Floats, fit: LogisticFit, firth: bool) -> dict[str, float]:
    index = X[:, 1:] @ fit.coefficients[1:]
    intercept = float(fit.coefficients[0])
    if firth:
        ends = float(logit(outcome.mean())) - np.array([index.max(), index.min()])
        gap = lambda at: float(expit(at + index).sum() - outcome.sum())  # noqa: E731
        intercept = float(brentq(gap, ends[0] - 1e-9, ends[1] + 1e-9, xtol=1e-10))
    slope = float(fit.coefficients[1])
    return {name: float(expit(intercept + slope * at)) for name, at in (("-1", -1), ("0", 0), ("+1", 1))}


def _auc(score: Floats, happened: np.ndarray[Any, np.dtype[np.bool_]], confidence: float) -> dict[str, float | None]:
    """Mann-Whitney's share with DeLong's variance from ranks (Sun & Xu 2014), limits on the logit scale."""
    yes, no = score[happened], score[~happened]
    ranks = pl.Series(score).rank("average").to_numpy()
    within_yes, within_no = (pl.Series(each).rank("average").to_numpy() for each in (yes, no))
    above = (ranks[happened] - within_yes) / no.size
    below = 1 - (ranks[~happened] - within_no) / yes.size
    auc = float(above.mean())
    variance = sum(float(each.var(ddof=1)) / each.size for each in (above, below) if each.size > 1)
    if not 0 < auc < 1 or variance <= 0 or min(yes.size, no.size) < 2:
        return {"value": auc, "low": None, "high": None}
    half = float(ndtri((1 + confidence) / 2)) * math.sqrt(variance) / (auc * (1 - auc))
    return {
        "value": auc,
        "low": float(expit(logit(auc) - half)),
        "high": float(expit(logit(auc) + half)),
    }
