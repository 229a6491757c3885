"""Which raters can be compared at all, and on whom the comparison hangs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.mixed_models.linkage import Linkage, linkage
from fairpanel.measures.panel import Ratings, long_ratings

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

REFERENCES = (
    "Linacre, J. M. (1989). Many-facet Rasch measurement. Chicago: MESA Press",
    "Tarjan, R. (1972). SIAM Journal on Computing, 1, 146-160",
    "Wang, W., & Engelhard, G. (2019). Journal of Applied Measurement, 20, 27-50",
)


def rater_linkage(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    min_units: int = 1,
    weakest: int = 50,
) -> Estimate:
    """Whether candidates in common tie all raters together, so that their severities can be compared.

    The value is the share of raters in the largest part of the design: 1 when a chain of shared candidates leads from
    every rater to every other. Raters of different parts have no common scale: no method tells a harsh panel from weak
    candidates there. The tables say what holds the parts together, and who would split them by leaving.

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names.
    min_units : raters who scored fewer units are counted but left out of the rater tables.
    weakest : how many links and linking raters to list, those whose loss would cut off most raters first.

    Returns
    -------
    Estimate
        detail: components (rows: component, raters, units, ratings; largest first), component (rater -> number),
        unit_component (unit -> number), shared_units (rater -> units scored together with any other rater),
        partners (rater -> other raters met), units_scored (rater -> units), single_units (units with one rater),
        linking_units (rows: unit, component, cut_off: a unit whose loss splits its component, and how many raters
        its smaller sides hold), linking_raters (the same for raters), unlinked_raters (raters who share no unit with
        anyone), raters_left_out. Raters whose severity hangs on one unit are those cut off by a linking unit.

    Raises
    ------
    MeasureInputError
        A missing column, scores that are not numbers, min_units under 1 or weakest under 0.

    Cautions
    --------
    UNLINKED_RATERS (more than one part), SINGLE_RATINGS (units that link nobody), ONE_RATER, SMALL_SAMPLE (no scores:
    value None), SMALL_GROUP (raters left out), MISSING_DATA, NO_INTERVAL (always: a description of the design).

    Notes
    -----
    Components of the bipartite graph of units and raters; linking units and raters are its articulation points, found
    by Tarjan's depth-first search in time linear in ratings. Checked in the tests against taking each one out.

    References
    ----------
    .. [1] Linacre (1989), Many-facet Rasch measurement, on subset connection.
    .. [2] Tarjan (1972), SIAM Journal on Computing 1, 146-160.

    Examples
    --------
    >>> ratings = pl.DataFrame(
    ...     {"unit": [1, 1, 2, 2, 3, 3], "rater": ["a", "b", "b", "c", "d", "e"], "score": [3, 4, 2, 3, 5, 4]}
    ... )
    >>> found = rater_linkage(ratings)
    >>> found.value, [row["raters"] for row in found.detail["components"]]
    (0.6, [3, 2])
    """
    for name, number, low in (("min_units", min_units, 1), ("weakest", weakest, 0)):
        if isinstance(number, bool) or not isinstance(number, int) or number < low:
            raise MeasureInputError(f"expected {name}, a whole number of at least {low}, got {number!r}")
    ratings = long_ratings(data, unit=unit, rater=rater, score=score)
    cautions = ratings.missing_caution()
    method = "share of raters in the largest connected part of the unit-rater graph"
    if ratings.score.size == 0:
        return Estimate(
            measure="rater_linkage",
            method=method,
            value=None,
            n=ratings.counts(),
            cautions=[*cautions, Caution("SMALL_SAMPLE", "there are no scores")],
            references=REFERENCES,
        )
    link = linkage(ratings)
    detail, largest, left_out = _tables(ratings, link, min_units, weakest)
    cautions += _cautions(ratings, link, left_out, min_units)
    cautions.append(Caution("NO_INTERVAL", "the design is described, not estimated"))
    return Estimate(
        measure="rater_linkage",
        method=method,
        value=largest / len(ratings.raters),
        n=ratings.counts(),
        cautions=cautions,
        detail=detail,
        references=REFERENCES,
    )


def _cautions(ratings: Ratings, link: Linkage, left_out: int, min_units: int) -> list[Caution]:
    cautions = []
    if len(ratings.raters) == 1:
        cautions.append(Caution("ONE_RATER", "one rater gave all scores: there is nobody to compare with"))
    if link.parts > 1:
        text = f"the design falls into {link.parts} parts that share neither units nor raters: never compare across"
        cautions.append(Caution("UNLINKED_RATERS", text))
    if link.single_units:
        text = f"{link.single_units} of {len(ratings.units)} units have one rater and link nobody"
        cautions.append(Caution("SINGLE_RATINGS", text))
    if left_out:
        text = f"raters who scored fewer than {min_units} units, not in the tables: {left_out}"
        cautions.append(Caution("SMALL_GROUP", text))
    return cautions


def _tables(ratings: Ratings, link: Linkage, min_units: int, weakest: int) -> tuple[dict[str, Any], int, int]:
    """The tables, raters in the largest part, raters left out."""
    raters = np.bincount(link.part_of_rater, minlength=link.parts)
    units = np.bincount(link.part_of_unit, minlength=link.parts)
    scores = np.bincount(link.part_of_rater[ratings.rater], minlength=link.parts)
    order = np.lexsort((np.arange(link.parts), -scores, -raters))
    rank = np.argsort(order)
    part_of_rater, part_of_unit = rank[link.part_of_rater], rank[link.part_of_unit]
    shown = np.flatnonzero(link.units_per_rater >= min_units)
    labels = [ratings.raters[code] for code in shown.tolist()]
    shared, partners = _companions(ratings, link)

    def by_rater(values: IntArray) -> dict[str, int]:
        return dict(zip(labels, values[shown].astype(int).tolist(), strict=True))

    unit_cuts, rater_cuts = _articulation(ratings)
    hidden = set(np.flatnonzero(link.units_per_rater < min_units).tolist())
    detail = {
        "components": [
            {"component": place, "raters": int(raters[part]), "units": int(units[part]), "ratings": int(scores[part])}
            for place, part in enumerate(order.tolist())
        ],
        "component": by_rater(part_of_rater),
        "unit_component": dict(zip(ratings.units, part_of_unit.tolist(), strict=True)),
        "units_scored": by_rater(link.units_per_rater.astype(np.int64)),
        "shared_units": by_rater(shared),
        "partners": by_rater(partners),
        "single_units": link.single_units,
        "linking_units": [
            {"unit": ratings.units[code], "component": int(part_of_unit[code]), "cut_off": lost}
            for code, lost in unit_cuts[:weakest]
        ],
        "linking_raters": [
            {"rater": ratings.raters[code], "component": int(part_of_rater[code]), "cut_off": lost}
            for code, lost in rater_cuts
            if code not in hidden
        ][:weakest],
        "unlinked_raters": int(np.count_nonzero(shared == 0)),
        "raters_left_out": len(hidden),
    }
    return detail, int(raters.max()), len(hidden)


def _companions(ratings: Ratings, link: Linkage) -> tuple[IntArray, IntArray]:
    """Per rater: units scored together with another rater, and how many other raters those were."""
    count = len(ratings.raters)
    pair = np.unique(ratings.unit * count + ratings.rater)
    unit, rater = pair // count, pair % count
    shared = np.bincount(rater, weights=link.raters_per_unit[unit] > 1, minlength=count)
    met: list[IntArray] = []
    starts = np.r_[np.flatnonzero(np.r_[True, np.diff(unit) != 0]), unit.size]
    for size in np.unique(np.diff(starts)).tolist():
        first = starts[:-1][np.diff(starts) == size]
        panel = rater[first[:, None] + np.arange(size)]
        sides = [(one, other) for one in range(size) for other in range(size) if one != other]
        met += [np.unique(panel[:, one] * count + panel[:, other]) for one, other in sides]
    both = np.unique(np.concatenate(met)) if met else np.empty(0, dtype=np.int64)
    return shared.astype(np.int64), np.bincount(both // count, minlength=count).astype(np.int64)


def _articulation(ratings: Ratings) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Units and raters whose loss splits their component, with the raters outside the largest piece that remains.

    Ordered by raters cut off, most first, then by label.
    """
    units, raters = len(ratings.units), len(ratings.raters)
    neighbours = _neighbours(ratings)
    nodes = units + raters
    seen, low, below = np.full(nodes, -1), np.zeros(nodes, dtype=np.int64), np.zeros(nodes, dtype=np.int64)
    pieces: dict[int, list[int]] = {}
    clock = 0
    unit_cuts: list[tuple[int, int]] = []
    rater_cuts: list[tuple[int, int]] = []
    for root in range(units, nodes):
        if seen[root] >= 0:
            continue
        visited: list[int] = []
        stack: list[tuple[int, int, Iterator[int]]] = [(root, -1, iter(neighbours[root]))]
        seen[root] = low[root] = clock
        below[root] = 1
        visited.append(root)
        clock += 1
        while stack:
            node, parent, rest = stack[-1]
            for other in rest:
                if seen[other] < 0:
                    seen[other] = low[other] = clock
                    clock += 1
                    below[other] = int(other >= units)
                    visited.append(other)
                    stack.append((other, node, iter(neighbours[other])))
                    break
                if other != parent:
                    low[node] = min(low[node], seen[other])
            else:
                stack.pop()
                if parent >= 0:
                    below[parent] += below[node]
                    low[parent] = min(low[parent], low[node])
                    if low[node] >= seen[parent]:
                        pieces.setdefault(parent, []).append(int(below[node]))
        total = int(below[root])
        for node in visited:
            cut = pieces.get(node, [])
            own = int(node >= units)
            rest_size = total - own - sum(cut)
            sides = [size for size in (*cut, rest_size) if size > 0]
            if len(sides) > 1:
                lost = sum(sides) - max(sides)
                (rater_cuts if own else unit_cuts).append((node - units if own else node, lost))
    for cuts in (unit_cuts, rater_cuts):
        cuts.sort(key=lambda one: (-one[1], one[0]))
    return unit_cuts, rater_cuts


def _neighbours(ratings: Ratings) -> list[list[int]]:
    """Neighbours of every unit and (after them) every rater, each once."""
    units, raters = len(ratings.units), len(ratings.raters)
    pair = np.unique(ratings.unit * raters + ratings.rater)
    one, other = np.r_[pair // raters, pair % raters + units], np.r_[pair % raters + units, pair // raters]
    order = np.lexsort((other, one))
    cuts = np.cumsum(np.bincount(one, minlength=units + raters))[:-1]
    return [part.tolist() for part in np.split(other[order], cuts)]
