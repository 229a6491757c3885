"""Component tables behind `variance_components`: mean squares of complete designs, and REML with up to four facets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import lsmr
from scipy.special import expit, ndtri

from fairpanel.measures.estimate import Caution, Interval
from fairpanel.measures.mixed_models.blocks import BlockLikelihood, fit_blocks
from fairpanel.measures.mixed_models.blocks_design import BlockDesign, block_design
from fairpanel.measures.mixed_models.blocks_probed import fit_blocks_probed
from fairpanel.measures.mixed_models.crossed import crossed_design
from fairpanel.measures.mixed_models.fit import moment_components
from fairpanel.measures.mixed_models.linkage import Linkage
from fairpanel.measures.panel import Ratings
from fairpanel.measures.reliability.mean_squares import agreement_interval, two_way_mean_squares

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_LEVELS = 2500
"""Most levels of effects that cross units for which their dense matrix is factored; beyond it traces are probed."""


SUSPECT = 20.0
"""Relative variance from which on a fit may be one without any residual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentTable:
    """Components with the share of the first (unit); share None where they are not estimable."""

    method: str
    share: float | None
    interval: Interval | None = None
    why_no_interval: Sequence[Caution] = ()
    detail: dict[str, Any] = field(default_factory=dict)
    cautions: Sequence[Caution] = ()


def anova_components(ratings: Ratings, link: Linkage, /, *, confidence: float) -> ComponentTable:
    """Unit, rater, residual from mean squares, or from Henderson's sums of squares where the design is incomplete."""
    if not link.complete:
        moments = moment_components(crossed_design(ratings.unit, ratings.rater, ratings.score))
        found = dict(zip(("unit", "rater", "residual"), moments.tolist(), strict=True))
        return _table(
            "ANOVA, Henderson's method 1 (incomplete design)",
            found,
            why=[Caution("NO_INTERVAL", "Henderson's method 1 comes without an interval: use method reml")],
            cautions=[Caution("INCOMPLETE_DESIGN", "moment estimates from sums of squares over all scores")],
        )
    squares = two_way_mean_squares(ratings)
    between = agreement_interval(squares, confidence=confidence)
    return _table(
        "ANOVA, expected mean squares of the complete crossed design",
        squares.components(),
        extra={"mean_squares": squares.to_dict(), "intercept": float(ratings.score.mean())},
        interval=between,
        why=[Caution("NO_INTERVAL", "the F interval is not defined: no residual variance or degrees of freedom")]
        if between is None
        else (),
    )


def facet_components(ratings: Ratings, facets: Sequence[str], /, *, method: str, confidence: float) -> ComponentTable:
    """Every facet, their interactions as far as the design shows them, and the residual.

    facets : of "unit", "rater", "item", "occasion", in this order, unit among them.
    """
    if method == "anova":
        return _mean_square_components(ratings, facets)
    nested, crossing, dropped = _effects(ratings, facets)
    cautions = []
    if dropped:
        cautions.append(
            Caution("INCOMPLETE_DESIGN", f"not told apart from other components in this design: {', '.join(dropped)}")
        )
    if "unit" not in nested:
        return ComponentTable(
            method="REML", share=None, cautions=[*cautions, Caution("SINGLE_RATINGS", "every unit has one score")]
        )
    first = np.zeros(len(ratings.units))
    first[ratings.unit] = ratings.score
    if np.array_equal(first[ratings.unit], ratings.score):
        return _agreement(first, [name for name in _names(facets) if name in nested or name in crossing], cautions)
    design = block_design(ratings.unit, ratings.score, nested, crossing)
    names = [*design.nested, *design.crossing]
    probed = design.level_effect.size > MOST_LEVELS
    likelihood, convergence = fit_blocks_probed(design) if probed else fit_blocks(design)
    if (likelihood.gamma.max() > SUSPECT or not convergence.converged) and _explained(design):
        text = "the effects explain every score: without residual variance the search cannot compare them"
        return ComponentTable(method="REML", share=None, cautions=[*cautions, Caution("NOT_ESTIMABLE", text)])
    if not convergence.converged:
        cautions.append(
            Caution("NOT_CONVERGED", f"the search ended {convergence.gradient_norm:.2g} standard errors away")
        )
    found = dict(zip(names, (likelihood.gamma * likelihood.variance).tolist(), strict=True))
    found = {name: found[name] for name in _names(facets) if name in found} | {"residual": likelihood.variance}
    between = _share_interval(design, likelihood, confidence=confidence)
    method = "REML, random effects " + ", ".join(name for name in found if name != "residual")
    if probed:
        error = f"Monte Carlo error {convergence.monte_carlo_error:.2g} SE"
        method += f", traces from {convergence.probes} random probes ({error})"
    return _table(
        method,
        found,
        extra={
            "intercept": likelihood.intercept + float(ratings.score.mean()),
            "reml_criterion": None if probed else likelihood.criterion,
            "convergence": convergence.to_dict(),
        },
        interval=between,
        why=[Caution("NO_INTERVAL", "the unit variance lies on its boundary")] if between is None else (),
        cautions=cautions,
    )


