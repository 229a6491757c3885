"""Each rater's gap between two groups of candidates, with the whole covariance, and how much true gaps spread."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import brentq, minimize_scalar
from scipy.special import chdtrc, chdtri

from fairpanel.measures.columns import Booleans, Floats, Integers
from fairpanel.measures.mixed_models.threads import with_one_blas_thread

_LARGEST = 1e4  # var_unit / var_residual tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Gaps of the raters (codes in `rater`) who met both groups, their covariance, and the variances found."""

    rater: Integers
    gap: Floats
    covariance: Floats
    focal: Integers
    reference: Integers
    var_unit: float
    var_residual: float


@with_one_blas_thread
def rater_gaps(score: Floats, unit: Integers, rater: Integers, focal: Booleans) -> Gaps | None:
    """score = cell of rater and group + unit (random) + residual, restricted maximum likelihood of the variance ratio.

    A cell is a rater with one group; the gap is a rater's focal less their reference cell. Memory: cells by cells.
    None where no residual is left to judge by.
    """
    cells, cell = np.unique(rater * 2 + focal, return_inverse=True)
    size = np.bincount(unit)
    n, p = score.size, cells.size
    if n <= p:
        return None
    centred = score - score.mean()
    incidence = sparse.csr_array((np.ones(n), (unit, cell)), shape=(size.size, p))
    count, total = np.bincount(cell).astype(np.float64), np.bincount(cell, centred)
    of_unit = np.bincount(unit, centred)
    squares = float(centred @ centred)
    transposed, of_entry = incidence.T.tocsr(), np.repeat(np.arange(size.size), np.diff(incidence.indptr))

    def solve(ratio: float) -> tuple[float, float, Floats, Floats]:
        """Criterion, residual sum of squares, effects and the normal matrix's factor at var_unit / var_residual."""
        shrink = ratio / (1 + ratio * size)
        shrunken = sparse.csr_array(
            (incidence.data * shrink[of_entry], incidence.indices, incidence.indptr), shape=incidence.shape
        )
        normal = np.diag(count) - (transposed @ shrunken).toarray()
        right = total - transposed @ (shrink * of_unit)
        factor = cholesky(normal, lower=True)
        effects = cho_solve((factor, True), right)
        rss = max(squares - float(shrink @ of_unit**2) - float(right @ effects), 0.0)
        determinant = float(np.log1p(ratio * size).sum()) + 2 * float(np.log(np.diag(factor)).sum())
        criterion = determinant + (n - p) * math.log(max(rss, np.finfo(np.float64).tiny))
        return criterion, rss, effects, np.asarray(factor)

    ratio = 0.0
    if size.max() > 1:
        found = minimize_scalar(
            lambda at: solve(math.exp(at))[0], bounds=(math.log(1e-4), math.log(_LARGEST)), method="bounded",
            options={"xatol": 1e-5},
        )  # fmt: skip
        ratio = math.exp(float(found.x))
        ratio = 0.0 if solve(0.0)[0] <= solve(ratio)[0] else ratio
    _, rss, effects, factor = solve(ratio)
    if rss <= 1e-12 * squares:
        return None
    variance = rss / (n - p)
    both = np.flatnonzero((cells[:-1] // 2 == cells[1:] // 2) & (cells[:-1] % 2 == 0))
    contrast = np.zeros((both.size, p))
    contrast[np.arange(both.size), both + 1], contrast[np.arange(both.size), both] = 1.0, -1.0
    root = solve_triangular(factor, contrast.T, lower=True)
    return Gaps(
        rater=(cells[both] // 2).astype(np.int64), gap=contrast @ effects,
        covariance=root.T @ root * variance, focal=count[both + 1].astype(np.int64),
        reference=count[both].astype(np.int64), var_unit=ratio * variance, var_residual=variance,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class GapSpread:
    """True gaps as a normal population: gap ~ N(mean, variance I + covariance), on the covariance's own axes.

    ones, turned: a column of ones and the gaps on these axes.
    """

    gaps: Gaps
    axes: Floats
    values: Floats
    ones: Floats
    turned: Floats

    @classmethod
    def of(cls, gaps: Gaps) -> GapSpread:
        values, axes = np.linalg.eigh(gaps.covariance)
        floored = np.maximum(values, 1e-12 * float(values.max()))
        return cls(gaps, axes, floored, axes.sum(axis=0), axes.T @ gaps.gap)

    def mean(self, variance: float) -> tuple[float, float]:
        """The mean gap and its variance."""
        weight = 1 / (variance + self.values)
        information = float(weight @ self.ones**2)
        return float((weight * self.ones) @ self.turned) / information, 1 / information

    def q(self, variance: float) -> float:
        """Generalized Q: chi-square on one less than the raters' number at the true variance."""
        rest = self.axes.T @ (self.gaps.gap - self.mean(variance)[0])
        return float((rest**2 / (variance + self.values)).sum())

    def restricted_maximum(self) -> float:
        """The variance of true gaps by restricted maximum likelihood, at least 0."""

        def criterion(variance: float) -> float:
            return float(np.log(variance + self.values).sum()) - math.log(self.mean(variance)[1]) + self.q(variance)

        top = 4 * float(self.gaps.gap.var()) + float(self.values.max())
        root = minimize_scalar(lambda at: criterion(at * at), bounds=(0, math.sqrt(top)), method="bounded")
        best = float(root.x) ** 2
        return 0.0 if criterion(0.0) <= criterion(best) else best

    def limits(self, confidence: float) -> tuple[float, float] | None:
        """Variances whose Q lies between its quantiles; None where even a variance of zero is too large."""
        df, tail = self.values.size - 1, (1 - confidence) / 2

        def crossing(level: float) -> float:
            if self.q(0.0) <= level:
                return 0.0
            top = float(self.values.max())
            while self.q(top) > level:
                top *= 4
            return float(brentq(lambda at: self.q(at) - level, 0.0, top))

        high_q, low_q = float(chdtri(df, tail)), float(chdtri(df, 1 - tail))
        if self.q(0.0) < low_q:
            return None
        return crossing(high_q), crossing(low_q)

    def shrunken(self, variance: float) -> Floats:
        """Best predictions of each rater's true gap."""
        mean = self.mean(variance)[0]
        rest = self.axes.T @ (self.gaps.gap - mean)
        return np.asarray(mean + self.axes @ (variance / (variance + self.values) * rest))

    def detectable(self, power: float = 0.8, alpha: float = 0.05) -> float:
        """The SD of true gaps that the test of Q would find with that power (Satterthwaite's scaled chi-square)."""
        df = self.values.size - 1
        critical = float(chdtri(df, alpha))

        def found(spread: float) -> float:
            parts = 1 + spread**2 / self.values[1:]
            scale = float((parts**2).sum() / parts.sum())
            return float(chdtrc(float(parts.sum()) / scale, critical / scale)) - power

        top = math.sqrt(float(self.values.max()))
        while found(top) < 0:
            top *= 2
        return float(brentq(found, 0.0, top))
