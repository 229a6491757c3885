"""Which competencies carry the gap between two groups' composite scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import stdtr, stdtrit

from fairpanel.measures.columns import Booleans, Floats, check_choice, check_confidence, labels, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.fairness.contingency import TwoGroups, no_value, one_group_only, two_groups
from fairpanel.measures.fairness.group_differences import standardized_difference
from fairpanel.measures.least_squares import least_squares

_REFERENCES = (
    "Hedges, L. V. (1981). Journal of Educational Statistics, 6, 107-128, eq. 6e (g)",
    "Fieller, E. C. (1954). Journal of the Royal Statistical Society B, 16, 175-185 (shares)",
    "Welch, B. L. (1947). Biometrika, 34, 28-35 (unequal variances)",
    "MacKinnon, J. G., & White, H. (1985). Journal of Econometrics, 29, 305-325 (hc3)",
)
_TITLE = "Hedges' g of the weighted mean of competencies"
_FEWEST = 3  # people a group needs for an adjusted difference


def gap_shares(
    data: pl.DataFrame,
    /,
    *,
    predictors: list[str] | None = None,
    weights: list[float] | None = None,
    group: str = "group",
    focal: str | None = None,
    reference: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """Which competencies carry the gap between two groups' composite scores: one share each, adding up to 1.

    Parameters
    ----------
    data : one row a person; rows with a missing value in any competency or in the group are left out and counted.
    predictors : columns of the competencies, in points of one scale. The composite is their weighted mean.
    weights : one for each competency, not negative, in any unit; equal by default.
    group : column of the groups. focal, reference : as in `standardized_difference`.

    Returns
    -------
    Estimate
        value: Hedges' g of the composite, focal minus reference; interval: noncentral t. n: people, focal, reference.
        detail: focal, reference, predictors, weights (adding up to 1), mean_difference (of the composite, in points),
        d, df, p (Welch, of the composite), share_estimable, rows, dominance (competencies in order of what they
        contribute in the direction of the gap, largest first), minimum_detectable (d). A row: competency, weight,
        mean_difference (points), d, d_low, d_high, p (Welch), contribution (points of the composite: weight times
        mean difference), share, share_low, share_high, adjusted (the difference among people alike in the other
        competencies, in pooled within-group SDs of this one: difference, low, high, p, df; null if not estimable).

    Raises
    ------
    MeasureInputError
        Fewer than two competencies, one named twice, weights of another number, negative or all zero.

    Cautions
    --------
    NOT_ESTIMABLE: where Welch's test does not tell the gap from 0, shares are null; read the contributions. A share
    under 0 or over 1 means that competencies pull in opposite directions. Shares describe the composite as it is made,
    not why groups differ: a gap is not bias by itself. An adjusted difference holds what measurement error leaves in
    the other competencies: with unreliable scores part of an overall gap stays in each. p values are not corrected
    for the number of competencies.

    Notes
    -----
    share_j = w_j D_j / Σ w_k D_k, D the mean differences. Fieller: the shares s for which w_j x_j - s Σ w_k x_k does
    not differ between the groups by Welch's t at the composite's degrees of freedom. adjusted: coefficient of the
    focal group in the regression of a competency on group and other competencies, errors hc3, over the competency's
    pooled SD taken as known.

    References
    ----------
    .. [1] Hedges 1981. .. [2] Fieller 1954. .. [3] Welch 1947. .. [4] MacKinnon & White 1985.

    Pinned by the oracles cohens_d and hedges_g (competency and composite), Welch tests over a grid of shares, and a
    regression written out with its hc3 sandwich.

    Examples
    --------
    >>> people = pl.DataFrame({
    ...     "a": [1, 2, 3, 4, 4, 5, 6, 7], "b": [2, 1, 4, 3, 3, 2, 5, 4], "group": ["f"] * 4 + ["m"] * 4})
    >>> found = gap_shares(people, predictors=["a", "b"], focal="f")
    >>> [row["contribution"] for row in found.detail["rows"]], found.detail["dominance"]
    ([-1.5, -0.5], ['a', 'b'])
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    names, share_of = _competencies(predictors), _weights(weights, predictors)
    found = labels(data, group, "group")
    scores = np.column_stack([numbers(data, name, "predictors") for name in names])
    present: Booleans = found.present & ~np.isnan(scores).any(axis=1)
    cautions = missing_rows(present, f"{', '.join(names)} or {group}")
    sizes = np.bincount(found.codes[present], minlength=len(found.names)).tolist()
    groups = two_groups(found, sizes, group, focal, reference)
    if groups is None or not sizes[groups.focal_code] or not sizes[groups.reference_code]:
        held = [name for name, size in zip(found.names, sizes, strict=True) if size]
        return no_value("gap_shares", _TITLE, int(present.sum()), [*cautions, one_group_only(held)], {}, _REFERENCES)
    f, r = (scores[present & (found.codes == code)] for code in (groups.focal_code, groups.reference_code))
    composite = _difference(f @ share_of, r @ share_of, groups, "g", confidence, interval)
    detail: dict[str, Any] = {
        "focal": groups.focal, "reference": groups.reference, "predictors": names, "weights": share_of.tolist(),
        "mean_difference": composite.detail["mean_difference"],
    }  # fmt: skip
    cautions += composite.cautions
    title = f"{_TITLE}: {groups.focal} minus {groups.reference} ({groups.rule})"
    if composite.value is not None:
        contribution = share_of * (f.mean(axis=0) - r.mean(axis=0))
        shares = _shares(f, r, share_of, float(composite.detail["df"]), confidence)
        if shares is None:
            cautions.append(
                Caution("NOT_ESTIMABLE", "The gap itself may be zero: shares of it have no bounds; see contributions.")
            )
        detail |= {
            **{key: composite.detail[key] for key in ("d", "df", "p")},
            "share_estimable": shares is not None,
            "rows": [
                _row(at, names, f, r, groups, share_of, contribution, shares, confidence) for at in range(len(names))
            ],
            "dominance": _order(names, contribution),
            "minimum_detectable": composite.detail["minimum_detectable"],
        }
    return Estimate(
        measure="gap_shares", method=title, value=composite.value, interval=composite.interval, n=composite.n,
        cautions=cautions, detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _competencies(predictors: Sequence[str] | None) -> list[str]:
    names = [predictors] if isinstance(predictors, str) else list(predictors or [])
    if len(names) < 2 or len(set(names)) < len(names):
        raise MeasureInputError(
            f"predictors takes the columns of two or more competencies, each once, got {names or 'none'}"
        )
    return names


def _weights(weights: Sequence[float] | None, predictors: Sequence[str] | None) -> Floats:
    count = len(predictors or [])
    given = np.ones(count) if weights is None else np.asarray(list(weights), dtype=np.float64)
    if given.size != count or not np.isfinite(given).all() or (given < 0).any() or given.sum() <= 0:
        raise MeasureInputError(
            f"weights takes {count} numbers, one for each of the predictors, none negative and not all zero, "
            f"got {weights!r}"
        )
    shares: Floats = given / given.sum()
    return shares


def _difference(
    f: Floats, r: Floats, groups: TwoGroups, kind: Literal["d", "g"], confidence: float,
    interval: Literal["analytic", "none"] = "analytic",
) -> Estimate:  # fmt: skip
    people = pl.DataFrame({"y": np.concatenate((f, r)), "group": [groups.focal] * len(f) + [groups.reference] * len(r)})
    return standardized_difference(
        people, focal=groups.focal, reference=groups.reference, kind=kind, interval=interval, confidence=confidence
    )


def _shares(
    f: Floats, r: Floats, weights: Floats, df: float, confidence: float
) -> list[tuple[float, float, float]] | None:
    """Each competency's share of the gap and its Fieller limits; None where the gap may be zero."""
    parts_f, parts_r = f * weights, r * weights
    covariance = np.cov(parts_f.T) / len(f) + np.cov(parts_r.T) / len(r)
    contribution = parts_f.mean(axis=0) - parts_r.mean(axis=0)
    gap, with_gap = float(contribution.sum()), covariance.sum(axis=1)
    critical = float(stdtrit(df, (1 + confidence) / 2)) ** 2
    square = gap * gap - critical * float(with_gap.sum())
    if square <= 1e-12 * gap * gap:
        return None
    found = []
    for part, own, shared in zip(contribution.tolist(), np.diag(covariance), with_gap, strict=True):
        middle = part * gap - critical * float(shared)
        under = middle**2 - square * (part * part - critical * float(own))
        half = math.sqrt(max(under, 0.0)) / square
        found.append((part / gap, middle / square - half, middle / square + half))
    return found


def _row(
    at: int, names: list[str], f: Floats, r: Floats, groups: TwoGroups, weights: Floats, contribution: Floats,
    shares: list[tuple[float, float, float]] | None, confidence: float,
) -> dict[str, Any]:  # fmt: skip
    alone = _difference(f[:, at], r[:, at], groups, "d", confidence)
    share, low, high = (None, None, None) if shares is None else shares[at]
    return {
        "competency": names[at],
        "weight": float(weights[at]),
        "mean_difference": alone.detail["mean_difference"],
        "d": alone.value,
        "d_low": None if alone.interval is None else alone.interval.low,
        "d_high": None if alone.interval is None else alone.interval.high,
        "p": alone.detail.get("p"),
        "contribution": float(contribution[at]),
        "share": share,
        "share_low": low,
        "share_high": high,
        "adjusted": _adjusted(at, f, r, confidence),
    }


def _adjusted(at: int, f: Floats, r: Floats, confidence: float) -> dict[str, float] | None:
    """The focal group's coefficient beside the other competencies, in pooled SDs; None where it is not determined."""
    nf, nr = len(f), len(r)
    if min(nf, nr) < _FEWEST:
        return None
    everyone, focal = np.concatenate((f, r)), np.repeat((1.0, 0.0), (nf, nr))
    others = np.delete(everyone, at, axis=1)
    others = others[:, np.ptp(others, axis=0) > 0]
    design = np.column_stack((np.ones(nf + nr), focal, others - others.mean(axis=0)))
    fit = least_squares(design, everyone[:, at], "hc3")
    within = (nf - 1) * float(f[:, at].var(ddof=1)) + (nr - 1) * float(r[:, at].var(ddof=1))
    if fit is None or within <= 0 or fit.rss <= 1e-20 * within:
        return None
    unit = math.sqrt(within / (nf + nr - 2))
    effect, error, df = float(fit.coefficients[1]) / unit, float(fit.errors[1]) / unit, float(fit.df_test)
    half = float(stdtrit(df, (1 + confidence) / 2)) * error
    p = 2 * float(stdtr(df, -abs(effect) / error))
    return {"difference": effect, "low": effect - half, "high": effect + half, "p": p, "df": df}


def _order(names: list[str], contribution: Floats) -> list[str]:
    direction = 1.0 if float(contribution.sum()) >= 0 else -1.0
    return [names[at] for at in np.argsort(-direction * contribution, kind="stable")]
