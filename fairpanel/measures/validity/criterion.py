"""How closely interview scores go with a criterion such as later performance, in the data as they are."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import ndtri, stdtr

from fairpanel.measures.columns import Floats, check_choice, check_confidence, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate, Interval
from fairpanel.measures.resampling import bootstrap_interval, cluster_bootstrap
from fairpanel.measures.validity.power import detectable_correlation

_FISHER = "Fisher, R. A. (1921). Metron, 1, 3-32"
_SPEARMAN = "Spearman, C. (1904). American Journal of Psychology, 15, 72-101"
_BONETT = "Bonett, D. G., & Wright, T. A. (2000). Psychometrika, 65, 23-28"
_FIELLER = "Fieller, E. C., Hartley, H. O., & Pearson, E. S. (1957). Biometrika, 44, 470-481"

IntervalKind = Literal["analytic", "bootstrap", "none"]


def pearson(
    data: pl.DataFrame,
    /,
    *,
    x: str = "x",
    y: str = "y",
    interval: IntervalKind = "analytic",
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 1,
) -> Estimate:
    """How closely two scores follow a straight line: from -1 over 0 (none) to 1.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    x, y : columns of numbers.
    interval : "analytic" (Fisher z), "bootstrap" (percentile, people drawn with replacement) or "none".

    Returns
    -------
    Estimate
        value: r. n: people. detail: t, df, p (two-sided, of no correlation), n, fisher_z_se, minimum_detectable.

    Cautions
    --------
    Among the hired only, r is smaller than among all applicants: see `selection_validity`. Fisher's interval takes
    bivariate normal scores for granted; the bootstrap does not.

    Notes
    -----
    z = atanh(r) ± z_q / sqrt(n - 3); t = r sqrt((n - 2) / (1 - r²)).

    References
    ----------
    .. [1] Fisher 1921.

    Pinned by the oracle pearson (R cor.test, scipy).

    Examples
    --------
    >>> people = pl.DataFrame({"x": [1, 2, 3, 4, 5], "y": [2, 1, 4, 3, 5]})
    >>> round(pearson(people).value, 6)
    0.8
    """
    first, second, cautions = complete_pairs(data, x, y)
    _check(interval, confidence)
    r = correlation(first, second)
    error = 1 / math.sqrt(first.size - 3) if first.size > 3 else None
    return _estimate(
        "pearson", "Pearson correlation", r, error, "Fisher z", first, second, correlation, cautions, interval,
        confidence, replicates, seed, {}, (_FISHER,),
    )  # fmt: skip


def spearman(
    data: pl.DataFrame,
    /,
    *,
    x: str = "x",
    y: str = "y",
    standard_error: Literal["bonett_wright", "fieller", "fisher"] = "bonett_wright",
    interval: IntervalKind = "analytic",
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 1,
) -> Estimate:
    """How closely two rankings agree: the correlation of ranks, ties at their mean rank.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    x, y : columns of numbers.
    standard_error : of Fisher's z of rho: "bonett_wright" sqrt((1 + rho²/2) / (n - 3)), "fieller"
        sqrt(1.06 / (n - 3)), or "fisher" 1 / sqrt(n - 3), which is too small.
    interval : "analytic", "bootstrap" (percentile, people drawn with replacement) or "none".

    Returns
    -------
    Estimate
        value: rho. n: people. detail: t, df, p (t approximation, as R's cor.test(exact = FALSE)), S (sum of squared
        rank differences as R gives it), n, fisher_z_se, minimum_detectable.

    Cautions
    --------
    Under ten people the t approximation of p is rough (SMALL_SAMPLE).

    References
    ----------
    .. [1] Spearman 1904. .. [2] Bonett & Wright 2000, eq. 4. .. [3] Fieller, Hartley & Pearson 1957.

    Pinned by the oracles spearman (R cor.test, scipy, pingouin) and spearman_ci.

    Examples
    --------
    >>> people = pl.DataFrame({"x": [1, 2, 3, 4, 5], "y": [1, 4, 9, 16, 26]})
    >>> round(spearman(people).value, 6)
    1.0
    """
    check_choice("standard_error", standard_error, ("bonett_wright", "fieller", "fisher"))
    first, second, cautions = complete_pairs(data, x, y)
    _check(interval, confidence)
    rho = rank_correlation(first, second)
    n = first.size
    factor = {"bonett_wright": 1 + (rho or 0.0) ** 2 / 2, "fieller": 1.06, "fisher": 1.0}[standard_error]
    error = math.sqrt(factor / (n - 3)) if n > 3 else None
    detail = {} if rho is None else {"S": (n**3 - n) * (1 - rho) / 6}
    named = {"bonett_wright": "Bonett-Wright", "fieller": "Fieller", "fisher": "Fisher"}[standard_error]
    return _estimate(
        "spearman", "Spearman rank correlation", rho, error, f"Fisher z, {named} standard error", first, second,
        rank_correlation, cautions, interval, confidence, replicates, seed, detail, (_SPEARMAN, _BONETT, _FIELLER),
    )  # fmt: skip


def correlation(first: Floats, second: Floats) -> float | None:
    """Pearson's r of complete pairs; None where either is constant (to rounding) or there are fewer than two pairs."""
    if first.size < 2:
        return None
    a, b = first - first.mean(), second - second.mean()
    norm_a, norm_b = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    flat = 1e-13 * math.sqrt(first.size)
    if norm_a <= flat * float(np.abs(first).max()) or norm_b <= flat * float(np.abs(second).max()):
        return None
    return max(-1.0, min(1.0, float((a / norm_a) @ (b / norm_b))))


