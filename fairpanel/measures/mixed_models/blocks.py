"""REML with any number of random effects, some of them nested in units.

Effects nested in units (unit, unit:item, unit:rater) make V block-diagonal, and units that met the same pattern of
raters and items share one block. Effects that cross units (rater, item, rater:item), if any, are added by the Woodbury
identity through one dense matrix over their levels. Where they have too many, see `blocks_probed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import blas, lapack

from fairpanel.measures.mixed_models.blocks_design import BlockDesign
from fairpanel.measures.mixed_models.fit import Convergence, minimise
from fairpanel.measures.mixed_models.threads import with_one_blas_thread

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

ROUGH_FROM = 300
"""Crossing levels from which a search takes its first steps in single precision."""
NEARLY_FIXED = 1e-4
"""Relative information of a level from which on the short formula of its trace loses no digits that count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLikelihood:
    """The restricted likelihood at gamma: fields as in the crossed model's."""

    gamma: FloatArray
    n: int
    log_det: float | None
    rss: float
    intercept: float
    traces: FloatArray
    quadratics: FloatArray
    curvature: FloatArray

    @property
    def variance(self) -> float:
        return self.rss / (self.n - 1)

    @property
    def criterion(self) -> float:
        if self.log_det is None:
            raise ValueError("the determinant of this design's covariance was not computed")
        return self.log_det + (self.n - 1) * (1 + float(np.log(2 * np.pi * self.variance)))

    def gradient(self) -> FloatArray:
        return self.traces - self.quadratics / self.variance

    def average_information(self) -> FloatArray:
        profiled = np.outer(self.quadratics, self.quadratics) / self.rss
        return np.asarray((self.curvature - profiled) / self.variance)


def fit_blocks(
    design: BlockDesign, /, *, tolerance: float = 1e-6, limit: int = 200
) -> tuple[BlockLikelihood, Convergence]:
    """Maximise the restricted likelihood over relative variances >= 0."""
    effects = len(design.nested) + len(design.crossing)
    return minimise(
        lambda gamma: evaluate_blocks(design, gamma),
        np.full(effects, 0.3),
        free=np.ones(effects, dtype=np.bool_),
        tolerance=tolerance,
        limit=limit,
        rough=(lambda gamma: evaluate_blocks(design, gamma, single=True))
        if design.level_effect.size >= ROUGH_FROM
        else None,
    )


@with_one_blas_thread
def evaluate_blocks(design: BlockDesign, gamma: FloatArray, /, *, single: bool = False) -> BlockLikelihood:
    """The restricted likelihood and its derivatives at relative variances >= 0, nested effects first.

    single : factor in single precision, in half the time and to about five digits: enough for a search's first steps.
    """
    nested, size = len(design.nested), design.level_effect.size
    inside = within_units(design, gamma[:nested])
    level_gamma = gamma[nested:][design.level_effect]
    upper = np.zeros((size, size))
    upper[design.row, design.column] = design.gather @ inside.entries
    free = np.flatnonzero(level_gamma)
    root = np.sqrt(level_gamma[free])
    inverse, log_det = _inverse(upper[np.ix_(free, free)] if free.size < size else upper, root, single=single)
    g = root[:, None] * inverse * root
    per_level = np.zeros(size)
    per_level[free] = (1 - np.diagonal(inverse)) / root**2
    slight = np.flatnonzero(level_gamma * np.diagonal(upper) < NEARLY_FIXED)
    if slight.size:
        rows = upper[np.ix_(slight, free)] + upper[np.ix_(free, slight)].T
        rows[slight[:, None] == free] /= 2
        per_level[slight] = upper[slight, slight] - np.sum(rows * _product(g, rows.T).T, axis=1)

    place = np.full(size, -1)
    place[free] = np.arange(free.size)
    row, column = place[design.row], place[design.column]
    both = (row >= 0) & (column >= 0)
    met = np.zeros(row.size)
    met[both] = g[row[both], column[both]]
    weights, z = inside.weights, design.levels[:, free]

    def solve(x: FloatArray) -> FloatArray:
        weighted = weights @ x
        return np.asarray(weighted - weights @ (z @ _product(g, z.T @ weighted)))

    traces = [
        *nested_traces(design, inside, design.gather.T @ met),
        *np.bincount(design.level_effect, weights=per_level, minlength=len(design.crossing)),
    ]
    return assemble(design, gamma, solve, np.array(traces, dtype=np.float64), inside.log_det + log_det)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithinUnits:
    """The part of V inside units, inverted: W.

    log_det : minus W's. weights : W, sparse. inverses : its blocks, pulled : blocks times the crossing levels' columns,
    both per group and pattern. entries : of Z' W Z, as the design's gather takes them.
    """

    log_det: float
    weights: Any
    inverses: tuple[FloatArray, ...]
    pulled: tuple[FloatArray, ...]
    entries: FloatArray


