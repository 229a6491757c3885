"""Many small systems of linear equations solved side by side, one array operation for all of them."""

from __future__ import annotations

import numpy as np

from fairpanel.measures.columns import Floats

_FEW = 200  # systems up to which one after the other is quicker
_CELLS = 200_000  # cells of matrices and right sides worked on at a time: they stay in the processor's cache


def solved(matrices: Floats, right: Floats) -> Floats:
    """Solutions of positive definite systems: matrices p × p × systems, right sides p × columns × systems.

    Elimination without pivots, which positive definite matrices do not need.

    >>> solved(np.array([[[2.0, 4.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]]]), np.ones((2, 1, 2))).tolist()
    [[[0.5, 0.25]], [[1.0, 1.0]]]
    """
    p, columns, systems = right.shape
    if systems < _FEW:
        return np.asarray(np.linalg.solve(matrices.transpose(2, 0, 1), right.transpose(2, 0, 1)).transpose(1, 2, 0))
    step = max(1, _CELLS // (p * (p + columns)))
    found = np.empty(right.shape)
    for start in range(0, systems, step):
        some = slice(start, start + step)
        found[..., some] = _eliminated(np.concatenate((matrices[..., some], right[..., some]), axis=1))
    return found


def _eliminated(both: Floats) -> Floats:
    """Matrices with their right sides beside them, which the solutions take the place of."""
    p = len(both)
    right = both[:, p:]
    for pivot in range(p - 1):
        share = both[pivot, pivot + 1 : p] / both[pivot, pivot]
        both[pivot + 1 :, pivot + 1 :] -= share[:, None] * both[pivot, pivot + 1 :]
    for row in range(p - 1, -1, -1):
        right[row] -= (both[row, row + 1 : p, None] * right[row + 1 :]).sum(axis=0)
        right[row] /= both[row, row]
    return right
