"""REML of effects across units with many levels: their traces from random probes, everything else exact.

The covariance is V = V_b + Z_s Γ_s Z_s', where s are the effects of few levels (items, occasions), whose part is solved
exactly, and V_b holds the effects inside units and those of many levels, b. The dense matrix of b's levels is never
built: systems with it are solved by conjugate gradients on the sparse S = Z_b' W Z_b, W the inverse of V inside units.
All traces of V_b's inverse follow from the matrix

    P = Z_b' V_b⁻¹ Z_b = S − S Γ^½ A⁻¹ Γ^½ S,   A = I + Γ^½ S Γ^½,

which is close to the one of single blocks: a rater with all her interactions. Random signs (Hutchinson 1990) estimate
the traces as differences from those blocks. The same probes serve the whole search, and their scatter gives its Monte
Carlo error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fairpanel.measures.mixed_models.blocks import BlockLikelihood, WithinUnits, assemble, nested_traces, within_units
from fairpanel.measures.mixed_models.blocks_design import BlockDesign
from fairpanel.measures.mixed_models.fit import CEILING, NEAR, Convergence, newton_step, within
from fairpanel.measures.mixed_models.threads import with_one_blas_thread

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

PROBES = 64
FIRST_PROBES = 8
"""Probes of the steps far from the solution."""
SEED = 20080521
MOST_SOLVED = 32
"""Most levels of an effect whose part is solved exactly."""
MOST_IN_BLOCK = 64
"""Most levels of a rater and her interactions that are inverted together."""
MOST_STEPS = 1000
"""Of conjugate gradients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyLevels:
    """Where the many levels lie in the design's sparse matrices.

    few, many : crossing levels of effects with few and with many levels. indices, indptr, source : structure of S over
    the many, and the design's pair that each of its values is. diagonal : the pair of each level with itself.
    blocks : per block its places among the many; where it has fewer than others, the place behind the last.
    block_source : per block, row and column the pair, or −1.
    sums : per effect the transposed indicator matrix.
    """

    few: IntArray
    many: IntArray
    indices: npt.NDArray[Any]
    indptr: npt.NDArray[Any]
    source: IntArray
    diagonal: IntArray
    blocks: IntArray
    block_source: IntArray
    sums: tuple[Any, ...]

    def matrix(self, pairs: FloatArray) -> Any:
        """Over the many levels, from a value per pair of the design."""
        size = self.many.size
        return sparse.csr_array((pairs[self.source], self.indices, self.indptr), shape=(size, size))

    def in_blocks(self, pairs: FloatArray) -> FloatArray:
        return np.where(self.block_source >= 0, pairs[self.block_source], 0.0)

    def gather(self, x: FloatArray) -> FloatArray:
        """Rows of the many levels (with or without columns), by block."""
        return np.concatenate([x, np.zeros((1, *x.shape[1:]))])[self.blocks]

    def scatter(self, x: FloatArray) -> FloatArray:
        """Back from blocks to rows of the many levels."""
        out = np.zeros((self.many.size + 1, x.shape[2]))
        out[self.blocks.ravel()] = x.reshape(self.blocks.size, x.shape[2])
        return out[:-1]


def many_levels(design: BlockDesign, /) -> ManyLevels:
    """Which effects have few levels, and which levels of the others belong together."""
    counts = np.bincount(design.level_effect, minlength=len(design.crossing))
    is_many = counts[design.level_effect] > MOST_SOLVED
    many = np.flatnonzero(is_many)
    place = np.cumsum(is_many) - 1
    pair = np.flatnonzero(is_many[design.row] & is_many[design.column])
    row, column = place[design.row[pair]], place[design.column[pair]]
    beside = row != column
    row, column = np.concatenate([row, column[beside]]), np.concatenate([column, row[beside]])
    pair = np.concatenate([pair, pair[beside]])
    order = np.lexsort((column, row))
    row, column, pair = row[order], column[order], pair[order]
    diagonal = pair[row == column]
    block, position, width = _blocks(design, many)
    blocks = np.full((int(block.max(initial=-1)) + 1, width), many.size)
    blocks[block, position] = np.arange(many.size)
    inside = block[row] == block[column]
    block_source = np.full((*blocks.shape, width), -1)
    block_source[block[row[inside]], position[row[inside]], position[column[inside]]] = pair[inside]
    n = design.score.size
    return ManyLevels(
        few=np.flatnonzero(~is_many),
        many=many,
        indices=column,
        indptr=np.concatenate([[0], np.cumsum(np.bincount(row, minlength=many.size))]),
        source=pair,
        diagonal=diagonal,
        blocks=blocks,
        block_source=block_source,
        sums=tuple(
            sparse.coo_array((np.ones(n), (codes, np.arange(n))), shape=(int(codes.max()) + 1, n)).tocsr()
            for codes in design.codes
        ),
    )


