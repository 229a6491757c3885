"""A number of places given to the highest scores, those level at the last place sharing what is left for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairpanel.measures.columns import Floats, Integers

_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Ranking:
    """Units in blocks of equal scores, the highest first; block of each unit (-1: no score, no place)."""

    block: Integers
    blocks: int

    def shares(self, places: int, count: Floats) -> Floats:
        """Each unit's chance of a place, one row a sample; count: how often each unit is in each sample.

        Whole blocks pass while places last. The block that does not fit shares the rest evenly: what drawing lots among
        the tied gives on average. Names and the order of rows play no part.

        Examples
        --------
        >>> ranking(np.array([3.0, 2.0, 2.0, 1.0])).shares(2, np.ones((1, 4))).tolist()
        [[1.0, 0.5, 0.5, 0.0]]
        """
        ranked = self.block >= 0
        order = np.argsort(self.block[ranked], kind="stable")
        sorted_block = self.block[ranked][order]
        starts = np.flatnonzero(np.r_[True, sorted_block[1:] != sorted_block[:-1]])
        inside = np.add.reduceat(count[:, ranked][:, order], starts, axis=1)
        above = np.cumsum(inside, axis=1) - inside
        share = np.clip((places - above) / np.maximum(inside, 1), 0.0, 1.0)
        chances = np.zeros(count.shape)
        chances[:, ranked] = share[:, self.block[ranked]]
        return chances

    def tied(self, places: int) -> int:
        """Units level at the last place where they are more than the places left for them."""
        sizes = np.bincount(self.block[self.block >= 0], minlength=self.blocks)
        reached = np.cumsum(sizes)
        last = int(np.searchsorted(reached, places))
        return int(sizes[last]) if last < sizes.size and reached[last] > places else 0


def ranking(scores: Floats) -> Ranking:
    """Scores that agree to nine digits are level; NaN has no place."""
    block = np.full(scores.size, -1, dtype=np.int64)
    there = ~np.isnan(scores)
    levels, found = np.unique(-np.round(scores[there], _DIGITS), return_inverse=True)
    block[there] = found
    return Ranking(block, levels.size)
