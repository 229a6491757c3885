"""How single raters score: nine habits with partial pooling and false-discovery control; drift of severity."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtri

from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.mixed_models.crossed import RATER, prediction_variance
from fairpanel.measures.mixed_models.linkage import linkage, linkage_cautions, why_not_estimable
from fairpanel.measures.panel import Ratings, long_ratings
from fairpanel.measures.raters.habits.catalogue import (
    Habit,
    copying,
    form_habits,
    lateness,
    severity,
    slope_habit,
    spread_habits,
)
from fairpanel.measures.raters.habits.forms import Forms, forms
from fairpanel.measures.raters.habits.influence import influence
from fairpanel.measures.raters.habits.pooling import Figures, Judgement, judge
from fairpanel.measures.raters.habits.sequence import sequence, times
from fairpanel.measures.resampling import check_confidence

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

HABITS = (
    "severity", "discrimination", "range", "inconsistency", "halo", "same_score_throughout", "copying", "order",
    "contrast", "submission_lag",
)  # fmt: skip
FEWEST = 8
"""Forms under which a rater's habits are not judged, whatever min_units allows."""
SEVERITY_MARGIN = 0.25
"""Standard deviations between units up to which a rater's severity is nobody's habit."""
REFERENCES = (
    "Saal, F. E., Downey, R. G., & Lahey, M. A. (1980). Rating the ratings. Psychological Bulletin, 88, 413-428",
    "Wu, M. (2017). Some IRT-based analyses for interpreting rater effects. Psychological Test and Assessment Modeling, 59",
    "Benjamini, Y., & Hochberg, Y. (1995). Controlling the false discovery rate. JRSS B, 57, 289-300",
    "Paule, R. C., & Mandel, J. (1982). Consensus values and weighting factors. J. Res. NBS, 87, 377-385",
)


