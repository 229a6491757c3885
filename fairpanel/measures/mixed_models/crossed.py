"""Scores as intercept + unit + rater + residual: the restricted likelihood and its derivatives.

With relative variances γ (component over residual variance) the covariance is σ² V with
V = I + γ_u Z_u Z_u' + γ_r Z_r Z_r'.
The factor with more levels is eliminated analytically (its block is diagonal). What remains is a dense matrix of the
kept factor, A = I + γ_kept S, where S depends on the eliminated factor only through the counts of its levels: levels
with the same count share one fixed co-occurrence matrix, so that an evaluation is a weighted sum of those matrices and
one Cholesky factorisation. No unit × rater matrix is ever dense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from fairpanel.measures.mixed_models.crossed_layout import Layout, layout_of
from fairpanel.measures.mixed_models.threads import with_one_blas_thread

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

UNIT, RATER = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossedDesign:
    """Sufficient statistics of scores in a unit × rater design.

    eliminated : UNIT or RATER, the factor with more levels.
    incidence : ratings per (eliminated, kept) level pair, sparse.
    count_e, count_k, total_e, total_k : ratings and sums of centred scores per level.
    count_class, class_count : the distinct counts of eliminated levels and each level's place among them.
    cooccurrence : column c, reshaped to kept × kept (upper triangle), sums the outer products of the incidence rows
        with the c-th distinct count.
    cooccurrence_diagonal : those columns' diagonals, kept × classes.
    parts : kept levels of each connected part of the design, ascending, where there are several: the kept factor's
        matrix is zero between parts, so that each is factored by itself. Empty for a design in one part.
    """

    eliminated: int
    n: int
    centre: float
    sum_squares: float
    incidence: Any
    count_e: FloatArray
    count_k: FloatArray
    total_e: FloatArray
    total_k: FloatArray
    count_class: IntArray
    class_count: FloatArray
    cooccurrence: Any
    cooccurrence_diagonal: FloatArray
    parts: tuple[IntArray, ...]
    layout: Layout

    @property
    def kept_levels(self) -> int:
        return int(self.count_k.size)


def crossed_design(unit: IntArray, rater: IntArray, score: FloatArray, /) -> CrossedDesign:
    """Codes (from 0, every level present) and scores as the statistics the likelihood needs."""
    units, raters = int(unit.max()) + 1, int(rater.max()) + 1
    eliminated = UNIT if units >= raters else RATER
    e, k, levels_e, levels_k = (unit, rater, units, raters) if eliminated == UNIT else (rater, unit, raters, units)
    centre = float(score.mean())
    y = score - centre
    layout = layout_of(e, k, levels_e, levels_k)
    return CrossedDesign(
        eliminated=eliminated,
        n=int(y.size),
        centre=centre,
        sum_squares=float(y @ y),
        incidence=layout.incidence,
        count_e=layout.count_e,
        count_k=layout.count_k,
        total_e=np.bincount(e, weights=y, minlength=levels_e).astype(np.float64),
        total_k=np.bincount(k, weights=y, minlength=levels_k).astype(np.float64),
        count_class=layout.count_class,
        class_count=layout.class_count,
        cooccurrence=layout.cooccurrence,
        cooccurrence_diagonal=layout.cooccurrence_diagonal,
        parts=layout.parts,
        layout=layout,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the likelihood needs of the kept factor's matrix A.

    solve : x ↦ A⁻¹ x. log_det : of A; None where it was not computed. diagonal : of A⁻¹.
    leverage : per eliminated level, its incidence row times A⁻¹ times the row, on demand.
    trace_kept : tr(A⁻¹ S). trace_lost : Σ shrink² leverage over the eliminated levels.
    """

    solve: Callable[[FloatArray], FloatArray]
    log_det: float | None
    diagonal: FloatArray
    leverage: Callable[[], FloatArray]
    trace_kept: float
    trace_lost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """The restricted likelihood at one (γ_unit, γ_rater); pairs are ordered unit, rater.

    log_det : log |V| + log(1' V⁻¹ 1); None where it was not computed. rss : y' P y.
    traces : tr(Z' P Z). quadratics : y' P Z Z' P y. curvature : y' P V_k P V_l P y, both per component.
    effects : Z' P y per component; times γ they are the predicted effects.
    ones : Z' V⁻¹ 1 per component. information : 1' V⁻¹ 1. kept : the kept factor's matrix.
    """

    gamma: FloatArray
    n: int
    log_det: float | None
    rss: float
    intercept: float
    information: float
    traces: FloatArray
    quadratics: FloatArray
    curvature: FloatArray
    effects: tuple[FloatArray, FloatArray]
    ones: tuple[FloatArray, FloatArray]
    kept: Kept

    @property
    def variance(self) -> float:
        """The residual variance that maximises the likelihood at this γ."""
        return self.rss / (self.n - 1)

    @property
    def criterion(self) -> float:
        """The REML criterion (−2 log restricted likelihood, as lme4 counts it), residual variance profiled out."""
        return self.criterion_at(self.variance)

    def criterion_at(self, variance: float) -> float:
        """The REML criterion at this γ and a residual variance of choice."""
        if self.log_det is None:
            raise ArithmeticError("this likelihood was evaluated without its determinant")
        return self.log_det + (self.n - 1) * float(np.log(2 * np.pi * variance)) + self.rss / variance

    def gradient(self) -> FloatArray:
        """Of the criterion, in γ."""
        return self.traces - self.quadratics / self.variance

    def average_information(self) -> FloatArray:
        """Of the criterion, in γ: the mean of observed and expected information (Gilmour et al. 1995)."""
        profiled = self.quadratics[:, None] * self.quadratics / self.rss
        return np.asarray((self.curvature - profiled) / self.variance)


