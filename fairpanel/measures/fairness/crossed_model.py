"""Selection in the cells of two crossed attributes: additive log odds, with and without an interaction of each cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import chdtri, expit, log_expit

from fairpanel.measures.columns import Booleans, Floats, Integers
from fairpanel.measures.fairness.small_systems import solved

_MAIN_SD = 5.0  # of a main effect's prior, in log odds: free in practice, finite where a level has nobody selected
_MEAN_SD = 20.0
_SPREAD_SD = 1.0  # of the half-normal prior of tau over which pooled rates are averaged
_GRID = np.linspace(0.0, 3.0, 31)  # tau, in log odds
_NODES = np.linspace(-8.0, 8.0, 41)  # standard deviations about a cell's mode: the trapezoid rule to nine digits
_WIDTH = float(_NODES[1] - _NODES[0])
_STEPS, _TOLERANCE, _LONGEST = 60, 1e-9, 3.0
_WIDEST = 60.0


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells with people: the codes of both attributes, people selected and all."""

    row: Integers
    column: Integers
    selected: Floats
    n: Floats

    @property
    def design(self) -> Floats:
        """A column of ones, one for each level of either attribute: exchangeable under relabelling."""
        one = np.ones((self.n.size, 1))
        X: Floats = np.hstack(
            (
                one,
                (self.row[:, None] == np.unique(self.row)[None, :]).astype(np.float64),
                (self.column[:, None] == np.unique(self.column)[None, :]).astype(np.float64),
            )
        )
        return X

    @property
    def precision(self) -> Floats:
        prior = np.full(1 + np.unique(self.row).size + np.unique(self.column).size, _MAIN_SD**-2)
        prior[0] = _MEAN_SD**-2
        return np.asarray(prior)

    def interaction_df(self) -> int:
        """Cells beyond those that the main effects use up."""
        return self.n.size - int(np.linalg.matrix_rank(self.design))

    def left_over(self) -> Floats:
        """What each cell's indicator leaves over beside the main effects: projections, cells by cells."""
        left, size, _ = np.linalg.svd(self.design, full_matrices=False)
        kept = left[:, size > 1e-9 * float(size[0])]
        rest: Floats = np.eye(self.n.size) - kept @ kept.T
        return rest

    def testable(self) -> Booleans:
        """Whether the other cells say what a cell's rate would be without interaction."""
        return np.asarray(np.diag(self.left_over()) > 1e-9)

    def twins(self) -> Booleans:
        """Cells by cells: whether two share one contrast, so that the data cannot say which of them departs."""
        rest = self.left_over()
        size = np.diag(rest)
        same = np.abs(rest**2 - size[:, None] * size[None, :]) < 1e-9
        return np.asarray(same & self.testable()[:, None] & self.testable()[None, :])


@dataclass(frozen=True, slots=True)
class Additive:
    """Fits without interaction, one a row: rates of the cells, residuals over their errors, Pearson's chi-squared."""

    coefficients: Floats
    rates: Floats
    residuals: Floats
    pearson: Floats


def additive(cells: Cells, selected: Floats, start: Floats | None = None) -> Additive:
    """Main effects by Newton's method for several sets of counts (rows) of the same cells at once."""
    X, precision, n = cells.design, cells.precision[:, None], cells.n[:, None]
    p, counts = X.shape[1], selected.T
    products = (X[:, :, None] * X[:, None, :]).reshape(-1, p * p).T

    def information(weight: Floats) -> Floats:
        normal: Floats = products @ weight
        normal[:: p + 1] += precision
        return normal.reshape(p, p, -1)

    beta = np.repeat((np.zeros(p) if start is None else start)[:, None], len(selected), axis=1)
    going = np.arange(len(selected))
    for _ in range(_STEPS):
        current = beta[:, going]
        rates = expit(X @ current)
        slope = X.T @ (counts[:, going] - n * rates) - current * precision
        step = solved(information(n * rates * (1 - rates)), slope[:, None])[:, 0]
        beta[:, going] = current + np.clip(step, -_LONGEST, _LONGEST)
        going = going[np.abs(step).max(axis=0) >= _TOLERANCE]
        if not going.size:
            break
    rates = expit(X @ beta)
    weight = n * rates * (1 - rates)
    inverse = solved(information(weight), np.broadcast_to(np.eye(p)[:, :, None], (p, p, len(selected))))
    leverage = weight * (products.T @ inverse.reshape(p * p, -1))
    rest = counts - n * rates
    residuals = rest / np.sqrt(np.maximum(weight * (1 - leverage), 1e-12))
    return Additive(beta.T, rates.T, residuals.T, (rest**2 / np.maximum(weight, 1e-12)).sum(axis=0))


