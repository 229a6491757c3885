"""The structure of scores under effects nested in units and effects across units, kept for a whole search.

Units with equally many scores lie together, so that their blocks of the covariance are one array. Units in which the
same scores share levels have one pattern, and what depends on the pattern only is computed once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockGroup:
    """Units with the same number m of scores, by pattern.

    pattern : of each unit. same : per nested effect and pattern, which of a unit's scores share a level, m × m. local :
        per pattern, which score has which of the unit's own crossing levels, m × columns (columns of zeros fill up).
    entry : per pattern, row and column a <= b of the products of two such columns that the design keeps.
    """

    pattern: IntArray
    same: FloatArray
    local: FloatArray
    entry: tuple[IntArray, IntArray, IntArray]

    @property
    def units(self) -> FloatArray:
        """How many have each pattern."""
        return np.bincount(self.pattern, minlength=self.same.shape[1]).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDesign:
    """Scores sorted by number of scores of their unit and by unit, with the levels of effects.

    nested, crossing : the names of effects inside and across units; gamma is ordered nested first.
    score : centred. codes : levels of every effect, in this order. groups : the units.
    indices, indptr : the sparse block matrix's structure.
    levels : indicator matrix of all crossing levels, sparse; level_effect : to which effect each belongs.
    row, column : pairs of crossing levels row <= column that meet in a unit; gather : sums the groups' entries (those
        of the first group first) into these pairs, sparse.
    """

    nested: tuple[str, ...]
    crossing: tuple[str, ...]
    score: FloatArray
    codes: tuple[IntArray, ...]
    groups: tuple[BlockGroup, ...]
    indices: npt.NDArray[Any]
    indptr: npt.NDArray[Any]
    levels: Any
    level_effect: IntArray
    row: IntArray
    column: IntArray
    gather: Any


def block_design(
    unit: IntArray, score: FloatArray, nested: dict[str, IntArray], crossing: dict[str, IntArray], /
) -> BlockDesign:
    """Codes of every effect's levels; `nested` codes must refine `unit`."""
    order = np.lexsort((*crossing.values(), *nested.values(), unit))
    size = np.bincount(unit)[unit[order]]
    by_size = np.argsort(size, kind="stable")
    order, size = order[by_size], size[by_size]
    inner = [codes[order] for codes in nested.values()]
    across = [codes[order] for codes in crossing.values()]
    counts = np.array([int(codes.max()) + 1 for codes in across], dtype=np.int64)
    offsets = np.cumsum(counts) - counts
    total, n = int(counts.sum()), score.size

    groups: list[BlockGroup] = []
    keys, entries, indices, width = [], [], [], 0
    for m in np.unique(size):
        first, last = np.searchsorted(size, [m, m + 1])
        global_levels = [codes[first:last] + offset for codes, offset in zip(across, offsets, strict=True)]
        group, key, entry = _group(
            np.stack([codes[first:last].reshape(-1, m) for codes in inner]),
            np.array(global_levels, dtype=np.int64).reshape(len(across), -1, m),
            total,
        )
        groups.append(group)
        keys.append(key)
        entries.append(entry + width)
        width += group.entry[0].size
        rows = np.arange(first, last).reshape(-1, 1, m)
        indices.append(np.repeat(rows, m, axis=1).ravel())
    pairs, place = np.unique(np.concatenate(keys), return_inverse=True)
    columns = np.concatenate([codes[:, None] + offset for codes, offset in zip(across, offsets, strict=True)] or [[]])
    columns = columns.reshape(len(across), n).T.ravel()
    return BlockDesign(
        nested=tuple(nested),
        crossing=tuple(crossing),
        score=score[order] - score.mean(),
        codes=(*inner, *across),
        groups=tuple(groups),
        indices=np.concatenate(indices),
        indptr=np.concatenate([[0], np.cumsum(size)]),
        levels=sparse.csr_array((np.ones(columns.size), columns, len(across) * np.arange(n + 1)), shape=(n, total)),
        level_effect=np.repeat(np.arange(counts.size), counts),
        row=pairs // max(total, 1),
        column=pairs % max(total, 1),
        gather=sparse.coo_array(
            (np.ones(place.size), (place, np.concatenate(entries))), shape=(pairs.size, width)
        ).tocsr(),
    )


def _group(inner: IntArray, across: IntArray, total: int) -> tuple[BlockGroup, IntArray, IntArray]:
    """Units of one size from their codes (effects × units × scores); and per unit and pair of its crossing levels, the
    pair's key row × total + column, and which of the group's entries it adds."""
    effects, units, m = inner.shape[0], inner.shape[1], inner.shape[2]
    label = np.stack([_first_alike(codes) for codes in (*inner, *across)], axis=1)
    flat = np.ascontiguousarray(label.reshape(units, -1))
    _, sample, pattern = np.unique(
        flat.view(np.dtype((np.void, flat.itemsize * flat.shape[1]))).ravel(), return_index=True, return_inverse=True
    )
    label = label[sample].astype(np.int64)
    same = (label[:, :effects, :, None] == label[:, :effects, None, :]).astype(np.float64).swapaxes(0, 1)

    is_first = (label[:, effects:] == np.arange(m)).reshape(sample.size, -1)
    width = int(is_first.sum(axis=1).max(initial=0))
    chosen = np.argsort(~is_first, axis=1, kind="stable")[:, :width]
    real = np.take_along_axis(is_first, chosen, axis=1)
    effect, row = np.divmod(chosen, m)
    local = (label[np.arange(sample.size)[:, None], effects + effect] == row[:, :, None]) & real[:, :, None]
    a, b = np.triu_indices(width)
    used = real[:, a] & real[:, b]
    number = np.cumsum(used).reshape(used.shape) - 1
    of_pattern, of_pair = np.nonzero(used)
    group = BlockGroup(
        pattern=pattern,
        same=np.ascontiguousarray(same),
        local=local.swapaxes(1, 2).astype(np.float64),
        entry=(of_pattern, a[of_pair], b[of_pair]),
    )
    level = across[effect[pattern], np.arange(units)[:, None], row[pattern]]
    first, second = level[:, a], level[:, b]
    kept = used[pattern]
    key = np.minimum(first, second)[kept] * total + np.maximum(first, second)[kept]
    return group, key, number[pattern][kept]


def _first_alike(codes: IntArray) -> npt.NDArray[np.uint32]:
    """Of every score (units × scores), the first score of its unit with the same level."""
    return np.asarray(np.argmax(codes[:, :, None] == codes[:, None, :], axis=2), dtype=np.uint32)
