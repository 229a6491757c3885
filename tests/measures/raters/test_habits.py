"""Habits of single raters: figures against direct computation, flags against planted habits, and thin designs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.recovery.habits import DESIGNS, HABITS, Design, flags, proportions, simulate
from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError
from fairpanel.measures.panel import long_ratings
from fairpanel.measures.raters.habits.forms import forms
from fairpanel.measures.raters.habits.in_step import flagged_in_step
from fairpanel.measures.raters.habits.pooling import Figures, jackknifed, judge
from fairpanel.measures.raters.rater_habits import flagged_for

STRONG = Design(name="strong", candidates=500, raters=20, panel=(2, 4))


def _world(habit: str | None, seed: int = 1, design: Design = STRONG) -> tuple[pl.DataFrame, dict[str, set[str]]]:
    return simulate(np.random.default_rng(seed), design, habit)


@pytest.mark.parametrize("habit", sorted(set(HABITS) - {"order", "contrast"}))
def test_a_strong_habit_is_found(habit: str) -> None:
    """A quarter of the raters who have it (some barely) and hardly any other is flagged, in three data sets."""
    found = there = wrong = 0
    for seed in range(3):
        frame, guilty = _world(habit, seed)
        flagged, judged = flags(frame)
        found += len(flagged[habit] & guilty[habit])
        there += len(judged[habit] & guilty[habit])
        wrong += len(flagged[habit] - guilty[habit])
    assert there > 0
    assert found >= there / 4
    assert wrong <= 1


def test_usual_order_and_contrast_effects_are_estimated() -> None:
    """Every rater scores later candidates .3 higher per place, and .4 lower after a candidate one point better."""
    rng = np.random.default_rng(4)
    rows = []
    previous: dict[int, tuple[int, int, float]] = {}
    true = rng.normal(0, 1, 900)
    for unit in range(900):
        for rater in rng.choice(12, 3, replace=False):
            day, place, before = previous.get(int(rater), (0, -1, 0.0))
            day, place, before = (day, place + 1, before) if place < 3 else (day + 1, 0, 0.0)
            score = true[unit] + 0.3 * place - 0.4 * (before if place else 0.0) + rng.normal(0, 0.4)
            rows.append((unit, int(rater), score, day + place / 10))
            previous[int(rater)] = (day, place, true[unit])
    frame = pl.DataFrame(rows, schema=["unit", "rater", "score", "interviewed_at"], orient="row")
    habits = measure("rater_habits", frame).detail["habits"]
    for name, truth in (("order", 0.3), ("contrast", -0.4)):
        low, high = habits[name]["centre_interval"]
        # the comparison with other raters, who are somewhere in their own day, takes a part of it away
        assert abs(habits[name]["centre"]) > 0.5 * abs(truth)
        assert np.sign(habits[name]["centre"]) == np.sign(truth)
        assert low * high > 0


def test_expected_scores_by_hand() -> None:
    """Two raters, no difference in severity: expected is the other's deviation times σ²u / (σ²u + σ²e)."""
    rng = np.random.default_rng(2)
    unit, rater = np.divmod(np.arange(400), 2)
    score = rng.normal(size=200)[unit] + rng.normal(0, 0.7, 400)
    found = forms(
        long_ratings(
            pl.DataFrame({"unit": unit, "rater": rater, "score": score}), unit="unit", rater="rater", score="score"
        )
    )
    assert found is not None
    fit, var = found.components, found.components.var_unit + found.components.var_residual
    assert fit.fit is not None
    severity = -float(fit.fit.likelihood.gamma[1]) * fit.fit.likelihood.effects[1]
    other = np.roll(found.deviation + severity[found.rater], 1)
    other[::2] = (found.deviation + severity[found.rater])[1::2]
    assert found.expected == pytest.approx(fit.var_unit / var * other)
    assert found.variance == pytest.approx(fit.var_residual * (1 + fit.var_unit / var))


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    rng = np.random.default_rng(3)
    rater, value = np.repeat([0, 1], [12, 7]), rng.normal(size=19)
    found = jackknifed(rater, value[:, None], lambda sums, n: sums[:, 0] / n, raters=3, fewest=8)
    assert found.estimate[0] == pytest.approx(value[:12].mean())
    assert found.se[0] == pytest.approx(value[:12].std(ddof=1) / 12**0.5)
    assert math.isnan(found.estimate[1])
    assert math.isnan(found.estimate[2])


def test_pooling_by_hand() -> None:
    """Equal errors: the spread is the variance beyond chance, and figures are drawn in by spread² / (spread² + se²)."""
    value = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
    found = judge(
        Figures(estimate=value, se=np.full(5, 1.0), forms=np.full(5, 1000)),
        confidence=0.95, false_discovery_rate=0.05, centre=0.0,
    )  # fmt: skip
    assert found is not None
    spread = (value @ value) / 5 - 1  # Paule & Mandel: Σ away² / (1 + spread²) = 5
    assert found.spread**2 == pytest.approx(spread)
    assert found.shrunken == pytest.approx(value * spread / (1 + spread))
    assert found.flagged.tolist() == [True, False, False, False, True]
    near = judge(
        Figures(estimate=value, se=np.full(5, 1.0), forms=np.full(5, 1000)),
        confidence=0.95, false_discovery_rate=0.05, centre=0.0, margin=2.0,
    )  # fmt: skip
    assert near is not None
    assert not near.flagged.any()


