"""One common factor of a correlation matrix by minimum residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from fairpanel.measures.reliability.count_table import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class OneFactor:
    """loadings : on the correlations' scale, −1 to 1. residual : root mean square of the correlations not explained.
    bounded : whether a loading ran into ±1 (a Heywood case). converged, iterations : of the search."""

    loadings: FloatArray
    residual: float
    bounded: bool
    converged: bool
    iterations: int


def one_factor(correlation: FloatArray) -> OneFactor:
    """Loadings that leave the smallest sum of squared off-diagonal residuals (Harman & Jones 1966), |loading| <= 1.

    Examples
    --------
    >>> loading = np.array([0.8, 0.7, 0.6])
    >>> one_factor(np.outer(loading, loading) + np.diag(1 - loading**2)).loadings.round(6).tolist()
    [0.8, 0.7, 0.6]
    """
    off = correlation - np.diag(np.diag(correlation))
    values, vectors = np.linalg.eigh(correlation)
    start = vectors[:, -1] * np.sqrt(max(float(values[-1]), 0.0)) * 0.9
    start = np.clip(start * (1.0 if start.sum() >= 0 else -1.0), -0.95, 0.95)

    def misfit(loading: FloatArray) -> tuple[float, FloatArray]:
        missed = off - np.outer(loading, loading)
        np.fill_diagonal(missed, 0.0)
        return float(np.sum(missed**2)) / 2, np.asarray(-2 * missed @ loading)

    loading, iterations = _newton(off, start)
    if loading is None:
        found = minimize(
            misfit, start, jac=True, method="L-BFGS-B", bounds=[(-1.0, 1.0)] * start.size,
            options={"maxiter": 2000, "ftol": 1e-16, "gtol": 1e-9},
        )  # fmt: skip
        loading, iterations = np.asarray(found.x, dtype=np.float64), int(found.nit)
        loading = _newton(off, loading)[0] if np.abs(loading).max() < 1 - 1e-6 else loading
        loading = np.asarray(found.x, dtype=np.float64) if loading is None else loading
    bounded = bool((np.abs(loading) >= 1 - 1e-9).any())
    value, gradient = misfit(loading)
    pairs = max(start.size * (start.size - 1) / 2, 1)
    return OneFactor(
        loadings=loading,
        residual=float(np.sqrt(value / pairs)),
        bounded=bounded,
        converged=bounded or bool(np.abs(gradient).max() < 1e-6),
        iterations=iterations,
    )


def slope(correlation: FloatArray, loading: FloatArray) -> FloatArray:
    """Derivative of the equations Σ_k (r_jk − l_j l_k) l_k = 0 in the loadings."""
    off = correlation - np.diag(np.diag(correlation))
    outer = np.outer(loading, loading)
    matrix = off - 2 * (outer - np.diag(np.diag(outer)))
    return np.asarray(matrix - np.diag(float(loading @ loading) - loading**2))


def _newton(off: FloatArray, start: FloatArray) -> tuple[FloatArray | None, int]:
    """Newton steps on the equations; None unless they end in a minimum inside the bounds."""
    loading = start
    for iteration in range(30):
        missed = off - np.outer(loading, loading)
        np.fill_diagonal(missed, 0.0)
        equations, matrix = missed @ loading, slope(off, loading)
        if np.abs(equations).max() < 1e-13:
            return (loading if np.linalg.eigvalsh(-matrix)[0] > 0 else None), iteration
        try:
            loading = loading - np.linalg.solve(matrix, equations)
        except np.linalg.LinAlgError:
            return None, iteration
        if not np.abs(loading).max() < 1:
            return None, iteration
    return None, 30
