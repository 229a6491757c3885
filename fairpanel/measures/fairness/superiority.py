"""How two groups' scores lie beside each other, without a scale: who scores higher, and where the quantiles are."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import expit, logit, ndtri, stdtr, stdtrit
from scipy.stats import rankdata

from fairpanel.measures.columns import Floats, check_choice, check_confidence, labels, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate, Interval
from fairpanel.measures.fairness.contingency import no_value, one_group_only, two_groups

_REFERENCES = (
    "Brunner, E., & Munzel, U. (2000). Biometrical Journal, 42, 17-25",
    "McGraw, K. O., & Wong, S. P. (1992). Psychological Bulletin, 111, 361-365 (common language effect size)",
    "Pauly, M., Asendorf, T., & Konietschke, F. (2016). Biometrical Journal, 58, 1319-1337 (logit scale)",
)
_TITLE = "probability of superiority"
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def probability_of_superiority(
    data: pl.DataFrame,
    /,
    *,
    y: str = "y",
    group: str = "group",
    focal: str | None = None,
    reference: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """How often somebody of the focal group scores higher than somebody of the reference group; .5 if none is ahead.

    Parameters
    ----------
    data : one row a person; rows with a missing score or group are left out and counted.
    y, group : columns of the score and of the group.
    focal, reference : as in `standardized_difference`.

    Returns
    -------
    Estimate
        value: P(focal > reference) + P(equal) / 2, between 0 and 1. n: people, focal, reference. detail: focal,
        reference, statistic (Brunner-Munzel t), df, p, quantiles (by group, the score at .1, .25, .5, .75, .9),
        n by group, minimum_detectable (the probability found with 80 % power).

    Cautions
    --------
    CONSTANT_INPUT: no interval, the groups are wholly apart or all alike. SMALL_SAMPLE: under ten people in a group the
    t law is rough. The figure takes no scale for granted, and so tells nothing of how far apart the groups are.

    Notes
    -----
    Brunner and Munzel's variance from the placements, Satterthwaite degrees of freedom; the interval on the logit scale.

    References
    ----------
    .. [1] Brunner & Munzel 2000. .. [2] McGraw & Wong 1992. .. [3] Pauly et al. 2016.

    Pinned by scipy.stats.brunnermunzel and by counting all pairs.

    Examples
    --------
    >>> people = pl.DataFrame({"group": ["f"] * 4 + ["m"] * 4, "y": [1, 2, 3, 4, 2, 3, 4, 5]})
    >>> probability_of_superiority(people, focal="f").value
    0.28125
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    found, scores = labels(data, group, "group"), numbers(data, y, "y")
    present = found.present & ~np.isnan(scores)
    cautions = missing_rows(present, f"{group} or {y}")
    sizes = np.bincount(found.codes[present], minlength=len(found.names)).tolist()
    groups = two_groups(found, sizes, group, focal, reference)
    if groups is None or not sizes[groups.focal_code] or not sizes[groups.reference_code]:
        held = [name for name, size in zip(found.names, sizes, strict=True) if size]
        why = one_group_only(held)
        return no_value("probability_of_superiority", _TITLE, int(present.sum()), [*cautions, why], {}, _REFERENCES)
    first, second = (scores[present & (found.codes == code)] for code in (groups.focal_code, groups.reference_code))
    value, variance, df = _placements(first, second)
    detail: dict[str, Any] = {
        "focal": groups.focal, "reference": groups.reference, "n": {groups.focal: first.size, groups.reference: second.size},
        "quantiles": {
            name: dict(zip(map(str, QUANTILES), np.quantile(side, QUANTILES).tolist(), strict=True))
            for name, side in ((groups.focal, first), (groups.reference, second))
        },
        "statistic": None, "df": None, "p": None,
        "minimum_detectable": {"alpha": 0.05, "power": 0.8, "probability": _detectable(first.size, second.size)},
    }  # fmt: skip
    made = None
    if variance <= 0 or not math.isfinite(df):
        cautions += [
            Caution("CONSTANT_INPUT", "The groups are wholly apart or all alike: the error cannot be estimated."),
            Caution("NO_INTERVAL", "No interval: the error cannot be estimated."),
        ]
    else:
        error = math.sqrt(variance)
        statistic = (value - 0.5) / error
        detail |= {"statistic": statistic, "df": df, "p": 2 * float(stdtr(df, -abs(statistic)))}
        if interval == "analytic" and 0 < value < 1:
            half = float(stdtrit(df, (1 + confidence) / 2)) * error / (value * (1 - value))
            ends = [float(expit(logit(value) + side * half)) for side in (-1, 1)]
            made = Interval(low=ends[0], high=ends[1], level=confidence, method="Brunner-Munzel, logit scale")
        else:
            cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    if min(first.size, second.size) < 10:
        cautions.append(Caution("SMALL_SAMPLE", f"{first.size} and {second.size} people: the t law is rough."))
    return Estimate(
        measure="probability_of_superiority", method=f"{_TITLE}: {groups.focal} over {groups.reference} ({groups.rule})",
        value=value, interval=made, n={"people": first.size + second.size, "focal": first.size, "reference": second.size},
        cautions=cautions, detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _placements(first: Floats, second: Floats) -> tuple[float, float, float]:
    """P(first > second) with ties halved, its variance, and Satterthwaite's degrees of freedom."""
    n, m = first.size, second.size
    ranks = rankdata(np.concatenate((first, second)))
    own = [ranks[:n] - rankdata(first), ranks[n:] - rankdata(second)]
    value = float(own[0].mean()) / m
    if min(n, m) < 2:
        return value, 0.0, math.nan
    parts = [float(own[0].var(ddof=1)) / (n * m * m), float(own[1].var(ddof=1)) / (m * n * n)]
    total = parts[0] + parts[1]
    if total <= 0:
        return value, 0.0, math.nan
    return value, total, total**2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1))


def _detectable(n: int, m: int) -> float:
    """Under equal laws without ties the variance is (n + m + 1) / (12 n m)."""
    reach = float(ndtri(0.975) + ndtri(0.8)) * math.sqrt((n + m + 1) / (12 * n * m))
    return min(1.0, 0.5 + reach)
