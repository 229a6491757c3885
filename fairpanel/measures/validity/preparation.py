"""What preparation does to interview scores, and whether the part of a score that it moves predicts performance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import ndtri

from fairpanel.measures.columns import Floats, check_choice, check_confidence, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.least_squares import Fit, least_squares, wald_f
from fairpanel.measures.resampling import bootstrap_interval, check_replicates, times_drawn
from fairpanel.measures.validity.multiple_correlation import column_names, r_squared_limits

_REFERENCES = (
    "Maurer, T. J., Solamon, J. M., & Lippstreu, M. (2008). Journal of Organizational Behavior, 29, 355-362 (coaching)",
    "MacKinnon, J. G., & White, H. (1985). Journal of Econometrics, 29, 305-325 (HC3)",
    "Efron, B., & Tibshirani, R. J. (1993). An Introduction to the Bootstrap, ch. 13",
)
_TITLE = "share of score variance that goes with preparation, least squares"
_FEWEST = 20
_BLOCK = 64
_COLLINEAR = 1e12  # condition number from which the part that the items explain does not vary
_NOTHING = np.empty((0, 2))


def preparation_effect(
    data: pl.DataFrame,
    /,
    *,
    x: str = "x",
    y: str = "y",
    prepared: list[str] | str = "prepared",
    interval: Literal["bootstrap", "none"] = "bootstrap",
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 1,
) -> Estimate:
    """How much of the interview score goes with preparation, and whether that part goes with later performance.

    Parameters
    ----------
    data : one row a candidate; rows without x or a preparation item are left out and counted.
    x : column of the interview score. y : the criterion, missing for those without one.
    prepared : columns 0/1 (or true/false): whether an item (practice, a job description, …) was provided.
    interval : "bootstrap": of the slopes, by person, everything re-estimated; "none".

    Returns
    -------
    Estimate
        value: R² of x on the items. n: candidates, with_criterion. detail: adjusted_r2, f, df1, df2, p; items (rows
        item, n_with, n_without, effect in standard deviations of x beside the other items, low, high by HC3); of those
        with a criterion slope_prepared and slope_rest (standard deviations of y a point of x: of the part of x that the
        items explain, and of what is left), each value, low, high; difference (rest - prepared) alike;
        minimum_detectable (difference); reading: "predicts" (slope_prepared's interval above 0), "does_not_predict" (its
        interval below half of the rest's slope), "cannot_tell".

    Raises
    ------
    MeasureInputError
        Unknown columns, an item that is not 0/1, the same column twice.

    Cautions
    --------
    Who prepares differs in other ways from who does not: read the share as what goes with preparation, not what it
    causes, unless access was drawn by lot. Under 20 people with a criterion, or where preparation moves nothing beyond
    chance, the second question cannot be answered (`reading` says so).

    Notes
    -----
    x = b'items + rest on all candidates; y on b'items and rest among those with y. Hiring by x leaves both slopes as they
    are, as the two parts sum to x. The part's slope rests on estimated b: the bootstrap estimates b anew.

    References
    ----------
    .. [1] Maurer et al. 2008. .. [2] MacKinnon & White 1985. .. [3] Efron & Tibshirani 1993.

    No oracle: R² is that of any least squares; slopes and reading are checked on data with known effects.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> practice, merit = rng.integers(0, 2, 2000), rng.normal(size=2000)
    >>> people = pl.DataFrame({"prepared": practice, "x": merit + practice, "y": merit + rng.normal(size=2000)})
    >>> found = preparation_effect(people, replicates=200)
    >>> round(found.value, 2), found.detail["reading"]
    (0.2, 'does_not_predict')
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("bootstrap", "none"))
    check_replicates(replicates)
    names = column_names(prepared, "prepared")
    if {x, y} & set(names) or x == y:
        raise MeasureInputError(f"x, y and prepared take different columns, got x={x!r}, y={y!r}, prepared={names}")
    score, criterion = numbers(data, x, "x"), numbers(data, y, "y")
    items = np.column_stack([_item(data, name) for name in names])
    usable = ~np.isnan(score) & ~np.isnan(items).any(axis=1)
    cautions = missing_rows(usable, f"{x} or an item")
    score, criterion, items = score[usable], criterion[usable], items[usable]
    known = ~np.isnan(criterion)
    n = {"candidates": len(score), "with_criterion": int(known.sum())}
    fit = _explained(score, items)
    if fit is None:
        what = "The score or an item does not vary, or two items are the same" if len(score) > len(names) + 2 else (
            f"{len(score)} candidates are too few")  # fmt: skip
        return Estimate(
            measure="preparation_effect", method=_TITLE, value=None, n=n,
            cautions=[*cautions, Caution("CONSTANT_INPUT", f"{what}: nothing can be said of preparation.")],
            references=_REFERENCES,
        )  # fmt: skip
    total = float(((score - score.mean()) ** 2).sum())
    r2 = max(0.0, 1 - fit.rss / total)
    tested = wald_f(fit, list(range(1, len(names) + 1)))
    k, df = len(names), fit.df_residual
    detail: dict[str, Any] = {
        "adjusted_r2": 1 - (1 - r2) * (len(score) - 1) / df,
        "items": _items(score, items, names, confidence),
    }
    if tested is not None:
        detail |= dict(zip(("f", "df1", "df2", "p"), tested, strict=True))
    detail |= _prediction(score, criterion, items, known, detail.get("p"), interval, confidence, replicates, seed)
    if known.sum() < _FEWEST:
        cautions.append(Caution("SMALL_SAMPLE", f"{int(known.sum())} prepared or unprepared people have a criterion."))
    low, high = r_squared_limits(r2, k, len(score) - 1, confidence) if df > 2 else (0.0, 1.0)
    made = Interval(low=low, high=high, level=confidence, method="R² of normal scores")
    return Estimate(
        measure="preparation_effect", method=_TITLE, value=r2, interval=made, n=n, cautions=cautions, detail=detail,
        references=_REFERENCES,
    )  # fmt: skip


