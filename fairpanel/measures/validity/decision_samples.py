"""Weights that decisions and a criterion imply, and what choosing by weights brings, in many samples of people at once.

A sample is a row of counts: how often each of the people was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairpanel.measures.columns import Booleans, Floats, Integers
from fairpanel.measures.validity.multiple_correlation import collinear

_FLAT = 1e-13  # spread of a score, beside its largest value, that is rounding


@dataclass(frozen=True, slots=True)
class People:
    """Applicants with all scores: scores (columns of mean 0 and spread 1), taken, known (whether with a criterion).

    decided: the decisions beside the scores; judged: the criterion beside the scores of those with one.
    """

    scores: Floats
    taken: Booleans
    known: Booleans
    decided: _Regressed
    judged: _Regressed

    @classmethod
    def of(cls, scores: Floats, taken: Booleans, criterion: Floats) -> People:
        known = np.asarray(taken & ~np.isnan(criterion))
        return cls(scores, taken, known, _Regressed.of(scores, taken), _Regressed.of(scores[known], criterion[known]))


@dataclass(frozen=True, slots=True)
class _Regressed:
    """Columns of scores and, last, of what is regressed on them; the largest absolute of each score."""

    columns: Floats
    largest: Floats

    @classmethod
    def of(cls, scores: Floats, outcome: Floats | Booleans) -> _Regressed:
        return cls(np.column_stack((scores, outcome)), np.abs(scores).max(axis=0, initial=0.0))


@dataclass(frozen=True, slots=True)
class Weights:
    """One row a sample. implied: slopes of the decision; optimal: slopes of the criterion in its applicants' standard
    deviations.

    agreement: correlation of the two composites among applicants. predicted: each of the people's expected criterion.
    """

    implied: Floats
    optimal: Floats
    agreement: Floats
    predicted: Floats


def weights(people: People, times: Floats) -> tuple[Booleans, Weights]:
    """Which samples determine weights, and the weights of these."""
    p, among = people.scores.shape[1], times[:, people.known]
    size, judged = times.sum(axis=1), among.sum(axis=1)
    kept = (judged > p + 2) & _differ(people.judged.columns[:, -1], among)
    if people.known.sum() <= p + 2 or not kept.any():
        nothing = np.empty((0, p))
        return np.zeros_like(kept), Weights(nothing, nothing, nothing[:, 0], np.empty((0, len(people.scores))))
    decision, centre = _factors(people.decided.columns, times)
    criterion, _ = _factors(people.judged.columns, among)
    kept &= _independent(decision, people.decided.largest, size)
    kept &= _independent(criterion, people.judged.largest, judged)
    root = decision[:, :p, :p] / np.sqrt(size)[:, None, None]
    implied, slopes = _slopes(decision, kept), _slopes(criterion, kept)
    by_decision, by_criterion = ((root @ each[:, :, None])[:, :, 0] for each in (implied, slopes))
    decided, explained = (by_decision**2).sum(axis=1), (by_criterion**2).sum(axis=1)
    kept &= (decided > 0) & (explained > 0)
    residual = criterion[kept, p, p] ** 2 / (judged[kept] - p - 1)
    together = (by_decision * by_criterion).sum(axis=1)[kept] / np.sqrt(decided * explained)[kept]
    optimal = slopes[kept] / np.sqrt(explained[kept] + residual)[:, None]
    predicted = optimal @ people.scores.T - (centre[kept, :p] * optimal).sum(axis=1, keepdims=True)
    return kept, Weights(implied[kept], optimal, np.clip(together, -1.0, 1.0), predicted)


def _differ(outcome: Floats, times: Floats) -> Booleans:
    """Whether those drawn have more than one value of the criterion."""
    drawn = times > 0
    low, high = (np.where(drawn, outcome, far) for far in (np.inf, -np.inf))
    return np.asarray(low.min(axis=1, initial=np.inf) < high.max(axis=1, initial=-np.inf))


def _factors(columns: Floats, times: Floats) -> tuple[Floats, Floats]:
    """Each sample's triangular factor of the columns about their means, and these means."""
    mean = times @ columns / np.maximum(times.sum(axis=1, keepdims=True), 1)
    centred = (columns - mean[:, None, :]) * np.sqrt(times)[:, :, None]
    return np.asarray(np.linalg.qr(centred, mode="r")), mean


def _independent(factor: Floats, largest: Floats, size: Floats) -> Booleans:
    """Whether each score varies and none repeats the others."""
    scores = factor[:, :-1, :-1]
    length = np.linalg.norm(scores, axis=1)
    varied = (length > _FLAT * np.sqrt(size)[:, None] * largest).all(axis=1)
    unit = scores / np.where(length > 0, length, 1.0)[:, None, :]
    return np.asarray(varied & ~collinear(np.swapaxes(unit, 1, 2) @ unit))


def _slopes(factor: Floats, kept: Booleans) -> Floats:
    """Least-squares slopes of the last column on the others; 0 in samples that do not determine them."""
    found = np.zeros((len(factor), factor.shape[2] - 1))
    found[kept] = np.linalg.solve(factor[kept, :-1, :-1], factor[kept, :-1, -1:])[:, :, 0]
    return found


@dataclass(frozen=True, slots=True)
class Ranking:
    """People from the highest composite down, samples × people; one row where all samples rank them alike."""

    order: Integers
    composite: Floats

    @classmethod
    def of(cls, composite: Floats) -> Ranking:
        order = np.argsort(-composite, axis=1)
        return cls(order, np.take_along_axis(composite, order, axis=1))

    def with_sums(self, predicted: Floats, times: Floats) -> Ranked:
        drawn = np.take_along_axis(times, self.order, axis=1)
        brought = np.take_along_axis(predicted, self.order, axis=1) * drawn
        return Ranked(self.composite, _running(drawn), _running(brought))


@dataclass(frozen=True, slots=True)
class Ranked:
    """Composites from the highest down, and before each place and after the last how many were drawn and what they bring."""

    composite: Floats
    drawn: Floats
    brought: Floats

    def gain(self, places: Integers) -> Floats:
        """Mean of what is predicted over so many of the highest; those tied at the edge share the last places."""
        at_edge = (self.drawn[:, 1:] < places[:, None]).sum(axis=1, keepdims=True)
        edge = np.take_along_axis(self.composite, at_edge, axis=1)
        first = (self.composite > edge).sum(axis=1, keepdims=True)
        last = (self.composite >= edge).sum(axis=1, keepdims=True)
        (above, upto), (sure, all_of) = (
            [np.take_along_axis(sums, at, axis=1)[:, 0] for at in (first, last)] for sums in (self.drawn, self.brought)
        )
        return np.asarray((sure + (places - above) * ((all_of - sure) / (upto - above))) / places)


def _running(values: Floats) -> Floats:
    sums = np.empty((len(values), values.shape[1] + 1))
    sums[:, 0] = 0
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums
