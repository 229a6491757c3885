"""Matched sides of performance, what decides beside what predicts, other panels, preparation: known truths and thin data."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.validity.criterion import fisher_interval


def _run(name: str, frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure(name, frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _codes(estimate: Estimate) -> set[str]:
    return {caution.code for caution in estimate.cautions}


def _sides(n: int, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    return pl.DataFrame({"a": a, "b": b, "p": a + rng.normal(size=n), "q": b + rng.normal(size=n)})


def test_cells_are_pearsons_on_those_who_have_both() -> None:
    frame = _sides(60).with_columns(
        pl.when(pl.int_range(pl.len()) < 12).then(None).otherwise("p").alias("p"),
        pl.when(pl.int_range(pl.len()) > 50).then(None).otherwise("b").alias("b"),
    )
    found = _run("convergent_discriminant", frame, predictors=["a", "b"], criteria=["p", "q"], replicates=100)
    for row in found.detail["matrix"]:
        alone = _run("pearson", frame, x=row["predictor"], y=row["criterion"])
        assert row["r"] == pytest.approx(alone.value)
        assert row["n"] == alone.n["people"]
        assert alone.interval is not None
        assert (row["low"], row["high"]) == pytest.approx((alone.interval.low, alone.interval.high))
    z = {(row["predictor"], row["criterion"]): math.atanh(row["r"]) for row in found.detail["matrix"]}
    matched, other = (z["a", "p"] + z["b", "q"]) / 2, (z["a", "q"] + z["b", "p"]) / 2
    assert found.value == pytest.approx(math.tanh(matched) - math.tanh(other))
    assert found.detail["largest"] == 2


def test_pairs_can_be_named_in_any_order() -> None:
    frame = _sides(50)
    plain = _run("convergent_discriminant", frame, predictors=["a", "b"], criteria=["p", "q"], interval="none")
    named = _run("convergent_discriminant", frame, predictors=["b", "a"], criteria=["p", "q"], interval="none",
                 matched=["a=p", "b = q"])  # fmt: skip
    assert named.value == pytest.approx(plain.value)
    assert "NO_INTERVAL" in _codes(named)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"predictors": ["a", "b"], "criteria": ["p"]}, "do not pair up"),
        ({"predictors": ["a", "b"], "criteria": ["a", "q"]}, "one thing"),
        ({"predictors": ["a", "b"], "criteria": ["p", "q"], "matched": ["a=z"]}, "pairs"),
        ({"predictors": ["a"], "criteria": ["p"]}, "other pairs"),
        ({"predictors": ["a", "b"], "criteria": ["p", "pp"]}, "did you mean"),
    ],
)
def test_pairs_that_cannot_be_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(MeasureInputError, match=says):
        measure("convergent_discriminant", _sides(20), **options)


def test_cells_without_people_or_variation_are_left_out() -> None:
    frame = _sides(30).with_columns(q=pl.lit(3.0))
    found = _run("convergent_discriminant", frame, predictors=["a", "b"], criteria=["p", "q"], replicates=60)
    assert [row["r"] is None for row in found.detail["matrix"]] == [False, True, False, True]
    assert found.value is not None
    nothing = _run("convergent_discriminant", frame[:3], predictors=["a", "b"], criteria=["p", "q"])
    assert nothing.value is None
    assert {"MISSING_DATA", "SMALL_SAMPLE"} <= _codes(nothing)


def _applicants(n: int, seed: int = 1, cut: float = 0.8) -> pl.DataFrame:
    """Hired by a + 3 b; performance goes with 3 a + b."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    merit = a + 3 * b
    taken = merit >= np.quantile(merit, cut)
    y = 3 * a + b + rng.normal(size=n)
    return pl.DataFrame({"a": 10 * a + 4, "b": b, "selected": taken, "y": np.where(taken, y, np.nan)})


def test_a_sharp_cut_shows_its_weights_and_performance_its_own() -> None:
    found = _run("decision_weights", _applicants(20_000), predictors=["a", "b"], replicates=60)
    rows = {row["predictor"]: row for row in found.detail["weights"]}
    assert rows["b"]["implied"] == pytest.approx(0.75, abs=0.02)
    assert rows["a"]["optimal"] == pytest.approx(0.75, abs=0.02)
    assert found.value == pytest.approx(0.6, abs=0.02)  # (1·3 + 3·1) / 10
    policies = {row["policy"]: row for row in found.detail["policies"]}
    assert policies["optimal weights"]["expected"] > policies["as decided"]["expected"]
    assert policies["implied weights"]["kept"] > 0.97
    rates = [row["expected"] for row in found.detail["cuts"]]
    assert rates == sorted(rates, reverse=True)
    assert sum(row["own"] for row in found.detail["cuts"]) == 1
    assert found.interval is not None
    assert found.interval.low < 0.6 < found.interval.high


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(0.01, 100), shift=st.floats(-50, 50), seed=st.integers(0, 1000))
def test_units_and_row_order_play_no_part_in_weights(scale: float, shift: float, seed: int) -> None:
    frame = _applicants(300)
    moved = frame.with_columns(a=pl.col("a") * scale + shift).sample(fraction=1, shuffle=True, seed=seed)
    plain = _run("decision_weights", frame, predictors=["a", "b"], interval="none")
    other = _run("decision_weights", moved, predictors=["a", "b"], interval="none")
    assert other.value == pytest.approx(plain.value, abs=1e-8)
    for one, two in zip(plain.detail["policies"], other.detail["policies"], strict=True):
        assert one["expected"] == pytest.approx(two["expected"], abs=1e-8)
        assert one["kept"] == pytest.approx(two["kept"], abs=1e-8)


