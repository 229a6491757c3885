"""From long ratings to nested stages: who has which score, in what order, and what cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from fairpanel.measures.columns import (
    Booleans,
    Floats,
    Integers,
    column,
    decisions,
    labels,
    missing_rows,
    numbers,
    one_of,
)
from fairpanel.measures.estimate import Caution, MeasureInputError
from fairpanel.measures.validity.chain_steps import NestedStages, with_expected_scores
from fairpanel.measures.validity.symmetric_sums import RatedPanel, rated_panel


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Names of columns and, for the scores, their labels in the column `variable`."""

    unit: str
    variable: str
    rater: str
    score: str
    selected: str
    predictor: str
    criterion: str
    covariates: tuple[str, ...]
    person: str | None
    when: str | None


@dataclass(frozen=True, slots=True)
class Applicants:
    """The stages with the counts behind them; varies: the hired differ in predictor and criterion.

    The spreads are the standard deviations of the mean scores by which `stages` were divided.
    """

    stages: NestedStages
    order: list[str]
    n: dict[str, int]
    cautions: list[Caution]
    varies: bool
    predictor_spread: float
    criterion_spread: float

    def assuming(self, reliability: float | None) -> NestedStages:
        """The stages with the criterion's reliability among the hired taken as given; None: as its raters tell it."""
        return replace(self.stages, assumed=reliability)


def read_applicants(data: pl.DataFrame, roles: Roles) -> Applicants:
    """Check the long ratings and arrange them by how far each candidate came.

    Raises
    ------
    MeasureInputError
        Unknown columns or labels, a unit both selected and not, a person selected twice, a criterion dated before the
        predictor, nobody selected, no selected unit with a criterion, a predictor that does not vary.
    """
    rows, cautions = _rows(data, roles)
    units = rows.group_by("unit").agg(pl.col("taken").min().alias("least"), pl.col("taken").max()).sort("unit")
    both = units.filter(pl.col("least") != pl.col("taken"))
    if both.height:
        raise MeasureInputError(
            f"{roles.selected!r} must say the same in all rows of a unit; unit {both['unit'][0]!r} is both selected and "
            f"not{_and_more(both.height)}: give each application one decision"
        )
    _check_persons(rows, roles)
    _check_dates(rows, roles)
    unused = rows.filter((pl.col("variable") == roles.criterion) & (pl.col("taken") == 0))["unit"].n_unique()
    if unused:
        cautions.append(Caution("MISSING_DATA", f"{unused} people not hired have a criterion: it was not used."))
    rows = rows.filter((pl.col("variable") != roles.criterion) | (pl.col("taken") == 1))
    cells = rows.group_by("unit", "variable", "rater").agg(pl.col("score").mean()).sort("unit", "variable", "rater")
    means = cells.group_by("unit", "variable").agg(pl.col("score").mean())
    wide = units.select("unit", "taken")
    for name in (*roles.covariates, roles.predictor, roles.criterion):
        one = means.filter(pl.col("variable") == name).select("unit", pl.col("score").alias(f"score of {name}"))
        wide = wide.join(one, on="unit", how="left", maintain_order="left")
    order, scores, dropped = _ordered(wide, roles)
    cautions += dropped
    has = ~np.isnan(scores)
    nested: Booleans = np.asarray((np.diff(has.astype(np.int8), axis=1) <= 0).all(axis=1) & has[:, 0])
    if not nested.all():
        cautions.append(
            Caution(
                "MISSING_DATA",
                f"{int((~nested).sum())} of {nested.size} applicants have a later score ({', '.join(order[1:])}) but not "
                "every earlier one and were left out.",
            )
        )
    taken = wide["taken"].to_numpy().astype(bool) & nested
    if not taken.any():
        raise MeasureInputError(f"nobody with scores is selected according to {roles.selected!r}: expected some")
    stage = has.sum(axis=1)
    known = int((nested & (stage == len(order))).sum())
    if not known:
        raise MeasureInputError(
            f"no selected unit has both {roles.predictor!r} and {roles.criterion!r}: the criterion of some of the "
            "hired is needed"
        )
    rank = np.lexsort((np.arange(stage.size), -stage))
    rank = rank[nested[rank]]
    scores, stage = scores[rank], stage[rank]
    reach = [int((stage > j).sum()) for j in range(len(order))]
    if reach[-1] < int(taken.sum()):
        without = int(taken.sum()) - reach[-1]
        cautions.append(Caution("MISSING_DATA", f"{without} hired people have no criterion yet, or left before one."))
    x = order.index(roles.predictor)
    centre = np.array([scores[: reach[j], j].mean() for j in range(len(order))])
    spread = np.array([scores[: reach[j], j].std() for j in range(len(order))])
    if _constant(spread[x], centre[x]):
        raise MeasureInputError(
            f"every applicant has the same mean {roles.predictor!r} ({centre[x]:g}): a predictor that does not vary has no "
            "validity; check that the right variable is named"
        )
    varies = not _constant(spread[-1], centre[-1]) and not _constant(scores[: reach[-1], x].std(), centre[x])
    spread = np.where(spread > 0, spread, 1.0)
    place = np.full(wide.height, -1, dtype=np.int64)
    place[rank] = np.arange(rank.size)
    stages = NestedStages(
        scores=np.nan_to_num((scores - centre) / spread),
        reach=reach,
        predictor=x,
        predictor_panel=_panel(cells, wide, place, roles.predictor, reach[x], centre[x], spread[x]),
        criterion_panel=_panel(cells, wide, place, roles.criterion, reach[-1], centre[-1], spread[-1]),
    )
    n = {"applicants": reach[0], "with_predictor": reach[x], "hired": int(taken.sum()), "known": reach[-1]}
    return Applicants(with_expected_scores(stages), order, n, cautions, varies, float(spread[x]), float(spread[-1]))


