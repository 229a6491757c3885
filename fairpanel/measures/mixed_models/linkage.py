"""How units and raters of a panel hang together, and which variance components that lets one tell apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from fairpanel.measures.estimate import Caution
from fairpanel.measures.mixed_models.remembered import remembered
from fairpanel.measures.panel import Ratings

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    """The unit × rater graph.

    raters_per_unit, units_per_rater : distinct partners of each level. duplicates : ratings beyond the first of a pair.
    parts : connected components; part_of_unit, part_of_rater : each level's component, from 0.
    q : Putka's multiplier (None for a single unit). k_harmonic : harmonic mean of raters per unit.
    """

    raters_per_unit: FloatArray
    units_per_rater: FloatArray
    duplicates: int
    parts: int
    part_of_unit: IntArray
    part_of_rater: IntArray
    q: float
    k_harmonic: float

    @property
    def complete(self) -> bool:
        """Whether every rater scored every unit exactly once."""
        return not self.duplicates and bool(np.all(self.raters_per_unit == self.units_per_rater.size))

    @property
    def single_units(self) -> int:
        """Units with one rater."""
        return int(np.count_nonzero(self.raters_per_unit == 1))


def linkage(ratings: Ratings, /) -> Linkage:
    """The graph of at least one rating.

    q sums raters shared by pairs of units without visiting the pairs: over raters, the squared sum less the sum of
    squares of 1/k_i is the sum over pairs of c_ij / (k_i k_j).
    """
    return _linkage(ratings.unit, ratings.rater, len(ratings.units), len(ratings.raters))


@remembered
def _linkage(unit_of: IntArray, rater_of: IntArray, units: int, raters: int) -> Linkage:
    pair = np.unique(unit_of * raters + rater_of)
    unit, rater = pair // raters, pair % raters
    per_unit = np.bincount(unit, minlength=units).astype(np.float64)
    share = np.bincount(rater, weights=1 / per_unit[unit], minlength=raters)
    own = float(np.sum(1 / per_unit))
    k_harmonic = units / own
    overlap = (float(share @ share) - own) / (units * (units - 1)) if units > 1 else 0.0
    graph = sparse.coo_array((np.ones(pair.size), (unit, units + rater)), shape=(units + raters, units + raters))
    parts, part = connected_components(graph, directed=False)
    return Linkage(
        raters_per_unit=per_unit,
        units_per_rater=np.bincount(rater, minlength=raters).astype(np.float64),
        duplicates=unit_of.size - pair.size,
        parts=int(parts),
        part_of_unit=part[:units].astype(np.int64),
        part_of_rater=part[units:].astype(np.int64),
        q=max(1 / k_harmonic - overlap, 0.0),
        k_harmonic=k_harmonic,
    )


def why_not_estimable(ratings: Ratings, link: Linkage | None, /) -> list[Caution]:
    """Why unit and residual variance cannot be told apart in these ratings; an empty list where they can."""
    if ratings.score.size == 0:
        return [Caution("SMALL_SAMPLE", "there are no scores")]
    if len(ratings.units) < 2:
        return [Caution("SMALL_SAMPLE", "all scores belong to one unit: there is nothing to tell units apart by")]
    if float(np.ptp(ratings.score)) == 0:
        return [Caution("CONSTANT_INPUT", "all scores are the same: there is no variance to divide")]
    if link is None:  # raters play no part
        return []
    if len(ratings.raters) == 1:
        return [Caution("ONE_RATER", "one rater gave all scores: their leniency cannot be told from the units' merit")]
    if link.single_units == len(ratings.units):
        return [Caution("SINGLE_RATINGS", "every unit has one rater: disagreement between raters cannot be seen")]
    return []


def linkage_cautions(link: Linkage, /) -> list[Caution]:
    """What a reader must know about an incomplete, thin or unlinked design."""
    cautions = []
    units, raters = link.raters_per_unit.size, link.units_per_rater.size
    if not link.complete:
        text = f"not every one of {raters} raters scored every one of {units} units exactly once"
        if link.duplicates:
            text += f"; {link.duplicates} ratings repeat a unit-rater pair"
        cautions.append(Caution("INCOMPLETE_DESIGN", text + "; all scores are used"))
    if link.single_units:
        cautions.append(
            Caution("SINGLE_RATINGS", f"{link.single_units} of {units} units have one rater and show no disagreement")
        )
    if link.parts > 1:
        cautions.append(
            Caution(
                "UNLINKED_RATERS",
                f"the design falls into {link.parts} parts that share neither units nor raters; that their levels are "
                "comparable is an assumption",
            )
        )
    if units < 10:
        cautions.append(Caution("SMALL_SAMPLE", f"{units} units are few for the interval's approximation"))
    return cautions
