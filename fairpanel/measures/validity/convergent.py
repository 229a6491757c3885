"""Do competencies predict their own side of performance, and more closely than the other sides?"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl

from fairpanel.measures.columns import Booleans, Floats, check_choice, check_confidence, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.resampling import bootstrap_interval, check_replicates, times_drawn
from fairpanel.measures.validity.criterion import fisher_interval
from fairpanel.measures.validity.multiple_correlation import column_names

_REFERENCES = (
    "Campbell, D. T., & Fiske, D. W. (1959). Psychological Bulletin, 56, 81-105",
    "Fisher, R. A. (1921). Metron, 1, 3-32",
    "Efron, B., & Tibshirani, R. J. (1993). An Introduction to the Bootstrap, ch. 13",
)
_FLAT = 1e-12
_FEWEST = 4
_BLOCK = 16  # samples that share their products of scores, at least
_CELLS = 200_000  # people by samples, or by products of their scores, worked on at a time


def convergent_discriminant(
    data: pl.DataFrame,
    /,
    *,
    predictors: list[str] | None = None,
    criteria: list[str] | None = None,
    matched: list[str] | None = None,
    interval: Literal["bootstrap", "none"] = "bootstrap",
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 1,
) -> Estimate:
    """How much more closely competencies go with their own side of performance than with the other sides.

    Parameters
    ----------
    data : one row a person; a cell of the matrix takes everyone who has both its scores.
    predictors, criteria : columns of the interview's competencies and of the dimensions of performance.
    matched : pairs "predictor=criterion" that mean the same; without it the columns pair up in the order given. An empty
        list: nothing matches, and the matrix alone is given.

    Returns
    -------
    Estimate
        value: mean correlation of the matched pairs minus that of the others (means of Fisher's z, each turned back into
        r). n: people (with any pair), pairs matched and other. detail: matrix (rows predictor, criterion, r, low, high,
        n, matched), mean_convergent and mean_discriminant (value, low, high), largest (matched pairs that are the
        largest of their row and column: Campbell and Fiske's comparison).

    Raises
    ------
    MeasureInputError
        Unknown columns, a column named twice, pairs that name none of them, no matched or no other pair.

    Cautions
    --------
    Ratings of one manager share a halo: that lifts all cells alike, and the others more than the matched, so that the
    difference is too small rather than too large. Among the hired only, all cells are too small (range restriction).
    Cells with fewer than four people have no value (MISSING_DATA).

    Notes
    -----
    Cells have Fisher's interval; the means and the difference the percentile bootstrap by person, all cells at once.

    References
    ----------
    .. [1] Campbell & Fiske 1959. .. [2] Fisher 1921. .. [3] Efron & Tibshirani 1993.

    No oracle: cells are checked against `pearson`, the intervals by simulation.

    Examples
    --------
    >>> people = pl.DataFrame({"a": [1, 2, 3, 4, 5, 6], "b": [4, 1, 5, 2, 6, 3], "p": [1, 2, 3, 4, 6, 5],
    ...                        "q": [4, 2, 5, 1, 6, 3]})
    >>> found = convergent_discriminant(people, predictors=["a", "b"], criteria=["p", "q"], interval="none")
    >>> round(found.value, 2), found.detail["largest"]
    (0.71, 2)
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("bootstrap", "none"))
    check_replicates(replicates)
    own, sides = column_names(predictors, "predictors"), column_names(criteria, "criteria")
    if set(own) & set(sides):
        raise MeasureInputError(f"a column stands for one thing: {sorted(set(own) & set(sides))} are named for both")
    pairs = _pairs(own, sides, matched)
    x = np.column_stack([numbers(data, name, "predictors") for name in own])
    y = np.column_stack([numbers(data, name, "criteria") for name in sides])
    some: Booleans = np.asarray(~np.isnan(x).all(axis=1) & ~np.isnan(y).all(axis=1))
    cautions = missing_rows(some, "every predictor or every criterion")
    x, y = x[some], y[some]
    sums = _Sums(x, y)
    counts, cells = sums.correlations()
    n = {"people": len(x), "matched": int(pairs.sum()), "other": int((~pairs).sum())}
    rows = [_row(own[i], sides[j], cells[i, j], int(counts[i, j]), bool(pairs[i, j]), confidence)
            for i in range(len(own)) for j in range(len(sides))]  # fmt: skip
    empty = int(np.isnan(cells).sum())
    if empty:
        cautions.append(
            Caution("MISSING_DATA", f"{empty} cells have under {_FEWEST} people or no variation: left out.")
        )
    detail: dict[str, Any] = {"matrix": rows}
    means = _means(cells[None], pairs)[0].tolist()
    if any(map(math.isnan, means)):
        why = Caution("SMALL_SAMPLE", "No matched pair, or no other pair, can be correlated.")
        return Estimate(
            measure="convergent_discriminant", method=_TITLE, value=None, n=n, cautions=[*cautions, why], detail=detail,
            references=_REFERENCES,
        )  # fmt: skip
    detail["largest"] = _largest(cells, pairs)
    drawn = _draws(sums, pairs, replicates, seed) if interval == "bootstrap" else np.empty((0, 2))
    for name, value, column in zip(("mean_convergent", "mean_discriminant"), means, drawn.T, strict=True):
        ends = bootstrap_interval(column, estimate=value, confidence=confidence)
        detail[name] = {"value": value, "low": None if ends is None else ends.low,
                        "high": None if ends is None else ends.high}  # fmt: skip
    value = means[0] - means[1]
    made = bootstrap_interval(drawn[:, 0] - drawn[:, 1], estimate=value, confidence=confidence)
    if made is None:
        why_not = "none was asked for" if interval == "none" else "too few samples have every cell"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    if len(x) < 30:
        cautions.append(Caution("SMALL_SAMPLE", f"Only {len(x)} people have both kinds of scores."))
    return Estimate(
        measure="convergent_discriminant", method=_TITLE, value=value, interval=made, n=n, cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


_TITLE = "difference of mean correlations, matched against other pairs"


def _pairs(own: list[str], sides: list[str], matched: list[str] | None) -> Booleans:
    """Which cells mean the same."""
    found = np.zeros((len(own), len(sides)), dtype=bool)
    if matched is None:
        if len(own) != len(sides):
            raise MeasureInputError(
                f"{len(own)} predictors and {len(sides)} criteria do not pair up: name the pairs in matched, as "
                "'predictor=criterion'"
            )
        np.fill_diagonal(found, val=True)
    for pair in matched or []:
        left, equals, right = (part.strip() for part in pair.partition("="))
        if not equals or left not in own or right not in sides:
            raise MeasureInputError(
                f"matched takes pairs 'predictor=criterion' of {', '.join(own)} and {', '.join(sides)}, got {pair!r}"
            )
        found[own.index(left), sides.index(right)] = True
    if found.all():
        raise MeasureInputError("there must be other pairs to compare the matched ones with")
    return found


class _Sums:
    """Correlations of all pairs, each on the people who have both scores: once as they are, or under weights of people."""

    def __init__(self, x: Floats, y: Floats) -> None:
        has_x, has_y = (~np.isnan(x)).astype(np.float64), (~np.isnan(y)).astype(np.float64)
        x, y = _centred(x), _centred(y)
        self.people, self.pairs = len(x), (x.shape[1], y.shape[1])
        self.factors = ((has_x, has_y), (x, has_y), (has_x, y), (x * x, has_y), (has_x, y**2), (x, y))

    def correlations(self) -> tuple[Floats, Floats]:
        """People and correlation by pair."""
        sums = np.stack([left.T @ right for left, right in self.factors])
        return sums[0], _correlated(*sums)

    def drawn_correlations(self, times: Floats) -> Floats:
        """By sample (how often each of the people was drawn) and pair."""
        width = len(self.factors) * self.pairs[0] * self.pairs[1]
        step = max(1, _CELLS // width)
        sums = np.zeros((len(times), width))
        for start in range(0, self.people, step):
            some = slice(start, start + step)
            each = [left[some, :, None] * right[some, None, :] for left, right in self.factors]
            sums += times[:, some] @ np.stack(each, axis=1).reshape(-1, width)
        return _correlated(*np.moveaxis(sums.reshape(-1, len(self.factors), *self.pairs), 1, 0))


def _correlated(n: Floats, sx: Floats, sy: Floats, sxx: Floats, syy: Floats, sxy: Floats) -> Floats:
    """From sums over people; NaN under four people or without variation."""
    with np.errstate(invalid="ignore", divide="ignore"):
        vx, vy = sxx - sx * sx / n, syy - sy * sy / n
        r = (sxy - sx * sy / n) / np.sqrt(vx * vy)
    r[(n < _FEWEST) | ~(vx > _FLAT * np.maximum(sxx, _FLAT)) | ~(vy > _FLAT * np.maximum(syy, _FLAT))] = np.nan
    return np.clip(r, -1, 1)


def _centred(values: Floats) -> Floats:
    """Columns around their mean, 0 where missing, in units of their spread."""
    seen = ~np.isnan(values)
    counts = np.maximum(seen.sum(axis=0), 1)
    around = np.where(seen, values, 0.0) - np.where(seen, np.where(seen, values, 0.0).sum(axis=0) / counts, 0.0)
    spread = np.sqrt((around**2).sum(axis=0) / counts)
    scaled: Floats = around / np.where(spread > 0, spread, 1.0)
    return scaled


def _means(cells: Floats, pairs: Booleans) -> Floats:
    """By sample, mean correlation of the matched and of the other pairs, by Fisher's z; NaN where a side is empty."""
    known = ~np.isnan(cells)
    z = np.arctanh(np.clip(np.where(known, cells, 0.0), -0.9999999, 0.9999999))
    with np.errstate(invalid="ignore"):
        return np.column_stack(
            [np.tanh(z[:, side].sum(axis=1) / known[:, side].sum(axis=1)) for side in (pairs, ~pairs)]
        )


def _draws(sums: _Sums, pairs: Booleans, replicates: int, seed: int) -> Floats:
    """Both means in samples of people drawn with replacement."""
    rng, n = np.random.default_rng(seed), sums.people
    step = max(_BLOCK, _CELLS // n)
    sizes = [min(step, replicates - start) for start in range(0, replicates, step)]
    found: Floats = np.concatenate(
        [_means(sums.drawn_correlations(times_drawn(rng, n, size)), pairs) for size in sizes]
    )
    return found[~np.isnan(found).any(axis=1)]


def _largest(cells: Floats, pairs: Booleans) -> int:
    """Matched pairs that are the largest of their row and their column."""
    filled = np.where(np.isnan(cells), -np.inf, cells)
    top = (filled >= filled.max(axis=0, keepdims=True)) & (filled >= filled.max(axis=1, keepdims=True))
    return int((top & pairs & ~np.isnan(cells)).sum())


def _row(predictor: str, criterion: str, r: float, n: int, same: bool, confidence: float) -> dict[str, Any]:
    told: dict[str, Any] = {"predictor": predictor, "criterion": criterion, "n": n, "matched": same}
    if math.isnan(r):
        return told | {"r": None, "low": None, "high": None}
    ends = fisher_interval(r, 1 / math.sqrt(n - 3), confidence, "Fisher z")
    return told | {"r": r, "low": ends.low, "high": ends.high}
