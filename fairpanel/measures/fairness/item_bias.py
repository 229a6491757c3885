"""Item bias by Mantel and Haenszel: does one competency treat people of equal standing differently by group?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import chdtrc, ndtri

from fairpanel.measures.columns import Floats, check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.fairness.contingency import no_value
from fairpanel.measures.fairness.matched import Matched, matched
from fairpanel.measures.fairness.power import detectable_log_odds_ratio

_REFERENCES = (
    "Holland, P. W., & Thayer, D. T. (1988). In Wainer & Braun (Eds.), Test Validity, 129-145",
    "Dorans, N. J., & Holland, P. W. (1993). In Holland & Wainer (Eds.), Differential Item Functioning, 35-66",
    "Mantel, N. (1963). Journal of the American Statistical Association, 58, 690-700",
    "Liu, I.-M., & Agresti, A. (1996). Biometrics, 52, 1223-1234",
)
_DELTA = -2.35
_LEVEL = 0.05  # of the tests in the A, B, C rule


@dataclass(frozen=True, slots=True)
class _Tables:
    """People by stratum and category (0 the lowest), of the strata that can speak."""

    focal: Floats
    reference: Floats
    strata: int
    dropped: int

    @property
    def n(self) -> Floats:
        return np.asarray(self.focal.sum(axis=1) + self.reference.sum(axis=1))


def dif_mantel_haenszel(
    data: pl.DataFrame,
    /,
    *,
    item: str = "item",
    matching: str = "matching",
    group: str = "group",
    focal: str | None = None,
    reference: str | None = None,
    levels: int | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """How much harder one competency is for a group than for others of the same standing, on the ETS delta scale.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    item : column of the item's scores: two values (0 and 1, no and yes) or an ordered scale.
    matching : column people are matched on, usually the total over all items, the studied one included.
    group, focal, reference : the column of groups and the two compared (of two, the larger is the reference).
    levels : matches on so many classes of about equal size instead of on every value; for scores with many values.

    Returns
    -------
    Estimate
        value: delta, -2.35 ln(alpha); negative: the item is harder for the focal group. n: people, focal, reference,
        strata (with both groups and different scores). detail: alpha_mh (odds of the reference over the focal group),
        ets_delta, delta_se, log_or_se, chi2, p (two scores: with continuity correction), chi2_corrected and
        p_corrected (two scores only), chi2_uncorrected, p_uncorrected, df, ets_class, favours (a group's name, or none
        in class A), ordinal, scores, strata_dropped, share_matched (people in strata that speak, by group), focal,
        reference, minimum_detectable (log odds and delta).

    Raises
    ------
    MeasureInputError
        A missing column, columns that are not numbers, more than two groups without names, levels under 2.

    Cautions
    --------
    SMALL_SAMPLE where half of a group has no counterpart of the same standing: give `levels`. ZERO_CELL, value None:
    alpha is 0 or infinite. Bias that changes its sign with standing cancels out here: see `dif_logistic`. A total made
    of biased items hides bias that they share.

    Notes
    -----
    With reference counts G_j and focal counts F_j at or below score j in a stratum of n people, alpha is
    sum F_j (n_r - G_j) / n over sum G_j (n_f - F_j) / n, over strata and cuts j (Liu & Agresti; of two scores, Mantel
    and Haenszel). Standard error: Robins, Breslow & Greenland for two scores; else the variance of the pairs' sum
    within strata. Test: Mantel's (1963). Class (Dorans & Holland 1993): A if p >= .05 or |delta| < 1; C if
    |delta| >= 1.5 and beyond 1 by 1.645 standard errors; otherwise B. For scales of more than two scores the
    classes are those of the log odds per cut, a convention.

    References
    ----------
    .. [1] Holland & Thayer 1988. .. [2] Dorans & Holland 1993. .. [3] Mantel 1963. .. [4] Liu & Agresti 1996.

    Pinned by the oracle dif_mantel_haenszel (R mantelhaen.test, metafor).

    Examples
    --------
    >>> people = pl.DataFrame({
    ...     "group": ["f", "r"] * 40, "matching": [1, 1, 2, 2, 3, 3, 4, 4] * 10,
    ...     "item": [0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1] * 5})
    >>> round(dif_mantel_haenszel(people, focal="f").value, 4)
    -0.7907
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    if levels is not None and (isinstance(levels, bool) or not isinstance(levels, int) or levels < 2):
        raise MeasureInputError(f"levels must be a whole number of at least 2, got {levels!r}")
    people = matched(data, item, matching, group, focal, reference)
    title = "Mantel-Haenszel item bias, ETS delta"
    cautions = list(people.cautions)
    if people.groups is None:
        return no_value("dif_mantel_haenszel", title, len(data), cautions, {}, _REFERENCES)
    tables = _tables(people, levels)
    if not tables.strata:
        cautions.append(
            Caution("CONSTANT_INPUT", "At no standing do both groups occur with different scores (levels: classes).")
        )
        return no_value("dif_mantel_haenszel", title, len(data), cautions, {}, _REFERENCES)
    binary = len(people.scores) == 2
    names = {"focal": people.groups.focal, "reference": people.groups.reference}
    matched_share = {
        names["focal"]: float(tables.focal.sum()) / people.people()["focal"],
        names["reference"]: float(tables.reference.sum()) / people.people()["reference"],
    }
    detail: dict[str, Any] = {
        **names, "ordinal": not binary, "scores": people.scores, "strata_dropped": tables.dropped,
        "share_matched": matched_share, **_test(tables, binary),
    }  # fmt: skip
    if min(matched_share.values()) < 0.5:
        cautions.append(
            Caution("SMALL_SAMPLE", "Under half of a group has a counterpart of the same standing: give levels.")
        )
    n = people.people() | {"strata": tables.strata}
    title += f": {names['focal']} beside {names['reference']} ({people.groups.rule})"
    title += "" if binary else ", cumulative odds (Liu-Agresti)"
    against, favour = _pairs(tables)
    if against == 0 or favour == 0:
        cautions.append(Caution("ZERO_CELL", "Nobody goes against the trend: the common odds ratio is 0 or infinite."))
        return Estimate(
            measure="dif_mantel_haenszel", method=title, value=None, n=n, cautions=cautions, detail=detail,
            references=_REFERENCES,
        )  # fmt: skip
    alpha = against / favour
    error = _binary_error(tables) if binary else _ordinal_error(tables, alpha)
    delta, delta_se = _DELTA * math.log(alpha), abs(_DELTA) * error
    letter = _ets_class(delta, delta_se, detail["p"])
    favoured = names["focal"] if delta > 0 else names["reference"]
    least = detectable_log_odds_ratio(error, corrected=binary)
    detail |= {
        "alpha_mh": alpha, "ets_delta": delta, "delta_se": delta_se, "log_or_se": error, "ets_class": letter,
        "favours": None if letter == "A" else favoured,
        "minimum_detectable": least | {"delta": abs(_DELTA) * least["log_odds_ratio"]},
    }  # fmt: skip
    made = None
    if interval == "analytic" and error > 0:
        half = float(ndtri((1 + confidence) / 2)) * delta_se
        name = "Robins-Breslow-Greenland" if binary else "pairs within strata"
        made = Interval(low=delta - half, high=delta + half, level=confidence, method=name)
    else:
        why = "none was asked for" if interval == "none" else "too few people for a standard error"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why}."))
    return Estimate(
        measure="dif_mantel_haenszel", method=title, value=delta, interval=made, n=n, cautions=cautions, detail=detail,
        references=_REFERENCES,
    )  # fmt: skip


