"""Variance components of ratings, by whichever way the design allows, with what to be careful about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fairpanel.measures.estimate import Caution, Interval
from fairpanel.measures.mixed_models.crossed import (
    CrossedDesign,
    crossed_design,
    evaluate,
    residual_squares,
)
from fairpanel.measures.mixed_models.crossed_layout import DENSE_LIMIT
from fairpanel.measures.mixed_models.fit import CEILING, Convergence, CrossedFit, fit_crossed, moment_components
from fairpanel.measures.mixed_models.probed import fit_probed
from fairpanel.measures.mixed_models.profile import PROFILE_LIMIT, Target, delta_interval, profile_interval
from fairpanel.measures.panel import Ratings


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Variances of unit, rater and residual. fit is None where moments had to do, or raters agree perfectly."""

    var_unit: float
    var_rater: float
    var_residual: float
    intercept: float
    criterion: float | None
    method: str
    design: CrossedDesign
    fit: CrossedFit | None
    cautions: Sequence[Caution]

    def convergence(self) -> dict[str, Any] | None:
        return None if self.fit is None else self.fit.convergence.to_dict()


def crossed_components(ratings: Ratings, /, *, rater_effect: bool = True) -> Components:
    """Restricted maximum likelihood; with random probes where both factors have more levels than a dense matrix holds.

    `rater_effect=False` leaves raters out: rater and residual variance are then one (a one-way model). So does a
    design in which every rater gave one rating.
    """
    cautions: list[Caution] = []
    if _perfect(ratings):
        return _agreement(ratings)
    if rater_effect and len(ratings.raters) == ratings.score.size:
        rater_effect = False
        cautions.append(
            Caution("INCOMPLETE_DESIGN", "every rater gave one score: rater variance is part of the residual")
        )
    rater = ratings.rater if rater_effect else np.zeros_like(ratings.unit)
    design = crossed_design(ratings.unit, rater, ratings.score)
    if _additive(design):
        cautions.append(Caution("BOUNDARY", "unit and rater explain every score: the residual variance is zero"))
        found = _moments(design, cautions, "the likelihood has no optimum without residual variance")
        return replace(found, fit=_exact_fit(found))
    probed = design.kept_levels > DENSE_LIMIT
    fit = fit_probed(design) if probed else fit_crossed(design, free=(True, rater_effect))
    if not fit.convergence.converged:
        cautions.append(
            Caution(
                "NOT_CONVERGED",
                f"the likelihood's search ended {fit.convergence.gradient_norm:.2g} standard errors from its optimum",
            )
        )
    names = ["unit", "rater"] if rater_effect else ["unit"]
    zero = [name for name, gamma in zip(names, fit.likelihood.gamma, strict=False) if gamma == 0]
    if zero:
        cautions.append(Caution("BOUNDARY", f"the variance of {' and '.join(zero)} is estimated as zero"))
    if max(fit.likelihood.gamma) >= CEILING / 100:
        cautions.append(Caution("BOUNDARY", "the residual variance is estimated as zero"))
    link_words = "crossed" if rater_effect else "one-way"
    return Components(
        var_unit=fit.var_unit,
        var_rater=fit.var_rater,
        var_residual=fit.var_residual,
        intercept=fit.likelihood.intercept,
        criterion=None if probed else fit.likelihood.criterion,
        method=f"REML, {link_words} random effects" + (_probes(fit) if probed else ""),
        design=design,
        fit=fit,
        cautions=cautions,
    )


def _probes(fit: CrossedFit) -> str:
    record = fit.convergence
    return f", traces from {record.probes} random probes (Monte Carlo error {record.monte_carlo_error:.2g} SE)"


def _perfect(ratings: Ratings) -> bool:
    """Whether all scores of every unit are the same."""
    first = np.zeros(len(ratings.units))
    first[ratings.unit] = ratings.score
    return bool(np.all(ratings.score == first[ratings.unit]))


def _agreement(ratings: Ratings) -> Components:
    """Raters agree on every unit: all variance is the units'."""
    scores = np.zeros(len(ratings.units))
    scores[ratings.unit] = ratings.score
    return Components(
        var_unit=float(np.var(scores, ddof=1)),
        var_rater=0.0,
        var_residual=0.0,
        intercept=float(scores.mean()),
        criterion=None,
        method="perfect agreement",
        design=crossed_design(ratings.unit, np.zeros_like(ratings.unit), ratings.score),
        fit=None,
        cautions=[Caution("BOUNDARY", "raters agree on every unit: no variance is left for rater or residual")],
    )


def _additive(design: CrossedDesign) -> bool:
    """Whether unit and rater effects reproduce every score; so small a residual needs a small or tidy design."""
    if design.n > 2000:  # also keeps designs without a dense matrix away
        return False
    return residual_squares(design, np.array([CEILING, CEILING])) < 1e-5 * design.sum_squares


def _exact_fit(found: Components) -> CrossedFit:
    """The likelihood at the moment components with next to no residual: predictions then are the exact effects."""
    floor = max(found.var_unit, found.var_rater) / CEILING or 1.0
    likelihood = evaluate(found.design, np.array([found.var_unit, found.var_rater]) / floor)
    convergence = Convergence(converged=True, iterations=0, evaluations=1, gradient_norm=0.0, tolerance=0.0)
    return CrossedFit(likelihood=likelihood, free=(True, True), convergence=convergence)


def _moments(design: CrossedDesign, cautions: list[Caution], reason: str) -> Components:
    components = moment_components(design)
    if np.any(components < 0):
        cautions.append(Caution("BOUNDARY", "a negative moment estimate of a variance was set to zero"))
    var_unit, var_rater, var_residual = (max(float(component), 0.0) for component in components)
    return Components(
        var_unit=var_unit,
        var_rater=var_rater,
        var_residual=var_residual,
        intercept=design.centre,
        criterion=None,
        method=f"moments (Henderson's method 1), as {reason}",
        design=design,
        fit=None,
        cautions=cautions,
    )


def likelihood_interval(
    components: Components, target: Target, /, *, confidence: float, spread: float = 1.0
) -> tuple[Interval | None, list[Caution]]:
    """Profile likelihood; the delta method for large designs and where a profile does not close; else the reason."""
    fit, design = components.fit, components.design
    if fit is None:
        return None, [Caution("NO_INTERVAL", f"{components.method}: there is no likelihood to take an interval from")]
    if max(fit.likelihood.gamma) >= CEILING / 100:
        return None, [Caution("NO_INTERVAL", "without residual variance the likelihood has no interior optimum")]
    ends = None
    if design.kept_levels <= PROFILE_LIMIT and fit.likelihood.log_det is not None:
        ends = profile_interval(design, fit, target, confidence=confidence, spread=spread)
        method = "profile likelihood"
    if ends is None:
        ends = delta_interval(fit, target, confidence=confidence, spread=spread)
        method = f"delta method on the {target.scale} scale, average information"
    if ends is None:
        return None, [Caution("NO_INTERVAL", "the likelihood is too flat or too steep at the boundary for an interval")]
    value = target.original(target.value(fit.likelihood.gamma, fit.likelihood.variance)) if ends[0] > 0 else ends[0]
    low, high = min(ends[0], value), max(ends[1], value)
    if spread != 1:
        method += f", variance times {spread:.3g} for non-normal scores"
    return Interval(low=low, high=high, level=confidence, method=method), []
