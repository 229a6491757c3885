"""How far two groups' mean scores lie apart, in standard deviations."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import gammaln, nctdtrinc, ndtri, stdtr, stdtrit

from fairpanel.measures.columns import check_choice, check_confidence, labels, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate, Interval
from fairpanel.measures.fairness.contingency import no_value, one_group_only, two_groups
from fairpanel.measures.fairness.power import detectable_standardized_difference

_REFERENCES = {
    "d": "Cohen, J. (1988). Statistical Power Analysis for the Behavioral Sciences, 2nd ed., eq. 2.5.2",
    "g": "Hedges, L. V. (1981). Journal of Educational Statistics, 6, 107-128, eq. 6e",
    "glass": "Glass, G. V. (1976). Educational Researcher, 5(10), 3-8",
}
_WELCH = "Welch, B. L. (1947). Biometrika, 34, 28-35"
_STEIGER = "Steiger, J. H., & Fouladi, R. T. (1997). In Harlow et al. (eds.), What If There Were No Significance Tests?"
_NORMAL_LIMIT = 100_000  # degrees of freedom beyond which the noncentral t is normal to six digits


def standardized_difference(
    data: pl.DataFrame,
    /,
    *,
    y: str = "y",
    group: str = "group",
    focal: str | None = None,
    reference: str | None = None,
    kind: Literal["d", "g", "glass"] = "d",
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """How far the focal group's mean lies above (+) or below (-) the reference group's, in standard deviations.

    Parameters
    ----------
    data : one row a person; rows with a missing score or group are left out and counted.
    y, group : columns of the score and of the group.
    focal, reference : groups' names; of two groups the larger is the reference by default, of more the focal group
        must be named.
    kind : "d" divides by the pooled standard deviation (Cohen), "g" is d times Hedges' small-sample correction
        (exact, by gamma functions), "glass" divides by the reference group's standard deviation.

    Returns
    -------
    Estimate
        value: focal minus reference, standardized; interval: noncentral t. n: people, focal, reference. detail:
        focal, reference, means, sds, n by group, mean_difference, welch_t, df, p, welch_ci_lower and welch_ci_upper (of
        the mean difference), d, g, glass, value_approx (g with 1 - 3/(4 df - 1)), d_maximum_likelihood (d with
        deviations divided by n, as psych gives), minimum_detectable.

    Cautions
    --------
    The interval of d and g takes equal variances and normal scores for granted; that of glass does not take equal
    variances: it uses their ratio as seen, and the smaller of Welch's and the reference group's degrees of freedom.
    A gap between groups is not bias by itself: see `differential_prediction`.

    Notes
    -----
    d = (m_f - m_r) / s_p; d sqrt(n_f n_r / (n_f + n_r)) is noncentral t with n_f + n_r - 2 degrees of freedom.

    References
    ----------
    .. [1] Cohen 1988. .. [2] Hedges 1981. .. [3] Glass 1976. .. [4] Steiger & Fouladi 1997. .. [5] Welch 1947.

    Pinned by the oracles cohens_d, hedges_g, glass_delta (effectsize, pingouin, psych) and welch_t (R t.test).

    Examples
    --------
    >>> people = pl.DataFrame({"group": ["f"] * 4 + ["m"] * 4, "y": [1, 2, 3, 4, 2, 3, 4, 5]})
    >>> round(standardized_difference(people, focal="f").value, 6)
    -0.774597
    """
    check_confidence(confidence)
    check_choice("kind", kind, ("d", "g", "glass"))
    check_choice("interval", interval, ("analytic", "none"))
    found, scores = labels(data, group, "group"), numbers(data, y, "y")
    present = found.present & ~np.isnan(scores)
    cautions = missing_rows(present, f"{group} or {y}")
    sizes = np.bincount(found.codes[present], minlength=len(found.names)).tolist()
    groups = two_groups(found, sizes, group, focal, reference)
    title = {"d": "Cohen's d, pooled SD", "g": "Hedges' g", "glass": "Glass's delta, SD of the reference group"}[kind]
    references = (_REFERENCES[kind], _STEIGER, _WELCH)
    if groups is None or not sizes[groups.focal_code] or not sizes[groups.reference_code]:
        with_rows = [name for name, size in zip(found.names, sizes, strict=True) if size]
        return no_value(
            "standardized_difference", title, int(present.sum()), [*cautions, one_group_only(with_rows)], {}, references
        )
    title = f"{title}: {groups.focal} minus {groups.reference} ({groups.rule})"
    f, r = (scores[present & (found.codes == code)] for code in (groups.focal_code, groups.reference_code))
    nf, nr = f.size, r.size
    n = {"people": nf + nr, "focal": nf, "reference": nr}
    detail: dict[str, Any] = {
        "focal": groups.focal,
        "reference": groups.reference,
        "n": {groups.focal: nf, groups.reference: nr},
        "means": {groups.focal: float(f.mean()), groups.reference: float(r.mean())},
        "mean_difference": float(f.mean() - r.mean()),
    }
    if nf < 2 or nr < 2:
        small = Caution("SMALL_GROUP", f"A group has one person ({nf} and {nr}): its spread is unknown.")
        return Estimate(
            measure="standardized_difference", method=title, value=None, n=n, cautions=[*cautions, small],
            detail=detail, references=references,
        )  # fmt: skip
    vf, vr = float(f.var(ddof=1)), float(r.var(ddof=1))
    detail["sds"] = {groups.focal: math.sqrt(vf), groups.reference: math.sqrt(vr)}
    scale = max(abs(float(f.mean())), abs(float(r.mean())))
    tiny = (1e-13 * scale) ** 2
    pooled_variance = ((nf - 1) * vf + (nr - 1) * vr) / (nf + nr - 2)
    if (vr if kind == "glass" else pooled_variance) <= tiny:
        constant = Caution("CONSTANT_INPUT", "The scores do not vary within the groups: there is no unit to divide by.")
        return Estimate(
            measure="standardized_difference", method=title, value=None, n=n, cautions=[*cautions, constant],
            detail=detail, references=references,
        )  # fmt: skip
    gap, df = detail["mean_difference"], nf + nr - 2
    d = gap / math.sqrt(pooled_variance)
    detail |= {
        "d": d,
        "g": d * _hedges(df),
        "glass": gap / math.sqrt(vr) if vr > tiny else None,
        "value_approx": d * (1 - 3 / (4 * df - 1)),
        "d_maximum_likelihood": d * math.sqrt((nf + nr) / df),
        "minimum_detectable": detectable_standardized_difference(nf, nr),
        **_welch(gap, vf, vr, nf, nr, confidence),
    }
    made = None
    if interval == "analytic":
        if kind == "glass":
            spread, factor = math.sqrt(vf / (nf * vr) + 1 / nr), 1.0
            interval_df = min(detail["df"], nr - 1)
        else:
            spread, factor = math.sqrt(1 / nf + 1 / nr), _hedges(df) if kind == "g" else 1.0
            interval_df = df
        centre = detail["glass"] if kind == "glass" else d
        low, high = (end * spread * factor for end in noncentralities(centre / spread, interval_df, confidence))
        made = Interval(low=low, high=high, level=confidence, method="noncentral t")
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval was asked for."))
    if min(nf, nr) < 5:
        cautions.append(Caution("SMALL_SAMPLE", f"The smaller group has {min(nf, nr)} people."))
    return Estimate(
        measure="standardized_difference", method=title, value=detail[kind], interval=made, n=n, cautions=cautions,
        detail=detail, references=references,
    )  # fmt: skip


def _hedges(df: int) -> float:
    """Hedges' exact correction, Γ(df/2) / (sqrt(df/2) Γ((df-1)/2)); at one degree of freedom it is 0."""
    if df < 2:
        return 0.0
    return math.exp(float(gammaln(df / 2) - gammaln((df - 1) / 2)) - math.log(df / 2) / 2)


def noncentralities(t: float, df: float, confidence: float) -> tuple[float, float]:
    """The noncentralities under which a noncentral t lies at its upper and at its lower tail."""
    half = (1 - confidence) / 2
    if df > _NORMAL_LIMIT or abs(t) > 1e3:
        reach = float(ndtri(1 - half)) * math.sqrt(1 + t * t / (2 * df))
        return t - reach, t + reach
    if t >= 0:
        return float(nctdtrinc(df, 1 - half, t)), float(nctdtrinc(df, half, t))
    return -float(nctdtrinc(df, half, -t)), -float(nctdtrinc(df, 1 - half, -t))


def _welch(gap: float, vf: float, vr: float, nf: int, nr: int, confidence: float) -> dict[str, float]:
    error = math.sqrt(vf / nf + vr / nr)
    df = (vf / nf + vr / nr) ** 2 / ((vf / nf) ** 2 / (nf - 1) + (vr / nr) ** 2 / (nr - 1))
    half = float(stdtrit(df, (1 + confidence) / 2)) * error
    return {
        "welch_t": gap / error,
        "df": df,
        "p": 2 * float(stdtr(df, -abs(gap / error))),
        "welch_ci_lower": gap - half,
        "welch_ci_upper": gap + half,
    }
