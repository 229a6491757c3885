"""Krippendorff's alpha: agreement beyond chance for any number of raters, missing scores and level of measurement."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl

from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.reliability.chance_corrected import (
    FEW_UNITS,
    GWET,
    IntervalKind,
    check_interval,
    interval_of,
)
from fairpanel.measures.reliability.count_table import CountTable, FloatArray, count_table
from fairpanel.measures.reliability.weights import (
    Distance,
    Nominal,
    Squared,
    Weighting,
    Weights,
    ratio_distance,
)
from fairpanel.measures.reliability.weights import weights as weight_scheme

Level = Literal["nominal", "ordinal", "interval", "ratio"]
REFERENCES = (
    "Krippendorff, K. (2011). Computing Krippendorff's alpha-reliability. University of Pennsylvania",
    GWET,
)


def krippendorff_alpha(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str | None = "rater",
    score: str = "score",
    level: Level = "interval",
    weights: Weighting | None = None,
    confidence: float = 0.95,
    interval: IntervalKind = "analytic",
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """How far raters agree beyond chance: 1 is perfect agreement, 0 what scores dealt out at random would show.

        alpha = 1 − D_o / D_e

    D_o is the mean squared distance of scores of the same unit, D_e that of scores taken from all units. The level of
    measurement sets the distance δ(x, y)²: nominal 0 or 1; ordinal by how many scores lie between; interval (x − y)²;
    ratio ((x − y) / (x + y))². Units with one score cannot be paired and are left out. The cost is linear in the
    scores (the ratio level: in the distinct scores squared).

    With `weights` the distance is 1 − w of Gwet's weights instead, as in the other coefficients of agreement; identity,
    quadratic and ratio weights give the nominal, interval and ratio level, ordinal weights another thing than the
    ordinal level. Agreement, error and interval are then Gwet's.

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names; rater may be None, as alpha does not ask who gave a score.
    level : "nominal" (scores may be text), "ordinal", "interval", "ratio" (scores >= 0).
    weights : identity, linear, quadratic, ordinal, radical, ratio, bipolar or circular, in place of a level.
    confidence : level of the interval.
    interval : "analytic" is linearised over units with a t quantile, on the scale of artanh(alpha); "bootstrap" draws
        units (`replicates`, `seed`); "none". With `weights`: "analytic" on alpha's own scale, "transformed" on artanh.

    Returns
    -------
    Estimate
        detail observed_disagreement, expected_disagreement (in the units of δ²), pairable_values, pairable_units, se;
        with `weights` also percent_agreement and percent_chance.

    Raises
    ------
    MeasureInputError
        A missing column, an unknown level, text scores above the nominal level, negative scores at the ratio level.

    Cautions
    --------
    SINGLE_RATINGS (no unit, or some units, cannot be paired), CONSTANT_INPUT (all pairable scores are the same: value
    None), SMALL_SAMPLE, MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by Krippendorff's (2011) four observers and the oracle cases `krippendorff_alpha` (krippendorff) and
    `krippendorff_alpha_gwet_weights` (irrCAC).

    References
    ----------
    .. [1] Krippendorff (2011), Computing Krippendorff's alpha-reliability, sections C and D.
    .. [2] Gwet (2014), Handbook of Inter-Rater Reliability, 4th ed., chapters 2, 3 and 5.

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 1, 2, 2, 3, 4]})
    >>> round(krippendorff_alpha(ratings).value, 4)
    0.878
    """
    check_interval(interval, confidence, replicates)
    if level not in ("nominal", "ordinal", "interval", "ratio"):
        raise MeasureInputError(f"expected level nominal, ordinal, interval or ratio, got {level!r}")
    whole = count_table(data, unit=unit, rater=rater, score=score)
    method = f"Krippendorff's alpha, {level} level" if weights is None else f"Krippendorff's alpha, {weights} weights"
    if weights is None and level != "nominal" and not whole.ordered:
        raise MeasureInputError(f"expected numbers in the score column {score!r} at the {level} level, got text")
    degrees = None if weights is None else weight_scheme(weights, whole.values, ordered=whole.ordered)
    if level == "ratio" and weights is None:
        ratio_distance(whole.values)
    pairable = whole.size >= 2
    cautions = whole.missing_caution()
    n = whole.n() | {
        "pairable_units": int(pairable.sum()),
        "pairable_values": int(whole.size[pairable].sum()),
    }
    if not pairable.all() or not pairable.any():
        text = f"{int((~pairable).sum())} of {pairable.size} units have one score and cannot be paired"
        cautions.append(Caution("SINGLE_RATINGS", text))
    if not pairable.any():
        return _none(method, n, cautions)
    table = whole.select(pairable) if not pairable.all() else whole
    if np.ptp(table.category) == 0:
        cautions.append(Caution("CONSTANT_INPUT", "all pairable scores are the same: chance agreement is complete"))
        return _none(method, n, cautions)
    kernel: _ByLevel | _ByWeights
    kernel = _ByLevel(table.without_unused(), level) if degrees is None else _ByWeights(table, degrees)
    units = table.size.size
    found = kernel.alpha(np.ones(units))
    if found.expected == 0:
        cautions.append(Caution("CONSTANT_INPUT", "the expected disagreement is zero"))
        return _none(method, n, cautions)
    influence = kernel.influence(found)
    se = float(np.sqrt(units / (units - 1) * np.sum(influence**2))) if units > 1 else None
    between, notes = interval_of(
        found.value, se, units,
        lambda drawn: kernel.alpha(np.bincount(drawn, minlength=units).astype(np.float64)).value,
        kind="transformed" if interval == "analytic" and weights is None and found.value > -0.99 else interval,
        confidence=confidence, replicates=replicates, seed=seed,
    )  # fmt: skip
    if units < FEW_UNITS:
        notes.append(Caution("SMALL_SAMPLE", f"{units} pairable units are few for the interval's approximation"))
    detail: dict[str, Any] = {
        "observed_disagreement": found.observed,
        "expected_disagreement": found.expected,
        "pairable_values": n["pairable_values"],
        "pairable_units": units,
        "se": se,
    }
    if weights is not None:
        agreement, chance = _agreement_and_chance(found, float(table.size.sum()))
        detail |= {"percent_agreement": agreement, "percent_chance": chance}
    return Estimate(
        measure="krippendorff_alpha",
        method=method,
        value=found.value,
        interval=between,
        n=n,
        cautions=[*cautions, *notes],
        detail=detail,
        references=REFERENCES,
    )


def _none(method: str, n: dict[str, int], cautions: list[Caution]) -> Estimate:
    return Estimate(
        measure="krippendorff_alpha", method=method, value=None, n=n, cautions=cautions, references=REFERENCES
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Alpha with its parts. distance : between categories. marginal : scores per category. cross : Σ_k marginal_k
    d(value, k). per_unit : disagreement summed over each unit's pairs / (size − 1)."""

    value: float
    observed: float
    expected: float
    distance: Distance
    marginal: FloatArray
    cross: FloatArray
    per_unit: FloatArray


