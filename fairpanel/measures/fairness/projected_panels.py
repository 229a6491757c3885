"""What more raters would change in the selection of two groups, by normal theory."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from fairpanel.measures.columns import Floats, Integers

_STEPS = 60


def rate_factors(scores: Floats, group: Integers, groups: int, places: int, count: Floats, stretch: float) -> Floats:
    """By sample (rows) and group (columns): selection rate after the groups' gaps grow, over the rate before.

    Scores are normal within groups with one spread; the gaps, in units of it, grow by `stretch` (the root of the ratio
    of reliabilities: true differences stay, the spread around them shrinks), and as many people are selected. NaN where
    a sample has no spread or nobody of a group.
    """
    member = np.eye(groups)[group]
    size = count @ member
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (count * scores) @ member / size
        square = (count * scores**2) @ member / size - mean**2
        share = size / size.sum(axis=1, keepdims=True)
        spread = np.sqrt(np.nansum(share * square, axis=1, keepdims=True))
        centred = np.where(size > 0, (mean - np.nansum(share * mean, axis=1, keepdims=True)) / spread, 0.0)
    wanted = places / size.sum(axis=1)
    before, after = (_rates(centred * factor, share, wanted) for factor in (1.0, stretch))
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where((size > 0) & np.isfinite(centred), after / before, np.nan)
    return found


def _rates(centre: Floats, share: Floats, wanted: Floats) -> Floats:
    """Each group's share above the cut that selects `wanted` of all: by bisection."""
    low, high = np.full(len(wanted), -40.0), np.full(len(wanted), 40.0)
    for _ in range(_STEPS):
        cut = (low + high) / 2
        over = (share * ndtr(centre - cut[:, None])).sum(axis=1) > wanted
        low, high = np.where(over, cut, low), np.where(over, high, cut)
    rates: Floats = ndtr(centre - ((low + high) / 2)[:, None])
    return rates
