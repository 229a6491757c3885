"""Interview forms (one rater's scores of one candidate on several competencies) and composites of them under weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from fairpanel.measures.columns import Floats, Integers, labels, missing_rows, numbers
from fairpanel.measures.estimate import Caution, MeasureInputError
from fairpanel.measures.fairness.contingency import TwoGroups, one_group_only, two_groups
from fairpanel.measures.fairness.panel_assignment import group_of_each
from fairpanel.measures.panel import Ratings

Weights = Mapping[str, float] | Sequence[float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """Forms by row, competencies by column; scores are NaN where a form lacks one.

    group, criterion : of each unit (criterion NaN where unknown). groups : the two compared, None where there are none.
    """

    scores: Floats
    unit: Integers
    rater: Integers
    units: tuple[str, ...]
    raters: tuple[str, ...]
    items: tuple[str, ...]
    group: Integers
    names: list[str]
    criterion: Floats
    groups: TwoGroups | None
    ratings: int
    cautions: list[Caution]


def interview_forms(
    data: pl.DataFrame, *, unit: str, rater: str, item: str | None, score: str, group: str, criterion: str | None,
    focal: str | None, reference: str | None,
) -> Forms:  # fmt: skip
    """Code long ratings; scores of one unit, rater and item are averaged."""
    people, judges, found = labels(data, unit, "unit"), labels(data, rater, "rater"), labels(data, group, "group")
    scores = numbers(data, score, "score")
    asked = None if item is None else labels(data, item, "item")
    present = people.present & judges.present & found.present & ~np.isnan(scores)
    roles = [unit, rater, group, score]
    if asked is not None:
        present &= asked.present
        roles.append(str(item))
    cautions = missing_rows(present, f"{', '.join(roles[:-1])} or {roles[-1]}")
    of_unit, unit_codes = np.unique(people.codes[present], return_inverse=True)
    of_rater, rater_codes = np.unique(judges.codes[present], return_inverse=True)
    item_codes = np.zeros(unit_codes.size, dtype=np.int64)
    items: tuple[str, ...] = ("score",)
    if asked is not None:
        of_item, item_codes = np.unique(asked.codes[present], return_inverse=True)
        items = tuple(asked.names[code] for code in of_item)
    units = [people.names[code] for code in of_unit]
    own = group_of_each(found, found.codes[present], unit_codes, units, unit, group)
    sizes = np.bincount(own, minlength=len(found.names)).tolist()
    groups = two_groups(found, sizes, group, focal, reference)
    if groups is None or not sizes[groups.focal_code] or not sizes[groups.reference_code]:
        cautions.append(one_group_only([name for name, size in zip(found.names, sizes, strict=True) if size]))
        groups = None
    pair, form = np.unique(unit_codes * max(of_rater.size, 1) + rater_codes, return_inverse=True)
    cell = form * max(len(items), 1) + item_codes
    count = np.bincount(cell, minlength=pair.size * len(items)).reshape(pair.size, len(items))
    total = np.bincount(cell, scores[present], minlength=pair.size * len(items)).reshape(pair.size, len(items))
    return Forms(
        scores=np.where(count > 0, total / np.maximum(count, 1), np.nan),
        unit=(pair // max(of_rater.size, 1)).astype(np.int64), rater=(pair % max(of_rater.size, 1)).astype(np.int64),
        units=tuple(units), raters=tuple(judges.names[code] for code in of_rater), items=items, group=own,
        names=found.names, criterion=_criterion(data, criterion, present, unit_codes, units, unit), groups=groups,
        ratings=int(present.sum()), cautions=cautions,
    )  # fmt: skip


def _criterion(
    data: pl.DataFrame, criterion: str | None, present: np.ndarray, unit_codes: np.ndarray, units: list[str], unit: str
) -> Floats:
    """Each unit's performance, NaN where no row tells it; a unit with two different ones is refused."""
    found = np.full(len(units), np.nan)
    if criterion is None:
        return found
    values = numbers(data, criterion, "criterion")[present]
    known = ~np.isnan(values)
    found[unit_codes[known]] = values[known]
    wrong = np.flatnonzero(known & (found[unit_codes] != values))
    if wrong.size:
        name = units[int(unit_codes[wrong[0]])]
        raise MeasureInputError(f"expected one {criterion} for each {unit}; {name!r} has several")
    return found


def checked_weights(weights: Weights, items: tuple[str, ...]) -> Floats:
    """One weight a competency, in the order of their names; equal ones where none are given."""
    if weights is None:
        return np.ones(len(items))
    if isinstance(weights, Mapping):
        unknown = sorted(set(weights) - set(items))
        absent = sorted(set(items) - set(weights))
        if unknown or absent:
            raise MeasureInputError(
                f"weights must name each item once ({', '.join(items)}); unknown: {', '.join(unknown) or 'none'}, "
                f"missing: {', '.join(absent) or 'none'}"
            )
        listed = [weights[name] for name in items]
    else:
        listed = list(weights)
    if len(listed) != len(items):
        raise MeasureInputError(f"expected {len(items)} weights, for {', '.join(items)}; got {len(listed)}")
    if not all(isinstance(each, int | float) and 0 <= each < np.inf for each in listed) or not sum(listed) > 0:
        raise MeasureInputError(f"weights must be numbers of at least 0, not all 0; got {listed}")
    return np.array(listed, dtype=np.float64)


def composite(forms: Forms, weights: Floats) -> Floats:
    """Each form's weighted mean of the competencies on it; NaN where none of them has a weight."""
    there = ~np.isnan(forms.scores)
    weight = there @ weights
    total = np.where(there, forms.scores, 0.0) @ weights
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan)


def unit_means(forms: Forms, scores: Floats) -> Floats:
    """Each unit's mean over its forms; NaN for a unit without any."""
    there = ~np.isnan(scores)
    count = np.bincount(forms.unit[there], minlength=len(forms.units))
    total = np.bincount(forms.unit[there], scores[there], minlength=len(forms.units))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def as_ratings(forms: Forms, scores: Floats) -> Ratings:
    """The forms' composites as ratings of units by raters."""
    everything = Ratings(
        score=scores, unit=forms.unit, rater=forms.rater, item=np.empty(0, dtype=np.int64), units=forms.units,
        raters=forms.raters, items=(), missing=0,
    )  # fmt: skip
    there = ~np.isnan(scores)
    return everything if there.all() else everything.select(there)
