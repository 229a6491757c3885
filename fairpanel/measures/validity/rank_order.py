"""How often two scores put a pair of people in the same order."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import ndtr
from scipy.stats import kendalltau

from fairpanel.measures.columns import Floats, Integers, check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate
from fairpanel.measures.resampling import bootstrap_interval, cluster_bootstrap
from fairpanel.measures.validity.criterion import IntervalKind, complete_pairs, fisher_interval

_REFERENCES = (
    "Kendall, M. G. (1970). Rank Correlation Methods (4th ed.), chs. 3-4",
    "Fieller, E. C., Hartley, H. O., & Pearson, E. S. (1957). Biometrika, 44, 470-481",
    "Bonett, D. G., & Wright, T. A. (2000). Psychometrika, 65, 23-28",
    "Hoeffding, W. (1948). Annals of Mathematical Statistics, 19, 293-325 (U statistics)",
)
_TITLE = "Kendall rank correlation, tau-b"
_STEEP = 0.8  # Bonett & Wright checked the interval up to here


def kendall_tau_b(
    data: pl.DataFrame,
    /,
    *,
    x: str = "x",
    y: str = "y",
    standard_error: Literal["delta", "fieller"] = "delta",
    interval: IntervalKind = "analytic",
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 1,
) -> Estimate:
    """How often two scores put a pair of people in the same order rather than in opposite order: from -1 to 1.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    x, y : columns of numbers.
    standard_error : of the analytic interval: "delta" (from each person's agreements, holds under ties) or "fieller"
        (for normal scores without ties; too small with few points on a scale).
    interval : "analytic", "bootstrap" (percentile, people drawn with replacement) or "none".

    Returns
    -------
    Estimate
        value: tau-b. n: people. detail: z and p (two-sided, of no association, variance corrected for ties, no
        continuity correction: R's cor.test(exact = FALSE)), n, fisher_z_se, concordant_minus_discordant, tied_share_x
        and tied_share_y (shares of pairs that tie).

    Cautions
    --------
    tau-b is smaller than r for the same strength: about .33 where r is .5. Under ten people, and beyond .8, interval
    and p are rough (SMALL_SAMPLE).

    Notes
    -----
    (C - D) / sqrt((N - T_x)(N - T_y)), N = n (n - 1) / 2 pairs, T those tied. Interval: tanh(atanh(tau) ± z_q se);
    se is the delta method's of the three U statistics, over 1 - tau², or Fieller's sqrt(.437 / (n - 4)).

    References
    ----------
    .. [1] Kendall 1970. .. [2] Fieller, Hartley & Pearson 1957. .. [3] Bonett & Wright 2000.
    .. [4] Hoeffding 1948.

    Pinned by the oracle kendall_tau_b (R cor.test, scipy).

    Examples
    --------
    >>> people = pl.DataFrame({"x": [1, 2, 3, 4, 5], "y": [2, 1, 4, 3, 5]})
    >>> round(kendall_tau_b(people).value, 6)
    0.6
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "bootstrap", "none"))
    check_choice("standard_error", standard_error, ("delta", "fieller"))
    first, second, cautions = complete_pairs(data, x, y)
    n = first.size
    tau = _tau_b(first, second)
    if tau is None:
        why = (
            Caution("SMALL_SAMPLE", f"{n} complete pairs: a rank correlation needs at least three.")
            if n < 3
            else Caution("CONSTANT_INPUT", "One of the two columns does not vary: there is no correlation.")
        )
        return Estimate(
            measure="kendall_tau_b", method=_TITLE, value=None, n={"people": n}, cautions=[*cautions, why],
            references=_REFERENCES,
        )  # fmt: skip
    detail: dict[str, Any] = _test(first, second, tau)
    if abs(tau) == 1:
        cautions.append(Caution("BOUNDARY", "Every pair is in the same order: the interval has no width."))
    error = None
    if n > 4:
        error = math.sqrt(0.437 / (n - 4)) if standard_error == "fieller" else _delta_error(first, second, tau)
    if error is not None:
        detail["fisher_z_se"] = error
    made = None
    if interval == "bootstrap":
        values = cluster_bootstrap(lambda at: _tau_b(first[at], second[at]), n, replicates=replicates, seed=seed)
        made = bootstrap_interval(values, estimate=tau, confidence=confidence)
    elif interval == "analytic" and error is not None:
        made = fisher_interval(tau, error, confidence, f"Fisher z, {standard_error} standard error")
    if made is None:
        why_not = "none was asked for" if interval == "none" else f"{n} people are too few for it"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    if n < 10:
        cautions.append(Caution("SMALL_SAMPLE", f"{n} people: interval and p value are rough."))
    elif abs(tau) > _STEEP and interval == "analytic":
        cautions.append(Caution("SMALL_SAMPLE", f"tau-b beyond {_STEEP}: the analytic interval is rough there."))
    return Estimate(
        measure="kendall_tau_b", method=_TITLE, value=tau, interval=made, n={"people": n}, cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _tau_b(first: Floats, second: Floats) -> float | None:
    if first.size < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    tau = float(kendalltau(first, second, method="asymptotic").statistic)
    return math.copysign(1.0, tau) if abs(tau) > 1 - 1e-12 else tau


def _test(first: Floats, second: Floats, tau: float) -> dict[str, Any]:
    """Normal test of no association with the variance under ties (Kendall 1970, ch. 4)."""
    n = first.size
    a, b = (np.unique(each, return_counts=True)[1].astype(np.float64) for each in (first, second))
    pairs = n * (n - 1) / 2
    tied_a, tied_b = (float((each * (each - 1)).sum()) / 2 for each in (a, b))
    score = round(tau * math.sqrt(pairs - tied_a) * math.sqrt(pairs - tied_b))
    single = n * (n - 1) * (2 * n + 5) - sum(float((each * (each - 1) * (2 * each + 5)).sum()) for each in (a, b))
    triples = math.prod(float((each * (each - 1) * (each - 2)).sum()) for each in (a, b))
    variance = single / 18 + 2 * tied_a * tied_b / (n * (n - 1)) + triples / (9 * n * (n - 1) * (n - 2))
    z = score / math.sqrt(variance)
    return {
        "z": z,
        "p": min(1.0, 2 * float(ndtr(-abs(z)))),
        "n": n,
        "concordant_minus_discordant": score,
        "tied_share_x": tied_a / pairs,
        "tied_share_y": tied_b / pairs,
    }


def _delta_error(first: Floats, second: Floats, tau: float) -> float | None:
    """Standard error of atanh(tau-b) from each person's agreements and untied pairs; None at tau = ±1."""
    if abs(tau) == 1:
        return None
    n = first.size
    same = lower_in_both(first, second) + lower_in_both(-first, -second)
    opposite = lower_in_both(first, -second) + lower_in_both(-first, second)
    agreement = (same - opposite) / (n - 1)
    untied = [(n - _tied_with(each)) / (n - 1) for each in (first, second)]
    shares = [float(each.mean()) for each in untied]
    influence = (agreement - agreement.mean()) / math.sqrt(shares[0] * shares[1])
    for each, share in zip(untied, shares, strict=True):
        influence = influence - tau / 2 * (each - share) / share
    return 2 * float(influence.std(ddof=1)) / math.sqrt(n) / (1 - tau * tau)


def _tied_with(values: Floats) -> Integers:
    """How many people have each person's value, the person too."""
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    tied: Integers = counts[codes]
    return tied


def lower_in_both(first: Floats, second: Floats) -> Integers:
    """For each person, how many lie strictly lower in both columns: merging halves, n log² n."""
    n = first.size
    order = np.lexsort((-second, first))  # of equal firsts the higher second comes earlier and is not counted
    ranks = np.unique(second[order], return_inverse=True)[1]
    counts = np.zeros(n, dtype=np.int64)
    at, width = np.arange(n), 1
    while width < n:
        left = (at // width) % 2 == 0
        merged = np.lexsort((left, ranks, at // (2 * width)))
        lower = np.cumsum(left[merged])
        starts = (at // (2 * width)) * width  # lefts in the blocks before: all full
        counts[merged] += np.where(left[merged], 0, lower - starts[merged])
        width *= 2
    answer = np.empty(n, dtype=np.int64)
    answer[order] = counts
    return answer
