"""The crossed model of many sets of scores from one design, fitted side by side: what draws of a whole audit need.

The steps are those of `fit_crossed`, taken by all sets at once: a set's own arithmetic is small, and done one by one most
of the time would go into calling for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from fairpanel.measures.mixed_models.crossed_layout import Layout, layout_of
from fairpanel.measures.mixed_models.fit import CEILING, ROUGH_FROM
from fairpanel.measures.mixed_models.threads import with_one_blas_thread
from fairpanel.measures.sums import sums

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

USUAL = 1000.0
"""Relative variance up to which a fit is taken from here: beyond it the residual variance may be none at all."""


@dataclass(slots=True)
class Fits:
    """One row a set of scores.

    usable : whether the search ended as usual; the other sets' figures mean nothing: fit them by themselves.
    gamma : relative variances of unit and rater. variance : of the residual. effects : Z'Py of the raters; times γ they are
    the predicted effects. prediction_variance : of those, the intercept's uncertainty included.
    """

    usable: Booleans
    gamma: FloatArray
    variance: FloatArray
    intercept: FloatArray
    effects: FloatArray
    prediction_variance: FloatArray


@dataclass(slots=True)
class _Point:
    """Of each set, the likelihood at its own relative variances (see `crossed.Likelihood`); own ones are of raters."""

    gamma: FloatArray
    criterion: FloatArray
    gradient: FloatArray
    information: FloatArray
    rss: FloatArray
    intercept: FloatArray
    effects: FloatArray
    relative: FloatArray

    def at(self, rows: IntArray) -> _Point:
        return _Point(*(getattr(self, field.name)[rows] for field in fields(self)))

    def put(self, rows: IntArray, other: _Point, taken: Booleans) -> None:
        for field in fields(self):
            getattr(self, field.name)[rows[taken]] = getattr(other, field.name)[taken]


def can_fit(units: int, raters: int) -> bool:
    """Whether a design is of the kind fitted here: no more raters than units, and few enough for a dense matrix a set."""
    return 1 < raters <= units and raters < ROUGH_FROM


@with_one_blas_thread
def fit_in_step(
    unit: IntArray, rater: IntArray, scores: FloatArray, /, *, tolerance: float = 1e-6, limit: int = 200
) -> Fits:
    """Restricted maximum likelihood for each row of scores (sets × ratings); codes from 0, every level present.

    Raises ArithmeticError where a matrix is not positive definite.
    """
    design = _design(unit, rater, scores)
    try:
        found, decrement = _search(design, tolerance, limit)
    except np.linalg.LinAlgError as error:
        raise ArithmeticError("the raters' matrix is not positive definite") from error
    variance, own = found.rss / (design.n - 1), found.gamma[:, 1]
    return Fits(
        usable=(decrement < tolerance) & (found.gamma.max(axis=1) < USUAL) & (np.ptp(scores, axis=1) > 0),
        gamma=found.gamma,
        variance=variance,
        intercept=design.centre + found.intercept,
        effects=found.effects,
        prediction_variance=(variance * own)[:, None] * found.relative,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Design:
    """A layout with what each set of scores (a row) adds to it.

    parts : raters of each part of the design that hangs together, and its co-occurrence (classes × raters × raters).
    """

    n: int
    layout: Layout
    parts: list[tuple[IntArray, FloatArray]]
    centre: FloatArray
    squares: FloatArray
    total_e: FloatArray
    total_k: FloatArray

    def of(self, rows: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        return self.squares[rows], self.total_e[rows], self.total_k[rows]


def _design(unit: IntArray, rater: IntArray, scores: FloatArray) -> _Design:
    units, raters = int(unit.max()) + 1, int(rater.max()) + 1
    layout = layout_of(unit, rater, units, raters)
    together = np.asarray(layout.cooccurrence.todense()).T.reshape(-1, raters, raters)
    full = together + np.triu(together, 1).transpose(0, 2, 1)
    parts = layout.parts or (np.arange(raters),)
    centre = scores.mean(axis=1)
    y = scores - centre[:, None]
    return _Design(
        n=scores.shape[1],
        layout=layout,
        parts=[(part, np.ascontiguousarray(full[:, part[:, None], part])) for part in parts],
        centre=centre,
        squares=(y * y).sum(axis=1),
        total_e=sums(unit, y, units),
        total_k=sums(rater, y, raters),
    )


def _start(design: _Design) -> FloatArray:
    """Moments, as `moment_components` has them."""
    layout, n = design.layout, design.n
    total = design.total_e.sum(axis=1) ** 2 / n
    mean_e, mean_k = float(layout.count_e @ layout.count_e) / n, float(layout.count_k @ layout.count_k) / n
    equations = np.array(
        [
            [n - mean_e, layout.shared_e - mean_k, layout.count_e.size - 1],
            [layout.shared_k - mean_e, n - mean_k, layout.count_k.size - 1],
            [n - mean_e, n - mean_k, n - 1],
        ]
    )
    observed = np.array(
        [
            (design.total_e**2 / layout.count_e).sum(axis=1) - total,
            (design.total_k**2 / layout.count_k).sum(axis=1) - total,
            design.squares - total,
        ]
    )
    found = np.linalg.lstsq(equations, observed, rcond=None)[0].T
    return np.asarray(np.clip(found[:, :2] / np.maximum(found[:, 2:], 1e-8), 0.02, 1e4))


def _search(design: _Design, tolerance: float, limit: int) -> tuple[_Point, FloatArray]:
    """Projected Newton steps of all sets, each halved until its own criterion falls; and how far each is from its optimum."""
    every = np.arange(len(design.squares))
    current = _evaluate(design, every, _start(design))
    decrement = np.full(every.size, np.inf)
    going = every
    for _ in range(limit):
        here = current.at(going)
        active = ~((here.gamma == 0) & (here.gradient >= 0)) & ~((here.gamma >= CEILING) & (here.gradient <= 0))
        step = _newton_step(here.information, here.gradient, active)
        decrement[going] = np.sqrt(np.maximum(-(here.gradient * step).sum(axis=1), 0.0))
        left = decrement[going] >= tolerance
        going, step = going[left], step[left]
        if not going.size:
            break
        going = going[_moved(design, current, going, step)]
    return current, decrement


def _moved(design: _Design, current: _Point, rows: IntArray, step: FloatArray) -> Booleans:
    """Take each set's step, or the half of it as often as needed; whether it went anywhere."""
    moved, scale = np.zeros(rows.size, dtype=bool), 1.0
    trying = np.arange(rows.size)
    while scale > 1e-6 and trying.size:
        at = rows[trying]
        gamma, criterion = current.gamma[at], current.criterion[at]
        bound = np.minimum(CEILING, 20 * gamma + 1)
        trial = _evaluate(design, at, np.minimum(np.maximum(gamma + scale * step[trying], 0), bound))
        better = trial.criterion < criterion + 1e-12 * np.abs(criterion)
        moved[trying[better]] = (trial.gamma != gamma).any(axis=1)[better]
        current.put(at, trial, better)
        trying = trying[~better]
        scale /= 2
    return moved


