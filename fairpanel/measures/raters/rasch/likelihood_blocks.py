"""Log likelihoods that average over something per candidate: value, gradient and observed information.

Both the marginal likelihood (average over a normal candidate) and the conditional one (Fourier average that fixes the
candidate's total) are sums over candidates of log sum_q exp(psi_q), where node q gives every rating its category
probabilities. With u the statistics of a candidate (minus the total per facet level, counts per category), t_q their
expectations and C_q their covariances at node q, and w_q the normalised weights of the nodes (complex in the Fourier
average),

    gradient      u − sum_q w_q t_q
    information   sum_q w_q C_q − sign · cov_w(t),       sign = +1 marginal, −1 conditional

so that one routine serves both. Work and memory are linear in ratings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fairpanel.measures.raters.rasch.category_model import Steps
from fairpanel.measures.raters.rasch.design import Design

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_CELLS = 400_000
"""Numbers in the largest array of a block: a few megabytes stay in the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Candidates with the same number of ratings.

    unit : (u,). score, group : (u, J). levels : (F, u, J) parameters. place : (u, S) parameter of each statistic, the
    number of parameters where there is none. facet : (u, L, J) which rating counts in which level statistic; steps :
    (u, G, J) the same for step groups. statistics : (u, S) observed.
    """

    unit: IntArray
    score: IntArray
    group: IntArray
    levels: IntArray
    place: IntArray
    facet: FloatArray
    steps: FloatArray
    statistics: FloatArray


@dataclass(slots=True)
class Likelihood:
    """Log likelihood with gradient and observed information in all parameters."""

    value: float
    gradient: FloatArray
    information: FloatArray


def blocks(design: Design, steps: Steps, nodes: int) -> list[Block]:
    """The design cut into blocks small enough for `nodes` nodes."""
    found = []
    size = np.bincount(design.unit, minlength=len(design.unit_labels))
    order = np.argsort(size[design.unit], kind="stable")
    start = 0
    for ratings in np.unique(size[size > 0]).tolist():
        count = int(np.count_nonzero(size == ratings))
        rows = order[start : start + count * ratings].reshape(count, ratings)
        start += count * ratings
        width = max(1, _CELLS // (ratings * max(nodes * design.used.shape[1], design.used.shape[1] ** 2)))
        found += [_block(design, steps, rows[first : first + width]) for first in range(0, count, width)]
    return found


def _block(design: Design, steps: Steps, rows: IntArray) -> Block:
    parameters = design.parameters + steps.free
    score, group = design.score[rows], design.group[rows]
    levels = np.stack([codes[rows] for codes in design.levels])
    slots = [_distinct(one, parameters) for one in levels]
    facet_place = np.concatenate(slots, axis=1)
    facet = np.concatenate(
        [(one[:, None, :] == slot[:, :, None]) for one, slot in zip(levels, slots, strict=True)], axis=1
    ).astype(np.float64)
    groups = _distinct(group, len(steps.used))
    in_group = (group[:, None, :] == groups[:, :, None]).astype(np.float64)
    inner = range(1, steps.used.shape[1] - 1)
    index = np.vstack([steps.index, np.full((1, steps.used.shape[1]), -1)])[groups]
    step_place = np.where(index >= 0, design.parameters + index, parameters)[:, :, 1:-1]
    counts = [np.einsum("ugj,uj->ug", in_group, score == k) for k in inner]
    observed = [-np.einsum("ulj,uj->ul", facet, score.astype(np.float64))]
    if counts:
        observed.append(np.stack(counts, axis=2).reshape(len(rows), -1))
    return Block(
        unit=design.unit[rows[:, 0]],
        score=score,
        group=group,
        levels=levels,
        place=np.concatenate([facet_place, step_place.reshape(len(rows), -1)], axis=1),
        facet=facet,
        steps=in_group,
        statistics=np.concatenate(observed, axis=1),
    )


def _distinct(codes: IntArray, nothing: int) -> IntArray:
    """Distinct codes of every row, filled up with `nothing`."""
    ordered = np.sort(codes, axis=1)
    new = np.concatenate([np.ones((len(codes), 1), dtype=np.bool_), np.diff(ordered, axis=1) != 0], axis=1)
    rank = np.cumsum(new, axis=1) - 1
    found = np.full((len(codes), int(rank.max(initial=0)) + 1), nothing, dtype=np.int64)
    row, column = np.nonzero(new)
    found[row, rank[row, column]] = ordered[row, column]
    return found


def block_terms(
    block: Block, p: npt.NDArray[Any], weight: npt.NDArray[Any], sign: float
) -> tuple[FloatArray, FloatArray, npt.NDArray[Any]]:
    """Mean statistics (u, S), information (u, S, S) and node statistics (u, S, Q) of one block.

    p : (K, u, J, Q) category probabilities, k first. weight : (u, Q), of sum 1 (its real part).
    """
    categories = p.shape[0]
    k = np.arange(categories, dtype=np.float64)
    mean = np.tensordot(k, p, axes=1)
    variance = np.tensordot(k**2, p, axes=1) - mean**2
    level = block.facet.shape[1]
    parts = [-(block.facet @ mean)]
    inner = p[1:-1]
    if categories > 2:
        of_step = block.steps[None] @ inner
        parts.append(np.moveaxis(of_step, 0, 2).reshape(len(block.unit), -1, p.shape[3]))
    t = np.concatenate(parts, axis=1)
    w = weight[:, None, :]
    average = (t * w).sum(axis=2).real
    spread = ((t * w) @ np.swapaxes(t, 1, 2)).real - average[:, :, None] * average[:, None, :]
    information = -sign * spread
    by_rating = (variance * w).sum(axis=2).real
    information[:, :level, :level] += (block.facet * by_rating[:, None, :]) @ np.swapaxes(block.facet, 1, 2)
    if categories > 2:
        groups = block.steps.shape[1]
        cross = ((inner * (k[1:-1, None, None, None] - mean)) * w).sum(axis=3).real
        shared = np.stack([-(block.facet @ np.swapaxes(block.steps * one[:, None, :], 1, 2)) for one in cross], axis=3)
        shared = shared.reshape(len(block.unit), level, -1)
        information[:, :level, level:] += shared
        information[:, level:, :level] += np.swapaxes(shared, 1, 2)
        by_category = np.moveaxis(inner, 0, 2)
        squares = -((by_category * weight[:, None, None, :]) @ np.swapaxes(by_category, 2, 3)).real
        diagonal = (by_category * weight[:, None, None, :]).sum(axis=3).real
        places = np.arange(categories - 2)
        squares[:, :, places, places] += diagonal
        own = np.einsum("ugj,ujab->ugab", block.steps, squares)
        for one in range(groups):
            span = slice(level + one * (categories - 2), level + (one + 1) * (categories - 2))
            information[:, span, span] += own[:, one]
    return average, information, t


def add_statistics(total: Likelihood, place: IntArray, gradient: FloatArray, information: FloatArray) -> None:
    """Add a block's terms to the totals; the last parameter of the totals is a place for nothing."""
    size = total.gradient.size
    total.gradient += np.bincount(place.ravel(), gradient.ravel(), minlength=size)
    flat = (place[:, :, None] * size + place[:, None, :]).ravel()
    np.add.at(total.information.reshape(-1), flat, information.ravel())