@with_one_blas_thread
def evaluate(design: CrossedDesign, gamma: FloatArray, /, *, single: bool = False) -> Likelihood:
    """The restricted likelihood and its derivatives at relative variances (γ_unit, γ_rater) >= 0.

    single : factor in single precision, in half the time and to about five digits: enough for a search's first steps.
    """
    gamma_e, gamma_k = float(gamma[design.eliminated]), float(gamma[1 - design.eliminated])
    shrink = 1 / (1 + gamma_e * design.class_count)
    factor, inverse, log_det = _factor(design, gamma_e * shrink, gamma_k, single=single)
    diagonal = inverse.diagonal()
    by_class = 2 * (design.layout.cooccurrence_t @ inverse.T.reshape(-1)) - design.cooccurrence_diagonal.T @ diagonal
    kept = Kept(
        solve=_solver(factor),
        log_det=log_det,
        diagonal=diagonal,
        leverage=lambda: _leverage(design, inverse),
        trace_kept=float(design.count_k @ diagonal - (gamma_e * shrink) @ by_class),
        trace_lost=float(shrink**2 @ by_class),
    )
    return assemble(design, gamma, kept)


def assemble(design: CrossedDesign, gamma: FloatArray, kept: Kept, /) -> Likelihood:
    """The likelihood from the kept factor's matrix."""
    first = design.eliminated
    gamma_e, gamma_k = float(gamma[first]), float(gamma[1 - first])
    shrink = 1 / (1 + gamma_e * design.count_e)
    project = _projection(design, gamma_e * shrink, shrink, gamma_k, kept.solve)
    ones_e, ones_k, y_e, y_k = project(design.count_e, design.count_k, design.total_e, design.total_k)
    information = float(ones_e.sum())
    intercept = float(y_e.sum()) / information
    effect_e, effect_k = y_e - intercept * ones_e, y_k - intercept * ones_k
    rss = _squares(design, gamma_e, gamma_k, y_e, y_k) - intercept**2 * information
    trace_k = kept.trace_kept - float(ones_k @ ones_k) / information
    trace_e = float(design.count_e @ shrink - gamma_k * kept.trace_lost - ones_e @ ones_e / information)

    half_ee, half_ek, half_ke, half_kk = project(
        design.count_e * effect_e,
        design.layout.incidence_t @ effect_e,
        design.incidence @ effect_k,
        design.count_k * effect_k,
    )
    mean_e, mean_k = half_ee.sum() / information, half_ke.sum() / information
    cross = effect_k @ (half_ek - mean_e * ones_k)
    curve_e, curve_k = effect_e @ (half_ee - mean_e * ones_e), effect_k @ (half_kk - mean_k * ones_k)
    squares_e, squares_k = effect_e @ effect_e, effect_k @ effect_k
    unit_first = first == UNIT
    return Likelihood(
        gamma=np.array([gamma[UNIT], gamma[RATER]], dtype=np.float64),
        n=design.n,
        log_det=None
        if kept.log_det is None
        else kept.log_det - float(np.log(shrink).sum()) + float(np.log(information)),
        rss=max(rss, np.finfo(np.float64).tiny),
        intercept=design.centre + intercept,
        information=information,
        traces=np.array([trace_e, trace_k] if unit_first else [trace_k, trace_e]),
        quadratics=np.array([squares_e, squares_k] if unit_first else [squares_k, squares_e]),
        curvature=np.array(
            [[curve_e, cross], [cross, curve_k]] if unit_first else [[curve_k, cross], [cross, curve_e]]
        ),
        effects=(effect_e, effect_k) if unit_first else (effect_k, effect_e),
        ones=(ones_e, ones_k) if unit_first else (ones_k, ones_e),
        kept=kept,
    )


