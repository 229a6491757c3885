"""Variances of candidates, raters and the rest from squared differences of pairs of ratings (Koch 1967, 1968).

Half the squared difference of two ratings of the same candidate by different raters is σ²_rater + σ²_residual in the
mean; of the same rater for different candidates σ²_unit + σ²_residual; with both different the sum of all three. Means of
such pairs give the components in any design without fitting a model, from sums over candidates and raters alone.

In a sample of the candidate bootstrap the copies of one candidate must never be taken for different candidates: a pair
counts with the product of the two candidates' weights, and a candidate's pairs with itself are taken out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from fairpanel.measures.columns import Floats, Integers

_ROWS = 512
FEWEST_PAIRS = 10  # second and further raters of candidates


@dataclass(frozen=True, slots=True)
class PairVariances:
    """Arrays of one figure a sample: candidate, rater and residual variance; NaN where no pair tells.

    within is σ²_rater + σ²_residual; error is the error variance of a candidate's mean rating in this design.
    """

    unit: Floats
    rater: Floats
    residual: Floats
    within: Floats
    error: Floats

    @property
    def reliability(self) -> Floats:
        """G(q,k) with negative variances set to 0; NaN where nothing varies."""
        unit = np.maximum(self.unit, 0.0)
        with np.errstate(invalid="ignore"):
            share: Floats = unit / (unit + np.maximum(self.error, 0.0))
        return share


@dataclass(frozen=True, slots=True)
class RatedPanel:
    """What a panel's ratings contribute to the sums: rows by candidate, and ratings, scores and squares by rater.

    Candidates are numbered 0 … units − 1. k is the harmonic mean of raters per candidate, q Putka's multiplier of the
    rater variance. Both belong to the design and stay as they are in every sample.
    """

    linear: Floats
    square: Floats
    by_rater: sp.csr_array
    shares: Floats
    k: float
    q: float
    units: int
    raters: int

    @property
    def tells(self) -> bool:
        """Whether enough candidates have two raters for their disagreement to be judged."""
        return bool(self.linear[4].sum() >= FEWEST_PAIRS)

    def variances(self, weights: npt.NDArray[np.floating]) -> PairVariances:
        """From candidates' weights (candidates by samples). Within: mean squares of candidates; between: all pairs."""
        if not self.tells:
            unknown = np.full(weights.shape[1], np.nan)
            return PairVariances(unknown, unknown, unknown, unknown, unknown)
        kind = weights.dtype
        linear = (self.linear.astype(kind) @ weights).astype(np.float64)
        square = np.zeros((4, weights.shape[1]))
        for start in range(0, self.units, _ROWS):  # as much as the processor's cache holds
            some = slice(start, start + _ROWS)
            square += self.square[:, some].astype(kind) @ (weights[some] * weights[some])
        sums = (self.by_rater.astype(kind) @ weights).astype(np.float64).reshape(3, self.shares.size, weights.shape[1])
        same_rater = sums[0] * sums[2] - sums[1] ** 2
        pairs = sums[0] ** 2
        ratings, total, squares, within, spare = linear
        own_pairs, own_squares, own_ratings, own_shares = square
        with np.errstate(invalid="ignore", divide="ignore"):
            one_candidate = _mean(within, spare)
            one_rater = _mean(self.shares @ same_rater, self.shares @ pairs - own_shares)
            neither = _mean(
                ratings * squares - total**2 - own_squares - same_rater.sum(axis=0),
                ratings**2 - own_pairs - (pairs.sum(axis=0) - own_ratings),
            )
        crossed = 1 / self.k - self.q
        rater = neither - one_rater
        error = one_candidate / self.k - (crossed * rater if crossed > 1e-12 else 0.0)
        return PairVariances(
            neither - one_candidate, rater, one_candidate - rater, one_candidate, np.asarray(error, dtype=np.float64)
        )


def _mean(total: Floats, pairs: Floats) -> Floats:
    """Per pair; NaN where there is none (rounding leaves a little)."""
    return np.where(pairs > 1e-6, total / pairs, np.nan)


def rated_panel(unit: Integers, rater: Integers, score: Floats, units: int) -> RatedPanel:
    """Prepare ratings, one for each candidate and rater, candidates numbered 0 … units − 1 with one rating at least.

    Pairs within a candidate have the weight 1/(raters of the candidate), pairs of a rater 1/(candidates of the rater), so
    that none dominates. A rater of one candidate has no pair of different candidates and is left out of the raters' sums.
    """
    k = np.bincount(unit, minlength=units).astype(np.float64)
    total = np.bincount(unit, weights=score, minlength=units)
    squares = np.bincount(unit, weights=score * score, minlength=units)
    within = np.bincount(unit, weights=(score - (total / k)[unit]) ** 2, minlength=units)
    load = np.bincount(rater).astype(np.float64)
    kept = load[rater] > 1
    number = np.cumsum(load > 1) - 1
    raters = int((load > 1).sum())
    share = 1 / load[rater]
    own_share = np.bincount(unit[kept], weights=share[kept], minlength=units)
    own_kept = np.bincount(unit[kept], minlength=units).astype(np.float64)
    parts = [
        sp.csr_array((values[kept], (number[rater[kept]], unit[kept])), shape=(raters, units))
        for values in (np.ones(score.size), score, score * score)
    ]
    inverse = 1 / k[unit]
    shared = np.bincount(rater, weights=inverse) ** 2 - np.bincount(rater, weights=inverse * inverse)
    reciprocal = float(np.mean(1 / k))
    return RatedPanel(
        linear=np.vstack((k, total, squares, within, k - 1)),
        square=np.vstack((k * k, k * within, own_kept, own_share)),
        by_rater=sp.csr_array(sp.vstack(parts)),
        shares=1 / load[load > 1],
        k=1 / reciprocal,
        q=max(reciprocal - float(shared.sum()) / (units * max(units - 1, 1)), 0.0),
        units=units,
        raters=int((load > 0).sum()),
    )