def _alpha(table: CountTable, distance: Distance, marginal: FloatArray, weight: FloatArray) -> _Found:
    """Alpha with each unit counted `weight` times."""
    total = float(marginal.sum())
    cross = distance.spread(marginal)
    per_unit = distance.within(table.counts) / (table.size - 1)
    observed = float(weight @ per_unit) / total
    expected = float(marginal @ cross) / (total * (total - 1))
    return _Found(
        value=1 - observed / expected if expected > 0 else np.nan,
        observed=observed,
        expected=expected,
        distance=distance,
        marginal=marginal,
        cross=cross,
        per_unit=per_unit,
    )


@dataclass(frozen=True, slots=True)
class _ByLevel:
    """Alpha with the distances of a level of measurement."""

    table: CountTable
    level: Level

    def alpha(self, weight: FloatArray) -> _Found:
        marginal = np.asarray(self.table.counts.T @ weight, dtype=np.float64)
        return _alpha(self.table, self._distance(marginal), marginal, weight)

    def _distance(self, marginal: FloatArray) -> Distance:
        if self.level == "nominal":
            return Nominal()
        if self.level == "ratio":
            return ratio_distance(self.table.values)
        axis = np.cumsum(marginal) - marginal / 2 if self.level == "ordinal" else self.table.values
        return Squared(axis - float(marginal @ axis) / float(marginal.sum()))

    def influence(self, found: _Found) -> FloatArray:
        """How far alpha moves with each unit: its derivative in the unit's weight."""
        table = self.table
        total = float(found.marginal.sum())
        observed = (found.per_unit - found.observed * table.size) / total
        scale = total * (total - 1)
        change = 2 * np.asarray(table.counts @ found.cross)
        if self.level == "ordinal" and isinstance(found.distance, Squared):
            # the ordinal axis itself moves with the marginals: d axis_c = scores below c and half of those at c
            axis, ones = found.distance.axis, 1 / (table.size - 1)
            paired = np.asarray(table.counts.T @ (ones * table.size)) * axis
            paired -= np.asarray(table.counts.T @ (ones * (table.counts @ axis)))
            observed += 4 * _moved(table, paired) / total
            change += 4 * _moved(table, total * found.marginal * axis)
        expected = change / scale - found.expected * table.size * (2 * total - 1) / scale
        return np.asarray(-observed / found.expected + found.observed / found.expected**2 * expected)


def _moved(table: CountTable, weight: FloatArray) -> FloatArray:
    """Σ_c weight_c d axis_c for each unit's scores added to the marginals."""
    after = weight.sum() - np.cumsum(weight) + weight / 2
    return np.asarray(table.counts @ after)


@dataclass(frozen=True, slots=True)
class _ByWeights:
    """Alpha with 1 − w of Gwet's weights as distances, and Gwet's error."""

    table: CountTable
    weights: Weights

    def alpha(self, weight: FloatArray) -> _Found:
        marginal = np.asarray(self.table.counts.T @ weight, dtype=np.float64)
        found = _alpha(self.table, self.weights.distance, marginal, weight)
        largest = self.weights.largest
        return replace(found, observed=found.observed / largest, expected=found.expected / largest)

    def influence(self, found: _Found) -> FloatArray:
        """Gwet's: agreement and chance of each unit, both on the scale of the mean number of scores."""
        table, units = self.table, self.table.size.size
        total = float(found.marginal.sum())
        mean = total / units
        prime = 1 - found.observed
        agreement, chance = _agreement_and_chance(found, total)
        alpha_prime = (prime - chance) / (1 - chance)
        excess = (table.size - mean) / mean
        by_unit = (self.weights.within(table.counts) - table.size) / (mean * (table.size - 1)) - agreement * excess
        by_chance = np.asarray(table.counts @ self.weights.weigh(found.marginal / total)) / mean - chance * excess
        moved = (by_unit - chance - 2 * (1 - alpha_prime) * (by_chance - chance)) / (1 - chance)
        return np.asarray((moved - alpha_prime) / units)


def _agreement_and_chance(found: _Found, total: float) -> tuple[float, float]:
    """Gwet's percent agreement (with the small-sample term 1 / total) and percent chance."""
    return 1 - found.observed * (total - 1) / total, 1 - found.expected * (total - 1) / total