def _projection(
    design: CrossedDesign,
    weight: FloatArray,
    shrink: FloatArray,
    gamma_k: float,
    solve: Callable[[FloatArray], FloatArray],
) -> Callable[..., tuple[FloatArray, FloatArray, FloatArray, FloatArray]]:
    """From Z_e' x and Z_k' x, for two x at once, to Z_e' V⁻¹ x and Z_k' V⁻¹ x."""
    incidence, incidence_t = design.incidence, design.layout.incidence_t
    held, solved = np.empty((weight.size, 2)), np.empty((design.kept_levels, 2))

    def project(
        first_e: FloatArray, first_k: FloatArray, second_e: FloatArray, second_k: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        np.multiply(weight, first_e, out=held[:, 0])
        np.multiply(weight, second_e, out=held[:, 1])
        taken = incidence_t @ held
        one, two = solve(first_k - taken[:, 0]), solve(second_k - taken[:, 1])
        solved[:, 0], solved[:, 1] = one, two
        spread = gamma_k * (incidence @ solved)
        return (first_e - spread[:, 0]) * shrink, one, (second_e - spread[:, 1]) * shrink, two

    return project


def _squares(design: CrossedDesign, gamma_e: float, gamma_k: float, y_e: FloatArray, y_k: FloatArray) -> float:
    """y'V⁻¹y = y'y − Σ γ (Z'y)·(Z'V⁻¹y); less intercept² · information it is y'Py, as 1'V⁻¹y = intercept · information."""
    return design.sum_squares - gamma_e * float(design.total_e @ y_e) - gamma_k * float(design.total_k @ y_k)


@with_one_blas_thread
def residual_squares(design: CrossedDesign, gamma: FloatArray, /) -> float:
    """y'Py alone, as `evaluate` gives it."""
    gamma_e, gamma_k = float(gamma[design.eliminated]), float(gamma[1 - design.eliminated])
    by_class = gamma_e * (1 / (1 + gamma_e * design.class_count))
    factor, _, _ = _factor(design, by_class, gamma_k, single=False, inverted=False)
    shrink = 1 / (1 + gamma_e * design.count_e)
    project = _projection(design, gamma_e * shrink, shrink, gamma_k, _solver(factor))
    ones_e, _, y_e, y_k = project(design.count_e, design.count_k, design.total_e, design.total_k)
    information = float(ones_e.sum())
    rss = _squares(design, gamma_e, gamma_k, y_e, y_k) - (float(y_e.sum()) / information) ** 2 * information
    return max(rss, float(np.finfo(np.float64).tiny))


def _solver(factor: FloatArray | None) -> Callable[[FloatArray], FloatArray]:
    return lambda x: x if factor is None else lapack.dpotrs(factor, x, lower=1)[0]


def _leverage(design: CrossedDesign, inverse: FloatArray) -> FloatArray:
    full = inverse + np.tril(inverse, -1).T
    leverage = np.empty(design.count_e.size)
    for start in range(0, leverage.size, 1024):
        rows = design.incidence[start : start + 1024]
        leverage[start : start + 1024] = (rows * (rows @ full)).sum(axis=1)
    return leverage


def _factor(
    design: CrossedDesign, class_weight: FloatArray, gamma_k: float, *, single: bool, inverted: bool = True
) -> tuple[FloatArray | None, FloatArray, float]:
    """Cholesky factor, inverse and log-determinant of A = I + γ_k (diag(count_k) − Σ weight · co-occurrence)."""
    kept = design.kept_levels
    if gamma_k == 0:
        return None, np.asfortranarray(np.eye(kept)), 0.0
    flat = design.cooccurrence @ (-gamma_k * class_weight)
    flat[:: kept + 1] += 1 + gamma_k * design.count_k
    if not design.parts:
        return _factor_part(flat.reshape(kept, kept).T, single=single, inverted=inverted)
    factor, inverse = np.zeros(kept * kept), np.zeros(kept * kept)
    log_det = 0.0
    for place in design.layout.places:
        factor_part, inverse_part, log_det_part = _factor_part(flat[place].T, single=single, inverted=inverted)
        factor[place] = factor_part.T
        if inverted:
            inverse[place] = inverse_part.T
        log_det += log_det_part
    return factor.reshape(kept, kept).T, inverse.reshape(kept, kept).T, log_det


def _factor_part(matrix: FloatArray, *, single: bool, inverted: bool) -> tuple[FloatArray, FloatArray, float]:
    """Of a matrix whose lower triangle is given, which is overwritten."""
    if single:
        coarse, failed = lapack.spotrf(matrix.astype(np.float32), lower=1, clean=0, overwrite_a=1)
        if not failed:
            rough, _ = lapack.spotri(coarse, lower=1)
            factor = coarse.astype(np.float64)
            return factor, rough.astype(np.float64), 2 * float(np.log(factor.diagonal()).sum())
    factor, failed = lapack.dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise ArithmeticError("the raters' matrix is not positive definite")
    inverse = lapack.dpotri(factor, lower=1)[0] if inverted else factor
    return factor, inverse, 2 * float(np.log(factor.diagonal()).sum())


def prediction_variance(design: CrossedDesign, likelihood: Likelihood, component: int, /) -> FloatArray:
    """Prediction error variance of each effect of a component, the intercept's uncertainty included."""
    gamma = float(likelihood.gamma[component])
    ones = likelihood.ones[component]
    if component != design.eliminated:
        relative = gamma * likelihood.kept.diagonal
    else:
        other = float(likelihood.gamma[1 - component])
        shrink = 1 / (1 + gamma * design.count_e)
        relative = gamma * shrink + gamma**2 * other * likelihood.kept.leverage() * shrink**2
    return np.asarray(likelihood.variance * (relative + gamma**2 * ones**2 / likelihood.information))
