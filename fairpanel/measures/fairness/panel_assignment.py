"""How much of a gap in interview scores came with the panels that two groups happened to meet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import ndtr, ndtri

from fairpanel.measures.columns import (
    Floats,
    Integers,
    Labels,
    check_choice,
    check_confidence,
    labels,
    missing_rows,
    numbers,
)
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.fairness.contingency import TwoGroups, no_value, one_group_only, two_groups
from fairpanel.measures.fairness.panel_draws import splits
from fairpanel.measures.fairness.panel_levels import PanelDesign, Split, share_raters, split
from fairpanel.measures.fairness.power import detectable_coefficient
from fairpanel.measures.mixed_models.components import Components, crossed_components
from fairpanel.measures.mixed_models.linkage import linkage, linkage_cautions, why_not_estimable
from fairpanel.measures.mixed_models.threads import with_one_blas_thread
from fairpanel.measures.panel import Ratings
from fairpanel.measures.resampling import check_replicates, times_drawn

_REFERENCES = (
    "Oaxaca, R. (1973). International Economic Review, 14, 693-709",
    "Searle, S. R., Casella, G., & McCulloch, C. E. (1992). Variance Components. Wiley, chapter 7",
    "Fieller, E. C. (1954). Journal of the Royal Statistical Society B, 16, 175-185",
    "Efron, B., & Tibshirani, R. J. (1993). An Introduction to the Bootstrap. Chapman & Hall, chapter 13",
)
_TITLE = "share of a score gap that came with the panels met"
_LARGEST_RATIO = 1e4
_FEW = 10


@dataclass(frozen=True, slots=True)
class Rated:
    """Complete ratings, the groups of their units, and the two compared (None: nothing to compare)."""

    ratings: Ratings
    group: Integers
    names: list[str]
    groups: TwoGroups | None
    cautions: list[Caution]


def panel_assignment(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    group: str = "group",
    focal: str | None = None,
    reference: str | None = None,
    interval: Literal["bootstrap", "none"] = "bootstrap",
    replicates: int = 400,
    seed: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """What share of the gap between two groups' interview scores came with harsher panels, not with the scoring in them.

    Parameters
    ----------
    data : one rating a row; rows with a missing value are left out and counted. More groups than two help to place
        the raters.
    unit, rater, score : columns of the candidate, the interviewer and the score. group : the candidate's group.
    focal, reference : the groups compared (of two, the larger by candidates is the reference).
    interval, replicates, seed : bootstrap over candidates, raters as they are.

    Returns
    -------
    Estimate
        value: between / gap. 1: the whole gap came with the panels; 0: none; under 0: the panels hid part of it. n:
        focal, reference (candidates), units, raters, scores, raters_of_both (who met both groups). detail: gap (mean
        score of focal less reference candidates), between (difference in mean leniency met), within (the rest),
        se of each (gap_se, ...), gap_interval, between_interval, within_interval ([low, high] or null), between_p (normal,
        with the bootstrap's error), minimum_detectable (difference in leniency met), means and leniency_met by group,
        var_unit, var_rater, var_residual, replicates (that gave a value), focal, reference.

    Raises
    ------
    MeasureInputError
        A missing column, a candidate in two groups, more than two groups without names, under 50 replicates.

    Cautions
    --------
    NOT_ESTIMABLE, value None: no rater links the groups, so that panels and groups are one. Where the gap itself may
    be zero the share has no interval (NO_INTERVAL): read between. Supposes that candidates of one group came to their
    panels without regard to merit, and that a rater is equally severe with both groups; a rater who is harsher with
    one group makes a gap within, not between. SMALL_GROUP under ten candidates.

    Notes
    -----
    score = rater + group + candidate + residual; candidates random with the restricted likelihood's variance ratio of
    the scores less their group's mean, raters' levels unshrunken. Share: Fieller with the bootstrap's covariances.

    References
    ----------
    .. [1] Oaxaca 1973 (such a decomposition). .. [2] Searle, Casella & McCulloch 1992. .. [3] Fieller 1954.
    .. [4] Efron & Tibshirani 1993.

    Pinned by a dense generalized least squares solution and, in a balanced design, by the raters' plain means.

    Examples
    --------
    >>> ratings = pl.DataFrame({
    ...     "unit": [1, 1, 2, 2, 3, 3, 4, 4], "rater": list("abacbcbc"), "group": ["r"] * 4 + ["f"] * 4,
    ...     "score": [5, 5, 5, 3, 4, 2, 4, 2]})
    >>> round(panel_assignment(ratings, focal="f", reference="r", interval="none").value, 3)
    0.333
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("bootstrap", "none"))
    check_replicates(replicates)
    rated = rated_by_group(data, unit, rater, score, group, focal, reference)
    cautions, groups, ratings = list(rated.cautions), rated.groups, rated.ratings
    if groups is None:
        return no_value("panel_assignment", _TITLE, len(ratings.units), cautions, {}, _REFERENCES)
    link = linkage(ratings)
    why_not = why_not_estimable(ratings, link)
    if why_not:
        return no_value("panel_assignment", _TITLE, len(ratings.units), [*cautions, *why_not], {}, _REFERENCES)
    cautions += linkage_cautions(link)
    found = _components(rated)
    cautions += [each for each in found.cautions if each.code == "NOT_CONVERGED"]
    design = PanelDesign(
        score=ratings.score, unit=ratings.unit, rater=ratings.rater, group=rated.group, ratio=_ratio(found)
    )
    codes, once = (groups.focal_code, groups.reference_code), np.ones(rated.group.size)
    n = _counts(rated, codes)
    if not share_raters(design, *codes, once):
        why = Caution("NOT_ESTIMABLE", "No rater links the two groups: harsher panels and weaker scores look the same.")
        return no_value("panel_assignment", _TITLE, len(ratings.units), [*cautions, why], {}, _REFERENCES)
    seen = split(design, *codes, once)
    if seen is None or abs(seen.gap) <= 1e-12 * float(np.abs(ratings.score).max()):
        why = Caution("NOT_ESTIMABLE", "The groups' mean scores are the same: there is no gap to divide.")
        return no_value("panel_assignment", _TITLE, len(ratings.units), [*cautions, why], {}, _REFERENCES)
    detail: dict[str, Any] = {
        "focal": groups.focal, "reference": groups.reference, "gap": seen.gap, "between": seen.between,
        "within": seen.gap - seen.between,
        "means": dict(zip((groups.focal, groups.reference), seen.score, strict=True)),
        "leniency_met": dict(zip((groups.focal, groups.reference), seen.leniency, strict=True)),
        "var_unit": found.var_unit, "var_rater": found.var_rater, "var_residual": found.var_residual,
    }  # fmt: skip
    if min(n["focal"], n["reference"]) < _FEW:
        cautions.append(Caution("SMALL_GROUP", "Under ten candidates in a group: the parts of the gap are rough."))
    made = None
    if interval == "bootstrap":
        draws = _draws(design, codes, replicates, seed)
        made, facts, why_none = _intervals(seen, draws, confidence)
        detail |= facts
        cautions += why_none
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    return Estimate(
        measure="panel_assignment",
        method=f"{_TITLE}: {groups.focal} less {groups.reference} ({groups.rule}); raters' levels by generalized least "
        f"squares, {found.method}",
        value=seen.between / seen.gap, interval=made, n=n, cautions=cautions, detail=detail, references=_REFERENCES,
    )  # fmt: skip