def rank_correlation(first: Floats, second: Floats) -> float | None:
    """Spearman's rho of complete pairs, mid-ranks for ties; None as in `correlation`."""
    return correlation(_ranks(first), _ranks(second))


def fisher_interval(r: float, error: float, confidence: float, method: str) -> Interval:
    """tanh(atanh(r) ± z error); at r = ±1 it is that point."""
    if abs(r) == 1:
        return Interval(low=r, high=r, level=confidence, method=method)
    half = float(ndtri((1 + confidence) / 2)) * error
    centre = math.atanh(r)
    return Interval(low=math.tanh(centre - half), high=math.tanh(centre + half), level=confidence, method=method)


def _ranks(values: Floats) -> Floats:
    return pl.Series(values).rank("average").to_numpy().astype(np.float64)


def _check(interval: str, confidence: float) -> None:
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "bootstrap", "none"))


def complete_pairs(data: pl.DataFrame, x: str, y: str) -> tuple[Floats, Floats, list[Caution]]:
    first, second = numbers(data, x, "x"), numbers(data, y, "y")
    present = ~np.isnan(first) & ~np.isnan(second)
    return first[present], second[present], missing_rows(present, f"{x} or {y}")


def _estimate(
    name: str,
    title: str,
    r: float | None,
    error: float | None,
    interval_name: str,
    first: Floats,
    second: Floats,
    statistic: Any,
    cautions: list[Caution],
    interval: IntervalKind,
    confidence: float,
    replicates: int,
    seed: int,
    detail: dict[str, Any],
    references: tuple[str, ...],
) -> Estimate:
    n = first.size
    if r is None or n < 3:
        if n < 3:
            why = Caution("SMALL_SAMPLE", f"{n} complete pairs: a correlation needs at least three.")
        else:
            why = Caution("CONSTANT_INPUT", "One of the two columns does not vary: there is no correlation.")
        return Estimate(
            measure=name, method=title, value=None, n={"people": n}, cautions=[*cautions, why], references=references
        )
    df = n - 2
    t = math.copysign(math.inf, r) if abs(r) == 1 else r * math.sqrt(df / ((1 - r) * (1 + r)))
    detail = {"t": t, "df": df, "p": min(1.0, 2 * float(stdtr(df, -abs(t)))), "n": n, **detail}
    made = None
    if abs(r) == 1:
        cautions.append(Caution("BOUNDARY", "The points lie on one line: the interval has no width."))
    if error is not None:
        detail |= {"fisher_z_se": error, "minimum_detectable": detectable_correlation(1 / math.sqrt(n - 3))}
    if interval == "bootstrap":
        values = cluster_bootstrap(lambda at: statistic(first[at], second[at]), n, replicates=replicates, seed=seed)
        made = bootstrap_interval(values, estimate=r, confidence=confidence)
    elif interval == "analytic" and error is not None:
        made = fisher_interval(r, error, confidence, interval_name)
    if made is None:
        why_not = "none was asked for" if interval == "none" else f"{n} people are too few for it"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    if n < 10:
        cautions.append(Caution("SMALL_SAMPLE", f"{n} people: interval and p value are rough."))
    return Estimate(
        measure=name, method=title, value=r, interval=made, n={"people": n}, cautions=cautions, detail=detail,
        references=references,
    )  # fmt: skip
