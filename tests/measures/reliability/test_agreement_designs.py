"""Agreement in thin, odd and large designs, and what must not change it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from fairpanel.measures.catalogue import measure, option_from_text
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.reliability.weights import WEIGHTINGS, weights
from tests.measures.reliability.designs import (
    STILL_ESTIMABLE,
    THIN,
    incomplete_panels,
    long,
    ratings,
    relabelled,
    shuffled,
)

FAMILY = ("percent_agreement", "fleiss_kappa", "conger_kappa", "brennan_prediger", "gwet_ac")
ALL = (*FAMILY, "cohen_kappa", "light_kappa", "pairwise_agreement")
EMPTY = pl.DataFrame(schema={"unit": pl.String, "rater": pl.String, "score": pl.Float64})
NULL = pl.DataFrame({"unit": [None, None], "rater": [None, None], "score": [None, None]})


def _codes(found: Estimate) -> set[str]:
    return {caution.code for caution in found.cautions}


def _by_hand(frame: pl.DataFrame, name: str, weighting: str) -> tuple[float, float]:
    """Observed and chance agreement from the definitions, pair by pair, with dense loops."""
    values = np.sort(frame["score"].unique().to_numpy())
    q = values.size
    one, other = np.divmod(np.arange(q * q), q)
    w = weights(weighting, values).between(one, other).reshape(q, q)
    table: dict[Any, list[tuple[Any, int]]] = {}
    for unit, rater, score in frame.select("unit", "rater", "score").iter_rows():
        table.setdefault(unit, []).append((rater, int(np.searchsorted(values, score))))
    observed = [
        np.mean([w[a, b] for i, (_, a) in enumerate(cells) for j, (_, b) in enumerate(cells) if i != j])
        for cells in table.values()
        if len(cells) > 1
    ]
    shares = np.mean([np.bincount([k for _, k in cells], minlength=q) / len(cells) for cells in table.values()], axis=0)
    if name == "fleiss_kappa":
        chance = float(shares @ w @ shares)
    elif name == "brennan_prediger":
        chance = float(w.mean())
    elif name == "gwet_ac":
        chance = float(w.sum() / (q * (q - 1)) * (shares @ (1 - shares)))
    elif name == "conger_kappa":
        raters: dict[Any, list[int]] = {}
        for cells in table.values():
            for rater, k in cells:
                raters.setdefault(rater, []).append(k)
        own = [np.bincount(given, minlength=q) / len(given) for given in raters.values()]
        chance = float(np.mean([g @ w @ h for i, g in enumerate(own) for j, h in enumerate(own) if i != j]))
    else:
        chance = 0.0
    return float(np.mean(observed)), chance


@pytest.mark.parametrize("weighting", ["identity", "linear", "quadratic", "ordinal", "radical", "ratio"])
@pytest.mark.parametrize("name", FAMILY)
@settings(deadline=None, max_examples=10)
@given(frame=incomplete_panels(), single=st.booleans())
def test_definitions(name: str, weighting: str, frame: pl.DataFrame, single: bool) -> None:
    """Chance terms by loops over raters and units, units with one rating included."""
    if single:
        frame = pl.concat([frame, pl.DataFrame({"unit": ["lone"], "rater": ["r0"], "score": [3.0]})])
    observed, chance = _by_hand(frame, name, weighting)
    found = measure(name, frame, weights=weighting)
    assert found.detail["percent_agreement"] == pytest.approx(observed, abs=1e-12)
    assert found.detail["percent_chance"] == pytest.approx(chance, abs=1e-12)
    assert found.value == pytest.approx((observed - chance) / (1 - chance), abs=1e-10)


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None, max_examples=15)
@given(frame=incomplete_panels())
def test_unchanged_by_order_and_labels(name: str, frame: pl.DataFrame) -> None:
    for change in (shuffled, relabelled):
        one, other = measure(name, frame), measure(name, change(frame))
        assert other.value == pytest.approx(one.value, abs=1e-12)
        assert _codes(one) == _codes(other)


@pytest.mark.parametrize("name", FAMILY)
@settings(deadline=None, max_examples=15)
@given(frame=incomplete_panels())
def test_perfect_agreement_and_copies(name: str, frame: pl.DataFrame) -> None:
    """One score per unit gives 1; every unit twice leaves the coefficient as it is."""
    agreed = frame.with_columns(pl.col("score").first().over("unit"))
    agreed = pl.concat([agreed, pl.DataFrame({"unit": ["x", "x"], "rater": ["r0", "r1"], "score": [9.0, 9.0]})])
    perfect = measure(name, agreed)
    assert perfect.value == pytest.approx(1, abs=1e-12)
    twice = pl.concat([frame, frame.with_columns(pl.col("unit") + "'")])
    assert measure(name, twice).value == pytest.approx(measure(name, frame).value, abs=1e-10)


@settings(deadline=None, max_examples=25)
@given(frame=incomplete_panels())
def test_limits(frame: pl.DataFrame) -> None:
    """Two complete raters: Conger's kappa is Cohen's; kappa with more than one rater lies below 1."""
    pair = frame.with_columns(pl.col("rater").rank("ordinal").over("unit").alias("seat")).filter(pl.col("seat") <= 2)
    pair = pair.drop("rater").rename({"seat": "rater"})
    cohen, conger = measure("cohen_kappa", pair), measure("conger_kappa", pair)
    assert cohen.value == pytest.approx(conger.value, abs=1e-12)
    n = cohen.n["paired_units"]
    assert conger.detail["se"] == pytest.approx(cohen.detail["se"] * np.sqrt(n / (n - 1)), abs=1e-10)
    assert cohen.value is None or cohen.value <= 1
    light = measure("light_kappa", pair)
    assert light.value == pytest.approx(cohen.value, abs=1e-12)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("frame", [frame for frame, _ in THIN.values()], ids=list(THIN))
def test_thin_designs_say_why(name: str, frame: pl.DataFrame) -> None:
    found = measure(name, frame)
    assert found.value is not None or _codes(found) & {
        "SINGLE_RATINGS", "CONSTANT_INPUT", "SMALL_SAMPLE", "ONE_RATER", "NOT_ESTIMABLE"
    }  # fmt: skip
    assert found.to_dict()["measure"] == name


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("frame", [EMPTY, NULL], ids=["empty", "nothing but nulls"])
def test_nothing_gives_no_value(name: str, frame: pl.DataFrame) -> None:
    found = measure(name, frame)
    assert found.value is None
    assert found.cautions


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("frame", STILL_ESTIMABLE.values(), ids=STILL_ESTIMABLE)
def test_odd_designs_give_a_number(name: str, frame: pl.DataFrame, weighting: str) -> None:
    found = measure(name, frame, weights=weighting)
    assert found.value is not None
    assert found.value <= 1 + 1e-12


def test_constant_scores_need_the_scale() -> None:
    """One category: kappa is 0 / 0; Brennan-Prediger and AC say so unless the scale is named, then they are 1."""
    same = ratings(("a", "x", 3), ("a", "y", 3), ("b", "x", 3), ("b", "z", 3))
    for name in ("fleiss_kappa", "conger_kappa", "brennan_prediger", "gwet_ac"):
        assert "CONSTANT_INPUT" in _codes(measure(name, same))
    for name in ("brennan_prediger", "gwet_ac"):
        assert measure(name, same, categories=[1, 2, 3, 4, 5]).value == 1
    assert measure("percent_agreement", same).value == 1


def test_categories_that_nobody_used_count() -> None:
    frame = long(((4, 5), (5, 5), (4, 4), (5, 4)))
    narrow, wide = (measure("brennan_prediger", frame, categories=given) for given in (None, [1, 2, 3, 4, 5]))
    assert narrow.detail["percent_chance"] == 0.5
    assert wide.detail["percent_chance"] == pytest.approx(0.2)
    with pytest.raises(MeasureInputError, match="among the categories"):
        measure("gwet_ac", frame, categories=[1, 2, 3, 4])


def test_text_scores() -> None:
    """Text takes identity weights; an order makes other weights possible; numbers in text are numbers."""
    frame = long(((1, 1), (2, 3), (3, 3), (1, 2)))
    words = frame.with_columns(pl.col("score").replace_strict({1.0: "no", 2.0: "maybe", 3.0: "yes"}))
    assert measure("fleiss_kappa", words).value == pytest.approx(measure("fleiss_kappa", frame).value)
    with pytest.raises(MeasureInputError, match="need an order"):
        measure("fleiss_kappa", words, weights="linear")
    order = ["no", "maybe", "yes"]
    expected = measure("fleiss_kappa", frame, weights="linear").value
    assert measure("fleiss_kappa", words, weights="linear", categories=order).value == pytest.approx(expected)
    levels = words.with_columns(pl.col("score").cast(pl.Enum(order)))
    assert measure("fleiss_kappa", levels, weights="linear").value == pytest.approx(expected)
    digits = frame.with_columns(pl.col("score").cast(pl.Int64).cast(pl.String))
    assert measure("fleiss_kappa", digits, weights="linear").value == pytest.approx(expected)
    assert measure("fleiss_kappa", words.with_columns(pl.col("score").cast(pl.Categorical))).value is not None
    with pytest.raises(MeasureInputError, match="categories that are texts"):
        measure("fleiss_kappa", words, categories=[1, 2, 3])
    with pytest.raises(MeasureInputError, match="categories that are numbers"):
        measure("fleiss_kappa", frame, categories=order)


@pytest.mark.parametrize("kind", [pl.Int8, pl.UInt64, pl.Float32, pl.Boolean])
def test_any_type_of_score_and_label(kind: Any) -> None:
    frame = long(((0, 1), (1, 1), (0, 0), (1, 0)))
    cast = frame.with_columns(pl.col("score").cast(kind), pl.col("unit").cast(pl.Float64), rater=pl.col("rater").hash())
    assert measure("conger_kappa", cast).value == pytest.approx(measure("conger_kappa", frame).value)


def test_missing_scores_are_counted() -> None:
    frame = long(((1, None), (2, 2), (3, 3), (float("nan"), 2), (2, 1)))
    found = measure("fleiss_kappa", frame)
    assert found.n["missing"] == 2
    assert {"MISSING_DATA", "SINGLE_RATINGS"} <= _codes(found)


def test_many_categories_take_the_sparse_way() -> None:
    """More categories than a dense table is kept for: same answers, also for the sums that visit single cells."""
    rng = np.random.default_rng(5)
    frame = long(tuple(map(tuple, np.round(rng.uniform(1, 500, (80, 3))).tolist())))
    for weighting in ("linear", "quadratic", "ratio", "ordinal"):
        for name in ("fleiss_kappa", "conger_kappa"):
            observed, chance = _by_hand(frame, name, weighting)
            found = measure(name, frame, weights=weighting)
            assert found.value == pytest.approx((observed - chance) / (1 - chance), abs=1e-10)


def test_more_than_two_raters_are_not_cohens() -> None:
    found = measure("cohen_kappa", long(((1, 2, 1), (2, 2, 2))))
    assert found.value is None
    assert "NOT_ESTIMABLE" in _codes(found)


def test_unpaired_units_are_left_out_of_cohens() -> None:
    rows: tuple[tuple[float | None, ...], ...] = ((1, 1), (2, 2), (1, 2), (3, 3))
    found = measure("cohen_kappa", long((*rows, (5, None))))
    assert found.value == measure("cohen_kappa", long(rows)).value
    assert "INCOMPLETE_DESIGN" in _codes(found)


@pytest.mark.parametrize("name", ["fleiss_kappa", "conger_kappa", "gwet_ac", "cohen_kappa", "krippendorff_alpha"])
@pytest.mark.parametrize("weighting", ["identity", "linear"])
def test_intervals_agree_in_a_large_sample(name: str, weighting: str) -> None:
    rng = np.random.default_rng(6)
    scores = np.clip(np.round(3 + rng.normal(0, 1, (300, 1)) + rng.normal(0, 0.7, (300, 2))), 1, 5)
    frame = long(tuple(map(tuple, scores.tolist())))
    kinds = ("analytic", "transformed", "bootstrap")
    found = [measure(name, frame, weights=weighting, interval=kind, replicates=300, seed=1).interval for kind in kinds]
    again = measure(name, frame, weights=weighting, interval="bootstrap", replicates=300, seed=1).interval
    assert again == found[2]
    for one in found:
        assert one is not None
        assert found[0] is not None
        assert one.low == pytest.approx(found[0].low, abs=0.035)
        assert one.high == pytest.approx(found[0].high, abs=0.035)


def test_error_is_the_derivative_over_units() -> None:
    """Delete-one jackknife and linearised error agree, single ratings and unequal panels included."""
    rng = np.random.default_rng(7)
    sizes = rng.integers(1, 5, 150)
    unit = np.repeat(np.arange(150), sizes)
    rater = np.concatenate([rng.choice(6, size, replace=False) for size in sizes])
    score = np.clip(np.round(3 + rng.normal(0, 1, 150)[unit] + rng.normal(0, 0.8, unit.size)), 1, 5)
    frame = pl.DataFrame({"unit": unit, "rater": rater, "score": score})
    for name in FAMILY:
        found = measure(name, frame, weights="linear")
        without = [
            measure(name, frame.filter(pl.col("unit") != u), weights="linear", interval="none").value
            for u in range(150)
        ]
        values = np.array(without, dtype=float)
        jackknife = np.sqrt(149 / 150 * np.sum((values - values.mean()) ** 2))
        assert found.detail["se_ratio"] == pytest.approx(jackknife, rel=0.03)
        # Gwet's error takes the number of units with two ratings as fixed, and is larger
        assert found.detail["se"] > jackknife
        paired = measure(name, frame.filter(pl.len().over("unit") > 1), weights="linear")
        assert paired.detail["se"] == pytest.approx(paired.detail["se_ratio"], rel=1e-10)


@pytest.mark.parametrize("name", ["conger_kappa", "gwet_ac", "cohen_kappa"])
def test_few_units_are_left_out_in_turn(name: str) -> None:
    """The transformed interval of few units, by filtering each unit out of the data."""
    rng = np.random.default_rng(12)
    scores = np.clip(np.round(3 + rng.normal(0, 1, (30, 1)) + rng.normal(0, 0.8, (30, 2))), 1, 5)
    frame = long(tuple(map(tuple, scores.tolist())))
    scale = [1, 2, 3, 4, 5]
    found = measure(name, frame, weights="quadratic", categories=scale, interval="transformed")
    rests = np.arctanh(
        [
            measure(
                name, frame.filter(pl.col("unit") != u), weights="quadratic", categories=scale, interval="none"
            ).value
            for u in range(30)
        ]
    )
    half = stdtrit(29, 0.975) * np.sqrt(29 / 30 * np.sum((rests - rests.mean()) ** 2))
    assert found.interval is not None
    assert found.interval.method.startswith("jackknife")
    assert found.interval.low == pytest.approx(np.tanh(np.arctanh(found.value) - half), abs=1e-9)
    assert found.interval.high == pytest.approx(np.tanh(np.arctanh(found.value) + half), abs=1e-9)


def test_misuse_is_named() -> None:
    frame = STILL_ESTIMABLE["a rater with one score"]
    with pytest.raises(MeasureInputError, match="expected weights identity"):
        measure("gwet_ac", frame, weights="cubic")
    with pytest.raises(MeasureInputError, match="expected interval"):
        measure("gwet_ac", frame, interval="exact")
    with pytest.raises(MeasureInputError, match="different categories"):
        measure("gwet_ac", frame, categories=[1, 1, 2])
    with pytest.raises(MeasureInputError, match="at least 0"):
        measure("gwet_ac", ratings(("a", "x", -1), ("a", "y", 1)), weights="ratio")
    with pytest.raises(MeasureInputError, match="infinite"):
        measure("gwet_ac", ratings(("a", "x", float("inf")), ("a", "y", 1)))
    with pytest.raises(MeasureInputError, match="min_shared"):
        measure("pairwise_agreement", frame, min_shared=0)


def test_options_from_the_command_line() -> None:
    assert option_from_text("gwet_ac", "categories", "1, 2,3") == [1.0, 2.0, 3.0]
    assert option_from_text("gwet_ac", "categories", "no,maybe,yes") == ["no", "maybe", "yes"]
    assert option_from_text("rwg", "null", "0.9") == 0.9
    assert option_from_text("rwg", "null", "heavy_skew") == "heavy_skew"
