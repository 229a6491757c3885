"""Each study's own true value, drawn towards the mean of all as far as its people are few (empirical Bayes)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtri

from fairpanel.measures.columns import Floats

MOST_ROWS = 200
_FEWEST = 4


def shrunken(
    y: Floats, v: Floats, mean: float, tau2: float, people: Floats, confidence: float, fisher_z: bool,
    names: Sequence[str] | None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows study (its name, if known), r, n, shrunken, low, high, in the order given; correlations also where z is pooled.

    y - B (y - mean) with B = (k - 3) / (k - 1) v / (v + tau²), and Morris's (1983, eq. 4.2) variance, which holds the
    errors of the mean and of tau² too: v (1 - (k - 1) B / k) + 2 / (k - 3) w B² (y - mean)², w the study's share of the
    typical weight. Nothing of fewer than four studies: they do not say how far to shrink.
    """
    k = y.size
    if k < _FEWEST or k > MOST_ROWS:
        return []
    share = (k - 3) / (k - 1) * v / (v + tau2)
    own = y - share * (y - mean)
    weight = (v.mean() + tau2) / (v + tau2)
    spread = np.sqrt(v * (1 - (k - 1) / k * share) + 2 / (k - 3) * weight * (share * (y - mean)) ** 2)
    half = float(ndtri((1 + confidence) / 2)) * spread
    in_r = math.tanh if fisher_z else _within_one
    found = [[in_r(float(value)) for value in column] for column in (y, own, own - half, own + half)]
    return [
        {
            "study": None if names is None else names[at],
            "r": found[0][at],
            "n": int(people[at]),
            "shrunken": found[1][at],
            "low": found[2][at],
            "high": found[3][at],
        }
        for at in range(k)
    ]


def _within_one(value: float) -> float:
    return min(1.0, max(-1.0, value))
