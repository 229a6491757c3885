"""One calibration: what can be estimated is, extreme scores are measured afterwards, origins are fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairpanel.measures.estimate import Caution
from fairpanel.measures.mixed_models.threads import one_blas_thread
from fairpanel.measures.raters.rasch.category_model import (
    EXTREME_ADJUSTMENT,
    Steps,
    facet_sum,
    score_range,
    solve_measures,
    starting_kappa,
    steps_of,
    unit_measures,
)
from fairpanel.measures.raters.rasch.conditional import fit_conditional
from fairpanel.measures.raters.rasch.design import Design
from fairpanel.measures.raters.rasch.joint import fit_joint
from fairpanel.measures.raters.rasch.marginal import fit_marginal
from fairpanel.measures.raters.rasch.subsets import Origins, origins

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_FARTHEST = 12.0
_LEAST_INFORMATION = 0.01
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Measures of all facets and candidates.

    design : all ratings. core : those that the estimation rests on. steps, kappa : step structure of the core.
    beta, se : per level, NaN where there is none. covariance : of levels and kappa, None for the joint estimator.
    estimated : levels estimated in the core together with others of their subset. extreme : −1 lowest, 1 highest score
    throughout, 2 scores always on one side of others' (no finite estimate). unit, unit_se, unit_extreme : candidates
    (posterior means where `shrunken`). unit_ml : maximum likelihood measures, on which fit statistics rest.
    displacement : of anchored levels, NaN elsewhere.
    """

    design: Design
    core: Design
    steps: Steps
    origins: Origins
    beta: FloatArray
    se: FloatArray
    covariance: FloatArray | None
    information: FloatArray
    kappa: FloatArray
    threshold_se: FloatArray
    estimated: BoolArray
    extreme: IntArray
    anchored: BoolArray
    displacement: FloatArray
    unit: FloatArray
    unit_se: FloatArray
    unit_extreme: IntArray
    unit_ml: FloatArray
    shrunken: bool
    loglik: float
    iterations: int
    converged: bool
    last_step: float
    population: Mapping[str, float]
    boundary: bool
    correction: float


def estimable_core(
    design: Design, anchored: BoolArray, *, normal: bool, one_sided: BoolArray | None = None
) -> tuple[Design, IntArray]:
    """The ratings that inform the facets, and which levels have extreme scores.

    Levels whose scores are all the lowest or all the highest possible have no finite estimate; their ratings are set
    aside. Unless candidates are taken as `normal`, so are those of candidates with an extreme total or one rating.
    Repeats until nothing changes, as setting aside may make others extreme. `one_sided` marks levels known to have no
    finite estimate.
    """
    extreme = np.zeros(design.parameters, dtype=np.int64)
    core = design
    if one_sided is not None:
        extreme[one_sided] = 2
        core = design.take(~np.any([one_sided[codes] for codes in design.levels], axis=0))
    while core.unit.size:
        low, high = score_range(core, steps_of(core))
        if not normal:
            silent = (_end(core.unit, core.score, low, high) != 0) | (np.bincount(core.unit) < 2)
            if silent[core.unit].any():
                core = core.take(~silent[core.unit])
                continue
        drop = np.zeros(core.unit.size, dtype=np.bool_)
        for codes in core.levels:
            end = _end(codes, core.score, low, high)
            end[anchored[: end.size]] = 0
            here = end != 0
            extreme[: end.size][here] = end[here]
            drop |= here[codes]
        if not drop.any():
            break
        core = core.take(~drop)
    return core, extreme


def _end(code: IntArray, score: IntArray, low: FloatArray, high: FloatArray) -> IntArray:
    """All scores of a code are the lowest (−1) or the highest possible (1), could not differ (2), or none of these (0)."""
    total, floor, ceiling = (np.bincount(code, values) for values in (score, low, high))
    end = np.where(total >= ceiling, 1, np.where(total <= floor, -1, 0))
    end[floor == ceiling] = 2
    end[np.bincount(code) == 0] = 0
    return end.astype(np.int64)


def calibrate(
    design: Design, *, estimation: str, nodes: int, anchors: Mapping[int, float], correct: bool
) -> Calibration | Caution:
    """Estimate what has a finite estimate, then measure the rest; or say why nothing can be estimated.

    Levels that run off to infinity (their scores lie always on one side of the others' of the same candidates) are set
    aside and the rest is estimated anew.
    """
    anchored = np.zeros(design.parameters, dtype=np.bool_)
    anchored[list(anchors)] = True
    one_sided = np.zeros(design.parameters, dtype=np.bool_)
    with one_blas_thread():
        rounds = _ROUNDS
        while True:
            core, extreme = estimable_core(design, anchored, normal=estimation == "mml", one_sided=one_sided)
            units = np.unique(core.unit).size
            if units < 2:
                text = "ratings that differ and inform (the others have one rating, or extreme scores throughout)"
                if one_sided.any():
                    return Caution(
                        "NOT_ESTIMABLE", "too few ratings: hardly a level of any facet has a finite estimate"
                    )
                return Caution("SMALL_SAMPLE" if units else "SINGLE_RATINGS", f"{units} candidates have {text}")
            place = origins(core, anchored)
            if not place.determined:
                text = "facets are confounded: their levels occur together in a way that no origin can tell apart"
                return Caution("NOT_ESTIMABLE", text)
            found = _calibrate(design, core, extreme, place, estimation, nodes, anchors, correct)
            lost = _runaway(found)
            rounds -= 1
            if not lost.any() or not rounds:
                return found
            one_sided |= lost


