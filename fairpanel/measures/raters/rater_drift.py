"""Does a rater's severity change over time? Slopes and periods, pooled over raters."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtri

from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.mixed_models.linkage import linkage, linkage_cautions, why_not_estimable
from fairpanel.measures.panel import Ratings, long_ratings
from fairpanel.measures.raters.habits.catalogue import Habit, slope_habit
from fairpanel.measures.raters.habits.forms import Forms, forms
from fairpanel.measures.raters.habits.pooling import Judgement, between_spread, judge
from fairpanel.measures.resampling import check_confidence

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FEWEST = 12
"""Forms under which no slope is taken."""
REFERENCES = (
    "Harik, P., et al. (2009). An examination of rater drift within a generalizability theory framework. JEM, 46, 43-58",
    "Benjamini, Y., & Hochberg, Y. (1995). Controlling the false discovery rate. JRSS B, 57, 289-300",
    "Paule, R. C., & Mandel, J. (1982). Consensus values and weighting factors. J. Res. NBS, 87, 377-385",
)


def rater_drift(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    period: str = "period",
    min_units: int = 12,
    false_discovery_rate: float = 0.05,
    confidence: float = 0.95,
) -> Estimate:
    """Which raters grow harsher or milder over time, against what each candidate's other raters make one expect.

    A rater's slope is taken over periods (1, 2, …) on residuals: scores less what the unit's other raters, their mean
    severities taken out, make one expect. Slopes are pooled over raters and tested against the raters' usual slope; so
    are a rater's single periods against that rater's own mean.

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names.
    period : column of periods that sort by time (numbers, dates, text such as 2024-Q1). A unit belongs to one period.
    min_units : raters with fewer units are neither judged nor shown (a slope needs at least 12).
    false_discovery_rate : expected share of false flags among the flags.
    confidence : level of the pooled intervals.

    Returns
    -------
    Estimate
        value the share of raters flagged among those judged. detail periods (labels in order), usual_slope and its
        usual_slope_interval (score points a period, above 0 milder), spread_of_slopes, spread_of_periods (standard
        deviation of a rater's severity between periods), raters (by rater: units, slope, se, shrunken, low, high, q,
        flagged, and periods: rows of period, units, severity against the rater's own mean, low, high).

    Raises
    ------
    MeasureInputError
        A missing column, scores that are not numbers, an option out of range.

    Cautions
    --------
    SMALL_GROUP (raters left out), NO_INTERVAL (a decision, not a sample); CONSTANT_INPUT (one period only),
    SMALL_SAMPLE, ONE_RATER, SINGLE_RATINGS: value None; INCOMPLETE_DESIGN, UNLINKED_RATERS, MISSING_DATA.

    Notes
    -----
    When candidates get better over time and a unit's raters all meet it in the same period, the change is the
    candidates', not the raters': only drift against other raters can be seen, and drift common to all raters cannot.
    Pinned by simulation (benchmarks/recovery/habits.py).

    References
    ----------
    .. [1] Harik et al. (2009), Journal of Educational Measurement 46, 43-58.
    .. [2] Benjamini & Hochberg (1995), JRSS B 57, 289-300. [3] Paule & Mandel (1982), J. Res. NBS 87, 377-385.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> unit, rater = np.divmod(np.arange(480), 6)
    >>> score = rng.normal(size=80)[unit] + 0.4 * rng.normal(size=480) - 0.3 * (rater == 3) * (unit // 10)
    >>> found = rater_drift(pl.DataFrame({"unit": unit, "rater": rater, "score": score, "period": unit // 10}))
    >>> [name for name, row in found.detail["raters"].items() if row["flagged"]]
    ['3']
    """
    check_confidence(confidence)
    if isinstance(min_units, bool) or not isinstance(min_units, int) or min_units < 1:
        raise MeasureInputError(f"expected min_units, a whole number of at least 1, got {min_units!r}")
    if not 0 < false_discovery_rate < 1:
        raise MeasureInputError(f"expected a false_discovery_rate between 0 and 1, got {false_discovery_rate!r}")
    ratings = long_ratings(data, unit=unit, rater=rater, score=score, occasion=period)
    link = linkage(ratings) if ratings.score.size else None
    cautions = ratings.missing_caution()
    why_not = why_not_estimable(ratings, link)
    if not why_not and len(ratings.occasions) < 2:
        why_not = [Caution("CONSTANT_INPUT", "all scores belong to one period")]
    if link is None or why_not:
        return _none(ratings, [*cautions, *why_not])
    cautions += linkage_cautions(link)
    found = forms(ratings)
    fewest = max(min_units, FEWEST)
    slopes = None if found is None else _slopes(found, ratings, fewest)
    judged = (
        None
        if slopes is None
        else judge(slopes.figures, confidence=confidence, false_discovery_rate=false_discovery_rate)
    )
    if found is None or slopes is None or judged is None:
        few = Caution("SMALL_SAMPLE", f"fewer than three raters have {fewest} units over several periods")
        return _none(ratings, [*cautions, few])
    known = np.isfinite(judged.q)
    if not known.all():
        left_out = int(np.count_nonzero(~known))
        text = (
            f"raters who scored fewer than {fewest} units, or in one period only, neither judged nor shown: {left_out}"
        )
        cautions.append(Caution("SMALL_GROUP", text))
    cautions.append(
        Caution("NO_INTERVAL", "the share of raters flagged is a decision about these raters, not a sample")
    )
    half = float(ndtri((1 + confidence) / 2))
    rows, spread = _periods(found, ratings, known, half)
    return Estimate(
        measure="rater_drift",
        method="share of raters flagged: slopes over periods, partial pooling (Paule & Mandel), Benjamini-Hochberg",
        value=float(judged.flagged.sum() / known.sum()),
        n=ratings.counts() | {"raters_judged": int(known.sum())},
        cautions=cautions,
        detail={
            "periods": list(ratings.occasions),
            "usual_slope": float(judged.centre),
            "usual_slope_interval": [float(judged.centre + sign * half * judged.centre_se) for sign in (-1, 1)],
            "spread_of_slopes": float(judged.spread),
            "spread_of_periods": spread,
            "raters": _by_rater(ratings, slopes, judged, rows),
        },
        references=REFERENCES,
    )


def _period_of(found: Forms, ratings: Ratings) -> IntArray:
    """Each form's period."""
    return ratings.occasion[np.unique(found.of_rating, return_index=True)[1]]


def _slopes(found: Forms, ratings: Ratings, fewest: int) -> Habit:
    rows = np.flatnonzero(found.others > 0)
    return slope_habit(
        "drift",
        found,
        rows,
        _period_of(found, ratings)[rows].astype(np.float64),
        len(ratings.raters),
        fewest,
        high="grows milder over time",
        low="grows harsher over time",
        unit="score points per period",
    )


def _periods(
    found: Forms, ratings: Ratings, known: npt.NDArray[np.bool_], half: float
) -> tuple[dict[int, list[dict[str, Any]]], float]:
    """Severity of every rater and period against the rater's own mean, pooled; and its spread between periods."""
    rows = np.flatnonzero((found.others > 0) & known[found.rater])
    period, periods = _period_of(found, ratings)[rows], len(ratings.occasions)
    rater, residual, variance = found.rater[rows], found.residual[rows], found.variance[rows]
    cell, place, size = np.unique(rater * periods + period, return_inverse=True, return_counts=True)
    owner = cell // periods
    forms_of = np.bincount(rater, minlength=known.size)
    mean = np.bincount(rater, residual, known.size) / np.maximum(forms_of, 1)
    away = mean[owner] - np.bincount(place, residual) / size
    error = np.bincount(place, variance) / size * (1 / size - 1 / forms_of[owner])
    usable = error > 0
    degrees = int(usable.sum() - np.unique(owner[usable]).size)
    spread = float(between_spread(away[usable], error[usable], degrees)) ** 0.5
    table: dict[int, list[dict[str, Any]]] = {}
    for index in np.flatnonzero(usable):
        pull = spread**2 / (spread**2 + error[index])
        width = half * float(np.sqrt(pull * error[index]))
        severity = float(pull * away[index])
        table.setdefault(int(owner[index]), []).append(
            {
                "period": ratings.occasions[cell[index] % periods],
                "units": int(size[index]),
                "severity": severity,
                "low": severity - width,
                "high": severity + width,
            }
        )
    return table, spread


def _by_rater(
    ratings: Ratings, slopes: Habit, judged: Judgement, rows: dict[int, list[dict[str, Any]]]
) -> dict[str, dict[str, Any]]:
    return {
        ratings.raters[code]: {
            "units": int(slopes.figures.forms[code]),
            "slope": float(slopes.figures.estimate[code]),
            "se": float(slopes.figures.se[code]),
            "shrunken": float(judged.shrunken[code]),
            "low": float(judged.low[code]),
            "high": float(judged.high[code]),
            "q": float(judged.q[code]),
            "flagged": bool(judged.flagged[code]),
            "periods": rows.get(int(code), []),
        }
        for code in np.flatnonzero(np.isfinite(judged.q))
    }


def _none(ratings: Ratings, cautions: list[Caution]) -> Estimate:
    return Estimate(
        measure="rater_drift",
        method="share of raters flagged",
        value=None,
        n=ratings.counts(),
        cautions=cautions,
        references=REFERENCES,
    )