def _blocks(design: BlockDesign, many: IntArray) -> tuple[IntArray, IntArray, int]:
    """Block of each of the many levels, its position there, and the largest block's size: a level of the effect that
    has the most levels within its own, and those."""
    best = np.arange(many.size)
    across = design.codes[len(design.nested) :]
    effect = design.level_effect[many]
    start = np.searchsorted(effect, np.arange(len(across)))
    largest = 1
    for head in np.unique(effect):
        block, taken = np.arange(many.size), 0
        for other in np.unique(effect):
            owner = np.zeros(int(across[other].max()) + 1, dtype=np.int64)
            owner[across[other]] = across[head]
            if np.array_equal(owner[across[other]], across[head]):
                block[start[other] : start[other] + owner.size] = start[head] + owner
                taken += owner.size
        if taken > largest and np.bincount(block).max() <= MOST_IN_BLOCK:
            best, largest = block, taken
    _, best, size = np.unique(best, return_inverse=True, return_counts=True)
    order = np.argsort(best, kind="stable")
    position = np.empty(many.size, dtype=np.int64)
    position[order] = np.arange(many.size) - np.repeat(np.cumsum(size) - size, size)
    return best, position, int(size.max(initial=0))


def fit_blocks_probed(
    design: BlockDesign, /, *, probes: int = PROBES, tolerance: float = 1e-4, limit: int = 100
) -> tuple[BlockLikelihood, Convergence]:
    """Solve the REML equations with traces from `probes` random vectors, the first steps with a few of them.

    The convergence record's monte_carlo_error says how far the probes may have moved the solution, in standard errors
    of the estimates themselves.
    """
    many = many_levels(design)
    signs = np.random.default_rng(SEED).choice(np.array([-1.0, 1.0]), (many.many.size, probes))
    gamma, used = np.full(len(design.nested) + len(design.crossing), 0.3), signs[:, :FIRST_PROBES]
    solved: FloatArray | None = None
    decrement, damping, iterations = np.inf, 1.0, 0
    while True:
        iterations += 1
        likelihood, scatter, solved = evaluate_blocks_probed(
            design, many, gamma, used, solved, tolerance=1e-10 if used is signs else 1e-6
        )
        gradient, information = likelihood.gradient(), likelihood.average_information()
        held = ((gamma == 0) & (gradient >= 0)) | ((gamma >= CEILING) & (gradient <= 0))
        step = newton_step(information, gradient, ~held)
        fall = -float(gradient @ step)
        uphill = fall < -(tolerance**2)  # the information is not one: scores without a residual
        last, decrement = decrement, max(float(np.sqrt(abs(fall))), float(uphill))
        if uphill or iterations >= limit or (decrement < tolerance and used is signs):
            break
        damping = damping / 2 if decrement > last else 1.0
        gamma = within(gamma, damping * step)
        if decrement < NEAR and used is not signs:
            used, solved, decrement = signs, None, np.inf
    free = gamma > 0
    covariance = np.atleast_2d(np.cov(scatter[:, free].T)) / len(scatter)
    spread = float(np.trace(np.linalg.pinv(information[np.ix_(free, free)], hermitian=True) @ covariance))
    return likelihood, Convergence(
        converged=decrement < max(tolerance, 1e-3),
        iterations=iterations,
        evaluations=iterations,
        gradient_norm=decrement,
        tolerance=tolerance,
        probes=len(scatter),
        monte_carlo_error=float(np.sqrt(max(spread, 0.0))),
    )


