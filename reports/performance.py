"""What passes about performance: no figure that rests on fewer people than the minimum cell, and none that gives one back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

Entry = dict[str, Any]
FIGURES = ("r", "value", "low", "high", "retention", "effect")
WITHHELD = {"code": "SMALL_GROUP", "text": "It, or a part of it, rests on fewer people than the minimum: withheld."}


def rated_enough(estimate: Entry, minimum: int) -> Entry:
    """The estimate without the figures of few people, and without what they could be worked out from."""
    gate = _GATES.get(estimate["measure"])
    return estimate if gate is None else gate(estimate, minimum)


def _expectancy(estimate: Entry, minimum: int) -> Entry:
    """Parts of the score. The mean and the number of all rated are shown, so that what they leave for the hidden parts
    together has to rest on enough people, too, and never on one part alone."""
    rows = estimate["detail"].get("rows") or []
    counts = [row["n_rated"] or 0 for row in rows]
    hidden = {at for at, count in enumerate(counts) if 0 < count < minimum}
    if not hidden:
        return estimate
    others = sorted((at for at in range(len(rows)) if counts[at] and at not in hidden), key=counts.__getitem__)
    while others and (len(hidden) == 1 or sum(counts[at] for at in hidden) < minimum):
        hidden.add(others.pop(0))
    detail = _without(estimate, "rows", hidden, ("n_rated",))["detail"]
    rated = [at for at, count in enumerate(counts) if count]
    if hidden & {rated[0], rated[-1]}:
        detail |= {"gap": None}
    if sum(counts) < minimum:
        detail |= {"overall": None}
    if len(rows) - 1 not in hidden:
        return estimate | {"detail": detail}
    return _withheld(estimate, detail) | {"n": estimate["n"] | {"highest": None}}


def _matrix(estimate: Entry, minimum: int) -> Entry:
    """Cells of a matrix of correlations; their means would give a single one back."""
    rows = estimate["detail"].get("matrix") or []
    hidden = {at for at, row in enumerate(rows) if 0 < (row["n"] or 0) < minimum}
    kept = _without(estimate, "matrix", hidden, ("n",))
    if not any(rows[at]["r"] is not None for at in hidden):
        return kept
    return _withheld(estimate, kept["detail"] | dict.fromkeys(("mean_convergent", "mean_discriminant", "largest")))


def _retention(estimate: Entry, minimum: int) -> Entry:
    rows = estimate["detail"].get("retention") or []
    hidden = {at for at, row in enumerate(rows) if (row["at_risk"] or 0) < minimum and row["retention"] is not None}
    return _without(estimate, "retention", hidden, ("at_risk",))


def _preparation(estimate: Entry, minimum: int) -> Entry:
    """Items that few had, or few had not."""
    counts = ("n_with", "n_without")
    rows = estimate["detail"].get("items") or []
    hidden = {at for at, row in enumerate(rows) if any(0 < (row[count] or 0) < minimum for count in counts)}
    return _without(estimate, "items", hidden, counts)


def _sources(estimate: Entry, minimum: int) -> Entry:
    """The correlations of few people rated by an interviewer, or by somebody else, and their difference."""
    detail, gone = estimate["detail"], {}
    for side in ("same", "different"):
        told = detail.get(side) or {}
        if told.get("r") is not None and (told["people"] or 0) < minimum:
            gone |= {side: told | dict.fromkeys(("r", "low", "high")), f"r_{side}": None, "paired": None}
    return _withheld(estimate, detail | gone) if gone else estimate


def _without(estimate: Entry, table: str, hidden: Collection[int], counts: Collection[str]) -> Entry:
    """The estimate, rows of a table without their figures and counts; as it came where none is hidden."""
    if not hidden:
        return estimate
    rows = [_row(row, counts) if at in hidden else row for at, row in enumerate(estimate["detail"][table])]
    return estimate | {"detail": estimate["detail"] | {table: rows}}


def _row(row: Mapping[str, Any], counts: Collection[str]) -> Entry:
    return {key: None if key in FIGURES or key in counts else value for key, value in row.items()}


def _withheld(estimate: Entry, detail: Entry) -> Entry:
    cautions = [*estimate["cautions"], WITHHELD]
    return estimate | {"value": None, "interval": None, "cautions": cautions, "detail": detail}


_GATES: Mapping[str, Callable[[Entry, int], Entry]] = {
    "expectancy_table": _expectancy,
    "convergent_discriminant": _matrix,
    "retention_hazard": _retention,
    "preparation_effect": _preparation,
    "same_source_validity": _sources,
}
