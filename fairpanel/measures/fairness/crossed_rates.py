"""Selection by two attributes crossed: does a combination fare otherwise than its two attributes together say?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.special import chdtrc, chdtri, expit, logit, ndtri

from fairpanel.measures.columns import (
    Booleans,
    Floats,
    Labels,
    check_choice,
    check_confidence,
    decisions,
    labels,
    missing_rows,
    one_of,
)
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.fairness.contingency import Table, no_value
from fairpanel.measures.fairness.crossed_model import Additive, Cells, Interaction, additive, drawn_p
from fairpanel.measures.fairness.false_discovery import benjamini_hochberg
from fairpanel.measures.fairness.ratio_interval import koopman_interval
from fairpanel.measures.resampling import check_replicates

_REFERENCES = (
    "Evans, C. R., Williams, D. R., Onnela, J.-P., & Subramanian, S. V. (2018). Social Science & Medicine, 203, 64-73",
    "Cox, D. R., & Reid, N. (1987). Journal of the Royal Statistical Society B, 49, 1-39 (restricted likelihood)",
    "Kass, R. E., & Steffey, D. (1989). Journal of the American Statistical Association, 84, 717-726 (pooled rates)",
    "Koopman, P. A. R. (1984). Biometrics, 40, 513-517",
    "Benjamini, Y., & Hochberg, Y. (1995). Journal of the Royal Statistical Society B, 57, 289-300",
)
_TITLE = "SD of the crossed groups' departures from their two attributes, in log odds"
_MOST_CELLS = 400
_FLAG = 0.05


def crossed_rates(
    data: pl.DataFrame,
    /,
    *,
    group: list[str] | None = None,
    selected: str = "selected",
    reference: str = "highest",
    minimum_share: float = 0.02,
    selected_label: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    replicates: int = 1999,
    seed: int = 1,
    confidence: float = 0.95,
) -> Estimate:
    """How far selection in crossed groups departs from what their two attributes together say: 0 if it nowhere does.

    Women may be selected as often as men and each ethnic group as often as the others, and yet women of one of them
    less than either fact says. Cells of few people are drawn towards the additive rate (partial pooling).

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    group : the columns of the two attributes, such as ["sex", "ethnicity"]; a cell is named "women / Asian".
    selected, selected_label : as in `fisher_exact`.
    reference : cell the ratios go to; "highest" takes the highest raw rate among cells with at least `minimum_share`
        of the people (of equal rates the larger cell).
    replicates, seed : draws of the counts behind the p values.

    Returns
    -------
    Estimate
        value: tau, SD of the cells' interactions (log odds), at least 0; interval: profile of the restricted
        likelihood. n: people, cells (with people), smallest_cell. detail: columns, reference, pearson (chi-squared of
        the additive fit), df, p (of the interaction), rows, flagged (cells, one after the other), empty (cells without
        people), by_column (n, selected and rate of each level alone), minimum_detectable (sd). A row: group, levels,
        n, selected, rate, eligible, expected (rate by the additive fit), pooled, pooled_low, pooled_high, departure
        (of the pooled from the additive log odds), ratio (of pooled rates to the reference cell's), raw_ratio,
        raw_ratio_low, raw_ratio_high (Koopman), p, q (null where the other cells do not say what to expect),
        shares_p_with (cells of the same contrast), flagged.

    Raises
    ------
    MeasureInputError
        Not two different columns, an unknown reference cell, over 400 cells.

    Cautions
    --------
    BOUNDARY: 0, the cells depart no more than chance has it. NOT_ESTIMABLE: every cell is needed for the main effects.
    The additive rates rest on all cells: one that departs pushes its neighbours the other way. Where an attribute has
    two levels, cells share their p in pairs, and in a two by two table all four do: that they depart is known then,
    not which. Flagged is, of the cells with q < .05, the one whose rate lies furthest from the other cells of its
    attributes (in errors; in a two by two table the largest shrunken departure), then likewise without it, until no q
    is under .05. p of a cell tests its raw departure.
    Whether a main effect is fair is not asked here: see `impact_ratio`.

    Notes
    -----
    logit(rate) = mean + a_i + b_j + N(0, tau²), cells' interactions integrated out by quadrature; main effects have a
    prior of SD 5 and are integrated out by Laplace's method. Pooled log odds: mean over tau, weighted by the restricted
    likelihood and a half-normal of scale 1, with the errors of tau and the main effects. p: share of draws from
    the additive fit, each fitted anew, with as large a Pearson chi-squared (of a cell: standardized residual).

    References
    ----------
    .. [1] Evans et al. 2018. .. [2] Cox & Reid 1987. .. [3] Kass & Steffey 1989. .. [4] Koopman 1984.
    .. [5] Benjamini & Hochberg 1995.

    Pinned by numerical integration of the cells' likelihood, a logistic regression by general optimisation, and
    Koopman's published interval.

    Examples
    --------
    >>> counts = {("f", "a"): (40, 100), ("f", "b"): (6, 40), ("m", "a"): (60, 100), ("m", "b"): (60, 100)}
    >>> rows = [(sex, origin, at < yes) for (sex, origin), (yes, n) in counts.items() for at in range(n)]
    >>> people = pl.DataFrame(rows, schema=["sex", "origin", "selected"], orient="row")
    >>> found = crossed_rates(people, group=["sex", "origin"])
    >>> [(row["group"], row["rate"], round(row["expected"], 2)) for row in found.detail["rows"]][:2]
    [('f / a', 0.4, 0.35), ('f / b', 0.15, 0.27)]
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    check_replicates(replicates)
    if not 0 <= minimum_share < 0.5:
        raise MeasureInputError(f"minimum_share must lie from 0 to under 0.5, got {minimum_share!r}")
    columns = _columns(group)
    first, second = (labels(data, name, "group") for name in columns)
    taken = decisions(data, selected, "selected", selected_label)
    present: Booleans = first.present & second.present & taken.present
    cautions = missing_rows(present, f"{' or '.join(columns)} or {selected}")
    names, cells, by_column = _cells(first, second, taken.taken, present, columns)
    n = {
        "people": int(cells.n.sum()), "cells": cells.n.size, "smallest_cell": int(cells.n.min()) if cells.n.size else 0,
    }  # fmt: skip
    hired = float(cells.selected.sum())
    joined = [" / ".join(name) for name in names]
    empty = [
        f"{one} / {other}" for one in by_column[columns[0]] for other in by_column[columns[1]]
        if (one, other) not in names
    ]  # fmt: skip
    base = _reference(joined, cells, reference, minimum_share, columns)
    detail: dict[str, Any] = {"columns": columns, "reference": base, "by_column": by_column, "empty": empty}
    why = _why_not(cells, hired, columns, by_column)
    if why is not None:
        raw = [
            {"group": name, "n": int(all_of), "selected": int(yes), "rate": float(yes / all_of)}
            for name, yes, all_of in zip(joined, cells.selected, cells.n, strict=True)
        ]
        return no_value(
            "crossed_rates", _TITLE, n["people"], [*cautions, why], detail | {"rows": raw, "flagged": []}, _REFERENCES
        )
    fit = additive(cells, cells.selected[None, :])
    drawn = drawn_p(cells, fit, replicates, seed)
    model = Interaction(cells, fit)
    tau, top = model.maximum()
    rows = _rows(joined, names, cells, fit, model, drawn.cell_p, base, minimum_share, confidence, replicates, seed)
    detail |= {
        "pearson": float(fit.pearson[0]), "df": cells.interaction_df(), "p": drawn.p, "rows": rows,
        "flagged": [row["group"] for row in rows if row["flagged"]],
        "minimum_detectable": _detectable(model.residual_eigenvalues(fit.rates[0])),
    }  # fmt: skip
    if tau == 0:
        cautions.append(Caution("BOUNDARY", "The cells depart from their attributes no more than chance has it."))
    if base is None:
        cautions.append(Caution("ZERO_CELL", "No cell of the minimum share has anyone selected: there are no ratios."))
    if n["smallest_cell"] < 5:
        cautions.append(Caution("SMALL_GROUP", f"The smallest cell has {n['smallest_cell']} people: read pooled_low."))
    made = None
    if interval == "analytic":
        low, high = model.limits(tau, top, confidence)
        made = Interval(low=low, high=high, level=confidence, method="profile of the restricted likelihood")
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval was asked for."))
    return Estimate(
        measure="crossed_rates", method=f"{_TITLE}: {' by '.join(columns)}, restricted maximum likelihood", value=tau,
        interval=made, n=n, cautions=cautions, detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _columns(group: Sequence[str] | None) -> list[str]:
    columns = [group] if isinstance(group, str) else list(group or [])
    if len(columns) != 2 or columns[0] == columns[1]:
        raise MeasureInputError(f"group takes the names of two different columns, got {group!r}")
    return columns


def _cells(
    first: Labels, second: Labels, taken: Booleans, present: Booleans, columns: list[str]
) -> tuple[list[tuple[str, str]], Cells, dict[str, dict[str, Any]]]:
    """Cells with people in the order of their names, and each column's levels alone."""
    width = max(len(second.names), 1)
    cell = first.codes[present] * width + second.codes[present]
    yes = taken[present].astype(np.float64)
    seen, at = np.unique(cell, return_inverse=True)
    if seen.size > _MOST_CELLS:
        raise MeasureInputError(
            f"columns {' and '.join(map(repr, columns))} make {seen.size} cells with people; at most {_MOST_CELLS}"
        )
    size = np.bincount(at, minlength=seen.size).astype(np.float64)
    hired = np.bincount(at, yes, minlength=seen.size).astype(np.float64)
    row, column = (seen // width).astype(np.int64), (seen % width).astype(np.int64)
    cells = Cells(row=row, column=column, selected=hired, n=size)
    names = [(first.names[i], second.names[j]) for i, j in zip(row.tolist(), column.tolist(), strict=True)]
    alone = {
        name: {
            found.names[code]: {
                "n": int(size[of == code].sum()),
                "selected": int(hired[of == code].sum()),
                "rate": float(hired[of == code].sum() / size[of == code].sum()),
            }
            for code in np.unique(of).tolist()
        }
        for name, found, of in ((columns[0], first, row), (columns[1], second, column))
    }
    return names, cells, alone


def _reference(joined: list[str], cells: Cells, reference: str, minimum_share: float, columns: list[str]) -> str | None:
    if reference != "highest" or "highest" in joined:
        named = one_of(joined, reference, "reference", " / ".join(columns))
        return named if cells.selected[joined.index(named)] else None
    people = cells.n.sum()
    eligible = [at for at in range(cells.n.size) if cells.n[at] >= minimum_share * people and cells.selected[at]]
    best = max(eligible, key=lambda at: (cells.selected[at] / cells.n[at], cells.n[at]), default=None)
    return None if best is None else joined[best]


def _why_not(cells: Cells, hired: float, columns: list[str], by_column: dict[str, dict[str, Any]]) -> Caution | None:
    for column in columns:
        if len(by_column[column]) < 2:
            found = next(iter(by_column[column]), "no group")
            return Caution("SMALL_GROUP", f"Column {column!r} holds only {found!r}: there is nothing to cross.")
    if hired in (0.0, float(cells.n.sum())):
        return Caution("CONSTANT_INPUT", "Everyone or nobody was selected: there are no rates to compare.")
    if cells.interaction_df() < 1:
        return Caution("NOT_ESTIMABLE", "Too few cells hold people: each is needed for the attributes themselves.")
    return None


def _rows(
    joined: list[str], names: list[tuple[str, str]], cells: Cells, fit: Additive, model: Interaction, p: Floats,
    base: str | None, minimum_share: float, confidence: float, replicates: int, seed: int,
) -> list[dict[str, Any]]:  # fmt: skip
    log_odds, variance = model.pooled()
    departure = log_odds - logit(np.clip(fit.rates[0], 1e-12, 1 - 1e-12))
    half = float(ndtri((1 + confidence) / 2)) * np.sqrt(variance)
    testable, twins = cells.testable(), cells.twins()
    q = np.full(p.size, np.nan)
    q[testable] = benjamini_hochberg(p[testable])
    flagged = _one_by_one(cells, p, departure, replicates, seed)
    reference = None if base is None else joined.index(base)
    pooled = expit(log_odds)
    rows: list[dict[str, Any]] = []
    for at, name in enumerate(joined):
        yes, size = int(cells.selected[at]), int(cells.n[at])
        row: dict[str, Any] = {
            "group": name, "levels": list(names[at]), "n": size, "selected": yes, "rate": yes / size,
            "eligible": size >= minimum_share * float(cells.n.sum()), "expected": float(fit.rates[0][at]),
            "pooled": float(pooled[at]), "pooled_low": float(expit(log_odds[at] - half[at])),
            "pooled_high": float(expit(log_odds[at] + half[at])),
            "departure": float(departure[at]),
            "ratio": None if reference is None else float(pooled[at] / pooled[reference]),
            **_raw_ratio(at, reference, cells, confidence),
            "p": float(p[at]) if testable[at] else None, "q": float(q[at]) if testable[at] else None,
            "shares_p_with": [joined[other] for other in np.flatnonzero(twins[at]).tolist() if other != at],
            "flagged": at in flagged,
        }  # fmt: skip
        rows.append(row)
    return rows


def _one_by_one(cells: Cells, p: Floats, departure: Floats, replicates: int, seed: int) -> set[int]:
    """Cells flagged one after the other, each on a fit without those flagged before, until no q is under .05.

    One departing cell moves the additive rates of all its neighbours: with it gone, they fall into line.
    """
    left, flagged = np.arange(cells.n.size), set[int]()
    while True:
        testable = cells.testable()
        q = np.ones(p.size)
        q[testable] = benjamini_hochberg(p[testable])
        if not (q < _FLAG).any():
            return flagged
        far = np.where(q < _FLAG, _apart(cells, cells.twins(), departure[left]), -1.0)
        worst = int(far.argmax())
        flagged.add(int(left[worst]))
        kept = np.arange(left.size) != worst
        left = left[kept]
        cells = Cells(row=cells.row[kept], column=cells.column[kept], selected=cells.selected[kept], n=cells.n[kept])
        if cells.interaction_df() < 1 or cells.selected.sum() in (0.0, cells.n.sum()):
            return flagged
        p = drawn_p(cells, additive(cells, cells.selected[None, :]), replicates, seed).cell_p


def _apart(cells: Cells, twins: Booleans, departure: Floats) -> Floats:
    """How far each cell's rate lies from the cells that share a level with it and no contrast, in standard errors.

    One cell that departs makes its twin depart the other way; its own rate is the one unlike the others.
    """
    shared = (cells.row[:, None] == cells.row[None, :]) | (cells.column[:, None] == cells.column[None, :])
    beside = shared & ~twins & ~np.eye(cells.n.size, dtype=bool)
    if not (beside @ cells.n > 0).all():
        return np.abs(departure)
    hired, size = beside @ cells.selected, beside @ cells.n
    both = (hired + cells.selected) / (size + cells.n)
    error = np.sqrt(np.maximum(both * (1 - both), 1e-12) * (1 / size + 1 / cells.n))
    return np.asarray(np.abs(cells.selected / cells.n - hired / size) / error)


def _raw_ratio(at: int, reference: int | None, cells: Cells, confidence: float) -> dict[str, float | None]:
    nothing: dict[str, float | None] = {"raw_ratio": None, "raw_ratio_low": None, "raw_ratio_high": None}
    if reference is None:
        return nothing
    if at == reference:
        return nothing | {"raw_ratio": 1.0}
    a, n, c, m = (
        int(each) for each in (cells.selected[at], cells.n[at], cells.selected[reference], cells.n[reference])
    )
    ends = koopman_interval(Table(a, n - a, c, m - c), confidence)
    return {
        "raw_ratio": a * m / (n * c),
        "raw_ratio_low": None if ends is None else ends.low,
        "raw_ratio_high": None if ends is None else ends.high,
    }


def _detectable(eigenvalues: Floats, power: float = 0.8, alpha: float = 0.05) -> dict[str, float]:
    """The SD of interactions that Pearson's chi-squared would find with that power (Satterthwaite's scaled chi-square)."""
    critical = float(chdtri(eigenvalues.size, alpha))

    def found(sd: float) -> float:
        parts = 1 + sd**2 * eigenvalues
        scale = float((parts**2).sum() / parts.sum())
        return float(chdtrc(float(parts.sum()) / scale, critical / scale)) - power

    top = 1.0
    while found(top) < 0 and top < 1e6:
        top *= 2
    return {"power": power, "alpha": alpha, "sd": float(brentq(found, 0.0, top)) if found(top) > 0 else top}