def rater_habits(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    item: str | None = "item",
    interviewed: str | None = "interviewed_at",
    submitted: str | None = "submitted_at",
    min_units: int = 10,
    severity_margin: float = SEVERITY_MARGIN,
    false_discovery_rate: float = 0.05,
    confidence: float = 0.95,
    only: Sequence[str] | None = None,
) -> Estimate:
    """Which raters score unlike the others, in what way, and how sure that is.

    Every figure compares a rater's forms with what the candidates' other raters make one expect of them, or with the
    raters' own average. It is drawn towards the typical rater as far as chance explains it, tested against it, and
    flagged only if both the false-discovery rate among raters and the pooled interval say so.

    Habits: severity; discrimination (low: centrality, high: extremity); range (restriction of range); inconsistency;
    halo and same_score_throughout (with items); copying (forms equal to a panel mate's); order and contrast (with
    interview times: drift within a day; the candidate before); submission_lag (with submission times). Also influence:
    what would change without the rater.

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names.
    item : column of the competency; used where the data have it, else a form is one score.
    interviewed, submitted : columns of dates, times or numbers (days); used where the data have them.
    min_units : raters with fewer units are neither judged nor shown, at least 1 (habits need at least 8 forms).
    severity_margin : severities up to this many standard deviations between units are nobody's habit, at least 0: no
        two raters are exactly alike.
    false_discovery_rate : expected share of false flags among the flags of a habit.
    confidence : level of the pooled intervals.
    only : names of the habits to judge; influence, which takes most of the time, is then left out. None: all.

    Returns
    -------
    Estimate
        value the share of raters flagged for at least one habit among those judged. detail habits (by name: centre
        with its interval, spread between raters, judged, flagged, unit, high, low), raters (by rater: units, flags, and
        per habit estimate, se, usual, shrunken, low, high, q, flag), influence (by rater), raters_left_out, min_units.

    Raises
    ------
    MeasureInputError
        A missing column, scores that are not numbers, an option out of range.

    Cautions
    --------
    SMALL_GROUP (raters left out), NO_INTERVAL (a decision, not a sample); where nothing can be judged value None with
    SMALL_SAMPLE, CONSTANT_INPUT, ONE_RATER, SINGLE_RATINGS; INCOMPLETE_DESIGN, UNLINKED_RATERS, MISSING_DATA.

    Notes
    -----
    A flag says that a rater's scores differ, not why: a rater who meets unusual candidates, or knows more than others,
    differs, too. Errors are jackknife errors over forms. That flags keep their false-discovery rate is shown by
    simulation (benchmarks/recovery/habits.py).

    References
    ----------
    .. [1] Saal, Downey & Lahey (1980), Psychological Bulletin 88, 413-428 (definitions).
    .. [2] Wu (2017), Psychological Test and Assessment Modeling 59, 453-470 (discrimination as centrality).
    .. [3] Benjamini & Hochberg (1995), JRSS B 57, 289-300. [4] Paule & Mandel (1982), J. Res. NBS 87, 377-385.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> unit, rater = np.divmod(np.arange(240), 6)
    >>> score = rng.normal(size=40)[unit] + 0.5 * rng.normal(size=240) - 2.0 * (rater == 3)
    >>> found = rater_habits(pl.DataFrame({"unit": unit, "rater": rater, "score": score}))
    >>> found.detail["raters"]["3"]["flags"]
    ['severity']
    """
    check_confidence(confidence)
    check_options(min_units, false_discovery_rate)
    if only is not None and set(only) - set(HABITS):
        raise MeasureInputError(f"expected habits of {', '.join(HABITS)}, got {', '.join(only)}")
    if not 0 <= severity_margin < np.inf:
        raise MeasureInputError(f"expected a severity_margin of at least 0, got {severity_margin!r}")
    item = item if item in data.columns else None
    ratings = long_ratings(data, unit=unit, rater=rater, score=score, item=item)
    link = linkage(ratings) if ratings.score.size else None
    cautions = ratings.missing_caution()
    why_not = why_not_estimable(ratings, link)
    if link is None or why_not:
        return _none("rater_habits", ratings, [*cautions, *why_not])
    cautions += linkage_cautions(link)
    found = forms(ratings)
    if found is None:
        why = Caution("SMALL_SAMPLE", "units and raters cannot be told apart in these scores")
        return _none("rater_habits", ratings, [*cautions, why])
    raters, fewest = len(ratings.raters), max(min_units, FEWEST)
    wanted = set(HABITS if only is None else only)
    habits = _untimed(found, raters, fewest, severity_margin, wanted)
    if item is not None and "copying" in wanted:
        copied = copying(found, ratings, raters, fewest)
        habits += [] if copied is None else [copied]
    labels = [name for name in (unit, rater, score, item) if name is not None]
    present = data.with_columns(pl.col(score).cast(pl.Float64).fill_nan(None)).drop_nulls(labels)
    habits += _timed(found, present, interviewed, submitted, raters, fewest)
    habits = [habit for habit in habits if habit.name in wanted]
    shown = link.units_per_rater >= min_units
    level = np.bincount(found.rater, found.score) / np.bincount(found.rater)
    judged = {habit.name: (habit, _judge(habit, level, confidence, false_discovery_rate)) for habit in habits}
    left_out = int(np.count_nonzero(~shown))
    if left_out:
        text = f"raters who scored fewer than {min_units} units, neither judged nor shown: {left_out}"
        cautions.append(Caution("SMALL_GROUP", text))
    detail = _detail(ratings, judged, shown, confidence)
    judged_raters = [row for row in detail["raters"].values() if row["habits"]]
    flagged = sum(bool(row["flags"]) for row in judged_raters)
    if not judged_raters:
        few = Caution("SMALL_SAMPLE", f"fewer than three raters have {fewest} forms or more: nobody can be compared")
        return _none("rater_habits", ratings, [*cautions, few])
    cautions.append(
        Caution("NO_INTERVAL", "the share of raters flagged is a decision about these raters, not a sample")
    )
    return Estimate(
        measure="rater_habits",
        method="share of raters flagged: jackknife errors, partial pooling (Paule & Mandel), Benjamini-Hochberg per habit",
        value=flagged / len(judged_raters),
        n=ratings.counts() | {"forms": int(found.rater.size), "raters_judged": len(judged_raters)},
        cautions=cautions,
        detail=detail
        | {
            "influence": influence(found, ratings.raters, shown) if only is None else {},
            "raters_flagged": flagged,
            "raters_left_out": left_out,
            "min_units": min_units,
        },
        references=REFERENCES,
    )


def flagged_for(
    ratings: Ratings, rater: int, habit: str, /, *, min_units: int, false_discovery_rate: float, confidence: float
) -> bool:
    """Whether `rater_habits` of these ratings would flag the rater with this code for severity, a habit of spread or
    one of items within forms: the same judgement without the table of everybody's. Raises as rater_habits does."""
    check_confidence(confidence)
    check_options(min_units, false_discovery_rate)
    link = linkage(ratings)
    if why_not_estimable(ratings, link) or link.units_per_rater[rater] < min_units:
        return False
    found = forms(ratings)
    if found is None:
        return False
    level = np.bincount(found.rater, found.score) / np.bincount(found.rater)
    for one in _untimed(found, len(ratings.raters), max(min_units, FEWEST), SEVERITY_MARGIN, {habit}):
        judged = _judge(one, level, confidence, false_discovery_rate)
        if judged is not None and one.name == habit:
            return bool(np.isfinite(judged.q[rater]) and judged.flagged[rater])
    return False


def _untimed(found: Forms, raters: int, fewest: int, margin: float, wanted: Set[str]) -> list[Habit]:
    """Severity, spread and what forms of several items show: families of habits of which one is wanted."""
    habits = [_severity(found, raters, fewest, margin)] if "severity" in wanted else []
    if wanted & {"discrimination", "range", "inconsistency"}:
        habits += spread_habits(found, raters, fewest)
    if wanted & {"halo", "same_score_throughout"}:
        habits += form_habits(found, raters, fewest)
    return habits


