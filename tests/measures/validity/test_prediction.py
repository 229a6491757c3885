"""Rank correlation, increments, groups and shares of R²: independent programs, published figures, invariances, thin data."""

from __future__ import annotations

import itertools
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
from fairpanel.measures.validity.importance import dominance_of_correlations, weights_of_correlations
from fairpanel.measures.validity.multiple_correlation import r_squared, r_squared_limits
from fairpanel.measures.validity.rank_order import lower_in_both
from tests.oracles.cases import agree, checks, data

JOHNSON = np.array(
    [
        [1, 0.2, 0.3, 0.4, -0.4],
        [0.2, 1, 0.5, 0.1, 0.1],
        [0.3, 0.5, 1, 0.2, -0.3],
        [0.4, 0.1, 0.2, 1, 0.4],
        [-0.4, 0.1, -0.3, 0.4, 1],
    ]
)
NUMBER = st.integers(0, 10_000)


def _run(name: str, frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure(name, frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _codes(estimate: Estimate) -> set[str]:
    return {caution.code for caution in estimate.cautions}


def _people(seed: int, n: int = 60) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, n))
    frame = {"a": a, "b": a + b, "c": c, "y": a - b + c + 2 * rng.normal(size=n), "group": rng.choice(["f", "m"], n)}
    return pl.DataFrame(frame)


def _exact(correlations: np.ndarray, n: int = 40) -> pl.DataFrame:
    """People whose columns have exactly these correlations."""
    scores = np.random.default_rng(1).normal(size=(n, len(correlations)))
    white = np.linalg.qr(scores - scores.mean(axis=0))[0]
    return pl.DataFrame(white @ np.linalg.cholesky(correlations).T, schema=[f"c{i}" for i in range(len(correlations))])


def _subset(frame: pl.DataFrame, rule: str) -> pl.DataFrame:
    return frame if rule == "all" else frame.filter(pl.col(rule.split("=")[0]) == rule.split("=")[1])