def _newton_step(information: FloatArray, gradient: FloatArray, active: Booleans) -> FloatArray:
    """As `fit.newton_step`, a row a set: 0 for a component at its boundary."""
    both = active[:, :, None] & active[:, None, :]
    size = np.einsum("bii->bi", information)
    scale = np.sqrt(np.maximum(size, 1e-12 * gradient**2 + 1e-100))
    scaled = np.where(both, information / (scale[:, :, None] * scale[:, None, :]), np.eye(2)) + 1e-12 * np.eye(2)
    right = np.where(active, gradient, 0.0) / scale
    return np.asarray(-np.linalg.solve(scaled, right[:, :, None])[:, :, 0] / scale)


def _evaluate(design: _Design, rows: IntArray, gamma: FloatArray) -> _Point:
    """As `crossed.evaluate` of each of these sets at its own γ."""
    layout = design.layout
    squares, total_e, total_k = design.of(rows)
    gamma_e, gamma_k = gamma[:, :1], gamma[:, 1:]
    shrink_class = 1 / (1 + gamma_e * layout.class_count)
    shrink = shrink_class[:, layout.count_class]
    log_det, diagonal, by_class, solve = _inverted(design, gamma_e * shrink_class, gamma_k)
    lost = (shrink_class**2 * by_class).sum(axis=1)
    kept = diagonal @ layout.count_k - (gamma_e * shrink_class * by_class).sum(axis=1)

    def project(first_e: FloatArray, first_k: FloatArray) -> tuple[FloatArray, FloatArray]:
        solved = solve(first_k - (layout.incidence_t @ (gamma_e * shrink * first_e).T).T)
        return (first_e - gamma_k * (layout.incidence @ solved.T).T) * shrink, solved

    ones_e, ones_k = project(np.broadcast_to(layout.count_e, total_e.shape), layout.count_k)
    y_e, y_k = project(total_e, total_k)
    information = ones_e.sum(axis=1)
    intercept = y_e.sum(axis=1) / information
    effect_e, effect_k = y_e - intercept[:, None] * ones_e, y_k - intercept[:, None] * ones_k
    rss = squares - gamma[:, 0] * _dot(total_e, y_e) - gamma[:, 1] * _dot(total_k, y_k) - intercept**2 * information
    rss = np.maximum(rss, np.finfo(np.float64).tiny)
    half_ee, half_ek = project(layout.count_e * effect_e, (layout.incidence_t @ effect_e.T).T)
    half_ke, half_kk = project((layout.incidence @ effect_k.T).T, layout.count_k * effect_k)
    mean_e, mean_k = half_ee.sum(axis=1) / information, half_ke.sum(axis=1) / information
    cross = _dot(effect_k, half_ek - mean_e[:, None] * ones_k)
    curve_e = _dot(effect_e, half_ee - mean_e[:, None] * ones_e)
    curve_k = _dot(effect_k, half_kk - mean_k[:, None] * ones_k)
    quadratics = np.stack([_dot(effect_e, effect_e), _dot(effect_k, effect_k)], axis=1)
    trace_e = shrink @ layout.count_e - gamma[:, 1] * lost - _dot(ones_e, ones_e) / information
    traces = np.stack([trace_e, kept - _dot(ones_k, ones_k) / information], axis=1)
    curvature = np.stack([np.stack([curve_e, cross], axis=1), np.stack([cross, curve_k], axis=1)], axis=1)
    variance = rss / (design.n - 1)
    profiled = quadratics[:, :, None] * quadratics[:, None, :] / rss[:, None, None]
    log_det = log_det - np.log(shrink).sum(axis=1) + np.log(information)
    return _Point(
        gamma=gamma,
        criterion=log_det + (design.n - 1) * (np.log(2 * np.pi * variance) + 1),
        gradient=traces - quadratics / variance[:, None],
        information=(curvature - profiled) / variance[:, None, None],
        rss=rss,
        intercept=intercept,
        effects=effect_k,
        relative=diagonal + gamma_k * ones_k**2 / information[:, None],
    )


