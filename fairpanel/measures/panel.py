"""Long ratings as integer-coded arrays: who (unit) was scored by whom (rater), on what (item), when (occasion), how.

The policy for missing data lives here: a row without a score, or without one of the labels a measure needs, is left
out, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from fairpanel.measures.estimate import Caution, MeasureInputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """Ratings as arrays of one length; codes count from 0 in the order of the sorted labels.

    score : float64, or codes of the sorted categories where the scores are text (`categories` then names them).
    unit, rater, item, occasion : int64 codes, an empty array where the role was not given.
    units, raters, items, occasions : the labels, as text, in code order.
    missing : rows left out because score or a label is missing.
    """

    score: FloatArray
    unit: IntArray
    rater: IntArray
    item: IntArray
    units: tuple[str, ...]
    raters: tuple[str, ...]
    items: tuple[str, ...]
    missing: int
    categories: tuple[str, ...] = ()
    occasion: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    occasions: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """What an estimate rests on, for its field n."""
        n = {"units": len(self.units), "scores": int(self.score.size), "missing": self.missing}
        if self.raters:
            n["raters"] = len(self.raters)
        if self.items:
            n["items"] = len(self.items)
        if self.occasions:
            n["occasions"] = len(self.occasions)
        return n

    def missing_caution(self) -> list[Caution]:
        """A MISSING_DATA caution where rows were left out, else nothing."""
        if not self.missing:
            return []
        total = self.missing + self.score.size
        return [
            Caution("MISSING_DATA", f"{self.missing} of {total} rows have no score (or no label) and were left out")
        ]

    def select(self, rows: npt.NDArray[np.bool_]) -> Ratings:
        """The ratings of some rows, coded anew."""
        unit, units = _recode(self.unit[rows], self.units)
        rater, raters = _recode(self.rater[rows], self.raters) if self.raters else (self.rater, ())
        item, items = _recode(self.item[rows], self.items) if self.items else (self.item, ())
        occasion, occasions = _recode(self.occasion[rows], self.occasions) if self.occasions else (self.occasion, ())
        return Ratings(
            score=self.score[rows],
            unit=unit,
            rater=rater,
            item=item,
            units=units,
            raters=raters,
            items=items,
            missing=self.missing,
            categories=self.categories,
            occasion=occasion,
            occasions=occasions,
        )


def long_ratings(
    data: pl.DataFrame,
    /,
    *,
    unit: str,
    rater: str | None,
    score: str,
    item: str | None = None,
    occasion: str | None = None,
    categories: bool = False,
) -> Ratings:
    """Code the rows of a long frame.

    Parameters
    ----------
    data : one rating a row.
    unit, rater, score, item, occasion : column names; None for a role that plays no part.
    categories : whether scores may be text (a nominal scale).

    Raises
    ------
    MeasureInputError
        A column is missing, two roles share a column, or scores are neither numbers nor (with `categories`) text.
    """
    roles = {"unit": unit, "rater": rater, "item": item, "occasion": occasion, "score": score}
    named = {role: column for role, column in roles.items() if column is not None}
    for role, column in named.items():
        if column not in data.columns:
            raise MeasureInputError(
                f"expected a column {column!r} for the role {role}; "
                f"the data have {', '.join(data.columns) or 'no columns'}"
            )
    if len(set(named.values())) < len(named):
        raise MeasureInputError(f"expected different columns for the roles {', '.join(named)}, got {named}")
    textual = data[score].dtype in (pl.String, pl.Categorical, pl.Enum)
    numeric = data[score].dtype.is_numeric() or data[score].dtype in (pl.Boolean, pl.Null)
    if not numeric and not (textual and categories):
        wanted = "numbers or text" if categories else "numbers"
        raise MeasureInputError(f"expected {wanted} in the score column {score!r}, got {data[score].dtype}")

    columns = {role: data[column] for role, column in named.items()}
    if not textual:
        columns["score"] = _floats(columns["score"])
    present = _complete(columns)
    values, levels = _scores(present["score"], textual=textual)
    if not np.isfinite(values).all():
        raise MeasureInputError(f"expected finite numbers in the score column {score!r}, got an infinite one")
    codes = {role: _codes(column) for role, column in present.items() if role != "score"}
    nothing: tuple[IntArray, tuple[str, ...]] = (np.empty(0, dtype=np.int64), ())
    rater_codes, item_codes, occasion_codes = (codes.get(role, nothing) for role in ("rater", "item", "occasion"))
    return Ratings(
        score=values,
        unit=codes["unit"][0],
        rater=rater_codes[0],
        item=item_codes[0],
        units=codes["unit"][1],
        raters=rater_codes[1],
        items=item_codes[1],
        missing=data.height - values.size,
        categories=levels,
        occasion=occasion_codes[0],
        occasions=occasion_codes[1],
    )


def _floats(column: pl.Series) -> pl.Series:
    """Numbers as floats, null where they are missing."""
    found = column.cast(pl.Float64)
    return found.fill_nan(None) if np.isnan(found.to_numpy()).any() else found


def _complete(columns: dict[str, pl.Series]) -> dict[str, pl.Series]:
    """The columns without the rows in which one of them has nothing."""
    if not any(column.null_count() for column in columns.values()):
        return columns
    return {series.name: series for series in pl.DataFrame(columns).drop_nulls()}


def _scores(column: pl.Series, *, textual: bool) -> tuple[FloatArray, tuple[str, ...]]:
    if not textual:
        return column.to_numpy().astype(np.float64), ()
    codes, levels = _codes(column)
    return codes.astype(np.float64), levels


def _codes(column: pl.Series) -> tuple[IntArray, tuple[str, ...]]:
    """Codes of a column without nulls, in the order of its sorted labels."""
    if not column.dtype.is_integer():
        column = column.cast(pl.String)
    levels = column.unique().sort()
    if column.dtype.is_integer():
        codes = levels.search_sorted(column)
    else:
        codes = column.cast(pl.Enum(levels)).to_physical()
    return codes.to_numpy().astype(np.int64), tuple(str(level) for level in levels.to_list())


def _recode(codes: IntArray, labels: Sequence[str]) -> tuple[IntArray, tuple[str, ...]]:
    present, coded = np.unique(codes, return_inverse=True)
    return coded.astype(np.int64), tuple(labels[code] for code in present)
