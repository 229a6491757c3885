"""Category probabilities of the rating scale and partial credit models, and candidates' measures given the facets.

With eta = candidate − severities and difficulties, category k of step group g has

    P(X = k)  ∝  exp(k eta + kappa[g, k]),      kappa[g, k] = −(tau[g, 1] + … + tau[g, k])

kappa is 0 at the lowest and the highest category used, so the thresholds tau of a group sum to zero. A category that
no score uses has probability 0, its maximum likelihood estimate, and keeps its place in the scoring (Wilson & Masters
1993).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairpanel.measures.raters.rasch.design import Design

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

EXTREME_ADJUSTMENT = 0.3
"""Score points (categories) by which an extreme score is drawn in before it is measured, as Facets does."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Which kappa are free: index[g, k] is its place among them, −1 where it is 0 or −infinity."""

    index: IntArray
    used: BoolArray

    @property
    def free(self) -> int:
        return int(self.index.max(initial=-1)) + 1

    def table(self, kappa: FloatArray) -> FloatArray:
        """kappa of every group and category."""
        table = np.where(self.used, 0.0, -np.inf)
        table[self.index >= 0] = kappa
        return table

    def lowest(self) -> IntArray:
        return np.asarray(self.used.argmax(axis=1), dtype=np.int64)

    def highest(self) -> IntArray:
        return np.asarray(self.used.shape[1] - 1 - self.used[:, ::-1].argmax(axis=1), dtype=np.int64)

    def thresholds(self, kappa: FloatArray) -> FloatArray:
        """tau of every group and step; NaN beside a category that is not used."""
        table = self.table(kappa)
        table[~self.used] = np.nan
        return np.asarray(-np.diff(table, axis=1))

    def threshold_errors(self, covariance: FloatArray) -> FloatArray:
        """Standard errors of `thresholds` from the covariance of the free kappa; NaN where there is none."""
        groups, categories = len(self.index), len(self.index[0])
        errors = np.full((groups, categories - 1), np.nan)
        for group in range(groups):
            for k in range(1, categories):
                if not (self.used[group, k] and self.used[group, k - 1]):
                    continue
                places = [place for place in (self.index[group, k - 1], self.index[group, k]) if place >= 0]
                signs = np.array([1.0] * self._free(group, k - 1) + [-1.0] * self._free(group, k))
                part = covariance[np.ix_(places, places)]
                errors[group, k - 1] = np.sqrt(max(float(signs @ part @ signs), 0.0)) if places else np.nan
        return errors

    def _free(self, group: int, k: int) -> int:
        return int(self.index[group, k] >= 0)


def steps_of(design: Design) -> Steps:
    """Free kappa: categories used, but the lowest and the highest of their group."""
    used = design.used
    position: IntArray = np.asarray(np.cumsum(used, axis=1), dtype=np.int64)
    interior = used & (position > 1) & (position < position[:, -1:])
    index = np.full(used.shape, -1, dtype=np.int64)
    index[interior] = np.arange(np.count_nonzero(interior))
    return Steps(index, used)


def starting_kappa(design: Design, steps: Steps) -> FloatArray:
    """kappa of scores around the middle: log frequencies less the line through the ends."""
    counts: FloatArray = np.zeros(design.used.shape)
    np.add.at(counts, (design.group, design.score), 1.0)
    logs = np.log(counts + 0.5)
    low, high = steps.lowest(), steps.highest()
    k = np.arange(counts.shape[1])
    rows = np.arange(counts.shape[0])
    slope = (logs[rows, high] - logs[rows, low]) / np.maximum(high - low, 1)
    line = logs[rows, low][:, None] + slope[:, None] * (k - low[:, None])
    return np.asarray((0.7 * (logs - line))[steps.index >= 0])


def probabilities(eta: FloatArray, logits: FloatArray) -> tuple[FloatArray, FloatArray]:
    """P(X = k) with k as the first axis, and the log normaliser.

    eta has any shape; logits are kappa[g, k] of each rating, k first, broadcast against eta.
    """
    k = np.arange(logits.shape[0], dtype=np.float64).reshape(-1, *([1] * eta.ndim))
    z = k * eta + logits
    highest = z.max(axis=0)
    z -= highest
    np.exp(z, out=z)
    total = z.sum(axis=0)
    z /= total
    return z, np.log(total) + highest


def moments(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Expectation and variance of the category under `probabilities`."""
    k = np.arange(p.shape[0], dtype=np.float64)
    mean = np.tensordot(k, p, axes=1)
    variance = np.tensordot(k**2, p, axes=1) - mean**2
    return mean, np.maximum(variance, 0.0)


def facet_sum(design: Design, beta: FloatArray) -> FloatArray:
    """Severity plus difficulty of every rating."""
    total = np.zeros(design.unit.size)
    for codes in design.levels:
        total += beta[codes]
    return total


def score_range(design: Design, steps: Steps) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest category that each rating could have."""
    return steps.lowest()[design.group].astype(np.float64), steps.highest()[design.group].astype(np.float64)


def solve_measures(
    code: IntArray,
    size: int,
    target: FloatArray,
    start: FloatArray,
    base: FloatArray,
    logits: FloatArray,
    sign: float,
) -> tuple[FloatArray, FloatArray]:
    """Measures at which the expected total of each code's ratings equals a target; and the information there.

    eta of a rating is base + sign · measure[code]. Newton with steps of at most one logit; codes without ratings keep
    their start and have information 0.
    """
    measure = start.copy()
    information: FloatArray = np.zeros(size)
    for _ in range(100):
        mean, variance = moments(probabilities(base + sign * measure[code], logits)[0])
        information = np.asarray(np.bincount(code, variance, minlength=size), dtype=np.float64)
        step = (target - np.bincount(code, mean, minlength=size)) / np.maximum(information, 1e-9)
        step[information == 0] = 0.0
        step = np.clip(step, -1, 1)
        measure += sign * step
        if np.max(np.abs(step), initial=0.0) < 1e-9:
            break
    return measure, information


def unit_measures(
    design: Design, steps: Steps, beta: FloatArray, kappa: FloatArray, start: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Maximum likelihood measures of candidates given the facets, their information, and −1/0/1 for extreme scores.

    An extreme score is drawn in by `EXTREME_ADJUSTMENT` first. Candidates without ratings are NaN.
    """
    units = len(design.unit_labels)
    total = np.asarray(np.bincount(design.unit, design.score, minlength=units), dtype=np.float64)
    low, high = (np.bincount(design.unit, ends, minlength=units) for ends in score_range(design, steps))
    extreme = np.where(total <= low, -1, np.where(total >= high, 1, 0))
    flat = high - low <= 0
    adjusted = total - EXTREME_ADJUSTMENT * extreme
    base = -facet_sum(design, beta)
    first = np.zeros(units) if start is None else np.where(np.isfinite(start), start, 0.0)
    logits = steps.table(kappa)[design.group].T
    if design.unit.size == 0:
        return np.full(units, np.nan), np.zeros(units), np.zeros(units, dtype=np.int64)
    measure, information = solve_measures(design.unit, units, adjusted, first, base, logits, 1.0)
    nothing = (np.bincount(design.unit, minlength=units) == 0) | flat
    measure[nothing] = np.nan
    information[nothing] = 0.0
    extreme[nothing] = 0
    return measure, information, extreme