def within_units(design: BlockDesign, gamma: FloatArray, /) -> WithinUnits:
    """Everything that depends on the nested effects' relative variances only."""
    log_det, inverses, pulled, entries, data = 0.0, [], [], [], []
    for group in design.groups:
        block = np.eye(group.same.shape[2]) + np.tensordot(gamma, group.same, axes=1)
        inverse = np.asarray(np.linalg.inv(block), dtype=np.float64)
        log_det += float(group.units @ np.linalg.slogdet(block)[1])
        inverses.append(inverse)
        pulled.append(inverse @ group.local)
        entries.append((group.local.swapaxes(1, 2) @ pulled[-1])[group.entry])
        data.append(inverse[group.pattern].ravel())
    n = design.score.size
    return WithinUnits(
        log_det=log_det,
        weights=sparse.csr_array((np.concatenate(data), design.indices, design.indptr), shape=(n, n)),
        inverses=tuple(inverses),
        pulled=tuple(pulled),
        entries=np.concatenate(entries),
    )


def nested_traces(design: BlockDesign, inside: WithinUnits, met: FloatArray, /) -> FloatArray:
    """tr(V⁻¹ V_k) of the nested effects; `met` is Z' V⁻¹ Z's counterpart g summed over the places of every entry."""
    traces, done = np.zeros(len(design.nested)), 0
    for group, inverse, pulled in zip(design.groups, inside.inverses, inside.pulled, strict=True):
        pattern, a, b = group.entry
        inner = np.zeros((pulled.shape[0], pulled.shape[2], pulled.shape[2]))
        inner[pattern, a, b] = inner[pattern, b, a] = met[done : done + a.size]
        done += a.size
        blocks = group.units[:, None, None] * inverse - pulled @ inner @ pulled.swapaxes(1, 2)
        traces += np.tensordot(group.same, blocks, axes=3)
    return traces


def assemble(
    design: BlockDesign,
    gamma: FloatArray,
    solve: Callable[[FloatArray], FloatArray],
    traces: FloatArray,
    log_det: float | None,
    /,
) -> BlockLikelihood:
    """What follows from products with V⁻¹ (`solve`, of columns) and the traces tr(V⁻¹ V_k)."""
    both = solve(np.column_stack([np.ones_like(design.score), design.score]))
    ones = both[:, 0]
    information = float(ones.sum())
    intercept = float(ones @ design.score) / information
    residual = both[:, 1] - intercept * ones
    sums = [np.bincount(codes, weights=residual)[codes] for codes in design.codes]
    moved = np.asarray(np.column_stack(sums), dtype=np.float64)
    projected = solve(moved) - np.outer(ones, ones @ moved) / information
    corrections = np.array([np.sum(np.bincount(codes, weights=ones) ** 2) for codes in design.codes]) / information
    return BlockLikelihood(
        gamma=gamma,
        n=design.score.size,
        log_det=None if log_det is None else log_det + float(np.log(information)),
        rss=max(float(design.score @ residual), np.finfo(np.float64).tiny),
        intercept=intercept,
        traces=traces - corrections,
        quadratics=residual @ moved,
        curvature=moved.T @ projected,
    )


def _inverse(matrix: FloatArray, root: FloatArray, *, single: bool) -> tuple[FloatArray, float]:
    """Of I + root × matrix × root, and its log determinant; upper triangles."""
    if not root.size:
        return matrix, 0.0
    scaled: npt.NDArray[Any] = root[:, None] * matrix * root
    scaled.flat[:: root.size + 1] += 1
    if single:
        scaled = scaled.astype(np.float32)
    factorise, invert = (lapack.spotrf, lapack.spotri) if single else (lapack.dpotrf, lapack.dpotri)
    factor, failed = factorise(scaled.T, lower=1, overwrite_a=1, clean=0)
    if failed:
        raise np.linalg.LinAlgError(f"the crossing levels' matrix is not positive definite at level {failed}")
    log_det = 2 * float(np.log(np.diagonal(factor).astype(np.float64)).sum())
    inverse, _ = invert(factor, lower=1, overwrite_c=1)
    return np.asarray(inverse.T.astype(np.float64, copy=False)), log_det


def _product(upper: FloatArray, x: FloatArray) -> FloatArray:
    """Product with a symmetric matrix of which the upper triangle is filled."""
    if not upper.size:
        return np.zeros(x.shape)
    return np.asarray(blas.dsymm(1.0, upper.T, x, lower=1))
