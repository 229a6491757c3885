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

    normal : to the normal matrix of raters and groups, row after row. right : to its right side. ratings : to the
    ratings of each level. cells : to those of each rater with each group. observed : each unit's mean score.
    """

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
    for one in place:
        for other in place:
            row += [design.unit, design.unit[first]]
            cell += [one * levels + other, one[first] * levels + other[second]]
            value += [np.ones(design.unit.size), -lost[design.unit[first]]]
    centred = design.score - design.score.mean()
    left = centred - (lost * np.bincount(design.unit, centred))[design.unit]
    twice, both = np.tile(design.unit, 2), np.concatenate(place)

    def by_unit(values: Floats, rows: Integers, columns: Integers, width: int) -> Any:
        return sparse.csr_array(sparse.coo_array((values, (rows, columns)), shape=(units, width)))

    return _Parts(
        normal=by_unit(np.concatenate(value), np.concatenate(row), np.concatenate(cell), levels**2),
        right=by_unit(np.tile(left, 2), twice, both, levels),
        ratings=by_unit(np.ones(both.size), twice, both, levels),
        cells=by_unit(np.ones(own.size), design.unit, design.rater * groups + own, raters * groups),
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
        level = _levels(parts, ratings[rows], weights[rows], raters)
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
    met = cells.reshape(len(cells), raters, -1)
    groups = np.zeros((len(cells), met.shape[2]), dtype=np.bool_)
    groups[:, focal] = True
    for _ in range(met.shape[2]):
        reached = np.any(met & groups[:, None, :], axis=2, keepdims=True)
        groups |= np.any(met & reached, axis=1)
    there = met.any(axis=1)
    return groups[:, reference], np.asarray((groups | ~there).all(axis=1))


def _levels(parts: _Parts, ratings: Floats, weights: Floats, raters: int) -> Floats:
    """Raters' levels: of all solutions, which differ by a shift between raters and groups, the one that conjugate
    gradients find from 0; 0 for raters of nobody in the sample."""
    levels = ratings.shape[1]
    normal = _times(parts.normal, weights).reshape(-1, levels, levels)
    right = _times(parts.right, weights)
    shift = ratings * np.where(np.arange(levels) < raters, 1.0, -1.0)
    found = np.empty((len(weights), raters))
    diagonal = np.arange(levels)
    for one, matrix in enumerate(normal):
        matrix += np.outer(shift[one], shift[one]) / ratings[one].sum()
        matrix[diagonal, diagonal] += ratings[one] == 0
        _, solution, failed = lapack.dposv(matrix.T, right[one], lower=1, overwrite_a=1)
        if failed:
            raise ArithmeticError("the raters' normal matrix is not positive definite")
        found[one] = solution[:raters]
    return found
