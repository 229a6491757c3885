"""The engine of chance-corrected agreement: observed agreement, each coefficient's chance term, error over units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import stdtrit

from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.reliability.count_table import (
    BoolArray,
    CountTable,
    FloatArray,
    count_table,
    counted,
    scaled_rows,
    summed_by_row,
)
from fairpanel.measures.reliability.weights import Weighting, Weights, weights
from fairpanel.measures.resampling import bootstrap_interval, check_confidence, check_replicates, cluster_bootstrap

IntervalKind = Literal["analytic", "transformed", "bootstrap", "none"]
Chance = Callable[[CountTable, Weights, FloatArray], "ByChance"]
GWET = "Gwet, K. L. (2014). Handbook of Inter-Rater Reliability, 4th ed. Advanced Analytics (chapters 2-5)"
FEW_UNITS = 20
JACKKNIFED = 100
"""Up to this many units a transformed interval rests on leaving out each in turn, beyond on derivatives."""
_NO_ROOM = 1e-12


@dataclass(frozen=True, slots=True)
class ByChance:
    """Agreement expected by chance, and what each unit contributes to it (its mean is the whole)."""

    value: float
    units: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A coefficient with its parts. influence : per unit; its mean is the coefficient, its spread Gwet's error. derivative :
    per unit, of the coefficient as a ratio of two sums over units; its mean is 0."""

    value: float
    observed: float
    chance: float
    influence: FloatArray
    derivative: FloatArray


def no_chance(_table: CountTable, _weights: Weights, weight: FloatArray) -> ByChance:
    """Nothing is taken off: percent agreement."""
    return ByChance(0.0, np.zeros(weight.size))


def equal_chance(_table: CountTable, weights: Weights, weight: FloatArray) -> ByChance:
    """Every category equally likely: Brennan and Prediger."""
    value = weights.total / weights.q**2
    return ByChance(value, np.full(weight.size, value))


def pooled_chance(table: CountTable, weights: Weights, weight: FloatArray) -> ByChance:
    """Two ratings drawn from the shares of categories over all units: Fleiss."""
    shares = table.shares
    prevalence = np.asarray(shares.T @ weight, dtype=np.float64) / weight.sum()
    weighed = weights.weigh(prevalence)
    return ByChance(float(prevalence @ weighed), np.asarray(shares @ weighed))


def hard_to_score_chance(table: CountTable, weights: Weights, weight: FloatArray) -> ByChance:
    """A random rating of a unit that is hard to score: Gwet."""
    shares = table.shares
    prevalence = np.asarray(shares.T @ weight, dtype=np.float64) / weight.sum()
    factor = weights.total / (weights.q * (weights.q - 1)) if weights.q > 1 else 0.0
    return ByChance(factor * float(prevalence @ (1 - prevalence)), factor * np.asarray(shares @ (1 - prevalence)))


