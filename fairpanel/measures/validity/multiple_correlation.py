"""Squared multiple correlations: of any subset of predictors, and their interval when predictors are drawn, not set."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from scipy.special import chdtri, ncfdtr

from fairpanel.measures.columns import Booleans, Floats, missing_rows, numbers
from fairpanel.measures.estimate import Caution, MeasureInputError

_NODES = 200
_HALVINGS = 36


def column_names(given: Sequence[str] | str | None, role: str) -> list[str]:
    """One name or several, each once."""
    names = [given] if isinstance(given, str) else list(given or [])
    if not names:
        raise MeasureInputError(f"{role} takes the names of one or more columns, got none")
    if len(set(names)) < len(names):
        raise MeasureInputError(f"{role} names a column twice: {names}")
    return names


def complete_rows(data: pl.DataFrame, names: list[str], roles: list[str]) -> tuple[Floats, list[Caution]]:
    """People (rows) by columns, without rows where one is missing."""
    values = np.column_stack([numbers(data, name, role) for name, role in zip(names, roles, strict=True)])
    present: Booleans = np.asarray(~np.isnan(values).any(axis=1))
    return values[present], missing_rows(present, " or ".join(names))


def correlations(values: Floats) -> Floats | None:
    """The correlation matrix of columns; None where one is constant (to rounding)."""
    centred = values - values.mean(axis=0)
    norms = np.linalg.norm(centred, axis=0)
    if np.any(norms <= 1e-13 * math.sqrt(len(values)) * np.abs(values).max(axis=0)):
        return None
    unit = centred / norms
    matrix: Floats = unit.T @ unit
    return matrix


def collinear(matrices: Floats) -> Booleans:
    """Whether correlation matrices of predictors (..., predictors, predictors) are singular to rounding."""
    return np.asarray(np.linalg.eigvalsh(matrices)[..., 0] < 1e-10)


def r_squared(matrix: Floats, predictors: Sequence[int], criterion: int) -> float:
    """R² of the criterion on some columns of a correlation matrix."""
    at = list(predictors)
    with_y = matrix[at, criterion]
    return min(1.0, max(0.0, float(with_y @ np.linalg.solve(matrix[np.ix_(at, at)], with_y)))) if at else 0.0


def r_squared_limits(r2: float, predictors: int, df: float, confidence: float) -> tuple[float, float]:
    """Limits of the population R² of jointly normal scores (predictors drawn with the people, not fixed).

    `df` is n - 1, less the number of variables partialled out. Given w, a chi-squared number with df degrees of
    freedom, R² / (1 - R²) is a non-central chi-squared with non-centrality w rho² / (1 - rho²) over a central one: the
    distribution is averaged over w and inverted (Fisher 1928; Gurland 1968). The upper limit is at least r2.
    """
    residual = df - predictors
    if r2 >= 1:
        return 1.0, 1.0
    f = r2 / (1 - r2) * residual / predictors
    levels = (np.arange(_NODES) + 0.5) / _NODES
    w = chdtri(df, 1 - levels)

    def below(rho2: float) -> float:
        return float(np.mean(ncfdtr(predictors, residual, w * rho2 / (1 - rho2), f)))

    tail = (1 - confidence) / 2
    return _solve(below, 1 - tail), max(_solve(below, tail), r2)


def _solve(below: Callable[[float], float], level: float) -> float:
    """Where a falling function of rho² meets a level, by halving; 0 where it lies under it from the start.

    Far out in its tail the function may underflow to what is no number: that counts as under the level.
    """
    if below(0.0) <= level:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if below(middle) > level:
            low = middle
        else:
            high = middle
    return (low + high) / 2
