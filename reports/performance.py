"""What passes about performance ratings: no figure that rests on fewer rated people than the minimum cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Entry = dict[str, Any]
FIGURES = ("r", "value", "low", "high", "retention")
COUNTED_BY = {"expectancy_table": ("rows", "n_rated"), "convergent_discriminant": ("matrix", "n"),
              "retention_hazard": ("retention", "at_risk")}  # fmt: skip
"""Tables by what says how many people a row rests on."""


def rated_enough(estimate: Entry, minimum: int) -> Entry:
    """The estimate with the figures of thin rows left out; the whole value where it is itself that of a thin row."""
    place = COUNTED_BY.get(estimate["measure"])
    if place is None:
        return estimate
    table, count = place
    found = estimate["detail"].get(table) or []
    thin = _thin([row.get(count) or 0 for row in found], minimum, complete=estimate["measure"] == "expectancy_table")
    rows = [_row(row, count) if at in thin else dict(row) for at, row in enumerate(found)]
    detail = estimate["detail"] | ({table: rows} if table in estimate["detail"] else {})
    if (
        estimate["measure"] == "expectancy_table"
        and rows
        and rows[-1]["value"] is None
        and estimate["value"] is not None
    ):
        text = "The highest part has fewer rated people than the minimum: its figure is withheld."
        caution = {"code": "SMALL_GROUP", "text": text}
        detail |= {"gap": None}
        hidden = {"value": None, "interval": None, "cautions": [*estimate["cautions"], caution]}
        return estimate | hidden | {"detail": detail, "n": estimate["n"] | {"highest": None}}
    if rows and estimate["measure"] == "expectancy_table" and rows[0].get("value") is None:
        detail |= {"gap": None}
    return estimate | {"detail": detail}


def _thin(counts: list[int], minimum: int, *, complete: bool) -> set[int]:
    """Rows under the minimum; where the rows add up to a total that is shown, a single one takes the next smallest along."""
    thin = {at for at, count in enumerate(counts) if count < minimum}
    told = {at for at in thin if counts[at]}
    others = [at for at in range(len(counts)) if at not in thin]
    if complete and len(told) == 1 and others:
        thin.add(min(others, key=lambda at: counts[at]))
    return thin


def _row(row: Mapping[str, Any], count: str) -> Entry:
    return {key: None if key in FIGURES or key == count else value for key, value in row.items()}
