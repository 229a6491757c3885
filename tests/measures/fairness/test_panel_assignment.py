"""Gaps that came with the panels: a dense solution, what must hold exactly, thin data."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.fairness.panel_draws import splits
from fairpanel.measures.fairness.panel_levels import PanelDesign, split

PAIR = {"focal": "f", "reference": "r"}


def _design(seed: int, units: int = 40, raters: int = 6, groups: int = 2) -> PanelDesign:
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), 3)
    group = np.arange(units) % groups
    rater = np.concatenate([rng.choice(raters, 3, replace=False) for _ in range(units)])
    rater[: 2 * raters] = np.tile(np.arange(raters), 2)
    score = rng.standard_normal(unit.size) + np.linspace(-1, 1, raters)[rater] + group[unit]
    return PanelDesign(score=score, unit=unit, rater=rater, group=group, ratio=1.7)


def _frame(design: PanelDesign) -> pl.DataFrame:
    group = np.array(["r", "f", "o"])[design.group[design.unit]]
    return pl.DataFrame({"unit": design.unit, "rater": design.rater, "score": design.score, "group": group})


def _run(frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure("panel_assignment", frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


@pytest.mark.parametrize(("seed", "groups"), [(1, 2), (2, 3), (3, 2)])
def test_dense_generalized_least_squares(seed: int, groups: int) -> None:
    """The whole covariance matrix, weights as repeated candidates, solved at once."""
    design = _design(seed, groups=groups)
    weight = np.random.default_rng(seed).integers(0, 3, design.group.size).astype(np.float64)
    found = split(design, 1, 0, weight)
    assert found is not None
    rows = [
        (copy * 1000 + unit, *np.flatnonzero(design.unit == unit))
        for unit in range(design.group.size)
        for copy in range(int(weight[unit]))
    ]
    index = np.concatenate([row[1:] for row in rows])
    copies = np.repeat([row[0] for row in rows], 3)
    V = np.eye(index.size) + design.ratio * (copies[:, None] == copies[None, :])
    group = design.group[design.unit[index]]
    X = np.hstack((np.eye(6)[design.rater[index]], np.eye(groups)[group][:, 1:]))
    inverse = np.linalg.inv(V)
    effects = np.linalg.solve(X.T @ inverse @ X, X.T @ inverse @ design.score[index])
    level = effects[design.rater[index]]
    assert found.between == pytest.approx(level[group == 1].mean() - level[group == 0].mean(), abs=1e-7)
    score = design.score[index]
    assert found.gap == pytest.approx(score[group == 1].mean() - score[group == 0].mean())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-5, 5), rater=st.integers(0, 5))
def test_a_harsher_rater_moves_the_part_between_alone(seed: int, shift: float, rater: int) -> None:
    design = _design(seed)
    moved = PanelDesign(
        score=design.score + shift * (design.rater == rater), unit=design.unit, rater=design.rater, group=design.group,
        ratio=design.ratio,
    )  # fmt: skip
    once = np.ones(design.group.size)
    one, other = split(design, 1, 0, once), split(moved, 1, 0, once)
    assert one is not None
    assert other is not None
    met = np.bincount(design.unit, design.rater == rater) / 3
    difference = shift * (met[design.group == 1].mean() - met[design.group == 0].mean())
    assert other.between == pytest.approx(one.between + difference, abs=1e-6)
    assert other.gap - other.between == pytest.approx(one.gap - one.between, abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10), shift=st.floats(-100, 100))
def test_scale_and_names_do_not_matter(seed: int, scale: float, shift: float) -> None:
    frame = _frame(_design(seed))
    one = _run(frame, interval="none", **PAIR)
    other = _run(
        frame.sample(fraction=1, shuffle=True, seed=seed).with_columns(
            score=pl.col("score") * scale + shift, unit=pl.format("u{}", "unit"), rater=pl.format("j{}", "rater")
        ),
        interval="none", focal="r", reference="f",
    )  # fmt: skip
    assert other.value == pytest.approx(one.value, abs=1e-5, rel=1e-5)
    assert other.detail["between"] == pytest.approx(-scale * one.detail["between"], rel=1e-5, abs=1e-5)


def test_row_order_changes_nothing() -> None:
    frame = _frame(_design(4))
    one, other = _run(frame, **PAIR), _run(frame.reverse(), **PAIR)
    assert one.interval is not None
    assert other.interval is not None
    assert (other.value, other.interval.low) == pytest.approx((one.value, one.interval.low), rel=1e-7)
    assert _run(frame, **PAIR).to_dict() == one.to_dict()


def test_where_all_meet_all_raters_nothing_came_with_the_panels() -> None:
    rng = np.random.default_rng(6)
    unit, rater = np.repeat(np.arange(30), 4), np.tile(np.arange(4), 30)
    score = rng.standard_normal(120) + rater + (unit % 2)
    frame = pl.DataFrame({"unit": unit, "rater": rater, "score": score, "group": np.array(["r", "f"])[unit % 2]})
    found = _run(frame, **PAIR)
    assert found.value == pytest.approx(0, abs=1e-9)
    assert found.detail["within"] == pytest.approx(found.detail["gap"])
    assert found.interval is not None
    assert abs(found.interval.high) < 1e-6


def test_a_gap_made_by_panels_alone() -> None:
    """Two raters .5 apart on the same people; the focal group meets the harsh one twice as often."""
    rows = []
    for unit in range(60):
        focal, rng = unit % 2, np.random.default_rng(unit)
        merit = rng.standard_normal() * 0.2 if unit < 30 else -np.random.default_rng(unit - 30).standard_normal() * 0.2
        raters = ("harsh", "mild", "harsh") if focal else ("harsh", "mild", "mild")
        rows += [(unit, name, "fr"[1 - focal], merit - 0.5 * (name == "harsh")) for name in raters]
    frame = pl.DataFrame(rows, schema=["unit", "rater", "group", "score"], orient="row")
    found = _run(frame, interval="none", **PAIR)
    assert found.detail["between"] == pytest.approx(-0.5 / 3, abs=1e-3)


def test_three_groups_and_missing_scores() -> None:
    frame = _frame(_design(7, groups=3)).with_columns(
        score=pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise("score")
    )
    found = _run(frame, replicates=50, **PAIR)
    assert found.n["units"] == 40
    assert found.n["focal"] + found.n["reference"] < 40
    assert "MISSING_DATA" in {each.code for each in found.cautions}
    with pytest.raises(MeasureInputError, match="name the two"):
        measure("panel_assignment", frame)


def test_a_gap_that_may_be_zero_has_no_share_interval() -> None:
    design = _design(8)
    flat = _frame(design).with_columns(score=pl.col("score") - pl.when(pl.col("group") == "f").then(1.0).otherwise(0.0))
    found = _run(flat, **PAIR)
    low, high = found.detail["gap_interval"]
    assert low < 0 < high
    assert found.interval is None
    assert "NO_INTERVAL" in {each.code for each in found.cautions}
    assert found.detail["between_interval"][0] < found.detail["between_interval"][1]


@pytest.mark.parametrize(
    ("unit", "rater", "group", "score", "code"),
    [
        ([], [], [], [], "SMALL_GROUP"),
        ([1, 1, 2, 2], list("abab"), list("ffff"), [1, 2, 3, 5], "SMALL_GROUP"),
        ([1, 1, 2, 2], list("abcd"), list("ffrr"), [1, 2, 3, 5], "NOT_ESTIMABLE"),
        ([1, 1, 2, 2], list("abab"), list("ffrr"), [2, 2, 2, 2], "CONSTANT_INPUT"),
        ([1, 1, 2, 2], list("aaaa"), list("ffrr"), [1, 2, 3, 5], "ONE_RATER"),
        ([1, 2, 3, 4], list("abab"), list("ffrr"), [1, 2, 3, 5], "SINGLE_RATINGS"),
        ([1, 1, 2, 2], list("abab"), list("ffrr"), [1, 3, 3, 1], "NOT_ESTIMABLE"),
        ([1, 1], list("ab"), list("fr"), [None, None], "MISSING_DATA"),
    ],
)
def test_thin_data(unit: list[int], rater: list[str], group: list[str], score: list[Any], code: str) -> None:
    frame = pl.DataFrame(
        {"unit": unit, "rater": rater, "group": group, "score": score},
        schema={"unit": pl.Int64, "rater": pl.String, "group": pl.String, "score": pl.Float64}, strict=False,
    )  # fmt: skip
    found = _run(frame)
    assert found.value is None
    assert code in {each.code for each in found.cautions}


def test_raters_who_agree_leave_the_gap_within() -> None:
    frame = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3, 4, 4], "rater": list("abbcacab"), "group": list("ffffrrrr")})
    found = _run(frame.with_columns(score=pl.col("unit") * 1.0), **PAIR)
    assert found.value == pytest.approx(0, abs=1e-3)


def test_misuse_is_refused() -> None:
    frame = _frame(_design(9))
    with pytest.raises(MeasureInputError, match="expected one group for each unit"):
        measure("panel_assignment", frame.with_columns(group=pl.Series(["f", "r", "r"] * 40)))
    with pytest.raises(MeasureInputError, match="replicates"):
        measure("panel_assignment", frame, replicates=10, **PAIR)


def _drawn(design: PanelDesign, samples: int, seed: int) -> npt.NDArray[np.float64]:
    rng, units = np.random.default_rng(seed), design.group.size
    return np.array(
        [np.bincount(rng.integers(0, units, units), minlength=units) for _ in range(samples)], dtype=np.float64
    )


@pytest.mark.parametrize(("units", "raters", "groups"), [(40, 6, 2), (60, 25, 3), (12, 6, 3), (400, 170, 2)])
def test_many_samples_at_once_are_the_single_ones(units: int, raters: int, groups: int) -> None:
    """Also where raters drop out of a sample, samples fall apart, or there are too many raters for dense matrices."""
    design = _design(units, units, raters, groups)
    weights = _drawn(design, 30 if raters < 100 else 3, units)
    weights[0, design.group == 1] = 0
    found = splits(design, 1, 0, weights)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1:]).any()
    for row, weight in zip(found, weights, strict=True):
        one = split(design, 1, 0, weight)
        if one is None:
            assert np.isnan(row).all()
        else:
            # conjugate gradients end at a relative residual of 1e-9
            assert row == pytest.approx([one.gap, one.between], abs=2e-8)


def test_samples_beside_a_part_that_nobody_links() -> None:
    """A third group with raters of its own: the normal matrix has a second direction of no weight."""
    design = _design(5, 30, 6, 2)
    apart = PanelDesign(
        score=np.append(design.score, [1.0, 2.0, 4.0]),
        unit=np.append(design.unit, [30, 30, 31]),
        rater=np.append(design.rater, [6, 7, 7]),
        group=np.append(design.group, [2, 2]),
        ratio=design.ratio,
    )
    weights = np.column_stack([_drawn(design, 10, 5), np.ones((10, 2))])
    alone = splits(design, 1, 0, weights[:, :30])
    assert splits(apart, 1, 0, weights) == pytest.approx(alone, abs=2e-8)
