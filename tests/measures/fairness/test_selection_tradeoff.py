"""Other ways of deciding: counts by hand, the measures of single policies, a panel really enlarged, invariances."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm, pearsonr

from fairpanel.measures.catalogue import measure, option_from_text
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.fairness.places import ranking
from fairpanel.measures.fairness.projected_panels import rate_factors

PAIR = {"focal": "f", "reference": "r"}
ITEMS = ("a", "b", "c")


def _frame(seed: int, units: int = 120, raters: int = 8, each: int = 2, hired: bool = True) -> pl.DataFrame:
    """Two raters a candidate, three competencies; the focal group is lower in the first; half have a criterion."""
    rng = np.random.default_rng(seed)
    focal = np.arange(units) % 3 == 0
    level = 0.5 * rng.standard_normal(raters)
    merit = rng.standard_normal(units)[:, None] + 0.6 * rng.standard_normal((units, 3))
    merit[:, 0] -= 0.9 * focal
    performance = merit.mean(axis=1) + rng.standard_normal(units)
    rows = []
    for unit in range(units):
        for rater in rng.choice(raters, each, replace=False):
            halo = 0.5 * rng.standard_normal()
            for at, item in enumerate(ITEMS):
                score = merit[unit, at] + level[rater] + halo + 0.5 * rng.standard_normal()
                known = hired and unit % 2 == 0
                rows.append(
                    (unit, int(rater), item, score, "f" if focal[unit] else "r", performance[unit] if known else None)
                )
    names = ("unit", "rater", "item", "score", "group", "perf")
    kinds = (pl.Int64, pl.Int64, pl.String, pl.Float64, pl.String, pl.Float64)
    return pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")


def _run(frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure("selection_tradeoff", frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _rows(found: Estimate) -> dict[str, dict[str, Any]]:
    return {row["policy"]: row for row in found.detail["policies"]}


def test_by_hand() -> None:
    """Four candidates, two places: by a + b those are 1 and 3, without b 1 and 2, without a 3 and 4."""
    scores = {1: (5, 3), 2: (4, 1), 3: (2, 5), 4: (1, 4)}
    frame = pl.DataFrame(
        [
            {"unit": unit, "rater": rater, "item": item, "score": float(score), "group": "f" if unit in (2, 3) else "r"}
            for unit, pair in scores.items()
            for rater in ("x", "y")
            for item, score in zip("ab", pair, strict=True)
        ]
    )
    found = _run(frame, top_n=2, interval="none", **PAIR)
    rows = _rows(found)
    assert found.value == 1
    assert (rows["current"]["rate_focal"], rows["current"]["rate_reference"]) == (0.5, 0.5)
    assert rows["without:b"]["impact_ratio"] == 1
    assert rows["without:b"]["flips"] == 0.5
    assert rows["without:a"]["impact_ratio"] == 1
    assert rows["cut:1.25"]["places"] == 3
    assert rows["cut:1.25"]["impact_ratio"] == pytest.approx(0.75 / 0.75)  # 2 and 4 are level for the third place
    assert rows["cut:1.25"]["tied"] == 2
    assert rows["cut:0.75"]["places"] == 2 if "cut:0.75" in rows else True
    assert rows["current"]["reliability"] == 1


def test_single_policies_by_their_own_measures() -> None:
    frame = _frame(1)
    rows = _rows(_run(frame, top_n=30, criterion="perf", interval="none", **PAIR))
    mean = frame.group_by("unit", "rater", "group", maintain_order=True).agg(pl.mean("score"))
    flips = measure("decision_flips", mean, top_n=30, interval="none", **PAIR)
    assert rows["severity_adjusted"]["impact_ratio"] == pytest.approx(flips.detail["impact_ratio_adjusted"])
    assert rows["severity_adjusted"]["flips"] == pytest.approx(flips.value)
    assert rows["current"]["impact_ratio"] == pytest.approx(flips.detail["impact_ratio_raw"])
    g = measure("g_coefficient", mean, interval="none")
    assert rows["current"]["reliability"] == pytest.approx(g.value)
    assert rows["severity_adjusted"]["reliability"] == pytest.approx(g.detail["relative"])
    plus = measure("g_coefficient", mean, interval="none", raters_per_unit=3.0)
    assert rows["raters:+1"]["reliability"] == pytest.approx(plus.value)
    part = frame.filter(pl.col("item") != "a").group_by("unit", "rater", "group").agg(pl.mean("score"))
    assert rows["without:a"]["reliability"] == pytest.approx(measure("g_coefficient", part, interval="none").value)
    units = frame.with_columns(weight=pl.when(pl.col("item") == "c").then(2).otherwise(1))
    units = units.group_by("unit").agg((pl.col("score") * pl.col("weight")).sum() / 8, pl.first("perf")).drop_nulls()
    assert rows["double:c"]["validity"] == pytest.approx(pearsonr(units["score"], units["perf"])[0])


def test_intervals_hold_their_values_and_repeat() -> None:
    frame = _frame(2)
    found = _run(frame, top_n=30, criterion="perf", replicates=100, **PAIR)
    assert found.interval is not None
    assert found.value is not None
    assert found.interval.low <= found.value <= found.interval.high
    for row in found.detail["policies"]:
        for key in ("reliability", "validity", "impact_ratio", "rate_focal", "rate_reference"):
            assert row[f"{key}_low"] < row[key] < row[f"{key}_high"]
    current = _rows(found)["current"]
    assert current["impact_versus_current"] == current["impact_versus_current_low"] == 1
    assert current["flips"] == current["flips_high"] == 0
    assert _run(frame, top_n=30, criterion="perf", replicates=100, **PAIR).to_dict() == found.to_dict()


def test_pareto_by_definition() -> None:
    for seed in range(4):
        found = _run(_frame(seed), top_n=30, criterion="perf", interval="none", **PAIR)
        assert found.detail["merit"] == "validity"
        rows = [row for row in found.detail["policies"] if row["kind"] == "scores"]
        points = [(row["validity"], min(row["impact_ratio"], 1 / row["impact_ratio"])) for row in rows]
        for row, mine in zip(rows, points, strict=True):
            beaten = any(v >= mine[0] and r >= mine[1] and (v, r) != mine for v, r in points)
            assert row["pareto"] is not beaten
        assert all(row["pareto"] is None for row in found.detail["policies"] if row["kind"] != "scores")
    assert _run(_frame(1), top_n=30, interval="none", **PAIR).detail["merit"] == "reliability"


def test_what_the_focal_group_lacks_costs_it_places() -> None:
    rows = _rows(_run(_frame(3, units=1500), selection_ratio=0.2, interval="none", **PAIR))
    assert rows["double:a"]["impact_ratio"] < rows["current"]["impact_ratio"] < rows["without:a"]["impact_ratio"]
    assert rows["cut:1.25"]["places"] == 375
    assert rows["raters:+1"]["impact_ratio"] < rows["current"]["impact_ratio"]


def test_projection_by_a_root_finder() -> None:
    """Two groups of known mean and spread: the ratio of rates above the cut that fills the places."""
    rng = np.random.default_rng(1)
    scores = np.concatenate([rng.normal(-0.5, 1, 400), rng.normal(0, 1, 600)])
    group = np.repeat([0, 1], (400, 600))
    found = rate_factors(scores, group, 2, 200, np.ones((1, 1000)), 1.2)[0]
    parts = [scores[group == code] for code in (0, 1)]
    spread = math.sqrt(0.4 * parts[0].var() + 0.6 * parts[1].var())
    means = [part.mean() / spread for part in parts]

    def rates(stretch: float) -> list[float]:
        def excess(cut: float) -> float:
            return 0.4 * norm.sf(cut - stretch * means[0]) + 0.6 * norm.sf(cut - stretch * means[1]) - 0.2

        cut = brentq(excess, -10, 10)
        return [norm.sf(cut - stretch * mean) for mean in means]

    assert found == pytest.approx([after / before for after, before in zip(rates(1.2), rates(1.0), strict=True)])


def test_one_more_rater_as_if_really_asked() -> None:
    """The projection from two raters against the same candidates seen by three."""
    three = _frame(5, units=6000, raters=40, each=3)
    seat = pl.int_range(pl.len()).over("unit", "item")
    two = three.filter(seat < 2)
    projected = _rows(_run(two, selection_ratio=0.2, criterion="perf", interval="none", **PAIR))
    real = _rows(_run(three, selection_ratio=0.2, criterion="perf", interval="none", **PAIR))["current"]
    told = projected["raters:+1"]
    assert told["reliability"] == pytest.approx(real["reliability"], abs=0.02)
    assert told["validity"] == pytest.approx(real["validity"], abs=0.015)
    assert told["impact_ratio"] == pytest.approx(real["impact_ratio"], abs=0.05)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10), shift=st.floats(-50, 50))
def test_order_and_labels_do_not_matter(seed: int, scale: float, shift: float) -> None:
    frame = _frame(seed, units=60).with_columns(pl.col("score").round(0))
    other = frame.sample(fraction=1, shuffle=True, seed=seed).with_columns(
        score=pl.col("score") * scale + shift,
        rater=pl.format("j{}", "rater"),
        group=pl.col("group").replace({"f": "z"}),
    )
    one = _run(frame, top_n=15, criterion="perf", interval="none", **PAIR)
    same = _run(other, top_n=15, criterion="perf", interval="none", focal="z", reference="r")
    assert same.value == pytest.approx(one.value)
    for row, copy in zip(one.detail["policies"], same.detail["policies"], strict=True):
        for key in ("impact_ratio", "validity", "flips", "rate_focal"):
            assert copy[key] == pytest.approx(row[key], abs=1e-6)
        assert copy["tied"] == row["tied"]


def test_names_of_the_tied_do_not_matter() -> None:
    """Three level for one place get a third each, whoever comes first."""
    frame = pl.DataFrame({"unit": list("aabbccdd"), "rater": ["x", "y"] * 4, "score": [5.0, 5, 3, 3, 3, 3, 3, 3]})
    for groups in ("frrf", "rfrf", "ffrr"):
        found = _run(
            frame.with_columns(group=pl.Series([each for each in groups for _ in range(2)])), item=None, top_n=2,
            interval="none", **PAIR,
        )  # fmt: skip
        lots = sum(each == "f" for each in groups[1:]) / 3
        assert _rows(found)["current"]["selected_focal"] == pytest.approx((groups[0] == "f") + lots)
        assert "TIES" in {each.code for each in found.cautions}
    shares = ranking(np.array([1.0, 2.0, np.nan, 2.0])).shares(3, np.array([[1.0, 2, 5, 2], [1, 0, 5, 1]]))
    assert shares.tolist() == [[0, 0.75, 0, 0.75], [1, 1, 0, 1]]


def test_weights_by_name_and_in_order() -> None:
    frame = _frame(6)
    by_name = _run(frame, top_n=20, weights={"c": 1.0, "a": 2.0, "b": 1.0}, interval="none", **PAIR)
    assert by_name.to_dict() == _run(frame, top_n=20, weights=[2.0, 1, 1], interval="none", **PAIR).to_dict()
    equal = _rows(_run(frame, top_n=20, interval="none", **PAIR))
    assert by_name.value == equal["double:a"]["impact_ratio"]
    only = _rows(_run(frame, top_n=20, weights=[1.0, 0, 0], interval="none", **PAIR))
    assert not [name for name in only if ":" in name and name.split(":")[0] in ("without", "double")]
    assert option_from_text("selection_tradeoff", "weights", "2, 1, 1") == [2.0, 1.0, 1.0]


def test_a_candidate_without_the_other_competencies_gets_no_place() -> None:
    frame = _frame(7).filter((pl.col("unit") != 4) | (pl.col("item") == "a"))
    rows = _rows(_run(frame, top_n=20, interval="none", **PAIR))
    assert (rows["without:a"]["unscored"], rows["current"]["unscored"]) == (1, 0)


@pytest.mark.parametrize(
    ("unit", "rater", "group", "score", "valued"),
    [
        ([], [], [], [], False),
        ([1, 1, 2, 2], list("abab"), list("ffff"), [1, 2, 3, 5], False),
        ([1, 1, 2, 2], list("abab"), list("ffrr"), [2, 2, 2, 2], True),
        ([1, 1, 2, 2], list("aaaa"), list("ffrr"), [5, 4, 3, 1], True),
        ([1, 2, 3, 4], list("abab"), list("ffrr"), [1, 2, 3, 5], False),
        ([1, 1, 2, 2], list("abab"), list("ffrr"), [5, 5, 1, 1], True),
        ([1, 1], list("ab"), list("fr"), [None, None], False),
        ([1, 1, 2, 2, 3, 3], list("ababab"), list("ffrrrr"), [1, 1, 2, 2, 3, 3], True),
    ],
)
def test_thin_data(unit: list[int], rater: list[str], group: list[str], score: list[Any], valued: bool) -> None:
    frame = pl.DataFrame(
        {"unit": unit, "rater": rater, "group": group, "score": score},
        schema={"unit": pl.Int64, "rater": pl.String, "group": pl.String, "score": pl.Float64}, strict=False,
    ).with_columns(perf=pl.col("unit"))  # fmt: skip
    for interval in ("bootstrap", "none"):
        found = _run(frame, top_n=1, item=None, criterion="perf", interval=interval, replicates=60)
        assert (found.value is not None) is valued
        assert found.cautions
    with pytest.raises(MeasureInputError, match="either top_n or selection_ratio"):
        measure("selection_tradeoff", frame, item=None)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"top_n": 3, "selection_ratio": 0.2}, "either top_n or selection_ratio"),
        ({"top_n": 0}, "top_n must be"),
        ({"selection_ratio": 1.5}, "selection_ratio must be"),
        ({"top_n": 3, "weights": [1.0]}, "expected 3 weights"),
        ({"top_n": 3, "weights": {"a": 1.0, "x": 1.0}}, "unknown: x, missing: b, c"),
        ({"top_n": 3, "weights": [0.0, 0, 0]}, "not all 0"),
        ({"top_n": 3, "criterion": "score"}, "one score for each unit"),
        ({"top_n": 3, "item": "itm"}, "did you mean item='item'"),
        ({"top_n": 3, "replicates": 10}, "at least 50"),
    ],
)
def test_misuse_is_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(MeasureInputError, match=match):
        measure("selection_tradeoff", _frame(1, units=12), **options)
