"""Ratings of a many-facet design as arrays: candidates, facets, and scores as categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from fairpanel.measures.estimate import MeasureInputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

MOST_CATEGORIES = 200
ROLES = ("unit", "rater", "item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Ratings, sorted by candidate, facet levels and score, so that the order of rows plays no part.

    score : categories from 0 to `top`; a score of the data is `low + step * category`.
    unit : codes of the candidates. levels : per facet, codes into one list of parameters of all facets.
    group : which step structure a rating belongs to. used : groups × categories, whether a category occurs there.
    offset : first parameter of each facet, and their number last. row : row of the data, from 0.
    """

    unit_name: str
    facet_names: tuple[str, ...]
    unit_labels: tuple[str, ...]
    facet_labels: tuple[tuple[str, ...], ...]
    unit: IntArray
    levels: tuple[IntArray, ...]
    group: IntArray
    step_facet: str | None
    score: IntArray
    low: float
    step: float
    used: BoolArray
    row: IntArray
    missing: int

    @property
    def top(self) -> int:
        return int(self.used.shape[1]) - 1

    @property
    def offset(self) -> IntArray:
        return np.cumsum([0, *(len(labels) for labels in self.facet_labels)])

    @property
    def parameters(self) -> int:
        return sum(len(labels) for labels in self.facet_labels)

    def facet(self, name: str) -> slice:
        """The parameters of a facet."""
        place = self.facet_names.index(name)
        return slice(int(self.offset[place]), int(self.offset[place + 1]))

    def facet_of_level(self) -> IntArray:
        return np.repeat(np.arange(len(self.facet_names)), np.diff(self.offset))

    def take(self, rows: BoolArray) -> Design:
        """Some of the ratings, with the same codes; categories used are counted anew."""
        score, group = self.score[rows], self.group[rows]
        used = np.zeros_like(self.used)
        used[group, score] = True
        return replace(
            self,
            unit=self.unit[rows],
            levels=tuple(codes[rows] for codes in self.levels),
            group=group,
            score=score,
            used=used,
            row=self.row[rows],
        )


def read_design(
    data: pl.DataFrame,
    /,
    *,
    roles: dict[str, str],
    facets: Sequence[str] | None,
    score: str,
    steps: str | None,
) -> Design:
    """Code the rows of a long frame.

    Parameters
    ----------
    roles : column of unit, rater and item.
    facets : names of facets: a role or a column. The candidates come from the role unit or, where that column is
        missing, are the first facet. None: unit, rater, and item where the data have its column.
    steps : None for one rating scale, or the facet (role or column) whose levels have steps of their own.

    Raises
    ------
    MeasureInputError
        A missing or repeated column, scores that are not whole numbers, or more than 200 categories.
    """
    columns = _facet_columns(data, roles, facets)
    if score not in data.columns:
        raise MeasureInputError(
            f"expected a column {score!r} for the role score; the data have {', '.join(data.columns) or 'no columns'}"
        )
    if score in columns.values():
        raise MeasureInputError(f"the score column {score!r} cannot be a facet, too; got facets {columns}")
    unit_name, *names = columns
    if steps is not None:
        steps = steps if steps in names else next((name for name in names if columns[name] == steps), steps)
        if steps not in names:
            raise MeasureInputError(f"expected steps_by to be one of the facets {', '.join(names)}, got {steps!r}")
    numeric = data[score].dtype.is_numeric() or data[score].dtype in (pl.Boolean, pl.Null)
    if not numeric:
        raise MeasureInputError(f"expected numbers in the score column {score!r}, got {data[score].dtype}")
    present = (
        data.select(pl.col(list(columns.values())), pl.col(score).cast(pl.Float64).fill_nan(None))
        .with_row_index("\0row")
        .drop_nulls()
    )
    category, low, step, top = _categories(present[score].to_numpy(), score)
    coded = {name: _coded(present[column]) for name, column in columns.items()}
    offset = np.cumsum([0, *(len(coded[name][1]) for name in names)])
    unit = coded[unit_name][0]
    levels = [coded[name][0] + start for name, start in zip(names, offset[:-1], strict=True)]
    order = np.lexsort((category, *reversed(levels), unit))
    group = coded[steps][0] if steps is not None else np.zeros(category.size, dtype=np.int64)
    used = np.zeros((len(coded[steps][1]) if steps is not None else 1, top + 1), dtype=np.bool_)
    used[group, category] = True
    return Design(
        unit_name=unit_name,
        facet_names=tuple(names),
        unit_labels=coded[unit_name][1],
        facet_labels=tuple(coded[name][1] for name in names),
        unit=unit[order],
        levels=tuple(codes[order] for codes in levels),
        group=group[order],
        step_facet=steps,
        score=category[order],
        low=low,
        step=step,
        used=used,
        row=present["\0row"].to_numpy().astype(np.int64)[order],
        missing=data.height - present.height,
    )