def rated_by_group(
    data: pl.DataFrame, unit: str, rater: str, score: str, group: str, focal: str | None, reference: str | None
) -> Rated:
    people, judges, found = labels(data, unit, "unit"), labels(data, rater, "rater"), labels(data, group, "group")
    scores = numbers(data, score, "score")
    present = people.present & judges.present & found.present & ~np.isnan(scores)
    cautions = missing_rows(present, f"{unit}, {rater}, {score} or {group}")
    of_unit, unit_codes = np.unique(people.codes[present], return_inverse=True)
    of_rater, rater_codes = np.unique(judges.codes[present], return_inverse=True)
    own = group_of_each(found, found.codes[present], unit_codes, [people.names[code] for code in of_unit], unit, group)
    sizes = np.bincount(own, minlength=len(found.names)).tolist()
    groups = two_groups(found, sizes, group, focal, reference)
    if groups is None or not sizes[groups.focal_code] or not sizes[groups.reference_code]:
        cautions.append(one_group_only([name for name, size in zip(found.names, sizes, strict=True) if size]))
        groups = None
    ratings = Ratings(
        score=scores[present], unit=unit_codes.astype(np.int64), rater=rater_codes.astype(np.int64),
        item=np.empty(0, dtype=np.int64), units=tuple(people.names[code] for code in of_unit),
        raters=tuple(judges.names[code] for code in of_rater), items=(), missing=int((~present).sum()),
    )  # fmt: skip
    return Rated(ratings, own, found.names, groups, cautions)


