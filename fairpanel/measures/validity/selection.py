"""The validity of the interview among all applicants, although performance is known for the hired only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from fairpanel.measures.columns import (
    Booleans,
    Floats,
    check_choice,
    check_confidence,
    decisions,
    labels,
    missing_rows,
    numbers,
)
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.resampling import bootstrap_interval, cluster_bootstrap
from fairpanel.measures.validity.criterion import correlation, fisher_interval
from fairpanel.measures.validity.incomplete_normal import NormalFit, fit_normal
from fairpanel.measures.validity.power import detectable_correlation
from fairpanel.measures.validity.range_restriction import corrector, thorndike_case_2
from fairpanel.measures.validity.unmeasured_selection import sensitivity

_REFERENCES = (
    "Pearson, K. (1903). Philosophical Transactions of the Royal Society A, 200, 1-66 (selection)",
    "Anderson, T. W. (1957). Journal of the American Statistical Association, 52, 200-203 (nested missing values)",
    "Mendoza, J. L. (1993). Educational and Psychological Measurement, 53, 587-601 (validity by EM)",
    "Thorndike, R. L. (1949). Personnel Selection, ch. 6 (Case II)",
    "Hunter, J. E., Schmidt, F. L., & Le, H. (2006). Journal of Applied Psychology, 91, 594-612 (Case IV)",
    "Heckman, J. J. (1979). Econometrica, 47, 153-161 (sensitivity)",
    "Copas, J. B., & Li, H. G. (1997). Journal of the Royal Statistical Society B, 59, 55-95 (sensitivity)",
)

_DRAWS = 10_000

Method = Literal["em", "direct", "indirect"]


@dataclass(frozen=True, slots=True)
class _Applicants:
    """Scores of all (columns: x, covariates), the criterion (NaN where not hired or unknown)."""

    scores: Floats
    criterion: Floats

    @property
    def known(self) -> Booleans:
        """Hired, with score and criterion."""
        return ~np.isnan(self.criterion) & ~np.isnan(self.scores[:, 0])

    def drawn(self, rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> _Applicants:
        return _Applicants(self.scores[rows], self.criterion[rows])

    def columns(self) -> Floats:
        return np.column_stack((self.scores, self.criterion))


def selection_validity(
    data: pl.DataFrame,
    /,
    *,
    x: str = "x",
    y: str = "y",
    selected: str = "selected",
    covariates: list[str] | None = None,
    method: Method = "em",
    rxx: float | None = None,
    ryy: float | None = None,
    selected_label: str | None = None,
    person: str | None = None,
    bias_corrected: bool = False,
    interval: Literal["analytic", "bootstrap", "none"] = "analytic",
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 1,
) -> Estimate:
    """How well the interview score would predict performance among all applicants, not just among those hired.

    Parameters
    ----------
    data : one row an applicant, hired or not.
    x : column of the interview score, known for all who were interviewed.
    y : column of the criterion; only the hired's is used, and it may be missing for some of them.
    selected : column that says who was hired: 0/1, booleans or two labels (see `selected_label`).
    covariates : columns of further scores that hiring looked at, such as an earlier stage.
    method : "em": maximum likelihood for normal scores, missing at random given x and the covariates; closed form
        where the stages are nested, EM otherwise. "direct": Thorndike's Case II, as if hiring looked at x alone.
        "indirect": Case IV; needs rxx, takes ryy, both of the hired.
    person : column that says who the applicant is; the same person selected twice is refused.
    bias_corrected : em only: take the estimate's small-sample bias (to the order 1/n) out of the value. The interval
        stays as it is: it holds its level for either.
    interval : "analytic": em and direct with nested stages: quantiles of the regressions' fiducial law (10,000 draws
        with `seed`), which hold their level also with 60 hired; em otherwise: delta method on Fisher's z; indirect: the
        Fisher interval of the observed r carried through. "bootstrap": applicants drawn with replacement.

    Returns
    -------
    Estimate
        value: the correlation of x and y among applicants (indirect: operational validity). n: applicants (with a
        score), hired (with score and criterion). detail: r_observed (among the hired), u (SD of x
        hired over applicants), n_hired, n_hired_without_criterion, n_applicants, selection_ratio, alternatives (em,
        direct, and indirect where rxx is given), sensitivity (rows partial_r, r: selection also on an unmeasured
        variable of that partial correlation with the criterion), fisher_z_se, algorithm, iterations, converged,
        minimum_detectable, r_bias_corrected (em without its bias to the order 1/n, asked for or not).

    Cautions
    --------
    RANGE_RESTRICTED with u under 1. What hiring looked at but nobody recorded biases every method: read the
    sensitivity rows, which show by how much. Normality carries the result from the hired's range to the applicants':
    with few hired and a small selection ratio that is far. The hired who left before a review count as missing at
    random. "direct" is the same estimate as "em" without covariates.

    Notes
    -----
    Among the hired regress y on x and the covariates (b, s²); with S the applicants' covariance of the scores,
    r = (S b)_x / sqrt(S_xx (b' S b + s²)).

    References
    ----------
    .. [1] Pearson 1903. .. [2] Anderson 1957. .. [3] Mendoza 1993. .. [4] Thorndike 1949. .. [5] Hunter et al. 2006.
    .. [6] Heckman 1979; Copas & Li 1997.

    No oracle: checked against Case II (identical without covariates), a direct maximisation of the likelihood, and
    simulations of its coverage (benchmarks/recovery).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> score = rng.normal(size=20000)
    >>> performance = 0.5 * score + rng.normal(size=20000) * 0.75 ** 0.5
    >>> people = pl.DataFrame({"x": score, "y": performance, "selected": score > 1.2})
    >>> estimate = selection_validity(people)
    >>> round(estimate.detail["r_observed"], 2), round(estimate.value, 2)
    (0.24, 0.5)
    """
    check_confidence(confidence)
    check_choice("method", method, ("em", "direct", "indirect"))
    check_choice("interval", interval, ("analytic", "bootstrap", "none"))
    _check_reliabilities(method, rxx, ryy)
    if bias_corrected and method != "em":
        raise MeasureInputError(f"bias_corrected goes with method='em', got method={method!r}")
    if person is not None:
        _check_persons(data, person, selected, selected_label)
    people, n_hired, cautions = _applicants(data, x, y, selected, covariates or [], selected_label)
    known = people.known
    scored = ~np.isnan(people.scores[:, 0])
    applicants, rated = int(scored.sum()), int(known.sum())
    title = {
        "em": "maximum likelihood, missing at random given the scores",
        "direct": "Thorndike Case II",
        "indirect": "Case IV (Hunter-Schmidt-Le), operational validity",
    }[method]
    observed = correlation(people.scores[known, 0], people.criterion[known]) if rated > 2 else None
    ratio = _spread_ratio(people)
    detail: dict[str, Any] = {
        "r_observed": observed,
        "u": ratio,
        "n_hired": n_hired,
        "n_hired_without_criterion": n_hired - int((~np.isnan(people.criterion)).sum()),
        "n_applicants": applicants,
        "selection_ratio": n_hired / len(people.criterion) if len(people.criterion) else None,
    }
    fit = fit_normal(people.columns()) if rated > 3 else None
    error = None if fit is None else fit.fisher_z_error(0, people.scores.shape[1])
    values = {name: _value(people, name, rxx, ryy, fit) for name in ("em", "direct", "indirect")}
    value = values[method]
    n = {"applicants": applicants, "hired": rated}
    if value is None or observed is None:
        why = _why_none(rated, known, people, method, ratio)
        return Estimate(
            measure="selection_validity", method=title, value=None, n=n, cautions=[*cautions, why], detail=detail,
            references=_REFERENCES,
        )  # fmt: skip
    detail["alternatives"] = values
    if fit is not None and error is not None:
        detail |= {
            "fisher_z_se": error,
            "algorithm": fit.method,
            "iterations": fit.iterations,
            "converged": fit.converged,
            "minimum_detectable": detectable_correlation(error),
            "r_bias_corrected": _without_bias(fit, people.scores.shape[1]),
            "sensitivity": _sensitivity(people, fit),
        }
        if not fit.converged:
            cautions.append(Caution("NOT_CONVERGED", f"EM stopped after {fit.iterations} iterations."))
        if bias_corrected:
            value, title = detail["r_bias_corrected"], f"{title}, bias of order 1/n taken out"
    if ratio is not None and ratio < 0.95:
        cautions.append(
            Caution(
                "RANGE_RESTRICTED",
                f"The hired's scores spread {ratio:.2f} times as much as the applicants': the observed correlation is "
                "too small, and the corrected one leans on the straight line going on below the hired's range.",
            )
        )
    if rated < 30:
        cautions.append(Caution("SMALL_SAMPLE", f"Only {rated} hired people have a score and a criterion."))
    if method == "indirect":
        cautions.append(
            Caution("ASSUMED_RELIABILITY", f"Taken as known: rxx={rxx}{f', ryy={ryy}' if ryy else ''}, and u as seen.")
        )
    made = _interval(
        people, method, interval, values[method] or 0.0, observed, fit, rxx, ryy, confidence, replicates, seed
    )
    if made is None:
        why_not = "none was asked for" if interval == "none" else "too few hired people"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    return Estimate(
        measure="selection_validity", method=title, value=value, interval=made, n=n, cautions=cautions, detail=detail,
        references=_REFERENCES,
    )  # fmt: skip


def _applicants(
    data: pl.DataFrame, x: str, y: str, selected: str, covariates: list[str], label: str | None
) -> tuple[_Applicants, int, list[Caution]]:
    """Scores and criterion with everything that may not be used set to missing, and how many were hired."""
    if x in covariates or y in covariates or len(set(covariates)) < len(covariates):
        raise MeasureInputError(f"covariates must be further columns than {x!r} and {y!r}, each once, got {covariates}")
    scores = np.column_stack([numbers(data, name, "x" if name == x else "covariates") for name in (x, *covariates)])
    criterion, hired = numbers(data, y, "y"), decisions(data, selected, "selected", label)
    usable = hired.present & ~np.isnan(scores).all(axis=1)
    cautions = missing_rows(usable, f"{selected} or every score")
    rejected_with_y = int((usable & ~hired.taken & ~np.isnan(criterion)).sum())
    if rejected_with_y:
        cautions.append(
            Caution("MISSING_DATA", f"{rejected_with_y} people not hired have a criterion: it was not used.")
        )
    criterion = np.where(hired.taken, criterion, np.nan)
    without = int((usable & hired.taken & np.isnan(criterion)).sum())
    if without:
        cautions.append(Caution("MISSING_DATA", f"{without} hired people have no criterion yet, or left before one."))
    return _Applicants(scores[usable], criterion[usable]), int((usable & hired.taken).sum()), cautions


def _check_persons(data: pl.DataFrame, person: str, selected: str, label: str | None) -> None:
    who, hired = labels(data, person, "person"), decisions(data, selected, "selected", label)
    times = np.bincount(who.codes[who.present & hired.present & hired.taken], minlength=len(who.names))
    twice = np.flatnonzero(times > 1)
    if twice.size:
        more = f", and {twice.size - 1} more" if twice.size > 1 else ""
        raise MeasureInputError(
            f"the same person is selected {times[twice[0]]} times ({person}={who.names[twice[0]]!r}){more}: keep one "
            "selected application a person"
        )


def _without_bias(fit: NormalFit, criterion: int) -> float:
    return float(np.clip(fit.correlation(0, criterion) - fit.correlation_bias(0, criterion), -1.0, 1.0))


def _spread_ratio(people: _Applicants) -> float | None:
    known, scored = people.known, ~np.isnan(people.scores[:, 0])
    if known.sum() < 2:
        return None
    everyone = float(people.scores[scored, 0].std(ddof=1))
    return float(people.scores[known, 0].std(ddof=1)) / everyone if everyone > 0 else None


def _value(
    people: _Applicants, method: str, rxx: float | None, ryy: float | None, fit: NormalFit | None
) -> float | None:
    """The estimate by one method; None where the data or the reliabilities do not give it."""
    if method == "em":
        return None if fit is None else fit.correlation(0, people.scores.shape[1])
    known = people.known
    observed, ratio = correlation(people.scores[known, 0], people.criterion[known]), _spread_ratio(people)
    if observed is None or ratio is None or ratio == 0:
        return None
    if method == "direct":
        return thorndike_case_2(observed, ratio)
    if rxx is None or ratio**2 * (1 - rxx) >= 1:
        return None
    operational = corrector("indirect", u=ratio, rxx=rxx, ryy=ryy)(observed)[0]
    return operational if abs(operational) <= 1 else None


def _interval(
    people: _Applicants,
    method: Method,
    interval: str,
    value: float,
    observed: float,
    fit: NormalFit | None,
    rxx: float | None,
    ryy: float | None,
    confidence: float,
    replicates: int,
    seed: int,
) -> Interval | None:
    if interval == "none":
        return None
    if interval == "bootstrap":

        def replicate(rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float | None:
            drawn = people.drawn(rows)
            fit = fit_normal(drawn.columns()) if method == "em" else None
            return _value(drawn, method, rxx, ryy, fit)

        values = cluster_bootstrap(replicate, len(people.criterion), replicates=replicates, seed=seed)
        return bootstrap_interval(values, estimate=value, confidence=confidence)
    if method == "indirect":
        rated, ratio = int(people.known.sum()), _spread_ratio(people)
        if rated < 4 or ratio is None:
            return None
        plain = fisher_interval(observed, 1 / math.sqrt(rated - 3), confidence, "")
        correct = corrector("indirect", u=ratio, rxx=rxx, ryy=ryy)
        low, high = max(correct(plain.low)[0], -1.0), min(correct(plain.high)[0], 1.0)
        return Interval(low=low, high=high, level=confidence, method="Fisher z of the observed r, ends carried through")
    last = people.scores.shape[1]
    if method == "direct" and last > 1:
        fit, last = fit_normal(np.column_stack((people.scores[:, 0], people.criterion))), 1
    if fit is None or abs(value) >= 1:
        return None
    draws = fit.plausible_correlations(0, last, _DRAWS, np.random.default_rng(seed))
    if draws is None:
        return fisher_interval(value, fit.fisher_z_error(0, last), confidence, "Fisher z, delta method")
    low, high = np.quantile(draws, ((1 - confidence) / 2, (1 + confidence) / 2))
    return Interval(low=float(low), high=float(high), level=confidence, method=f"fiducial, {_DRAWS} draws")


def _sensitivity(people: _Applicants, fit: NormalFit) -> list[dict[str, float]]:
    """Over candidates with all scores; the applicants' covariance of the scores stays as fitted."""
    complete = ~np.isnan(people.scores).any(axis=1)
    scores, criterion = people.scores[complete], people.criterion[complete]
    spread, centre = np.nanstd(people.scores, axis=0), np.nanmean(people.scores, axis=0)
    hired = ~np.isnan(criterion)
    at = [fit.order.index(j) for j in range(scores.shape[1])]
    covariance = fit.covariance()[np.ix_(at, at)]
    return sensitivity((scores - centre) / spread, hired, criterion[hired], covariance, 0)


def _why_none(rated: int, known: Booleans, people: _Applicants, method: str, ratio: float | None) -> Caution:
    if rated < 4:
        return Caution("SMALL_SAMPLE", f"{rated} hired people have a score and a criterion: at least four are needed.")
    if correlation(people.scores[known, 0], people.criterion[known]) is None:
        return Caution("CONSTANT_INPUT", "The hired's scores or their criterion do not vary.")
    if method == "indirect" and ratio:
        return Caution(
            "BOUNDARY", "The corrected correlation would lie beyond 1: rxx and ryy do not go with these data."
        )
    return Caution(
        "SMALL_SAMPLE", "The scores are collinear, lie exactly on a line, or too few people have them together."
    )


def _check_reliabilities(method: str, rxx: float | None, ryy: float | None) -> None:
    for name, value in (("rxx", rxx), ("ryy", ryy)):
        if value is not None and not (isinstance(value, int | float) and 0 < value <= 1):
            raise MeasureInputError(f"{name} is a reliability, over 0 and at most 1, got {value!r}")
    if method == "indirect" and rxx is None:
        raise MeasureInputError("method='indirect' needs rxx, the reliability of the scores among the hired")
