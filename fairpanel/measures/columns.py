"""Wide columns as checked arrays: which column plays which role, what is missing, and what is wrong with it.

Missing means null or NaN. Rows with a missing value in a needed column are left out, counted, and reported with a
MISSING_DATA caution; nothing is filled in or clipped.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from fairpanel.measures.estimate import Caution, MeasureInputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

_MEANS_SELECTED = {
    "1", "true", "yes", "y", "selected", "hired", "hire", "accepted", "accept", "promoted", "passed", "pass",
    "admitted", "offer", "offered",
}  # fmt: skip
_MEANS_REJECTED = {
    "0", "false", "no", "n", "not selected", "not hired", "rejected", "reject", "not promoted", "failed", "fail",
    "declined", "no offer",
}  # fmt: skip
_FEW_ROWS = 300


@dataclass(frozen=True, slots=True)
class Labels:
    """A column of categories as integers: code -1 where missing; names in ascending order."""

    codes: Integers
    names: list[str]

    @property
    def present(self) -> Booleans:
        return self.codes >= 0


@dataclass(frozen=True, slots=True)
class Decisions:
    """A column of yes-or-no decisions: taken is meaningful only where present."""

    taken: Booleans
    present: Booleans


def column(data: pl.DataFrame, name: str, role: str) -> pl.Series:
    """The column that plays a role; an unknown name is refused with the nearest one."""
    if not isinstance(name, str):
        raise MeasureInputError(f"{role} takes the name of a column, got {name!r}")
    if name not in data.columns:
        close = difflib.get_close_matches(name, data.columns, n=1)
        hint = f"; did you mean {role}={close[0]!r}?" if close else ""
        raise MeasureInputError(
            f"there is no column {name!r} for the role {role}{hint} Columns: {', '.join(data.columns) or 'none'}"
        )
    return data[name]


def numbers(data: pl.DataFrame, name: str, role: str) -> Floats:
    """A column as floats, NaN where missing.

    Text is taken when every entry reads as a number; otherwise the first entry that does not is named. Infinite
    numbers are refused.
    """
    series = column(data, name, role)
    if series.dtype == pl.Null:
        return np.full(len(series), np.nan)
    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        values = series.cast(pl.Float64)
    elif series.dtype in (pl.String, pl.Categorical) or isinstance(series.dtype, pl.Enum):
        text = series.cast(pl.String).str.strip_chars()
        values = text.cast(pl.Float64, strict=False)
        wrong = (values.is_null() & text.is_not_null()).arg_true()
        if len(wrong):
            row = int(wrong[0])
            raise MeasureInputError(
                f"column {name!r} ({role}) must hold numbers; row {row + 1} of the data holds {series[row]!r}"
                f"{f', and {len(wrong) - 1} more rows hold no number' if len(wrong) > 1 else ''}"
            )
    else:
        raise MeasureInputError(f"column {name!r} ({role}) must hold numbers, got {series.dtype}")
    array = values.to_numpy().astype(np.float64, copy=True)
    infinite = np.flatnonzero(np.isinf(array))
    if infinite.size:
        raise MeasureInputError(f"column {name!r} ({role}) holds an infinite number in row {int(infinite[0]) + 1}")
    return array


def counts_of_rows(data: pl.DataFrame, name: str | None) -> Integers | None:
    """How many people each row stands for: whole numbers of at least 0; None where every row is one person."""
    if name is None:
        return None
    found = numbers(data, name, "count")
    wrong = np.flatnonzero(np.isnan(found) | (found < 0) | (found != np.round(found)))
    if wrong.size:
        row = int(wrong[0])
        raise MeasureInputError(
            f"column {name!r} (count) must hold how many people a row stands for, a whole number of at least 0; "
            f"row {row + 1} holds {data[name][row]!r}"
        )
    return found.astype(np.int64)


def labels(data: pl.DataFrame, name: str, role: str) -> Labels:
    """A column as category codes; names are the values as text, empty text counts as a name."""
    series = column(data, name, role)
    if series.dtype.is_nested():
        raise MeasureInputError(f"column {name!r} ({role}) must hold one category a row, got {series.dtype}")
    if series.dtype.is_float():
        series = series.fill_nan(None)
        whole = series.drop_nulls()
        if len(whole) and bool((whole == whole.round()).all()):
            series = series.cast(pl.Int64)
    text = series.cast(pl.String)
    if len(text) <= _FEW_ROWS:
        return _labelled(text.to_list())
    missing = text.null_count() > 0
    names = (text.drop_nulls() if missing else text).unique().sort()
    if not len(names):
        return Labels(np.full(len(series), -1, dtype=np.int64), [])
    codes = text.cast(pl.Enum(names)).to_physical()
    if missing:
        codes = codes.cast(pl.Int64).fill_null(-1)
    return Labels(codes.to_numpy().astype(np.int64), names.to_list())


def _labelled(values: list[str | None]) -> Labels:
    """The same for few rows, where a columnar engine's set-up would take longer than the work."""
    names = sorted({value for value in values if value is not None})
    place: dict[str | None, int] = {name: code for code, name in enumerate(names)}
    return Labels(np.array([place.get(value, -1) for value in values], dtype=np.int64), names)