def group_of_each(
    found: Labels, of_row: Integers, unit_codes: Integers, units: list[str], unit: str, group: str
) -> Integers:
    """Each unit's group; a unit in two groups is refused."""
    own = np.zeros(len(units), dtype=np.int64)
    own[unit_codes] = of_row
    wrong = np.flatnonzero(own[unit_codes] != of_row)
    if wrong.size:
        row = int(wrong[0])
        raise MeasureInputError(
            f"expected one {group} for each {unit}; {units[int(unit_codes[row])]!r} is in "
            f"{found.names[int(of_row[row])]!r} and {found.names[int(own[unit_codes[row]])]!r}"
        )
    return own


def _components(rated: Rated) -> Components:
    """Variances of the scores less their group's mean, so that a gap is no merit of candidates."""
    ratings, of_row = rated.ratings, rated.group[rated.ratings.unit]
    count = np.maximum(np.bincount(of_row, minlength=len(rated.names)), 1)
    centre = np.bincount(of_row, ratings.score, minlength=len(rated.names)) / count
    centred = Ratings(
        score=ratings.score - centre[of_row], unit=ratings.unit, rater=ratings.rater, item=ratings.item,
        units=ratings.units, raters=ratings.raters, items=(), missing=ratings.missing,
    )  # fmt: skip
    return crossed_components(centred)


def _ratio(found: Components) -> float:
    if found.var_residual <= found.var_unit / _LARGEST_RATIO:
        return _LARGEST_RATIO
    return found.var_unit / found.var_residual


def _counts(rated: Rated, codes: tuple[int, int]) -> dict[str, int]:
    of_row = rated.group[rated.ratings.unit]
    by_focal, by_reference = (np.unique(rated.ratings.rater[of_row == code]) for code in codes)
    return {
        "focal": int(np.count_nonzero(rated.group == codes[0])),
        "reference": int(np.count_nonzero(rated.group == codes[1])),
        "units": len(rated.ratings.units), "raters": len(rated.ratings.raters), "scores": int(rated.ratings.score.size),
        "raters_of_both": int(np.intersect1d(by_focal, by_reference).size),
    }  # fmt: skip


@with_one_blas_thread
def _draws(design: PanelDesign, codes: tuple[int, int], replicates: int, seed: int) -> Floats:
    """Gap and between on samples of candidates drawn with replacement, one row a sample that gives both."""
    found = splits(design, *codes, times_drawn(np.random.default_rng(seed), design.group.size, replicates))
    return np.asarray(found[~np.isnan(found[:, 0])])


def _intervals(seen: Split, draws: Floats, confidence: float) -> tuple[Interval | None, dict[str, Any], list[Caution]]:
    """Fieller's interval of the share; percentile intervals of the parts."""
    parts = {"gap": draws[:, 0], "between": draws[:, 1], "within": draws[:, 0] - draws[:, 1]}
    facts: dict[str, Any] = {"replicates": len(draws)}
    if len(draws) < 50:
        facts |= {f"{name}_{what}": None for name in parts for what in ("se", "interval")} | {"between_p": None}
        return None, facts, [Caution("NO_INTERVAL", f"Only {len(draws)} samples of candidates determined the parts.")]
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    for name, values in parts.items():
        facts |= {f"{name}_se": float(values.std(ddof=1)), f"{name}_interval": np.quantile(values, tails).tolist()}
    error = facts["between_se"]
    facts["between_p"] = 2 * float(ndtr(-abs(seen.between) / error)) if error > 0 else None
    facts["minimum_detectable"] = detectable_coefficient(error, math.inf) if error > 0 else None
    z = float(ndtri((1 + confidence) / 2))
    covariance = np.cov(draws.T) * z * z
    square = seen.gap**2 - float(covariance[0, 0])
    middle = seen.gap * seen.between - float(covariance[0, 1])
    if square <= 0:
        return None, facts, [Caution("NO_INTERVAL", "The gap itself may be zero: a share of it has no bounds.")]
    under = middle**2 - square * (seen.between**2 - float(covariance[1, 1]))
    half = math.sqrt(max(under, 0.0)) / square
    made = Interval(
        low=middle / square - half, high=middle / square + half, level=confidence,
        method=f"Fieller, bootstrap by candidate, {len(draws)} replicates",
    )  # fmt: skip
    return made, facts, []
