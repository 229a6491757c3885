"""Whether the interview score goes with performance as closely in one group as in another."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import chdtrc, ndtr, ndtri

from fairpanel.measures.columns import check_choice, check_confidence, labels, missing_rows, numbers, one_of
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.validity.criterion import correlation, fisher_interval
from fairpanel.measures.validity.power import ALPHA, POWER

_REFERENCES = (
    "Fisher, R. A. (1921). Metron, 1, 3-32",
    "Cohen, J. (1988). Statistical Power Analysis (2nd ed.), ch. 4 (q)",
    "Linn, R. L. (1978). Journal of Educational Psychology, 70, 507-512",
)
_TITLE = "difference of two groups' Fisher z"
_FEWEST = 4


def differential_validity(
    data: pl.DataFrame,
    /,
    *,
    group: str = "group",
    x: str = "x",
    y: str = "y",
    focal: str | None = None,
    reference: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """Whether the score goes with performance as closely in one group as in another: Cohen's q, 0 for equally.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    group, x, y : columns of the group, the score and the criterion.
    focal, reference : the groups compared, focal minus reference. Of two groups the first in alphabetical order is
        focal by default. Of more, the reference is the largest group and the focal one that which differs most from
        it; the interval is not widened for that choice.

    Returns
    -------
    Estimate
        value: q = atanh(r_focal) - atanh(r_reference). n: people, focal, reference. detail: r (by group), n_by_group,
        intervals (of r, by group), r_focal, r_reference, focal, reference, difference (of the two r), z (absolute, as
        R's psych::r.test gives it), p (two-sided), heterogeneity (chi2, df, p: all groups' r equal),
        minimum_detectable (smallest q found with 80 % power).

    Cautions
    --------
    Groups of 40 find only q beyond .65: a null result means little by itself. Different range restriction or
    different reliability by group makes r differ where the line is the same: see `differential_prediction`, which
    is what matters for fairness of use.

    Notes
    -----
    z = q / sqrt(1 / (n1 - 3) + 1 / (n2 - 3)). Heterogeneity: sum (n - 3)(atanh r - mean)² with weights n - 3.

    References
    ----------
    .. [1] Fisher 1921. .. [2] Cohen 1988. .. [3] Linn 1978.

    Pinned by the oracle differential_validity (psych::r.test).

    Examples
    --------
    >>> people = pl.DataFrame({
    ...     "x": [1, 2, 3, 4, 5, 1, 2, 3, 4, 5], "y": [2, 1, 4, 3, 5, 1, 4, 2, 5, 3], "group": ["f"] * 5 + ["m"] * 5})
    >>> round(differential_validity(people).value, 4)
    0.5493
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    first, second, codes = numbers(data, x, "x"), numbers(data, y, "y"), labels(data, group, "group")
    present = ~np.isnan(first) & ~np.isnan(second) & codes.present
    cautions = missing_rows(present, f"{group}, {x} or {y}")
    wanted = {role: one_of(codes.names, name, role, group) for role, name in
              (("focal", focal), ("reference", reference)) if name is not None}  # fmt: skip
    if focal is not None and wanted.get("focal") == wanted.get("reference"):
        raise MeasureInputError(f"focal and reference must be two groups, got {focal!r} for both")
    counts, found = {}, {}
    for code, name in enumerate(codes.names):
        rows = present & (codes.codes == code)
        counts[name] = int(rows.sum())
        r = correlation(first[rows], second[rows])
        if counts[name] >= _FEWEST and r is not None:
            found[name] = r
    left_out = [name for name, count in counts.items() if name not in found and count]
    if left_out:
        text = f"Left out, with under {_FEWEST} people or without variation: {', '.join(left_out)}."
        cautions.append(Caution("SMALL_GROUP", text))
    pair = _pair(found, counts, wanted.get("focal"), wanted.get("reference"))
    by_group: dict[str, Any] = {"r": found, "n_by_group": counts}
    exact = [name for name in pair or () if abs(found[name]) == 1]
    if pair is None or exact:
        why = (
            Caution("BOUNDARY", f"In {', '.join(exact)} the points lie on one line: Fisher's z is infinite.")
            if exact
            else Caution(
                "NOT_ESTIMABLE", f"Two groups with {_FEWEST} people and variation are needed for a comparison."
            )
        )
        return Estimate(
            measure="differential_validity", method=_TITLE, value=None, n={"people": int(present.sum())},
            cautions=[*cautions, why], detail=by_group, references=_REFERENCES,
        )  # fmt: skip
    one, other = pair
    q = math.atanh(found[one]) - math.atanh(found[other])
    error = math.sqrt(_variance(counts[one]) + _variance(counts[other]))
    detail = by_group | {
        "intervals": {
            name: fisher_interval(r, math.sqrt(_variance(counts[name])), confidence, "Fisher z").to_dict()
            for name, r in found.items()
        },
        "focal": one, "reference": other, "r_focal": found[one], "r_reference": found[other],
        "difference": found[one] - found[other], "z": abs(q) / error, "p": min(1.0, 2 * float(ndtr(-abs(q) / error))),
        "se": error, "heterogeneity": _heterogeneity(found, counts),
        "minimum_detectable": {
            "power": POWER, "alpha": ALPHA, "q": float(ndtri(1 - ALPHA / 2) + ndtri(POWER)) * error
        },
    }  # fmt: skip
    if min(counts[one], counts[other]) < 30:
        cautions.append(Caution("SMALL_GROUP", f"{one}: {counts[one]} people, {other}: {counts[other]}."))
    made = None
    if interval == "analytic":
        half = float(ndtri((1 + confidence) / 2)) * error
        made = Interval(low=q - half, high=q + half, level=confidence, method="Fisher z, independent groups")
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    n = {"people": int(present.sum()), "focal": counts[one], "reference": counts[other]}
    return Estimate(
        measure="differential_validity", method=_TITLE, value=q, interval=made, n=n, cautions=cautions, detail=detail,
        references=_REFERENCES,
    )  # fmt: skip


def _variance(n: int) -> float:
    return 1 / (n - 3)


def _pair(
    found: dict[str, float], counts: dict[str, int], focal: str | None, reference: str | None
) -> tuple[str, str] | None:
    """Focal and reference group, both with a correlation; None where there are no such two."""
    if len(found) < 2 or any(name is not None and name not in found for name in (focal, reference)):
        return None
    names = sorted(found)
    if reference is None and len(names) == 2:
        reference = names[1] if focal is None else next(name for name in names if name != focal)
    if reference is None:
        reference = max((name for name in names if name != focal), key=lambda name: counts[name])
    if focal is None:
        base = found[reference]
        others = [name for name in names if name != reference]
        focal = max(others, key=lambda name: abs(_z(found[name]) - _z(base)))
    return focal, reference


def _z(r: float) -> float:
    return math.copysign(math.inf, r) if abs(r) == 1 else math.atanh(r)


def _heterogeneity(found: dict[str, float], counts: dict[str, int]) -> dict[str, Any] | None:
    """Fisher's test that all groups share one correlation; None where one of them is ±1."""
    if any(abs(r) == 1 for r in found.values()):
        return None
    z = np.array([math.atanh(r) for r in found.values()])
    weights = np.array([counts[name] - 3.0 for name in found])
    chi2 = float((weights * (z - np.average(z, weights=weights)) ** 2).sum())
    return {"chi2": chi2, "df": z.size - 1, "p": float(chdtrc(z.size - 1, chi2))}