@with_one_blas_thread
def evaluate_blocks_probed(
    design: BlockDesign,
    many: ManyLevels,
    gamma: FloatArray,
    signs: FloatArray,
    start: FloatArray | None = None,
    /,
    *,
    tolerance: float = 1e-10,
) -> tuple[BlockLikelihood, FloatArray, FloatArray]:
    """The likelihood's derivatives, the gradient as each probe has it (probes × effects), and the probes' solution, at
    which the next search may start."""
    inside = within_units(design, gamma[: len(design.nested)])
    level_gamma = gamma[len(design.nested) :][design.level_effect]
    pairs = design.gather @ inside.entries
    s, s_blocks = many.matrix(pairs), many.in_blocks(pairs)
    root = np.sqrt(level_gamma[many.many])[:, None]
    root_blocks = many.gather(root)
    near = np.linalg.inv(np.eye(s_blocks.shape[1]) + root_blocks * s_blocks * root_blocks.swapaxes(1, 2))

    def solve_a(x: FloatArray, start: FloatArray | None = None) -> FloatArray:
        return _conjugate_gradients(
            lambda v: v + root * (s @ (root * v)),
            lambda v: many.scatter(near @ many.gather(v)),
            x,
            start,
            tolerance,
        )

    weights, z = inside.weights, design.levels[:, many.many]

    def solve_many(x: FloatArray) -> FloatArray:
        weighted = weights @ x
        return np.asarray(weighted - weights @ (z @ (root * solve_a(root * (z.T @ weighted)))))

    seen = s @ signs
    solved = solve_a(root * seen, start)
    scaled = s_blocks * root_blocks.swapaxes(1, 2)
    p_blocks = s_blocks - scaled @ near @ scaled.swapaxes(1, 2)
    beyond = seen - s @ (root * solved) - many.scatter(p_blocks @ many.gather(signs))  # (P − its blocks) z
    exact, each = _traces(design, many, inside, root**2, p_blocks, signs, beyond)

    few, few_effect = design.levels[:, many.few].toarray(), design.level_effect[many.few] + len(design.nested)
    solved_few = solve_many(few)
    root_few = np.sqrt(level_gamma[many.few])
    shared = few.T @ solved_few
    lost = np.linalg.inv(np.eye(root_few.size) + root_few[:, None] * shared * root_few)
    lost = root_few[:, None] * lost * root_few

    def solve(x: FloatArray) -> FloatArray:
        return np.asarray(solve_many(x) - solved_few @ (lost @ (solved_few.T @ x)))

    traces = exact + each.mean(axis=1)
    for effect, sums in enumerate(many.sums):
        total = sums @ solved_few
        traces[effect] -= float(np.sum((total.T @ total) * lost))
    np.add.at(traces, few_effect, np.diagonal(shared))
    return assemble(design, gamma, solve, traces, None), each.T, solved


def _traces(
    design: BlockDesign,
    many: ManyLevels,
    inside: WithinUnits,
    gamma: FloatArray,
    p_blocks: FloatArray,
    signs: FloatArray,
    beyond: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """tr(V_b⁻¹ V_k) of every effect (0 for those of few levels): what blocks say, and what each probe adds.

    With g = Γ − Γ P Γ, an effect inside units has tr(W V_k) − tr(g Z' W V_k W Z), one across units the trace of its
    part of P.
    """
    nested = len(design.nested)
    exact, each = np.zeros(nested + len(design.crossing)), np.zeros((nested + len(design.crossing), signs.shape[1]))
    exact[:nested] = nested_traces(design, inside, np.zeros(design.gather.shape[1]))
    gamma_blocks = many.gather(gamma)
    weighted, moved = gamma * signs, gamma * beyond
    for effect in range(nested):
        entries = [
            (pulled.swapaxes(1, 2) @ (group.same[effect] @ pulled))[group.entry]
            for group, pulled in zip(design.groups, inside.pulled, strict=True)
        ]
        pairs = design.gather @ np.concatenate(entries)
        blocks = gamma_blocks * many.in_blocks(pairs) * gamma_blocks.swapaxes(1, 2)
        exact[effect] += float(np.sum(p_blocks * blocks)) - float(gamma[:, 0] @ pairs[many.diagonal])
        each[effect] = np.sum(moved * (many.matrix(pairs) @ weighted), axis=0)
    diagonal = many.scatter(np.diagonal(p_blocks, axis1=1, axis2=2)[:, :, None])[:, 0]
    across = design.level_effect[many.many] + nested
    np.add.at(exact, across, diagonal)
    np.add.at(each, across, signs * beyond)
    return exact, each


def _conjugate_gradients(
    product: Callable[[FloatArray], FloatArray],
    precondition: Callable[[FloatArray], FloatArray],
    right: FloatArray,
    start: FloatArray | None,
    tolerance: float,
) -> FloatArray:
    """Solve for every column of `right` at once."""
    smoothed = precondition(right)
    goal = tolerance**2 * np.maximum(np.sum(right * smoothed, axis=0), np.finfo(np.float64).tiny)
    x = smoothed if start is None else start
    residual = right - product(x)
    direction = precondition(residual)
    size = np.sum(residual * direction, axis=0)
    for _ in range(MOST_STEPS):
        if np.all(size <= goal):
            break
        image = product(direction)
        along = np.sum(direction * image, axis=0)
        step = np.divide(size, along, out=np.zeros_like(size), where=along > 0)
        x = x + step * direction
        residual = residual - step * image
        smoothed = precondition(residual)
        before, size = size, np.sum(residual * smoothed, axis=0)
        direction = smoothed + np.divide(size, before, out=np.zeros_like(size), where=before > 0) * direction
    return x
