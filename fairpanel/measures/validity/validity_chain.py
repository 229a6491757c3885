"""The whole way from the correlation that was seen among the hired to how well the interview predicts, with its error."""

from __future__ import annotations

import math
from typing import Any, Literal

import polars as pl

from fairpanel.measures.columns import check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.resampling import check_replicates
from fairpanel.measures.validity.chain_bootstrap import resampled, whole_sample
from fairpanel.measures.validity.chain_input import Roles, read_applicants
from fairpanel.measures.validity.chain_report import chain_cautions, panel_figures, sensitivity_rows, step_rows

_REFERENCES = (
    "Anderson, T. W. (1957). Journal of the American Statistical Association, 52, 200-203 (nested missing values)",
    "Koch, G. G. (1967, 1968). Technometrics, 9, 93-118; 10, 551-558 (components by symmetric sums)",
    "Putka, D. J., Le, H., McCloy, R. A., & Diaz, T. (2008). Journal of Applied Psychology, 93, 959-981 (G(q,k), q)",
    "Thorndike, R. L. (1949). Personnel Selection, ch. 6 (Case II)",
    "Hunter, J. E., Schmidt, F. L., & Le, H. (2006). Journal of Applied Psychology, 91, 594-612 (Case IV)",
    "Efron, B. (1987). Journal of the American Statistical Association, 82, 171-185 (bias-corrected percentiles)",
    "Hanley, J. A., & MacGibbon, B. (2006). American Journal of Epidemiology, 164, 693 (Poisson weights)",
    "Heckman, J. J. (1979). Econometrica, 47, 153-161 (sensitivity)",
)


