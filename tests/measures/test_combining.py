"""Whatever way people are cut into parts, the parts together give what the whole population gives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings, strategies

from fairpanel.measures.catalogue import measure
from fairpanel.measures.combining import (
    added,
    alpha,
    coincidences,
    moments,
    selection_counts,
    standardized_gap,
    together,
)
from fairpanel.measures.estimate import MeasureInputError

CLOSE = 1e-12
PEOPLE = strategies.lists(
    strategies.tuples(
        strategies.sampled_from(["f", "m", "x", None]),
        strategies.sampled_from(["q1", "q2", "q3"]),
        strategies.sampled_from([0, 1, None]),
        strategies.integers(0, 4),
    ),
    min_size=12,
    max_size=120,
)
SCORES = strategies.lists(
    strategies.tuples(
        strategies.floats(-1e3, 1e3),
        strategies.floats(-1e3, 1e3),
        strategies.sampled_from("fm"),
        strategies.integers(0, 4),
    ),
    min_size=8,
    max_size=80,
)


def _cut(frame: pl.DataFrame) -> list[pl.DataFrame]:
    return [frame.filter(pl.col("part") == part).drop("part") for part in range(5)]


@pytest.mark.parametrize(
    ("name", "by", "options"),
    [
        ("impact_ratio", ["group"], {"minimum_share": 0.0}),
        ("fisher_exact", ["group"], {"focal": "f", "reference": "m"}),
        ("two_proportion_z", ["group"], {"focal": "f", "reference": "m"}),
        ("chi_square", ["group"], {}),
        ("mantel_haenszel", ["stratum", "group"], {"focal": "f", "reference": "m"}),
        ("breslow_day", ["stratum", "group"], {"focal": "f", "reference": "m"}),
    ],
)
@settings(deadline=None, max_examples=25)
@given(rows=PEOPLE)
def test_counts_give_the_same_estimate_to_the_last_digit(
    name: str, by: list[str], options: dict[str, Any], rows: list[tuple[Any, ...]]
) -> None:
    rows = [*rows, ("f", "q1", 1, 0), ("m", "q1", 0, 1), ("f", "q1", 0, 2), ("m", "q1", 1, 3)]
    schema = {"group": pl.String, "stratum": pl.String, "selected": pl.Int64, "part": pl.Int64}
    people = pl.DataFrame(rows, schema=schema, orient="row")
    whole = measure(name, people.drop("part"), **options)
    counts = added(selection_counts(part, by=by) for part in _cut(people))
    assert counts["people"].sum() == people.height
    assert measure(name, counts, count="people", **options) == whole


@settings(deadline=None, max_examples=50)
@given(rows=SCORES)
def test_moments_give_the_same_correlation_and_gap(rows: list[tuple[float, float, str, int]]) -> None:
    people = pl.DataFrame(rows, schema=["x", "y", "group", "part"], orient="row")
    parts = [moments(part.select("x", "y").to_numpy()) for part in _cut(people)]
    whole = people.select("x", "y").to_numpy()
    found = together(parts)
    assert found.n == people.height
    scale = max(1.0, float(np.abs(whole).max()))
    np.testing.assert_allclose(found.mean, whole.mean(axis=0), rtol=CLOSE, atol=CLOSE * scale)
    covariance = found.covariance()
    assert covariance is not None
    np.testing.assert_allclose(covariance, np.cov(whole.T), rtol=CLOSE, atol=CLOSE * scale**2)
    spreads = whole.std(axis=0)
    if spreads.min() > 1e-3 * scale:
        assert math.isclose(found.correlation() or 0.0, measure("pearson", people).value or 0.0, abs_tol=CLOSE)
    groups = {
        name: together(moments(part.filter(pl.col("group") == name)["x"].to_numpy()) for part in _cut(people))
        for name in "fm"
    }
    gap = standardized_gap(groups["f"], groups["m"])
    inside = [people.filter(pl.col("group") == name)["x"] for name in "fm"]
    if min(map(len, inside)) > 1 and max(float(part.std() or 0) for part in inside) > 1e-3 * scale:
        expected = measure("standardized_difference", people, y="x", focal="f", reference="m").value
        assert gap is not None
        assert expected is not None
        assert math.isclose(gap, expected, rel_tol=1e-11, abs_tol=CLOSE)


@pytest.mark.parametrize("level", ["nominal", "interval"])
@settings(deadline=None, max_examples=25)
@given(
    rows=strategies.lists(
        strategies.tuples(strategies.integers(0, 9), strategies.integers(0, 5), strategies.integers(1, 4)), min_size=10
    )
)
def test_coincidences_of_whole_units_give_the_same_alpha(level: Any, rows: list[tuple[int, int, int]]) -> None:
    ratings = pl.DataFrame(rows, schema=["unit", "rater", "score"], orient="row").with_columns(
        (pl.col("unit") % 5).alias("part")
    )
    scale = [1, 2, 3, 4]
    table = sum(coincidences(part, scale) for part in _cut(ratings))
    expected = measure("krippendorff_alpha", ratings.drop("part"), rater=None, level=level, interval="none").value
    found = alpha(np.asarray(table), scale, level)
    if expected is None or found is None:
        assert expected is None
        assert found is None
    else:
        assert math.isclose(found, expected, rel_tol=CLOSE, abs_tol=CLOSE)


def test_a_hand_worked_population_in_two_parts() -> None:
    whole = together([moments(np.array([1.0, 2.0])), moments(np.array([6.0])), moments(np.array([]))])
    assert (whole.n, whole.mean.tolist(), whole.products.tolist()) == (3, [3.0], [[14.0]])


def test_large_means_do_not_cancel() -> None:
    values = 1e9 + np.arange(10.0)
    found = together([moments(values[:3]), moments(values[3:])]).covariance()
    assert found is not None
    assert math.isclose(found[0, 0], np.arange(10.0).var(ddof=1), rel_tol=CLOSE)


def test_nothing_to_divide_by_is_none() -> None:
    one, same = moments(np.array([2.0])), moments(np.array([[1.0, 2.0], [1.0, 3.0]]))
    assert one.covariance() is None
    assert same.correlation() is None
    assert standardized_gap(one, one) is None
    assert standardized_gap(moments(np.ones(3)), moments(np.ones(3))) is None
    assert alpha(coincidences(pl.DataFrame({"unit": [1, 1], "score": [2, 2]}), [1, 2]), [1, 2]) is None


def test_misuse_is_a_sentence() -> None:
    with pytest.raises(MeasureInputError, match="found no selected"):
        selection_counts(pl.DataFrame({"group": ["f"]}), by=["group"])
    with pytest.raises(MeasureInputError, match="at least one part"):
        added([])
    with pytest.raises(MeasureInputError, match="at least one part"):
        together([])
    with pytest.raises(MeasureInputError, match="same columns"):
        added([pl.DataFrame({"a": [1], "people": [1]}), pl.DataFrame({"b": [1], "people": [1]})])
    with pytest.raises(MeasureInputError, match="finite scores"):
        moments(np.array([1.0, np.nan]))
    with pytest.raises(MeasureInputError, match="scores among"):
        coincidences(pl.DataFrame({"unit": [1], "score": [9]}), [1, 2])
