"""Several p values adjusted together."""

from __future__ import annotations

import numpy as np

from fairpanel.measures.columns import Floats


def benjamini_hochberg(p: Floats) -> Floats:
    """q values: the smallest false-discovery rate at which each p would be called found (Benjamini & Hochberg 1995).

    Examples
    --------
    >>> [round(q, 3) for q in benjamini_hochberg(np.array([0.01, 0.04, 0.03])).tolist()]
    [0.03, 0.04, 0.04]
    """
    order = np.argsort(p)[::-1]
    adjusted = np.minimum.accumulate(p[order] * p.size / np.arange(p.size, 0, -1))
    q = np.empty(p.size)
    q[order] = np.minimum(adjusted, 1.0)
    return q
