"""Which further scores would tell most: advice on whom to put together on panels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.mixed_models.components import Components, crossed_components
from fairpanel.measures.mixed_models.expected_information import expected_information
from fairpanel.measures.mixed_models.linkage import Linkage, linkage, linkage_cautions, why_not_estimable
from fairpanel.measures.mixed_models.threads import with_one_blas_thread
from fairpanel.measures.panel import Ratings, long_ratings

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_RATERS = 1500
MOST_UNITS = 2000
RANDOM_PLANS = 20
REFERENCES = (
    "Henderson, C. R. (1975). Best linear unbiased estimation and prediction under a selection model. Biometrics, 31",
    "Atkinson, A. C., Donev, A. N., & Tobias, R. D. (2007). Optimum Experimental Designs, with SAS. Oxford (A-optimality)",
)


def pairing_advice(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    overlaps: int = 10,
    min_units: int = 1,
    seed: int = 0,
) -> Estimate:
    """Which further rater–candidate scores would sharpen the comparison of raters most, and by how much.

    Under the components estimated from these data, the variance of the predicted differences in severity between raters
    follows from the design alone. An overlap is one further score by a rater of a unit that others have scored; the
    plan takes, one after another, the overlap that lowers the mean variance of those differences most, at most one a
    unit. In practice it says who should sit on panels together: see rater and with_raters.

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names.
    overlaps : how many further scores to plan, at least 1.
    min_units : raters with fewer units are neither advised nor named, at least 1.
    seed : of the random plans that the advice is compared with, and of the units tried where there are many.

    Returns
    -------
    Estimate
        value the share by which the plan lowers the mean variance of severity differences. detail rows (rater,
        with_raters: who scored that unit, unit, lowers: this overlap's share, joins_parts: whether it links parts of
        the design that shared nobody), random_lowers (mean over 20 random plans of the same size),
        se_difference_before and _after (of a difference between two raters), se_logit_g_before, _after and
        _random (expected standard error of the log odds of G(q,k) of the present design).

    Raises
    ------
    MeasureInputError
        A missing column, scores that are not numbers, an option out of range.

    Cautions
    --------
    NO_INTERVAL (a property of the design, given the components), SMALL_GROUP (raters left out); as `g_coefficient`
    where the components are not estimable, NOT_ESTIMABLE above 1,500 raters or where every overlap exists.

    Notes
    -----
    Pinned by the mixed-model equations of the design with each overlap added in turn, and by simulation.

    References
    ----------
    .. [1] Henderson (1975), Biometrics 31, 423-447.
    .. [2] Atkinson, Donev & Tobias (2007), Optimum Experimental Designs, chapter 10 (A-optimality, one-point additions).

    Examples
    --------
    >>> ratings = pl.DataFrame(
    ...     {"unit": [1, 1, 2, 2, 3, 3, 4, 4], "rater": list("ababcdcd"), "score": [4, 6, 1, 2, 5, 4, 2, 1]}
    ... )
    >>> first = pairing_advice(ratings, overlaps=1).detail["rows"][0]
    >>> first["joins_parts"]
    True
    """
    for name, number in (("overlaps", overlaps), ("min_units", min_units)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise MeasureInputError(f"expected {name}, a whole number of at least 1, got {number!r}")
    ratings = long_ratings(data, unit=unit, rater=rater, score=score)
    link = linkage(ratings) if ratings.score.size else None
    cautions = ratings.missing_caution()
    why_not = why_not_estimable(ratings, link)
    if link is not None and not why_not and len(ratings.raters) > MOST_RATERS:
        why_not = [Caution("NOT_ESTIMABLE", f"more than {MOST_RATERS} raters are compared too slowly: choose a part")]
    if link is None or why_not:
        return _none(ratings, [*cautions, *why_not])
    found = crossed_components(ratings)
    cautions += [*linkage_cautions(link), *found.cautions]
    if found.fit is None or found.var_rater <= 0:
        why = Caution("NOT_ESTIMABLE", "raters do not differ in severity beyond chance: no overlap would tell more")
        return _none(ratings, [*cautions, why])
    known = link.units_per_rater >= min_units
    if not known.all():
        cautions.append(
            Caution("SMALL_GROUP", f"raters who scored fewer than {min_units} units: {int((~known).sum())}")
        )
    plan = _plan(ratings, found, overlaps, known, seed)
    if not plan.pairs:
        return _none(ratings, [*cautions, Caution("NOT_ESTIMABLE", "every rater scored every unit")])
    cautions.append(Caution("NO_INTERVAL", "a property of the design, taking the estimated components as they are"))
    random = _random_plans(ratings, found, len(plan.pairs), known, seed)
    return Estimate(
        measure="pairing_advice",
        method=f"greedy A-optimal overlaps, components by {found.method}",
        value=1 - plan.after / plan.before,
        n=ratings.counts(),
        cautions=cautions,
        detail={
            "rows": [_row(ratings, link, known, plan, index) for index in range(len(plan.pairs))],
            "random_lowers": float(np.mean([1 - one.after / one.before for one in random])),
            "se_difference_before": float(np.sqrt(2 * plan.before)),
            "se_difference_after": float(np.sqrt(2 * plan.after)),
            "se_logit_g_before": _se_logit_g(ratings, found, link, []),
            "se_logit_g_after": _se_logit_g(ratings, found, link, plan.pairs),
            "se_logit_g_random": _mean([_se_logit_g(ratings, found, link, one.pairs) for one in random[:5]]),
            "var_unit": found.var_unit,
            "var_rater": found.var_rater,
            "var_residual": found.var_residual,
        },
        references=REFERENCES,
    )


def _mean(values: list[float | None]) -> float | None:
    """None where one is unknown, as it is for all of them where candidates do not differ."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Overlaps (unit, rater) in order; half the mean variance of severity differences before, after and after each."""

    pairs: list[tuple[int, int]]
    before: float
    after: float
    steps: list[float]


