"""Whether some interviewers score one group lower than their colleagues do, beyond chance; and each their own group."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import chdtrc, ndtr, stdtr, stdtrit

from fairpanel.measures.columns import Integers, check_choice, check_confidence, labels
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.fairness.contingency import TwoGroups, no_value
from fairpanel.measures.fairness.false_discovery import benjamini_hochberg
from fairpanel.measures.fairness.panel_assignment import Rated, group_of_each, rated_by_group
from fairpanel.measures.fairness.rater_gaps import Gaps, GapSpread, rater_gaps
from fairpanel.measures.least_squares import least_squares

_REFERENCES = (
    "Searle, S. R., Casella, G., & McCulloch, C. E. (1992). Variance Components. Wiley, chapter 7",
    "Viechtbauer, W. (2007). Statistics in Medicine, 26, 37-52 (generalized Q)",
    "Benjamini, Y., & Hochberg, Y. (1995). Journal of the Royal Statistical Society B, 57, 289-300",
    "MacKinnon, J. G., & White, H. (1985). Journal of Econometrics, 29, 305-325 (hc3)",
)
_TITLE = "SD among raters of their gap between two groups"
_MOST_RATERS = 2000
_FEW = 10


def rater_group_interaction(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    group: str = "group",
    rater_group: str | None = None,
    focal: str | None = None,
    reference: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """How much raters differ, in score points, in the gap they see between two groups: 0 if all see the same gap.

    Parameters
    ----------
    data : one rating a row; rows with a missing value are left out and counted, rows of other groups do not count.
    unit, rater, score : columns of the candidate, the interviewer and the score. group : the candidate's group.
    rater_group : column of the rater's own group, with the same names; adds the same-group effect.
    focal, reference : the groups compared (of two, the larger by candidates is the reference).

    Returns
    -------
    Estimate
        value: standard deviation of raters' true gaps; interval by generalized Q. n: raters, raters_of_both, units,
        scores. detail: mean_gap and mean_gap_se (focal less reference, merit and all), q_statistic, df, p (do
        raters differ?), raters (by rater who met both groups: gap, se, shrunken, p, q, focal and reference, scores given),
        flagged (raters with q < .05), var_unit, var_residual, similarity (null, or effect: points a rater gives to their own
        group beyond the other; se, df, p, low, high, focal and reference, raters of either group), focal, reference,
        minimum_detectable (SD).

    Raises
    ------
    MeasureInputError
        A missing column, a candidate or a rater in two groups, more than two groups without names.

    Cautions
    --------
    SMALL_SAMPLE, value None: fewer than three raters met both groups, or no residual is left. BOUNDARY: 0, raters
    differ no more than chance has it. NOT_ESTIMABLE over 2,000 raters. The mean gap holds differences in merit: only
    raters' departures from it speak of raters. Read single raters by q and shrunken, never by gap.

    Notes
    -----
    score = rater in group + candidate (random) + residual; the gaps' covariance is kept whole, for raters who share
    candidates. Spread by restricted maximum likelihood; shrunken: best predictions. p of a rater: departure from the
    mean gap if all true gaps were one; q over raters by Benjamini and Hochberg. Same-group effect: half the difference
    in gap between raters of either group, weighted, error hc3 with raters as clusters.

    References
    ----------
    .. [1] Searle, Casella & McCulloch 1992. .. [2] Viechtbauer 2007. .. [3] Benjamini & Hochberg 1995.
    .. [4] MacKinnon & White 1985.

    Pinned by a dense likelihood of the whole model, and for raters without shared candidates by two-sample errors.

    Examples
    --------
    >>> ratings = pl.DataFrame({
    ...     "unit": list(range(24)), "rater": list("abc") * 8, "group": ["f", "f", "f", "r", "r", "r"] * 4,
    ...     "score": [1, 4, 3, 4, 3, 3, 2, 5, 3, 5, 3, 4, 1, 4, 2, 5, 4, 3, 2, 4, 3, 4, 2, 3]})
    >>> found = rater_group_interaction(ratings, focal="f", reference="r")
    >>> found.detail["flagged"]
    ['a', 'b']
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    rated = rated_by_group(data, unit, rater, score, group, focal, reference)
    cautions, groups = list(rated.cautions), rated.groups
    units = len(rated.ratings.units)
    if groups is None:
        return no_value("rater_group_interaction", _TITLE, units, cautions, {}, _REFERENCES)
    gaps, why = _gaps(rated, groups)
    if gaps is None:
        return no_value("rater_group_interaction", _TITLE, units, [*cautions, *why], {}, _REFERENCES)
    spread = GapSpread.of(gaps)
    variance = spread.restricted_maximum()
    mean, mean_variance = spread.mean(variance)
    df, q = gaps.gap.size - 1, spread.q(0.0)
    names = [rated.ratings.raters[code] for code in gaps.rater]
    table = _table(spread, variance, names)
    detail: dict[str, Any] = {
        "focal": groups.focal, "reference": groups.reference, "mean_gap": mean, "mean_gap_se": math.sqrt(mean_variance),
        "q_statistic": q, "df": df, "p": float(chdtrc(df, q)), "raters": table,
        "flagged": [name for name in names if table[name]["q"] < 0.05], "var_unit": gaps.var_unit,
        "var_residual": gaps.var_residual,
        "similarity": None if rater_group is None
        else _similarity(data, rater, rater_group, groups, spread, variance, names, confidence),
        "minimum_detectable": {"power": 0.8, "alpha": 0.05, "sd": spread.detectable()},
    }  # fmt: skip
    if variance == 0:
        cautions.append(Caution("BOUNDARY", "Raters' gaps differ no more than chance has it: their SD is put at 0."))
    if gaps.gap.size < _FEW:
        cautions.append(
            Caution("SMALL_SAMPLE", f"{gaps.gap.size} raters met both groups: the SD is hardly determined.")
        )
    made = None
    limits = spread.limits(confidence) if interval == "analytic" else None
    if limits is not None:
        low, high = (math.sqrt(each) for each in limits)
        made = Interval(low=low, high=high, level=confidence, method="generalized Q")
    else:
        reason = "none was asked for" if interval == "none" else "raters' gaps differ even less than chance has it"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {reason}."))
    return Estimate(
        measure="rater_group_interaction",
        method=f"{_TITLE}, restricted maximum likelihood: {groups.focal} less {groups.reference} ({groups.rule})",
        value=math.sqrt(variance), interval=made,
        n={
            "raters": len(rated.ratings.raters), "raters_of_both": int(gaps.gap.size), "units": units,
            "scores": int(rated.ratings.score.size),
        },
        cautions=cautions, detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _gaps(rated: Rated, groups: TwoGroups) -> tuple[Gaps | None, list[Caution]]:
    ratings = rated.ratings
    of_row = rated.group[ratings.unit]
    used = (of_row == groups.focal_code) | (of_row == groups.reference_code)
    if float(np.ptp(ratings.score[used])) == 0:
        return None, [Caution("CONSTANT_INPUT", "All scores are the same: raters see no gap.")]
    if np.unique(ratings.rater[used]).size > _MOST_RATERS:
        return None, [Caution("NOT_ESTIMABLE", f"More than {_MOST_RATERS} raters: take a part of the organisation.")]
    unit = np.unique(ratings.unit[used], return_inverse=True)[1]
    found = rater_gaps(ratings.score[used], unit, ratings.rater[used], of_row[used] == groups.focal_code)
    if found is None or found.gap.size < 3:
        why = "no residual is left to judge by" if found is None else f"{found.gap.size} raters met both groups"
        return None, [Caution("SMALL_SAMPLE", f"Raters' gaps cannot be compared: {why}.")]
    return found, []


def _table(spread: GapSpread, variance: float, names: list[str]) -> dict[str, dict[str, Any]]:
    """One row a rater; departures from the common gap, tested as if all true gaps were one."""
    gaps = spread.gaps
    common, common_variance = spread.mean(0.0)
    own = np.diag(gaps.covariance)
    error = np.sqrt(np.maximum(own - common_variance, 1e-12 * own))
    p = 2 * ndtr(-np.abs(gaps.gap - common) / error)
    columns = (
        gaps.gap, np.sqrt(own), spread.shrunken(variance), p, benjamini_hochberg(p), gaps.focal, gaps.reference,
    )  # fmt: skip
    keys = ("gap", "se", "shrunken", "p", "q", "focal", "reference")
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {name: dict(zip(keys, row, strict=True)) for name, row in zip(names, rows, strict=True)}


def _similarity(
    data: pl.DataFrame,
    rater: str,
    rater_group: str,
    groups: TwoGroups,
    spread: GapSpread,
    variance: float,
    names: list[str],
    confidence: float,
) -> dict[str, Any] | None:
    """Half the difference in gap between focal and reference raters; None with fewer than three of either."""
    judges, own = labels(data, rater, "rater"), labels(data, rater_group, "rater_group")
    if not {groups.focal, groups.reference} & set(own.names):
        raise MeasureInputError(
            f"expected the names {groups.focal!r} and {groups.reference!r} in column {rater_group!r} (rater_group), "
            f"got {', '.join(own.names[:10]) or 'none'}"
        )
    both = judges.present & own.present
    seen, codes = np.unique(judges.codes[both], return_inverse=True)
    raters = [judges.names[code] for code in seen]
    of_rater: Integers = group_of_each(own, own.codes[both], codes.astype(np.int64), raters, rater, rater_group)
    belongs = {name: own.names[code] for name, code in zip(raters, of_rater, strict=True)}
    focal = np.array([belongs.get(name) == groups.focal for name in names])
    kept = focal | np.array([belongs.get(name) == groups.reference for name in names])
    counts = {"focal": int(focal.sum()), "reference": int((kept & ~focal).sum())}
    if min(counts.values()) < 3:
        return None
    root = 1 / np.sqrt(variance + np.diag(spread.gaps.covariance)[kept])
    design = np.column_stack((np.ones(root.size), focal[kept])) * root[:, None]
    fit = least_squares(design, spread.gaps.gap[kept] * root, "hc3")
    if fit is None:
        return None
    effect, error, df = float(fit.coefficients[1]) / 2, float(fit.errors[1]) / 2, float(fit.df_test)
    half = float(stdtrit(df, (1 + confidence) / 2)) * error
    p = 2 * float(stdtr(df, -abs(effect) / error)) if error > 0 else None
    return {"effect": effect, "se": error, "df": df, "p": p, "low": effect - half, "high": effect + half, **counts}
