"""Which levels of a design can be compared, and the conditions that fix the origins of the scales.

Adding a constant to some facets and taking it from others can leave every rating's expectation unchanged. Levels whose
difference such a shift would alter belong to different subsets and have no common scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse
from scipy.sparse.csgraph import connected_components

from fairpanel.measures.raters.rasch.design import Design

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

DENSE_LIMIT = 5000
"""Beyond so many levels the null space is taken from pairs of facets, in linear time."""
_RIDGE = 1e-9
_SAME = 1e-4
_OPEN = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Subsets and gauge.

    subset : per level, numbered from 0 within its facet; levels of one facet compare within a subset only; -1 for
        levels without ratings. unit_subset : the same for candidates, -1 without ratings.
    sums : parameters × conditions; in each condition the levels marked 1 sum to zero.
    determined : whether the conditions make every level determinate.
    """

    subset: IntArray
    unit_subset: IntArray
    sums: FloatArray
    determined: bool


def origins(design: Design, anchored: BoolArray) -> Origins:
    """Subsets, and as many conditions as the design leaves origins open.

    Conditions are tried in a fixed order: the mean of the first facet (raters) is zero in each of its subsets, then
    that of each further facet over all its levels, then in each of its subsets.
    """
    seen = np.zeros(design.parameters, dtype=np.bool_)
    for codes in design.levels:
        seen[codes] = True
    free = np.flatnonzero(seen & ~anchored)
    if seen.sum() > DENSE_LIMIT:
        return _from_pairs(design, seen, anchored)
    root, scale = _projected_design(design, free)
    probes = np.random.default_rng(7).normal(size=(free.size, 8))
    shifts = np.zeros((design.parameters, probes.shape[1]))
    if free.size:
        null = _null_part(root, probes)
        # where anchors leave nothing open the projections are rounding alone, and no shift
        null[:, np.linalg.norm(null, axis=0) < _OPEN] = 0
        shifts[free] = null / scale[:, None]
        shifts /= np.maximum(np.abs(shifts).max(axis=0), 1e-12)
    subset = _facet_subsets(design, shifts, seen)
    first = np.full(len(design.unit_labels), -1, dtype=np.int64)
    first[design.unit[::-1]] = np.arange(design.unit.size)[::-1]
    of_unit = np.zeros((first.size, probes.shape[1]))
    for codes in design.levels:
        of_unit[first >= 0] -= shifts[codes[first[first >= 0]]]
    unit_subset = np.full(first.size, -1, dtype=np.int64)
    unit_subset[first >= 0] = _same_rows(of_unit[first >= 0])
    candidates = _candidate_sums(design, subset, seen, anchored)
    chosen: list[int] = []
    if free.size and candidates.shape[1]:
        scaled = candidates[free] / scale[:, None]
        scaled /= np.maximum(np.linalg.norm(scaled, axis=0), 1e-300)
        chosen = _independent(_null_part(root, scaled))
    sums = candidates[:, chosen]
    return Origins(
        subset=subset,
        unit_subset=unit_subset,
        sums=sums,
        determined=not free.size or _nonsingular(root, sums[free] / scale[:, None]),
    )


def _projected_design(design: Design, free: IntArray) -> tuple[FloatArray, FloatArray]:
    """Factor of the facets' cross-products after projecting the candidates out, plus a ridge; and the scaling."""
    place = np.full(design.parameters, -1, dtype=np.int64)
    place[free] = np.arange(free.size)
    rows = np.arange(design.unit.size)
    columns = [place[codes] for codes in design.levels]
    row = np.concatenate([rows[column >= 0] for column in columns])
    column = np.concatenate([column[column >= 0] for column in columns])
    x = sparse.csr_array((np.ones(row.size), (row, column)), shape=(rows.size, free.size))
    units = len(design.unit_labels)
    u = sparse.csr_array((np.ones(rows.size), (design.unit, rows)), shape=(units, rows.size))
    sums = u @ x
    size = np.maximum(np.bincount(design.unit, minlength=units), 1)
    cross = np.asarray((x.T @ x - sums.T @ sparse.diags_array(1 / size) @ sums).todense(), dtype=np.float64)
    scale = np.sqrt(np.maximum(np.asarray(x.sum(axis=0)), 1.0))
    cross /= scale[:, None] * scale
    cross[np.diag_indices_from(cross)] += _RIDGE
    return cross, scale


