"""The tables behind a calibration, as plain rows keyed by facet and level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fairpanel.measures.raters.rasch.calibration import Calibration
from fairpanel.measures.raters.rasch.category_model import moments, probabilities
from fairpanel.measures.raters.rasch.fit_statistics import Residuals, equality_test, fit_of, separation

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def facet_tables(found: Calibration, left: Residuals, hidden: dict[str, BoolArray]) -> dict[str, dict[str, Any]]:
    """measures, se, fit, averages, counts and subsets: table -> facet -> level -> number (None where there is none).

    hidden : per facet, levels left out of every table.
    """
    design = found.design
    tables: dict[str, dict[str, Any]] = {}

    def add(table: str, facet: str, labels: Sequence[str], values: npt.NDArray[Any]) -> None:
        shown = ~hidden[facet] if facet in hidden else np.ones(len(labels), dtype=np.bool_)
        tables.setdefault(table, {})[facet] = {
            label: _number(value)
            for label, value, one in zip(labels, values.tolist(), shown, strict=True)
            if one
        }  # fmt: skip

    def add_facet(facet: str, labels: Sequence[str], code: IntArray, columns: dict[str, npt.NDArray[Any]]) -> None:
        size = len(labels)
        fit = fit_of(code[left.place], size, left)
        for table in ("infit", "outfit", "infit_z", "outfit_z", "infit_expected", "outfit_expected"):
            add(table, facet, labels, getattr(fit, table))
        count = np.bincount(code, minlength=size)
        average = np.bincount(code, design.score, minlength=size) / np.where(count > 0, count, np.nan)
        add("count", facet, labels, count)
        add("observed_average", facet, labels, design.low + design.step * average)
        for table, values in columns.items():
            add(table, facet, labels, values)

    unit_columns: dict[str, npt.NDArray[Any]] = {
        "measures": found.unit,
        "se": found.unit_se,
        "fair_average": unit_fair_averages(found),
        "subset": found.origins.unit_subset,
    }
    add_facet(design.unit_name, design.unit_labels, design.unit, unit_columns)
    fair = level_fair_averages(found)
    for name, labels, codes in zip(design.facet_names, design.facet_labels, design.levels, strict=True):
        part = design.facet(name)
        columns: dict[str, npt.NDArray[Any]] = {
            "measures": found.beta[part],
            "se": found.se[part],
            "fair_average": fair[part],
            "subset": found.origins.subset[part],
        }
        add_facet(name, labels, codes - part.start, columns)
    return tables


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def unit_fair_averages(found: Calibration) -> FloatArray:
    """Expected score of each candidate before an average rater on an average competency (all other facets at 0)."""
    return _expected(found, found.unit, np.arange(len(found.steps.used)))


def level_fair_averages(found: Calibration) -> FloatArray:
    """Expected score of an average candidate with each level, all other facets at 0.

    The average candidate is the mean of those who met a level of the same subset.
    """
    design = found.design
    fair = np.full(design.parameters, np.nan)
    known = np.isfinite(found.unit)
    for name, codes in zip(design.facet_names, design.levels, strict=True):
        subset = found.origins.subset[codes]
        usable = known[design.unit] & (subset >= 0)
        pairs = np.unique(np.column_stack([subset[usable], design.unit[usable]]), axis=0)
        if pairs.size == 0:
            continue
        mean = np.bincount(pairs[:, 0], found.unit[pairs[:, 1]]) / np.maximum(np.bincount(pairs[:, 0]), 1)
        part = np.arange(design.parameters)[design.facet(name)]
        own = np.clip(found.origins.subset[part], 0, None)
        centre = np.where(found.origins.subset[part] >= 0, mean[own], float(np.mean(found.unit[known])))
        eta = centre - found.beta[part]
        if name == design.step_facet:
            fair[part] = [_expected(found, eta[[place]], np.array([place]))[0] for place in range(part.size)]
        else:
            fair[part] = _expected(found, eta, np.arange(len(found.steps.used)))
    return fair


def _expected(found: Calibration, eta: FloatArray, groups: IntArray) -> FloatArray:
    """Expected score at eta, averaged over step groups; NaN where eta or every group has none."""
    table = found.steps.table(found.kappa)
    groups = groups[found.steps.used[groups].any(axis=1)]
    if groups.size == 0:
        return np.full(eta.size, np.nan)
    total = np.zeros(eta.size)
    for group in groups:
        total += moments(probabilities(eta, table[group][:, None] + np.zeros(eta.size))[0])[0]
    return np.asarray(found.design.low + found.design.step * total / groups.size)


def _step_groups(found: Calibration, hidden: dict[str, BoolArray]) -> list[tuple[int, str | None]]:
    """Step groups that may be shown, with the level each belongs to."""
    name = found.design.step_facet
    if name is None:
        return [(0, None)]
    labels = found.design.facet_labels[found.design.facet_names.index(name)]
    return [(group, label) for group, label in enumerate(labels) if name not in hidden or not hidden[name][group]]


def thresholds(found: Calibration, hidden: dict[str, BoolArray]) -> tuple[Any, Any]:
    """Thresholds and standard errors: a list for one rating scale, a list per level of the step facet else."""
    tables: list[dict[str | None, list[Any]]] = []
    for values in (found.steps.thresholds(found.kappa), found.threshold_se):
        rows = values.tolist()
        tables.append({name: [_number(one) for one in rows[group]] for group, name in _step_groups(found, hidden)})
    if found.design.step_facet is None:
        return tables[0][None], tables[1][None]
    return tables[0], tables[1]


def category_rows(found: Calibration, left: Residuals, hidden: dict[str, BoolArray]) -> list[dict[str, Any]]:
    """Use of every category: counts, average measures of its ratings, fit, threshold into it.

    average_measure: mean of candidate less facets over the category's ratings; it should rise with the category.
    expected_measure: the same, expected of data that fit. outfit: mean squared standardised residual.
    """
    design, tau, errors = found.design, found.steps.thresholds(found.kappa), found.threshold_se
    group, score = design.group[left.place], design.score[left.place]
    rows = []
    for number, name in _step_groups(found, hidden):
        total = int(np.count_nonzero(design.group == number))
        for k in range(design.top + 1):
            count = int(np.count_nonzero((design.group == number) & (design.score == k)))
            here = (group == number) & (score == k)
            weight = np.where(group == number, left.probability[k], 0.0)
            expected = float(weight @ left.eta / weight.sum()) if weight.sum() > 0 else None
            rows.append(
                {
                    **({} if name is None else {str(design.step_facet): name}),
                    "score": design.low + design.step * k,
                    "count": count,
                    "share": count / total if total else None,
                    "average_measure": float(left.eta[here].mean()) if here.any() else None,
                    "expected_measure": expected,
                    "outfit": float(np.mean(left.standardised[here] ** 2)) if here.any() else None,
                    "threshold": _number(float(tau[number, k - 1])) if k else None,
                    "threshold_se": _number(float(errors[number, k - 1])) if k else None,
                }
            )
    return rows


def disordered(found: Calibration, hidden: dict[str, BoolArray]) -> list[str]:
    """Scores whose threshold lies above the next one's, with the level of the step facet."""
    tau = found.steps.thresholds(found.kappa)
    low, step = found.design.low, found.design.step
    return [
        ("" if name is None else f"{found.design.step_facet} {name}: ") + str(low + step * (k + 1))
        for group, name in _step_groups(found, hidden)
        for k in np.flatnonzero(np.diff(tau[group]) < 0).tolist()
    ]


