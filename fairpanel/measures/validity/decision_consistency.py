"""Would another panel of the same size have decided alike?"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import log_ndtr, ndtr, ndtri, owens_t

from fairpanel.measures.columns import Booleans, Floats, check_choice, check_confidence, decisions
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.mixed_models.components import Components, crossed_components, likelihood_interval
from fairpanel.measures.mixed_models.linkage import linkage, linkage_cautions, why_not_estimable
from fairpanel.measures.mixed_models.profile import ratio_target
from fairpanel.measures.mixed_models.robust import spread_factor
from fairpanel.measures.panel import Ratings, long_ratings

_REFERENCES = (
    "Peng, C.-Y. J., & Subkoviak, M. J. (1980). Journal of Educational Measurement, 17, 359-368",
    "Livingston, S. A., & Lewis, C. (1995). Journal of Educational Measurement, 32, 179-197",
    "Brennan, R. L. (2001). Generalizability Theory (absolute error: other raters)",
)
_TITLE = "share of candidates on the same side of the cut with another panel, normal errors"
_PANELS = (1, 2, 3, 4, 5, 6)


def decision_consistency(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    selected: str | None = None,
    cut: float | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """The share of candidates whom an independent panel of the same size would put on the same side of the cut.

    Parameters
    ----------
    data : one rating a row; rows without a score or label are left out and counted.
    unit, rater, score : columns.
    selected : column that says who was selected (one value a unit): the cut is the mean score with as many candidates
        at or above it as were selected.
    cut : the mean score from which a candidate counts as selected, instead of `selected`.

    Returns
    -------
    Estimate
        value: between .5 and 1 for cuts near the middle; nearer 1 where few are near the cut. n: units, raters, scores.
        detail: cut, share_above, reliability (of a mean score when the panel is drawn anew: absolute, k the harmonic
        mean of raters), sem, kappa (agreement beyond what the share above gives by chance), flips (1 - value), near_cut
        (within, share, flip: candidates within one SEM of the cut and how many of them would flip), panels (raters,
        reliability, consistency for panels of one to six).

    Raises
    ------
    MeasureInputError
        Neither or both of selected and cut, a unit that is both selected and not.

    Cautions
    --------
    The decision is taken to be the cut: where hiring looked at more than this score, it is the score's part alone that
    is judged. The cut is taken as known. Not estimable where every candidate had one rater, or all are on one side.

    Notes
    -----
    A candidate with mean x of k raters: another panel's mean is normal around m + G (x - m) with variance
    var_unit (1 - G) + error / k, error = var_rater + var_residual, G = var_unit / (var_unit + error / k). The interval
    carries the reliability's limits (profile likelihood) through, at the observed spread of scores, and adds the error of
    having drawn these candidates, squares of the two distances added.

    References
    ----------
    .. [1] Peng & Subkoviak 1980. .. [2] Livingston & Lewis 1995. .. [3] Brennan 2001.

    No oracle: checked against second panels really drawn, and the bivariate normal distribution.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> merit, noise = np.repeat(rng.normal(size=500), 2), rng.normal(size=1000)
    >>> ratings = pl.DataFrame({"unit": np.repeat(np.arange(500), 2), "rater": rng.integers(0, 40, 1000),
    ...                         "score": merit + noise})
    >>> found = decision_consistency(ratings, cut=1.0)
    >>> round(found.value, 1), round(found.detail["reliability"], 1)
    (0.8, 0.6)
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    if (selected is None) == (cut is None):
        raise MeasureInputError("give either selected (the column that says who was) or cut (a mean score)")
    ratings = long_ratings(data, unit=unit, rater=rater, score=score)
    cautions = ratings.missing_caution()
    link = linkage(ratings) if ratings.score.size else None
    why = why_not_estimable(ratings, link)
    if link is None or why:
        return _none(ratings, [*cautions, *why])
    cautions += linkage_cautions(link)
    found = crossed_components(ratings)
    cautions += found.cautions
    count = np.bincount(ratings.unit).astype(np.float64)
    means = np.bincount(ratings.unit, ratings.score) / count
    at = _cut_of(data, ratings, unit, selected, means) if cut is None else float(cut)
    above = means >= at
    if above.all() or not above.any():
        text = "Everyone is on one side of the cut: there is no decision to repeat."
        return _none(ratings, [*cautions, Caution("CONSTANT_INPUT", text)])
    k = link.k_harmonic
    error = found.var_rater + found.var_residual
    if found.var_unit <= 0 or error <= 0:
        text = "Candidates or panels do not differ in these data: the chance of another decision is not determined."
        return _none(ratings, [*cautions, Caution("BOUNDARY", text)])
    reliability = found.var_unit / (found.var_unit + error / k)
    flips = _flips(means, count, at, found.var_unit, error)
    made = None
    if interval == "analytic":
        made, reasons = _interval(ratings, found, means, count, at, k, confidence)
        cautions += reasons
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    sem, share = math.sqrt(error / k), float(above.mean())
    near = np.abs(means - at) <= sem
    by_chance = share**2 + (1 - share) ** 2
    value = 1 - float(flips.mean())
    detail: dict[str, Any] = {
        "cut": at, "share_above": share, "reliability": reliability, "sem": sem,
        "kappa": (value - by_chance) / (1 - by_chance), "flips": 1 - value,
        "near_cut": {
            "within": sem, "share": float(near.mean()), "flip": float(flips[near].mean()) if near.any() else None
        },
        "panels": _panels(found.var_unit, error, share),
    }  # fmt: skip
    return Estimate(
        measure="decision_consistency", method=_TITLE, value=value, interval=made, n=ratings.counts(),
        cautions=cautions, detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _none(ratings: Ratings, cautions: list[Caution]) -> Estimate:
    return Estimate(
        measure="decision_consistency", method=_TITLE, value=None, n=ratings.counts(), cautions=cautions,
        references=_REFERENCES,
    )  # fmt: skip


def _cut_of(data: pl.DataFrame, ratings: Ratings, unit: str, selected: str | None, means: Floats) -> float:
    """The mean score with as many candidates at or above it as were selected."""
    taken = _taken(data, ratings, unit, str(selected))
    if not taken.any():
        return math.inf
    ordered = np.sort(means)[::-1]
    return float(ordered[int(taken.sum()) - 1])


def _taken(data: pl.DataFrame, ratings: Ratings, unit: str, selected: str) -> Booleans:
    """By unit, in the order of the ratings' codes; a unit without a decision counts as not selected."""
    found = decisions(data, selected, "selected")
    told = pl.DataFrame({"unit": data[unit].cast(pl.String), "taken": found.taken, "present": found.present})
    by_unit = told.filter("present").group_by("unit").agg(pl.col("taken").min().alias("least"), pl.col("taken").max())
    torn = by_unit.filter(pl.col("least") != pl.col("taken"))
    if torn.height:
        raise MeasureInputError(
            f"column {selected!r} (selected) must be the same in all rows of a unit; it differs in {torn.height} units"
        )
    ordered = pl.DataFrame({"unit": list(ratings.units)}).join(by_unit, on="unit", how="left", maintain_order="left")
    taken: Booleans = ordered["taken"].fill_null(value=False).to_numpy()
    return taken


def _flips(means: Floats, count: Floats, cut: float, var_unit: float, error: float) -> Floats:
    """Each candidate's chance of the other side with another panel of as many raters."""
    noise = error / count
    share = var_unit / (var_unit + noise)
    centre = float(means.mean())
    expected = centre + share * (means - centre)
    distance = (cut - expected) / np.sqrt(var_unit * (1 - share) + noise)
    below: Floats = np.exp(log_ndtr(distance))
    return np.where(means >= cut, below, 1 - below)


def _interval(
    ratings: Ratings, found: Components, means: Floats, count: Floats, cut: float, k: float, confidence: float
) -> tuple[Interval | None, list[Caution]]:
    """The limits of the reliability at the same spread of mean scores, and the candidates' own sampling error, joined."""
    target = ratio_target(1 / k, k)
    factor = spread_factor(ratings, found, q=1 / k, k=k)
    between, why = likelihood_interval(found, target, confidence=confidence, spread=factor)
    if between is None:
        return None, why
    total = found.var_unit + (found.var_rater + found.var_residual) / k
    flips = _flips(means, count, cut, found.var_unit, found.var_rater + found.var_residual)
    value = 1 - float(flips.mean())
    drawn = float(ndtri((1 + confidence) / 2)) * float(flips.std(ddof=1)) / math.sqrt(flips.size)
    ends = []
    for reliability in (between.low, between.high):
        held = min(max(reliability, 1e-9), 1 - 1e-9)
        ends.append(1 - float(_flips(means, count, cut, held * total, (1 - held) * total * k).mean()))
    low = value - math.hypot(max(value - min(ends), 0.0), drawn)
    high = value + math.hypot(max(max(ends) - value, 0.0), drawn)
    method = f"limits of the reliability carried through ({between.method}), joined with the drawing of candidates"
    return Interval(low=max(low, 0.0), high=min(high, 1.0), level=confidence, method=method), []


def _panels(var_unit: float, error: float, share: float) -> list[dict[str, Any]]:
    """Reliability and consistency of panels of one to six raters, normal scores, the same share above the cut."""
    rows = []
    height = -float(ndtri(share))
    for raters in _PANELS:
        reliability = var_unit / (var_unit + error / raters)
        rows.append({"raters": raters, "reliability": reliability, "consistency": _consistency(height, reliability)})
    return rows


def _consistency(height: float, reliability: float) -> float:
    """P(both above) + P(both below) of two standard normal scores with that correlation (Owen 1956)."""
    slope = math.sqrt((1 - reliability) / (1 + reliability))
    both_below = float(ndtr(height)) - 2 * float(owens_t(height, slope))
    return 1 - 2 * (float(ndtr(height)) - both_below)
