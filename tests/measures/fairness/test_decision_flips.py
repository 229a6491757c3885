"""Decisions under adjusted scores: the adjusted means of rater_severity, counts by hand, invariances, thin data."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError

PAIR = {"focal": "f", "reference": "r"}


def _frame(seed: int, units: int = 60, severity: float = 1.0) -> pl.DataFrame:
    """The focal group meets the harsher raters more often."""
    rng = np.random.default_rng(seed)
    focal = np.arange(units) % 2 == 0
    weight = np.linspace(1, 3, 6) / 12
    rater = np.concatenate([rng.choice(6, 2, replace=False, p=weight if each else weight[::-1]) for each in focal])
    unit = np.repeat(np.arange(units), 2)
    score = rng.standard_normal(units)[unit] - severity * np.linspace(-1, 1, 6)[rater]
    score += 0.5 * rng.standard_normal(2 * units)
    return pl.DataFrame({"unit": unit, "rater": rater, "score": score, "group": np.where(focal[unit], "f", "r")})


def _run(frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure("decision_flips", frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("rule", [{"cut": 0.3}, {"top_n": 15}])
def test_decisions_by_the_means_of_rater_severity(seed: int, rule: dict[str, Any]) -> None:
    frame = _frame(seed)
    severity = measure("rater_severity", frame, interval="none").detail
    group = dict(zip(frame["unit"].cast(pl.String), frame["group"], strict=True))

    def passing(scores: dict[str, float]) -> set[str]:
        if "cut" in rule:
            return {unit for unit, score in scores.items() if score >= rule["cut"]}
        return set(sorted(scores, key=lambda unit: -scores[unit])[: rule["top_n"]])

    before, after = passing(severity["observed_mean"]), passing(severity["adjusted_mean"])
    found = _run(frame, **rule, **PAIR)
    assert found.value == pytest.approx(len(before ^ after) / 60)
    assert (found.detail["gained"], found.detail["lost"]) == (len(after - before), len(before - after))
    for name in ("f", "r"):
        row = found.detail["by_group"][name]
        assert row["gained"] == sum(group[unit] == name for unit in after - before)
        assert row["rate_raw"] == pytest.approx(sum(group[unit] == name for unit in before) / 30)
        assert row["rate_adjusted"] == pytest.approx(sum(group[unit] == name for unit in after) / 30)
    rows = found.detail["by_group"]
    assert found.detail["impact_ratio_adjusted"] == pytest.approx(
        rows["f"]["rate_adjusted"] / rows["r"]["rate_adjusted"]
    )


def test_adjusting_helps_those_who_met_harsh_raters() -> None:
    found = _run(_frame(4, units=400), cut=0.0, **PAIR)
    assert found.detail["impact_ratio_raw"] < 0.85 < found.detail["impact_ratio_adjusted"]
    assert found.detail["by_group"]["f"]["gained"] > found.detail["by_group"]["f"]["lost"]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10), shift=st.floats(-50, 50), top=st.booleans())
def test_order_units_and_names_do_not_matter(seed: int, scale: float, shift: float, top: bool) -> None:
    frame = _frame(seed)
    other = frame.sample(fraction=1, shuffle=True, seed=seed).with_columns(
        score=pl.col("score") * scale + shift, rater=pl.format("j{}", "rater")
    )
    one = _run(frame, **({"top_n": 20} if top else {"cut": 0.2}), **PAIR)
    same = _run(other, **({"top_n": 20} if top else {"cut": 0.2 * scale + shift}), **PAIR)
    assert same.value == pytest.approx(one.value)
    assert same.detail["by_group"] == one.detail["by_group"]
    if top:
        assert one.detail["gained"] == one.detail["lost"]


def test_raters_who_agree_change_nothing() -> None:
    frame = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3, 4, 4], "rater": list("abbcacab"), "group": list("ffffrrrr")})
    found = _run(frame.with_columns(score=pl.col("unit") * 1.0), cut=2.5, **PAIR)
    assert found.value == 0
    assert found.detail["impact_ratio_raw"] == found.detail["impact_ratio_adjusted"] == 0


def test_ties_at_the_last_place_change_nothing_by_themselves() -> None:
    rng = np.random.default_rng(2)
    unit, rater = np.repeat(np.arange(20), 3), np.tile(np.arange(3), 20)
    frame = pl.DataFrame({"unit": unit, "rater": rater, "group": np.where(unit % 2, "f", "r")})
    found = _run(frame.with_columns(score=pl.Series(rng.integers(1, 4, 60)) * 1.0), top_n=7, **PAIR)
    assert "TIES" in {each.code for each in found.cautions}
    assert found.detail["tied"] > 1
    assert found.value == 0  # everyone met the same raters


@pytest.mark.parametrize(
    ("unit", "rater", "group", "score", "code"),
    [
        ([], [], [], [], "SMALL_GROUP"),
        ([1, 1, 2, 2], list("abab"), list("ffff"), [1, 2, 3, 5], "SMALL_GROUP"),
        ([1, 1, 2, 2], list("abab"), list("ffrr"), [2, 2, 2, 2], "CONSTANT_INPUT"),
        ([1, 1, 2, 2], list("aaaa"), list("ffrr"), [1, 2, 3, 5], "ONE_RATER"),
        ([1, 2, 3, 4], list("abab"), list("ffrr"), [1, 2, 3, 5], "SINGLE_RATINGS"),
        ([1, 1, 2, 2], list("abab"), list("ffrr"), [1, 2, 3, 5], "NOT_ESTIMABLE"),
        ([1, 1], list("ab"), list("fr"), [None, None], "MISSING_DATA"),
    ],
)
def test_thin_data(unit: list[int], rater: list[str], group: list[str], score: list[Any], code: str) -> None:
    frame = pl.DataFrame(
        {"unit": unit, "rater": rater, "group": group, "score": score},
        schema={"unit": pl.Int64, "rater": pl.String, "group": pl.String, "score": pl.Float64}, strict=False,
    )  # fmt: skip
    found = _run(frame, top_n=2)
    assert found.value is None
    assert code in {each.code for each in found.cautions}


def test_raters_with_one_score_each_have_no_severity() -> None:
    frame = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("abcdef"), "group": list("ffrrrr")})
    found = _run(frame.with_columns(score=pl.Series([1.0, 2, 3, 5, 2, 1])), cut=2, **PAIR)
    assert found.value is None
    assert "INCOMPLETE_DESIGN" in {each.code for each in found.cautions}


def test_misuse_is_refused() -> None:
    frame = _frame(1)
    for rule in ({}, {"cut": 1.0, "top_n": 3}):
        with pytest.raises(MeasureInputError, match="either cut or top_n"):
            measure("decision_flips", frame, **rule)
    with pytest.raises(MeasureInputError, match="top_n must be"):
        measure("decision_flips", frame, top_n=0)
