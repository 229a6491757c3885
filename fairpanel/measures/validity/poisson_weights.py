"""How often each candidate is drawn in a bootstrap sample: Poisson counts of mean 1, fast and the same on any machine.

A sample of n from n candidates gives multinomial counts. Independent Poisson(1) counts are the same given their total,
and every figure here is a ratio of sums, which the total does not touch (Hanley & MacGibbon 2006, American Journal of
Epidemiology 164, 693; Chamandy, Muralidharan, Najmi & Naidu 2012). They need no random access to memory: one random
16-bit word a candidate and the count of thresholds it reaches, about 2 nanoseconds instead of the 5 of drawing candidates and
counting them. The thresholds are the Poisson distribution rounded to 1/65536; mean 1 exactly, variance .99997.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.special import pdtr

Weights = npt.NDArray[np.float32]

_THRESHOLDS = np.array([t for t in np.rint(pdtr(np.arange(9), 1.0) * 65536) if t < 65536], dtype=np.uint16)
_COMMON = 4  # thresholds compared for every word; only one in 270 goes beyond
_CHUNK = 65536  # words worked on at a time: they stay in the processor's cache
_CELLS = 2**25  # counts in memory at a time


def blocks(candidates: int, replicates: int, seed: int) -> Iterator[tuple[np.random.SeedSequence, int]]:
    """Seed and number of replicates of each block: its draws depend on nothing but these."""
    size = int(np.clip(_CELLS // max(candidates, 1), 16, 256))
    for number, start in enumerate(range(0, replicates, size)):
        yield np.random.SeedSequence([seed, number]), min(size, replicates - start)


def poisson_weights(seed: np.random.SeedSequence, candidates: int, replicates: int) -> Weights:
    """Counts of candidates (rows) in replicates (columns)."""
    words = np.random.SFC64(seed)
    counts = np.empty(candidates * replicates, dtype=np.float32)
    reached = np.empty(_CHUNK, dtype=np.bool_)
    for start in range(0, counts.size, _CHUNK):
        size = min(_CHUNK, counts.size - start)
        word = words.random_raw(-(-size // 4)).astype("<u8", copy=False).view("<u2")[:size]
        count = (word >= _THRESHOLDS[0]).view(np.uint8)
        for threshold in _THRESHOLDS[1:_COMMON]:
            count += np.greater_equal(word, threshold, out=reached[:size]).view(np.uint8)
        rare = np.flatnonzero(word >= _THRESHOLDS[_COMMON])
        count[rare] = np.searchsorted(_THRESHOLDS, word[rare], side="right")
        counts[start : start + size] = count
    return counts.reshape(candidates, replicates)
