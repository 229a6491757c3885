"""How the gap between two groups moves from period to period: latest state, trend, change point, and an alarm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.special import ndtri

from fairpanel.measures.columns import Floats, check_confidence, decisions, labels, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.fairness import gap_course
from fairpanel.measures.fairness.contingency import TwoGroups, no_value, one_group_only, two_groups
from fairpanel.measures.fairness.count_course import Counts
from fairpanel.measures.fairness.monitored import ScoredPeriods, SelectedPeriods
from fairpanel.measures.fairness.periods import Every, in_periods
from fairpanel.measures.fairness.power import POWER
from fairpanel.measures.fairness.score_course import scores_by_period
from fairpanel.measures.fairness.sequential import (
    cusum,
    cusum_limit,
    detectable_shift,
    first_beyond,
    running_limit,
)

_REFERENCES = (
    "Page, E. S. (1954). Biometrika, 41, 100-115 (cumulative sums)",
    "Hawkins, D. M. (1987). The Statistician, 36, 299-316 (charts that start themselves)",
    "Quesenberry, C. P. (1991). Journal of Quality Technology, 23, 239-246 (binomial charts, rate unknown)",
    "Pocock, S. J. (1977). Biometrika, 64, 191-199 (repeated tests)",
    "Breslow, N. E., & Day, N. E. (1980). Statistical Methods in Cancer Research I, IARC, section 4.4 (trend)",
    "Worsley, K. J. (1983). Biometrika, 70, 455-464 (change point, largest statistic)",
    "Mantel, N., & Haenszel, W. (1959). Journal of the National Cancer Institute, 22, 719-748",
)
_DRAWS, _MORE_DRAWS = 4999, 49_999
_FEW_BEYOND = 20
_FEWEST = 3  # periods for a trend or a change point


@dataclass(frozen=True, slots=True)
class _Course:
    """Both groups' outcomes in order of periods; seen is None where there is only one group."""

    groups: TwoGroups | None
    names: list[str]
    seen: SelectedPeriods | ScoredPeriods | None
    people: dict[str, int]
    cautions: list[Caution]


