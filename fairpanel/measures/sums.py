"""Sums by code, of one row of values or of many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def sums(code: IntArray, values: FloatArray, size: int, /) -> FloatArray:
    """Sums of values with the same code (0 to size − 1, one a value) along the last axis."""
    if values.ndim == 1:
        return np.bincount(code, values, size).astype(np.float64, copy=False)
    rows = values.reshape(-1, values.shape[-1])
    place = (np.arange(len(rows))[:, None] * size + code).ravel()
    found = np.bincount(place, rows.ravel(), len(rows) * size)
    return found.reshape(*values.shape[:-1], size).astype(np.float64, copy=False)