def _facet_columns(data: pl.DataFrame, roles: dict[str, str], facets: Sequence[str] | None) -> dict[str, str]:
    """Facet names and their columns: the candidates, the raters, then the others as named."""
    if facets is None:
        chosen = [role for role in ROLES if role != "item" or roles["item"] in data.columns]
    else:
        chosen = [facets] if isinstance(facets, str) else list(facets)
    columns = {name: roles.get(name, name) for name in chosen}
    by_role = [name for name, column in columns.items() if column == roles["unit"]]
    if by_role:
        unit = by_role[0]
    elif roles["unit"] in data.columns:
        unit, columns = "unit", {"unit": roles["unit"], **columns}
    else:
        unit = chosen[0] if chosen else "unit"
    for name, column in columns.items():
        if column not in data.columns:
            raise MeasureInputError(
                f"expected a column {column!r} for the facet {name}; "
                f"the data have {', '.join(data.columns) or 'no columns'}"
            )
    if len(columns) < max(2, len(chosen)) or len(set(columns.values())) < len(columns):
        raise MeasureInputError(
            f"expected the candidates and at least one further facet, each with a column of its own, got {columns}"
        )
    raters = {name: column for name, column in columns.items() if name == "rater" or column == roles["rater"]}
    return {unit: columns[unit]} | raters | columns


def _categories(values: FloatArray, name: str) -> tuple[IntArray, float, float, int]:
    """Categories from 0, lowest score, score points between categories, highest category."""
    if values.size == 0:
        return np.empty(0, dtype=np.int64), 0, 1, 0
    parts = next((parts for parts in (1, 2, 4) if np.all(values * parts == np.round(values * parts))), None)
    if parts is None or not np.isfinite(values).all():
        wrong = np.flatnonzero(~np.isfinite(values) | (values * 4 != np.round(values * 4)))
        raise MeasureInputError(
            f"expected whole, half or quarter points (ordered categories) in the score column {name!r}, got "
            f"{values[wrong[0]]:g}: the Rasch model is for categories; take rater_severity for continuous scores"
        )
    low = int(values.min() * parts)
    category = (values * parts).astype(np.int64) - low
    step = max(int(np.gcd.reduce(category)), 1)
    top = int(category.max()) // step
    if top >= MOST_CATEGORIES:
        raise MeasureInputError(
            f"expected at most {MOST_CATEGORIES} categories in the score column {name!r}, got scores from "
            f"{values.min():g} to {values.max():g}: take rater_severity for continuous scores"
        )
    whole = parts == 1
    return category // step, low if whole else low / parts, step if whole else step / parts, top


def _coded(column: pl.Series) -> tuple[IntArray, tuple[str, ...]]:
    """Codes of a column without nulls in the order of its sorted labels, whole numbers in theirs."""
    if column.dtype.is_nested():
        raise MeasureInputError(f"expected one label a row in the column {column.name!r}, got {column.dtype}")
    if not column.dtype.is_integer():
        column = column.cast(pl.String)
    labels = column.unique().sort()
    codes = labels.search_sorted(column) if column.dtype.is_integer() else column.cast(pl.Enum(labels)).to_physical()
    return codes.to_numpy().astype(np.int64), tuple(str(label) for label in labels.to_list())
