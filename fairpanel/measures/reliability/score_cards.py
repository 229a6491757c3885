"""Score cards: one row for each rater's scores of one unit, one column an item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairpanel.measures.estimate import Caution
from fairpanel.measures.panel import Ratings
from fairpanel.measures.reliability.count_table import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCards:
    """Cards as a dense table. scores : cards × items, NaN where unanswered. unit : code of each card's unit. units : how
    many there are. repeated : cells with several scores, which were averaged."""

    scores: FloatArray
    unit: IntArray
    units: int
    repeated: int

    @property
    def complete(self) -> BoolArray:
        """Which cards answer every item."""
        return np.asarray(~np.isnan(self.scores).any(axis=1))

    def select(self, cards: BoolArray) -> ScoreCards:
        return ScoreCards(scores=self.scores[cards], unit=self.unit[cards], units=self.units, repeated=self.repeated)

    def repeated_caution(self) -> list[Caution]:
        """A DEPENDENT_SCORES caution where a rater scored the same thing several times."""
        if not self.repeated:
            return []
        text = f"{self.repeated} times a rater scored the same more than once: the mean of these scores was taken"
        return [Caution("DEPENDENT_SCORES", text)]


def score_cards(ratings: Ratings) -> ScoreCards:
    """Cards of ratings; without raters a unit is one card, without items a card is one score."""
    items, raters = max(len(ratings.items), 1), max(len(ratings.raters), 1)
    rater = ratings.rater if ratings.raters else np.zeros(ratings.score.size, dtype=np.int64)
    item = ratings.item if ratings.items else np.zeros(ratings.score.size, dtype=np.int64)
    key, card = np.unique(ratings.unit * raters + rater, return_inverse=True)
    cell = card * items + item
    times = np.bincount(cell, minlength=key.size * items)
    total = np.bincount(cell, weights=ratings.score, minlength=key.size * items)
    scores = np.where(times > 0, total / np.maximum(times, 1), np.nan).reshape(key.size, items)
    return ScoreCards(
        scores=scores, unit=key // raters, units=len(ratings.units), repeated=int(np.count_nonzero(times > 1))
    )