def _item(data: pl.DataFrame, name: str) -> Floats:
    values = numbers(data, name, "prepared")
    wrong = np.flatnonzero(~np.isnan(values) & (values != 0) & (values != 1))
    if wrong.size:
        row = int(wrong[0])
        raise MeasureInputError(f"column {name!r} (prepared) must hold 0 and 1; row {row + 1} holds {values[row]:g}")
    return values


def _explained(score: Floats, items: Floats) -> Fit | None:
    if len(score) <= items.shape[1] + 2 or np.ptp(score) == 0:
        return None
    return least_squares(np.column_stack((np.ones(len(score)), items)), score, "classical")


def _items(score: Floats, items: Floats, names: list[str], confidence: float) -> list[dict[str, Any]]:
    """What goes with each item beside the others, in standard deviations of the score."""
    robust = least_squares(np.column_stack((np.ones(len(score)), items)), score, "hc3")
    if robust is None:
        return []
    spread, quantile = float(score.std(ddof=1)), float(ndtri((1 + confidence) / 2))
    rows = []
    for at, name in enumerate(names, start=1):
        value, error = float(robust.coefficients[at]) / spread, float(robust.errors[at]) / spread
        given = int(items[:, at - 1].sum())
        rows.append({"item": name, "n_with": given, "n_without": len(score) - given, "effect": value,
                     "low": value - quantile * error, "high": value + quantile * error})  # fmt: skip
    return rows


@dataclass(frozen=True, slots=True)
class _Moments:
    """Products of (1, items, x) over all and of (1, items, x, y) over those with y, by row, so that any weights of people
    give the regressions by one product."""

    everyone: Floats
    known: Floats
    items: int

    def slopes(self, weights: Floats) -> Floats:
        """Slopes of y (in its standard deviations) on the part of x that the items explain and on the rest; rows by rows
        of weights, NaN where they do not determine them."""
        width = self.items + 2
        every = (weights @ self.everyone).reshape(-1, width, width)
        known = (weights @ self.known).reshape(-1, width + 1, width + 1)
        return _two_slopes(every, known, self.items)


