"""Levels of raters beside levels of groups: which part of two groups' difference in scores came with the panels met."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, cg

from fairpanel.measures.columns import Floats, Integers


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelDesign:
    """Ratings by unit and rater (codes from 0, all present), each unit's group, and var_unit / var_residual."""

    score: Floats
    unit: Integers
    rater: Integers
    group: Integers
    ratio: float

    @property
    def raters(self) -> int:
        return int(self.rater.max()) + 1


@dataclass(frozen=True, slots=True)
class Split:
    """Mean scores and the mean leniency met (above an average rating's) of the focal and the reference group's units."""

    score: tuple[float, float]
    leniency: tuple[float, float]

    @property
    def gap(self) -> float:
        return self.score[0] - self.score[1]

    @property
    def between(self) -> float:
        return self.leniency[0] - self.leniency[1]


def share_raters(design: PanelDesign, focal: int, reference: int, weight: Floats) -> bool:
    """Whether a chain of raters who met units of two groups joins both: else panels and groups are one."""
    used = weight[design.unit] > 0
    groups = int(design.group.max()) + 1
    pair = np.unique(design.rater[used] * groups + design.group[design.unit[used]])
    nodes = groups + design.raters
    graph = sparse.coo_array((np.ones(pair.size), (pair % groups, groups + pair // groups)), shape=(nodes, nodes))
    part = connected_components(graph, directed=False)[1]
    return bool(part[focal] == part[reference])


def split(design: PanelDesign, focal: int, reference: int, weight: Floats) -> Split | None:
    """The gap and the part of it that came with the raters; None where a group is absent or shares no raters.

    score = level of the rater + level of the group + unit (random) + residual, by generalized least squares with the
    units' weights; raters and groups are taken as they are, unshrunken. Conjugate gradients, linear in the ratings.
    """
    of_focal, of_reference = weight * (design.group == focal), weight * (design.group == reference)
    if not of_focal.any() or not of_reference.any() or not share_raters(design, focal, reference, weight):
        return None
    size = np.bincount(design.unit).astype(np.float64)
    observed = np.bincount(design.unit, design.score) / size
    level = _rater_levels(design, weight, size)
    row_weight = weight[design.unit]
    level = level - float(row_weight @ level[design.rater]) / float(row_weight.sum())
    met = np.bincount(design.unit, level[design.rater]) / size

    def means(values: Floats) -> tuple[float, float]:
        return float(of_focal @ values / of_focal.sum()), float(of_reference @ values / of_reference.sum())

    return Split(means(observed), means(met))


def _rater_levels(design: PanelDesign, weight: Floats, size: Floats) -> Floats:
    raters, groups = design.raters, int(design.group.max()) + 1
    row_group, row_weight = design.group[design.unit], weight[design.unit]
    shrink = weight * design.ratio / (1 + design.ratio * size)

    def collect(rows: Floats) -> Floats:
        """X' V⁻¹ of rows: V⁻¹ takes a share of each unit's sum off its rows."""
        sums = np.bincount(design.unit, rows)
        inverse = row_weight * rows - (shrink * sums)[design.unit]
        return np.concatenate(
            (np.bincount(design.rater, inverse, minlength=raters), np.bincount(row_group, inverse, minlength=groups))
        )

    def spread(effects: Floats) -> Floats:
        return np.asarray(effects[design.rater] + effects[raters + row_group])

    diagonal = np.concatenate(
        (np.bincount(design.rater, row_weight, minlength=raters), np.bincount(row_group, row_weight, minlength=groups))
    )
    scale = 1 / np.where(diagonal > 0, diagonal, 1.0)
    shape = (raters + groups, raters + groups)
    normal = LinearOperator(shape, matvec=lambda v: collect(spread(v.ravel())), dtype=np.float64)
    scaling = LinearOperator(shape, matvec=lambda v: scale * v.ravel(), dtype=np.float64)
    centred = design.score - design.score.mean()
    effects, _ = cg(normal, collect(centred), rtol=1e-9, atol=0.0, maxiter=5000, M=scaling)
    return np.asarray(effects[:raters])
