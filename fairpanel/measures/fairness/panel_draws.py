"""Splits of a gap on many samples of units at once: the normal equations are linear in the units' weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from fairpanel.measures.columns import Booleans, Floats, Integers
from fairpanel.measures.fairness.panel_levels import PanelDesign, split

MOST_LEVELS = 150
"""Raters and groups up to which a dense factorisation is quicker than conjugate gradients."""
MOST_PAIRS = 500_000
"""Pairs of ratings of one unit, over all units, that are held."""
_CHUNK = 2_000_000  # cells of normal matrices held at a time


def splits(design: PanelDesign, focal: int, reference: int, weights: Floats) -> Floats:
    """Gap and between of `split`, one row a row of weights; nan where a group is absent or shares no raters."""
    found = np.full((len(weights), 2), np.nan)
    levels = design.raters + int(design.group.max()) + 1
    size = np.bincount(design.unit)
    if levels > MOST_LEVELS or int(size @ size) > MOST_PAIRS:
        rest = np.arange(len(weights))
    else:
        parts = _parts(design, size.astype(np.float64))
        step = max(1, _CHUNK // levels**2)
        done = np.zeros(len(weights), dtype=np.bool_)
        for start in range(0, len(weights), step):
            piece = slice(start, start + step)
            found[piece], done[piece] = _dense(design, parts, focal, reference, weights[piece])
        rest = np.flatnonzero(~done)
    for row in rest:
        one = split(design, focal, reference, weights[row])
        if one is not None:
            found[row] = one.gap, one.between
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What a unit adds, per unit of weight: one row a unit, sparse.

    normal : to the normal matrix of raters and groups, at those places of its upper triangle where anything is added.
    right : to its right side. ratings : to the ratings of each level. cells : to those of each group with each rater.
    observed : each unit's mean score.
    """

    places: Integers
    normal: Any
    right: Any
    ratings: Any
    cells: Any
    observed: Floats
    size: Floats


def _parts(design: PanelDesign, size: Floats) -> _Parts:
    raters, groups = design.raters, int(design.group.max()) + 1
    levels, units, own = raters + groups, size.size, design.group[design.unit]
    place = (design.rater, raters + own)
    lost = design.ratio / (1 + design.ratio * size)
    first, second = _mates(design.unit, size.astype(np.int64))
    row: list[Integers] = []
    cell: list[Integers] = []
    value: list[Floats] = []
    for one, other in ((place[0], place[0]), place, (place[1], place[1])):
        upper = one[first] <= other[second]
        mine, theirs = first[upper], second[upper]
        row += [design.unit, design.unit[mine]]
        cell += [one * levels + other, one[mine] * levels + other[theirs]]
        value += [np.ones(design.unit.size), -lost[design.unit[mine]]]
    centred = design.score - design.score.mean()
    places, at = np.unique(np.concatenate(cell), return_inverse=True)
    left = centred - (lost * np.bincount(design.unit, centred))[design.unit]
    twice, both = np.tile(design.unit, 2), np.concatenate(place)

    def by_unit(values: Floats, rows: Integers, columns: Integers, width: int) -> Any:
        return sparse.csr_array(sparse.coo_array((values, (rows, columns)), shape=(units, width)))

    return _Parts(
        places=places,
        normal=by_unit(np.concatenate(value), np.concatenate(row), at, places.size),
        right=by_unit(np.tile(left, 2), twice, both, levels),
        ratings=by_unit(np.ones(both.size), twice, both, levels),
        cells=by_unit(np.ones(own.size), design.unit, own * raters + design.rater, raters * groups),
        observed=np.bincount(design.unit, design.score) / size,
        size=size,
    )


def _mates(unit: Integers, size: Integers) -> tuple[Integers, Integers]:
    """Ordered pairs of ratings of one unit, each with itself, too."""
    order = np.argsort(unit, kind="stable")
    times = size[unit[order]]
    first = np.repeat(order, times)
    start = np.cumsum(size) - size
    place = np.arange(first.size) - np.repeat(np.cumsum(times) - times, times)
    return first, order[start[unit[first]] + place]


def _dense(design: PanelDesign, parts: _Parts, focal: int, reference: int, weights: Floats) -> tuple[Floats, Booleans]:
    """Gap and between, and which rows are done: those whose raters hang together, or that cannot be split."""
    found, raters = np.full((len(weights), 2), np.nan), design.raters
    mine = [weights * (design.group == code) for code in (focal, reference)]
    totals = [each.sum(axis=1) for each in mine]
    ratings = _times(parts.ratings, weights)
    linked, whole = _joined(_times(parts.cells, (weights > 0).astype(np.float64)) > 0, raters, focal, reference)
    able = linked & (totals[0] > 0) & (totals[1] > 0)
    solved = able & whole
    rows = np.flatnonzero(solved)
    if rows.size:
        level = _levels(parts, ratings[rows], weights[rows], raters + focal)[:, :raters]
        met = _times(parts.ratings[:, :raters].T, level) / parts.size
        gap, between = (
            [mine[side][rows] @ parts.observed / totals[side][rows] for side in (0, 1)],
            [(mine[side][rows] * met).sum(axis=1) / totals[side][rows] for side in (0, 1)],
        )
        found[rows] = np.column_stack([gap[0] - gap[1], between[0] - between[1]])
    return found, solved | ~able


def _times(parts: Any, weights: Floats) -> Floats:
    """Weights (samples × units) times the units' parts."""
    return np.ascontiguousarray((parts.T @ np.ascontiguousarray(weights.T)).T)


def _joined(cells: Booleans, raters: int, focal: int, reference: int) -> tuple[Booleans, Booleans]:
    """By sample: whether raters link the two groups, and whether they link everything that is in it."""
    met = cells.reshape(len(cells), -1, raters)
    groups = np.zeros(met.shape[:2], dtype=np.bool_)
    groups[:, focal] = True
    for _ in range(met.shape[1]):
        reached = (met & groups[:, :, None]).any(axis=1, keepdims=True)
        groups |= (met & reached).any(axis=2)
    there = met.any(axis=2)
    return groups[:, reference], np.asarray((groups | ~there).all(axis=1))


def _levels(parts: _Parts, ratings: Floats, weights: Floats, fixed: int) -> Floats:
    """Levels of raters and groups beside a fixed one of 0: of all solutions, which differ by a shift between raters and
    groups that no difference between two groups sees, one. 0 for raters and groups of nobody in the sample."""
    levels = ratings.shape[1]
    sums, found = _times(parts.normal, weights), _times(parts.right, weights)
    more = np.where(ratings == 0, 1.0, 0.0)
    more[:, fixed] += ratings[:, fixed]
    for of_places, of_diagonal, right in zip(sums, more, found, strict=True):
        matrix = np.zeros(levels**2)
        matrix[parts.places] = of_places
        matrix[:: levels + 1] += of_diagonal
        _, right[:], failed = lapack.dposv(matrix.reshape(levels, levels).T, right, lower=1, overwrite_a=1)
        if failed:
            raise ArithmeticError("the raters' normal matrix is not positive definite")
    return found
