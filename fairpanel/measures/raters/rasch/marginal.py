"""Marginal maximum likelihood: candidates are normal, facets are fixed parameters.

    theta[i] ~ N(mu[subset of i], sigma²),      log L = sum_i log ∫ prod_j P(x_ij | theta) dN(theta)

The integral is taken by Gauss-Hermite quadrature, centred and scaled for each candidate by the posterior mean and
standard deviation of the step before (adaptive quadrature; Pinheiro & Bates 1995). Each subset of candidates that no
rater links to another has a mean of its own, so that nothing is compared across.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from fairpanel.measures.raters.rasch.category_model import Steps, facet_sum, moments, probabilities
from fairpanel.measures.raters.rasch.design import Design
from fairpanel.measures.raters.rasch.likelihood_blocks import Block, Likelihood, add_statistics, block_terms, blocks
from fairpanel.measures.raters.rasch.newton import Solution, maximise

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SMALLEST_SD = 1e-3
_REPLACE = 0.02
"""Nodes stay where they are once no parameter moves by more, so that the likelihood is one smooth function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginalFit:
    """Parameters in the order levels, kappa, means of the candidates' subsets, log standard deviation."""

    solution: Solution
    mean: FloatArray
    sd: float
    sd_error: float
    boundary: bool
    posterior_mean: FloatArray
    posterior_sd: FloatArray


