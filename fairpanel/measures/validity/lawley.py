"""A correlation among applicants from that among the selected, when what selection looked at is known for everyone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fairpanel.measures.columns import Booleans, Floats
from fairpanel.measures.resampling import cluster_bootstrap
from fairpanel.measures.validity.criterion import correlation


def lawley(selectors: Floats, pair: Floats) -> tuple[float, float, float, float] | None:
    """Correlation of x and y among all rows, that among the selected, and the restricted over the full SD of x and y.

    `selectors` (people by variables) are known for everyone, `pair` (x, y) holds NaN where one was not selected. With
    V the selected's covariances, V* everyone's of the selectors and B = inverse(V_ss) V_sp:
    V*_pp = V_pp - B' (V_ss - V*_ss) B (Lawley 1943). None where the selected are too few or columns do not vary.
    """
    taken = seen(pair)
    k = selectors.shape[1]
    if taken.sum() < k + 3:
        return None
    observed = correlation(pair[taken, 0], pair[taken, 1])
    together = np.cov(np.column_stack((selectors, pair))[taken], rowvar=False)
    within, everyone = together[:k, :k], np.atleast_2d(np.cov(selectors, rowvar=False))
    scale = np.sqrt(np.diag(within))
    if observed is None or np.any(scale == 0) or np.linalg.cond(within / np.outer(scale, scale)) > 1e10:
        return None
    slopes = np.linalg.solve(within, together[:k, k:])
    corrected = together[k:, k:] - slopes.T @ (within - everyone) @ slopes
    spread = np.diag(corrected)
    if np.any(spread <= 0):
        return None
    ratios = np.sqrt(np.diag(together)[k:] / spread)
    r = float(corrected[0, 1]) / math.sqrt(float(spread[0] * spread[1]))
    return max(-1.0, min(1.0, r)), observed, float(ratios[0]), float(ratios[1])


def seen(pair: Floats) -> Booleans:
    """Who has both x and y."""
    known: Booleans = np.asarray(~np.isnan(pair).any(axis=1))
    return known


def disattenuated(r: float, u_x: float, u_y: float, rxx: float | None, ryy: float | None) -> tuple[float, float]:
    """Operational and true validity: the selected's reliabilities carried to the applicants by 1 - u² (1 - reliability)."""
    operational = r / math.sqrt(1 - u_y**2 * (1 - (1.0 if ryy is None else ryy)))
    return operational, operational / math.sqrt(1 - u_x**2 * (1 - (1.0 if rxx is None else rxx)))


def bootstrap_values(
    selectors: Floats, pair: Floats, rxx: float | None, ryy: float | None, replicates: int, seed: int
) -> Floats:
    """Operational validities of samples of people drawn with replacement, selected or not."""

    def replicate(rows: Any) -> float | None:
        found = lawley(selectors[rows], pair[rows])
        if found is None or _impossible(found[2], rxx) or _impossible(found[3], ryy):
            return None
        return max(-1.0, min(1.0, disattenuated(found[0], found[2], found[3], rxx, ryy)[0]))

    return cluster_bootstrap(replicate, len(pair), replicates=replicates, seed=seed)


def _impossible(u: float, reliability: float | None) -> bool:
    return reliability is not None and u * u * (1 - reliability) >= 1