def _runaway(found: Calibration) -> BoolArray:
    """Levels far from the rest of their subset, or whose ratings hardly inform: on their way to infinity."""
    runaway = np.zeros(found.design.parameters, dtype=np.bool_)
    for name in found.design.facet_names:
        part = np.arange(runaway.size)[found.design.facet(name)]
        part = part[found.estimated[part] & (found.extreme[part] == 0)]
        for one in np.unique(found.origins.subset[part]):
            own = part[found.origins.subset[part] == one]
            if own.size == 1 and not found.anchored.any():
                continue
            far = np.abs(found.beta[own] - np.median(found.beta[own])) > _FARTHEST
            runaway[own] = far | (found.information[own] < _LEAST_INFORMATION)
    return runaway


def _calibrate(
    design: Design,
    core: Design,
    extreme: IntArray,
    found: Origins,
    estimation: str,
    nodes: int,
    anchors: Mapping[int, float],
    correct: bool,
) -> Calibration:
    steps = steps_of(core)
    own = design.parameters
    anchored = np.zeros(own, dtype=np.bool_)
    anchored[list(anchors)] = True
    seen = found.subset >= 0
    free = np.r_[np.flatnonzero(seen & ~anchored), own + np.arange(steps.free)]
    start = np.r_[_start(core, found, anchors), starting_kappa(core, steps)]
    posterior: tuple[FloatArray, FloatArray] | None = None
    covariance: FloatArray | None = None
    population: dict[str, float] = {}
    boundary = False
    factor = 1.0
    if estimation == "jmle":
        joint = fit_joint(core, steps, start=start, free=free, sums=found.sums)
        parameters, value = joint.parameters, joint.value
        end = (joint.iterations, joint.converged, joint.last_step)
        errors = 1 / np.sqrt(np.maximum(joint.information, 1e-12))
        information_of_levels = joint.information[:own]
        if correct:
            factor = _correction(core)
            parameters = parameters * factor
            errors = errors * factor
        threshold_se = steps.threshold_errors(np.diag(errors[own:] ** 2))
    else:
        if estimation == "cml":
            solution = fit_conditional(core, steps, start=start, free=free, sums=found.sums)
        else:
            marginal = fit_marginal(
                core, steps, start=start, free=free, sums=found.sums, unit_subset=found.unit_subset, nodes=nodes
            )
            solution = marginal.solution
            posterior = (marginal.posterior_mean, marginal.posterior_sd)
            population = {"sd": marginal.sd, "sd_se": marginal.sd_error}
            if marginal.mean.size == 1:
                population["mean"] = float(marginal.mean[0])
            boundary = marginal.boundary
        parameters, value = solution.parameters, solution.value
        information_of_levels = solution.information[:own]
        end = (solution.iterations, solution.converged, solution.last_step)
        covariance = solution.covariance[: own + steps.free, : own + steps.free]
        errors = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
        threshold_se = steps.threshold_errors(covariance[own:, own:])
    beta, kappa = parameters[:own].copy(), parameters[own : own + steps.free]
    estimated = seen & ~anchored & ~_alone(core, found, anchored)
    se = np.where(estimated, errors[:own], np.nan)
    beta[~(estimated | anchored)] = np.nan
    theta, information, unit_extreme = unit_measures(core, steps, np.nan_to_num(beta), kappa)
    displacement = _displacement(core, steps, beta, kappa, theta, anchored)
    _measure_extreme(design, steps, beta, se, kappa, theta, extreme)
    theta, information, unit_extreme = _late_units(design, steps, beta, kappa, theta, information, unit_extreme)
    unit, unit_se = theta.copy(), 1 / np.sqrt(np.where(information > 0, information, np.nan))
    if posterior is not None:
        inside = np.bincount(core.unit, minlength=unit.size) > 0
        unit[inside], unit_se[inside] = posterior[0][inside], posterior[1][inside]
    return Calibration(
        design=design,
        core=core,
        steps=steps,
        origins=found,
        beta=beta,
        se=se,
        covariance=covariance,
        information=information_of_levels,
        kappa=kappa,
        threshold_se=threshold_se,
        estimated=estimated,
        extreme=extreme,
        anchored=anchored,
        displacement=displacement,
        unit=unit,
        unit_se=unit_se,
        unit_extreme=unit_extreme,
        unit_ml=theta,
        shrunken=posterior is not None,
        loglik=value,
        iterations=end[0],
        converged=end[1],
        last_step=end[2],
        population=population,
        boundary=boundary,
        correction=factor,
    )