def _tables(people: Matched, levels: int | None) -> _Tables:
    """Counts by stratum, without strata of one group or of one score."""
    standing = people.matching
    if levels is not None:
        cuts = np.unique(np.quantile(standing, np.arange(1, levels) / levels))
        standing = np.searchsorted(cuts, standing, side="left").astype(np.float64)
    stratum = np.unique(standing, return_inverse=True)[1]
    strata, categories = int(stratum.max()) + 1, len(people.scores)
    cell = (stratum * 2 + people.focal) * categories + people.category
    counts = np.bincount(cell, minlength=strata * 2 * categories).reshape(strata, 2, categories).astype(np.float64)
    speaks = (counts.sum(axis=2) > 0).all(axis=1) & ((counts.sum(axis=1) > 0).sum(axis=1) > 1)
    kept = counts[speaks]
    return _Tables(kept[:, 1], kept[:, 0], int(np.count_nonzero(speaks)), strata - int(np.count_nonzero(speaks)))


def _pairs(tables: _Tables) -> tuple[float, float]:
    """Weighted steps by which the reference one of a pair is ahead, and the focal one."""
    below_f, below_r = tables.focal.cumsum(axis=1)[:, :-1], tables.reference.cumsum(axis=1)[:, :-1]
    size_f, size_r = tables.focal.sum(axis=1)[:, None], tables.reference.sum(axis=1)[:, None]
    ahead = (below_f * (size_r - below_r)).sum(axis=1) / tables.n
    behind = (below_r * (size_f - below_f)).sum(axis=1) / tables.n
    return float(ahead.sum()), float(behind.sum())