def _dot(first: FloatArray, second: FloatArray) -> FloatArray:
    return np.asarray((first * second).sum(axis=1))


def _inverted(
    design: _Design, weight: FloatArray, gamma_k: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, Callable[[FloatArray], FloatArray]]:
    """Of each set's matrix A of the raters (see `crossed`): log determinant, the inverse's diagonal and its products with
    the co-occurrences, and x ↦ A⁻¹ x."""
    count = design.layout.count_k
    log_det = np.zeros(len(weight))
    diagonal, by_class = np.empty((len(weight), count.size)), np.zeros(weight.shape)
    inverses = []
    for part, together in design.parts:
        classes, size, _ = together.shape
        flat = together.reshape(classes, -1)
        matrix = (-gamma_k * (weight @ flat)).reshape(-1, size, size)
        matrix[:, np.arange(size), np.arange(size)] += 1 + gamma_k * count[part]
        log_det += 2 * np.log(np.einsum("bii->bi", np.linalg.cholesky(matrix))).sum(axis=1)
        inverse = np.linalg.inv(matrix)
        diagonal[:, part] = np.einsum("bii->bi", inverse)
        by_class += inverse.reshape(len(weight), -1) @ flat.T
        inverses.append((part, inverse))

    def solve(right: FloatArray) -> FloatArray:
        found = np.empty_like(diagonal)
        for part, inverse in inverses:
            found[:, part] = (inverse @ right[:, part, None])[:, :, 0]
        return found

    return log_det, diagonal, by_class, solve
