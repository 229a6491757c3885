"""Scores of the same units in two conditions: who was scored in both, by whom, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from fairpanel.measures.estimate import Caution, MeasureInputError
from fairpanel.measures.panel import Ratings, long_ratings

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Scores of the units that have some in both conditions, coded alike: unit codes are the same in both.

    first, second : the conditions' ratings. names : their labels. left_out : units with scores in one of them only.
    shared : scores of the second condition by someone who also scored the unit in the first.
    """

    first: Ratings
    second: Ratings
    names: tuple[str, str]
    left_out: int
    missing: int
    shared: npt.NDArray[np.bool_]

    @property
    def units(self) -> int:
        return len(self.first.units)

    def counts(self) -> dict[str, int]:
        """What an estimate rests on, for its field n: both conditions together."""
        raters = set(self.first.raters) | set(self.second.raters)
        scores = int(self.first.score.size + self.second.score.size)
        return {"units": self.units, "scores": scores, "raters": len(raters), "missing": self.missing}

    def counts_by_condition(self) -> dict[str, dict[str, int]]:
        """Scores and raters of each condition."""
        parts = zip(self.names, (self.first, self.second), strict=True)
        return {name: {"scores": int(part.score.size), "raters": len(part.raters)} for name, part in parts}

    def cautions(self) -> list[Caution]:
        found = []
        if self.missing:
            found.append(Caution("MISSING_DATA", f"{self.missing} rows have no score (or no label) and were left out"))
        if self.left_out:
            text = f"{self.left_out} units were scored in one condition only: results are about the others"
            found.append(Caution("RANGE_RESTRICTED", f"{text}, whom an earlier stage may have selected"))
        return found


def unit_means(part: Ratings, /) -> FloatArray:
    """Each unit's mean score."""
    return np.asarray(np.bincount(part.unit, part.score) / np.bincount(part.unit))


def unit_weights(part: Ratings) -> FloatArray:
    """Of every score in its unit's mean."""
    return np.asarray(1 / np.bincount(part.unit)[part.unit])


def pair_conditions(
    data: pl.DataFrame, unit: str, rater: str, score: str, condition: str, first: str | None, second: str | None
) -> Pair:
    """Both conditions of the units that have scores in both.

    Raises MeasureInputError for a missing column, or where the two conditions are not determined.
    """
    if condition not in data.columns:
        raise MeasureInputError(
            f"expected a column {condition!r} for the role condition; the data have {', '.join(data.columns) or 'no columns'}"
        )
    long_ratings(data, unit=unit, rater=rater, score=score, item=condition)  # names what is wrong with the columns
    table = data.with_columns(pl.col(condition).cast(pl.String), pl.col(unit).cast(pl.String))
    known = table[condition].drop_nulls().unique().sort().to_list()
    chosen = [first, second]
    if first is None and second is None:
        if len(known) > 2:
            raise MeasureInputError(f"expected first and second, as {condition!r} holds {', '.join(known)}")
        chosen = [*known, *["(none)"] * (2 - len(known))]
    elif first is None or second is None or first == second:
        raise MeasureInputError(f"expected two different conditions first and second, got {first!r} and {second!r}")
    elif set(chosen) - set(known):
        raise MeasureInputError(f"expected conditions of {', '.join(known) or 'none'}, got {first!r} and {second!r}")
    complete = table.select(unit, rater, condition, pl.col(score).cast(pl.Float64).fill_nan(None)).drop_nulls()
    parts = [complete.filter(pl.col(condition) == name) for name in chosen]
    both = parts[0].join(parts[1], on=unit, how="semi")[unit].unique()
    everybody = pl.concat([part[unit] for part in parts]).n_unique()
    kept = [part.filter(pl.col(unit).is_in(both.implode())) for part in parts]
    marked = kept[1].join(
        kept[0].select(unit, rater, pl.lit(value=True).alias("__again")).unique(),
        on=[unit, rater],
        how="left",
        maintain_order="left",
    )
    ratings = [long_ratings(part, unit=unit, rater=rater, score=score) for part in kept]
    return Pair(
        first=ratings[0],
        second=ratings[1],
        names=(str(chosen[0]), str(chosen[1])),
        left_out=everybody - both.len(),
        missing=table.height - complete.height,
        shared=marked["__again"].fill_null(value=False).to_numpy(),
    )