def test_a_usual_figure_that_depends_on_the_level_is_nobodys_habit() -> None:
    rng = np.random.default_rng(5)
    level = rng.normal(size=40)
    value = 1 + 2 * level + rng.normal(0, 0.1, 40)
    value[7] += 3
    figures = Figures(estimate=value, se=np.full(40, 0.1), forms=np.full(40, 50))
    plain, by_level = (judge(figures, confidence=0.95, false_discovery_rate=0.05, level=one) for one in (None, level))
    assert plain is not None
    assert by_level is not None
    assert plain.flagged.sum() > 5
    assert np.flatnonzero(by_level.flagged).tolist() == [7]


@settings(max_examples=10, deadline=None)
@given(shift=st.integers(-3, 3), scale=st.sampled_from([0.5, 2.0, 10.0]))
def test_flags_do_not_depend_on_the_scale_s_units(shift: int, scale: float) -> None:
    frame, _ = _world("severity", 6, DESIGNS[0])
    moved = frame.with_columns(pl.col("score") * scale + shift)
    plain, changed = (measure("rater_habits", data).detail for data in (frame, moved))
    assert {r: row["flags"] for r, row in plain["raters"].items()} == {
        r: row["flags"] for r, row in changed["raters"].items()
    }
    assert changed["habits"]["severity"]["spread"] == pytest.approx(
        plain["habits"]["severity"]["spread"] * scale, rel=1e-3
    )


def test_times_may_be_text_as_a_csv_file_has_them() -> None:
    frame, _ = _world(None, 3, DESIGNS[0])
    day = pl.datetime(2025, 1, 1) + pl.duration(seconds=(pl.col("interviewed_at") * 86400).round().cast(pl.Int64))
    moment = frame.with_columns(day.alias("interviewed_at")).drop("submitted_at")
    text = moment.with_columns(pl.col("interviewed_at").dt.strftime("%Y-%m-%dT%H:%M:%S"))
    zoned = moment.with_columns(pl.col("interviewed_at").dt.strftime("%Y-%m-%dT%H:%M:%S+00:00"))
    expected = measure("rater_habits", moment, only=["contrast"]).detail
    assert expected["habits"]["contrast"]["judged"] > 0
    for data in (text, zoned):
        assert measure("rater_habits", data, only=["contrast"]).detail == expected
    with pytest.raises(MeasureInputError, match="got 'yesterday'"):
        measure("rater_habits", text.with_columns(pl.lit("yesterday").alias("interviewed_at")))


def test_order_of_rows_does_not_matter() -> None:
    frame, _ = _world("halo", 7, DESIGNS[0])
    first, second = (
        measure("rater_habits", data).detail["raters"]
        for data in (frame, frame.sample(fraction=1, shuffle=True, seed=1))
    )
    for rater, row in first.items():
        for habit, figures in row["habits"].items():
            assert second[rater]["habits"][habit]["estimate"] == pytest.approx(figures["estimate"], rel=1e-5, abs=1e-7)


def test_nobody_under_the_minimum_is_shown_anywhere() -> None:
    frame, _ = _world(None, 8, DESIGNS[0])
    few = pl.DataFrame({"unit": [0, 1, 2], "rater": [987654321] * 3, "item": [0, 0, 0], "score": [1.0, 1.0, 1.0]})
    both = pl.concat([frame, few], how="diagonal_relaxed")
    for name in ("rater_habits", "rater_drift"):
        found = measure(name, both.with_columns(pl.col("period").fill_null(0)), min_units=12)
        assert "987654321" not in str(found.detail)
        assert any(c.code == "SMALL_GROUP" for c in found.cautions)
        assert all(row["units"] >= 12 for row in found.detail["raters"].values())


def test_influence_of_a_rater_who_always_contradicts() -> None:
    rng = np.random.default_rng(9)
    unit, rater = np.divmod(np.arange(240), 4)
    true = rng.normal(size=60)
    score = np.where(rater == 3, -true[unit], true[unit]) + rng.normal(0, 0.3, 240)
    found = measure("rater_habits", pl.DataFrame({"unit": unit, "rater": rater, "score": score})).detail["influence"]
    assert found["3"]["g_change_without"] > 0.1
    assert found["0"]["g_change_without"] <= 0
    assert found["3"]["mean_change"] > 1.5 * found["0"]["mean_change"]
    assert found["3"]["shared_units"] == 60


