"""REML of two crossed factors that are both large: the traces from random probes, everything else exact.

The dense matrix of the kept factor is never built. Systems with it are solved by conjugate gradients, which need only
products with the sparse incidence. The restricted likelihood's first derivatives hold two traces of its inverse. They
are estimated with random signs (Hutchinson 1990) as the difference from a diagonal matrix whose traces are known: the
kept factor's matrix is nearly diagonal where each level was scored often, so that little is left to chance. The same
probes serve the whole search, which therefore has one definite end, and their scatter gives its Monte Carlo error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairpanel.measures.mixed_models.crossed import CrossedDesign, Kept, Likelihood, assemble
from fairpanel.measures.mixed_models.fit import Convergence, CrossedFit, moment_components, newton_step, within

FloatArray = npt.NDArray[np.float64]

PROBES = 64
SEED = 20080521


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probed:
    """A likelihood, and the gradient of its criterion as each probe has it (probes × 2, in order unit, rater)."""

    likelihood: Likelihood
    scatter: FloatArray


def fit_probed(
    design: CrossedDesign, /, *, probes: int = PROBES, tolerance: float = 1e-6, max_iterations: int = 60
) -> CrossedFit:
    """Solve the REML equations with traces from `probes` random vectors.

    The convergence record's monte_carlo_error says how far the probes may have moved the solution, in standard errors
    of the estimates themselves.
    """
    signs = np.random.default_rng(SEED).choice(np.array([-1.0, 1.0]), (design.kept_levels, probes))
    components = moment_components(design)
    gamma = np.clip(components[:2] / np.maximum(components[2], 1e-8), 0.02, 1e4)
    current = _evaluate(design, gamma, signs)
    decrement, damping, iterations = np.inf, 1.0, 0
    while iterations < max_iterations:
        iterations += 1
        gradient, information = current.likelihood.gradient(), current.likelihood.average_information()
        active = ~((current.likelihood.gamma == 0) & (gradient >= 0))
        step = newton_step(information, gradient, active)
        last, decrement = decrement, float(np.sqrt(max(-float(gradient @ step), 0.0)))
        if decrement < tolerance:
            break
        damping = damping / 2 if decrement > last else 1.0
        current = _evaluate(design, within(current.likelihood.gamma, damping * step), signs)
    covariance = np.atleast_2d(np.cov(current.scatter.T)) / probes
    error = float(np.sqrt(np.trace(np.linalg.pinv(current.likelihood.average_information()) @ covariance)))
    return CrossedFit(
        likelihood=current.likelihood,
        free=(True, True),
        convergence=Convergence(
            converged=decrement < max(tolerance, 1e-3),
            iterations=iterations,
            evaluations=iterations,
            gradient_norm=decrement,
            tolerance=tolerance,
            probes=probes,
            monte_carlo_error=error,
        ),
    )


def _evaluate(design: CrossedDesign, gamma: FloatArray, signs: FloatArray) -> _Probed:
    gamma_e, gamma_k = float(gamma[design.eliminated]), float(gamma[1 - design.eliminated])
    shrink = 1 / (1 + gamma_e * design.count_e)
    weight = gamma_e * shrink
    incidence, across = design.incidence, design.incidence.T.tocsr()
    squares = design.incidence.power(2)

    def product(x: FloatArray) -> FloatArray:
        """S x, where A = I + γ_k S."""
        scaled = (weight * (incidence @ x).T).T
        return np.asarray((design.count_k * x.T).T - across @ scaled)

    near = 1 / (1 + gamma_k * (design.count_k - squares.T @ weight))

    def solve(x: FloatArray) -> FloatArray:
        return _conjugate_gradients(lambda v: v + gamma_k * product(v), near, x, 1e-12)

    solved = _conjugate_gradients(lambda v: v + gamma_k * product(v), near, signs, 1e-7)
    beyond = solved - near[:, None] * signs  # (A⁻¹ − N) z, N the diagonal matrix
    rows = incidence @ signs
    kept_each = np.sum(product(signs) * beyond, axis=0)
    kept_each += float(near @ (design.count_k - squares.T @ weight))
    lost_each = np.sum((shrink**2)[:, None] * rows * (incidence @ beyond), axis=0)
    lost_each += float((shrink**2) @ (squares @ near))
    kept = Kept(
        solve=solve,
        log_det=None,
        diagonal=near + (signs * beyond).mean(axis=1),
        leverage=lambda: np.asarray(squares @ near + (rows * (incidence @ beyond)).mean(axis=1)),
        trace_kept=float(kept_each.mean()),
        trace_lost=float(lost_each.mean()),
    )
    scatter = np.column_stack([-gamma_k * lost_each, kept_each])
    order = [design.eliminated, 1 - design.eliminated]
    return _Probed(likelihood=assemble(design, gamma, kept), scatter=scatter[:, order])


def _conjugate_gradients(
    product: Callable[[FloatArray], FloatArray], near: FloatArray, right: FloatArray, tolerance: float
) -> FloatArray:
    """Solve for every column of `right` at once; `near` is the inverse of the diagonal."""
    columns = right.reshape(right.shape[0], -1)
    x = near[:, None] * columns
    residual = columns - product(x)
    direction = near[:, None] * residual
    size = np.sum(residual * direction, axis=0)
    goal = tolerance**2 * np.maximum(np.sum(columns * near[:, None] * columns, axis=0), np.finfo(np.float64).tiny)
    for _ in range(1000):
        if np.all(size <= goal):
            break
        image = product(direction)
        along = np.sum(direction * image, axis=0)
        step = np.divide(size, along, out=np.zeros_like(size), where=along > 0)
        x += step * direction
        residual -= step * image
        smoothed = near[:, None] * residual
        before, size = size, np.sum(residual * smoothed, axis=0)
        direction = smoothed + np.divide(size, before, out=np.zeros_like(size), where=before > 0) * direction
    return np.asarray(x.reshape(right.shape))
