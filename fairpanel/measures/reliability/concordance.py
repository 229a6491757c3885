"""Kendall's coefficient of concordance: do raters put the units into the same order?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy import sparse
from scipy.sparse import csgraph, linalg
from scipy.special import chdtrc, fdtrc

from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.panel import Ratings, long_ratings
from fairpanel.measures.reliability.count_table import FloatArray, IntArray

Missing = Literal["auto", "listwise", "incomplete_blocks"]
REFERENCES = (
    "Kendall, M. G., & Babington Smith, B. (1939). Annals of Mathematical Statistics, 10, 275-287",
    "Friedman, M. (1937). Journal of the American Statistical Association, 32, 675-701",
    "Iman, R. L., & Davenport, J. M. (1980). Communications in Statistics, A9, 571-595 (F)",
    "Skillings, J. H., & Mack, G. A. (1981). Technometrics, 23, 171-177 (incomplete blocks)",
)


def kendall_w(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    ties: bool = True,
    missing: Missing = "auto",
) -> Estimate:
    """How far raters put the units into the same order: 1 is one order, 0 none at all.

        W = 12 Σ_i (R_i − m (n + 1) / 2)² / (m² (n³ − n) − m Σ_j T_j),   T_j = Σ (t³ − t) over the rater's ties

    R_i is unit i's sum of ranks over m raters of n units. friedman_chi2 = m (n − 1) W with n − 1 degrees of freedom.

    Where raters saw different units, each rater's k_j ranks are centred, divided by their expected spread and regressed
    on units: W is the explained share, and chi2 = W Σ_j (k_j − 1) the statistic of Skillings and Mack. In a complete design
    both are Kendall's and Friedman's. Without any agreement W is about 1/m, or (n − 1) / Σ_j (k_j − 1): never 0 on average.

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names.
    ties : whether tied scores, which have the mean of their ranks, are corrected for.
    missing : "listwise" takes the units that every rater scored, "incomplete_blocks" all; "auto" is listwise where that
        keeps at least half of the units, else incomplete_blocks.

    Returns
    -------
    Estimate
        detail friedman_chi2, df, p (of no concordance; too large for few raters per unit), f, df2, p_f (the same by Iman and
        Davenport's F, which is closer; None where the order is perfect), mean_rank_correlation (Spearman, over pairs of
        raters; None in an incomplete design), expected_without_agreement, units, raters.

    Raises
    ------
    MeasureInputError
        A missing column, text scores, an unknown way with missing scores.

    Cautions
    --------
    INCOMPLETE_DESIGN (says which way was taken), ONE_RATER, SMALL_SAMPLE, CONSTANT_INPUT (value None), UNLINKED_RATERS,
    NOT_CONVERGED (value None), DEPENDENT_SCORES (repeated scores were averaged), MISSING_DATA, NO_INTERVAL (always: drawing
    units or raters anew makes ties and moves W upwards).

    Notes
    -----
    Pinned by the oracle cases `kendall_w` (effectsize, base R, scipy).

    References
    ----------
    .. [1] Kendall & Babington Smith (1939), Annals of Mathematical Statistics 10, 275-287.
    .. [2] Skillings & Mack (1981), Technometrics 23, 171-177.

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 2, 3, 3, 5, 6]})
    >>> kendall_w(ratings).value
    1.0
    """
    if missing not in ("auto", "listwise", "incomplete_blocks"):
        raise MeasureInputError(f"expected missing auto, listwise or incomplete_blocks, got {missing!r}")
    ratings, repeated = _once(long_ratings(data, unit=unit, rater=rater, score=score))
    raters = len(ratings.raters)
    cautions = [*ratings.missing_caution(), *repeated]
    whole = np.bincount(ratings.unit, minlength=len(ratings.units)) == raters
    if missing == "auto":
        missing = "listwise" if 2 * np.count_nonzero(whole) >= whole.size else "incomplete_blocks"
    if not whole.all():
        text = f"{int((~whole).sum())} of {whole.size} units were not scored by every rater: "
        text += "they were left out" if missing == "listwise" else "raters' orders of the units they saw were combined"
        cautions.append(Caution("INCOMPLETE_DESIGN", text))
        if missing == "listwise":
            ratings = ratings.select(whole[ratings.unit])
    n: dict[str, Any] = ratings.counts()

    def estimate(value: float | None, method: str, detail: dict[str, Any]) -> Estimate:
        return Estimate(
            measure="kendall_w",
            method=method,
            value=value,
            n=n,
            cautions=cautions,
            detail=detail,
            references=REFERENCES,
        )

    method = "Kendall's W" + (", corrected for ties" if ties else "")
    if len(ratings.units) < 2 or raters < 2:
        few = Caution("ONE_RATER", "one rater: there is no other order") if raters == 1 else None
        cautions.append(few or Caution("SMALL_SAMPLE", f"{len(ratings.units)} units by {raters} raters have no orders"))
        return estimate(None, method, {})
    ranks, of_rater = _ranks(ratings)
    centred = ranks - (of_rater[ratings.rater] + 1) / 2
    squares = np.bincount(ratings.rater, weights=centred**2, minlength=raters)
    possible = of_rater * (of_rater**2 - 1) / 12
    if not squares.any():
        cautions.append(Caution("CONSTANT_INPUT", "no rater tells any two units apart"))
        return estimate(None, method, {})
    complete = bool((np.bincount(ratings.unit) == raters).all())
    if complete:
        units = len(ratings.units)
        sums = np.bincount(ratings.unit, weights=centred)
        between = float(sums @ sums)
        value = between / (raters * float((squares if ties else possible).sum()))
        degrees, room = units - 1, float(raters * (units - 1))
    else:
        method += ", incomplete blocks (Skillings-Mack)"
        explained, degrees = _explained(ratings, centred, of_rater)
        if explained is None:
            cautions.append(Caution("NOT_CONVERGED", "conjugate gradients did not converge on the design"))
            return estimate(None, method, {})
        scale = 12 / (of_rater * (of_rater + 1))
        room = float((of_rater - 1).sum())
        value = explained / (float(scale @ squares) if ties else room)
        if degrees < len(ratings.units) - 1:
            text = f"the design falls into {len(ratings.units) - degrees} parts that share no rater: each has its own order"
            cautions.append(Caution("UNLINKED_RATERS", text))
    chi2 = value * room
    f = value / degrees / (1 - value) * (room - degrees) if degrees and room > degrees and value < 1 - 1e-12 else None
    if degrees < 5 or raters < 5:
        cautions.append(Caution("SMALL_SAMPLE", "the chi-square p value is rough for few units or raters"))
    cautions.append(Caution("NO_INTERVAL", "units or raters drawn anew would make ties and move W upwards"))
    detail = {
        "friedman_chi2": chi2,
        "df": degrees,
        "p": float(chdtrc(degrees, chi2)) if degrees else None,
        "f": f,
        "df2": room - degrees,
        "p_f": float(fdtrc(degrees, room - degrees, f)) if f is not None else None,
        "mean_rank_correlation": (raters * value - 1) / (raters - 1) if complete else None,
        "expected_without_agreement": degrees / room,
        "units": len(ratings.units),
        "raters": raters,
    }
    return estimate(min(value, 1.0), method, detail)


def _once(ratings: Ratings) -> tuple[Ratings, list[Caution]]:
    """One score by each rater of each unit: several are averaged, and reported."""
    raters = max(len(ratings.raters), 1)
    key, place = np.unique(ratings.unit * raters + ratings.rater, return_inverse=True)
    if key.size == ratings.score.size:
        return ratings, []
    times = np.bincount(place)
    text = f"{int(np.count_nonzero(times > 1))} times a rater scored a unit more than once: the mean was taken"
    score = np.bincount(place, weights=ratings.score) / times
    once = replace(ratings, score=score, unit=key // raters, rater=key % raters)
    return once, [Caution("DEPENDENT_SCORES", text)]


def _ranks(ratings: Ratings) -> tuple[FloatArray, FloatArray]:
    """Each score's rank among its rater's scores, ties at the mean of their ranks, and the scores per rater."""
    order = np.lexsort((ratings.score, ratings.rater))
    rater, score = ratings.rater[order], ratings.score[order]
    of_rater = np.bincount(ratings.rater, minlength=len(ratings.raters))
    new = np.ones(order.size, dtype=np.bool_)
    new[1:] = (rater[1:] != rater[:-1]) | (score[1:] != score[:-1])
    run = np.cumsum(new) - 1
    first = np.flatnonzero(new)
    length = np.diff(np.append(first, order.size))
    begin = (np.cumsum(of_rater) - of_rater)[rater[first]]
    ranks = np.empty(order.size)
    ranks[order] = (first - begin + (length + 1) / 2)[run]
    return ranks, of_rater.astype(np.float64)


def _explained(ratings: Ratings, centred: FloatArray, of_rater: FloatArray) -> tuple[float | None, int]:
    """Skillings and Mack's A' Σ⁻ A and its rank.

    A are the units' sums of scaled ranks. Σ = diag(Σ_j∋i k_j) − Z Z' is never formed: conjugate gradients on the
    units × raters incidence Z, whose null space is one constant per linked part of the design.
    """
    units, raters = len(ratings.units), of_rater.size
    scaled = centred * np.sqrt(12 / (of_rater + 1))[ratings.rater]
    sums = np.bincount(ratings.unit, weights=scaled, minlength=units)
    incidence = sparse.csr_array((np.ones(scaled.size), (ratings.unit, ratings.rater)), shape=(units, raters))
    diagonal = np.asarray(incidence @ of_rater)
    edges: IntArray = ratings.rater + units
    graph = sparse.csr_array((np.ones(edges.size), (ratings.unit, edges)), shape=(units + raters, units + raters))
    alone = int(csgraph.connected_components(graph, directed=False)[0])
    operator = linalg.LinearOperator(
        (units, units), matvec=lambda x: diagonal * x - incidence @ (incidence.T @ x), dtype=np.float64
    )
    inverse = linalg.LinearOperator((units, units), matvec=lambda x: x / diagonal, dtype=np.float64)
    solved, failed = linalg.cg(operator, sums, rtol=1e-12, maxiter=10_000, M=inverse)
    return None if failed else float(sums @ solved), units - alone
