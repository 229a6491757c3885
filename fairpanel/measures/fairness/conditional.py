"""The number selected in the focal group given all margins: exact inference on the odds ratio.

Given the margins the focal group's count follows Fisher's noncentral hypergeometric law; with several strata the sum
of the counts follows the convolution of theirs. Everything is done on the logarithms of the weights, so that tables of
a million people neither overflow nor underflow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln

from fairpanel.measures.columns import Floats
from fairpanel.measures.fairness.contingency import Table

_SAME_PROBABILITY = 1 + 1e-7  # R's allowance for rounding when probabilities are compared
_LOG_ODDS_LIMIT = 700.0


@dataclass(frozen=True, slots=True)
class ConditionalCount:
    """Support low … low + len(log_weights) - 1 of the focal group's count, its log weights, and what was seen."""

    low: int
    log_weights: Floats
    observed: int

    @property
    def high(self) -> int:
        return self.low + self.log_weights.size - 1

    @property
    def is_degenerate(self) -> bool:
        """Only one count was possible: the margins leave nothing to learn."""
        return self.log_weights.size == 1

    def log_probabilities(self, log_odds_ratio: float = 0.0) -> Floats:
        tilted = self.log_weights + np.arange(self.log_weights.size) * log_odds_ratio
        tilted -= log_sum(tilted)
        return tilted

    def tails(self, log_odds_ratio: float = 0.0) -> tuple[float, float, float]:
        """P(count < observed), P(count = observed), P(count > observed)."""
        probabilities = np.exp(self.log_probabilities(log_odds_ratio))
        at = self.observed - self.low
        return float(probabilities[:at].sum()), float(probabilities[at]), float(probabilities[at + 1 :].sum())

    def p_two_sided(self) -> float:
        """Probability, under equal odds, of all counts not more probable than the one seen."""
        logs = self.log_probabilities()
        unlikely = logs <= logs[self.observed - self.low] + math.log(_SAME_PROBABILITY)
        return min(1.0, float(np.exp(logs[unlikely]).sum()))

    def maximum_likelihood(self) -> float:
        """The odds ratio under which the count seen is the expected one; 0 and inf at the ends of the support."""
        if self.observed == self.low:
            return 0.0
        if self.observed == self.high:
            return math.inf
        steps = np.arange(self.log_weights.size)
        at = self.observed - self.low
        return math.exp(_root(lambda theta: float(np.exp(self.log_probabilities(theta)) @ steps) - at))

    def exact_interval(self, confidence: float) -> tuple[float, float]:
        """Odds ratios whose one-sided tails, the count seen included, exceed half the error probability each."""
        half = (1 - confidence) / 2

        def at_least(theta: float) -> float:
            _, same, above = self.tails(theta)
            return above + same - half

        def at_most(theta: float) -> float:
            below, same, _ = self.tails(theta)
            return half - below - same

        low = 0.0 if self.observed == self.low else math.exp(_root(at_least))
        high = math.inf if self.observed == self.high else math.exp(_root(at_most))
        return low, high

    def mid_p_quantile(self, probability: float) -> float:
        """The odds ratio under which P(count < seen) + P(count = seen)/2 equals a probability.

        0.5 gives the median-unbiased estimate, 0.975 and 0.025 the ends of a 95 % interval. At the ends of the support
        half the probability of the count seen never exceeds one half, and the answer may be 0 or infinite.
        """
        if self.is_degenerate:
            return 0.0 if probability > 0.5 else math.inf
        if self.observed == self.low and probability >= 0.5:
            return 0.0
        if self.observed == self.high and probability <= 0.5:
            return math.inf

        def excess(theta: float) -> float:
            below, same, _ = self.tails(theta)
            return probability - below - same / 2

        return math.exp(_root(excess))


def conditional_count(table: Table) -> ConditionalCount:
    """The law of the focal group's count in one fourfold table."""
    low, log_weights = hypergeometric(table.focal_n, table.reference_n, table.selected)
    return ConditionalCount(low, log_weights, table.focal_selected)


def stratified_count(tables: list[Table], log_odds_ratio: float) -> ConditionalCount:
    """The law of the focal group's counts summed over strata.

    The convolution is done on weights tilted to a plausible odds ratio, so that what underflows lies far from the data.
    """
    low, total = 0, np.ones(1)
    for table in tables:
        start, logs = hypergeometric(table.focal_n, table.reference_n, table.selected)
        logs = logs + np.arange(logs.size) * log_odds_ratio
        total = np.convolve(total, np.exp(logs - log_sum(logs)))
        low += start
    with np.errstate(divide="ignore"):
        log_weights = np.log(total) - np.arange(total.size) * log_odds_ratio
    return ConditionalCount(low, log_weights, sum(table.focal_selected for table in tables))


def log_sum(logs: Floats) -> float:
    """Logarithm of the sum of numbers given by their logarithms, one of them at least finite.

    scipy's logsumexp does the same; its checks take ten times as long on tables this small.
    """
    highest = float(logs.max())
    return highest + math.log(float(np.exp(logs - highest).sum()))


def hypergeometric(focal_n: int, reference_n: int, selected: int) -> tuple[int, Floats]:
    """Smallest possible count of one table given its margins, and the log weights from there on, largest 0."""
    low, high = max(0, selected - reference_n), min(selected, focal_n)
    counts = np.arange(low, high + 1, dtype=np.float64)
    logs = -(
        gammaln(counts + 1)
        + gammaln(focal_n - counts + 1)
        + gammaln(selected - counts + 1)
        + gammaln(reference_n - selected + counts + 1)
    )
    return low, logs - logs.max()


def _root(increasing: Callable[[float], float]) -> float:
    """Zero of an increasing function of the log odds ratio."""
    low, high = -1.0, 1.0
    while increasing(low) > 0 and low > -_LOG_ODDS_LIMIT:
        low *= 2
    while increasing(high) < 0 and high < _LOG_ODDS_LIMIT:
        high *= 2
    return float(brentq(increasing, low, high, xtol=1e-13, rtol=1e-14, maxiter=300))
