"""Same-source validity: two plain correlations, the jackknife by hand, invariances, thin data."""

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
from fairpanel.measures.estimate import Estimate

NUMBER = st.integers(0, 10_000)


def _run(frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure("same_source_validity", frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _codes(estimate: Estimate) -> set[str]:
    return {caution.code for caution in estimate.cautions}


def _pairs(seed: int, people: int = 30) -> pl.DataFrame:
    """Two interviewers a person, the first of whom rates performance of all but the last five people."""
    rng = np.random.default_rng(seed)
    merit, halo, noise = rng.normal(size=(3, people))
    number = np.arange(people)
    rater = np.where(number < people - 5, number % 6, 99)
    return pl.DataFrame({
        "unit": np.tile(number, 2), "interviewer": np.concatenate((number % 6, number % 6 + 10)),
        "criterion_rater": np.tile(rater, 2), "y": np.tile(merit + halo + noise, 2),
        "x": np.concatenate((merit + halo, merit + rng.normal(size=people))) + rng.normal(size=2 * people),
    })  # fmt: skip


def test_sides_are_plain_correlations() -> None:
    frame = _pairs(1)
    found = _run(frame, unit="unit")
    same = frame.filter(pl.col("interviewer") == pl.col("criterion_rater"))
    other = frame.filter(pl.col("interviewer") != pl.col("criterion_rater"))
    both = other.filter(pl.col("unit") < 25)
    r = [np.corrcoef(each["x"], each["y"])[0, 1] for each in (same, other, both)]
    assert found.value == pytest.approx(r[0] - r[1], rel=1e-12)
    assert found.detail["same"]["r"] == pytest.approx(r[0], rel=1e-12)
    assert found.detail["different"]["r"] == pytest.approx(r[1], rel=1e-12)
    assert found.detail["paired"]["r_different"] == pytest.approx(r[2], rel=1e-12)
    assert found.n == {
        "rows_same": 25, "rows_different": 35, "people_same": 25, "people_different": 30, "people_both": 25
    }  # fmt: skip


def test_error_is_the_jackknife_of_fisher_z_by_person() -> None:
    frame = _pairs(2).filter(pl.col("interviewer") < 10, pl.col("unit") < 25)
    twice = pl.concat([frame, frame.with_columns(x=pl.col("x") + 0.3)])
    others = frame.with_columns(criterion_rater=pl.lit(77, pl.Int64), unit=pl.col("unit") + 100)
    found = _run(pl.concat([twice, others.with_columns(y=pl.col("y").reverse())]), unit="unit").detail["same"]
    x, y, unit = (twice[name].to_numpy() for name in ("x", "y", "unit"))
    z = [math.atanh(np.corrcoef(x[unit != u], y[unit != u])[0, 1]) for u in range(25)]
    error = math.sqrt(24 / 25 * np.sum((z - np.mean(z)) ** 2))
    quantile = 2.0638985616280205  # Student's t, 24 degrees of freedom
    assert found["high"] == pytest.approx(math.tanh(math.atanh(found["r"]) + quantile * error), rel=1e-9)


def test_large_samples_near_fisher_and_the_bootstrap() -> None:
    rng = np.random.default_rng(3)
    x, e = rng.normal(size=(2, 4000))
    frame = pl.DataFrame({
        "x": x, "y": x + e, "interviewer": np.arange(4000), "criterion_rater": np.arange(4000) * (np.arange(4000) % 2),
    })  # fmt: skip
    found, drawn = _run(frame), _run(frame, interval="bootstrap")
    assert found.detail["same"]["high"] - found.detail["same"]["low"] == pytest.approx(
        2 * 1.96 / math.sqrt(1997) * (1 - found.detail["same"]["r"] ** 2), rel=0.06
    )
    assert found.interval is not None
    assert drawn.interval is not None
    assert found.interval.low == pytest.approx(drawn.interval.low, abs=0.01)
    assert found.interval.high == pytest.approx(drawn.interval.high, abs=0.01)
    assert drawn.interval.low < 0 < drawn.interval.high


@pytest.mark.parametrize("unit", [None, "unit"])
@given(seed=NUMBER)
@settings(max_examples=10, deadline=None)
def test_order_of_rows_does_not_matter(unit: str | None, seed: int) -> None:
    frame = _pairs(seed)
    for interval in ("analytic", "bootstrap"):
        one, other = (
            _run(each, unit=unit, interval=interval, replicates=60)
            for each in (frame, frame.sample(fraction=1, shuffle=True, seed=1))
        )
        assert one.value == pytest.approx(other.value, rel=1e-9)
        assert one.interval is not None
        assert other.interval is not None
        assert one.interval.low == pytest.approx(other.interval.low, rel=1e-9)


@given(seed=NUMBER, scale=st.floats(0.01, 100), shift=st.floats(-1000, 1000))
@settings(max_examples=15, deadline=None)
def test_units_of_the_scores_do_not_matter_and_a_turned_score_turns_the_gap(
    seed: int, scale: float, shift: float
) -> None:
    frame = _pairs(seed)
    one = _run(frame, unit="unit")
    moved = _run(frame.with_columns(x=pl.col("x") * scale + shift, y=pl.col("y") * scale), unit="unit")
    turned = _run(frame.with_columns(x=-pl.col("x")), unit="unit")
    assert one.value == pytest.approx(moved.value, abs=1e-8)
    assert one.value == pytest.approx(-turned.value, abs=1e-12)  # type: ignore[operator]
    assert one.interval is not None
    assert turned.interval is not None
    assert one.interval.low == pytest.approx(-turned.interval.high, abs=1e-9)
    assert one.interval.low <= one.value <= one.interval.high  # type: ignore[operator]


def test_thin_data() -> None:
    frame = _pairs(4)
    nobody = _run(frame.with_columns(criterion_rater=pl.lit("someone")), unit="unit")
    assert nobody.value is None
    assert any("0 people have same-source and 30 different-source" in caution.text for caution in nobody.cautions)
    assert nobody.detail["different"]["r"] is not None
    assert _run(frame.head(0)).value is None
    flat = _run(frame.with_columns(y=pl.when(pl.col("interviewer") < 10).then(1.0).otherwise(pl.col("y"))), unit="unit")
    assert "CONSTANT_INPUT" in _codes(flat)
    assert "DEPENDENT_SCORES" in _codes(_run(frame))
    assert "DEPENDENT_SCORES" not in _codes(_run(frame, unit="unit"))
    assert "SMALL_GROUP" in _codes(_run(frame, unit="unit"))
    assert "NO_INTERVAL" in _codes(_run(frame, interval="none"))
    line = _run(frame.with_columns(y=pl.when(pl.col("interviewer") < 10).then(pl.col("x")).otherwise(pl.col("y"))))
    assert "BOUNDARY" in _codes(line)
    few = _run(frame.filter((pl.col("interviewer") >= 10) | (pl.col("unit") < 3)), unit="unit")
    assert few.value is None
    assert few.detail["same"] == {"r": None, "low": None, "high": None, "rows": 3, "people": 3}


def test_one_row_that_carries_all_the_variation_is_refused() -> None:
    frame = _pairs(5).with_columns(x=pl.when(pl.col("unit") == 0).then(1.0).otherwise(0.0))
    assert _run(frame, unit="unit").value is None