@dataclass(frozen=True, slots=True)
class Drawn:
    """p values by counts drawn from the additive fit: of Pearson's chi-squared and of each cell's residual."""

    p: float
    cell_p: Floats


def drawn_p(cells: Cells, fit: Additive, draws: int, seed: int) -> Drawn:
    """Parametric bootstrap: every draw is fitted anew, so that what the main effects take up is taken up there, too."""
    rng = np.random.default_rng(seed)
    counts = rng.binomial(cells.n.astype(np.int64), fit.rates[0], size=(draws, cells.n.size)).astype(np.float64)
    again = additive(cells, counts, fit.coefficients[0])
    as_large = again.pearson >= fit.pearson[0] * (1 - 1e-9)
    as_far = np.abs(again.residuals) >= np.abs(fit.residuals[0])[None, :] * (1 - 1e-9)
    return Drawn(
        (1 + int(as_large.sum())) / (draws + 1), np.asarray((1 + as_far.sum(axis=0)) / (draws + 1), dtype=np.float64)
    )


@dataclass(frozen=True, slots=True)
class _Fitted:
    """At one tau: the restricted log likelihood, main effects and their information, and of each cell's interaction given
    its count the mode, mean and variance."""

    tau: float
    criterion: float
    coefficients: Floats
    information: Floats
    modes: Floats
    mean: Floats
    variance: Floats