def _rows(data: pl.DataFrame, roles: Roles) -> tuple[pl.DataFrame, list[Caution]]:
    """The rows of the variables named, complete, with plain column names and taken as 0 and 1."""
    wanted = [*roles.covariates, roles.predictor, roles.criterion]
    if len(set(wanted)) < len(wanted):
        raise MeasureInputError(f"predictor, criterion and covariates must be different variables, got {wanted}")
    variable = labels(data, roles.variable, "variable")
    for role, name in (("predictor", roles.predictor), ("criterion", roles.criterion)):
        one_of(variable.names, name, role, roles.variable)
    for name in roles.covariates:
        one_of(variable.names, name, "covariates", roles.variable)
    chosen = decisions(data, roles.selected, "selected")
    names = pl.Series(variable.names, dtype=pl.String)
    codes = pl.Series(variable.codes)
    frame = pl.DataFrame(
        {
            "unit": column(data, roles.unit, "unit"),
            "variable": names.gather(codes.replace(-1, None)) if len(names) else pl.Series([], dtype=pl.String),
            "rater": column(data, roles.rater, "rater").cast(pl.String),
            "score": pl.Series(numbers(data, roles.score, "score"), nan_to_null=True),
            "taken": pl.Series(np.where(chosen.present, chosen.taken.astype(float), np.nan), nan_to_null=True),
        }
    )
    for role, further in (("person", roles.person), ("when", roles.when)):
        if further is not None:
            frame = frame.with_columns(column(data, further, role).alias(role))
    named = pl.col("variable").is_in(wanted) | pl.col("variable").is_null()
    rated = pl.col("variable").is_in(roles.covariates)
    complete = (
        pl.all_horizontal(pl.col("unit", "variable", "score", "taken").is_not_null())
        & (pl.col("rater").is_not_null() | rated)
    )  # fmt: skip
    present = frame.select((complete | ~named).fill_null(False)).to_series().to_numpy()
    cautions = missing_rows(
        present, f"{roles.unit}, {roles.variable}, {roles.rater}, {roles.score} or {roles.selected}"
    )
    return frame.filter(complete & named), cautions