def rater_by_rater_chance(table: CountTable, weights: Weights, weight: FloatArray) -> ByChance:
    """Two different raters' own distributions, averaged over all pairs of raters: Conger, and Cohen for two.

    The mean over pairs of p_g' W p_h needs the sum of the raters' distributions and each rater's p_g' W p_g only.
    """
    shape = (len(table.raters), weights.q)
    by_rater, cell = counted(table.rater, table.category, shape, weight[table.unit])
    scored = summed_by_row(by_rater, by_rater.data)
    present = np.count_nonzero(scored)
    own = scaled_rows(by_rater, 1 / np.where(scored > 0, scored, 1.0))
    everyone = np.bincount(own.indices, weights=own.data, minlength=weights.q).astype(np.float64)
    others = weights.weigh(everyone)[own.indices] - weights.beside(own)
    mean_others = summed_by_row(own, own.data * others)
    pairs = present * (present - 1)
    moves = weight.sum() / scored[table.rater] * (others[cell] - mean_others[table.rater])
    value = float(mean_others.sum()) / pairs
    units = value + np.bincount(table.unit, weights=moves, minlength=weight.size) / pairs
    return ByChance(value, units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """A coefficient of the family: its name in the catalogue, its title, its chance term and sources."""

    name: str
    title: str
    chance: Chance
    references: tuple[str, ...]
    by_rater: bool = False
    needs_categories: bool = False


def observed_by_unit(table: CountTable, weights: Weights) -> tuple[FloatArray, BoolArray]:
    """Mean agreement of the pairs of ratings within each unit, and which units have a pair at all."""
    paired = table.size >= 2
    pairs = np.where(paired, table.size * (table.size - 1), 1.0)
    return np.where(paired, (weights.within(table.counts) - table.size) / pairs, 0.0), paired


def corrected(
    table: CountTable,
    weights: Weights,
    chance: Chance,
    weight: FloatArray,
    observed: tuple[FloatArray, BoolArray] | None = None,
) -> Corrected | None:
    """(observed − chance) / (1 − chance) with each unit counted `weight` times; None where that is 0 / 0.

    The influence is Gwet's (2014): units with a single rating enter through the chance term alone. It takes the number of
    units with two ratings as given by the number of all units, so that its error is too large where many have one.
    """
    by_unit, paired = observed_by_unit(table, weights) if observed is None else observed
    total, share = float(weight.sum()), float(weight @ paired)
    if share == 0:
        return None
    agreement = float(weight @ by_unit) / share
    with np.errstate(divide="ignore", invalid="ignore"):
        by_chance = chance(table, weights, weight)
    room = 1 - by_chance.value
    if not np.isfinite(by_chance.value) or room < _NO_ROOM:
        return None
    value = (agreement - by_chance.value) / room
    influence = total / share * (by_unit - by_chance.value * paired) / room
    influence -= 2 * (1 - value) * (by_chance.units - by_chance.value) / room
    derivative = influence - total / share * value * paired
    return Corrected(
        value=value, observed=agreement, chance=by_chance.value, influence=influence, derivative=derivative
    )


def estimate_of(
    coefficient: Coefficient,
    data: pl.DataFrame,
    *,
    unit: str,
    rater: str | None,
    score: str,
    weighting: Weighting,
    categories: Sequence[float] | Sequence[str] | None,
    confidence: float,
    interval: IntervalKind,
    replicates: int,
    seed: int,
) -> Estimate:
    """One coefficient of the family as an estimate."""
    check_interval(interval, confidence, replicates)
    table = count_table(data, unit=unit, rater=rater, score=score, categories=categories)
    found_weights = weights(weighting, table.values, ordered=table.ordered)
    method = f"{coefficient.title}, {weighting} weights"
    cautions, why_not = cautions_of(table, coefficient)
    paired = table.size >= 2
    n = table.n() | {"paired_units": int(paired.sum()), "categories": table.values.size}

    def refused(*why: Caution) -> Estimate:
        return Estimate(
            measure=coefficient.name, method=method, value=None, n=n, cautions=[*cautions, *why],
            references=coefficient.references,
        )  # fmt: skip

    if why_not:
        return refused(*why_not)
    observed = observed_by_unit(table, found_weights)
    units = table.size.size
    found = corrected(table, found_weights, coefficient.chance, np.ones(units), observed)
    if found is None:
        return refused(Caution("CONSTANT_INPUT", "all ratings fall into one category: chance agreement is complete"))
    se = float(np.sqrt(np.sum((found.influence - found.value) ** 2) / (units * (units - 1)))) if units > 1 else None
    pairs = int(paired.sum())
    se_ratio = float(np.sqrt(np.sum(found.derivative**2) / units**2 * pairs / (pairs - 1))) if pairs > 1 else None

    def value_at(weight: FloatArray) -> float | None:
        once = corrected(table, found_weights, coefficient.chance, weight, observed)
        return None if once is None else once.value

    def drawn_value(drawn: Any) -> float | None:
        return value_at(np.bincount(drawn, minlength=units).astype(np.float64))

    degrees, error = (pairs - 1, se_ratio) if interval == "transformed" else (units - 1, se)
    between, notes = interval_of(
        found.value, error, units, drawn_value, kind=interval, confidence=confidence, replicates=replicates, seed=seed,
        low=0.0 if coefficient.chance is no_chance else -np.inf, degrees=degrees, without=value_at,
    )  # fmt: skip
    if pairs < FEW_UNITS:
        notes.append(Caution("SMALL_SAMPLE", f"{pairs} units with a pair of ratings are few for an interval"))
    return Estimate(
        measure=coefficient.name,
        method=method,
        value=found.value,
        interval=between,
        n=n,
        cautions=[*cautions, *notes],
        detail={"percent_agreement": found.observed, "percent_chance": found.chance, "se": se, "se_ratio": se_ratio},
        references=coefficient.references,
    )


def check_interval(interval: str, confidence: float, replicates: int) -> None:
    """Refuse an unknown kind of interval, a level outside (0, 1) and too few replicates."""
    check_confidence(confidence)
    if interval not in ("analytic", "transformed", "bootstrap", "none"):
        raise MeasureInputError(f"expected interval analytic, transformed, bootstrap or none, got {interval!r}")
    if interval == "bootstrap":
        check_replicates(replicates)


def cautions_of(table: CountTable, coefficient: Coefficient) -> tuple[list[Caution], list[Caution]]:
    """What a reader must know, and what forbids an estimate."""
    cautions, why_not = table.missing_caution(), []
    paired = table.size >= 2
    if not paired.any():
        text = f"none of {paired.size} units has two scores: agreement cannot be seen"
        return cautions, [Caution("SINGLE_RATINGS", text)]
    if not paired.all():
        text = f"{int((~paired).sum())} of {paired.size} units have one score: they inform the chance term at most, "
        text += "and widen Gwet's interval (see interval transformed)"
        cautions.append(Caution("SINGLE_RATINGS", text))
    if coefficient.by_rater and len(table.raters) < 2:
        why_not.append(Caution("ONE_RATER", "one rater gave all scores: there is no pair of raters"))
    if coefficient.needs_categories and table.values.size < 2:
        why_not.append(Caution("CONSTANT_INPUT", "one category occurs: name the scale's points with categories"))
    return cautions, why_not


def interval_of(
    value: float,
    se: float | None,
    units: int,
    drawn_value: Callable[[Any], float | None],
    *,
    kind: IntervalKind,
    confidence: float,
    replicates: int,
    seed: int,
    low: float = -np.inf,
    degrees: int | None = None,
    without: Callable[[FloatArray], float | None] | None = None,
) -> tuple[Interval | None, list[Caution]]:
    """The interval that was asked for, or why there is none."""
    if kind == "none":
        return None, [Caution("NO_INTERVAL", "none was asked for")]
    if se is None or se <= 1e-14:
        why = "one unit" if se is None else "all units show the same"
        return None, [Caution("NO_INTERVAL", f"{why}: the spread over units is unknown")]
    if kind == "bootstrap":
        values = cluster_bootstrap(drawn_value, units, replicates=replicates, seed=seed)
        found = bootstrap_interval(values, estimate=value, confidence=confidence)
        if found is None:
            return None, [Caution("NO_INTERVAL", "too few bootstrap samples determined the coefficient")]
        return found, []
    half = float(stdtrit(degrees or units - 1, (1 + confidence) / 2)) * se
    if kind == "transformed" and abs(value) < 1:
        spread = None if without is None or units > JACKKNIFED else _jackknife(without, units)
        if spread is not None:
            half = float(stdtrit(degrees or units - 1, (1 + confidence) / 2)) * spread * (1 - value**2)
        return transformed_interval(value, half, confidence, "linearised" if spread is None else "jackknife"), []
    name = "linearised over units, t, ends at most 1" + (" and at least 0" if low == 0 else "")
    return Interval(low=max(value - half, low), high=min(value + half, 1.0), level=confidence, method=name), []


def _jackknife(without: Callable[[FloatArray], float | None], units: int) -> float | None:
    """Standard error of artanh(coefficient) from leaving out each unit in turn; None where a rest does not determine it."""
    values = np.empty(units)
    for one in range(units):
        weight = np.ones(units)
        weight[one] = 0.0
        value = without(weight)
        if value is None or not abs(value) < 1:
            return None
        values[one] = np.arctanh(value)
    return float(np.sqrt((units - 1) / units * np.sum((values - values.mean()) ** 2)))


def transformed_interval(value: float, half: float, confidence: float, how: str = "linearised") -> Interval:
    """t interval over units on the scale of artanh, which cannot pass 1."""
    centre, half = float(np.arctanh(value)), half / (1 - value**2)
    return Interval(
        low=float(np.tanh(centre - half)),
        high=float(np.tanh(centre + half)),
        level=confidence,
        method=f"{how} over units, t on the scale of artanh",
    )
