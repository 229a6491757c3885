"""The correlation matrix of normal scores of which later stages exist for fewer and fewer candidates.

Maximum likelihood when values are missing at random given those observed. Where the stages are nested (everyone with a
later score has all earlier ones) the likelihood factors into regressions and the answer is exact and closed (Anderson
1957); otherwise it is found by EM (Dempster, Laird & Rubin 1977). Both need the data only through the means and
products of each pattern of missing values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, lapack

from fairpanel.measures.columns import Booleans, Floats, Integers

_TOLERANCE = 1e-9
_MOST_ITERATIONS = 5000


@dataclass(frozen=True, slots=True)
class NormalFit:
    """A covariance matrix as regressions of each column on those before it, with the parameters' covariance.

    order says which column of the data stands where; slopes is strictly lower triangular; parameters are the slopes
    row by row, each row followed by the logarithm of its residual variance. degrees_of_freedom are those of the
    regressions, where they are separate (nested stages).
    """

    order: list[int]
    slopes: Floats
    residual_variances: Floats
    parameter_covariance: Floats
    degrees_of_freedom: list[int] | None
    method: str
    iterations: int
    converged: bool

    def covariance(self) -> Floats:
        return _covariance(self.slopes, self.residual_variances)

    def correlation(self, first: int, second: int) -> float:
        """Of two columns of the data."""
        return _correlation(self.covariance(), self.order.index(first), self.order.index(second))

    def fisher_z_error(self, first: int, second: int) -> float:
        """Standard error of the correlation's Fisher z by the delta method."""
        i, j = self.order.index(first), self.order.index(second)
        start = _pack(self.slopes, self.residual_variances)
        size = len(self.order)
        gradient = np.empty(start.size)
        for k in range(start.size):
            step = 1e-5 * max(1.0, abs(start[k]))
            ends = []
            for direction in (1, -1):
                moved = start.copy()
                moved[k] += direction * step
                ends.append(math.atanh(_correlation(_covariance(*_unpack(moved, size)), i, j)))
            gradient[k] = (ends[0] - ends[1]) / (2 * step)
        return math.sqrt(float(gradient @ self.parameter_covariance @ gradient))

    def correlation_bias(self, first: int, second: int) -> float:
        """How far the estimated correlation lies from the true one in the mean, to the order 1/n.

        Half the second derivatives times the parameters' covariance, and the bias of the logarithm of each residual
        variance, which regression on j columns with the divisor n puts at -(j + 2) / df, df = 2 / its variance.
        """
        i, j = self.order.index(first), self.order.index(second)
        start, size = _pack(self.slopes, self.residual_variances), len(self.order)

        def at(*moves: tuple[int, float]) -> float:
            moved = start.copy()
            for parameter, step in moves:
                moved[parameter] += step
            return _correlation(_covariance(*_unpack(moved, size)), i, j)

        steps = 1e-4 * np.maximum(1.0, np.abs(start))
        bias, middle = 0.0, at()
        for k in range(start.size):
            up, down = at((k, steps[k])), at((k, -steps[k]))
            bias += (up - 2 * middle + down) / steps[k] ** 2 * self.parameter_covariance[k, k] / 2
            for m in range(k):
                if self.parameter_covariance[k, m]:
                    corners = [at((k, a * steps[k]), (m, b * steps[m])) * a * b for a in (1, -1) for b in (1, -1)]
                    bias += sum(corners) / (4 * steps[k] * steps[m]) * self.parameter_covariance[k, m]
        place = -1
        for row in range(size):
            place += row + 1
            slope = (at((place, steps[place])) - at((place, -steps[place]))) / (2 * steps[place])
            bias -= slope * (row + 2) * self.parameter_covariance[place, place] / 2
        return float(bias)

    def plausible_correlations(self, first: int, second: int, draws: int, rng: np.random.Generator) -> Floats | None:
        """Correlations drawn from the regressions' joint fiducial (and reference posterior) law; None without it.

        Each residual variance is its residual sum of squares over a chi-squared number, the slopes are normal given
        it, all regressions independent (Little & Rubin 2002, § 7.4.3). Quantiles of the draws keep their level with
        few hired people, where the delta method's symmetric interval does not.
        """
        if self.degrees_of_freedom is None:
            return None
        i, j = self.order.index(first), self.order.index(second)
        size = len(self.order)
        inverse = np.broadcast_to(np.eye(size), (draws, size, size)).copy()
        variances = np.empty((draws, size))
        at = 0
        for row, df in enumerate(self.degrees_of_freedom):
            inflation = df / rng.chisquare(df, draws)
            variances[:, row] = self.residual_variances[row] * (df + row + 1) / df * inflation
            if row:
                block = self.parameter_covariance[at : at + row, at : at + row]
                noise = rng.standard_normal((draws, row)) @ cholesky(block, lower=True).T
                slopes = self.slopes[row, :row] + noise * np.sqrt(inflation)[:, None]
                inverse[:, row, :row] = np.einsum("dk,dkl->dl", slopes, inverse[:, :row, :row])
            at += row + 1
        weighted = inverse * variances[:, None, :]
        covariance = np.einsum("dk,dk->d", weighted[:, i], inverse[:, j])
        spread = np.einsum("dk,dk->d", weighted[:, i], inverse[:, i]) * np.einsum(
            "dk,dk->d", weighted[:, j], inverse[:, j]
        )
        correlations: Floats = covariance / np.sqrt(spread)
        return correlations


