"""Who was selected in two groups: choosing the focal and the reference group and counting people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.special import ndtr

from fairpanel.measures.columns import (
    Decisions,
    Integers,
    Labels,
    counts_of_rows,
    decisions,
    labels,
    missing_rows,
    one_of,
)
from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError


@dataclass(frozen=True, slots=True)
class TwoGroups:
    """The names compared, by what rule, and the codes of both in the group column."""

    focal: str
    reference: str
    rule: str
    focal_code: int
    reference_code: int


@dataclass(frozen=True, slots=True)
class Table:
    """Selected and not selected in the focal and in the reference group (a, b, c, d row by row)."""

    focal_selected: int
    focal_rejected: int
    reference_selected: int
    reference_rejected: int

    @property
    def focal_n(self) -> int:
        return self.focal_selected + self.focal_rejected

    @property
    def reference_n(self) -> int:
        return self.reference_selected + self.reference_rejected

    @property
    def selected(self) -> int:
        return self.focal_selected + self.reference_selected

    @property
    def n(self) -> int:
        return self.focal_n + self.reference_n

    def to_dict(self) -> dict[str, int]:
        return {
            "focal_selected": self.focal_selected,
            "focal_rejected": self.focal_rejected,
            "reference_selected": self.reference_selected,
            "reference_rejected": self.reference_rejected,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """A fourfold table with the names of its rows; table is None where there is only one group."""

    groups: TwoGroups | None
    table: Table | None
    cautions: list[Caution]


def two_groups(
    found: Labels, sizes: list[int], column: str, focal: str | None, reference: str | None
) -> TwoGroups | None:
    """Which group is compared with which.

    Named groups are taken as named. Of two groups, the unnamed one follows from the other; with neither named the
    larger is the reference (of equals, the first by name). With more than two groups the focal group must be named,
    and the largest of the others is the reference. None where no second group has a row with all needed values.
    """
    names = [name for name, size in zip(found.names, sizes, strict=True) if size]
    if focal is not None:
        focal = one_of(found.names, focal, "focal", column)
    if reference is not None:
        reference = one_of(found.names, reference, "reference", column)
    if focal is not None and focal == reference:
        raise MeasureInputError(f"focal and reference are the same group {focal!r}; name two groups of {column!r}")
    if focal is not None and reference is not None:
        rule = "groups as named"
    elif len(names) > 2 and focal is None:
        raise MeasureInputError(
            f"column {column!r} holds {len(names)} groups ({', '.join(names[:10])}): name the two to compare with "
            "focal and reference"
        )
    else:
        by_size = sorted((each for each in names if each != focal), key=lambda each: -sizes[found.names.index(each)])
        if reference is None:
            if not by_size:
                return None
            reference = by_size[0]
            rule = "reference: the largest other group" if focal is not None else "reference: the larger group"
        else:
            rule = "reference as named"
        if focal is None:
            focal = next((each for each in names if each != reference), None)
            if focal is None:
                return None
    return TwoGroups(focal, reference, rule, found.names.index(focal), found.names.index(reference))


def fourfold(
    data: pl.DataFrame,
    group: str,
    selected: str,
    focal: str | None,
    reference: str | None,
    selected_label: str | None,
    count: str | None = None,
) -> Comparison:
    """Count a fourfold table; rows of other groups do not count, rows with a missing value are reported."""
    found, taken = labels(data, group, "group"), decisions(data, selected, "selected", selected_label)
    present, people = found.present & taken.present, counts_of_rows(data, count)
    cautions = missing_rows(present, f"{group} or {selected}", people)
    counts = selection_counts(found, taken, people)
    groups = two_groups(found, counts.sum(axis=1).tolist(), group, focal, reference)
    if groups is None or not counts[groups.focal_code].any() or not counts[groups.reference_code].any():
        with_rows = [name for name, size in zip(found.names, counts.sum(axis=1), strict=True) if size]
        return Comparison(None, None, [*cautions, one_group_only(with_rows)])
    (d, c), (b, a) = counts[groups.reference_code], counts[groups.focal_code]
    return Comparison(groups, Table(int(a), int(b), int(c), int(d)), cautions)


def selection_counts(
    found: Labels, taken: Decisions, people: Integers | None = None
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """People by group (rows) and decision (columns: not selected, selected). people: how many a row stands for."""
    present = found.present & taken.present
    cells = found.codes[present] * 2 + taken.taken[present]
    weights = None if people is None else people[present].astype(np.float64)
    counted = np.bincount(cells, weights, minlength=2 * len(found.names))
    return counted.astype(np.int64).reshape(len(found.names), 2)


def one_group_only(names: list[str]) -> Caution:
    """Why there is nothing to compare."""
    what = f"only the group {names[0]!r}" if len(names) == 1 else "no row of one or both groups"
    return Caution("SMALL_GROUP", f"The data hold {what} with all needed values: there is nothing to compare.")


def pooled_z(table: Table) -> tuple[float, float] | None:
    """z and its two-sided p for equal rates with the pooled rate's standard error; None where everyone fared alike."""
    pooled = table.selected / table.n
    if pooled in (0.0, 1.0):
        return None
    difference = table.focal_selected / table.focal_n - table.reference_selected / table.reference_n
    z = difference / math.sqrt(pooled * (1 - pooled) * (1 / table.focal_n + 1 / table.reference_n))
    return z, 2 * float(ndtr(-abs(z)))


def no_value(
    name: str, title: str, people: int, cautions: list[Caution], detail: dict[str, Any], references: tuple[str, ...]
) -> Estimate:
    """An estimate that the data do not determine; the cautions say why."""
    return Estimate(
        measure=name, method=title, value=None, n={"people": people}, cautions=cautions, detail=detail,
        references=references,
    )  # fmt: skip
