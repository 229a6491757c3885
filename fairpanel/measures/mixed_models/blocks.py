"""REML with any number of random effects, some of them nested in units.

Effects nested in units (unit, unit:item, unit:rater) make V block-diagonal, and units that met the same pattern of
raters and items share one block. Effects that cross units (rater, item, rater:item), if any, are added by the Woodbury
identity through one dense matrix over their levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from fairpanel.measures.mixed_models.threads import with_one_blas_thread

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDesign:
    """Scores sorted by unit, and the indicator matrices of effects.

    nested, crossing : the names of effects inside and across units; gamma is ordered nested first.
    rows : per pattern, the rows of its units, units × ratings per unit. patterns : per pattern and nested effect, which
        of a unit's ratings share a level. structure : the sparse block matrix's row and column of every entry.
    levels : indicator matrix of all crossing levels, sparse; level_effect : to which effect each belongs.
    """

    nested: tuple[str, ...]
    crossing: tuple[str, ...]
    score: FloatArray
    rows: tuple[IntArray, ...]
    patterns: tuple[FloatArray, ...]
    structure: tuple[IntArray, IntArray]
    levels: Any
    level_effect: IntArray


def block_design(
    unit: IntArray, score: FloatArray, nested: dict[str, IntArray], crossing: dict[str, IntArray], /
) -> BlockDesign:
    """Codes of every effect's levels; `nested` codes must refine `unit`."""
    order = np.lexsort((*nested.values(), unit))
    starts = np.flatnonzero(np.diff(unit[order], prepend=-1))
    groups: dict[tuple[bytes, ...], list[IntArray]] = {}
    shared: dict[tuple[bytes, ...], FloatArray] = {}
    for rows in np.split(order, starts[1:]):
        same = np.stack([codes[rows][:, None] == codes[rows][None, :] for codes in nested.values()])
        key = (str(rows.size).encode(), np.packbits(same).tobytes())
        groups.setdefault(key, []).append(rows)
        shared.setdefault(key, same.astype(np.float64))
    stacked = tuple(np.stack(members) for members in groups.values())
    entry_row = np.concatenate([np.repeat(rows, rows.shape[1], axis=1).ravel() for rows in stacked])
    entry_column = np.concatenate([np.tile(rows, (1, rows.shape[1])).ravel() for rows in stacked])
    columns, effect, offset = [], [], 0
    for index, codes in enumerate(crossing.values()):
        count = int(codes.max()) + 1
        columns.append(codes + offset)
        effect.append(np.full(count, index))
        offset += count
    n = score.size
    levels = sparse.csr_array(
        (np.ones(n * len(columns)), (np.tile(np.arange(n), len(columns)), np.concatenate([*columns, []]))),
        shape=(n, offset),
    )
    return BlockDesign(
        nested=tuple(nested),
        crossing=tuple(crossing),
        score=score - score.mean(),
        rows=stacked,
        patterns=tuple(shared.values()),
        structure=(entry_row, entry_column),
        levels=levels,
        level_effect=np.concatenate([*effect, np.empty(0, dtype=np.int64)]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLikelihood:
    """The restricted likelihood at gamma: fields as in the crossed model's."""

    gamma: FloatArray
    n: int
    log_det: float
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
        return self.log_det + (self.n - 1) * (1 + float(np.log(2 * np.pi * self.variance)))

    def gradient(self) -> FloatArray:
        return self.traces - self.quadratics / self.variance

    def average_information(self) -> FloatArray:
        profiled = np.outer(self.quadratics, self.quadratics) / self.rss
        return np.asarray((self.curvature - profiled) / self.variance)


@with_one_blas_thread
def evaluate_blocks(design: BlockDesign, gamma: FloatArray, /) -> BlockLikelihood:
    """The restricted likelihood and its derivatives at relative variances >= 0, nested effects first."""
    n, nested = design.score.size, len(design.nested)
    log_det = 0.0
    inverses = []
    for rows, same in zip(design.rows, design.patterns, strict=True):
        block = np.eye(rows.shape[1]) + np.tensordot(gamma[:nested], same, axes=1)
        inverses.append(np.asarray(np.linalg.inv(block), dtype=np.float64))
        log_det += rows.shape[0] * float(np.linalg.slogdet(block)[1])
    weights = _blocks(design, inverses)
    shared = [_blocks(design, [same[index] for same in design.patterns]) for index in range(nested)]

    z = design.levels
    weighted = weights @ z
    s = (z.T @ weighted).toarray()
    root = np.sqrt(gamma[nested:][design.level_effect])
    g = s
    if root.size:
        factor = linalg.cho_factor(np.eye(root.size) + root[:, None] * s * root, lower=True)
        log_det += 2 * float(np.log(np.diagonal(factor[0])).sum())
        g = root[:, None] * linalg.cho_solve(factor, np.diag(root))

    def solve(x: FloatArray) -> FloatArray:
        return np.asarray(weights @ x - weighted @ (g @ (weighted.T @ x)))

    ones = solve(np.ones(n))
    information = float(ones.sum())
    intercept = float(ones @ design.score) / information
    residual = solve(design.score - intercept)

    traces = []
    for index in range(nested):
        twice = _blocks(design, [inv @ same[index] @ inv for inv, same in zip(inverses, design.patterns, strict=True)])
        trace = sum(
            rows.shape[0] * float(np.sum(inv * same[index]))
            for rows, inv, same in zip(design.rows, inverses, design.patterns, strict=True)
        )
        traces.append(trace - float(np.sum(g * (z.T @ (twice @ z)).toarray())))
    per_level = np.diagonal(s) - np.sum((s @ g) * s, axis=1)
    traces += [float(per_level[design.level_effect == index].sum()) for index in range(len(design.crossing))]

    crossing = [z[:, design.level_effect == index] for index in range(len(design.crossing))]

    def images(x: FloatArray) -> list[FloatArray]:
        """V_k x for every effect."""
        return [block @ x for block in shared] + [level @ (level.T @ x) for level in crossing]

    moved = images(residual)
    projected = [solve(x) - ones * (ones @ x) / information for x in moved]
    corrections = np.array([ones @ image for image in images(ones)]) / information
    return BlockLikelihood(
        gamma=gamma,
        n=n,
        log_det=log_det + float(np.log(information)),
        rss=max(float(design.score @ residual), np.finfo(np.float64).tiny),
        intercept=intercept,
        traces=np.array(traces) - corrections,
        quadratics=np.array([residual @ x for x in moved]),
        curvature=np.array([[x @ y for y in projected] for x in moved]),
    )


def _blocks(design: BlockDesign, blocks: Sequence[FloatArray]) -> Any:
    """The sparse matrix with each pattern's block in the place of each of its units."""
    n = design.score.size
    data = np.concatenate(
        [np.tile(block.ravel(), rows.shape[0]) for rows, block in zip(design.rows, blocks, strict=True)]
    )
    return sparse.csr_array((data, design.structure), shape=(n, n))