def _explained(design: BlockDesign) -> bool:
    """Whether the effects reproduce every score."""
    n = design.score.size
    indicators = [sparse.csr_array((np.ones(n), codes, np.arange(n + 1))) for codes in design.codes]
    left = lsmr(sparse.hstack(indicators, format="csr"), design.score, atol=1e-9, btol=1e-9, maxiter=500)[3]
    return bool(left**2 < 1e-8 * float(design.score @ design.score))


def _agreement(scores: FloatArray, names: Sequence[str], cautions: Sequence[Caution]) -> ComponentTable:
    """All scores of every unit are the same: all variance is the units'."""
    found = dict.fromkeys([*names, "residual"], 0.0) | {"unit": float(np.var(scores, ddof=1))}
    return _table(
        "perfect agreement",
        found,
        extra={"intercept": float(scores.mean())},
        why=[Caution("NO_INTERVAL", "perfect agreement: there is no likelihood to take an interval from")],
        cautions=cautions,
    )


def _table(
    method: str,
    found: dict[str, float],
    *,
    extra: dict[str, Any] | None = None,
    interval: Interval | None = None,
    why: Sequence[Caution] = (),
    cautions: Sequence[Caution] = (),
) -> ComponentTable:
    total = sum(found.values())
    negative = [name for name, variance in found.items() if variance < 0]
    zero = [name for name, variance in found.items() if variance == 0]
    notes = list(cautions)
    if negative:
        notes.append(Caution("BOUNDARY", f"negative estimates, kept as they are: {', '.join(negative)}"))
    if zero:
        notes.append(Caution("BOUNDARY", f"estimated as zero: {', '.join(zero)}"))
    if total <= 0:
        notes.append(Caution("BOUNDARY", "the components add up to nothing"))
        return ComponentTable(method=method, share=None, cautions=notes)
    return ComponentTable(
        method=method,
        share=found["unit"] / total,
        interval=interval,
        why_no_interval=why,
        detail=found | {"total": total} | (extra or {}),
        cautions=notes,
    )


def _names(facets: Sequence[str]) -> list[str]:
    """Main effects and interactions short of the one of all facets, which is the residual; simple ones first."""
    return [":".join(chosen) for size in range(1, len(facets)) for chosen in combinations(facets, size)]


def _effects(ratings: Ratings, facets: Sequence[str]) -> tuple[dict[str, IntArray], dict[str, IntArray], list[str]]:
    """Codes of the effects that this design can tell apart, nested in units and crossing them; names of the rest."""
    codes: dict[str, IntArray] = {facet: getattr(ratings, facet) for facet in facets}
    kept: dict[str, IntArray] = {}
    for name in _names(facets):
        parts = [codes[facet] for facet in name.split(":")]
        coded = parts[0]
        for part in parts[1:]:
            coded = np.unique(coded * (int(part.max()) + 1) + part, return_inverse=True)[1].astype(np.int64)
        levels = int(coded.max()) + 1
        alone = 1 < levels < coded.size
        if alone and not any(_same_partition(coded, levels, other) for other in kept.values()):
            kept[name] = coded
    nested = {name: coded for name, coded in kept.items() if _refines(coded, ratings.unit)}
    crossing = {name: coded for name, coded in kept.items() if name not in nested}
    return nested, crossing, [name for name in _names(facets) if name not in kept]


