"""Krippendorff's alpha: published example, oracles, worked cases, invariances, thin data."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError
from tests.measures.reliability.designs import STILL_ESTIMABLE, incomplete_panels, long, ratings, relabelled, shuffled
from tests.oracles.cases import agree, checks, data

N = None
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3),
    (N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N),
)
PUBLISHED = {"nominal": 0.7434211, "ordinal": 0.8153875, "interval": 0.8491071, "ratio": 0.7974028}
LEVEL_OF_WEIGHTS = {"identity": "nominal", "quadratic": "interval", "ratio": "ratio"}


@pytest.mark.parametrize(("level", "value"), PUBLISHED.items())
def test_krippendorffs_four_observers(level: str, value: float) -> None:
    frame = long(tuple(zip(*OBSERVERS, strict=True)))
    found = measure("krippendorff_alpha", frame, level=level)
    assert found.value == pytest.approx(value, abs=5e-8)
    assert found.detail["pairable_values"] == 40
    assert found.n["missing"] == 7


def _subset(case: str, check: dict[str, Any]) -> pl.DataFrame:
    frame, subset = data(case), check["params"]["subset"]
    return frame if subset == "all" else frame.filter(pl.col("item") == subset)


@pytest.mark.parametrize(("case", "check"), checks("krippendorff_alpha"))
def test_oracle(case: str, check: dict[str, Any]) -> None:
    found = measure("krippendorff_alpha", _subset(case, check), level=check["params"]["level"])
    agree(check, "value", found.value)
    assert found.n["pairable_units"] == check["params"]["n_units_pairable"]


@pytest.mark.parametrize(
    ("case", "check"),
    [
        param
        for param in checks("krippendorff_alpha_gwet_weights")
        if param.marks or param.values[1]["params"]["weights"] in LEVEL_OF_WEIGHTS
    ],
)
def test_oracle_of_weighted_coefficients(case: str, check: dict[str, Any]) -> None:
    level = LEVEL_OF_WEIGHTS[check["params"]["weights"]]
    found = measure("krippendorff_alpha", _subset(case, check), level=level)
    agree(check, "value", found.value)
    # Gwet's error has small-sample terms of its own; the two meet as units grow
    units = found.n["pairable_units"]
    assert found.detail["se"] == pytest.approx(check["expected"]["se"], rel=0.5 / units + 0.005)


@pytest.mark.parametrize(
    ("rows", "level", "observed", "expected"),
    [
        (((1, 1), (2, 2), (1, 2)), "nominal", 1 / 3, 18 / 30),  # 2 of 6 ordered places differ; 3 ones and 3 twos
        (((1, 1), (2, 2), (1, 3)), "interval", 8 / 6, 40 / 30),  # 3 ones, 2 twos, 1 three: 2 (6 + 12 + 2)
        (((1, 3), (2, 2)), "ratio", 2 * 0.25 / 4, (2 * 0.25 + 4 / 9 + 4 / 25) / 12),
        (((1, 9), (5, 5)), "ordinal", 18 / 4, (2 * 9 + 8 * 2.25) / 12),  # ranks 0.5, 2, 3.5
    ],
)
def test_worked_by_hand(rows: tuple[tuple[float, ...], ...], level: str, observed: float, expected: float) -> None:
    found = measure("krippendorff_alpha", long(rows), level=level)
    assert found.detail["observed_disagreement"] == pytest.approx(observed, abs=1e-12)
    assert found.detail["expected_disagreement"] == pytest.approx(expected, abs=1e-12)
    assert found.value == pytest.approx(1 - observed / expected, abs=1e-12)


def test_units_with_one_score_play_no_part() -> None:
    rows: tuple[tuple[float | None, ...], ...] = ((1, 1), (2, 2), (1, 2))
    found = measure("krippendorff_alpha", long((*rows, (5, None))))
    assert found.value == measure("krippendorff_alpha", long(rows)).value
    assert "SINGLE_RATINGS" in {caution.code for caution in found.cautions}


def test_text_scores_at_the_nominal_level() -> None:
    frame = long(((1, 1), (2, 2), (1, 2)))
    text = frame.with_columns(pl.col("score").replace_strict({1.0: "hire", 2.0: "reject"}))
    expected = measure("krippendorff_alpha", frame, level="nominal").value
    assert measure("krippendorff_alpha", text, level="nominal", rater=None).value == expected
    with pytest.raises(MeasureInputError, match="expected numbers"):
        measure("krippendorff_alpha", text, level="ordinal")


@pytest.mark.parametrize("level", PUBLISHED)
@settings(deadline=None, max_examples=25)
@given(frame=incomplete_panels())
def test_unchanged_by_order_and_labels(level: str, frame: pl.DataFrame) -> None:
    before = measure("krippendorff_alpha", frame, level=level)
    for change in (shuffled, relabelled):
        after = measure("krippendorff_alpha", change(frame), level=level)
        assert after.value == pytest.approx(before.value, abs=1e-12)
        assert after.detail["se"] == pytest.approx(before.detail["se"], abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(frame=incomplete_panels())
def test_scale(frame: pl.DataFrame) -> None:
    def alpha(data: pl.DataFrame, level: str) -> float | None:
        return measure("krippendorff_alpha", data, level=level, interval="none").value

    shifted = frame.with_columns(pl.col("score") * 3 + 2)
    stretched = frame.with_columns(pl.col("score") ** 3)
    assert alpha(shifted, "interval") == pytest.approx(alpha(frame, "interval"), abs=1e-12)
    assert alpha(stretched, "ordinal") == pytest.approx(alpha(frame, "ordinal"), abs=1e-12)
    assert alpha(stretched, "nominal") == pytest.approx(alpha(frame, "nominal"), abs=1e-12)
    doubled = frame.with_columns(pl.col("score") * 2)
    assert alpha(doubled, "ratio") == pytest.approx(alpha(frame, "ratio"), abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(frame=incomplete_panels())
def test_duplicated_units_change_only_the_chance_term(frame: pl.DataFrame) -> None:
    twice = pl.concat([frame, frame.with_columns(pl.col("unit") + "'")])
    one, two = (measure("krippendorff_alpha", data, level="nominal", interval="none") for data in (frame, twice))
    n = one.detail["pairable_values"]
    assert two.detail["observed_disagreement"] == pytest.approx(one.detail["observed_disagreement"])
    assert two.detail["expected_disagreement"] * (2 * n - 1) == pytest.approx(
        2 * one.detail["expected_disagreement"] * (n - 1)
    )


@pytest.mark.parametrize("level", PUBLISHED)
def test_error_is_the_derivative_over_units(level: str) -> None:
    """Delete-one jackknife and linearised error agree in a large sample, also where the ordinal axis moves."""
    rng = np.random.default_rng(8)
    scores = np.clip(np.round(rng.normal(3, 1, (150, 1)) + rng.normal(0, 0.8, (150, 3))), 1, 5)
    frame = long(tuple(map(tuple, scores.tolist())))
    found = measure("krippendorff_alpha", frame, level=level)
    without = np.array(
        [
            measure("krippendorff_alpha", frame.filter(pl.col("unit") != unit), level=level, interval="none").value
            for unit in range(150)
        ]
    )
    jackknife = np.sqrt(149 / 150 * np.sum((without - without.mean()) ** 2))
    assert found.detail["se"] == pytest.approx(jackknife, rel=0.03)


def test_bootstrap_is_seeded_and_near_the_analytic_interval() -> None:
    rng = np.random.default_rng(9)
    scores = rng.normal(0, 1, (200, 1)) + rng.normal(0, 0.7, (200, 3))
    frame = long(tuple(map(tuple, scores.tolist())))
    first = measure("krippendorff_alpha", frame, interval="bootstrap", replicates=400, seed=3)
    again = measure("krippendorff_alpha", frame, interval="bootstrap", replicates=400, seed=3)
    analytic = measure("krippendorff_alpha", frame)
    assert first.interval == again.interval
    assert first.interval is not None
    assert analytic.interval is not None
    assert first.interval.low == pytest.approx(analytic.interval.low, abs=0.03)
    assert first.interval.high == pytest.approx(analytic.interval.high, abs=0.03)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (ratings(("a", "x", 1), ("b", "y", 2)), "SINGLE_RATINGS"),
        (ratings(("a", "x", 1), ("a", "y", 1), ("b", "x", 1), ("b", "y", 1)), "CONSTANT_INPUT"),
        (ratings(("a", "x", None), ("b", "x", None)), "SINGLE_RATINGS"),
    ],
)
@pytest.mark.parametrize("level", PUBLISHED)
def test_thin_data_say_why(frame: pl.DataFrame, code: str, level: str) -> None:
    found = measure("krippendorff_alpha", frame, level=level)
    assert found.value is None
    assert code in {caution.code for caution in found.cautions}


@pytest.mark.parametrize("level", PUBLISHED)
@pytest.mark.parametrize("frame", STILL_ESTIMABLE.values(), ids=STILL_ESTIMABLE)
def test_odd_designs_give_a_number(level: str, frame: pl.DataFrame) -> None:
    found = measure("krippendorff_alpha", frame, level=level)
    assert found.value is not None
    assert found.value <= 1


def test_ratio_level_of_many_distinct_scores() -> None:
    """More distinct values than fit one table are handled a strip at a time, with the same answer."""
    rng = np.random.default_rng(1)
    frame = long(tuple(map(tuple, rng.uniform(1, 9, (40, 3)).tolist())))
    x = frame["score"].to_numpy().reshape(40, 3)
    distance = lambda a, b: ((a - b) / (a + b)) ** 2  # noqa: E731
    observed = np.mean([distance(u[:, None], u[None, :]).sum() / 2 for u in x]) / 3
    expected = distance(x.ravel()[:, None], x.ravel()[None, :]).sum() / (120 * 119)
    assert measure("krippendorff_alpha", frame, level="ratio").value == pytest.approx(
        1 - observed / expected, abs=1e-12
    )


def test_negative_scores_have_no_ratio() -> None:
    with pytest.raises(MeasureInputError, match="at least 0 for the ratio level, got -1"):
        measure("krippendorff_alpha", ratings(("a", "x", -1), ("a", "y", 2)), level="ratio")
