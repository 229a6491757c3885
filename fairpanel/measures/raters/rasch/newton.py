"""Newton's method for facets whose origins are fixed by linear conditions, and the covariance under them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

from fairpanel.measures.raters.rasch.likelihood_blocks import Likelihood

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_LIMIT = 50
_LARGEST_STEP = 2.0
_SHORTEST = 1e-3
_NEAR = 0.05
"""Steps this short are taken whole: quadrature nodes that move change the likelihood by more than such a step."""
OUT_OF_BOUNDS = 20.0
"""Logits beyond which a parameter is taken to have no finite estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Where the search ended: parameters, log likelihood, covariance (zero for fixed parameters), the information's
    diagonal, iterations."""

    parameters: FloatArray
    value: float
    covariance: FloatArray
    information: FloatArray
    iterations: int
    converged: bool
    last_step: float


def maximise(
    evaluate: Callable[[FloatArray], Likelihood], start: FloatArray, free: IntArray, sums: FloatArray
) -> Solution:
    """Maximise a log likelihood over the free parameters, keeping sums' @ parameters as it is at the start.

    A step is halved until the likelihood rises; where the information is not positive definite it is loaded on its
    diagonal. Ends when no parameter moves by more than 1e-6 of a logit, or one is on its way to infinity.
    """
    parameters = start.copy()
    conditions = sums[free]
    here = evaluate(parameters)
    scale = 1.0
    last = np.inf
    iterations = 0
    while iterations < _LIMIT:
        iterations += 1
        information = here.information[np.ix_(free, free)]
        step = np.zeros_like(parameters)
        step[free] = _solve(information, conditions, here.gradient[free])
        step *= min(1.0, _LARGEST_STEP / max(float(np.max(np.abs(step))), 1e-300))
        scale = 1.0
        there = evaluate(parameters + step)
        near = float(np.max(np.abs(step), initial=0.0)) < _NEAR
        while not near and not there.value >= here.value - 1e-9 * (1 + abs(here.value)) and scale > _SHORTEST:
            scale /= 2
            there = evaluate(parameters + scale * step)
        parameters += scale * step
        here = there
        last = float(np.max(np.abs(scale * step), initial=0.0))
        if last < 1e-6 or float(np.max(np.abs(parameters[free]), initial=0.0)) > OUT_OF_BOUNDS:
            break
    covariance = np.zeros((parameters.size, parameters.size))
    covariance[np.ix_(free, free)] = _covariance(here.information[np.ix_(free, free)], conditions)
    return Solution(
        parameters=parameters,
        value=here.value,
        covariance=covariance,
        information=np.diagonal(here.information).copy(),
        iterations=iterations,
        converged=last < 1e-4,
        last_step=last,
    )


def _with_conditions(information: FloatArray, conditions: FloatArray) -> FloatArray:
    """Information plus a penalty on the conditions: nonsingular, and without effect on steps that keep them."""
    if conditions.shape[1] == 0:
        return information
    scaled = conditions / np.linalg.norm(conditions, axis=0)
    weight = float(np.mean(np.diagonal(information))) if information.size else 1.0
    return np.asarray(information + max(weight, 1e-6) * (scaled @ scaled.T))


def _solve(information: FloatArray, conditions: FloatArray, gradient: FloatArray) -> FloatArray:
    """The Newton step that keeps the conditions."""
    loaded = _with_conditions(information, conditions)
    size = float(np.max(np.abs(np.diagonal(loaded)), initial=1e-12))
    load = 0.0
    for _ in range(12):
        try:
            factor = linalg.cho_factor(loaded + load * np.eye(len(loaded)), check_finite=False)
        except linalg.LinAlgError:
            load = max(10 * load, 1e-4 * size)
            continue
        step = linalg.cho_solve(factor, gradient, check_finite=False)
        if conditions.shape[1]:
            image = linalg.cho_solve(factor, conditions, check_finite=False)
            step -= image @ linalg.solve(conditions.T @ image, conditions.T @ step, assume_a="sym")
        return np.asarray(step)
    return gradient / size


def _covariance(information: FloatArray, conditions: FloatArray) -> FloatArray:
    """Inverse of the information within the conditions."""
    if not information.size:
        return information
    loaded = _with_conditions(information, conditions)
    try:
        inverse = np.asarray(linalg.cho_solve(linalg.cho_factor(loaded), np.eye(len(loaded))), dtype=np.float64)
    except linalg.LinAlgError:
        inverse = np.asarray(linalg.pinvh(loaded), dtype=np.float64)
    if conditions.shape[1]:
        image = inverse @ conditions
        inverse -= image @ linalg.solve(conditions.T @ image, image.T, assume_a="sym")
    return np.asarray((inverse + inverse.T) / 2)