def _start(core: Design, found: Origins, anchors: Mapping[int, float]) -> FloatArray:
    """Log odds of mean scores, moved to where the conditions hold."""
    start = np.zeros(core.parameters)
    low, high = score_range(core, steps_of(core))
    for codes in core.levels:
        size = int(codes.max()) + 1
        gained, possible = np.bincount(codes, core.score - low), np.bincount(codes, high - low)
        odds = np.log((gained + 0.5) / (possible - gained + 0.5))
        here = np.bincount(codes) > 0
        start[:size][here] = -odds[here] + np.average(odds[here], weights=np.bincount(codes)[here])
    for level, value in anchors.items():
        start[level] = value
    if found.sums.shape[1]:
        start -= found.sums @ np.linalg.lstsq(found.sums.T @ found.sums, found.sums.T @ start, rcond=None)[0]
    return start


def _alone(core: Design, found: Origins, anchored: BoolArray) -> BoolArray:
    """Levels that share their subset with no other level of their facet, where the facet has several."""
    alone = np.zeros(core.parameters, dtype=np.bool_)
    for name in core.facet_names:
        part = np.arange(core.parameters)[core.facet(name)]
        part = part[found.subset[part] >= 0]
        if part.size < 2:
            continue
        size = np.bincount(found.subset[part])
        alone[part] = size[found.subset[part]] == 1
    return alone & ~anchored


def _correction(core: Design) -> float:
    """(L − 1)/L where every candidate has the same number L of ratings, else 1."""
    size = np.bincount(core.unit)
    size = size[size > 0]
    return float((size[0] - 1) / size[0]) if np.all(size == size[0]) else 1.0


def _displacement(
    core: Design, steps: Steps, beta: FloatArray, kappa: FloatArray, theta: FloatArray, anchored: BoolArray
) -> FloatArray:
    """How far the scores of anchored levels would move them: minus observed less expected, over the information."""
    displacement = np.full(core.parameters, np.nan)
    if not anchored.any():
        return displacement
    filled = np.nan_to_num(beta)
    base = theta[core.unit] - facet_sum(core, filled)
    usable = np.isfinite(base)
    logits = steps.table(kappa)[core.group].T[:, usable]
    for codes in core.levels:
        code = codes[usable]
        target = np.bincount(code, core.score[usable], minlength=core.parameters).astype(np.float64)
        moved, information = solve_measures(
            code, core.parameters, target, np.zeros(core.parameters), base[usable], logits, -1.0
        )
        mine = anchored & (information > 0)
        displacement[mine] = moved[mine]
    return displacement


def _measure_extreme(
    design: Design, steps: Steps, beta: FloatArray, se: FloatArray, kappa: FloatArray, theta: FloatArray, extreme: IntArray
) -> None:  # fmt: skip
    """Give levels with extreme scores the measure of a score drawn in by a part of a point, in place."""
    if not extreme.any():
        return
    filled = np.nan_to_num(beta)
    in_group = steps.used[design.group, design.score]
    for codes in design.levels:
        rows = (extreme[codes] != 0) & np.isfinite(theta[design.unit]) & in_group
        if not rows.any():
            continue
        code = codes[rows]
        part = design.take(rows)
        base = theta[part.unit] - facet_sum(part, filled) + filled[code]
        size = design.parameters
        sign = np.where(np.abs(extreme) == 1, extreme, 0)
        target = np.bincount(code, part.score, minlength=size) - EXTREME_ADJUSTMENT * sign
        logits = steps.table(kappa)[part.group].T
        measure, information = solve_measures(code, size, target, np.zeros(size), base, logits, -1.0)
        found = np.unique(code)
        found = found[information[found] > 0]
        beta[found] = measure[found]
        se[found] = 1 / np.sqrt(information[found])


def _late_units(
    design: Design,
    steps: Steps,
    beta: FloatArray,
    kappa: FloatArray,
    theta: FloatArray,
    information: FloatArray,
    extreme: IntArray,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Measures of candidates outside the core, from all their ratings by levels with a measure."""
    known = steps.used[design.group, design.score]
    for codes in design.levels:
        known &= np.isfinite(beta[codes])
    part = design.take(known & ~np.isfinite(theta[design.unit]))
    if part.unit.size == 0:
        return theta, information, extreme
    late, late_information, late_extreme = unit_measures(part, steps, np.nan_to_num(beta), kappa)
    new = np.isfinite(late)
    return (
        np.where(new, late, theta),
        np.where(new, late_information, information),
        np.where(new, late_extreme, extreme),
    )