def _two_slopes(of_all: Floats, of_known: Floats, items: int) -> Floats:
    found = np.full((len(of_all), 2), np.nan)
    among = of_all[:, : items + 1, : items + 1]
    rows = np.flatnonzero((of_known[:, 0, 0] > 3) & (np.linalg.det(among) != 0))
    b = np.linalg.solve(among[rows], of_all[rows, : items + 1, items + 1 :])[:, 1:, 0]
    turn = np.zeros((len(rows), items + 3, 4))  # to 1, part, rest, y
    turn[:, 0, 0] = turn[:, items + 1, 2] = turn[:, items + 2, 3] = 1.0
    turn[:, 1 : items + 1, 1], turn[:, 1 : items + 1, 2] = b, -b
    turned = np.swapaxes(turn, 1, 2) @ of_known[rows] @ turn
    square = np.diagonal(turned, axis1=1, axis2=2)
    clear = (square > 0).all(axis=1)
    rows, turned, square = rows[clear], turned[clear], square[clear]
    size = np.sqrt(square[:, :3])
    variance = square[:, 3] - turned[:, 0, 3] ** 2 / square[:, 0]
    clear = (variance > 0) & (np.linalg.cond(turned[:, :3, :3] / (size[:, :, None] * size[:, None, :])) < _COLLINEAR)
    rows, turned = rows[clear], turned[clear]
    spread = np.sqrt(variance[clear] / (turned[:, 0, 0] - 1))
    found[rows] = np.linalg.solve(turned[:, :3, :3], turned[:, :3, 3:])[:, 1:, 0] / spread[:, None]
    return found


def _moments(score: Floats, criterion: Floats, items: Floats, known: Any) -> _Moments:
    """Columns around their means: nothing is lost to large numbers."""
    centred = (score - score.mean()) / (score.std() or 1.0)
    outcome = np.where(known, criterion - np.nanmean(criterion) if known.any() else 0.0, 0.0)
    columns = np.column_stack((np.ones(len(score)), items, centred))
    more = np.column_stack((columns, outcome)) * known[:, None]

    def products(table: Floats) -> Floats:
        each: Floats = np.einsum("ij,ik->ijk", table, table).reshape(len(table), -1)
        return each

    return _Moments(products(columns), products(more), items.shape[1])


def _prediction(
    score: Floats,
    criterion: Floats,
    items: Floats,
    known: Any,
    p: float | None,
    interval: str,
    confidence: float,
    replicates: int,
    seed: int,
) -> dict[str, Any]:
    """Both slopes, their difference, and how they read."""
    unknown: dict[str, Any] = {"slope_prepared": None, "slope_rest": None, "difference": None, "reading": "cannot_tell"}
    moments = _moments(score, criterion, items, known)
    slopes = moments.slopes(np.ones((1, len(score))))[0] / (score.std() or 1.0)
    if np.isnan(slopes).any() or known.sum() < _FEWEST:
        return unknown
    told: dict[str, Any] = {"reading": "cannot_tell"}
    part, rest = float(slopes[0]), float(slopes[1])
    values = {"slope_prepared": part, "slope_rest": rest, "difference": rest - part}
    drawn = (
        _draws(moments, len(score), replicates, seed) / (score.std() or 1.0) if interval == "bootstrap" else _NOTHING
    )
    columns = {"slope_prepared": drawn[:, 0], "slope_rest": drawn[:, 1], "difference": drawn[:, 1] - drawn[:, 0]}
    for name, value in values.items():
        ends = bootstrap_interval(columns[name], estimate=value, confidence=confidence)
        told[name] = {
            "value": value,
            "low": None if ends is None else ends.low,
            "high": None if ends is None else ends.high,
        }
    if drawn.shape[0] >= 50:
        quantile = float(ndtri((1 + confidence) / 2) + ndtri(0.8))
        told["minimum_detectable"] = {"difference": quantile * float(columns["difference"].std(ddof=1))}
    low, high = told["slope_prepared"]["low"], told["slope_prepared"]["high"]
    moved = p is not None and p < 1 - confidence
    if moved and low is not None and low > 0:
        told["reading"] = "predicts"
    elif moved and high is not None and rest > 0 and high < rest / 2:
        told["reading"] = "does_not_predict"
    return told


def _draws(moments: _Moments, people: int, replicates: int, seed: int) -> Floats:
    """Both slopes in samples of people drawn with replacement."""
    rng = np.random.default_rng(seed)
    sizes = [min(_BLOCK, replicates - start) for start in range(0, replicates, _BLOCK)]
    drawn: Floats = np.concatenate([moments.slopes(times_drawn(rng, people, size)) for size in sizes])
    return drawn[~np.isnan(drawn).any(axis=1)]
