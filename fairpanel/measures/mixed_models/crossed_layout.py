"""Who rated whom in a unit × rater design: what the restricted likelihood needs of it, whatever the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from fairpanel.measures.mixed_models.remembered import remembered

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DENSE_LIMIT = 5000
"""Most levels of the smaller factor for which its dense matrix is factored."""
FEW_PAIRS, FEW_CELLS = 200_000, 1_000_000
"""Pairs of partners, and cells of co-occurrence matrices, up to which pairs are summed one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Who rated whom, whatever the scores: the fields of a CrossedDesign that do not depend on them.

    incidence_t, cooccurrence_t : the transposes. places : where each part lies in the kept matrix,
    column after column.
    shared_e, shared_k : Σ squared incidence over the count of its eliminated, and of its kept, level.
    """

    incidence: Any
    incidence_t: Any
    count_e: FloatArray
    count_k: FloatArray
    count_class: IntArray
    class_count: FloatArray
    cooccurrence: Any
    cooccurrence_t: Any
    cooccurrence_diagonal: FloatArray
    parts: tuple[IntArray, ...]
    places: tuple[IntArray, ...]
    shared_e: float
    shared_k: float


@remembered
def layout_of(e: IntArray, k: IntArray, levels_e: int, levels_k: int) -> Layout:
    incidence = sparse.csr_array((np.ones(e.size), (e, k)), shape=(levels_e, levels_k))
    incidence.sum_duplicates()
    count_e = np.bincount(e, minlength=levels_e).astype(np.float64)
    count_k = np.bincount(k, minlength=levels_k).astype(np.float64)
    class_count, count_class = np.unique(count_e, return_inverse=True)
    columns, diagonal = _cooccurrence(incidence, count_class, class_count.size)
    parts, squares = _parts(incidence), incidence.power(2)
    return Layout(
        incidence=incidence,
        incidence_t=incidence.T,
        count_e=count_e,
        count_k=count_k,
        count_class=count_class,
        class_count=class_count,
        cooccurrence=columns,
        cooccurrence_t=None if columns is None else columns.T,
        cooccurrence_diagonal=diagonal,
        parts=parts,
        places=tuple(part[:, None] * levels_k + part for part in parts),
        shared_e=float((squares.T @ (1 / count_e)).sum()),
        shared_k=float((squares @ (1 / count_k)).sum()),
    )


def _parts(incidence: Any) -> tuple[IntArray, ...]:
    first, kept = incidence.shape
    entries = incidence.tocoo()
    nodes = first + kept
    graph = sparse.coo_array((entries.data, (entries.row, first + entries.col)), shape=(nodes, nodes))
    count, part = connected_components(graph, directed=False)
    if count == 1:
        return ()
    of_kept = part[first:]
    order = np.argsort(of_kept, kind="stable")
    return tuple(np.split(order, np.flatnonzero(np.diff(of_kept[order])) + 1))


def _cooccurrence(incidence: Any, count_class: IntArray, classes: int) -> tuple[Any, FloatArray]:
    kept = incidence.shape[1]
    if kept > DENSE_LIMIT:
        return None, np.zeros((kept, classes))
    partners = np.diff(incidence.indptr).astype(np.int64)
    few = int(partners @ partners) <= FEW_PAIRS and classes * kept**2 <= FEW_CELLS
    by_class = (_summed if few else _multiplied)(incidence, count_class, classes)
    places, values = zip(*by_class, strict=True)
    ends = np.cumsum([0, *(place.size for place in places)])
    columns = sparse.csc_array((np.concatenate(values), np.concatenate(places), ends), shape=(kept * kept, classes))
    diagonal = np.zeros((kept, classes))
    for one, (place, value) in enumerate(by_class):
        own = place % (kept + 1) == 0
        diagonal[place[own] // (kept + 1), one] = value[own]
    return columns, diagonal


def _summed(incidence: Any, count_class: IntArray, classes: int) -> list[tuple[IntArray, FloatArray]]:
    """Places in the upper triangle and sums of products per class, pair by pair of a level's entries."""
    kept = incidence.shape[1]
    partners = np.diff(incidence.indptr).astype(np.int64)
    row = np.repeat(np.arange(partners.size), partners)
    first = np.repeat(np.arange(row.size), partners[row])
    start = np.cumsum(partners[row]) - partners[row]
    second = incidence.indptr[row[first]] + np.arange(first.size) - start[first]
    column, data = incidence.indices.astype(np.int64), incidence.data
    upper = column[first] <= column[second]
    first, second = first[upper], second[upper]
    cell = (count_class[row[first]] * kept + column[first]) * kept + column[second]
    sums = np.bincount(cell, data[first] * data[second], classes * kept**2).reshape(classes, kept**2)
    return [(np.flatnonzero(one), one[one != 0]) for one in sums]


def _multiplied(incidence: Any, count_class: IntArray, classes: int) -> list[tuple[IntArray, FloatArray]]:
    """The same by sparse products, for designs of many pairs."""
    kept = incidence.shape[1]
    found = []
    for one in range(classes):
        rows = incidence[np.flatnonzero(count_class == one)]
        pairs = sparse.triu(rows.T @ rows, format="coo")
        place = pairs.row.astype(np.int64) * kept + pairs.col
        order = np.argsort(place)
        found.append((place[order], pairs.data[order]))
    return found