def validity_chain(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    variable: str = "variable",
    rater: str = "rater",
    score: str = "score",
    selected: str = "selected",
    predictor: str = "interview",
    criterion: str = "performance",
    covariates: list[str] | None = None,
    criterion_reliability: float | None = None,
    person: str | None = None,
    when: str | None = None,
    interval: Literal["bootstrap", "none"] = "bootstrap",
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 1,
) -> Estimate:
    """How well the interview predicts performance among applicants, every step from the observed correlation shown.

    Parameters
    ----------
    data : one rating a row, of applicants, hired or not.
    unit : the application. variable : which score the rating is of. rater : who gave it (may be missing for
        covariates). score : a number. A unit's score is the mean over its raters of each one's mean.
    selected : who was hired: 0/1, booleans or two labels; the same in all rows of a unit.
    predictor, criterion : labels in `variable`. The criterion is used for the hired only.
    covariates : further labels that hiring looked at. Stages may be nested (later scores for fewer applicants).
    criterion_reliability : assumed reliability of the criterion among the hired, used only where its own raters (two
        for at least ten of the hired) cannot tell it; where they can it is only shown beside.
    person : column that says who the applicant is; the same person selected twice is refused.
    when : column of dates; a criterion rated before the same unit's predictor is refused.
    interval : "bootstrap" of the whole chain by candidate, every reliability estimated anew each time, with
        `replicates` and `seed`; "none" also leaves the small-sample bias in.

    Returns
    -------
    Estimate
        value: operational validity among applicants: x as it is, the criterion without its raters' error, its small-
        sample bias taken out. n: applicants, with_predictor, hired, known (with criterion). detail: steps (rows: step,
        value, low, high, plain (bias left in), uncorrected (the same step without the criterion's correction), n,
        claims, needs, replicates, why where it has no value), predictor and criterion (var_unit, var_rater,
        var_residual, reliability with low and high, k, q, raters), u, selection_ratio, n_applicants, n_hired,
        n_known, stages (order), sensitivity (rows partial_r, r), replicates.

    Raises
    ------
    MeasureInputError
        A reliability outside (0, 1], unknown labels, a unit both selected and not, a person selected twice, a criterion
        before the predictor, nobody selected, no criterion at all, a predictor that does not vary.

    Cautions
    --------
    RANGE_RESTRICTED; SMALL_SAMPLE under 30 hired; SINGLE_RATINGS and ASSUMED_RELIABILITY where raters cannot tell a
    reliability; BOUNDARY where a variance is negative or a step would lie beyond 1 (it then has no value); NOT_ESTIMABLE.
    The steps need different things to be true and cannot all be: `needs` says what.

    Notes
    -----
    With S the applicants' covariance of predictor and covariates, b and s² the hired's regression of the criterion on
    them and e the error variance of its mean rating: value = (S b)_x / sqrt(S_xx (b' S b + s² - e)). e = A/k - (1/k - q)
    (C - B) from mean half squared differences of same candidate (A), same rater (B), neither (C). Bias: mean of the
    bootstrap values less the estimate, taken off every step but the observed.

    References
    ----------
    .. [1] Anderson 1957. .. [2] Koch 1967, 1968. .. [3] Putka et al. 2008. .. [4] Thorndike 1949.
    .. [5] Hunter, Schmidt & Le 2006. .. [6] Efron 1987. .. [7] Hanley & MacGibbon 2006. .. [8] Heckman 1979.

    No oracle for the whole: each step equals its own measure (`pearson`, `corrected_validity`, `selection_validity`), the
    components their definition by pairs, and bias and coverage are simulated (benchmarks/recovery/chain.py).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> merit = rng.normal(size=600)
    >>> scores = {name: merit + rng.normal(size=(2, 600)) for name in ("interview", "performance")}
    >>> hired = scores["interview"].mean(axis=0) > 0.5
    >>> ratings = pl.concat(
    ...     pl.DataFrame({"unit": range(600), "variable": name, "rater": f"{name} {k}", "score": row, "selected": hired})
    ...     for name, rows in scores.items() for k, row in enumerate(rows)
    ... )
    >>> estimate = validity_chain(ratings, replicates=200)
    >>> [(row["step"], round(row["plain"], 1)) for row in estimate.detail["steps"][:6:5]]
    [('observed', 0.5), ('operational', 0.9)]
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("bootstrap", "none"))
    check_replicates(replicates)
    _check_reliability(criterion_reliability)
    roles = Roles(
        unit=unit, variable=variable, rater=rater, score=score, selected=selected, predictor=predictor,
        criterion=criterion, covariates=tuple(covariates or ()), person=person, when=when,
    )  # fmt: skip
    people = read_applicants(data, roles)
    title = "maximum likelihood given predictor and covariates, criterion without rater error"
    detail: dict[str, Any] = {
        "n_applicants": people.n["applicants"],
        "n_hired": people.n["hired"],
        "n_known": people.n["known"],
        "selection_ratio": people.n["hired"] / people.n["applicants"],
        "stages": people.order,
    }
    why = _why_not(people.n["known"], len(people.order), people.varies)
    if why is not None:
        return Estimate(
            measure="validity_chain", method=title, value=None, n=people.n, cautions=[*people.cautions, why],
            detail=detail, references=_REFERENCES,
        )  # fmt: skip
    told = people.stages.criterion_panel.tells
    unknown = math.nan if criterion_reliability is None else criterion_reliability
    stages = people.assuming(None if told else unknown)
    whole = whole_sample(stages)
    drawn = resampled(stages, replicates, seed) if interval == "bootstrap" else {}
    rows = step_rows(whole, drawn, confidence, people.n)
    detail |= {"steps": rows, "u": float(whole.spread_ratio[0]), "replicates": replicates if drawn else 0}
    detail["predictor"] = panel_figures(
        stages.predictor_panel, whole.predictor, drawn.get("predictor"), people.predictor_spread, confidence
    )
    detail["criterion"] = panel_figures(
        stages.criterion_panel, whole.criterion, drawn.get("criterion"), people.criterion_spread, confidence
    )
    if criterion_reliability is not None:
        detail["criterion"]["assumed_reliability"] = criterion_reliability
        assumed = whole_sample(people.assuming(criterion_reliability)).steps["operational"][0]
        detail["criterion"]["operational_if_assumed"] = float(assumed) if abs(assumed) <= 1 else None
    detail["sensitivity"] = sensitivity_rows(stages, whole)
    final = next(row for row in rows if row["step"] == "operational")
    cautions = [*people.cautions, *chain_cautions(stages, whole, people.n, rows)]
    made = None
    if final["value"] is not None and final["low"] is not None:
        method = f"bias-corrected percentile bootstrap by candidate, {final['replicates']} replicates"
        made = Interval(low=final["low"], high=final["high"], level=confidence, method=method)
    elif final["value"] is not None:
        why_not = (
            "none was asked for, and the small-sample bias is left in"
            if interval == "none"
            else f"only {final['replicates']} of {replicates} samples of candidates determine the value"
        )
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    return Estimate(
        measure="validity_chain", method=title, value=final["value"], interval=made, n=people.n, cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _why_not(known: int, columns: int, varies: bool) -> Caution | None:
    if known < columns + 2:
        return Caution(
            "SMALL_SAMPLE",
            f"{known} hired people have every score and the criterion: at least {columns + 2} are needed.",
        )
    if not varies:
        return Caution("CONSTANT_INPUT", "The hired's scores or their criterion do not vary: there is no correlation.")
    return None


def _check_reliability(value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise MeasureInputError(
            f"criterion_reliability is a reliability, over 0 and at most 1, such as 0.6; got {value!r}"
        )