class Interaction:
    """log odds of a cell = main effects + N(0, tau²), the cells' interactions integrated out one by one."""

    def __init__(self, cells: Cells, fit: Additive) -> None:
        self.cells, self._design, self._precision = cells, cells.design, cells.precision
        self._prior = np.diag(self._precision)
        self._yes, self._no = cells.selected[:, None], (cells.n - cells.selected)[:, None]
        self._at_zero = self._without(fit)
        self._grid = [self._at_zero]
        for tau in _GRID[1:].tolist():
            self._grid.append(self.fitted(tau, self._grid[-1]))
        self.criteria = np.array([each.criterion for each in self._grid])
        self._known: dict[float, float] = {}

    def _without(self, fit: Additive) -> _Fitted:
        cells, X, beta = self.cells, self._design, fit.coefficients[0]
        eta, rates = X @ beta, fit.rates[0]
        information = (X.T * (cells.n * rates * (1 - rates))) @ X + self._prior
        likelihood = float((cells.selected * log_expit(eta) + (cells.n - cells.selected) * log_expit(-eta)).sum())
        zero = np.zeros(cells.n.size)
        return _Fitted(0.0, self._restricted(likelihood, beta, information), beta, information, zero, zero, zero)

    def _restricted(self, likelihood: float, beta: Floats, information: Floats) -> float:
        return likelihood - float(self._precision @ beta**2) / 2 - float(np.linalg.slogdet(information)[1]) / 2

    def fitted(self, tau: float, start: _Fitted) -> _Fitted:
        """Main effects at their restricted maximum for a given tau > 0."""
        X, precision, square = self._design, self._precision, tau**2
        beta, modes = start.coefficients, start.modes
        for _ in range(_STEPS):
            likelihood, modes, mean, variance = self._integrated(X @ beta, tau, modes)
            information = (X.T * ((1 - variance / square) / square)) @ X + self._prior
            step = np.linalg.solve(information, X.T @ (mean / square) - precision * beta)
            if float(np.abs(step).max()) < 1e-7:
                break
            beta = beta + np.clip(step, -_LONGEST, _LONGEST)
        return _Fitted(tau, self._restricted(likelihood, beta, information), beta, information, modes, mean, variance)

    def _integrated(self, eta: Floats, tau: float, start: Floats) -> tuple[float, Floats, Floats, Floats]:
        """Log likelihood, and the mode, mean and variance of each cell's interaction given its count."""
        y, n, square, precision = self.cells.selected, self.cells.n, tau**2, tau**-2
        mode = start
        for _ in range(_STEPS):
            rate = expit(eta + mode)
            expected = n * rate
            step = (y - expected - mode / square) / (expected * (1 - rate) + precision)
            mode = mode + np.clip(step, -_LONGEST, _LONGEST)
            if float(np.abs(step).max()) < 1e-8:
                break
        rate = expit(eta + mode)
        spread = 1 / np.sqrt(n * rate * (1 - rate) + precision)
        at = mode[:, None] + spread[:, None] * _NODES
        theta = eta[:, None] + at
        log_law = self._yes * log_expit(theta) + self._no * log_expit(-theta) - at**2 / (2 * square)
        top = log_law.max(axis=1)
        law = np.exp(log_law - top[:, None])
        total = law.sum(axis=1)
        width = spread * _WIDTH / (tau * math.sqrt(2 * math.pi))
        law /= total[:, None]
        mean = (law * at).sum(axis=1)
        variance = (law * (at - mean[:, None]) ** 2).sum(axis=1)
        return float((top + np.log(total * width)).sum()), mode, mean, variance

    def criterion(self, tau: float) -> float:
        """The restricted log likelihood; the optimisers ask for the same tau again and again."""
        if tau <= 0:
            return self._at_zero.criterion
        if tau not in self._known:
            near = self._grid[min(round(tau / float(_GRID[1])), _GRID.size - 1)]
            self._known[tau] = self.fitted(tau, near).criterion
        return self._known[tau]

    def maximum(self) -> tuple[float, float]:
        """tau by restricted maximum likelihood, and the criterion there."""
        best = int(np.argmax(self.criteria))
        low = float(_GRID[max(best - 1, 0)])
        high = float(_GRID[best + 1]) if best + 1 < _GRID.size else _WIDEST
        found = minimize_scalar(
            lambda tau: -self.criterion(float(tau)), bounds=(low, high), method="bounded", options={"xatol": 1e-5}
        )
        tau, top = float(found.x), -float(found.fun)
        return (0.0, self._at_zero.criterion) if self._at_zero.criterion >= top else (tau, top)

    def limits(self, tau: float, top: float, confidence: float) -> tuple[float, float]:
        """Profile likelihood: the tau whose criterion lies within half a chi-squared quantile of the maximum."""
        least = top - float(chdtri(1, 1 - confidence)) / 2

        def above(at: float) -> float:
            return self.criterion(at) - least

        low = 0.0 if above(0.0) >= 0 else float(brentq(above, 0.0, tau, xtol=1e-6))
        high = max(2 * tau, 0.5)
        while above(high) > 0:
            high *= 2
            if high > _WIDEST:
                return low, math.inf
        return low, float(brentq(above, tau, high, xtol=1e-6))

    def pooled(self) -> tuple[Floats, Floats]:
        """Log odds of each cell and its variance, averaged over what the data leave open of tau."""
        prior = -((_GRID / _SPREAD_SD) ** 2) / 2
        weight = np.exp(self.criteria - self.criteria.max() + prior)
        weight[0] /= 2
        weight /= weight.sum()
        log_odds, variance = (np.stack(each) for each in zip(*map(self._cells_of, self._grid), strict=True))
        mean: Floats = weight @ log_odds
        return mean, np.asarray(weight @ (variance + (log_odds - mean) ** 2))

    def _cells_of(self, fit: _Fitted) -> tuple[Floats, Floats]:
        """Log odds of each cell at one tau, and its variance with that of the main effects."""
        X = self._design
        of_main = np.einsum("ij,ij->i", X @ np.linalg.inv(fit.information), X)
        taken_up = fit.variance / fit.tau**2 if fit.tau else np.ones(of_main.size)
        return X @ fit.coefficients + fit.mean, fit.variance + taken_up**2 * of_main

    def residual_eigenvalues(self, rates: Floats) -> Floats:
        """Information about interactions beyond the main effects: Pearson's chi-squared is a sum of 1 + tau² of these."""
        X, weight = self._design, self.cells.n * rates * (1 - rates)
        root = X * np.sqrt(weight)[:, None]
        left = np.eye(weight.size) - root @ np.linalg.pinv(root)
        scaled = np.sqrt(weight)[:, None] * left * np.sqrt(weight)[None, :]
        values = np.linalg.eigvalsh(scaled)
        return np.asarray(values[-self.cells.interaction_df() :])