def decisions(data: pl.DataFrame, name: str, role: str, label: str | None = None) -> Decisions:
    """A column of 0/1, booleans, or two labels as decisions.

    Of two labels the one that `label` names is the positive one; without it the usual words (yes, hired, selected,
    accepted, promoted, passed, …) are recognised, and anything else is refused with the labels found.
    """
    series = column(data, name, role)
    if label is None and (series.dtype.is_numeric() or series.dtype == pl.Boolean):
        values = numbers(data, name, role)
        present = ~np.isnan(values)
        wrong = np.flatnonzero(present & (values != 0) & (values != 1))
        if wrong.size:
            raise MeasureInputError(
                f"column {name!r} ({role}) must hold 0 and 1; row {int(wrong[0]) + 1} holds {series[int(wrong[0])]!r}. "
                f"For other codes name the one that means yes with selected_label"
            )
        return Decisions(values == 1, present)
    found = labels(data, name, role)
    if len(found.names) > 2:
        raise MeasureInputError(
            f"column {name!r} ({role}) must hold two labels, got {len(found.names)}: {_listed(found.names)}"
        )
    positive = _positive_label(found.names, name, role, label)
    taken = (
        found.codes == found.names.index(positive) if positive is not None else np.zeros(len(found.codes), dtype=bool)
    )
    return Decisions(taken, found.present)


def _positive_label(names: list[str], name: str, role: str, label: str | None) -> str | None:
    """The label that means yes; None where every row holds the label that means no."""
    if label is not None:
        if names and label not in names:
            raise MeasureInputError(
                f"selected_label={label!r} does not occur in column {name!r} ({role}); labels: {_listed(names)}"
            )
        return label if names else None
    positive = [each for each in names if each.strip().lower() in _MEANS_SELECTED]
    negative = [each for each in names if each.strip().lower() in _MEANS_REJECTED]
    if len(positive) == 1:
        return positive[0]
    if len(negative) == len(names):
        return None
    raise MeasureInputError(
        f"column {name!r} ({role}) holds the labels {_listed(names)}: name the one that means yes with selected_label"
    )


def one_of(names: list[str], wanted: str, role: str, column_name: str) -> str:
    """A group's name checked against those that occur."""
    if str(wanted) in names:
        return str(wanted)
    close = difflib.get_close_matches(str(wanted), names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise MeasureInputError(f"{role}={wanted!r} does not occur in column {column_name!r}{hint} Found: {_listed(names)}")


def missing_rows(present: Booleans, roles: str, count: Integers | None = None) -> list[Caution]:
    """A MISSING_DATA caution when rows are left out, none otherwise. count: people a row."""
    if count is None:
        left_out, rows = int(present.size - np.count_nonzero(present)), present.size
    else:
        left_out, rows = int(count[~present].sum()), int(count.sum())
    if not left_out:
        return []
    return [Caution("MISSING_DATA", f"{left_out} of {rows} rows were left out: {roles} is missing there.")]


def check_confidence(confidence: float) -> None:
    """Refuse a confidence level outside (0, 1)."""
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 < confidence < 1:
        raise MeasureInputError(f"confidence must be a number between 0 and 1 such as 0.95, got {confidence!r}")


def check_choice(option: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is not one of those an option takes."""
    if value not in allowed:
        raise MeasureInputError(f"{option} must be one of {', '.join(allowed)}, got {value!r}")


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(each) for each in names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else (shown or "none")