@pytest.mark.parametrize(("case", "check"), checks("kendall_tau_b"))
def test_tau_b_oracle(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    estimate = _run("kendall_tau_b", _subset(data(case), params["subset"]), x=params["x"], y=params["y"])
    for key in check["expected"]:
        agree(check, key, (estimate.detail | {"value": estimate.value})[key])


@pytest.mark.parametrize(("case", "check"), checks("incremental_validity"))
def test_increment_oracle(case: str, check: dict[str, Any]) -> None:
    estimate = _run("incremental_validity", data(case), **check["params"])
    found = {
        "n": estimate.n["people"], "R2_base": estimate.detail["r2_base"], "R2_full": estimate.detail["r2_full"],
        "delta_R2": estimate.value, "F": estimate.detail["f"], "adj_R2_full": estimate.detail["adjusted_r2_full"],
    } | {key: estimate.detail[key] for key in ("df1", "df2", "p")}  # fmt: skip
    for key in check["expected"]:
        agree(check, key, found[key])


@pytest.mark.parametrize(("case", "check"), checks("differential_validity"))
def test_groups_oracle(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    roles = {key: params[key] for key in ("x", "y", "group")}
    default = _run("differential_validity", data(case), **roles)
    named = _run("differential_validity", data(case), focal=params["level1"], reference=params["level2"], **roles)
    assert default == named
    found = {
        "r1": named.detail["r_focal"], "r2": named.detail["r_reference"], "n1": named.n["focal"],
        "n2": named.n["reference"], "z": named.detail["z"], "p": named.detail["p"], "q": named.value,
    }  # fmt: skip
    for key in check["expected"]:
        agree(check, key, found[key])


@pytest.mark.parametrize(("case", "check"), checks("relative_weights"))
def test_weights_oracle(case: str, check: dict[str, Any]) -> None:
    expected = check["expected"]
    estimate = _run(
        "relative_weights", data(case), predictors=expected["predictors"], y=check["params"]["y"], interval="analytic"
    )
    percent = [100 * share for share in estimate.detail["rescaled"]]
    found = estimate.detail | {"R2": estimate.value, "rescaled_percent": percent}
    for key in expected:
        agree(check, key, found[key])


def test_johnson_published() -> None:
    """The worked matrix of the relative-weights literature, its last row the criterion."""
    estimate = _run(
        "relative_weights", _exact(JOHNSON), predictors=["c0", "c1", "c2", "c3"], y="c4", interval="analytic"
    )
    assert estimate.detail["raw"] == pytest.approx([0.24066119, 0.05492664, 0.12143476, 0.28158189], abs=1e-8)
    assert estimate.value == pytest.approx(0.69860449, abs=1e-8)


def test_dominance_is_the_mean_over_all_orders_of_entry() -> None:
    orders = list(itertools.permutations(range(4)))
    means = np.zeros(4)
    for order in orders:
        for at, entered in enumerate(order):
            means[entered] += r_squared(JOHNSON, order[: at + 1], 4) - r_squared(JOHNSON, order[:at], 4)
    assert dominance_of_correlations(JOHNSON) == pytest.approx(means / len(orders), abs=1e-12)


def test_tau_by_hand() -> None:
    """8 pairs agree, 2 not: tau .6; with one tie in x, 4 of 6 agree and 1 not (one tied): 3 / sqrt(5 * 6)."""
    assert _run("kendall_tau_b", pl.DataFrame({"x": [1, 2, 3, 4, 5], "y": [2, 1, 4, 3, 5]})).value == pytest.approx(0.6)
    tied = _run("kendall_tau_b", pl.DataFrame({"x": [1, 1, 2, 3], "y": [1, 2, 4, 3]}))
    assert tied.value == pytest.approx(3 / math.sqrt(30))
    assert tied.detail["tied_share_x"] == pytest.approx(1 / 6)


@settings(max_examples=40, deadline=None)
@given(seed=NUMBER, n=st.integers(2, 40), points=st.integers(2, 60))
def test_counts_of_lower_people(seed: int, n: int, points: int) -> None:
    first, second = np.random.default_rng(seed).integers(0, points, (2, n)).astype(float)
    expected = ((first[None, :] < first[:, None]) & (second[None, :] < second[:, None])).sum(axis=1)
    assert lower_in_both(first, second).tolist() == expected.tolist()


def test_delta_error_is_the_jackknife_s() -> None:
    """Leaving out each person in turn gives the same standard error, but for terms of order 1 / n."""
    people = _people(1, 150).select(x=pl.col("a").round(0), y=pl.col("y").round(0))
    whole = _run("kendall_tau_b", people)
    rows = pl.int_range(pl.len())
    left = np.array([measure("kendall_tau_b", people.filter(rows != i)).value for i in range(150)])
    jackknife = math.sqrt(149 / 150 * ((left - left.mean()) ** 2).sum()) / (1 - whole.value**2)
    assert whole.detail["fisher_z_se"] == pytest.approx(jackknife, rel=0.02)


def test_uncorrelated_scores_share_by_squared_correlation() -> None:
    matrix = np.eye(3)
    matrix[2, :2] = matrix[:2, 2] = 0.6, 0.3
    assert weights_of_correlations(matrix) == pytest.approx([0.36, 0.09])
    assert dominance_of_correlations(matrix) == pytest.approx([0.36, 0.09])


def test_limits_of_r_squared_against_fisher_z() -> None:
    """One predictor: about Fisher's interval of r, squared."""
    low, high = r_squared_limits(0.25, 1, 199, 0.95)
    half = 1.959964 / math.sqrt(197)
    assert math.sqrt(low) == pytest.approx(math.tanh(math.atanh(0.5) - half), abs=0.005)
    assert math.sqrt(high) == pytest.approx(math.tanh(math.atanh(0.5) + half), abs=0.005)


@settings(max_examples=25, deadline=None)
@given(seed=NUMBER, scale=st.floats(0.1, 50), shift=st.floats(-100, 100))
def test_units_and_order_of_rows_do_not_matter(seed: int, scale: float, shift: float) -> None:
    people = _people(seed)
    changed = people.sample(fraction=1, shuffle=True, seed=seed).with_columns(
        pl.col("a") * scale + shift, pl.col("y") / scale - shift
    )
    calls: list[tuple[str, dict[str, Any]]] = [
        ("kendall_tau_b", {"x": "a"}),
        ("incremental_validity", {"base": ["a", "b"], "added": "c"}),
        ("incremental_validity", {"base": "a", "added": ["b", "c"]}),
        ("differential_validity", {"x": "a"}),
        ("relative_weights", {"predictors": ["a", "b", "c"], "interval": "analytic"}),
        ("general_dominance", {"predictors": ["a", "b", "c"], "interval": "analytic"}),
    ]
    for name, options in calls:
        one, other = _run(name, people, **options), _run(name, changed, **options)
        assert other.value == pytest.approx(one.value, abs=1e-8)
        assert one.interval is not None
        assert other.interval is not None
        assert other.interval.high == pytest.approx(one.interval.high, abs=1e-7)
        assert one.interval.low <= one.value <= one.interval.high


@settings(max_examples=25, deadline=None)
@given(seed=NUMBER)
def test_weights_sum_to_r_squared(seed: int) -> None:
    people = _people(seed)
    for name in ("relative_weights", "general_dominance"):
        estimate = _run(name, people, predictors=["a", "b", "c"], interval="analytic")
        assert sum(estimate.detail["raw"]) == pytest.approx(estimate.value)
        assert sum(estimate.detail["rescaled"]) == pytest.approx(1)
        assert min(estimate.detail["raw"]) >= -1e-12
        turned = _run(name, people, predictors=["c", "b", "a"], interval="analytic")
        assert turned.detail["raw"][::-1] == pytest.approx(estimate.detail["raw"])


@settings(max_examples=25, deadline=None)
@given(seed=NUMBER)
def test_turning_signs(seed: int) -> None:
    people = _people(seed)
    groups = measure("differential_validity", people, x="a")
    swapped = measure("differential_validity", people, x="a", focal="m", reference="f")
    assert swapped.value == pytest.approx(-groups.value)
    assert swapped.detail["p"] == pytest.approx(groups.detail["p"])
    assert groups.detail["heterogeneity"]["p"] == pytest.approx(groups.detail["p"], abs=1e-9)
    tau = measure("kendall_tau_b", people, x="a")
    assert measure("kendall_tau_b", people.with_columns(-pl.col("a").exp()), x="a").value == pytest.approx(-tau.value)
    steps = [
        measure("incremental_validity", people, base=base, added=added).value
        for base, added in (("a", "b"), (["a", "b"], "c"), ("a", ["b", "c"]))
    ]
    assert steps[0] + steps[1] == pytest.approx(steps[2])


def test_bootstrap_is_seeded_and_about_the_estimate() -> None:
    people = _people(3, 120)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("kendall_tau_b", {"x": "a"}),
        ("incremental_validity", {"base": "a", "added": "c"}),
    ]
    for name, options in calls:
        one = _run(name, people, interval="bootstrap", replicates=200, seed=3, **options)
        assert one == _run(name, people, interval="bootstrap", replicates=200, seed=3, **options)
        assert one.interval is not None
        assert one.interval.low < one.value < one.interval.high
    for name in ("relative_weights", "general_dominance"):
        estimate = _run(name, people, predictors=["a", "b", "c"], replicates=200)
        for weight, ends in zip(estimate.detail["raw"], estimate.detail["intervals"], strict=True):
            assert ends["low"] < weight < ends["high"]


@pytest.mark.parametrize(
    ("x", "y", "code"),
    [
        ([], [], "SMALL_SAMPLE"),
        ([1.0, 2.0], [2.0, 1.0], "SMALL_SAMPLE"),
        ([3.0] * 4, [1.0, 2.0, 3.0, 4.0], "CONSTANT_INPUT"),
        ([1.0, 2.0, 3.0], [None] * 3, "MISSING_DATA"),
    ],
)
def test_no_rank_correlation(x: list[float], y: list[float | None], code: str) -> None:
    estimate = _run("kendall_tau_b", pl.DataFrame({"x": x, "y": y}, schema={"x": pl.Float64, "y": pl.Float64}))
    assert estimate.value is None
    assert code in _codes(estimate)


def test_thin_rank_correlation() -> None:
    four = _run("kendall_tau_b", pl.DataFrame({"x": [1, 2, 3, 4], "y": [1, 2, 4, 3]}))
    assert {"NO_INTERVAL", "SMALL_SAMPLE"} <= _codes(four)
    line = _run("kendall_tau_b", pl.DataFrame({"x": range(12), "y": range(12)}))
    assert line.value == 1
    assert "BOUNDARY" in _codes(line)


@pytest.mark.parametrize("name", ["incremental_validity", "relative_weights", "general_dominance"])
def test_no_regression(name: str) -> None:
    options: dict[str, Any] = (
        {"base": ["a"], "added": ["c"]} if name == "incremental_validity" else {"predictors": ["a", "c"]}
    )
    people = _people(1)
    assert "SMALL_SAMPLE" in _codes(_run(name, people.head(3), **options))
    assert _run(name, people.head(0), **options).value is None
    assert "CONSTANT_INPUT" in _codes(_run(name, people.with_columns(y=pl.lit(2.0)), **options))
    assert "NOT_ESTIMABLE" in _codes(_run(name, people.with_columns(c=pl.col("a") * 2 + 1), **options))
    few = _run(name, people.head(5), **options)
    assert few.value is not None
    assert {"NO_INTERVAL", "SMALL_SAMPLE"} <= _codes(few)
    exact = _run(name, people.with_columns(y=pl.col("a") + pl.col("c")), **options)
    assert exact.value == pytest.approx(1 - exact.detail.get("r2_base", 0))
    with pytest.raises(MeasureInputError, match="got none"):
        _run(name, people)
    with pytest.raises(MeasureInputError, match=r"different columns|another column|twice"):
        _run(name, people, **{key: ["a", "y"] for key in options})


def test_too_many_predictors() -> None:
    with pytest.raises(MeasureInputError, match="at most 12"):
        _run("general_dominance", _people(1), predictors=[f"p{i}" for i in range(13)])


def test_groups_that_cannot_be_compared() -> None:
    people = _people(1)
    one = _run("differential_validity", people.with_columns(group=pl.lit("f")), x="a")
    assert one.value is None
    three = pl.DataFrame({"a": [1.0, 2.0, 4.0], "y": [1.0, 3.0, 2.0], "group": ["x"] * 3})
    small = _run("differential_validity", pl.concat([people.select("a", "y", "group"), three]), x="a")
    assert small.value is not None
    assert "SMALL_GROUP" in _codes(small)
    assert _run("differential_validity", people, x="a", y="a").value is None
    with pytest.raises(MeasureInputError, match="does not occur"):
        _run("differential_validity", people, x="a", focal="k")
    with pytest.raises(MeasureInputError, match="two groups"):
        _run("differential_validity", people, x="a", focal="f", reference="f")


def test_of_three_groups_the_largest_is_the_reference() -> None:
    people = _people(1, 200).with_columns(
        group=pl.when(pl.int_range(pl.len()) < 120).then(pl.lit("z")).otherwise(pl.col("group"))
    )
    estimate = _run("differential_validity", people, x="a")
    assert estimate.detail["reference"] == "z"
    z = {name: math.atanh(r) for name, r in estimate.detail["r"].items()}
    assert abs(estimate.value or 0) == pytest.approx(max(abs(z[name] - z["z"]) for name in "fm"))
