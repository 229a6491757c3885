"""Fisher information of the components of a crossed design: how sure its estimates can be, before any score is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from fairpanel.measures.mixed_models.threads import with_one_blas_thread

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@with_one_blas_thread
def expected_information(unit: IntArray, rater: IntArray, gamma: FloatArray, /) -> FloatArray:
    """Restricted information ½ tr(P V_i P V_j) of (unit, rater, residual) variances, with the residual variance 1.

    All traces reduce to matrices over the raters, with the units eliminated; those with the residual follow from
    P (I + Σ γ_i V_i) P = P. Searle, Casella & McCulloch (1992), Variance Components, section 6.6.
    """
    units, raters = int(unit.max()) + 1, int(rater.max()) + 1
    gamma_u, gamma_r = float(gamma[0]), float(gamma[1])
    incidence: Any = sparse.csr_array((np.ones(unit.size), (unit, rater)), shape=(units, raters))
    count_u: FloatArray = np.asarray(incidence.sum(axis=1)).ravel()
    shrink = 1 / (1 + gamma_u * count_u)
    within: FloatArray = np.diag(np.asarray(incidence.sum(axis=0)).ravel())
    within = within - (incidence.T @ (incidence * (gamma_u * shrink)[:, None])).toarray()
    inverse = cho_solve(cho_factor(np.eye(raters) + gamma_r * within, lower=True), np.eye(raters))
    rows: Any = incidence * shrink[:, None]
    squares = (rows.T @ rows).toarray()
    weighted = (rows.T @ (rows * (shrink * count_u)[:, None])).toarray()
    alike = inverse @ squares

    ones_r = inverse @ np.asarray(rows.T @ np.ones(units))
    ones_u = shrink * count_u - gamma_r * (rows @ ones_r)
    information = float(ones_u.sum())
    raters_only = within @ inverse
    unit_unit = float(np.sum((shrink * count_u) ** 2) - 2 * gamma_r * np.sum(inverse * weighted))
    unit_unit += gamma_r**2 * float(np.sum(alike * alike.T))
    from_units = shrink * count_u * ones_u - gamma_r * (rows @ (inverse @ np.asarray(rows.T @ ones_u)))
    both = np.array([ones_u @ ones_u, ones_r @ ones_r]) / information
    squared = np.array(
        [
            [unit_unit - 2 * float(ones_u @ from_units) / information, float(np.sum(alike * inverse))],
            [0.0, float(np.sum(raters_only * raters_only.T)) - 2 * float(ones_r @ raters_only @ ones_r) / information],
        ]
    )
    squared[0, 1] -= 2 * float(np.asarray(rows.T @ ones_u) @ inverse @ ones_r) / information
    squared[1, 0] = squared[0, 1]
    squared += np.outer(both, both)
    traces = np.array(
        [
            float(np.sum(shrink * count_u) - gamma_r * np.trace(alike) - both[0]),
            float(np.trace(raters_only)) - both[1],
        ]
    )
    given = np.array([gamma_u, gamma_r])
    with_residual = traces - squared @ given
    residual = unit.size - 1 - float(given @ traces) - float(given @ with_residual)
    whole = np.empty((3, 3))
    whole[:2, :2] = squared
    whole[:2, 2] = whole[2, :2] = with_residual
    whole[2, 2] = residual
    return whole / 2
