"""The whole chain on thousands of samples of candidates: estimates without their small-sample bias, and intervals."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import numpy as np
from scipy.special import ndtr, ndtri

from fairpanel.measures.columns import Floats
from fairpanel.measures.mixed_models.threads import one_blas_thread
from fairpanel.measures.validity.chain_steps import Chain, NestedStages, chain
from fairpanel.measures.validity.poisson_weights import Weights, block_size, blocks, poisson_weights, weight_chunks

_THREADS = 4
_USABLE = 0.95  # of the samples must determine a figure, or its bias and interval are those of a chosen few
_FEWEST = 50


@dataclass(frozen=True, slots=True)
class Spread:
    """What the samples say of one figure: its bias and the ends of its interval; None where too few determine it."""

    bias: float | None
    low: float | None
    high: float | None
    usable: int


def whole_sample(stages: NestedStages) -> Chain:
    """Every candidate with weight 1."""
    with one_blas_thread():
        return chain(stages, np.ones((stages.reach[0], 1)))


def resampled(stages: NestedStages, replicates: int, seed: int) -> dict[str, Floats]:
    """The steps, uncorrected steps and reliabilities of each sample, by name; the same however many threads work."""

    people = stages.reach[0]
    buffers: SimpleQueue[Weights] = SimpleQueue()  # fresh memory for every block would cost as much as the draws

    def block(seed: np.random.SeedSequence, size: int) -> dict[str, Floats]:
        try:
            buffer = buffers.get_nowait()
        except Empty:
            buffer = np.empty(people * block_size(people), dtype=np.float32)
        found = figures(chain(stages, poisson_weights(seed, people, size, buffer)))
        buffers.put(buffer)
        return found

    return _joined(block, people, replicates, seed)


def resampled_correlation(first: Floats, second: Floats, replicates: int, seed: int) -> Floats:
    """The plain correlation of two scores that everybody has, in samples of people."""
    x, y = ((column - column.mean()) / column.std() for column in (first, second))
    rows = np.vstack((np.ones(x.size), x, y, x * x, y * y, x * y)).astype(np.float32)

    def block(seed: np.random.SeedSequence, size: int) -> dict[str, Floats]:
        sums = np.zeros((6, size))
        for some, weights in weight_chunks(seed, x.size, size):
            sums += rows[:, some] @ weights
        n, sx, sy, xx, yy, xy = sums
        return {"r": (n * xy - sx * sy) / np.sqrt((n * xx - sx * sx) * (n * yy - sy * sy))}

    return _joined(block, x.size, replicates, seed)["r"]


def _joined(
    block: Callable[[np.random.SeedSequence, int], dict[str, Floats]], people: int, replicates: int, seed: int
) -> dict[str, Floats]:
    """The figures of all blocks in their order."""
    with one_blas_thread(), ThreadPoolExecutor(min(os.cpu_count() or 1, _THREADS)) as threads:
        parts = list(threads.map(block, *zip(*blocks(people, replicates, seed), strict=True)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def figures(of: Chain) -> dict[str, Floats]:
    """Everything that gets an interval."""
    return of.steps | {"predictor": of.predictor.reliability, "criterion": of.criterion.reliability}


def spread(values: Floats, estimate: float, confidence: float) -> Spread:
    """Bias (mean of the samples less the estimate) and the bias-corrected percentile interval (Efron 1987)."""
    finite = values[np.isfinite(values)]
    if finite.size < max(_FEWEST, _USABLE * values.size):
        return Spread(None, None, None, finite.size)
    below = (np.count_nonzero(finite < estimate) + np.count_nonzero(finite <= estimate)) / (2 * finite.size)
    if not 0 < below < 1:
        return Spread(None, None, None, finite.size)
    tail = (1 - confidence) / 2
    levels = ndtr(2 * ndtri(below) + ndtri(np.array([tail, 1 - tail])))
    low, high = np.clip(np.quantile(finite, levels), -1.0, 1.0)
    return Spread(float(finite.mean()) - estimate, float(low), float(high), finite.size)