class _Evaluation:
    """The likelihood; remembers where each candidate's posterior lies."""

    def __init__(self, design: Design, steps: Steps, subset: IntArray, nodes: int) -> None:
        self.design, self.steps, self.subset = design, steps, subset
        self.subsets = int(subset.max(initial=-1)) + 1
        self.blocks = blocks(design, steps, nodes)
        z, w = np.polynomial.hermite_e.hermegauss(nodes)
        self.z, self.log_w = z, np.log(w) - 0.5 * np.log(2 * np.pi) + z**2 / 2
        self.centre = np.zeros(len(design.unit_labels))
        self.width = np.ones(len(design.unit_labels))
        self.next: tuple[FloatArray, FloatArray] = (self.centre, self.width)
        self.placed_at: FloatArray | None = None

    def __call__(self, parameters: FloatArray) -> Likelihood:
        """Value, gradient and information; one place more than parameters takes what has none."""
        own = self.design.parameters + self.steps.free
        beta, kappa = parameters[: self.design.parameters], parameters[self.design.parameters : own]
        mean = parameters[own : own + self.subsets][self.subset]
        sd = max(float(np.exp(parameters[-1])), _SMALLEST_SD)
        if self.placed_at is None:
            self._modes(beta, kappa, mean, sd)
            self.placed_at = parameters.copy()
        elif float(np.max(np.abs(parameters - self.placed_at))) > _REPLACE:
            self.centre, self.width = self.next
            self.placed_at = parameters.copy()
        self.next = (self.centre.copy(), self.width.copy())
        total = Likelihood(0.0, np.zeros(parameters.size + 1), np.zeros((parameters.size + 1,) * 2))
        table = self.steps.table(kappa)
        for block in self.blocks:
            self._add(block, beta, table, mean, sd, total)
        total.gradient = total.gradient[:-1]
        total.information = total.information[:-1, :-1]
        return total

    def _add(
        self, block: Block, beta: FloatArray, table: FloatArray, mean: FloatArray, sd: float, total: Likelihood
    ) -> None:
        unit = block.unit
        severity = beta[block.levels].sum(axis=0)
        logits = np.moveaxis(table[block.group], 2, 0)
        theta = self.centre[unit][:, None] + self.width[unit][:, None] * self.z
        p, normaliser = probabilities(theta[:, None, :] - severity[:, :, None], logits[..., None])
        deviation = (theta - mean[unit][:, None]) / sd
        score = block.score.sum(axis=1)
        psi = (
            theta * score[:, None]
            - normaliser.sum(axis=1)
            - deviation**2 / 2
            - np.log(sd)
            + np.log(self.width[unit])[:, None]
            + self.log_w
        )
        each = logsumexp(psi, axis=1)
        weight = np.exp(psi - each[:, None])
        own = np.take_along_axis(logits, block.score[None], axis=0)[0]
        total.value += float(np.sum(each) + np.sum(own - severity * block.score))
        average, information, t = block_terms(block, p, weight, 1.0)
        extra = np.stack([-deviation / sd, 1 - deviation**2], axis=1)  # the sign of -t, as observed minus expected
        extra_average = (extra * weight[:, None, :]).sum(axis=2)
        size = block.place.shape[1]
        whole = np.zeros((unit.size, size + 2, size + 2))
        whole[:, :size, :size] = information
        mixed = ((t * weight[:, None, :]) @ np.swapaxes(extra, 1, 2)) - average[:, :, None] * extra_average[:, None, :]
        whole[:, :size, size:] = -mixed
        whole[:, size:, :size] = -np.swapaxes(mixed, 1, 2)
        spread = ((extra * weight[:, None, :]) @ np.swapaxes(extra, 1, 2)) - (
            extra_average[:, :, None] * extra_average[:, None, :]
        )
        first, second = ((deviation**power * weight).sum(axis=1) for power in (1, 2))
        whole[:, size, size] = 1 / sd**2
        whole[:, size, size + 1] = whole[:, size + 1, size] = 2 * first / sd
        whole[:, size + 1, size + 1] = 2 * second
        whole[:, size:, size:] -= spread
        last = total.gradient.size - 2
        place = np.column_stack(
            [block.place, last - self.subsets + self.subset[unit], np.full(unit.size, last, dtype=np.int64)]
        )
        place[:, :size][block.place == self.design.parameters + self.steps.free] = last + 1
        gradient = np.column_stack([block.statistics - average, -extra_average])
        add_statistics(total, place, gradient, whole)
        centre = (theta * weight).sum(axis=1)
        variance = (theta**2 * weight).sum(axis=1) - centre**2
        self.next[0][unit] = centre
        self.next[1][unit] = np.sqrt(np.maximum(variance, 1e-8))

    def _modes(self, beta: FloatArray, kappa: FloatArray, mean: FloatArray, sd: float) -> None:
        """Posterior modes and curvatures, where quadrature starts."""
        unit, units = self.design.unit, self.centre.size
        base = -facet_sum(self.design, beta)
        logits = self.steps.table(kappa)[self.design.group].T
        score = np.bincount(unit, self.design.score, minlength=units)
        theta = mean.copy()
        information = np.full(units, 1 / sd**2)
        for _ in range(8):
            expected, variance = moments(probabilities(base + theta[unit], logits)[0])
            information = np.bincount(unit, variance, minlength=units) + 1 / sd**2
            slope = score - np.bincount(unit, expected, minlength=units) - (theta - mean) / sd**2
            theta += np.clip(slope / information, -1, 1)
        self.centre, self.width = theta, 1 / np.sqrt(information)


def fit_marginal(
    design: Design,
    steps: Steps,
    *,
    start: FloatArray,
    free: IntArray,
    sums: FloatArray,
    unit_subset: IntArray,
    nodes: int,
) -> MarginalFit:
    """Maximise the marginal likelihood.

    start : levels and kappa. free : places among them that are estimated. sums : conditions on the levels.
    unit_subset : per candidate. nodes : quadrature points.
    """
    evaluation = _Evaluation(design, steps, unit_subset, nodes)
    extra = evaluation.subsets + 1
    wide = np.zeros((start.size + extra, sums.shape[1]))
    wide[: sums.shape[0]] = sums
    places = np.r_[free, start.size + np.arange(extra)]
    solution = maximise(evaluation, np.r_[start, np.zeros(extra)], places, wide)
    boundary = bool(np.exp(solution.parameters[-1]) < 10 * _SMALLEST_SD)
    return MarginalFit(
        solution=solution,
        mean=solution.parameters[start.size : -1],
        sd=float(np.exp(solution.parameters[-1])),
        sd_error=float(np.exp(solution.parameters[-1]) * np.sqrt(max(solution.covariance[-1, -1], 0.0))),
        boundary=boundary,
        posterior_mean=evaluation.next[0],
        posterior_sd=evaluation.next[1],
    )
