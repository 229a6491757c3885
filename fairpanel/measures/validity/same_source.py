"""Whether the score agrees with performance more when one and the same person gave both."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from fairpanel.measures.columns import (
    Booleans,
    Floats,
    Integers,
    check_choice,
    check_confidence,
    labels,
    missing_rows,
    numbers,
)
from fairpanel.measures.estimate import Caution, Estimate, Interval
from fairpanel.measures.resampling import bootstrap_interval
from fairpanel.measures.validity.clustered_correlation import (
    MOMENTS,
    ClusteredCorrelation,
    centred_and_scaled,
    clustered_correlation,
    correlations,
    difference_interval,
    person_sums,
    resampled_sums,
)
from fairpanel.measures.validity.criterion import IntervalKind

_REFERENCES = (
    "Podsakoff, P. M., MacKenzie, S. B., & Podsakoff, N. P. (2012). Annual Review of Psychology, 63, 539-569",
    "Zou, G. Y. (2007). Psychological Methods, 12, 399-413",
    "Thorndike, E. L. (1920). Journal of Applied Psychology, 4, 25-29",
)
_TITLE = "r of same-source pairs minus r of different-source pairs"
_FEWEST = 5
_OFTEN = 5


def same_source_validity(
    data: pl.DataFrame,
    /,
    *,
    x: str = "x",
    y: str = "y",
    interviewer: str = "interviewer",
    criterion_rater: str = "criterion_rater",
    unit: str | None = None,
    interval: IntervalKind = "analytic",
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 1,
) -> Estimate:
    """How much of the validity comes from the interviewer rating the later performance, too: r_same - r_different.

    Parameters
    ----------
    data : a row pairs one interview score with one performance rating of the same person; rows with a missing value
        are left out and counted.
    x, y : columns of interview score and performance rating.
    interviewer, criterion_rater : who gave x and who gave y; the same label is the same person.
    unit : whose scores they are. A person with several rows then counts as one in interval and bootstrap.
    interval : "analytic" (Fisher z, jackknife by unit, joined by Zou's rule), "bootstrap" (percentile, units drawn with
        replacement) or "none".

    Returns
    -------
    Estimate
        value: r_same - r_different, correlations over rows; None with under five people on a side. n: rows and people
        (rows where no unit is given) of either side. detail: same, different (r, low, high, rows, people), paired
        (r_different and the difference with low and high among the people who have same-source pairs, too; None where
        fewer than five), same_share (of rows), r_same, r_different,
        n_same and n_different (rows) once more by themselves.

    Cautions
    --------
    A gap above 0 says that one rater agrees with themselves more than with others: halo, or a rater who knows the
    candidate better. Interviewers choose whom they go on to manage: compare the paired contrast, where the same people
    stand on both sides. Rows of one interviewer are not independent even when they are of different people
    (DEPENDENT_SCORES).

    Notes
    -----
    Fisher's z of each side without each person in turn gives its jackknife variance and, where people stand on both
    sides, the covariance; t has people - 1 degrees of freedom.

    References
    ----------
    .. [1] Podsakoff et al. 2012. .. [2] Zou 2007. .. [3] Thorndike 1920.

    No oracle: one row a person equals two `pearson`; coverage by simulation.

    Examples
    --------
    >>> rows = pl.DataFrame({
    ...     "x": [1, 2, 3, 4, 5, 1, 2, 3, 4, 5], "y": [1, 2, 3, 5, 4, 2, 1, 5, 3, 4],
    ...     "interviewer": ["a"] * 10, "criterion_rater": ["a"] * 5 + ["b"] * 5})
    >>> round(same_source_validity(rows).value, 6)
    0.3
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "bootstrap", "none"))
    first, second = numbers(data, x, "x"), numbers(data, y, "y")
    gave = labels(data, interviewer, "interviewer")
    rated = labels(data, criterion_rater, "criterion_rater")
    who = None if unit is None else labels(data, unit, "unit")
    present = ~np.isnan(first) & ~np.isnan(second) & gave.present & rated.present
    if who is not None:
        present &= who.present
    named = [x, y, interviewer, criterion_rater, *([] if unit is None else [unit])]
    cautions = missing_rows(present, f"{', '.join(named[:-1])} or {named[-1]}")
    names = np.array([*gave.names, ""], dtype=object)
    same = (names[gave.codes] == np.array([*rated.names, ""], dtype=object)[rated.codes])[present]
    first, second = centred_and_scaled(first[present]), centred_and_scaled(second[present])
    if who is None:
        people = _ranks_of_rows(first, second, same)
        often = np.bincount(gave.codes[present]).max(initial=0)
        if often >= _OFTEN:
            text = f"One interviewer has up to {often} rows, and no unit is given: rows were taken as independent."
            cautions.append(Caution("DEPENDENT_SCORES", text))
    else:
        people = np.unique(who.codes[present], return_inverse=True)[1]
    count = int(people.max(initial=-1)) + 1
    one = person_sums(first, second, same, people, count)
    other = person_sums(first, second, ~same, people, count)
    both = other * (one[:, :1] > 0)
    n = {
        "rows_same": int(same.sum()), "rows_different": int((~same).sum()),
        "people_same": int(np.count_nonzero(one[:, 0])), "people_different": int(np.count_nonzero(other[:, 0])),
        "people_both": int(np.count_nonzero(both[:, 0])),
    }  # fmt: skip
    sides = [clustered_correlation(sums, _FEWEST) for sums in (one, other, both)]
    detail: dict[str, Any] = {
        "same": _side(sides[0], one, confidence),
        "different": _side(sides[1], other, confidence),
        "same_share": float(same.mean()) if same.size else None,
        "n_same": n["rows_same"],
        "n_different": n["rows_different"],
    }
    detail |= {f"r_{side}": detail[side]["r"] for side in ("same", "different")}
    if sides[0] is None or sides[1] is None:
        return Estimate(
            measure="same_source_validity", method=_TITLE, value=None, n=n, cautions=[*cautions, _why_none(n)],
            detail=detail, references=_REFERENCES,
        )  # fmt: skip
    detail["paired"] = None if sides[2] is None else _paired(sides[0], sides[2], both, confidence)
    gap = sides[0].r - sides[1].r
    fewer = min(n["people_same"], n["people_different"])
    if fewer < 30:
        text = f"{n['people_same']} people with same-source and {n['people_different']} with different-source pairs."
        cautions.append(Caution("SMALL_GROUP", text))
    if any(abs(side.r) == 1 for side in sides[:2] if side is not None):
        cautions.append(Caution("BOUNDARY", "On one side the points lie on one line: its correlation has no error."))
    made: Interval | None = None
    if interval == "analytic":
        made = difference_interval(sides[0], sides[1], confidence)
    elif interval == "bootstrap":
        totals = resampled_sums(np.hstack((one, other)), replicates, seed)
        gaps = correlations(totals[:, :MOMENTS]) - correlations(totals[:, MOMENTS:])
        made = bootstrap_interval(gaps[np.isfinite(gaps)], estimate=gap, confidence=confidence)
    if made is None:
        why_not = "none was asked for" if interval == "none" else "too few samples determine both correlations"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    return Estimate(
        measure="same_source_validity", method=_TITLE, value=gap, interval=made, n=n, cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _ranks_of_rows(first: Floats, second: Floats, same: Booleans) -> Integers:
    """Each row a unit of its own, numbered by its values: the same draws whatever the order of the rows."""
    places = np.empty(first.size, dtype=np.int64)
    places[np.lexsort((second, first, same))] = np.arange(first.size)
    return places


def _side(found: ClusteredCorrelation | None, sums: Floats, confidence: float) -> dict[str, Any]:
    limits = None if found is None else found.interval(confidence)
    return {
        "r": None if found is None else found.r,
        "low": None if limits is None else limits.low,
        "high": None if limits is None else limits.high,
        "rows": int(sums[:, 0].sum()),
        "people": int(np.count_nonzero(sums[:, 0])),
    }


def _paired(
    same: ClusteredCorrelation, different: ClusteredCorrelation, sums: Floats, confidence: float
) -> dict[str, Any]:
    gap = difference_interval(same, different, confidence)
    return {
        "r_different": different.r, "difference": same.r - different.r, "low": gap.low, "high": gap.high,
        "rows": int(sums[:, 0].sum()), "people": different.people,
    }  # fmt: skip


def _why_none(n: dict[str, int]) -> Caution:
    counts = f"{n['people_same']} people have same-source and {n['people_different']} different-source pairs"
    if min(n["people_same"], n["people_different"]) < _FEWEST:
        return Caution("SMALL_GROUP", f"{counts}: at least {_FEWEST} on either side are needed.")
    return Caution("CONSTANT_INPUT", f"{counts}; on one side a score does not vary.")