def _judge(habit: Habit, level: FloatArray, confidence: float, false_discovery_rate: float) -> Judgement | None:
    return judge(
        habit.figures,
        confidence=confidence,
        false_discovery_rate=false_discovery_rate,
        centre=habit.centre,
        level=level if habit.by_level else None,
        margin=habit.margin,
        side=habit.side,
    )


def _severity(found: Forms, raters: int, fewest: int, margin: float) -> Habit:
    fit, count = found.components.fit, np.bincount(found.rater, minlength=raters)
    figures = Figures(estimate=np.full(raters, np.nan), se=np.full(raters, np.nan), forms=count)
    if fit is not None:
        like = fit.likelihood
        left = prediction_variance(found.components.design, like, RATER)
        figures = severity(like.gamma[RATER], np.array(like.variance), like.effects[RATER], left, count, fewest)
    return Habit(
        name="severity",
        figures=figures,
        high="severity: scores lie lower than those of other raters of the same candidates",
        low="leniency: scores lie higher than those of other raters of the same candidates",
        unit="score points",
        centre=0.0,
        margin=margin * found.components.var_unit**0.5,
    )


def _timed(
    found: Forms, present: pl.DataFrame, interviewed: str | None, submitted: str | None, raters: int, fewest: int
) -> list[Habit]:
    habits: list[Habit] = []
    first = np.unique(found.of_rating, return_index=True)[1]
    if interviewed is None or interviewed not in present.columns:
        return habits
    met = times(present[interviewed], interviewed)[first]
    order = sequence(found, met)
    if order is not None:
        habits.append(
            slope_habit(
                "order", found, order.rows, order.position, raters, fewest,
                high="later candidates of a day are scored higher than expected",
                low="later candidates of a day are scored lower than expected",
                unit="score points per position in the day",
            )
        )  # fmt: skip
        if order.after.size:
            habits.append(
                slope_habit(
                    "contrast", found, order.rows[order.after], order.before, raters, fewest,
                    high="assimilation: a candidate is scored higher after a strong one",
                    low="contrast: a candidate is scored lower after a strong one",
                    unit="score points per point expected of the candidate before",
                )
            )  # fmt: skip
    if submitted is not None and submitted in present.columns:
        lag = times(present[submitted], submitted)[first] - met
        known = np.isfinite(lag) & (lag >= 0)
        if known.any():
            habits.append(lateness(found.rater[known], lag[known], raters, fewest))
    return habits


def _detail(
    ratings: Ratings,
    judged: dict[str, tuple[Habit, Judgement | None]],
    shown: npt.NDArray[np.bool_],
    confidence: float,
) -> dict[str, Any]:
    half = float(ndtri((1 + confidence) / 2))
    summary: dict[str, Any] = {}
    raters: dict[str, Any] = {
        ratings.raters[code]: {"units": 0, "flags": [], "habits": {}} for code in np.flatnonzero(shown)
    }
    units = np.bincount(np.unique(ratings.rater * len(ratings.units) + ratings.unit) // len(ratings.units))
    for code in np.flatnonzero(shown):
        raters[ratings.raters[code]]["units"] = int(units[code])
    for name, (habit, found) in judged.items():
        facts = {"unit": habit.unit, "high": habit.high, "low": habit.low}
        if found is None:
            summary[name] = facts | {"judged": 0, "flagged": 0, "centre": None}
            continue
        known = np.isfinite(found.q) & shown
        estimated = habit.centre is None
        summary[name] = facts | {
            "judged": int(known.sum()),
            "flagged": int((found.flagged & shown).sum()),
            "centre": float(found.centre),
            "centre_interval": [float(found.centre + sign * half * found.centre_se) for sign in (-1, 1)]
            if estimated
            else None,
            "spread": float(found.spread),
        }
        for code in np.flatnonzero(known):
            row = raters[ratings.raters[code]]
            row["habits"][name] = {
                "estimate": float(habit.figures.estimate[code]),
                "se": float(habit.figures.se[code]),
                "usual": float(found.usual[code]),
                "shrunken": float(found.shrunken[code]),
                "low": float(found.low[code]),
                "high": float(found.high[code]),
                "q": float(found.q[code]),
                "flagged": bool(found.flagged[code]),
            }
            if found.flagged[code]:
                row["flags"].append(name)
    return {"habits": summary, "raters": raters}


def check_options(min_units: int, false_discovery_rate: float) -> None:
    if isinstance(min_units, bool) or not isinstance(min_units, int) or min_units < 1:
        raise MeasureInputError(f"expected min_units, a whole number of at least 1, got {min_units!r}")
    if not 0 < false_discovery_rate < 1:
        raise MeasureInputError(f"expected a false_discovery_rate between 0 and 1, got {false_discovery_rate!r}")


def _none(measure: str, ratings: Ratings, cautions: Sequence[Caution]) -> Estimate:
    return Estimate(
        measure=measure,
        method="share of raters flagged",
        value=None,
        n=ratings.counts(),
        cautions=cautions,
        references=REFERENCES,
    )