def separations(found: Calibration) -> dict[str, Any]:
    """Separation and test of equality, per facet; candidates included."""
    design = found.design
    result: dict[str, Any] = {}
    usable = np.isfinite(found.unit_se) & (found.unit_extreme == 0) & (found.origins.unit_subset >= 0)
    result[design.unit_name] = separation(
        found.unit_ml[usable] if not found.shrunken else found.unit[usable],
        found.unit_se[usable],
        found.origins.unit_subset[usable],
    )
    if found.shrunken and result[design.unit_name] is not None:
        sd, error = found.population["sd"], float(np.mean(found.unit_se[usable] ** 2))
        result[design.unit_name] = {
            "reliability": max(0.0, 1 - error / sd**2),
            "true_sd": sd,
            "rmse": float(np.sqrt(error)),
            "levels": int(np.count_nonzero(usable)),
        }
    for name in design.facet_names:
        part = np.arange(design.parameters)[design.facet(name)]
        part = part[found.estimated[part] & (found.se[part] > 0)]
        own = separation(found.beta[part], found.se[part], found.origins.subset[part])
        if own is not None:
            matrix = None if found.covariance is None else found.covariance[np.ix_(part, part)]
            test = equality_test(found.beta[part], found.se[part], found.origins.subset[part], matrix)
            own |= {"equality": test}
        result[name] = own
    return result


def wright_map(found: Calibration, hidden: dict[str, BoolArray]) -> list[dict[str, Any]]:
    """Rows of a Wright map: every level of every facet, and candidates counted in bins of a quarter logit."""
    design = found.design
    rows: list[dict[str, Any]] = []
    finite = found.unit[np.isfinite(found.unit)]
    bins, counts = np.unique(np.floor(finite * 4), return_counts=True)
    rows += [
        {"facet": design.unit_name, "from": one / 4, "to": (one + 1) / 4, "count": int(count)}
        for one, count in zip(bins.tolist(), counts.tolist(), strict=True)
    ]
    for name, labels in zip(design.facet_names, design.facet_labels, strict=True):
        part = design.facet(name)
        shown = np.isfinite(found.beta[part]) & ~hidden.get(name, np.zeros(len(labels), dtype=np.bool_))
        rows += [
            {
                "facet": name,
                "level": labels[place],
                "measure": float(found.beta[part][place]),
                "subset": int(found.origins.subset[part][place]),
            }
            for place in np.flatnonzero(shown).tolist()
        ]
    return rows


def unexpected_rows(
    found: Calibration, left: Residuals, hidden: dict[str, BoolArray], most: int
) -> list[dict[str, Any]]:
    """The ratings with the largest standardised residuals, at least 2 in size."""
    design = found.design
    z = left.standardised
    order = np.lexsort((design.row[left.place], -np.abs(z)))
    starts = [design.facet(name).start for name in design.facet_names]
    rows: list[dict[str, Any]] = []
    for place in order.tolist():
        if len(rows) == most or abs(z[place]) < 2:
            break
        rating = int(left.place[place])
        levels = [int(codes[rating]) - start for codes, start in zip(design.levels, starts, strict=True)]
        if any(name in hidden and hidden[name][level] for name, level in zip(design.facet_names, levels, strict=True)):
            continue
        rows.append(
            {
                "row": int(design.row[rating]),
                design.unit_name: design.unit_labels[design.unit[rating]],
                **{
                    name: labels[level]
                    for name, labels, level in zip(design.facet_names, design.facet_labels, levels, strict=True)
                },
                "observed": design.low + design.step * int(design.score[rating]),
                "expected": design.low + design.step * float(left.expected[place]),
                "z": float(z[place]),
            }
        )
    return rows
