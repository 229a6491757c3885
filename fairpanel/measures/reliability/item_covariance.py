"""Covariances between items from score cards, unanswered items allowed, and what each card adds to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairpanel.measures.reliability.count_table import FloatArray, IntArray
from fairpanel.measures.reliability.score_cards import ScoreCards


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemCovariance:
    """matrix : items × items, from the cards that answer both items. pairs : how many those are. deviation : cards ×
    items from the item's mean, 0 where unanswered. answered : cards × items, 1 or 0. unit : code of each card's unit."""

    matrix: FloatArray
    pairs: FloatArray
    deviation: FloatArray
    answered: FloatArray
    unit: IntArray

    def moved(self, gradient: FloatArray) -> FloatArray:
        """Σ_jk gradient_jk d matrix_jk for each card: how far a function of the matrix moves with it."""
        share = gradient / self.pairs
        own = np.einsum("ij,jk,ik->i", self.deviation, share, self.deviation, optimize=True)
        expected = np.einsum("ij,jk,ik->i", self.answered, share * self.matrix, self.answered, optimize=True)
        return np.asarray(own - expected)


def item_covariance(cards: ScoreCards) -> ItemCovariance | None:
    """Covariances from all cards that answer both items; None where some pair of items has fewer than two cards.

    With complete cards this is the usual covariance matrix (divisor n − 1).
    """
    answered = (~np.isnan(cards.scores)).astype(np.float64)
    filled = np.nan_to_num(cards.scores)
    filled = filled - filled.sum(axis=0) / np.maximum(answered.sum(axis=0), 1)
    deviation = filled * answered
    pairs = answered.T @ answered
    if pairs.size == 0 or pairs.min() < 2:
        return None
    means = deviation.T @ answered / pairs
    matrix = (deviation.T @ deviation / pairs - means * means.T) * pairs / (pairs - 1)
    return ItemCovariance(matrix=matrix, pairs=pairs, deviation=deviation, answered=answered, unit=cards.unit)
