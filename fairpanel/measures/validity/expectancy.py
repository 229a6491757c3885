"""How people with low, middling and high scores turned out: the expectancy chart."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import stdtrit

from fairpanel.measures.columns import Floats, check_choice, check_confidence, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.proportions import wilson
from fairpanel.measures.validity.criterion import complete_pairs

_REFERENCES = (
    "Lawshe, C. H., Bolda, R. A., Brune, R. L., & Auclair, G. (1958). Personnel Psychology, 11, 545-559",
    "Wilson, E. B. (1927). Journal of the American Statistical Association, 22, 209-212",
)


def expectancy_table(
    data: pl.DataFrame,
    /,
    *,
    x: str = "x",
    y: str = "y",
    success: float | None = None,
    bins: int = 5,
    among: Literal["rated", "everyone"] = "rated",
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """How people in each fifth of the score turned out: share who succeeded, or mean criterion, from low to high.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    x, y : columns of score and criterion.
    success : lowest criterion that counts as success; without it, a criterion of 0 and 1 alone is taken as success,
        and any other is averaged.
    bins : how many parts the people are split into by their score, 2 to 20; 5 for fifths.
    among : whose parts: of those with a criterion ("rated"), or of all with a score ("everyone"), outcomes of those rated
        in each part.

    Returns
    -------
    Estimate
        value: success rate (or mean criterion) of the highest part. n: people (with a criterion), highest. detail: rows
        (from low to high: part, from, to (scores), n (people in the part), n_rated, value, low, high; None where nobody is
        rated), overall, kind ("success rate" or "mean criterion"), gap (highest minus lowest part with a value), success.

    Cautions
    --------
    Among the hired alone the lower fifths are the lower fifths of the hired, not of the applicants. People with equal
    scores stay together, so that parts may differ in size, or be absent with few different scores (TIES).

    Notes
    -----
    Part = floor(bins · (mean rank - 1/2) / n). Interval: Wilson for a rate, t for a mean; each row by itself.

    References
    ----------
    .. [1] Lawshe et al. 1958. .. [2] Wilson 1927.

    No oracle: checked by hand.

    Examples
    --------
    >>> people = pl.DataFrame({"x": list(range(10)), "y": [0, 0, 0, 1, 0, 1, 1, 0, 1, 1]})
    >>> estimate = expectancy_table(people)
    >>> [row["value"] for row in estimate.detail["rows"]]
    [0.0, 0.5, 0.5, 0.5, 1.0]
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    if isinstance(bins, bool) or not isinstance(bins, int) or not 2 <= bins <= 20:
        raise MeasureInputError(f"bins is a whole number from 2 to 20, got {bins!r}")
    check_choice("among", among, ("rated", "everyone"))
    scores, criterion, cautions = _people(data, x, y, among)
    rated = ~np.isnan(criterion)
    n = int(rated.sum())
    rates = success is not None or (n > 0 and bool(np.isin(criterion[rated], (0, 1)).all()))
    kind = "success rate" if rates else "mean criterion"
    title = f"{kind} by score, {bins} parts" + (" of everyone with a score" if among == "everyone" else "")
    if n < 2 or np.ptp(scores) == 0:
        why = (
            Caution("SMALL_SAMPLE", f"{n} complete pairs: a table needs at least two.")
            if n < 2
            else Caution("CONSTANT_INPUT", "The score does not vary: there are no parts.")
        )
        return Estimate(
            measure="expectancy_table", method=title, value=None, n={"people": n}, cautions=[*cautions, why],
            references=_REFERENCES,
        )  # fmt: skip
    outcome = np.where(rated, criterion >= success, np.nan) if success is not None else criterion
    rows, made = _rows(scores, outcome, bins, rates, confidence if interval == "analytic" else None)
    if len(rows) < bins:
        cautions.append(Caution("TIES", f"Equal scores leave {len(rows)} of {bins} parts."))
    thin = [str(row["part"]) for row in rows if row["n_rated"] < 10]
    if thin:
        cautions.append(Caution("SMALL_GROUP", f"Under ten people in part {', '.join(thin)}."))
    value = rows[-1]["value"]
    if value is None:
        cautions.append(Caution("SMALL_SAMPLE", "Nobody in the highest part has a criterion."))
    elif made is None:
        why_not = "none was asked for" if interval == "none" else "the highest part has one person"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    known = [row["value"] for row in rows if row["value"] is not None]
    return Estimate(
        measure="expectancy_table", method=title, value=value, interval=made,
        n={"people": n, "highest": rows[-1]["n_rated"]}, cautions=cautions,
        detail={
            "rows": rows, "overall": float(np.nanmean(outcome)), "kind": kind,
            "gap": known[-1] - known[0], "success": success,
        },
        references=_REFERENCES,
    )  # fmt: skip


def _people(data: pl.DataFrame, x: str, y: str, among: str) -> tuple[Floats, Floats, list[Caution]]:
    if among == "rated":
        return complete_pairs(data, x, y)
    scores, criterion = numbers(data, x, "x"), numbers(data, y, "y")
    present = ~np.isnan(scores)
    return scores[present], criterion[present], missing_rows(present, x)


def _rows(
    scores: Floats, outcome: Floats, bins: int, rates: bool, confidence: float | None
) -> tuple[list[dict[str, Any]], Interval | None]:
    """A row a part, and the highest part's limits."""
    ranks = pl.Series(scores).rank("average").to_numpy()
    part = np.minimum((bins * (ranks - 0.5) / scores.size).astype(np.int64), bins - 1)
    rows: list[dict[str, Any]] = []
    made: Interval | None = None
    for number in np.unique(part):
        at = part == number
        known = outcome[at][~np.isnan(outcome[at])]
        made = _limits(known, rates, confidence) if confidence is not None and known.size else None
        rows.append({
            "part": int(number) + 1, "from": float(scores[at].min()), "to": float(scores[at].max()),
            "n": int(at.sum()), "n_rated": int(known.size), "value": float(known.mean()) if known.size else None,
            "low": None if made is None else made.low, "high": None if made is None else made.high,
        })  # fmt: skip
    return rows, made


def _limits(outcome: Floats, rates: bool, confidence: float) -> Interval | None:
    """Wilson's interval of a rate, Student's of a mean; None for the mean of one person."""
    n, mean = outcome.size, float(outcome.mean())
    if rates:
        low, high = wilson(mean, n, confidence)
        return Interval(low=low, high=high, level=confidence, method="Wilson")
    if n < 2:
        return None
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * float(outcome.std(ddof=1)) / math.sqrt(n)
    return Interval(low=mean - half, high=mean + half, level=confidence, method="Student t")
