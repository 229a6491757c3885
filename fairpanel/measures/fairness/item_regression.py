"""Item bias by logistic and ordinal regression: the same at every standing (uniform), or changing with it."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import chdtrc, ndtri

from fairpanel.measures.columns import Floats, check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate, Interval
from fairpanel.measures.fairness.contingency import no_value
from fairpanel.measures.fairness.cumulative_logit import CumulativeFit, fit_cumulative
from fairpanel.measures.fairness.matched import Matched, matched
from fairpanel.measures.fairness.power import detectable_log_odds_ratio

_REFERENCES = (
    "Swaminathan, H., & Rogers, H. J. (1990). Journal of Educational Measurement, 27, 361-370",
    "Zumbo, B. D. (1999). A Handbook on the Theory and Methods of Differential Item Functioning. Ottawa",
    "McCullagh, P. (1980). Journal of the Royal Statistical Society B, 42, 109-142",
    "Nagelkerke, N. J. D. (1991). Biometrika, 78, 691-692",
)
_FEWEST = 20  # people of a group under which the chi-square law of the tests is rough


def dif_logistic(
    data: pl.DataFrame,
    /,
    *,
    item: str = "item",
    matching: str = "matching",
    group: str = "group",
    focal: str | None = None,
    reference: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """How a group's odds of a higher score in one competency differ from others' of the same standing, as log odds.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    item : column of the item's scores: two values, or an ordered scale (then by cumulative logits).
    matching : column people are matched on, usually the total over all items, the studied one included.
    group, focal, reference : the column of groups and the two compared (of two, the larger is the reference).

    Returns
    -------
    Estimate
        value: log odds ratio of the focal group at equal standing; negative: the item is harder for it. n: people,
        focal, reference. detail: b_group, se_group, odds_ratio, uniform_lr, uniform_p, nonuniform_lr, nonuniform_p,
        df (of each, 1), total_lr, total_p, total_df (2), chi2 and p (uniform), b_matching (per point of the matching
        score), b_product (focal less reference, per point; null where it has no finite maximum), r2_uniform and
        r2_nonuniform (gain in Nagelkerke's R²), ordinal, scores, focal, reference, minimum_detectable.

    Cautions
    --------
    NOT_CONVERGED, value None: the scores are separated by the standing or the group. With nonuniform_p small the value
    is an average over standings that may hide a change of sign (HETEROGENEOUS_STRATA). SMALL_GROUP under 20 people.
    A total made of biased items hides bias that they share.

    Notes
    -----
    logit P(score >= c) = threshold_c + b matching + b_group focal (+ product). Likelihood ratio tests of b_group
    without the product (uniform), and of the product (nonuniform). Interval of b_group: Wald.

    References
    ----------
    .. [1] Swaminathan & Rogers 1990. .. [2] Zumbo 1999. .. [3] McCullagh 1980. .. [4] Nagelkerke 1991.

    Pinned by the oracle dif_logistic (R glm).

    Examples
    --------
    >>> people = pl.DataFrame({
    ...     "group": ["f", "r"] * 40, "matching": [1, 1, 2, 2, 3, 3, 4, 4] * 10,
    ...     "item": [0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1] * 5})
    >>> round(dif_logistic(people, focal="f").value, 4)
    -0.5263
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    people = matched(data, item, matching, group, focal, reference)
    title = "item bias by logistic regression"
    cautions = list(people.cautions)
    if people.groups is None:
        return no_value("dif_logistic", title, len(data), cautions, {}, _REFERENCES)
    names = {"focal": people.groups.focal, "reference": people.groups.reference}
    ordinal = len(people.scores) > 2
    title = ("ordinal (cumulative logit)" if ordinal else "logistic") + " regression item bias"
    title += f": {names['focal']} beside {names['reference']} ({people.groups.rule})"
    spread = float(people.matching.std())
    if spread <= 1e-12 * float(np.abs(people.matching).max()):
        cautions.append(Caution("CONSTANT_INPUT", f"{matching} does not vary: it matches nobody with anybody."))
        return no_value("dif_logistic", title, len(data), cautions, {}, _REFERENCES)
    null, by_matching, uniform, full = _models(people, spread)
    if not (by_matching.converged and uniform.converged):
        cautions.append(
            Caution("NOT_CONVERGED", "No finite maximum: standing or group separates the scores without overlap.")
        )
        return no_value("dif_logistic", title, len(data), cautions, {}, _REFERENCES)
    log_odds, error = float(uniform.coefficients[1]), math.sqrt(float(uniform.covariance[1, 1]))
    detail: dict[str, Any] = {
        **names, "ordinal": ordinal, "scores": people.scores, "b_group": log_odds, "se_group": error,
        "odds_ratio": math.exp(log_odds), "b_matching": float(uniform.coefficients[0]) / spread,
        "b_product": float(full.coefficients[2]) / spread if full.converged else None,
        **_tests(null, by_matching, uniform, full, people.focal.size),
        "minimum_detectable": detectable_log_odds_ratio(error),
    }  # fmt: skip
    if not full.converged:
        cautions.append(
            Caution(
                "NOT_CONVERGED", "The product of standing and group has no finite maximum: nonuniform test left out."
            )
        )
    elif detail["nonuniform_p"] < 0.05:
        cautions.append(
            Caution(
                "HETEROGENEOUS_STRATA",
                f"The difference changes with standing (p {detail['nonuniform_p']:.3f}): the value is an average.",
            )
        )
    smallest = min(people.people()["focal"], people.people()["reference"])
    if smallest < _FEWEST:
        cautions.append(
            Caution("SMALL_GROUP", f"The smaller group has {smallest} people: tests and interval are rough.")
        )
    made = None
    if interval == "analytic":
        half = float(ndtri((1 + confidence) / 2)) * error
        made = Interval(low=log_odds - half, high=log_odds + half, level=confidence, method="Wald")
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    return Estimate(
        measure="dif_logistic", method=title, value=log_odds, interval=made, n=people.people(), cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _models(people: Matched, spread: float) -> tuple[float, CumulativeFit, CumulativeFit, CumulativeFit]:
    """The likelihood without any predictor, and fits with matching, with group too, with their product too."""
    rows = np.column_stack((people.matching, people.focal, people.category))
    cells, count = np.unique(rows, axis=0, return_counts=True)
    weight, focal, category = count.astype(np.float64), cells[:, 1], cells[:, 2].astype(np.int64)
    standing = (cells[:, 0] - people.matching.mean()) / spread
    columns: Floats = np.column_stack((standing, focal, standing * focal))
    share = np.bincount(category, weight)
    null = float(share @ np.log(share / share.sum()))
    one, two, three = (fit_cumulative(columns[:, :k], category, weight) for k in (1, 2, 3))
    return null, one, two, three


def _tests(
    null: float, by_matching: CumulativeFit, uniform: CumulativeFit, full: CumulativeFit, n: int
) -> dict[str, Any]:
    """Likelihood ratios of nested models and their gains in R²."""

    def explained(fit: CumulativeFit) -> float:
        return math.expm1(2 * (null - fit.likelihood) / n) / math.expm1(2 * null / n)

    first = max(0.0, 2 * (uniform.likelihood - by_matching.likelihood))
    p = float(chdtrc(1, first))
    found: dict[str, Any] = {
        "uniform_lr": first, "uniform_p": p, "chi2": first, "p": p, "df": 1, "total_df": 2,
        "r2_uniform": explained(uniform) - explained(by_matching),
    }  # fmt: skip
    keys = ("nonuniform_lr", "nonuniform_p", "total_lr", "total_p", "r2_nonuniform")
    if not full.converged:
        return found | dict.fromkeys(keys)
    second = max(0.0, 2 * (full.likelihood - uniform.likelihood))
    gain = explained(full) - explained(uniform)
    total = first + second
    return found | dict(
        zip(keys, (second, float(chdtrc(1, second)), total, float(chdtrc(2, total)), gain), strict=True)
    )