def _ordered(wide: pl.DataFrame, roles: Roles) -> tuple[list[str], Floats, list[Caution]]:
    """Scores by variable, the one that most have first; the criterion last; covariates that do not vary left out."""
    cautions = []
    kept = []
    for name in roles.covariates:
        values = wide[f"score of {name}"].drop_nulls()
        if len(values) < 2 or _constant(float(values.std() or 0.0), float(values.mean() or 0.0)):  # type: ignore[arg-type]
            cautions.append(Caution("CONSTANT_INPUT", f"The covariate {name!r} does not vary and was left out."))
        else:
            kept.append(name)
    kept.append(roles.predictor)
    kept.sort(key=lambda name: wide[f"score of {name}"].null_count())
    order = [*kept, roles.criterion]
    columns = [wide[f"score of {name}"].fill_null(float("nan")).to_numpy() for name in order]
    return order, np.column_stack(columns), cautions


def _panel(
    cells: pl.DataFrame, wide: pl.DataFrame, place: Integers, name: str, people: int, centre: float, spread: float
) -> RatedPanel:
    """The ratings of one variable of the candidates who count, in standard units of the candidates' means."""
    places = wide.select("unit").with_columns(place=pl.Series(place))
    mine = cells.filter(pl.col("variable") == name).join(places, on="unit", how="left", maintain_order="left")
    mine = mine.filter((pl.col("place") >= 0) & (pl.col("place") < people)).sort("place", "rater")
    rater = labels(mine, "rater", "rater").codes
    return rated_panel(
        mine["place"].to_numpy().astype(np.int64), rater, (mine["score"].to_numpy() - centre) / spread, people
    )


def _check_persons(rows: pl.DataFrame, roles: Roles) -> None:
    if roles.person is None:
        return
    twice = (
        rows.filter((pl.col("taken") == 1) & pl.col("person").is_not_null())
        .group_by("person")
        .agg(pl.col("unit").n_unique().alias("times"))
        .filter(pl.col("times") > 1)
        .sort("person")
    )
    if twice.height:
        raise MeasureInputError(
            f"the same person is selected {twice['times'][0]} times ({roles.person}={twice['person'][0]!r})"
            f"{_and_more(twice.height)}: keep one selected application a person"
        )


def _check_dates(rows: pl.DataFrame, roles: Roles) -> None:
    """Refuse a criterion rated before the predictor: it cannot have been predicted."""
    if roles.when is None:
        return
    if rows["when"].dtype == pl.String:
        read = rows["when"].str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
        if read.null_count() > rows["when"].null_count():
            wrong = rows["when"].filter(read.is_null() & rows["when"].is_not_null())[0]
            raise MeasureInputError(f"column {roles.when!r} (when) must hold dates such as 2024-05-31, got {wrong!r}")
        rows = rows.with_columns(when=read)
    elif not (rows["when"].dtype.is_temporal() or rows["when"].dtype.is_numeric()):
        raise MeasureInputError(f"column {roles.when!r} (when) must hold dates, got {rows['when'].dtype}")
    early = (
        rows.group_by("unit")
        .agg(
            pl.col("when").filter(pl.col("variable") == roles.predictor).max().alias("interview"),
            pl.col("when").filter(pl.col("variable") == roles.criterion).min().alias("rated"),
        )
        .filter(pl.col("rated") < pl.col("interview"))
        .sort("unit")
    )
    if early.height:
        raise MeasureInputError(
            f"unit {early['unit'][0]!r} has a {roles.criterion!r} rating of {early['rated'][0]} before its "
            f"{roles.predictor!r} rating of {early['interview'][0]}{_and_more(early.height)}: a criterion must follow what "
            "predicts it; check the dates, or leave those rows out"
        )


def _constant(spread: float, centre: float) -> bool:
    return bool(spread <= 1e-12 * max(abs(centre), 1e-300))


def _and_more(found: int) -> str:
    return f", and {found - 1} more" if found > 1 else ""
