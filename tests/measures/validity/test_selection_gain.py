"""Taylor-Russell, Naylor-Shine, utility and the expectancy chart: published figures, by hand, invariances, thin data."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError

NO_DATA = pl.DataFrame()
SHARE = st.floats(0.02, 0.98)
NEEDED: dict[str, dict[str, Any]] = {
    "taylor_russell": {"base_rate": 0.5, "selection_ratio": 0.2},
    "naylor_shine": {"selection_ratio": 0.2},
    "utility": {"selection_ratio": 0.2, "sd_y": 100.0},
}


def _run(name: str, frame: pl.DataFrame = NO_DATA, **options: Any) -> Estimate:
    estimate = measure(name, frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _codes(estimate: Estimate) -> set[str]:
    return {caution.code for caution in estimate.cautions}


@pytest.mark.parametrize(
    ("validity", "ratio", "base", "success"), [(0.5, 0.5, 0.6, 0.7608728), (0.35, 0.2, 0.5, 0.696552)]
)
def test_taylor_russell_published(validity: float, ratio: float, base: float, success: float) -> None:
    estimate = _run("taylor_russell", validity=validity, selection_ratio=ratio, base_rate=base)
    assert estimate.value == pytest.approx(success, abs=5e-8 if validity == 0.5 else 5e-7)
    assert estimate.detail["gain"] == pytest.approx(success - base, abs=1e-6)


@pytest.mark.parametrize(("ratio", "mean_z"), [(0.6, 0.6439042), (0.2, 1.3998096)])
def test_naylor_shine_published(ratio: float, mean_z: float) -> None:
    estimate = _run("naylor_shine", validity=1.0, selection_ratio=ratio)
    assert estimate.value == pytest.approx(mean_z, abs=5e-8)
    half = _run("naylor_shine", validity=0.5, selection_ratio=ratio, criterion_mean=100, criterion_sd=15)
    assert half.detail["mean_z"] == pytest.approx(mean_z, abs=5e-8)
    assert half.value == pytest.approx(100 + 7.5 * mean_z, abs=1e-6)


def test_utility_by_hand() -> None:
    """Half hired: mean z = sqrt(2 / pi). 4 people, 3 years, .5 - .2, 1,000 a year, 8 applicants at 50."""
    estimate = _run(
        "utility", validity=0.5, validity_before=0.2, selection_ratio=0.5, sd_y=1000, hired=4, tenure=3,
        cost_per_applicant=50,
    )  # fmt: skip
    earned = 4 * 3 * 0.3 * 1000 * math.sqrt(2 / math.pi)
    assert estimate.value == pytest.approx(earned - 400)
    assert estimate.detail["cost"] == 400
    again = _run(
        "utility", validity=0.5, validity_before=0.2, selection_ratio=0.5, sd_y=estimate.detail["break_even_sd_y"],
        hired=4, tenure=3, cost_per_applicant=50,
    )  # fmt: skip
    assert again.value == pytest.approx(0, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(validity=st.floats(-0.97, 0.97), ratio=SHARE, base=SHARE)
def test_taylor_russell_is_the_bivariate_normal(validity: float, ratio: float, base: float) -> None:
    estimate = _run("taylor_russell", validity=validity, selection_ratio=ratio, base_rate=base)
    cuts = [float(norm.ppf(ratio)), float(norm.ppf(base))]
    both = multivariate_normal(cov=[[1, validity], [validity, 1]]).cdf(cuts)
    assert estimate.value == pytest.approx(min(1.0, both / ratio), abs=1e-6)
    swapped = _run("taylor_russell", validity=validity, selection_ratio=base, base_rate=ratio)
    assert swapped.value * base == pytest.approx(estimate.value * ratio, abs=1e-9)
    turned = _run("taylor_russell", validity=-validity, selection_ratio=ratio, base_rate=1 - base)
    assert turned.value == pytest.approx(1 - estimate.value, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(validity=st.floats(-0.9, 0.9), ratio=SHARE)
def test_limits_are_carried_through(validity: float, ratio: float) -> None:
    for name, needed in NEEDED.items():
        options = needed | {"selection_ratio": ratio}
        estimate = _run(name, validity=validity, n=50, **options)
        assert estimate.interval is not None
        half = 1.959963984540054 / math.sqrt(47)
        ends = [math.tanh(math.atanh(validity) + sign * half) for sign in (-1, 1)]
        assert estimate.interval.low == pytest.approx(_run(name, validity=ends[0], **options).value)
        assert estimate.interval.high == pytest.approx(_run(name, validity=ends[1], **options).value)
        named = _run(name, validity=validity, validity_interval=ends, **options)
        assert named.interval is not None
        assert named.interval.low == pytest.approx(estimate.interval.low)


def test_validity_at_the_edges() -> None:
    assert _run("taylor_russell", validity=1, selection_ratio=0.3, base_rate=0.4).value == pytest.approx(1)
    assert _run("taylor_russell", validity=1, selection_ratio=0.5, base_rate=0.4).value == pytest.approx(0.8)
    assert _run("taylor_russell", validity=0, selection_ratio=0.5, base_rate=0.4).value == pytest.approx(0.4)
    assert _run("taylor_russell", validity=-1, selection_ratio=0.5, base_rate=0.7).value == pytest.approx(0.4)
    assert _run("utility", validity=0, selection_ratio=0.5, sd_y=1).detail["break_even_sd_y"] is None


def test_validity_of_the_data() -> None:
    rng = np.random.default_rng(1)
    people = pl.DataFrame({"x": rng.normal(size=50)}).with_columns(y=pl.col("x") + rng.normal(size=50))
    plain = measure("pearson", people)
    assert plain.interval is not None
    for name, needed in NEEDED.items():
        assert _run(name, people, **needed).detail["validity"] == plain.value
        same = _run(name, validity=plain.value, n=50, **needed)
        assert _run(name, people, **needed).interval == same.interval
        assert "SMALL_SAMPLE" in _codes(_run(name, people.head(2), **needed))
        assert "CONSTANT_INPUT" in _codes(_run(name, people.with_columns(y=pl.lit(1)), **needed))
        assert "NO_INTERVAL" in _codes(_run(name, validity=0.3, **needed))
        assert "NO_INTERVAL" in _codes(_run(name, people, interval="none", **needed))


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"validity": 1.2}, "correlation from -1 to 1"),
        ({"validity": 0.3, "selection_ratio": 1.0}, "between 0 and 1"),
        ({"validity": 0.3, "selection_ratio": None}, "between 0 and 1"),
        ({"validity": 0.3, "n": 1}, "at least 2"),
        ({"n": 50}, "go with a given validity"),
        ({"validity": 0.3, "n": 50, "validity_interval": [0.2, 0.4]}, "not both"),
        ({"validity": 0.3, "validity_interval": [0.35, 0.4]}, "around the validity"),
        ({}, "no column 'x'"),
    ],
)
def test_misuse(name: str, options: dict[str, Any], match: str) -> None:
    with pytest.raises(MeasureInputError, match=match):
        _run(name, **(NEEDED[name] | options))


def test_misuse_of_utility() -> None:
    for options in ({"sd_y": 0}, {"sd_y": None}, {"hired": 0}, {"tenure": -1}, {"cost_per_applicant": -1}):
        with pytest.raises(MeasureInputError, match=next(iter(options))):
            _run("utility", validity=0.3, **(NEEDED["utility"] | options))


def test_fifths_by_hand() -> None:
    people = pl.DataFrame({"x": range(10), "y": [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]})
    means = _run("expectancy_table", people)
    assert [row["value"] for row in means.detail["rows"]] == [1.5, 2.5, 3.5, 4.5, 5.5]
    assert (means.value, means.detail["gap"], means.detail["overall"]) == (5.5, 4.0, 3.5)
    rates = _run("expectancy_table", people, success=4, bins=2)
    assert [(row["n"], row["value"]) for row in rates.detail["rows"]] == [(5, 0.0), (5, 1.0)]
    assert rates.interval is not None
    # Wilson for 5 of 5: 5 / (5 + z²)
    assert rates.interval.low == pytest.approx(5 / (5 + 1.959963984540054**2))
    assert rates.interval.high == 1


def test_equal_scores_stay_together() -> None:
    people = pl.DataFrame({"x": [1] * 6 + [2] * 6 + [3] * 8, "y": [0, 1] * 10})
    estimate = _run("expectancy_table", people)
    assert [row["n"] for row in estimate.detail["rows"]] == [6, 6, 8]
    assert {"TIES", "SMALL_GROUP"} <= _codes(estimate)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 50), shift=st.floats(-100, 100), bins=st.integers(2, 8))
def test_parts_do_not_depend_on_units_or_row_order(seed: int, scale: float, shift: float, bins: int) -> None:
    rng = np.random.default_rng(seed)
    people = pl.DataFrame({"x": rng.integers(1, 30, 60), "y": rng.normal(size=60)})
    one = _run("expectancy_table", people, bins=bins)
    moved = people.sample(fraction=1, shuffle=True, seed=1).with_columns(pl.col("x") * scale + shift)
    other = _run("expectancy_table", moved, bins=bins)
    values = [row["value"] for row in one.detail["rows"]]
    assert [row["value"] for row in other.detail["rows"]] == pytest.approx(values)
    assert sum(row["n"] * row["value"] for row in one.detail["rows"]) / 60 == pytest.approx(one.detail["overall"])


def test_thin_tables() -> None:
    empty = pl.DataFrame(schema={"x": pl.Float64, "y": pl.Float64})
    assert _run("expectancy_table", empty).value is None
    assert "CONSTANT_INPUT" in _codes(_run("expectancy_table", pl.DataFrame({"x": [1, 1], "y": [0, 1]})))
    two = _run("expectancy_table", pl.DataFrame({"x": [1, 2], "y": [3, 5]}))
    assert two.value == 5
    assert "NO_INTERVAL" in _codes(two)
    with pytest.raises(MeasureInputError, match="from 2 to 20"):
        _run("expectancy_table", empty, bins=1)
