"""Alpha and omega as functions of the items' covariances, with their derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fairpanel.measures.estimate import Caution
from fairpanel.measures.reliability.count_table import FloatArray
from fairpanel.measures.reliability.one_factor import OneFactor, one_factor, slope


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemCoefficient:
    """A coefficient, its derivative in the covariances (None at a boundary), what else is known and what to say."""

    value: float | None
    gradient: FloatArray | None
    detail: dict[str, Any]
    cautions: list[Caution]


def alpha_of(covariance: FloatArray) -> ItemCoefficient:
    items, trace, total = covariance.shape[0], float(np.trace(covariance)), float(covariance.sum())
    if total <= 1e-12 * max(trace, 1e-300) or trace <= 0:
        why = Caution("CONSTANT_INPUT", "the total score of the items does not vary")
        return ItemCoefficient(value=None, gradient=None, detail={}, cautions=[why])
    factor = items / (items - 1)
    gradient = factor * (np.full(covariance.shape, trace / total**2) - np.eye(items) / total)
    mean = (total - trace) / (items * (items - 1))
    return ItemCoefficient(
        value=factor * (1 - trace / total), gradient=gradient, detail={"mean_covariance": mean}, cautions=[]
    )


def omega_of(covariance: FloatArray) -> ItemCoefficient:
    variance = np.diag(covariance)
    if variance.min() <= 0:
        why = Caution("CONSTANT_INPUT", "an item's scores do not vary: it has no correlations")
        return ItemCoefficient(value=None, gradient=None, detail={}, cautions=[why])
    sd = np.sqrt(variance)
    correlation = covariance / np.outer(sd, sd)
    factor = one_factor(correlation)
    detail = {
        "loadings": factor.loadings,
        "residual": factor.residual,
        "alpha": alpha_of(covariance).value,
        "convergence": {"converged": factor.converged, "iterations": factor.iterations},
    }
    if not factor.converged:
        why = Caution("NOT_CONVERGED", "the search for the loadings ended before its tolerance was reached")
        return ItemCoefficient(value=None, gradient=None, detail=detail, cautions=[why])
    loading = factor.loadings
    common, unique = float(sd @ loading), float(variance @ (1 - loading**2))
    whole = common**2 + unique
    if whole <= 0:
        why = Caution("BOUNDARY", "the loadings leave the total score without variance")
        return ItemCoefficient(value=None, gradient=None, detail=detail, cautions=[why])
    notes = []
    if factor.bounded:
        notes.append(Caution("BOUNDARY", "an item has no variance of its own (Heywood case): the model fits badly"))
    gradient = None if factor.bounded else _omega_gradient(correlation, sd, factor, common, unique)
    return ItemCoefficient(value=common**2 / whole, gradient=gradient, detail=detail, cautions=notes)


def _omega_gradient(
    correlation: FloatArray, sd: FloatArray, factor: OneFactor, common: float, unique: float
) -> FloatArray | None:
    """Derivative of omega in the covariances: through the loadings, the scales, and the items' variances."""
    loading, variance, whole = factor.loadings, sd**2, (common**2 + unique) ** 2
    in_loading = (2 * common * unique * sd + 2 * common**2 * variance * loading) / whole
    try:
        back = np.linalg.solve(slope(correlation, loading), in_loading)
    except np.linalg.LinAlgError:
        return None
    in_correlation = -(np.outer(back, loading) + np.outer(loading, back)) / 2
    np.fill_diagonal(in_correlation, 0.0)
    gradient = in_correlation / np.outer(sd, sd)
    direct = (common * unique * loading / sd - common**2 * (1 - loading**2)) / whole
    gradient[np.diag_indices_from(gradient)] = direct - (in_correlation * correlation).sum(axis=1) / variance
    return np.asarray(gradient)
