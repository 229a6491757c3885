"""Ordinary least squares with classical, heteroscedasticity-consistent and cluster-robust covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import fdtrc

from fairpanel.measures.columns import Floats, Integers

_COLLINEAR = 1e-10  # the part of a column of unit length that the columns before it leave over

CovarianceKind = Literal["classical", "hc3", "cluster"]


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients, their covariance, the residual sum of squares and both degrees of freedom.

    df_residual is n minus the columns; df_test is what t and F tests use: the same, or clusters minus one.
    """

    coefficients: Floats
    covariance: Floats
    rss: float
    df_residual: int
    df_test: int
    residuals: Floats

    @property
    def errors(self) -> Floats:
        return np.sqrt(np.diag(self.covariance))


def least_squares(X: Floats, y: Floats, covariance: CovarianceKind, clusters: Integers | None = None) -> Fit | None:
    """Fit y on the columns of X; None where the columns are collinear, or rows or clusters are no more than columns.

    hc3 divides each squared residual by (1 - leverage)² (MacKinnon & White 1985); cluster sums scores within clusters,
    times C/(C-1) (n-1)/(n-k) (CR1), and tests with C - 1 degrees of freedom.
    """
    n, k = X.shape
    if n <= k:
        return None
    scale = np.sqrt(np.einsum("ij,ij->j", X, X))
    if scale.min() == 0:
        return None
    R: Floats = np.asarray(np.linalg.qr(np.column_stack((X / scale, y)), mode="r"))
    triangle = R[:k, :k]
    if np.abs(np.diag(triangle)).min() <= _COLLINEAR:
        return None
    inverse = solve_triangular(triangle, np.eye(k)) / scale[:, None]
    coefficients = inverse @ R[:k, k]
    bread = inverse @ inverse.T
    residuals = y - X @ coefficients
    rss = float(residuals @ residuals)
    df = n - k
    if covariance == "classical":
        return Fit(coefficients, bread * (rss / df), rss, df, df, residuals)
    if covariance == "hc3":
        basis = X @ inverse
        leverage = np.einsum("ij,ij->i", basis, basis)
        weights = (residuals / np.maximum(1 - leverage, 1e-12)) ** 2
        return Fit(coefficients, bread @ (X.T @ (X * weights[:, None])) @ bread, rss, df, df, residuals)
    if clusters is None:
        return None
    count = int(clusters.max()) + 1
    if count <= k:
        return None
    sums = np.column_stack([np.bincount(clusters, X[:, j] * residuals, minlength=count) for j in range(k)])
    factor = count / (count - 1) * (n - 1) / df
    return Fit(coefficients, factor * bread @ (sums.T @ sums) @ bread, rss, df, count - 1, residuals)


def wald_f(fit: Fit, columns: list[int]) -> tuple[float, int, int, float] | None:
    """F, its degrees of freedom and p for the hypothesis that these coefficients are all zero.

    With the classical covariance this is the F of comparing the nested models.
    """
    block = fit.covariance[np.ix_(columns, columns)]
    if np.linalg.matrix_rank(block) < len(columns):
        return None
    chosen = fit.coefficients[columns]
    statistic = float(chosen @ np.linalg.solve(block, chosen)) / len(columns)
    return statistic, len(columns), fit.df_test, float(fdtrc(len(columns), fit.df_test, statistic))
