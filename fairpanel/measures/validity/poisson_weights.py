"""How often each candidate is drawn in a bootstrap sample: independent counts of mean 1, fast and the same everywhere.

A sample of n from n candidates gives multinomial counts. Independent Poisson(1) counts are the same given their total,
and every figure here is a ratio of sums, which the total does not touch (Hanley & MacGibbon 2006, American Journal of
Epidemiology 164, 693; Chamandy, Muralidharan, Najmi & Naidu 2012). They need no random access to memory: a count is how
many thresholds one random byte reaches. Drawing candidates and counting them takes about 5 nanoseconds a candidate,
Poisson counts looked up in a table by 16-bit words 3, thresholds on 16-bit words 1.5, on bytes .7.

The six shares, in 256ths, are within 1.1 of the Poisson distribution's and make mean and variance exactly 1; the third
moment is 4.98 (Poisson: 5), the fourth 14.75 (15). No count is above 5, which one Poisson count in 1,700 is.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float32]

SHARES = (94, 95, 46, 16, 4, 1)
_THRESHOLDS = np.cumsum(SHARES)[:-1].astype(np.uint8)
_CHUNK = 2**18  # counts worked on at a time: they stay in the processor's cache
_CELLS = 2**25  # counts in memory at a time


def block_size(candidates: int) -> int:
    """Replicates worked on at a time."""
    return int(np.clip(_CELLS // max(candidates, 1), 16, 256))


def blocks(candidates: int, replicates: int, seed: int) -> Iterator[tuple[np.random.SeedSequence, int]]:
    """Seed and number of replicates of each block: its draws depend on nothing but these."""
    size = block_size(candidates)
    for number, start in enumerate(range(0, replicates, size)):
        yield np.random.SeedSequence([seed, number]), min(size, replicates - start)


def weight_chunks(seed: np.random.SeedSequence, candidates: int, replicates: int) -> Iterator[tuple[slice, Weights]]:
    """Counts of some candidates (rows) in all replicates (columns) at a time; each overwrites the one before."""
    words = np.random.SFC64(seed)
    rows = min(max(_CHUNK // replicates, 1), candidates)
    reached, counts = np.empty(rows * replicates, dtype=np.bool_), np.empty((rows, replicates), dtype=np.float32)
    for start in range(0, candidates, rows):
        some = slice(start, min(start + rows, candidates))
        size = (some.stop - start) * replicates
        byte = words.random_raw(-(-size // 8)).astype("<u8", copy=False).view(np.uint8)[:size]
        count = (byte >= _THRESHOLDS[0]).view(np.uint8)
        for threshold in _THRESHOLDS[1:]:
            count += np.greater_equal(byte, threshold, out=reached[:size]).view(np.uint8)
        chunk = counts[: some.stop - start]
        chunk[:] = count.reshape(chunk.shape)
        yield some, chunk


def poisson_weights(
    seed: np.random.SeedSequence, candidates: int, replicates: int, buffer: Weights | None = None
) -> Weights:
    """Counts of candidates (rows) in replicates (columns), in a flat buffer of at least that size if one is given."""
    counts = np.empty(candidates * replicates, dtype=np.float32) if buffer is None else buffer
    weights: Weights = counts[: candidates * replicates].reshape(candidates, replicates)
    for some, chunk in weight_chunks(seed, candidates, replicates):
        weights[some] = chunk
    return weights
