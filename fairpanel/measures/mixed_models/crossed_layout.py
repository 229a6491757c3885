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
    graph = sparse.block_array([[None, incidence], [incidence.T, None]], format="csr")
    count, part = connected_components(graph, directed=False)
    if count == 1:
        return ()
    kept = part[incidence.shape[0] :]
    order = np.argsort(kept, kind="stable")
    return tuple(np.split(order, np.flatnonzero(np.diff(kept[order])) + 1))


def _cooccurrence(incidence: Any, count_class: IntArray, classes: int) -> tuple[Any, FloatArray]:
    kept = incidence.shape[1]
    diagonal = np.zeros((kept, classes))
    if kept > DENSE_LIMIT:
        return None, diagonal
    values: list[FloatArray] = []
    places: list[IntArray] = []
    ends = [0]
    for one in range(classes):
        rows = incidence[np.flatnonzero(count_class == one)]
        pairs = sparse.triu(rows.T @ rows, format="coo")
        place = pairs.row.astype(np.int64) * kept + pairs.col
        order = np.argsort(place)
        places.append(place[order])
        values.append(pairs.data[order])
        ends.append(ends[-1] + place.size)
        diagonal[:, one] = np.bincount(pairs.row[pairs.row == pairs.col], pairs.data[pairs.row == pairs.col], kept)
    columns = sparse.csc_array((np.concatenate(values), np.concatenate(places), ends), shape=(kept * kept, classes))
    return columns, diagonal