def test_weights_that_cannot_be_told_say_why() -> None:
    frame = _applicants(200)
    everyone = _run("decision_weights", frame.with_columns(selected=True), predictors=["a", "b"])
    assert everyone.value is None
    assert "Everybody" in everyone.cautions[-1].text
    few = frame.with_columns(y=pl.when(pl.col("y").rank() < 5).then("y"))
    assert _run("decision_weights", few, predictors=["a", "b"]).value is None
    twice = frame.with_columns(c=pl.col("a") * 2 + 1)
    assert "NOT_ESTIMABLE" in _codes(_run("decision_weights", twice, predictors=["a", "c"]))
    with pytest.raises(MeasureInputError, match="two or more"):
        measure("decision_weights", frame, predictors=["a"])


def _panel(n: int, raters: int, each: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ratings of one panel a candidate, and of a second one."""
    rng = np.random.default_rng(seed)
    merit, harsh = rng.normal(size=n), 0.5 * rng.normal(size=raters)
    unit = np.repeat(np.arange(n), each)

    def drawn() -> pl.DataFrame:
        rater = np.argsort(rng.random((n, raters)), axis=1)[:, :each].ravel()
        score = merit[unit] + harsh[rater] + 0.9 * rng.normal(size=unit.size)
        return pl.DataFrame({"unit": unit, "rater": rater, "score": score})

    return drawn(), drawn()


def test_a_second_panel_decides_as_often_alike_as_is_said() -> None:
    said, seen = [], []
    for seed in range(12):
        first, second = _panel(500, 60, 2, seed)
        found = _run("decision_consistency", first, cut=0.5)
        means = [panel.group_by("unit", maintain_order=True).agg(pl.col("score").mean())["score"] >= 0.5
                 for panel in (first, second)]  # fmt: skip
        said.append(found.value)
        seen.append(float((means[0] == means[1]).mean() or 0.0))
        assert found.interval is not None
        assert found.interval.low <= (found.value or 0.0) <= found.interval.high
        panels = [row["consistency"] for row in found.detail["panels"]]
        assert panels == sorted(panels)
        near = found.detail["near_cut"]
        assert near["flip"] > found.detail["flips"]
    assert np.mean(said) == pytest.approx(np.mean(seen), abs=0.015)


def test_the_cut_follows_from_who_was_selected() -> None:
    first, _ = _panel(200, 30, 3, 1)
    means = first.group_by("unit").agg(pl.col("score").mean().alias("mean"))
    taken = means.with_columns(selected=pl.col("mean").rank("ordinal", descending=True) <= 50)
    frame = first.join(taken, on="unit")
    found = _run("decision_consistency", frame, selected="selected")
    assert found.detail["share_above"] == pytest.approx(0.25)
    assert found.detail["cut"] == pytest.approx(taken.filter("selected")["mean"].min())
    torn = frame.with_columns(selected=pl.col("rater") % 2 == 0)
    with pytest.raises(MeasureInputError, match="same in all rows"):
        measure("decision_consistency", torn, selected="selected")
    with pytest.raises(MeasureInputError, match="either selected"):
        measure("decision_consistency", frame)


def test_decisions_that_cannot_be_repeated_have_no_consistency() -> None:
    first, _ = _panel(60, 20, 2, 3)
    assert _run("decision_consistency", first, cut=99.0).value is None
    single = first.unique("unit", keep="first", maintain_order=True)
    found = _run("decision_consistency", single, cut=0.5)
    assert found.value is None
    assert found.cautions


def _prepared(predicts: float, n: int = 4000, seed: int = 2) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    practice, research, merit = rng.integers(0, 2, n), rng.integers(0, 2, n), rng.normal(size=n)
    x = merit + practice
    y = merit + predicts * practice + rng.normal(size=n)
    return pl.DataFrame({"practice": practice, "research": research, "x": x, "y": np.where(x > 1, y, np.nan)})


@pytest.mark.parametrize(("predicts", "reading"), [(1.0, "predicts"), (0.0, "does_not_predict")])
def test_whether_the_prepared_part_predicts_is_told(predicts: float, reading: str) -> None:
    frame = _prepared(predicts)
    found = _run("preparation_effect", frame, prepared=["practice", "research"], replicates=200)
    assert found.value == pytest.approx(0.2, abs=0.03)  # .25 of 1.25
    items = {row["item"]: row for row in found.detail["items"]}
    assert items["practice"]["effect"] == pytest.approx(1 / math.sqrt(1.25), abs=0.06)
    assert items["research"]["low"] < 0 < items["research"]["high"]
    assert found.detail["reading"] == reading
    assert found.n == {"candidates": 4000, "with_criterion": frame["y"].drop_nans().len()}


def test_preparation_that_moves_nothing_or_nobody_with_a_criterion_cannot_tell() -> None:
    idle = _run("preparation_effect", _prepared(0.0), prepared="research", replicates=100)
    assert idle.detail["reading"] == "cannot_tell"
    assert idle.detail["p"] > 0.05
    without = _prepared(0.0).with_columns(y=pl.lit(None, dtype=pl.Float64))
    found = _run("preparation_effect", without, prepared="practice")
    assert found.detail["reading"] == "cannot_tell"
    assert "SMALL_SAMPLE" in _codes(found)
    same = _run("preparation_effect", _prepared(0.0).with_columns(practice=pl.lit(1)), prepared="practice")
    assert same.value is None
    with pytest.raises(MeasureInputError, match="0 and 1"):
        measure("preparation_effect", _prepared(0.0).with_columns(practice=pl.lit(2)), prepared="practice")


def test_fisher_limits_of_a_cell_are_the_ones_everybody_uses() -> None:
    ends = fisher_interval(0.5, 1 / math.sqrt(97), 0.95, "")
    assert (ends.low, ends.high) == pytest.approx((0.3366433, 0.6341398), abs=1e-6)
