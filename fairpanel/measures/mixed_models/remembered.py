"""Facts that follow from who rated whom alone, worked out once for scores that are drawn or shifted many times."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
R = TypeVar("R")

LARGEST = 50_000
"""Most ratings of a design that is remembered: larger ones hold memory for longer than they save time."""
DESIGNS = 8
"""Designs remembered per function, the last ones used."""


def remembered(function: Callable[[IntArray, IntArray, int, int], R]) -> Callable[[IntArray, IntArray, int, int], R]:
    """A function of unit codes, rater codes and two numbers that answers a design it has just seen from memory.

    What it returns is shared between callers: they must not write into it.
    """

    @lru_cache(maxsize=DESIGNS)
    def known(unit: bytes, rater: bytes, first: int, second: int) -> R:
        return function(np.frombuffer(unit, dtype=np.int64), np.frombuffer(rater, dtype=np.int64), first, second)

    @wraps(function)
    def answer(unit: IntArray, rater: IntArray, first: int, second: int) -> R:
        if unit.size > LARGEST or unit.dtype != np.int64 or rater.dtype != np.int64:
            return function(unit, rater, first, second)
        return known(unit.tobytes(), rater.tobytes(), first, second)

    return answer
