"""Which decisions would change if every candidate's score were set off for the severity of the raters they met."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl

from fairpanel.measures.columns import Booleans, Floats, check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.fairness.contingency import no_value
from fairpanel.measures.fairness.panel_assignment import Rated, rated_by_group
from fairpanel.measures.mixed_models.components import Components, crossed_components
from fairpanel.measures.mixed_models.crossed import RATER
from fairpanel.measures.mixed_models.linkage import Linkage, linkage, linkage_cautions, why_not_estimable
from fairpanel.measures.panel import Ratings
from fairpanel.measures.proportions import wilson

_REFERENCES = (
    "Robinson, G. K. (1991). That BLUP is a good thing. Statistical Science, 6, 15-32",
    "Wilson, E. B. (1927). Journal of the American Statistical Association, 22, 209-212",
)
_TITLE = "share of decisions that change under severity-adjusted scores"
_ROUNDING = 1e-9


def decision_flips(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    group: str = "group",
    cut: float | None = None,
    top_n: int | None = None,
    focal: str | None = None,
    reference: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """What share of candidates would be decided otherwise if scores were adjusted for the severity of their raters.

    Parameters
    ----------
    data : one rating a row; rows with a missing value are left out and counted.
    unit, rater, score : columns of the candidate, the interviewer and the score. group : the candidate's group.
    cut : passes with a mean score of at least that; or top_n : so many of the highest pass. One of the two.
    focal, reference : the groups of the impact ratios (of two, the larger is the reference).

    Returns
    -------
    Estimate
        value: share of all candidates, between 0 and 1. n: units, focal, reference, raters, scores. detail: gained,
        lost (candidates), by_group (n, gained, lost, share, rate_raw, rate_adjusted), impact_ratio_raw and
        impact_ratio_adjusted (focal over reference; null where nobody of the reference passes), tied (candidates level
        with the last of top_n in the raw score, null for a cut), var_unit, var_rater, var_residual, focal, reference.

    Raises
    ------
    MeasureInputError
        A missing column, a candidate in two groups, both or neither of cut and top_n, top_n under 1.

    Cautions
    --------
    Severities are estimates, shrunken towards no difference: with few scores a rater, changes are missed. Severity is
    taken as the same for all groups; where one group both scores lower and meets other raters, part of its merit is
    read as severity. UNLINKED_RATERS: parts of the design are not compared. TIES: of candidates level at
    the last seat those pass whom the adjusted score prefers, so that a tie by itself changes nothing.

    Notes
    -----
    Adjusted: mean score plus the mean severity of the candidate's own raters (best linear unbiased predictions of the
    crossed model, as in `rater_severity`). Interval: Wilson, for candidates like these and the severities as they are.

    References
    ----------
    .. [1] Robinson 1991. .. [2] Wilson 1927.

    Pinned by the adjusted means of `rater_severity`.

    Examples
    --------
    >>> ratings = pl.DataFrame({
    ...     "unit": [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6], "rater": list("abacbcabacbc"),
    ...     "group": ["f"] * 6 + ["r"] * 6, "score": [3, 3, 4, 1, 4, 2, 5, 4, 3, 1, 4, 1]})
    >>> found = decision_flips(ratings, cut=3, focal="f", reference="r")
    >>> round(found.value, 3)
    0.167
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    if (cut is None) == (top_n is None):
        raise MeasureInputError(f"give either cut or top_n, got cut={cut!r} and top_n={top_n!r}")
    if top_n is not None and (isinstance(top_n, bool) or not isinstance(top_n, int) or top_n < 1):
        raise MeasureInputError(f"top_n must be a whole number of at least 1, got {top_n!r}")
    rated = rated_by_group(data, unit, rater, score, group, focal, reference)
    cautions, groups, ratings = list(rated.cautions), rated.groups, rated.ratings
    units = len(ratings.units)
    if groups is None:
        return no_value("decision_flips", _TITLE, units, cautions, {}, _REFERENCES)
    link = linkage(ratings)
    why_not = why_not_estimable(ratings, link)
    if not why_not and top_n is not None and top_n >= units:
        why_not = [Caution("NOT_ESTIMABLE", f"There are {units} candidates for {top_n} places: all pass.")]
    if not why_not and len(ratings.raters) == ratings.score.size:
        why_not = [Caution("INCOMPLETE_DESIGN", "Every rater gave one score: severity cannot be told from chance.")]
    if why_not:
        return no_value("decision_flips", _TITLE, units, [*cautions, *why_not], {}, _REFERENCES)
    cautions += linkage_cautions(link)
    found = crossed_components(ratings)
    cautions += found.cautions
    if found.fit is None and found.var_residual > 0:
        why_not = [Caution("NOT_CONVERGED", "The design is too large for predictions of single raters.")]
        return no_value("decision_flips", _TITLE, units, [*cautions, *why_not], {}, _REFERENCES)
    raw, adjusted = raw_and_adjusted(ratings, link, found)
    before, after = (
        _passes(raw, adjusted, cut, top_n),
        _passes(adjusted, raw, cut, top_n),
    )
    tied = None if top_n is None else _tied(raw, top_n)
    if tied:
        cautions.append(Caution("TIES", f"{tied} candidates are level at the last place by their raw scores."))
    by_group = _by_group(rated, before, after)
    share = float((before != after).mean())
    detail: dict[str, Any] = {
        "focal": groups.focal, "reference": groups.reference, "gained": int((after & ~before).sum()),
        "lost": int((before & ~after).sum()), "by_group": by_group,
        "impact_ratio_raw": _ratio(by_group, groups.focal, groups.reference, "rate_raw"),
        "impact_ratio_adjusted": _ratio(by_group, groups.focal, groups.reference, "rate_adjusted"), "tied": tied,
        "var_unit": found.var_unit, "var_rater": found.var_rater, "var_residual": found.var_residual,
    }  # fmt: skip
    made = None
    if interval == "analytic":
        low, high = wilson(share, units, confidence)
        made = Interval(low=low, high=high, level=confidence, method="Wilson, severities as estimated")
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    rule = f"score of at least {cut:g}" if cut is not None else f"highest {top_n}"
    return Estimate(
        measure="decision_flips", method=f"{_TITLE}, {rule}; {found.method}", value=share, interval=made,
        n={
            "units": units, "focal": by_group[groups.focal]["n"], "reference": by_group[groups.reference]["n"],
            "raters": len(ratings.raters), "scores": int(ratings.score.size),
        },
        cautions=cautions, detail=detail, references=_REFERENCES,
    )  # fmt: skip


