"""Conditional maximum likelihood: each candidate's total is given, so candidates drop out of the likelihood.

    P(x_i | total r_i) = exp(sum_j −x_ij delta_ij + kappa) / gamma_{r_i}(delta_i)

gamma_r is the elementary symmetric function of a candidate's own ratings: the coefficient of z^r in the product of
their category polynomials. It is taken as a finite Fourier sum over the polynomials at the unit circle, tilted to the
candidate's own measure, where the coefficient sought is the largest: exact to rounding, without differences of large
numbers, for any set of raters and competencies a candidate has met. No distribution of candidates is assumed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fairpanel.measures.estimate import MeasureInputError
from fairpanel.measures.raters.rasch.category_model import Steps, probabilities, unit_measures
from fairpanel.measures.raters.rasch.design import Design
from fairpanel.measures.raters.rasch.likelihood_blocks import Block, Likelihood, add_statistics, block_terms, blocks
from fairpanel.measures.raters.rasch.newton import Solution, maximise

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SMALLEST_MASS = 1e-13
"""A total of smaller probability at its own tilt is lost in rounding; only trial steps that are too long come there."""
MOST_WORK = 500_000_000
"""Complex numbers per evaluation beyond which the method is refused: about a minute."""


class _Evaluation:
    """The likelihood of candidates with more than one rating and no extreme total."""

    def __init__(self, design: Design, steps: Steps) -> None:
        self.design, self.steps = design, steps
        self.largest = int(np.bincount(design.unit).max()) * design.top
        self.blocks = blocks(design, steps, self.largest // 2 + 1)
        self.tilt: FloatArray | None = None

    def __call__(self, parameters: FloatArray) -> Likelihood:
        own = self.design.parameters
        beta, kappa = parameters[:own], parameters[own:]
        self.tilt = unit_measures(self.design, self.steps, beta, kappa, self.tilt)[0]
        total = Likelihood(0.0, np.zeros(parameters.size + 1), np.zeros((parameters.size + 1,) * 2))
        table = self.steps.table(kappa)
        for block in self.blocks:
            self._add(block, beta, table, total)
        total.gradient = total.gradient[:-1]
        total.information = total.information[:-1, :-1]
        return total

    def _add(self, block: Block, beta: FloatArray, table: FloatArray, total: Likelihood) -> None:
        tilt = np.zeros(block.unit.size) if self.tilt is None else self.tilt[block.unit]
        severity = beta[block.levels].sum(axis=0)
        logits = np.moveaxis(table[block.group], 2, 0)
        score = block.score.sum(axis=1)
        for _ in range(8):
            p, normaliser = probabilities(tilt[:, None] - severity, logits)
            points = block.score.shape[1] * self.design.top + 1
            points += 1 - points % 2
            angle = 2 * np.pi / points * np.arange(points // 2 + 1)
            turns = np.exp(1j * np.outer(np.arange(p.shape[0]), angle))
            at_node = p[..., None] * turns[:, None, None, :]
            factor = at_node.sum(axis=0)
            small = np.abs(factor).min(axis=(1, 2)) < 1e-5  # a root of a polynomial on the circle: take another circle
            if not small.any():
                break
            tilt = tilt + 0.1 * small
        at_node /= factor
        spin = np.exp(-1j * score[:, None] * angle) * factor.prod(axis=1)
        spin[:, 1:] *= 2
        mass = np.maximum(spin.real.sum(axis=1), _SMALLEST_MASS)
        log_gamma = normaliser.sum(axis=1) - tilt * score + np.log(mass / points)
        own = np.take_along_axis(logits, block.score[None], axis=0)[0]
        total.value += float(np.sum(own - severity * block.score) - np.sum(log_gamma))
        average, information, _ = block_terms(block, at_node, spin / mass[:, None], -1.0)
        place = np.where(block.place == self.design.parameters + self.steps.free, total.gradient.size - 1, block.place)
        add_statistics(total, place, block.statistics - average, information)


def _work(design: Design) -> float:
    """Complex numbers per evaluation."""
    size = np.bincount(design.unit).astype(np.float64)
    categories = design.top + 1
    return float(np.sum(size**2)) * design.top * categories * (1 + categories / 8) / 2


def too_long(design: Design) -> bool:
    """Whether `fit_conditional` would refuse the design."""
    return _work(design) > MOST_WORK


def fit_conditional(design: Design, steps: Steps, *, start: FloatArray, free: IntArray, sums: FloatArray) -> Solution:
    """Maximise the conditional likelihood of a design without extreme candidates.

    Raises
    ------
    MeasureInputError
        Candidates have so many ratings and categories that the sums would take too long.
    """
    if too_long(design):
        raise MeasureInputError(
            f"conditional estimation would take {_work(design):.2g} operations a step for candidates with up to "
            f"{int(np.bincount(design.unit).max())} ratings in {design.top + 1} categories: use estimation mml"
        )
    wide = np.zeros((start.size, sums.shape[1]))
    wide[: sums.shape[0]] = sums
    return maximise(_Evaluation(design, steps), start, free, wide)