def _refines(codes: IntArray, unit: IntArray) -> bool:
    """Whether every level lies within one unit."""
    owner = np.zeros(int(codes.max()) + 1, dtype=np.int64)
    owner[codes] = unit
    return bool(np.all(owner[codes] == unit))


def _same_partition(codes: IntArray, levels: int, other: IntArray) -> bool:
    other_levels = int(other.max()) + 1
    return levels == other_levels and np.unique(codes * other_levels + other).size == levels


def _share_interval(design: BlockDesign, likelihood: BlockLikelihood, *, confidence: float) -> Interval | None:
    """Delta method on the log odds of the unit share, from the average information."""
    gamma = likelihood.gamma
    place = design.nested.index("unit")
    if gamma[place] == 0:
        return None
    free = gamma > 0
    rest = float(gamma.sum() - gamma[place]) + 1
    slope = np.full(gamma.size, -1 / rest)
    slope[place] = 1 / gamma[place]
    information = likelihood.average_information()[np.ix_(free, free)]
    covariance = 2 * np.linalg.pinv(information, hermitian=True)
    variance = float(slope[free] @ covariance @ slope[free])
    if not variance > 0:  # an information matrix that rounding left indefinite tells no error
        return None
    half = float(ndtri((1 + confidence) / 2)) * variance**0.5
    centre = float(np.log(gamma[place] / rest))
    return Interval(
        low=float(expit(centre - half)),
        high=float(expit(centre + half)),
        level=confidence,
        method="delta method on the log-odds scale, average information",
    )


def _mean_square_components(ratings: Ratings, facets: Sequence[str]) -> ComponentTable:
    """Components of a complete crossed design with one score a cell, negative ones kept (Brennan 2001, section 3.4).

    An effect's component is the alternating sum of the mean squares of the effects that contain it, over the number of
    scores behind each of its levels.
    """
    method = f"ANOVA, expected mean squares of the complete {' x '.join(facets)} design"
    codes = [getattr(ratings, facet) for facet in facets]
    sizes = [int(code.max()) + 1 for code in codes]
    cell = np.ravel_multi_index(codes, sizes)
    if min(sizes) < 2 or cell.size != np.prod(sizes) or np.unique(cell).size != cell.size:
        text = f"mean squares need exactly one score in every cell of {' x '.join(facets)}, with at least two levels of each"
        return ComponentTable(
            method=method, share=None, cautions=[Caution("INCOMPLETE_DESIGN", f"{text}: use method reml")]
        )
    cube = np.empty(cell.size)
    cube[cell] = ratings.score
    cube = cube.reshape(sizes)
    squares = _mean_squares(cube)
    every = tuple(range(len(facets)))
    found: dict[str, float] = {}
    for effect in squares:
        behind = float(np.prod([sizes[axis] for axis in every if axis not in effect]))
        above = [other for other in squares if set(effect) <= set(other)]
        signed = sum((-1) ** (len(other) - len(effect)) * squares[other] for other in above)
        name = "residual" if effect == every else ":".join(facets[axis] for axis in effect)
        found[name] = signed / behind
    return _table(
        method,
        found,
        extra={"intercept": float(cube.mean())},
        why=[Caution("NO_INTERVAL", "mean squares of three facets or more come without an interval: use method reml")],
    )


def _mean_squares(cube: FloatArray) -> dict[tuple[int, ...], float]:
    """Mean squares of every effect (a set of axes) of a complete table with one score a cell."""
    axes = range(cube.ndim)
    squares: dict[tuple[int, ...], float] = {}
    for effect in (chosen for size in range(1, cube.ndim + 1) for chosen in combinations(axes, size)):
        out = tuple(axis for axis in axes if axis not in effect)
        means = cube.mean(axis=out, keepdims=True) if out else cube
        for axis in effect:
            means = means - means.mean(axis=axis, keepdims=True)
        behind = float(np.prod([cube.shape[axis] for axis in out])) if out else 1.0
        degrees = float(np.prod([cube.shape[axis] - 1 for axis in effect]))
        squares[effect] = behind * float(np.sum(means**2)) / degrees
    return squares