def group_monitor(
    data: pl.DataFrame,
    /,
    *,
    period: str = "period",
    group: str = "group",
    selected: str | None = None,
    score: str | None = None,
    focal: str | None = None,
    reference: str | None = None,
    selected_label: str | None = None,
    every: Every = "given",
    horizon: int = 24,
    alpha: float = 0.05,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """How the gap between two groups moves from period to period, with an alarm that keeps its false-alarm probability.

    Testing every month at 5 % cries wolf in 60 to 70 % of two-year runs without any gap. This alarm may be looked at
    every month: the chance of any false one over the whole `horizon` is alpha.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    period, group : columns. Numbers, dates and ordered categories (Enum) keep their order, text is sorted as text. The
        data hold all periods up to now: running again next month adds one look and changes no earlier one.
    selected, score : the outcome, a column of decisions or one of scores: one of the two; neither means "selected".
    focal, reference, selected_label : as in `fisher_exact`; name both groups where you run again: the larger one may change.
    every : "month", "quarter" or "year" groups dates (or text that begins 2025-03); "given" takes values as they are.
    horizon : periods over which the false-alarm probability is kept, at least as many as the data hold. Fix it once:
        another horizon is another limit. alpha : that probability, of either alarm. seed : of the draws for p.

    Returns
    -------
    Estimate
        value: the gap pooled over periods, with interval: selections: common odds ratio, focal over reference; scores:
        focal less reference in standard deviations within groups and periods. n: people, focal, reference, periods,
        periods_compared (both groups present and not everyone fared alike). detail: focal, reference, outcome, scale (of
        slope and shifts), periods (rows: period, n_focal, n_reference, selected_ or mean_ and rate_ of either, gap, low,
        high, rate_ratio, compared), trend (slope a period, se, low, high, statistic, p, or null), change (period from
        which the gap differs most, before, after, statistic, p for the most favourable of all splits, or null), alarm
        (against the gap so far: alarm_at, direction, limit, looks, by_period: period, score, up, down), gap_alarm (against
        no gap: alarm_at, direction, limit, looks, by_period: period, statistic), horizon, alpha, periods_dropped,
        minimum_detectable (a shift halfway through the horizon that the alarm sees by its end with 80 % power).

    Raises
    ------
    MeasureInputError
        Both selected and score, more periods than the horizon, a horizon under 2, alpha outside 0.001 to 0.5, a
        missing column, text that is no date with `every`.

    Cautions
    --------
    A constant gap raises gap_alarm, never (more than alpha) alarm: no change is no absence of a gap. Trend and change are
    for one look, not for repeated ones; watch with alarm. HETEROGENEOUS_STRATA: the gap moved, the pooled value
    describes no single period. ZERO_CELL: the odds ratio is 0 or infinite. A slow drift is absorbed by the gap so far and
    may never raise alarm: read trend. The mix of jobs and stages is not held constant. People are taken
    as independent: raters who treat groups differently by chance add spread that the limits do not know. Slopes count
    periods seen; an empty month is skipped. After an alarm, or past the horizon, start anew with the periods since.

    Notes
    -----
    Given margins and the focal group's total up to t, the law of its count in period t does not hold the common odds
    ratio (Fisher's hypergeometric weights convolved). score: the normal score of the count's mid-p, standardized
    under that law: mean 0, variance 1, uncorrelated over periods whatever the constant gap and however rates move. For
    scores: t of the newest gap against the precision-weighted earlier ones, as a normal score. alarm: up = max(0, up +
    score - 1/2), down its mirror, against the limit that independent normal scores pass in horizon - 1 looks with
    probability alpha. gap_alarm: running standardized sum of scores against no gap, weights the root of the information.
    Odds ratios because only they are free of nuisance given the margins; rate ratios stand beside them.
    Trend and change: score statistics, p from 4,999 draws (49,999 where it is small) of the conditional law (normal ones
    for scores).

    References
    ----------
    .. [1] Page 1954. .. [2] Hawkins 1987. .. [3] Quesenberry 1991. .. [4] Pocock 1977. .. [5] Breslow & Day 1980.
    .. [6] Worsley 1983. .. [7] Mantel & Haenszel 1959.

    Pinned by `mantel_haenszel`, by enumeration of all tables of three small periods and by Pocock's limits; the level over
    24 looks by simulation.

    Examples
    --------
    >>> people = pl.DataFrame({"period": [month for month in range(12) for _ in range(40)], "group": ["f", "r"] * 240})
    >>> count = pl.int_range(pl.len())
    >>> people = people.with_columns(selected=(count % 5 < 2) & ((pl.col("group") == "r") | (pl.col("period") < 6)
    ...     | (count % 20 < 4)))
    >>> found = group_monitor(people, focal="f", reference="r")
    >>> round(found.value, 2), found.detail["change"]["period"], found.detail["change"]["p"] < 0.01
    (0.5, '6', True)
    """
    check_confidence(confidence)
    _check(horizon, alpha, selected, score)
    course = _course(data, period, group, selected, score, focal, reference, selected_label, every)
    kind = "group_monitor"
    if course.groups is None or course.seen is None:
        title = "gap between two groups over periods"
        return no_value(kind, title, course.people["people"], course.cautions, {}, _REFERENCES)
    if len(course.names) > horizon:
        raise MeasureInputError(
            f"horizon must cover the periods in column {period!r}: it is {horizon}, and the data hold {len(course.names)}"
        )
    groups, everything, cautions = course.groups, course.seen, list(course.cautions)
    tells = everything.tells
    names = [name for name, keep in zip(course.names, tells, strict=True) if keep]
    seen = everything.only(tells)
    rows = [
        {"period": name, **row, "compared": bool(keep)}
        for name, row, keep in zip(course.names, everything.rows(confidence), tells, strict=True)
    ]
    detail: dict[str, Any] = {
        "focal": groups.focal, "reference": groups.reference,
        "outcome": "selection" if isinstance(seen, SelectedPeriods) else "score", "scale": seen.scale,
        "periods": rows, "periods_dropped": int((~tells).sum()), "horizon": horizon, "alpha": alpha,
    }  # fmt: skip
    n = course.people | {"periods": len(course.names), "periods_compared": len(names)}
    title = f"{seen.title}: {groups.focal} against {groups.reference} ({groups.rule})"
    value, made = (None, None) if not names else seen.pooled(confidence)
    x = np.flatnonzero(tells).astype(np.float64)
    found = _evidence(seen, seed) if len(names) >= _FEWEST else None
    detail |= {
        "trend": None if found is None else _trend(seen, found, x, confidence),
        "change": None if found is None else _change(seen, found, names, confidence),
        "alarm": _alarm(seen, names, horizon, alpha),
        "gap_alarm": _gap_alarm(seen, names, horizon, alpha),
        "minimum_detectable": _detectable(seen, horizon, alpha),
    }
    if value is None:
        cautions.append(_why_none(seen, names))
    moved = [key for key in ("trend", "change") if detail[key] is not None and detail[key]["p"] < alpha]
    if moved:
        cautions.append(
            Caution(
                "HETEROGENEOUS_STRATA", f"The gap moved over the periods (p of {' and '.join(moved)} under {alpha:g})."
            )
        )
    if names and len(names) < _FEWEST:
        cautions.append(Caution("SMALL_SAMPLE", f"{len(names)} comparable periods: no trend and no change point."))
    return Estimate(
        measure=kind, method=title, value=value, interval=made, n=n, cautions=cautions, detail=detail,
        references=_REFERENCES,
    )  # fmt: skip


def _check(horizon: int, alpha: float, selected: str | None, score: str | None) -> None:
    if selected is not None and score is not None:
        raise MeasureInputError(f"give either selected or score, got selected={selected!r} and score={score!r}")
    if isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 2:
        raise MeasureInputError(f"horizon must be a whole number of at least 2 periods, got {horizon!r}")
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0.001 <= alpha <= 0.5:
        raise MeasureInputError(f"alpha must be a probability between 0.001 and 0.5, got {alpha!r}")


def _course(
    data: pl.DataFrame, period: str, group: str, selected: str | None, score: str | None, focal: str | None,
    reference: str | None, selected_label: str | None, every: Every,
) -> _Course:  # fmt: skip
    if every not in ("given", "month", "quarter", "year"):
        raise MeasureInputError(f"every must be one of given, month, quarter, year, got {every!r}")
    when, found = in_periods(data, period, every), labels(data, group, "group")
    outcome: Floats
    if score is not None:
        outcome, what = numbers(data, score, "score"), score
        known = ~np.isnan(outcome)
    else:
        what = "selected" if selected is None else selected
        taken = decisions(data, what, "selected", selected_label)
        outcome, known = taken.taken.astype(np.float64), taken.present
    present = when.present & found.present & known
    cautions = missing_rows(present, f"{period}, {group} or {what}")
    sizes = np.bincount(found.codes[present], minlength=len(found.names)).tolist()
    groups = two_groups(found, sizes, group, focal, reference)
    if groups is None or not sizes[groups.focal_code] or not sizes[groups.reference_code]:
        with_rows = [name for name, size in zip(found.names, sizes, strict=True) if size]
        return _Course(None, [], None, {"people": int(present.sum())}, [*cautions, one_group_only(with_rows)])
    is_focal = found.codes == groups.focal_code
    used = present & (is_focal | (found.codes == groups.reference_code))
    levels, at = np.unique(when.codes[used], return_inverse=True)
    names, mine, values = [when.names[level] for level in levels], is_focal[used], outcome[used]
    seen: SelectedPeriods | ScoredPeriods
    if score is not None:
        scores = scores_by_period(values, at, mine, len(names))
        seen = ScoredPeriods(scores, scores.within)
    else:
        cells = np.bincount(at * 4 + 2 * ~mine + (values == 0), minlength=4 * len(names)).reshape(-1, 4)
        seen = SelectedPeriods(Counts(*cells.T.astype(np.float64)))
    people = {"people": int(used.sum()), "focal": int(mine.sum()), "reference": int((~mine).sum())}
    return _Course(groups, names, seen, people, cautions)


def _why_none(seen: SelectedPeriods | ScoredPeriods, names: list[str]) -> Caution:
    if not names:
        return Caution("CONSTANT_INPUT", "In no period did both groups apply with outcomes that could differ.")
    if isinstance(seen, SelectedPeriods):
        text = "In no period is there anyone against the trend: the common odds ratio is 0 or infinite."
        return Caution("ZERO_CELL", text)
    return Caution("CONSTANT_INPUT", "The scores do not vary within groups and periods: there is no unit to divide by.")


def _trend(
    seen: SelectedPeriods | ScoredPeriods, found: gap_course.Evidence, x: Floats, confidence: float
) -> dict[str, Any] | None:
    """Slope a period, with the interval of its likelihood's curvature, and the test by draws."""
    tested = gap_course.trend(found, x)
    if tested is None:
        return None
    line = seen.slope(found, x)
    facts: dict[str, Any] = dict.fromkeys(("slope", "se", "low", "high"))
    if line is not None:
        half = float(ndtri((1 + confidence) / 2)) * line[1]
        facts = {"slope": line[0], "se": line[1], "low": line[0] - half, "high": line[0] + half}
    return facts | {"statistic": tested.statistic, "p": tested.p}


def _evidence(seen: SelectedPeriods | ScoredPeriods, seed: int) -> gap_course.Evidence | None:
    """Drawn anew ten times as often where the p of a change is near the smallest that the draws can give."""
    found = seen.evidence(_DRAWS, seed)
    tested = None if found is None else gap_course.change(found)
    if tested is None or tested.p * (_DRAWS + 1) > _FEW_BEYOND:
        return found
    return seen.evidence(_MORE_DRAWS, seed)


def _change(
    seen: SelectedPeriods | ScoredPeriods, found: gap_course.Evidence, names: list[str], confidence: float
) -> dict[str, Any] | None:
    tested = gap_course.change(found)
    if tested is None or tested.at is None:
        return None
    late = np.arange(len(names)) >= tested.at
    return {
        "period": names[tested.at], "before": seen.only(~late).pooled(confidence)[0],
        "after": seen.only(late).pooled(confidence)[0], "statistic": tested.statistic, "p": tested.p,
    }  # fmt: skip


def _alarm(seen: SelectedPeriods | ScoredPeriods, names: list[str], horizon: int, alpha: float) -> dict[str, Any]:
    """Cumulative sums of what each period adds to the gap so far."""
    told = [(name, each) for name, each in zip(names, seen.innovations(), strict=True) if each is not None]
    ups, downs = cusum([each for _, each in told])
    limit = cusum_limit(horizon - 1, alpha)
    at = first_beyond([max(pair) for pair in zip(ups, downs, strict=True)], limit)
    rows = [
        {"period": name, "score": each, "up": up, "down": down}
        for (name, each), up, down in zip(told, ups, downs, strict=True)
    ]
    direction = None if at is None else "up" if ups[at] > limit else "down"
    return {
        "alarm_at": None if at is None else told[at][0], "direction": direction, "limit": limit, "looks": len(told),
        "by_period": rows,
    }  # fmt: skip


def _gap_alarm(seen: SelectedPeriods | ScoredPeriods, names: list[str], horizon: int, alpha: float) -> dict[str, Any]:
    """The running gap against none, in standard errors."""
    scores, information = np.array(seen.against_zero()), seen.information()
    running = np.cumsum(np.sqrt(information) * scores) / np.sqrt(np.cumsum(information))
    limit = running_limit(horizon, alpha)
    at = first_beyond(np.abs(running).tolist(), limit)
    rows = [{"period": name, "statistic": float(each)} for name, each in zip(names, running, strict=True)]
    return {
        "alarm_at": None if at is None else names[at],
        "direction": None if at is None else "up" if running[at] > 0 else "down", "limit": limit, "looks": len(names),
        "by_period": rows,
    }  # fmt: skip


def _detectable(seen: SelectedPeriods | ScoredPeriods, horizon: int, alpha: float) -> dict[str, Any] | None:
    information = seen.information()
    if horizon < 4 or not information.size or float(information.mean()) <= 0:
        return None
    shift = detectable_shift(horizon, alpha, POWER) / float(np.sqrt(information.mean()))
    return {"power": POWER, "alpha": alpha, "periods": horizon, **seen.effect(shift)}