def _null_part(cross: FloatArray, vectors: FloatArray) -> FloatArray:
    """Projections of vectors on the null space of a cross-product matrix (given with its ridge)."""
    return np.asarray(_RIDGE * linalg.solve(cross, vectors, assume_a="pos"))


def _same_rows(values: FloatArray) -> IntArray:
    """Numbers of groups of equal rows, in order of first appearance."""
    group = np.zeros(len(values), dtype=np.int64)
    for axis in range(values.shape[1]):
        order = np.lexsort((values[:, axis], group))
        breaks = (np.diff(group[order]) != 0) | (np.diff(values[order, axis]) > _SAME)
        group[order] = np.r_[0, np.cumsum(breaks)]
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse]


def _facet_subsets(design: Design, shifts: FloatArray, seen: BoolArray) -> IntArray:
    subset = np.full(design.parameters, -1, dtype=np.int64)
    for name in design.facet_names:
        part = np.arange(design.parameters)[design.facet(name)]
        part = part[seen[part]]
        if part.size:
            subset[part] = _same_rows(shifts[part])
    return subset


def _candidate_sums(design: Design, subset: IntArray, seen: BoolArray, anchored: BoolArray) -> FloatArray:
    whole, parts, first_facet = [], [], []
    for number, name in enumerate(design.facet_names):
        part = np.arange(design.parameters)[design.facet(name)]
        part = part[seen[part]]
        groups = [part[subset[part] == one] for one in range(int(subset[part].max(initial=-1)) + 1)]
        groups = [one[~anchored[one]] for one in groups]
        vectors = [_indicator(one, design.parameters) for one in groups if one.size]
        if number == 0:
            first_facet = vectors
        else:
            whole.append(_indicator(part[~anchored[part]], design.parameters))
            parts += vectors
    found = [*first_facet, *whole, *parts]
    return np.column_stack(found) if found else np.zeros((design.parameters, 0))


def _indicator(places: IntArray, size: int) -> FloatArray:
    vector = np.zeros(size)
    vector[places] = 1
    return vector


def _independent(projected: FloatArray) -> list[int]:
    """Columns that add a direction to those before them."""
    basis: list[FloatArray] = []
    chosen = []
    for column in range(projected.shape[1]):
        vector = projected[:, column].copy()
        for direction in basis:
            vector -= (direction @ vector) * direction
        length = float(np.linalg.norm(vector))
        if length > _SAME:
            basis.append(vector / length)
            chosen.append(column)
    return chosen


def _nonsingular(cross: FloatArray, sums: FloatArray) -> bool:
    scaled = sums / np.maximum(np.linalg.norm(sums, axis=0), 1e-300)
    try:
        factor = linalg.cholesky(cross + scaled @ scaled.T)
    except linalg.LinAlgError:
        return False
    return bool(np.min(np.abs(np.diagonal(factor))) > 1e-4)


def _from_pairs(design: Design, seen: BoolArray, anchored: BoolArray) -> Origins:
    """Subsets from the connected parts of every pair of facets; anchors are taken to link nothing."""
    units = len(design.unit_labels)
    nodes = units + design.parameters
    label: IntArray = np.zeros(nodes, dtype=np.int64)
    sides = [design.unit, *(codes + units for codes in design.levels)]
    for place, one in enumerate(sides):
        for other in sides[place + 1 :]:
            graph = sparse.coo_array((np.ones(one.size), (one, other)), shape=(nodes, nodes))
            part = np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
            both = np.unique(np.concatenate([one, other]))
            pairs = np.column_stack([label[both], part[both]])
            label[both] = np.asarray(np.unique(pairs, axis=0, return_inverse=True)[1], dtype=np.int64).ravel()
    subset = np.full(design.parameters, -1, dtype=np.int64)
    for name in design.facet_names:
        part = np.arange(design.parameters)[design.facet(name)]
        part = part[seen[part]]
        subset[part] = _same_rows(label[units + part][:, None].astype(np.float64))
    unit_subset = np.full(units, -1, dtype=np.int64)
    present = np.unique(design.unit)
    unit_subset[present] = _same_rows(label[present][:, None].astype(np.float64))
    candidates = _candidate_sums(design, subset, seen, anchored)
    keep = int(subset[design.facet(design.facet_names[0])].max(initial=-1)) + 1 + len(design.facet_names) - 1
    return Origins(subset=subset, unit_subset=unit_subset, sums=candidates[:, :keep], determined=True)
