"""Selections of two groups period by period: their exact law where the odds ratio does not change, whatever it is.

Given every period's margins and the focal group's total up to now, the counts of the single periods follow a law in
which the common odds ratio no longer occurs. It tells how unusual the newest count is beside those before it, and is
drawn from, backwards from the last period, for tests of trend and change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from fairpanel.measures.columns import Floats
from fairpanel.measures.fairness.common_odds_ratio import mantel_haenszel_ratio
from fairpanel.measures.fairness.conditional import ConditionalCount, hypergeometric, log_sum
from fairpanel.measures.fairness.gap_course import Evidence

EXACT_LIMIT = 20_000
"""Possible counts summed over periods beyond which normal laws stand for the exact ones."""
_LOG_ODDS_LIMIT = 12.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Fourfold tables by period: a, b focal selected and not; c, d the same of the reference."""

    a: Floats
    b: Floats
    c: Floats
    d: Floats

    @property
    def tells(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Periods in which both groups applied and not everyone fared alike."""
        a, b, c, d = self.a, self.b, self.c, self.d
        return np.asarray((a + b > 0) & (c + d > 0) & (a + c > 0) & (b + d > 0))

    def only(self, rows: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Counts:
        return Counts(self.a[rows], self.b[rows], self.c[rows], self.d[rows])

    @property
    def exact(self) -> bool:
        possible = np.minimum(self.a + self.b, self.a + self.c) - np.maximum(0, self.a - self.d) + 1
        return bool(possible.sum() <= EXACT_LIMIT)


@dataclass(frozen=True, slots=True)
class _Law:
    """Possible counts of one period, low … low + size - 1, with log weights."""

    low: int
    logs: Floats

    def tilted(self, log_odds_ratio: float) -> Floats:
        logs = self.logs + np.arange(self.logs.size) * log_odds_ratio
        chances: Floats = np.exp(logs - log_sum(logs))
        return chances


def _laws(counts: Counts) -> list[_Law]:
    cells = zip(counts.a + counts.b, counts.c + counts.d, counts.a + counts.c, strict=True)
    return [_Law(*hypergeometric(int(focal), int(reference), int(chosen))) for focal, reference, chosen in cells]


def _score(chances: Floats, at: int) -> float | None:
    """The normal score of a count (of its mid-p), with mean 0 and variance 1 under its law."""
    possible = chances > 0
    if np.count_nonzero(possible) < 2:
        return None
    below = np.cumsum(chances) - chances
    normal = ndtri(np.clip(below + chances / 2, 1e-300, 1 - 1e-16))
    mean = float(chances @ normal)
    spread = math.sqrt(float(chances @ (normal - mean) ** 2))
    return (float(normal[at]) - mean) / spread if spread > 1e-9 else None


def against_zero(counts: Counts) -> list[float]:
    """Each period's score were the odds alike: independent, mean 0, variance 1."""
    if not counts.exact:
        n1, n2, m = counts.a + counts.b, counts.c + counts.d, counts.a + counts.c
        n = n1 + n2
        variance = n1 * n2 * m * (n - m) / (n * n * (n - 1))
        scores: list[float] = ((counts.a - n1 * m / n) / np.sqrt(variance)).tolist()
        return scores
    found = (
        _score(law.tilted(0.0), int(a) - law.low) for law, a in zip(_laws(counts), counts.a, strict=True)
    )  # a period that tells has two possible counts
    return [0.0 if each is None else each for each in found]


def innovations(counts: Counts) -> list[float | None]:
    """Each period's score beside the periods before it, were the odds ratio the same; None for want of a comparison.

    Of period t given the total up to t: P(a_t = k | total) is in proportion to w_t(k) W(total - k), W the convolution
    of the earlier periods' weights. Later periods do not enter.
    """
    if not counts.exact:
        return _normal_innovations(counts)
    found: list[float | None] = []
    before, low, total = np.ones(1), 0, 0
    for law, a in zip(_laws(counts), counts.a, strict=True):
        tilt = _tilt(Counts(*(each[: len(found) + 1] for each in (counts.a, counts.b, counts.c, counts.d))))
        own = law.tilted(tilt)
        earlier = _retilted(before, tilt)
        total += int(a)
        rest = total - law.low - np.arange(own.size) - low  # where each count leaves the earlier periods
        inside = (rest >= 0) & (rest < earlier.size)
        chances = np.where(inside, own * earlier[np.clip(rest, 0, earlier.size - 1)], 0.0)
        mass = float(chances.sum())
        found.append(_score(chances / mass, int(a) - law.low) if mass > 0 else None)
        before = _retilted(np.convolve(earlier, own), -tilt)
        low += law.low
    return found


def _retilted(weights: Floats, tilt: float) -> Floats:
    with np.errstate(divide="ignore"):
        logs = np.log(weights) + np.arange(weights.size) * tilt
    chances: Floats = np.exp(logs - log_sum(logs))
    return chances


def _tilt(counts: Counts) -> float:
    """A plausible log odds ratio, one half added to every cell."""
    ratio = mantel_haenszel_ratio(counts.a + 0.5, counts.b + 0.5, counts.c + 0.5, counts.d + 0.5)
    return float(np.clip(math.log(ratio or 1.0), -_LOG_ODDS_LIMIT, _LOG_ODDS_LIMIT))


def _normal_innovations(counts: Counts) -> list[float | None]:
    a, b, c, d = (each + 0.5 for each in (counts.a, counts.b, counts.c, counts.d))
    gap, weight = np.log(a * d / (b * c)), 1 / (1 / a + 1 / b + 1 / c + 1 / d)
    total = np.cumsum(weight)
    before, information = np.cumsum(weight * gap)[:-1] / total[:-1], total[:-1]
    scores = (gap[1:] - before) / np.sqrt(1 / weight[1:] + 1 / information)
    return [None, *scores.tolist()]


def evidence(counts: Counts, draws: int, seed: int) -> Evidence | None:
    """Scores about the common odds ratio, their information, and draws of them; None where the total leaves no choice."""
    laws = _laws(counts)
    exact = counts.exact
    if exact:
        tilt = _tilt(counts)
        total, low = np.ones(1), 0
        partial: list[tuple[Floats, int]] = []
        for law in laws:
            partial.append((total, low))
            total, low = np.convolve(total, law.tilted(tilt)), low + law.low
        with np.errstate(divide="ignore"):
            whole = ConditionalCount(low, np.log(total) - np.arange(total.size) * tilt, int(counts.a.sum()))
        ratio = whole.maximum_likelihood()
    else:
        ratio = mantel_haenszel_ratio(counts.a, counts.b, counts.c, counts.d) or 0.0
    if not 0 < ratio < math.inf:
        return None
    theta = math.log(ratio)
    expected, information = moments(counts, np.full(counts.a.size, theta))
    rng = np.random.default_rng(seed)
    if exact:
        drawn = _backwards(laws, partial, tilt, int(counts.a.sum()), draws, rng) - expected
    else:
        noise = rng.standard_normal((draws, counts.a.size)) * np.sqrt(information)
        drawn = noise - information * noise.sum(axis=1, keepdims=True) / information.sum()
    return Evidence(counts.a - expected, information, drawn, theta)


def moments(counts: Counts, log_odds_ratio: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of each period's count given its margins, under each period's log odds ratio."""
    means, variances = [], []
    for law, theta in zip(_laws(counts), log_odds_ratio, strict=True):
        chances, steps = law.tilted(float(theta)), np.arange(law.logs.size)
        mean = float(chances @ steps)
        means.append(law.low + mean)
        variances.append(float(chances @ (steps - mean) ** 2))
    return np.array(means), np.array(variances)


def _backwards(
    laws: Sequence[_Law], partial: Sequence[tuple[Floats, int]], tilt: float, total: int, draws: int,
    rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """Counts of all periods given their total: the last one first, each given what is left."""
    left = np.full(draws, total)
    counts = np.zeros((draws, len(laws)))
    for index in range(len(laws) - 1, -1, -1):
        law, (earlier, low) = laws[index], partial[index]
        own = law.tilted(tilt)
        totals, which = np.unique(left, return_inverse=True)
        rest = totals[:, None] - law.low - np.arange(own.size)[None, :] - low
        inside = (rest >= 0) & (rest < earlier.size)
        chances = np.where(inside, own * earlier[np.clip(rest, 0, earlier.size - 1)], 0.0)
        cumulative = np.cumsum(chances, axis=1)
        aim = rng.random(draws) * cumulative[which, -1]
        picked = (cumulative[which] <= aim[:, None]).sum(axis=1)
        counts[:, index] = law.low + picked
        left = left - law.low - picked
    return counts


def slope(counts: Counts, x: Floats, start: float) -> tuple[float, float] | None:
    """Maximum conditional likelihood of log odds ratio = level + slope x, and its error; None where it runs off."""
    design = np.column_stack((np.ones(x.size), x - x.mean()))
    beta = np.array([start, 0.0])
    for _ in range(50):
        expected, variance = moments(counts, design @ beta)
        information = design.T @ (design * variance[:, None])
        if np.linalg.det(information) <= 1e-12:
            return None
        step = np.linalg.solve(information, design.T @ (counts.a - expected))
        step *= min(1.0, 2.0 / max(float(np.abs(design @ step).max()), 1e-12))
        beta = beta + step
        if float(np.abs(design @ beta).max()) > _LOG_ODDS_LIMIT:
            return None
        if float(np.abs(step).max()) < 1e-9:
            return float(beta[1]), math.sqrt(float(np.linalg.inv(information)[1, 1]))
    return None