@pytest.mark.parametrize("name", ["rater_habits", "rater_drift"])
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(1, 1, 1, 3.0, 1)],
        [(u, u, 1, float(u), u % 3) for u in range(30)],
        [(u, 1, 1, float(u), u % 3) for u in range(30)],
        [(1, r, 1, float(r), 1) for r in range(30)],
        [(u, r, i, 3.0, u % 3) for u in range(30) for r in range(3) for i in range(3)],
        [(u, 2 * (u % 2) + r, 1, float(u % 5 + r), u % 3) for u in range(40) for r in range(2)],
        [(u, r, i, float((u * 7 + i * 3 + r) % 5), u % 3) for u in range(12) for r in range(3) for i in range(40)],
        [(u, r, 1, float(u), u % 3) for u in range(30) for r in range(4)],
    ],
    ids=[
        "empty",
        "one",
        "one score a rater",
        "one rater",
        "one unit",
        "constant",
        "two parts",
        "forty items",
        "agreed",
    ],
)
def test_thin_designs_give_cautions(name: str, rows: list[tuple[Any, ...]]) -> None:
    schema = {"unit": pl.Int64, "rater": pl.Int64, "item": pl.Int64, "score": pl.Float64, "period": pl.Int64}
    found = measure(name, pl.DataFrame(rows, schema=schema, orient="row"))
    assert found.cautions
    assert found.value is None or 0 <= found.value <= 1
    assert "NaN" not in str(found.to_dict())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rater_habits", {"min_units": 0}),
        ("rater_habits", {"false_discovery_rate": 1.0}),
        ("rater_habits", {"severity_margin": -1.0}),
        ("rater_habits", {"interviewed": "item_name"}),
        ("rater_habits", {"only": ["kindness"]}),
        ("rater_drift", {"period": "when"}),
        ("rater_drift", {"min_units": True}),
    ],
)
def test_misuse_is_named(name: str, options: dict[str, Any]) -> None:
    frame, _ = _world(None, 10, DESIGNS[0])
    with pytest.raises(MeasureInputError):
        measure(name, frame.with_columns(pl.lit("x").alias("item_name")), **options)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_flags_keep_their_false_discovery_rate(design: Design) -> None:
    """Nobody has a habit: 60 data sets, so that 11 % is more than two Monte Carlo errors above 5 %."""
    rates, _ = proportions(design, None, 60, 3)
    assert set(rates) >= {"severity", "discrimination", "range", "inconsistency", "halo", "submission_lag", "drift"}
    assert max(rates.values()) <= 0.11


def test_the_short_way_to_one_flag_is_the_long_one() -> None:
    """flagged_for and the whole table judge alike, rater by rater, for severity, spread and items within forms."""
    seen = set()
    for seed, planted in enumerate(("severity", "halo", "inconsistency")):
        frame, _ = _world(planted, seed)
        ratings = long_ratings(frame, unit="unit", rater="rater", score="score", item="item")
        for habit in ("severity", "range", planted):
            table = measure("rater_habits", frame, only=[habit]).detail["raters"]
            for code, label in enumerate(ratings.raters):
                short = flagged_for(ratings, code, habit, min_units=10, false_discovery_rate=0.05, confidence=0.95)
                assert short == (habit in table.get(label, {"flags": []})["flags"])
                seen.add(short)
    assert seen == {True, False}
    with pytest.raises(MeasureInputError, match="min_units"):
        flagged_for(ratings, 0, "halo", min_units=0, false_discovery_rate=0.05, confidence=0.95)


@pytest.mark.parametrize("habit", ["severity", "halo"])
def test_draws_are_judged_side_by_side_as_one_by_one(habit: str) -> None:
    frame, _ = _world(habit, 1)
    ratings = long_ratings(frame, unit="unit", rater="rater", score="score", item="item")
    rng = np.random.default_rng(7)
    scores = np.round(ratings.score + rng.normal(0, 0.6, size=(25, ratings.score.size)))
    scores[3] = np.bincount(ratings.unit, ratings.score)[ratings.unit]
    suspects = np.arange(len(scores)) % len(ratings.raters)
    options: dict[str, Any] = {"min_units": 10, "false_discovery_rate": 0.05, "confidence": 0.95}
    flagged, told = flagged_in_step(ratings, scores, suspects, habit, **options)
    assert np.flatnonzero(~told).tolist() == [3]
    assert not flagged[3]
    alone = [
        flagged_for(replace(ratings, score=score), int(suspect), habit, **options)
        for score, suspect in zip(scores, suspects, strict=True)
    ]
    assert flagged[told].tolist() == [one for one, here in zip(alone, told, strict=True) if here]
    assert set(flagged[told].tolist()) == {True, False}


def test_what_is_not_told_side_by_side_is_left_to_be_asked_alone() -> None:
    frame, _ = _world(None, 1)
    ratings = long_ratings(frame, unit="unit", rater="rater", score="score", item="item")
    suspects = np.zeros(2, dtype=np.int64)
    options: dict[str, Any] = {"false_discovery_rate": 0.05, "confidence": 0.95}
    scores = np.stack([ratings.score, ratings.score])
    assert flagged_in_step(ratings, scores, suspects, "severity", min_units=10, **options)[1].all()
    assert not flagged_in_step(ratings, scores, suspects, "severity", min_units=10_000, **options)[1].any()
    assert not flagged_in_step(ratings, scores, suspects, "inconsistency", min_units=10, **options)[1].any()
    with pytest.raises(MeasureInputError, match="min_units"):
        flagged_in_step(ratings, scores, suspects, "severity", min_units=0, **options)
