"""What a reader of a calibration must know, and why there may be none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fairpanel.measures.estimate import Caution
from fairpanel.measures.raters.rasch.calibration import Calibration
from fairpanel.measures.raters.rasch.design import Design
from fairpanel.measures.raters.rasch.tables import disordered

BoolArray = npt.NDArray[np.bool_]

FEW_RATINGS = 10
"""A category with fewer ratings has an imprecise threshold (Linacre 2002)."""


def why_not(design: Design) -> Caution | None:
    """Why no ratings of this design could be calibrated, before any estimation."""
    if design.score.size == 0:
        return Caution("SMALL_SAMPLE", "there are no scores")
    if design.top == 0:
        return Caution("CONSTANT_INPUT", "all scores are the same: nothing tells levels apart")
    if len(design.unit_labels) < 2:
        return Caution("SMALL_SAMPLE", "all scores belong to one candidate")
    if len(design.facet_labels[0]) == 1:
        name = design.facet_names[0]
        text = f"the facet {name} has one level: its severity cannot be told from the candidates' merit"
        return Caution("ONE_RATER", text)
    return None


def missing_caution(design: Design) -> list[Caution]:
    """A MISSING_DATA caution where rows were left out, else nothing."""
    if not design.missing:
        return []
    total = design.missing + design.score.size
    return [Caution("MISSING_DATA", f"{design.missing} of {total} rows have no score (or no label) and were left out")]


def calibration_cautions(
    found: Calibration, chosen: str, hidden: dict[str, BoolArray], min_units: int
) -> list[Caution]:
    """Cautions of a finished calibration."""
    design = found.design
    cautions = []
    for place, name in enumerate(design.facet_names):
        subset = found.origins.subset[design.facet(name)]
        parts = int(subset.max(initial=0)) + 1
        if parts > 1:
            text = f"{name} falls into {parts} subsets without a common scale: compare within a subset only"
            cautions.append(Caution("INCOMPLETE_DESIGN" if place else "UNLINKED_RATERS", text))
    own = {name: int(np.count_nonzero(found.extreme[design.facet(name)])) for name in design.facet_names}
    named = [f"{count} of {name}" for name, count in own.items() if count]
    if named:
        text = (
            f"levels with extreme or one-sided scores ({', '.join(named)}) have no finite estimate: they are measured "
        )
        cautions.append(
            Caution("BOUNDARY", text + "given the others, extreme scores drawn in by .3, and left out of separation")
        )
    if found.boundary:
        cautions.append(Caution("BOUNDARY", "candidates do not differ beyond chance: their variance is estimated as 0"))
    counts = np.zeros(design.used.shape, dtype=np.int64)
    np.add.at(counts, (design.group, design.score), 1)
    empty = np.flatnonzero(counts.sum(axis=0) == 0)
    if empty.size:
        scores = ", ".join(str(design.low + design.step * int(k)) for k in empty[:10])
        text = f"never used: {scores}{' and more' if empty.size > 10 else ''}; thresholds beside it cannot be told"
        cautions.append(Caution("ZERO_CELL", text))
    thin = int(np.count_nonzero((counts > 0) & (counts < FEW_RATINGS)))
    if thin:
        text = f"{thin} categories have fewer than {FEW_RATINGS} ratings: their thresholds are imprecise (Linacre 2002)"
        cautions.append(Caution("SMALL_SAMPLE", text))
    crossed = disordered(found, hidden)
    if crossed:
        shown = "; ".join(crossed[:5]) + (" and more" if len(crossed) > 5 else "")
        cautions.append(Caution("ZERO_CELL", f"thresholds are disordered, nowhere the most probable score: {shown}"))
    if chosen == "jmle":
        ratings = design.score.size / len(design.unit_labels)
        text = f"joint estimates with {ratings:.1f} ratings a candidate are too far apart by about {ratings:.1f} to "
        cautions.append(Caution("SMALL_SAMPLE", text + f"{max(ratings - 1, 0):.1f}, and their errors too small"))
    left_out = sum(int(np.count_nonzero(one)) for one in hidden.values())
    if left_out:
        text = f"raters who scored fewer than {min_units} units, not in the tables: {left_out}"
        cautions.append(Caution("SMALL_GROUP", text))
    return cautions