def _binary_error(tables: _Tables) -> float:
    """Robins, Breslow & Greenland (1986)."""
    n = tables.n
    (b, a), (d, c) = tables.focal.T, tables.reference.T
    one, other = a * d / n, b * c / n
    p, q = (a + d) / n, (b + c) / n
    r, s = float(one.sum()), float(other.sum())
    variance = float((p * one).sum()) / (2 * r * r)
    variance += float((p * other + q * one).sum()) / (2 * r * s) + float((q * other).sum()) / (2 * s * s)
    return math.sqrt(variance)


def _ordinal_error(tables: _Tables, alpha: float) -> float:
    """Standard error of ln(alpha) from its estimating function, a sum over focal-reference pairs of each stratum.

    A pair's step is h = (reference ahead) - alpha (focal ahead), zero on average. Squares of its sums over each
    person's pairs, less the squares counted twice, are an unbiased variance for few large and many small strata.
    """
    places = np.arange(tables.focal.shape[1])
    lead = places[None, :] - places[:, None]  # focal category by row, reference category by column
    h = np.maximum(lead, 0) - alpha * np.maximum(-lead, 0)
    of_focal, of_reference = tables.reference @ h.T, tables.focal @ h
    squares = (tables.focal * of_focal**2).sum(axis=1) + (tables.reference * of_reference**2).sum(axis=1)
    twice = np.einsum("kf,fr,kr->k", tables.focal, h**2, tables.reference)
    variance = float(((squares - twice) / tables.n**2).sum())
    return math.sqrt(max(variance, 0.0)) / (alpha * _pairs(tables)[1])


def _test(tables: _Tables, binary: bool) -> dict[str, Any]:
    """Mantel's chi-square of the focal group's sum of scores (categories 0, 1, 2, ...) given all margins."""
    places = np.arange(tables.focal.shape[1], dtype=np.float64)
    total, n = tables.focal + tables.reference, tables.n
    size_f, size_r = tables.focal.sum(axis=1), tables.reference.sum(axis=1)
    mean = total @ places / n
    spread = (total @ places**2 - n * mean**2) / (n - 1)
    difference = abs(float((tables.focal @ places - size_f * mean).sum()))
    variance = float((size_f * size_r / n * spread).sum())
    plain = difference**2 / variance
    found: dict[str, Any] = {"chi2_uncorrected": plain, "p_uncorrected": float(chdtrc(1, plain)), "df": 1}
    if not binary:
        return found | {"chi2": plain, "p": found["p_uncorrected"]}
    corrected = (difference - min(0.5, difference)) ** 2 / variance
    p = float(chdtrc(1, corrected))
    return found | {"chi2": corrected, "p": p, "chi2_corrected": corrected, "p_corrected": p}


def _ets_class(delta: float, error: float, p: float) -> str:
    if p >= _LEVEL or abs(delta) < 1:
        return "A"
    beyond_one = abs(delta) - 1 > float(ndtri(1 - _LEVEL)) * error
    return "C" if abs(delta) >= 1.5 and beyond_one else "B"
