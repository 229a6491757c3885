"""Contrasts of stages and roles: difference in severity, and correlation of what two conditions see."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.recovery.conditions import SETTINGS, simulate
from benchmarks.recovery.setting import Setting
from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError


def _frame(**columns: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(columns)


def test_without_common_raters_it_is_the_paired_t_interval() -> None:
    """Everybody scores once: the only scatter is that of the differences."""
    rng = np.random.default_rng(1)
    first, second = rng.normal(3.4, 1, 25), rng.normal(3, 1, 25)
    frame = pl.DataFrame(
        {
            "unit": [*range(25), *range(25)],
            "rater": list(range(50)),
            "condition": ["hr"] * 25 + ["user"] * 25,
            "score": [*first, *second],
        }
    )
    found = measure("condition_difference", frame)
    paired = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert found.value == pytest.approx((first - second).mean())
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((paired.low, paired.high))
    assert found.detail["df"] == pytest.approx(24)


def test_few_raters_widen_the_interval() -> None:
    """Two raters for all: their severities do not average out, whatever the number of candidates."""
    rng = np.random.default_rng(2)
    frame = simulate(rng, units=300, raters=3, panel=(1, 2))
    many = simulate(rng, units=300, raters=150, panel=(1, 2))
    assert measure("condition_difference", frame).detail["se"] > 2 * measure("condition_difference", many).detail["se"]


def test_swapping_conditions_turns_the_sign_and_keeps_the_correlation() -> None:
    frame = simulate(np.random.default_rng(3), units=80, raters=10, panel=(2, 3))
    there = measure("condition_difference", frame, first="a", second="b")
    back = measure("condition_difference", frame, first="b", second="a")
    assert back.value == pytest.approx(-there.value)
    assert there.interval is not None
    assert back.interval is not None
    assert back.interval.low == pytest.approx(-there.interval.high)
    one, other = (measure("condition_correlation", frame, first=x, second=y).value for x, y in (("a", "b"), ("b", "a")))
    assert one == pytest.approx(other)


@settings(max_examples=15, deadline=None)
@given(shift=st.floats(-5, 5), scale=st.floats(0.2, 5))
def test_units_of_the_scale(shift: float, scale: float) -> None:
    frame = simulate(np.random.default_rng(4), units=40, raters=6, panel=(2, 3))
    moved = frame.with_columns(pl.col("score") * scale + shift)
    plain, changed = (measure("condition_difference", data) for data in (frame, moved))
    assert changed.value == pytest.approx(plain.value * scale, abs=1e-9)
    assert changed.detail["standardized"] == pytest.approx(plain.detail["standardized"], abs=1e-9)
    rho = [measure("condition_correlation", data, interval="none").value for data in (frame, moved)]
    assert rho[1] == pytest.approx(rho[0], rel=1e-4)


def test_complete_design_is_the_correction_for_attenuation() -> None:
    """Five raters score everyone in each condition: ρ is r over the root of the two alpha coefficients."""
    rng = np.random.default_rng(5)
    true = rng.normal(size=(2, 120))
    true[1] = 0.6 * true[0] + 0.8 * true[1]
    cubes = [one[:, None] + rng.normal(0, 0.5, 5) + rng.normal(size=(120, 5)) for one in true]
    rows = [
        {"unit": unit, "rater": 10 * place + rater, "condition": "ab"[place], "score": float(cube[unit, rater])}
        for place, cube in enumerate(cubes)
        for unit in range(120)
        for rater in range(5)
    ]
    found = measure("condition_correlation", pl.DataFrame(rows), interval="none")

    def alpha(cube: np.ndarray) -> float:
        covariance = np.cov(cube.T)
        return float(5 / 4 * (1 - np.trace(covariance) / covariance.sum()))

    r = np.corrcoef(cubes[0].mean(axis=1), cubes[1].mean(axis=1))[0, 1]
    assert found.detail["observed"] == pytest.approx(r)
    assert found.value == pytest.approx(r / (alpha(cubes[0]) * alpha(cubes[1])) ** 0.5, rel=1e-5)


def test_the_same_rater_in_both_conditions_does_not_pass_for_agreement() -> None:
    """Nothing in common but raters who carry their error over: left out, the correlation is near none."""
    rng = np.random.default_rng(6)
    rows = []
    for unit in range(400):
        own = rng.normal(size=2)
        error = rng.normal(0, 1.5)
        for place in range(2):
            rows.append((unit, 1, "ab"[place], own[place] + error + rng.normal(0, 0.2)))
            rows += [(unit, 10 * (place + 1) + r, "ab"[place], own[place] + rng.normal()) for r in range(2)]
    frame = pl.DataFrame(rows, schema=["unit", "rater", "condition", "score"], orient="row")
    found = measure("condition_correlation", frame)
    assert found.detail["shared_scores_left_out"] == 400
    assert any(c.code == "DEPENDENT_SCORES" for c in found.cautions)
    assert found.interval is not None
    assert found.interval.low < 0 < found.interval.high
    assert found.detail["observed"] > 0.1


def test_units_of_one_condition_are_counted() -> None:
    frame = simulate(np.random.default_rng(7), units=60, raters=8, panel=(2, 3))
    selected = frame.filter((pl.col("condition") == "a") | (pl.col("unit") < 30))
    found = measure("condition_difference", selected)
    assert found.n["units"] == 30
    assert any(c.code == "RANGE_RESTRICTED" and c.text.startswith("30 units") for c in found.cautions)


@pytest.mark.parametrize("name", ["condition_difference", "condition_correlation"])
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(u, 0, "a", float(u)) for u in range(20)],
        [(u, r, c, 3.0) for u in range(12) for r in range(2) for c in "ab"],
        [(1, r, c, float(r)) for r in range(20) for c in "ab"],
        [(u, 0, c, float(u % 4)) for u in range(20) for c in "ab"],
        [(u, 2 * u + (c == "a"), c, float(u % 4)) for u in range(20) for c in "ab"],
    ],
    ids=["empty", "one condition", "constant", "one unit", "one rater", "one score each"],
)
def test_thin_designs_give_cautions(name: str, rows: list[tuple[Any, ...]]) -> None:
    schema = {"unit": pl.Int64, "rater": pl.Int64, "condition": pl.String, "score": pl.Float64}
    found = measure(name, pl.DataFrame(rows, schema=schema, orient="row"))
    assert found.cautions
    if name == "condition_correlation":
        assert found.value is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"first": "a"}, "two different conditions"),
        ({"first": "a", "second": "a"}, "two different conditions"),
        ({"first": "a", "second": "z"}, "expected conditions of a, b"),
        ({"condition": "stage"}, "expected a column 'stage'"),
        ({"interval": "profile"}, "interval analytic or none"),
        ({"confidence": 2}, "between 0 and 1"),
    ],
)
def test_misuse_is_named(options: dict[str, Any], says: str) -> None:
    frame = _frame(unit=[1, 1], rater=[1, 2], condition=["a", "b"], score=[1.0, 2.0])
    with pytest.raises(MeasureInputError, match=says):
        measure("condition_difference", frame, **options)


def test_three_conditions_need_a_choice() -> None:
    frame = _frame(unit=[1, 1, 1], rater=[1, 2, 3], condition=["a", "b", "c"], score=[1.0, 2.0, 3.0])
    with pytest.raises(MeasureInputError, match="holds a, b, c"):
        measure("condition_difference", frame)


def _coverage(setting: Setting, replicates: int) -> float:
    hits = 0
    for index in range(replicates):
        found = setting.estimate(setting.simulate(np.random.default_rng([index, 78])))
        hits += found.interval is not None and found.interval.low <= (setting.truth or 0) <= found.interval.high
    return hits / replicates


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_coverage(setting: Setting) -> None:
    """With 50 samples at 95 %, under 88 % by chance in fewer than one of fifty; each sample has its fixed numbers."""
    assert _coverage(setting, 50 if "correlation" in setting.name else 300) >= 0.88