def _row(ratings: Ratings, link: Linkage, known: npt.NDArray[np.bool_], plan: Plan, index: int) -> dict[str, Any]:
    unit, rater = plan.pairs[index]
    before = plan.before if index == 0 else plan.steps[index - 1]
    panel = np.unique(ratings.rater[ratings.unit == unit])
    return {
        "rater": ratings.raters[rater],
        "with_raters": [ratings.raters[other] for other in panel if known[other]],
        "unit": ratings.units[unit],
        "lowers": (before - plan.steps[index]) / plan.before,
        "joins_parts": bool(link.part_of_unit[unit] != link.part_of_rater[rater]),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Additions:
    """Further scores that are possible, and what each would tell.

    covariance : of the prediction errors of (mean, rater effects). base : per unit tried, how its expected score depends
    on them apart from the new rater. noise : variance of a new score given them. open_pairs : units tried × raters.
    """

    units: IntArray
    covariance: FloatArray
    base: FloatArray
    noise: FloatArray
    open_pairs: npt.NDArray[np.bool_]


def _additions(ratings: Ratings, found: Components, known: npt.NDArray[np.bool_], seed: int) -> _Additions:
    """The mixed-model equations with the units absorbed."""
    units, raters = len(ratings.units), len(ratings.raters)
    gamma_u, gamma_r = found.var_unit / found.var_residual, found.var_rater / found.var_residual
    incidence = sparse.csr_array((np.ones(ratings.unit.size), (ratings.unit, ratings.rater)), shape=(units, raters))
    count: FloatArray = np.asarray(incidence.sum(axis=1)).ravel()
    weight = gamma_u / (1 + gamma_u * count)
    design = sparse.hstack([sparse.csr_array(count[:, None]), incidence], format="csr")
    per_rater: FloatArray = np.asarray(incidence.sum(axis=0)).ravel()
    precision = np.zeros((raters + 1, raters + 1))
    precision[0, 0] = count.sum()
    precision[0, 1:] = precision[1:, 0] = per_rater
    precision[1:, 1:] = np.diag(per_rater + 1 / gamma_r)
    precision -= (design.T @ (design * weight[:, None])).toarray()
    covariance = np.asarray(found.var_residual * np.linalg.inv(precision), dtype=np.float64)
    tried = np.arange(units)
    if units > MOST_UNITS:
        tried = np.sort(np.random.default_rng(seed).choice(units, MOST_UNITS, replace=False))
    base = -(design[tried] * weight[tried, None]).toarray()
    base[:, 0] += 1
    return _Additions(
        units=tried,
        covariance=covariance,
        base=base,
        noise=found.var_residual * (1 + weight[tried]),
        open_pairs=(incidence[tried].toarray() == 0) & known,
    )


def _spread(covariance: FloatArray) -> float:
    """Half the mean variance of differences between two raters' prediction errors."""
    raters = covariance[1:, 1:]
    size = raters.shape[0]
    return float((np.trace(raters) - raters.sum() / size) / (size - 1))


def _gains(at: _Additions, covariance: FloatArray) -> FloatArray:
    """How far each possible score would lower `_spread`; units tried × raters, minus one where it is not possible."""
    size = covariance.shape[0] - 1
    centred = covariance[:, 1:] - covariance[:, 1:].mean(axis=1, keepdims=True)
    told = centred @ centred.T / (size - 1)
    lowered, variance = at.base @ told, at.base @ covariance
    gain = 2 * lowered[:, 1:] + np.sum(lowered * at.base, axis=1)[:, None] + np.diagonal(told)[1:]
    spread = 2 * variance[:, 1:] + np.sum(variance * at.base, axis=1)[:, None] + np.diagonal(covariance)[1:]
    return np.asarray(np.where(at.open_pairs, gain / (spread + at.noise[:, None]), -1.0))


def _after(at: _Additions, covariance: FloatArray, unit: int, rater: int) -> FloatArray:
    """The covariance with one more score."""
    direction = at.base[unit].copy()
    direction[rater + 1] += 1
    told = covariance @ direction
    return np.asarray(covariance - np.outer(told, told) / (float(direction @ told) + at.noise[unit]))


@with_one_blas_thread
def _plan(ratings: Ratings, found: Components, overlaps: int, known: npt.NDArray[np.bool_], seed: int) -> Plan:
    at = _additions(ratings, found, known, seed)
    covariance = at.covariance
    before = _spread(covariance)
    pairs: list[tuple[int, int]] = []
    steps: list[float] = []
    for _ in range(overlaps):
        gains = _gains(at, covariance)
        unit, rater = (int(place) for place in np.unravel_index(np.argmax(gains), gains.shape))
        if gains[unit, rater] < 0:
            break
        covariance = _after(at, covariance, unit, rater)
        at.open_pairs[unit] = False
        pairs.append((int(at.units[unit]), rater))
        steps.append(_spread(covariance))
    return Plan(pairs=pairs, before=before, after=steps[-1] if steps else before, steps=steps)


@with_one_blas_thread
def _random_plans(
    ratings: Ratings, found: Components, overlaps: int, known: npt.NDArray[np.bool_], seed: int
) -> list[Plan]:
    """Plans of the same size drawn at random, for comparison."""
    at = _additions(ratings, found, known, seed)
    rng = np.random.default_rng(seed)
    before = _spread(at.covariance)
    possible = np.flatnonzero(at.open_pairs.any(axis=1))
    plans = []
    for _ in range(RANDOM_PLANS):
        covariance, pairs = at.covariance, []
        for unit in rng.choice(possible, min(overlaps, possible.size), replace=False):
            rater = int(rng.choice(np.flatnonzero(at.open_pairs[unit])))
            covariance = _after(at, covariance, int(unit), rater)
            pairs.append((int(at.units[unit]), rater))
        plans.append(Plan(pairs=pairs, before=before, after=_spread(covariance), steps=[]))
    return plans


def _se_logit_g(ratings: Ratings, found: Components, link: Linkage, extra: list[tuple[int, int]]) -> float | None:
    """Expected standard error of log(G / (1 − G)), G with the present q and k, in the design with `extra` scores."""
    if found.var_unit <= 0:
        return None
    unit = np.append(ratings.unit, [pair[0] for pair in extra]).astype(np.int64)
    rater = np.append(ratings.rater, [pair[1] for pair in extra]).astype(np.int64)
    gamma = np.array([found.var_unit, found.var_rater]) / found.var_residual
    noise = link.q * gamma[1] + 1 / link.k_harmonic
    slope = np.array([1 / gamma[0], -link.q / noise, -1 / link.k_harmonic / noise])
    covariance = np.linalg.pinv(expected_information(unit, rater, gamma), hermitian=True)
    return float(np.sqrt(slope @ covariance @ slope))


def _none(ratings: Ratings, cautions: list[Caution]) -> Estimate:
    return Estimate(
        measure="pairing_advice",
        method="greedy A-optimal overlaps",
        value=None,
        n=ratings.counts(),
        cautions=cautions,
        references=REFERENCES,
    )
