"""Intervals for functions of variance components: profile likelihood, or the delta method where that is dear.

An end of a profile interval is the most extreme value of the function among components whose criterion lies no more
than a chi-square quantile above the minimum. It is found by constrained Newton steps (Venzon & Moolgavkar 1988).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, expit, ndtri

from fairpanel.measures.mixed_models.crossed import RATER, UNIT, CrossedDesign, evaluate
from fairpanel.measures.mixed_models.fit import CEILING, CrossedFit, fit_crossed

FloatArray = npt.NDArray[np.float64]

PROFILE_LIMIT = 600
"""Most levels of the smaller factor for which profiles are computed by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An increasing function of one component's relative variance, on a scale where its likelihood is near normal.

    main : the component (UNIT or RATER) it grows with, without bound in both directions.
    value : from (γ_unit, γ_rater, σ²) to the scale. slope : its derivatives in (γ_unit, γ_rater, log σ²).
    original : from the scale (named `scale`) to the quantity reported; `zero` : that quantity where main is 0.
    """

    main: int
    value: Callable[[FloatArray, float], float]
    slope: Callable[[FloatArray, float], FloatArray]
    original: Callable[[float], float]
    scale: str
    zero: float = 0.0


def ratio_target(q: float, k: float) -> Target:
    """γ_u / (γ_u + q γ_r + 1/k): generalizability and intraclass coefficients, on the scale of log odds."""

    def noise(gamma: FloatArray) -> float:
        return q * float(gamma[RATER]) + 1 / k

    return Target(
        main=UNIT,
        value=lambda gamma, _: float(np.log(gamma[UNIT]) - np.log(noise(gamma))),
        slope=lambda gamma, _: np.array([1 / gamma[UNIT], -q / noise(gamma), 0.0]),
        original=lambda scale: float(expit(scale)),
        scale="log-odds",
    )


def rater_sd_target() -> Target:
    """The standard deviation of rater effects, on the log scale."""
    return Target(
        main=RATER,
        value=lambda gamma, variance: float(np.log(gamma[RATER]) + np.log(variance)) / 2,
        slope=lambda gamma, _: np.array([0.0, 0.5 / gamma[RATER], 0.5]),
        original=lambda scale: float(np.exp(scale)),
        scale="log",
    )


def profile_interval(
    design: CrossedDesign, fit: CrossedFit, target: Target, /, *, confidence: float, spread: float = 1.0
) -> tuple[float, float] | None:
    """Ends of the profile-likelihood interval; None where an end was not reached. `spread` multiplies the quantile."""
    limit = fit.likelihood.criterion + spread * float(chdtri(1, 1 - confidence))
    low = _end(design, fit, target, limit, sign=-1)
    high = _end(design, fit, target, limit, sign=1)
    return None if low is None or high is None else (low, high)


def _end(design: CrossedDesign, fit: CrossedFit, target: Target, limit: float, *, sign: int) -> float | None:
    likelihood = fit.likelihood
    main, other = target.main, 1 - target.main
    gamma, variance = likelihood.gamma.copy(), likelihood.variance
    rise = limit - likelihood.criterion
    information = float(likelihood.average_information()[main, main])
    if sign < 0:
        if gamma[main] == 0:
            return target.zero
        if gamma[main] ** 2 * information < 16 * rise:
            free = (fit.free[0] and main != UNIT, fit.free[1] and main != RATER)
            without = fit_crossed(design, free=free, start=gamma, tolerance=1e-3)
            if without.likelihood.criterion <= limit:
                return target.zero
    elif gamma[main] == 0:
        gamma[main] = float(np.sqrt(rise / max(information, 1e-12))) / 2

    for _ in range(40):
        current = evaluate(design, gamma)
        criterion = current.criterion_at(variance)
        gradient = np.append(current.traces - current.quadratics / variance, (design.n - 1) - current.rss / variance)
        hessian = np.empty((3, 3))
        hessian[:2, :2] = current.curvature / variance
        hessian[:2, 2] = hessian[2, :2] = current.quadratics / variance
        hessian[2, 2] = current.rss / variance
        slope = target.slope(gamma, variance)
        size = float(gamma[main])
        gradient[main] *= size
        slope[main] *= size
        hessian[main, :] *= size
        hessian[:, main] *= size
        hessian[main, main] += max(float(gradient[main]), 0.0)

        active = np.array([True, True, True])
        active[other] = fit.free[other]
        fixed = np.zeros(3)
        step, remainder = _step(gradient, hessian, slope, limit - criterion, active, fixed, sign)
        if active[other] and gamma[other] + step[other] < 0:
            active[other] = False
            fixed[other] = -gamma[other]
            step, remainder = _step(gradient, hessian, slope, limit - criterion, active, fixed, sign)
        if abs(limit - criterion) < 1e-4 * rise and remainder < 1e-6 and not fixed.any():
            return target.original(target.value(gamma, variance))
        gamma[main] *= np.exp(np.clip(step[main], -1.5, 1.5))
        gamma[other] = np.clip(gamma[other] + step[other], 0, 20 * gamma[other] + 1)
        variance *= float(np.exp(np.clip(step[2], -1, 1)))
        if not 1e-12 < gamma[main] < CEILING or gamma[other] > CEILING:
            return None
    return None


def _step(
    gradient: FloatArray,
    hessian: FloatArray,
    slope: FloatArray,
    room: float,
    active: npt.NDArray[np.bool_],
    fixed: FloatArray,
    sign: int,
) -> tuple[FloatArray, float]:
    """The step that changes the target most while the quadratic model of the criterion stays within the room.

    `fixed` holds the given steps of inactive parameters. Also returns how far, in squared standard errors, the
    gradient is from a multiple of the slope.
    """
    g = gradient[active] + hessian[np.ix_(active, ~active)] @ fixed[~active]
    spent = float(gradient @ fixed + fixed @ hessian @ fixed / 2)
    a, h = slope[active], hessian[np.ix_(active, active)]
    scale = np.sqrt(np.maximum(np.diagonal(h), 1e-12 * g**2 + 1e-100))
    scaled = h / np.outer(scale, scale) + 1e-10 * np.eye(scale.size)
    h_g, h_a = (np.linalg.solve(scaled, np.column_stack([g, a]) / scale[:, None]) / scale[:, None]).T
    along = float(a @ h_a)
    multiplier = np.sqrt(max(2 * (room - spent) + float(g @ h_g), 0.0) / max(along, 1e-100))
    step = fixed.copy()
    step[active] = sign * multiplier * h_a - h_g
    return step, max(float(g @ h_g) - float(a @ h_g) ** 2 / max(along, 1e-100), 0.0)


def delta_variance(fit: CrossedFit, target: Target, /) -> float:
    """Variance of the target on its scale, from the average information; the main component must exceed 0."""
    current = fit.likelihood
    gamma, variance = current.gamma, current.variance
    hessian = np.empty((3, 3))
    hessian[:2, :2] = current.curvature / variance
    hessian[:2, 2] = hessian[2, :2] = current.quadratics / variance
    hessian[2, 2] = current.rss / variance
    free = np.array([*(gamma > 0), True])
    slope = target.slope(gamma, variance)[free]
    covariance = 2 * np.linalg.pinv(hessian[np.ix_(free, free)], hermitian=True)
    return float(slope @ covariance @ slope)


def delta_interval(
    fit: CrossedFit, target: Target, /, *, confidence: float, spread: float = 1.0
) -> tuple[float, float] | None:
    """Ends by the delta method on the target's scale; None on the boundary. `spread` multiplies the variance."""
    current = fit.likelihood
    if current.gamma[target.main] == 0:
        return None
    half = float(ndtri((1 + confidence) / 2)) * float(np.sqrt(spread * delta_variance(fit, target)))
    centre = target.value(current.gamma, current.variance)
    return target.original(centre - half), target.original(centre + half)
