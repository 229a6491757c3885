"""Component tables behind `variance_components`: mean squares of complete designs, and REML with items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtri

from fairpanel.measures.estimate import Caution, Interval
from fairpanel.measures.mixed_models.blocks import BlockDesign, BlockLikelihood, block_design, evaluate_blocks
from fairpanel.measures.mixed_models.crossed import crossed_design
from fairpanel.measures.mixed_models.fit import minimise, moment_components
from fairpanel.measures.mixed_models.linkage import Linkage
from fairpanel.measures.panel import Ratings
from fairpanel.measures.reliability.mean_squares import agreement_interval, two_way_mean_squares

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


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


def item_components(ratings: Ratings, /, *, method: str, confidence: float) -> ComponentTable:
    """Unit, rater, item, their interactions and the residual."""
    if method == "anova":
        return _item_mean_squares(ratings)
    nested, crossing, dropped = _effects(ratings)
    cautions = []
    if dropped:
        cautions.append(
            Caution("INCOMPLETE_DESIGN", f"not told apart from other components in this design: {', '.join(dropped)}")
        )
    if not crossing:
        return ComponentTable(
            method="REML",
            share=None,
            cautions=[*cautions, Caution("INCOMPLETE_DESIGN", "raters and items do not cross units")],
        )
    design = block_design(ratings.unit, ratings.score, nested, crossing)
    names = [*design.nested, *design.crossing]
    likelihood, convergence = minimise(
        lambda gamma: evaluate_blocks(design, gamma),
        np.full(len(names), 0.3),
        free=np.ones(len(names), dtype=np.bool_),
        tolerance=1e-6,
        limit=200,
    )
    if not convergence.converged:
        cautions.append(
            Caution("NOT_CONVERGED", f"the search ended {convergence.gradient_norm:.2g} standard errors away")
        )
    found = dict(zip(names, (likelihood.gamma * likelihood.variance).tolist(), strict=True))
    found["residual"] = likelihood.variance
    between = _share_interval(design, likelihood, confidence=confidence)
    return _table(
        "REML, random effects " + ", ".join(names),
        found,
        extra={
            "intercept": likelihood.intercept + float(ratings.score.mean()),
            "reml_criterion": likelihood.criterion,
            "convergence": convergence.to_dict(),
        },
        interval=between,
        why=[Caution("NO_INTERVAL", "the unit variance lies on its boundary")] if between is None else (),
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


def _effects(ratings: Ratings) -> tuple[dict[str, IntArray], dict[str, IntArray], list[str]]:
    """Codes of the effects that this design can tell apart, nested in units and crossing them; names of the rest."""
    raters, items = len(ratings.raters), len(ratings.items)
    candidates = {
        "unit": ratings.unit,
        "unit:item": ratings.unit * items + ratings.item,
        "unit:rater": ratings.unit * raters + ratings.rater,
        "rater": ratings.rater,
        "item": ratings.item,
        "rater:item": ratings.rater * items + ratings.item,
    }
    coded = {name: np.unique(codes, return_inverse=True)[1].astype(np.int64) for name, codes in candidates.items()}
    kept: dict[str, IntArray] = {}
    for name in ("unit", "rater", "item", "unit:item", "unit:rater", "rater:item"):
        codes = coded[name]
        levels = int(codes.max()) + 1
        alone = 1 < levels < codes.size
        if alone and not any(_same_partition(codes, levels, other) for other in kept.values()):
            kept[name] = codes
    nested = {name: kept[name] for name in candidates if name in kept and name.startswith("unit")}
    crossing = {name: kept[name] for name in candidates if name in kept and not name.startswith("unit")}
    return nested, crossing, [name for name in candidates if name not in kept]


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
    half = float(ndtri((1 + confidence) / 2) * np.sqrt(slope[free] @ covariance @ slope[free]))
    centre = float(np.log(gamma[place] / rest))
    return Interval(
        low=float(expit(centre - half)),
        high=float(expit(centre + half)),
        level=confidence,
        method="delta method on the log-odds scale, average information",
    )


def _item_mean_squares(ratings: Ratings) -> ComponentTable:
    """Seven components of the complete unit × item × rater design (Brennan 2001, section 3.4)."""
    method = "ANOVA, expected mean squares of the complete unit x item x rater design"
    sizes = (len(ratings.units), len(ratings.items), len(ratings.raters))
    cell = (ratings.unit * sizes[1] + ratings.item) * sizes[2] + ratings.rater
    if min(sizes) < 2 or cell.size != np.prod(sizes) or np.unique(cell).size != cell.size:
        return ComponentTable(
            method=method,
            share=None,
            cautions=[
                Caution(
                    "INCOMPLETE_DESIGN",
                    "mean squares need every rater's score of every unit on every item exactly once, with at least two "
                    "of each: use method reml",
                )
            ],
        )
    cube = np.empty(cell.size)
    cube[cell] = ratings.score
    cube = cube.reshape(sizes)
    effects = _mean_squares(cube)
    p, i, r = sizes
    residual = effects["pir"]
    found = {
        "unit": (effects["p"] - effects["pi"] - effects["pr"] + residual) / (i * r),
        "item": (effects["i"] - effects["pi"] - effects["ir"] + residual) / (p * r),
        "rater": (effects["r"] - effects["pr"] - effects["ir"] + residual) / (p * i),
        "unit:item": (effects["pi"] - residual) / r,
        "unit:rater": (effects["pr"] - residual) / i,
        "rater:item": (effects["ir"] - residual) / p,
        "residual": residual,
    }
    return _table(
        method,
        found,
        extra={"intercept": float(cube.mean())},
        why=[Caution("NO_INTERVAL", "mean squares of three facets come without an interval: use method reml")],
    )


def _mean_squares(cube: FloatArray) -> dict[str, float]:
    """Mean squares of every effect of a complete three-way table with one score a cell, by inclusion and exclusion."""
    axes = {"p": 0, "i": 1, "r": 2}
    squares: dict[str, float] = {}
    for effect in ("p", "i", "r", "pi", "pr", "ir", "pir"):
        out = tuple(axis for name, axis in axes.items() if name not in effect)
        means = cube.mean(axis=out, keepdims=True) if out else cube
        for name in effect:
            means = means - means.mean(axis=axes[name], keepdims=True)
        weight = float(np.prod([cube.shape[axis] for axis in out])) if out else 1.0
        degrees = float(np.prod([cube.shape[axes[name]] - 1 for name in effect]))
        squares[effect] = weight * float(np.sum(means**2)) / degrees
    return squares