def raw_and_adjusted(ratings: Ratings, link: Linkage, found: Components) -> tuple[Floats, Floats]:
    """Each unit's mean score, and the same plus the mean severity of its raters (centred within linked parts)."""
    size = np.bincount(ratings.unit)
    raw = np.bincount(ratings.unit, ratings.score) / size
    if found.fit is None:
        return raw, raw
    likelihood = found.fit.likelihood
    severity = -float(likelihood.gamma[RATER]) * likelihood.effects[RATER]
    if link.parts > 1:
        of_part = np.bincount(link.part_of_rater, severity) / np.bincount(link.part_of_rater)
        severity = severity - of_part[link.part_of_rater]
    return raw, np.asarray(raw + np.bincount(ratings.unit, severity[ratings.rater]) / size)


def _passes(score: Floats, tie_breaker: Floats, cut: float | None, top_n: int | None) -> Booleans:
    if cut is not None:
        return np.asarray(score >= cut - _ROUNDING * max(1.0, abs(cut)))
    first, second = (np.round(each, 9) for each in (score, tie_breaker))
    passes = np.zeros(score.size, dtype=np.bool_)
    passes[np.lexsort((np.arange(score.size), -second, -first))[:top_n]] = True
    return passes


def _tied(raw: Floats, top_n: int) -> int:
    """Candidates level with the last who passes, where they are more than the places left for them."""
    rounded = np.sort(np.round(raw, 9))[::-1]
    last = rounded[top_n - 1]
    return int(np.count_nonzero(rounded == last)) if rounded[top_n] == last else 0


def _by_group(rated: Rated, before: Booleans, after: Booleans) -> dict[str, dict[str, Any]]:
    rows = {}
    for code, name in enumerate(rated.names):
        mine = rated.group == code
        n = int(np.count_nonzero(mine))
        if n:
            rows[name] = {
                "n": n, "gained": int((after & ~before & mine).sum()), "lost": int((before & ~after & mine).sum()),
                "share": float((before != after)[mine].mean()), "rate_raw": float(before[mine].mean()),
                "rate_adjusted": float(after[mine].mean()),
            }  # fmt: skip
    return rows


def _ratio(by_group: dict[str, dict[str, Any]], focal: str, reference: str, rate: str) -> float | None:
    under = by_group[reference][rate]
    return by_group[focal][rate] / under if under > 0 else None
