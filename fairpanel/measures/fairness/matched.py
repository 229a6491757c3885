"""One item's scores of two groups beside what people are matched on: the ground of every test of item bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from fairpanel.measures.columns import Booleans, Floats, Integers, labels, missing_rows, numbers
from fairpanel.measures.estimate import Caution, MeasureInputError
from fairpanel.measures.fairness.contingency import TwoGroups, one_group_only, two_groups

MOST_CATEGORIES = 50
"""Distinct scores of an item beyond which it is no rating scale."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Complete rows of two groups: category of the item (0 the lowest score seen), matching score, who is focal.

    groups is None where there is nothing to compare; the cautions say why.
    """

    groups: TwoGroups | None
    category: Integers
    scores: list[float]
    matching: Floats
    focal: Booleans
    cautions: list[Caution]

    def people(self) -> dict[str, int]:
        focal = int(np.count_nonzero(self.focal))
        return {"people": self.focal.size, "focal": focal, "reference": self.focal.size - focal}


def matched(
    data: pl.DataFrame, item: str, matching: str, group: str, focal: str | None, reference: str | None
) -> Matched:
    """Read the three columns; rows of other groups do not count, rows with a missing value are reported."""
    if item == matching:
        raise MeasureInputError(f"item and matching are the same column {item!r}: match on the total or another score")
    answer, ability, found = (
        numbers(data, item, "item"),
        numbers(data, matching, "matching"),
        labels(data, group, "group"),
    )
    present = found.present & ~np.isnan(answer) & ~np.isnan(ability)
    cautions = missing_rows(present, f"{item}, {matching} or {group}")
    sizes = np.bincount(found.codes[present], minlength=len(found.names)).tolist()
    groups = two_groups(found, sizes, group, focal, reference)
    if groups is None or not sizes[groups.focal_code] or not sizes[groups.reference_code]:
        cautions.append(one_group_only([name for name, size in zip(found.names, sizes, strict=True) if size]))
        groups, used = None, np.zeros(present.size, dtype=np.bool_)
    else:
        used = present & ((found.codes == groups.focal_code) | (found.codes == groups.reference_code))
    scores, category = np.unique(answer[used], return_inverse=True)
    if groups is not None and scores.size < 2:
        cautions.append(Caution("CONSTANT_INPUT", f"Everyone has the same score in {item}: groups cannot differ."))
        groups_kept = None
    elif scores.size > MOST_CATEGORIES:
        cautions.append(
            Caution(
                "NOT_ESTIMABLE",
                f"{item} has {scores.size} different scores, more than the {MOST_CATEGORIES} a rating scale may have: "
                "compare it by standardized_difference or differential_prediction.",
            )
        )
        groups_kept = None
    else:
        groups_kept = groups
    focal_rows = found.codes[used] == groups.focal_code if groups is not None else np.zeros(0, dtype=np.bool_)
    return Matched(groups_kept, category.astype(np.int64), scores.tolist(), ability[used], focal_rows, cautions)