def fit_normal(values: Floats) -> NormalFit | None:
    """Fit columns with NaN where missing; None where a column is constant or too rarely observed beside the others.

    The columns are brought to mean 0 and unit spread first: slopes and variances are in those units, correlations are
    not affected.
    """
    seen = ~np.isnan(values)
    spread = np.array([np.nanstd(values[:, j]) if seen[:, j].sum() > 1 else 0.0 for j in range(values.shape[1])])
    centre = np.array([np.nanmean(values[:, j]) if seen[:, j].any() else 0.0 for j in range(values.shape[1])])
    if np.any(spread <= 1e-13 * np.abs(centre)):
        return None
    order = sorted(range(values.shape[1]), key=lambda j: -int(seen[:, j].sum()))
    sorted_values = ((values - centre) / spread)[:, order]
    masks = seen[:, order]
    nested = all(not np.any(masks[:, j] & ~masks[:, j - 1]) for j in range(1, len(order)))
    return _factored(sorted_values, masks, order) if nested else _expectation_maximisation(sorted_values, masks, order)


def _factored(values: Floats, seen: Booleans, order: list[int]) -> NormalFit | None:
    size = len(order)
    slopes, variances = np.zeros((size, size)), np.zeros(size)
    blocks: list[Floats] = []
    degrees: list[int] = []
    for j in range(size):
        rows = values[seen[:, j], : j + 1]
        n, df = rows.shape[0], rows.shape[0] - j - 1
        if df < 1:
            return None
        centred = rows - rows.mean(axis=0)
        products = centred.T @ centred
        block = np.zeros((j + 1, j + 1))
        rss = float(products[j, j])
        if j:
            before = products[:j, :j]
            if np.linalg.matrix_rank(before, hermitian=True) < j:
                return None
            slopes[j, :j] = np.linalg.solve(before, products[:j, j])
            rss -= float(slopes[j, :j] @ products[:j, j])
            block[:j, :j] = np.linalg.inv(before) * (max(rss, 0.0) / df)
        if rss <= 1e-12 * float(products[j, j]) or products[j, j] <= 0:
            return None
        variances[j] = rss / n
        block[j, j] = 2 / df
        blocks.append(block)
        degrees.append(df)
    return NormalFit(order, slopes, variances, _block_diagonal(blocks), degrees, "closed form (nested stages)", 0, True)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Rows that miss the same columns: which are seen, how many rows, their mean and their mean products.

    both: the places in a matrix of all columns where row and column are seen.
    """

    seen: Integers
    both: tuple[Integers, ...]
    n: int
    mean: Floats
    scatter: Floats


def _patterns(values: Floats, seen: Booleans) -> list[_Pattern]:
    codes = seen @ (1 << np.arange(seen.shape[1]))
    found = []
    for code in np.unique(codes):
        if not code:
            continue
        columns = np.flatnonzero(code >> np.arange(seen.shape[1]) & 1)
        rows = values[codes == code][:, columns]
        mean = rows.mean(axis=0)
        scatter = (rows - mean).T @ (rows - mean) / rows.shape[0]
        found.append(_Pattern(columns, np.ix_(columns, columns), rows.shape[0], mean, scatter))
    return found


def _expectation_maximisation(values: Floats, seen: Booleans, order: list[int]) -> NormalFit | None:
    size = len(order)
    patterns = _patterns(values, seen)
    together = np.zeros((size, size), dtype=np.int64)
    for pattern in patterns:
        together[pattern.both] += pattern.n
    if together.min() < size + 2:
        return None
    n = sum(pattern.n for pattern in patterns)
    mean, covariance = np.zeros(size), np.eye(size)
    iterations, converged = 0, False
    while iterations < _MOST_ITERATIONS and not converged:
        iterations += 1
        first, second = np.zeros(size), np.zeros((size, size))
        for pattern in patterns:
            regression = covariance[:, pattern.seen] @ np.linalg.inv(covariance[pattern.both])
            expected = mean + regression @ (pattern.mean - mean[pattern.seen])
            unexplained = covariance - regression @ covariance[pattern.seen, :]
            first += pattern.n * expected
            second += pattern.n * (
                regression @ pattern.scatter @ regression.T + np.outer(expected, expected) + unexplained
            )
        new_mean = first / n
        new_covariance = second / n - np.outer(new_mean, new_mean)
        change = max(float(np.abs(new_mean - mean).max()), float(np.abs(new_covariance - covariance).max()))
        mean, covariance, converged = new_mean, (new_covariance + new_covariance.T) / 2, change < _TOLERANCE
    slopes, variances = np.zeros((size, size)), np.zeros(size)
    for j in range(size):
        if j:
            slopes[j, :j] = np.linalg.solve(covariance[:j, :j], covariance[:j, j])
        variances[j] = covariance[j, j] - slopes[j, :j] @ covariance[:j, j]
    if variances.min() <= 1e-10:
        return None
    information = _observed_information(patterns, mean, _pack(slopes, variances))
    try:
        inverse: Floats = np.asarray(np.linalg.inv(information)[size:, size:], dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    if np.any(np.diag(inverse) <= 0):
        return None
    return NormalFit(order, slopes, variances, inverse, None, "EM (stages not nested)", iterations, converged)


def _observed_information(patterns: list[_Pattern], mean: Floats, parameters: Floats) -> Floats:
    """Minus the second derivatives of the log-likelihood, by central differences."""
    size = mean.size
    start = np.concatenate((mean, parameters))

    def negative(at: Floats) -> float:
        covariance = _covariance(*_unpack(at[size:], size))
        total = 0.0
        for pattern in patterns:
            factor, failed = lapack.dpotrf(covariance[pattern.both], lower=1)
            if failed:
                raise np.linalg.LinAlgError("a pattern's covariance matrix is not positive definite")
            gap = pattern.mean - at[pattern.seen]
            standard, _ = lapack.dpotrs(factor, pattern.scatter + np.outer(gap, gap), lower=1)
            total += pattern.n * (float(np.log(factor.diagonal()).sum()) + float(standard.trace()) / 2)
        return total

    steps = 1e-4 * np.eye(start.size)
    information = np.empty((start.size, start.size))
    for i in range(start.size):
        for j in range(i + 1):
            corners = [negative(start + a * steps[i] + b * steps[j]) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            information[i, j] = information[j, i] = (corners[0] - corners[1] - corners[2] + corners[3]) / 4e-8
    return information


def _covariance(slopes: Floats, variances: Floats) -> Floats:
    """Of columns that are linear in those before them: (I - B)⁻¹ D (I - B)⁻ᵀ."""
    inverse = np.linalg.inv(np.eye(variances.size) - slopes)
    covariance: Floats = inverse @ np.diag(variances) @ inverse.T
    return covariance


def _correlation(covariance: Floats, i: int, j: int) -> float:
    return float(covariance[i, j] / math.sqrt(covariance[i, i] * covariance[j, j]))


def _pack(slopes: Floats, variances: Floats) -> Floats:
    return np.concatenate([np.append(slopes[j, :j], math.log(variances[j])) for j in range(variances.size)])


def _unpack(parameters: Floats, size: int) -> tuple[Floats, Floats]:
    slopes, variances, at = np.zeros((size, size)), np.zeros(size), 0
    for j in range(size):
        slopes[j, :j] = parameters[at : at + j]
        variances[j] = math.exp(parameters[at + j])
        at += j + 1
    return slopes, variances


def _block_diagonal(blocks: list[Floats]) -> Floats:
    whole = np.zeros((sum(len(block) for block in blocks),) * 2)
    at = 0
    for block in blocks:
        whole[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return whole
