"""Variance components of the crossed model: restricted maximum likelihood; moments to start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from fairpanel.measures.mixed_models.crossed import RATER, UNIT, CrossedDesign, Likelihood, evaluate

FloatArray = npt.NDArray[np.float64]

CEILING = 1e6
"""Largest relative variance tried: beyond it the residual variance is zero for all purposes."""
ROUGH_FROM = 300
"""Levels of the smaller factor from which a search takes its first steps in single precision."""
NEAR = 0.3
"""Newton decrement, in standard errors, from which the next step lands where single precision no longer tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """How an iteration ended: gradient_norm is the Newton decrement, the distance to the optimum in standard errors.

    probes, monte_carlo_error : where traces come from random probes, how many, and how far they may have moved the
    optimum, in standard errors.
    """

    converged: bool
    iterations: int
    evaluations: int
    gradient_norm: float
    tolerance: float
    probes: int | None = None
    monte_carlo_error: float | None = None

    def to_dict(self) -> dict[str, Any]:
        random = {"probes": self.probes, "monte_carlo_error": self.monte_carlo_error} if self.probes else {}
        return random | {
            "converged": self.converged,
            "iterations": self.iterations,
            "evaluations": self.evaluations,
            "gradient_norm": self.gradient_norm,
            "tolerance": self.tolerance,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossedFit:
    """The optimum of the restricted likelihood."""

    likelihood: Likelihood
    free: tuple[bool, bool]
    convergence: Convergence

    @property
    def var_residual(self) -> float:
        return self.likelihood.variance

    @property
    def var_unit(self) -> float:
        return float(self.likelihood.gamma[UNIT]) * self.likelihood.variance

    @property
    def var_rater(self) -> float:
        return float(self.likelihood.gamma[RATER]) * self.likelihood.variance


def moment_components(design: CrossedDesign, /) -> FloatArray:
    """Unbiased moment estimates (unit, rater, residual), negative ones kept: Henderson's (1953) method 1.

    Linear in the ratings whatever the number of levels.
    """
    n = design.n
    total = float(design.total_e.sum()) ** 2 / n
    mean_e, mean_k = float(design.count_e @ design.count_e) / n, float(design.count_k @ design.count_k) / n
    shared_e, shared_k = design.layout.shared_e, design.layout.shared_k
    equations = np.array(
        [
            [n - mean_e, shared_e - mean_k, design.count_e.size - 1],
            [shared_k - mean_e, n - mean_k, design.count_k.size - 1],
            [n - mean_e, n - mean_k, n - 1],
        ]
    )
    observed = np.array(
        [
            float((design.total_e**2 / design.count_e).sum()) - total,
            float((design.total_k**2 / design.count_k).sum()) - total,
            design.sum_squares - total,
        ]
    )
    components = np.linalg.lstsq(equations, observed, rcond=None)[0]
    order = [0, 1, 2] if design.eliminated == UNIT else [1, 0, 2]
    return np.asarray(components[order], dtype=np.float64)


def fit_crossed(
    design: CrossedDesign,
    /,
    *,
    free: tuple[bool, bool] = (True, True),
    start: FloatArray | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 200,
) -> CrossedFit:
    """Maximise the restricted likelihood over relative variances >= 0; a component that is not free stays 0.

    Projected Newton steps with the average information, halved until the criterion falls. Ends when the Newton
    decrement, the distance to the optimum in standard errors, is below `tolerance`.
    """
    if start is None:
        components = moment_components(design)
        start = np.clip(components[:2] / np.maximum(components[2], 1e-8), 0.02, 1e4)
    likelihood, convergence = minimise(
        lambda gamma: evaluate(design, gamma),
        start,
        free=np.array(free),
        tolerance=tolerance,
        limit=max_iterations,
        rough=(lambda gamma: evaluate(design, gamma, single=True)) if design.kept_levels >= ROUGH_FROM else None,
    )
    return CrossedFit(likelihood=likelihood, free=free, convergence=convergence)


class Criterion(Protocol):
    """A REML criterion at relative variances gamma, with its derivatives."""

    @property
    def gamma(self) -> FloatArray: ...
    @property
    def criterion(self) -> float: ...
    def gradient(self) -> FloatArray: ...
    def average_information(self) -> FloatArray: ...


C = TypeVar("C", bound=Criterion)


def minimise(
    at: Callable[[FloatArray], C],
    start: FloatArray,
    /,
    *,
    free: npt.NDArray[np.bool_],
    tolerance: float,
    limit: int,
    rough: Callable[[FloatArray], C] | None = None,
) -> tuple[C, Convergence]:
    """The minimum of a criterion over relative variances >= 0, and how it was reached; those not free stay 0.

    `rough` is a cheaper evaluation for the steps far from the minimum; where the search ends, `at` has the word.
    """
    evaluate_at = at if rough is None else rough
    current = evaluate_at(np.asarray(np.where(free, start, 0.0)))
    evaluations, decrement, iterations = 1, np.inf, 0
    while iterations < limit:
        iterations += 1
        gradient, information = current.gradient(), current.average_information()
        active = free
        if not all(0 < one < CEILING for one in current.gamma.tolist()):
            active = free & ~((current.gamma == 0) & (gradient >= 0)) & ~((current.gamma >= CEILING) & (gradient <= 0))
        if not active.any() and evaluate_at is at:
            decrement = 0.0
            break
        step = newton_step(information, gradient, active)
        decrement = float(np.sqrt(max(-float(gradient @ step), 0.0)))
        if decrement < NEAR and evaluate_at is not at:
            evaluate_at = at
            current = at(within(current.gamma, step))
            evaluations += 1
            continue
        if decrement < tolerance:
            break
        criterion, scale, moved = current.criterion, 1.0, False
        while scale > 1e-6 and not moved:
            trial = evaluate_at(within(current.gamma, scale * step))
            evaluations += 1
            moved = trial.criterion < criterion + 1e-12 * abs(criterion)
            scale /= 2
        if not moved or bool((trial.gamma == current.gamma).all()):
            if evaluate_at is at:
                break
            evaluate_at, trial = at, at(current.gamma)
            evaluations += 1
        current = trial
    return current, Convergence(
        converged=decrement < max(tolerance, 1e-3),
        iterations=iterations,
        evaluations=evaluations,
        gradient_norm=decrement,
        tolerance=tolerance,
    )


def within(gamma: FloatArray, step: FloatArray, /) -> FloatArray:
    """A step on, but not below 0 and not by orders of magnitude."""
    return np.asarray(np.minimum(np.maximum(gamma + step, 0), np.minimum(CEILING, 20 * gamma + 1)))


def newton_step(information: FloatArray, gradient: FloatArray, active: npt.NDArray[np.bool_], /) -> FloatArray:
    """Minus the inverse information times the gradient, among the active components; 0 for the others."""
    if active.all():
        return -_solve(information, gradient)
    step = np.zeros(gradient.size)
    if active.any():
        step[active] = -_solve(information[np.ix_(active, active)], gradient[active])
    return step


def _solve(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solution with a matrix that may be singular, or nothing at all: the step is then long, along `right`."""
    scale = np.sqrt(np.maximum(matrix.diagonal(), 1e-12 * right**2 + 1e-100))
    scaled = matrix / (scale[:, None] * scale)
    scaled.flat[:: scale.size + 1] += 1e-12
    return np.asarray(np.linalg.solve(scaled, right / scale) / scale)
