"""Joint maximum likelihood (Facets' estimator): candidates and facets are all fixed parameters.

Candidates are solved for given the facets, and the facets take Newton steps of the likelihood profiled over the
candidates; each step's equations are solved by conjugate gradients, in time linear in ratings, without a matrix.
The estimates are biased, however many candidates there are: every candidate adds a parameter. With L ratings each,
measures are too far apart by about L/(L − 1) (Wright & Douglas 1977).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairpanel.measures.raters.rasch.category_model import Steps, facet_sum, moments, probabilities, unit_measures
from fairpanel.measures.raters.rasch.design import Design

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_LIMIT = 60
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class JointFit:
    """Levels and kappa, candidates, log likelihood, diagonal information of levels and kappa, iterations."""

    parameters: FloatArray
    unit: FloatArray
    value: float
    information: FloatArray
    iterations: int
    converged: bool
    last_step: float


class _Profile:
    """Products with the information profiled over candidates, at one set of parameters."""

    def __init__(self, design: Design, steps: Steps, p: FloatArray, free: IntArray, sums: FloatArray) -> None:
        self.design, self.steps, self.p, self.free = design, steps, p, free
        self.k = np.arange(p.shape[0], dtype=np.float64)[:, None]
        self.mean, self.variance = moments(p)
        self.units = len(design.unit_labels)
        self.unit_information = np.maximum(np.bincount(design.unit, self.variance, minlength=self.units), 1e-12)
        self.sums = sums[free] / np.maximum(np.linalg.norm(sums[free], axis=0), 1e-300)
        self.index = steps.index[design.group].T
        self.diagonal = self._diagonal()
        self.weight = float(np.mean(self.diagonal[free])) if free.size else 1.0

    def _diagonal(self) -> FloatArray:
        levels = np.zeros(self.design.parameters)
        for codes in self.design.levels:
            levels += np.bincount(codes, self.variance, minlength=levels.size)
        return np.concatenate([levels, _by_kappa(self.steps, self.design.group, self.p * (1 - self.p))])

    def product(self, direction: FloatArray) -> FloatArray:
        whole = np.zeros(self.diagonal.size)
        whole[self.free] = direction
        own = self.design.parameters
        shift = -facet_sum(self.design, whole[:own])
        change = self.k * shift
        if self.steps.free:
            change = change + np.where(self.index >= 0, whole[own:][self.index], 0.0)
        change -= (self.p * change).sum(axis=0)
        change *= self.p
        unit_slope = np.bincount(self.design.unit, (self.k * change).sum(axis=0), minlength=self.units)
        answer = unit_slope / self.unit_information
        change -= self.p * (self.k - self.mean) * answer[self.design.unit]
        image = self.scatter(change)[self.free]
        return np.asarray(image + self.weight * (self.sums @ (self.sums.T @ direction)))

    def scatter(self, by_category: FloatArray) -> FloatArray:
        """Statistics of the parameters from numbers per category and rating."""
        total = (self.k * by_category).sum(axis=0)
        levels = np.zeros(self.design.parameters)
        for codes in self.design.levels:
            levels -= np.bincount(codes, total, minlength=levels.size)
        return np.concatenate([levels, _by_kappa(self.steps, self.design.group, by_category)])

    def solve(self, gradient: FloatArray) -> FloatArray:
        """Conjugate gradients, scaled by the diagonal."""
        scale = np.maximum(self.diagonal[self.free], 1e-9)
        found = np.zeros_like(gradient)
        rest = gradient.copy()
        scaled = rest / scale
        direction = scaled.copy()
        size = first = float(rest @ scaled)
        for _ in range(500):
            if size <= 1e-14 * first or size <= 0:
                break
            image = self.product(direction)
            length = size / float(direction @ image)
            found += length * direction
            rest -= length * image
            scaled = rest / scale
            size, before = float(rest @ scaled), size
            direction = scaled + (size / before) * direction
        return found


def _by_kappa(steps: Steps, group: IntArray, by_category: FloatArray) -> FloatArray:
    """Sums per free kappa of numbers per category and rating."""
    if not steps.free:
        return np.empty(0)
    groups = len(steps.used)
    table = np.stack([np.bincount(group, one, minlength=groups) for one in by_category], axis=1)
    return np.asarray(table[steps.index >= 0])


def fit_joint(design: Design, steps: Steps, *, start: FloatArray, free: IntArray, sums: FloatArray) -> JointFit:
    """Maximise the joint likelihood of a design without extreme candidates or levels."""
    own = design.parameters
    wide = np.zeros((start.size, sums.shape[1]))
    wide[:own] = sums
    observed = _observed(design, steps)

    def at(parameters: FloatArray, unit: FloatArray | None) -> tuple[FloatArray, FloatArray, float]:
        beta, kappa = parameters[:own], parameters[own:]
        theta = unit_measures(design, steps, beta, kappa, unit)[0]
        eta = theta[design.unit] - facet_sum(design, beta)
        logits = steps.table(kappa)[design.group].T
        p, normaliser = probabilities(eta, logits)
        chosen = np.take_along_axis(logits, design.score[None], axis=0)[0]
        return theta, p, float(np.sum(design.score * eta + chosen - normaliser))

    parameters = start.copy()
    theta, p, value = at(parameters, None)
    last = np.inf
    iterations = 0
    while iterations < _LIMIT:
        iterations += 1
        profile = _Profile(design, steps, p, free, wide)
        gradient = observed - profile.scatter(p)
        step = np.zeros_like(parameters)
        step[free] = profile.solve(gradient[free])
        step *= min(1.0, 2.0 / max(float(np.max(np.abs(step), initial=0.0)), 1e-300))
        scale = 1.0
        found = at(parameters + step, theta)
        while not found[2] >= value - 1e-9 * (1 + abs(value)) and scale > 1e-3:
            scale /= 2
            found = at(parameters + scale * step, theta)
        parameters = parameters + scale * step
        theta, p, value = found
        parameters[:own] -= _drift(parameters[:own], sums)
        last = float(np.max(np.abs(scale * step), initial=0.0))
        if last < _TOLERANCE:
            break
    return JointFit(
        parameters=parameters,
        unit=theta,
        value=value,
        information=_Profile(design, steps, p, free, wide).diagonal,
        iterations=iterations,
        converged=last < 1e-4,
        last_step=last,
    )


def _drift(levels: FloatArray, sums: FloatArray) -> FloatArray:
    """What inexact steps have added along the shifts that candidates make up for."""
    if not sums.shape[1]:
        return np.zeros_like(levels)
    return np.asarray(sums @ np.linalg.lstsq(sums.T @ sums, sums.T @ levels, rcond=None)[0])


def _observed(design: Design, steps: Steps) -> FloatArray:
    levels = np.zeros(design.parameters)
    for codes in design.levels:
        levels -= np.bincount(codes, design.score, minlength=levels.size)
    counts = (np.arange(design.used.shape[1])[:, None] == design.score).astype(np.float64)
    return np.concatenate([levels, _by_kappa(steps, design.group, counts)])
